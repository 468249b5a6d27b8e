//! Options of single methods: what an entry of `methods` says is what the top level would say, for its methods alone.

use std::fs;

use transom::config::{Decision, Settings, render};
use transom::gateway::{Mapping, Mappings as _};
use transom::transcode::UnsetFields;

use crate::support::{Folder, repository};

const BASE: &str = "schema: {protos: [protos]}\nupstreams: [{url: 'http://a:1'}]\n";
const PROFILES: [&str; 4] = ["transom", "grpc-gateway", "envoy", "canonical"];

fn load(lines: &str) -> Settings {
    let (settings, problems) = Folder::new(&format!("{BASE}{lines}\n")).load(&[]);
    assert!(problems.is_empty(), "{lines}\n{problems}");
    settings.expect("settings")
}

/// The mapping of a method, where it has one of its own; else that of all.
fn mapping(settings: &Settings, rpc: &str) -> Mapping {
    settings.mappings.of(rpc).unwrap_or_else(|| settings.gateway.mapping.clone())
}

/// Every key whose default a profile sets, with its four defaults, as the page has them.
fn profile_rows() -> Vec<(String, Vec<String>)> {
    let page = fs::read_to_string(repository("docs/configuration.md")).expect("the page");
    let section =
        page.split("\n## profile\n").nth(1).and_then(|rest| rest.split("\n## ").next()).expect("a section");
    let rows = section.lines().filter_map(|line| line.strip_prefix("| `"));
    let cells = rows.map(|row| {
        let cells: Vec<_> =
            row.trim_end_matches(" |").split(" | ").map(|cell| cell.replace('`', "")).collect();
        (cells[0].clone(), cells[1..].to_vec())
    });
    cells.collect()
}

/// Keys that have the same default under every profile, with another value than that.
const OTHERS: &[(&str, &str)] = &[
    ("json.proto_names", "true"),
    ("json.enums_as_numbers", "true"),
    ("json.int64_as_numbers", "true"),
    ("json.indent", "true"),
    ("json.case_insensitive_enums", "true"),
    ("json.ignored_query", "[key]"),
    ("bodies.strict_content_type", "true"),
    ("answers.headers", "{x-a: b}"),
    ("metadata.forward_request", "[X-A]"),
    ("metadata.forward_response", "[X-B]"),
    ("metadata.trust_forwarded", "false"),
];

#[test]
fn every_option_can_be_set_alone_for_all_methods_and_for_single_ones() {
    let rows = profile_rows();
    assert!(rows.len() >= 14 && rows.iter().all(|(_, words)| words.len() == 4), "{rows:?}");
    let of_profiles =
        rows.iter().flat_map(|(key, words)| words.iter().map(move |word| (key.as_str(), word.as_str())));
    let plain = load("").gateway.mapping;
    let mut apart = 0;
    for (key, value) in of_profiles.chain(OTHERS.iter().copied()) {
        let (section, name) = key.split_once('.').expect("a section and a key");
        let section = format!("{section}: {{{name}: {value}}}");
        let all = load(&section).gateway.mapping;
        if ["routing.ties", "routing.precedence"].contains(&key) {
            continue;
        }
        let one = load(&format!("methods:\n  - methods: a.B/*\n    {section}"));
        assert_eq!(one.gateway.mapping, plain, "{section}");
        assert_eq!(mapping(&one, "a.B/C"), all, "{section}");
        assert_eq!(mapping(&one, "a.C/C"), plain, "{section}");
        apart += usize::from(all != plain);
    }
    assert!(apart > rows.len() - 3 + OTHERS.len(), "{apart} made a difference");
}

#[test]
fn a_profile_can_be_that_of_single_methods() {
    let rows = profile_rows();
    for common in PROFILES {
        for own in PROFILES {
            let settings =
                load(&format!("profile: {common}\nmethods: [{{methods: 'a.B/*', profile: {own}}}]"));
            let wanted = load(&format!("profile: {own}")).gateway.mapping;
            let mut found = mapping(&settings, "a.B/C");
            // What is about pairs of routes is that of all.
            assert_eq!(settings.gateway.mapping, load(&format!("profile: {common}")).gateway.mapping);
            (found.route.ties, found.route.precedence) = (wanted.route.ties, wanted.route.precedence);
            assert_eq!(found, wanted, "{own} within {common}");
            let decisions = settings.mappings.decisions(Some("a.B/C"));
            for (key, words) in &rows {
                let pairs = ["routing.ties", "routing.precedence"].contains(&key.as_str());
                let profile = if pairs { common } else { own };
                let column = PROFILES.iter().position(|name| *name == profile).expect("a profile");
                let decision = decisions.iter().find(|decision| decision.key == *key).expect(key);
                let yaml = |text: &str| serde_saphyr::from_str::<serde_json::Value>(text).expect("a value");
                assert_eq!(yaml(&decision.value), yaml(&words[column]), "{key} of {own} within {common}");
            }
        }
    }
}

const ENTRIES: &str = "\
profile: envoy
json:
  int64_as_numbers: true
methods:
  - methods: a.B/Get
    json: {indent: true, unset_fields: all}
  - methods: a.B/*
    profile: canonical
    json:
      indent: false
      proto_names: true
    answers: {headers: {x-a: '1'}}
  - methods: /a.*
    profile: grpc-gateway
    answers: {headers: {x-b: '2'}}
";

#[test]
fn each_key_counts_from_the_first_entry_that_has_it() {
    let settings = load(ENTRIES);
    let get = mapping(&settings, "a.B/Get");
    assert_eq!((get.transcode.indent, get.transcode.proto_names), (true, true));
    assert_eq!((get.transcode.unset_fields, get.transcode.int64_as_numbers), (UnsetFields::Null, true));
    assert!(get.transcode.refuse_unknown_fields, "by the profile of the first entry that names one");
    assert_eq!(
        get.protocol.answers.headers.keys().map(http::HeaderName::as_str).collect::<Vec<_>>(),
        ["x-a"]
    );
    let other = mapping(&settings, "a.C/Get");
    assert_eq!((other.transcode.indent, other.transcode.unset_fields), (false, UnsetFields::Null));
    assert!(other.transcode.int64_as_numbers && !other.transcode.refuse_unknown_enums);
    assert!(other.protocol.answers.headers.contains_key("x-b"));
    assert!(settings.mappings.of("b.B/Get").is_none());
    assert_eq!(settings.gateway.mapping.transcode.unset_fields, UnsetFields::Omit);
}

#[test]
fn who_decided_is_told_of_every_option() {
    let folder = Folder::new(&format!("{BASE}{ENTRIES}"));
    let (settings, problems) = folder.load(&[("TRANSOM_JSON__UNKNOWN_QUERY", "refuse")]);
    let settings = settings.unwrap_or_else(|| panic!("{problems}"));
    let file = folder.config().display().to_string();
    let who = |rpc: Option<&str>, key: &str| {
        let decisions = settings.mappings.decisions(rpc);
        let Decision { value, by, .. } = decisions.into_iter().find(|one| one.key == key).expect(key);
        format!("{value} {}", by.replace(&file, "FILE"))
    };
    for (rpc, key, expected) in [
        (Some("a.B/Get"), "json.indent", "true methods[0] at FILE:8:20"),
        (Some("a.B/Put"), "json.indent", "false methods[1] at FILE:12:15"),
        (Some("a.B/Get"), "json.int64_as_numbers", "true written at FILE:5:21"),
        (Some("a.B/Get"), "json.unknown_query", "refuse set by `TRANSOM_JSON__UNKNOWN_QUERY`"),
        (Some("a.B/Get"), "json.unknown_fields", "refuse profile canonical of methods[1]"),
        (Some("a.B/Get"), "json.enums_as_numbers", "false default"),
        (Some("a.B/Get"), "routing.head_as_get", "true default"),
        (Some("a.B/Get"), "routing.ties", "refuse profile envoy"),
        (Some("a.C/Get"), "routing.unescape", "legacy profile grpc-gateway of methods[2]"),
        (Some("c.C/Get"), "json.unset_fields", "omit profile envoy"),
        (None, "routing.wrong_method", "not_found profile envoy"),
    ] {
        assert_eq!(who(rpc, key), expected, "{rpc:?} {key}");
    }
}

#[test]
fn the_effective_configuration_shows_of_an_entry_what_was_written() {
    let shown =
        render(&load("methods: [{methods: 'a.B/*', profile: envoy, json: {indent: true}, routing: null}]"));
    let entry: serde_json::Value = serde_saphyr::from_str(&shown).expect("YAML");
    assert_eq!(entry["methods"][0]["json"], serde_json::json!({"indent": true}), "{shown}");
    assert_eq!(entry["methods"][0]["profile"], "envoy", "{shown}");
    assert_eq!(entry["methods"][0]["routing"], serde_json::Value::Null);
    assert_eq!(entry["methods"][0]["profile"], "envoy");
}

#[test]
fn faults_within_an_entry_are_told_once_at_their_places() {
    for (lines, told) in [
        (
            "methods:\n  - methods: a.B/*\n    json:\n      indnt: true\n    answers:\n      headers:\n        'a b': c",
            &[(6, 7, "`indnt` is not a key here"), (9, 16, "`a b` is not the name of a header")][..],
        ),
        (
            "methods:\n  - methods: a.B/*\n    routing: {ties: refuse, precedence: last}",
            &[
                (5, 21, "`routing.ties` cannot be set for single"),
                (5, 41, "`routing.precedence` cannot be set"),
            ],
        ),
        (
            "metadata: {forward_request: [a b]}\nmethods:\n  - {methods: a.B/*, json: {indent: true}}\n  - {methods: a.*, profile: envoi}",
            &[(3, 30, "`a b` is not the name of a header"), (6, 29, "`envoi` is none of the words")],
        ),
        (
            "methods:\n  - {methods: a.B/*, json: {unset_fields: nul}}",
            &[(4, 43, "`nul` is none of the words")],
        ),
    ] {
        let (_, problems) = Folder::new(&format!("{BASE}{lines}\n")).load(&[]);
        let found =
            problems.iter().map(|problem| (problem.place.line, problem.place.column, problem.what.as_str()));
        let found: Vec<_> = found.collect();
        assert_eq!(found.len(), told.len(), "{lines}\n{problems}");
        for (found, told) in found.iter().zip(told) {
            assert_eq!((found.0, found.1), (told.0, told.1), "{lines}\n{problems}");
            assert!(found.2.contains(told.2), "{lines}\n{problems}");
        }
    }
}
