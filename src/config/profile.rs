//! Profiles: which defaults each one has, as one table.
//!
//! A profile only fills in what nobody wrote, so a key that is written always wins.

use super::file::{FORWARD_RESPONSE, Profile};
use super::tree::{Mark, Node, Value};

/// A key, and its default under `transom`, `grpc-gateway`, `envoy` and `canonical`. Keys that are the same under
/// every profile are not here. The first column repeats the `Default`s of the file's types; a test compares.
const TABLE: &[(&str, [Word; 4])] = &[
    ("json.unset_fields", [Word::Text("all"), Word::Text("all"), Word::Text("omit"), Word::Text("omit")]),
    (
        "json.unknown_fields",
        [Word::Text("ignore"), Word::Text("ignore"), Word::Text("ignore"), Word::Text("refuse")],
    ),
    (
        "json.unknown_enums",
        [Word::Text("refuse"), Word::Text("ignore"), Word::Text("refuse"), Word::Text("refuse")],
    ),
    (
        "json.any_mask_spelling",
        [Word::Switch(true), Word::Switch(false), Word::Switch(false), Word::Switch(false)],
    ),
    (
        "json.unknown_query",
        [Word::Text("ignore"), Word::Text("ignore"), Word::Text("refuse"), Word::Text("refuse")],
    ),
    (
        "json.path_conflicts",
        [Word::Text("ignore"), Word::Text("ignore"), Word::Text("ignore"), Word::Text("refuse")],
    ),
    (
        "routing.ties",
        [Word::Text("last_wins"), Word::Text("last_wins"), Word::Text("refuse"), Word::Text("refuse")],
    ),
    (
        "routing.precedence",
        [Word::Text("specific"), Word::Text("last"), Word::Text("specific"), Word::Text("specific")],
    ),
    ("routing.unescape", [Word::Text("spec"), Word::Text("legacy"), Word::Text("spec"), Word::Text("spec")]),
    (
        "routing.empty_captures",
        [Word::Switch(false), Word::Switch(true), Word::Switch(false), Word::Switch(false)],
    ),
    (
        "routing.head_as_get",
        [Word::Switch(true), Word::Switch(false), Word::Switch(false), Word::Switch(true)],
    ),
    (
        "routing.wrong_method",
        [
            Word::Text("method_not_allowed"),
            Word::Text("not_implemented"),
            Word::Text("not_found"),
            Word::Text("method_not_allowed"),
        ],
    ),
    (
        "streams.form",
        [Word::Text("result_lines"), Word::Text("result_lines"), Word::Text("array"), Word::Text("lines")],
    ),
    (
        "streams.newline_after_chunks",
        [Word::Switch(false), Word::Switch(true), Word::Switch(false), Word::Switch(false)],
    ),
    ("metadata.forward_request", [Word::List(&[]), Word::List(&[]), Word::List(&["*"]), Word::List(&[])]),
    (
        "metadata.permanent_headers",
        [Word::Switch(true), Word::Switch(true), Word::Switch(false), Word::Switch(true)],
    ),
    (
        "metadata.forward_response",
        [Word::List(&FORWARD_RESPONSE), Word::List(&[]), Word::List(&["*"]), Word::List(&FORWARD_RESPONSE)],
    ),
    ("bodies.method_override", [Word::List(&[]), Word::List(&["*"]), Word::List(&[]), Word::List(&[])]),
    ("bodies.patch_mask", [Word::Switch(true), Word::Switch(true), Word::Switch(false), Word::Switch(false)]),
    (
        "bodies.patch_mask_into_structs",
        [Word::Switch(false), Word::Switch(true), Word::Switch(false), Word::Switch(false)],
    ),
];

/// A default in the table.
#[derive(Clone, Copy, PartialEq)]
enum Word {
    Text(&'static str),
    Switch(bool),
    List(&'static [&'static str]),
}

/// Fills in the defaults of the profile that the tree names, where nothing was written.
pub(super) fn fill(root: &mut Node) {
    let column = named(root) as usize;
    for (key, words) in TABLE {
        let steps: Vec<&str> = key.split('.').collect();
        if root.get(&steps).is_some() {
            continue;
        }
        let value = match words[column] {
            Word::Text(text) => Value::Text(text.to_owned()),
            Word::Switch(on) => Value::Bool(on),
            Word::List(texts) => Value::List(texts.iter().map(|text| default_text(text)).collect()),
        };
        // A section that is not a map is told when the tree is read.
        let _ = root.put(&steps, value, &Mark::Default);
    }
}

fn default_text(text: &str) -> Node {
    Node { value: Value::Text(text.to_owned()), mark: Mark::Default }
}

/// Whether a profile has another default for a key than `transom` has.
pub(super) fn decides(profile: Profile, key: &str) -> bool {
    TABLE.iter().any(|(of, words)| *of == key && words[profile as usize] != words[Profile::Transom as usize])
}

/// The profile that the tree names; a name that is none is told when the tree is read.
pub(super) fn named(root: &Node) -> Profile {
    match root.get(&["profile"]).map(|node| &node.value) {
        Some(Value::Text(name) | Value::Loose(name)) => match name.as_str() {
            "grpc-gateway" => Profile::GrpcGateway,
            "envoy" => Profile::Envoy,
            "canonical" => Profile::Canonical,
            _ => Profile::Transom,
        },
        _ => Profile::Transom,
    }
}

#[cfg(test)]
mod tests {
    use crate::problem::Problems;

    use super::super::file::{File, Strictness, TieRule, Unescaping, UnsetValues};
    use super::super::read::read;
    use super::*;

    fn file(set: &[(&[&str], &str)]) -> File {
        let mut root = Node::empty_map(Mark::Default);
        for (path, text) in set {
            root.put(path, Value::Text((*text).to_owned()), &Mark::Default).expect("a key");
        }
        fill(&mut root);
        let mut problems = Problems::new();
        let file = read(&mut root, &mut problems);
        assert!(problems.is_empty(), "{problems}");
        file
    }

    #[test]
    fn the_transom_profile_is_the_default_of_the_types() {
        assert_eq!(file(&[]), File::default());
        assert_eq!(file(&[(&["profile"], "transom")]), File::default());
    }

    #[test]
    fn each_profile_has_its_defaults() {
        let gateway = file(&[(&["profile"], "grpc-gateway")]);
        assert_eq!(gateway.json.unset_fields, UnsetValues::All);
        assert_eq!(gateway.json.unknown_enums, Strictness::Ignore);
        assert_eq!((gateway.routing.ties, gateway.routing.unescape), (TieRule::LastWins, Unescaping::Legacy));
        assert_eq!((gateway.routing.empty_captures, gateway.routing.head_as_get), (true, false));

        let envoy = file(&[(&["profile"], "envoy")]);
        assert_eq!(envoy.json.unset_fields, UnsetValues::Omit);
        assert_eq!(
            (envoy.json.unknown_fields, envoy.json.unknown_query),
            (Strictness::Ignore, Strictness::Refuse)
        );
        assert_eq!((envoy.routing.ties, envoy.routing.head_as_get), (TieRule::Refuse, false));

        let canonical = file(&[(&["profile"], "canonical")]);
        assert_eq!(canonical.json.unknown_fields, Strictness::Refuse);
        assert_eq!((canonical.routing.ties, canonical.routing.head_as_get), (TieRule::Refuse, true));
    }

    #[test]
    fn a_key_that_is_written_wins() {
        let file = file(&[(&["profile"], "envoy"), (&["json", "unset_fields"], "all")]);
        assert_eq!(file.json.unset_fields, UnsetValues::All);
        assert_eq!(file.json.unknown_query, Strictness::Refuse);
    }
}
