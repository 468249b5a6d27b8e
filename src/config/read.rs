//! From a [`Node`] tree to a [`File`](super::file::File), or another type of this room, every fault told.
//!
//! serde stops at its first fault. So the faulty entry is told, taken out of the tree, and the rest is read
//! again, until it reads: each fault is found in a pass of its own, and none hides another.

use serde::de::DeserializeOwned;

use crate::problem::{Problem, Problems, Severity, nearest};

use super::fault::{Fault, Kind};
use super::node_deserializer::NodeDeserializer;
use super::tree::{Mark, Node, Value};

/// More faults than this are not told: the file is something else.
const MOST_FAULTS: usize = 100;

/// Reads the tree; what is faulty is told and taken out, so that the answer is the rest.
pub(super) fn read<T: DeserializeOwned + Default>(root: &mut Node, problems: &mut Problems) -> T {
    let mut taken: Vec<Vec<String>> = Vec::new();
    for _ in 0..MOST_FAULTS {
        match T::deserialize(NodeDeserializer(root)) {
            Ok(file) => return file,
            Err(fault) if fault.path.is_empty() => {
                problems.push(tell(root, &fault));
                break;
            }
            // It was there, but faulty, and that was told.
            Err(fault) if is_taken(&taken, &fault) => root.remove(&fault.path),
            Err(fault) => {
                let problem = tell(root, &fault);
                let guess = problem.severity == Severity::Error;
                problems.push(problem);
                if !(guess && rename(root, &fault)) {
                    root.remove(&fault.path);
                    taken.push(fault.path);
                }
            }
        }
    }
    T::default()
}

/// Whether a key is missing because it was taken out.
fn is_taken(taken: &[Vec<String>], fault: &Fault) -> bool {
    let Kind::MissingKey(key) = &fault.kind else { return false };
    taken
        .iter()
        .any(|path| path.split_last().is_some_and(|(last, parents)| last == key && parents == fault.path))
}

/// Gives a misspelled key the name that was likely meant, so that it is not missed and its value is read too.
fn rename(root: &mut Node, fault: &Fault) -> bool {
    let (Kind::UnknownKey { known }, Some((key, parents))) = (&fault.kind, fault.path.split_last()) else {
        return false;
    };
    let (Some(near), Some(entries)) = (nearest(key, known.iter().copied()), root.entries(parents)) else {
        return false;
    };
    if entries.iter().any(|entry| entry.key == near) {
        return false;
    }
    entries.iter_mut().filter(|entry| entry.key == *key).for_each(|entry| near.clone_into(&mut entry.key));
    true
}

/// The problem that a fault is. An unknown environment variable is only a warning: it may be someone else's.
fn tell(root: &Node, fault: &Fault) -> Problem {
    let path = fault.path.join(".");
    let mark = match fault.kind {
        Kind::UnknownKey { .. } => key_mark(root, &fault.path),
        _ => root.mark(&path),
    };
    let place = mark.place(&path);
    match (&fault.kind, mark) {
        (Kind::UnknownKey { known }, Mark::Named(name)) if name.starts_with("TRANSOM_") => {
            let what = format!("the environment variable `{name}` names no key of the configuration");
            Problem::warning(place, what).help(variable_help(&fault.path, known))
        }
        (Kind::UnknownKey { known }, _) => {
            let key = fault.path.last().map_or("", String::as_str);
            Problem::error(place, format!("`{key}` is not a key here")).help(key_help(key, known))
        }
        (Kind::MissingKey(key), _) => Problem::error(place, format!("`{key}` is missing"))
            .help(format!("write `{key}: ...` in `{}`", if path.is_empty() { "the file" } else { &path })),
        (Kind::UnknownWord { word, known }, _) => {
            Problem::error(place, format!("`{word}` is none of the words for `{path}`"))
                .help(key_help(word, known))
        }
        (Kind::Other(what), _) if path.is_empty() => Problem::error(place, what),
        (Kind::Other(what), _) => Problem::error(place, format!("`{path}`: {what}")),
    }
}

/// Where the key itself was written.
fn key_mark<'n>(root: &'n Node, path: &[String]) -> &'n Mark {
    let (key, parent) = match path.split_last() {
        Some((key, parents)) => (key, parents.join(".")),
        None => return &root.mark,
    };
    let steps: Vec<&str> = parent.split('.').filter(|step| !step.is_empty()).collect();
    match root.get(&steps).map(|node| &node.value) {
        Some(Value::Map(entries)) => {
            entries.iter().find(|entry| entry.key == *key).map_or(&root.mark, |entry| &entry.mark)
        }
        _ => &root.mark,
    }
}

/// "did you mean", or all that is known where nothing is near.
fn key_help(word: &str, known: &[&str]) -> String {
    match nearest(word, known.iter().copied()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!(
            "known here: {}",
            known.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ")
        ),
    }
}

/// Help for a variable: the nearest one, or how sections are written.
fn variable_help(path: &[String], known: &[&str]) -> String {
    let (key, parents) = path.split_last().map_or(("", &[][..]), |(key, parents)| (key.as_str(), parents));
    if let Some(section) = known.iter().find(|word| key.starts_with(&format!("{word}_"))) {
        let rest = &key[section.len() + 1..];
        return format!("did you mean `{}`?", super::layers::variable(&[section, rest]));
    }
    match nearest(key, known.iter().copied()) {
        Some(near) => {
            let steps: Vec<&str> = parents.iter().map(String::as_str).chain([near]).collect();
            format!("did you mean `{}`?", super::layers::variable(&steps))
        }
        None => "sections and keys are parted by two underscores, as in `TRANSOM_ADMIN__LISTEN`".into(),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::super::file::{File, Strictness, UnsetValues};
    use super::super::tree::Source;
    use super::super::yaml;
    use super::*;

    fn read_text(text: &str) -> (File, Problems) {
        let source = Arc::new(Source { name: "t.yaml".into(), text: text.into() });
        let mut problems = Problems::new();
        let mut root = yaml::parse(&source, &mut problems).expect("YAML");
        (read(&mut root, &mut problems), problems)
    }

    #[test]
    fn one_fault_each_with_place_and_cure() {
        for (text, at, what, help) in [
            ("lissen: x", (1, 1), "`lissen` is not a key here", "did you mean `listen`?"),
            ("limits:\n  uri: 4 apples", (2, 8), "`limits.uri`: `4 apples` is not a size", ""),
            ("json:\n  unset_fields: nul", (2, 17), "`nul` is none of the words", "`all`, `zero`, `omit`"),
            ("limits:\n  streams: many", (2, 12), "found the text \"many\", expected a whole number", ""),
            ("limits: 3", (1, 9), "found the number `3`, expected a map of keys", ""),
            ("upstreams:\n  - name: a", (2, 5), "`url` is missing", "write `url: ...` in `upstreams.0`"),
            ("upstreams: {}", (1, 12), "found a map, expected a list", ""),
            ("listen: {adress: x}", (1, 10), "`adress` is not a key here", "did you mean `address`?"),
            ("listen: [{address: x, tls: {certificate: a}}]", (1, 28), "`key` is missing", ""),
            ("limits:\n  streams: 99999999999", (2, 12), "expected a whole number", ""),
            ("reload:\n  watch: yes", (2, 10), "expected `true` or `false`", ""),
            ("schema:\n  services: [a, [b]]", (2, 17), "found a list, expected a text", ""),
            ("upstreams:\n  - url: [a]", (2, 10), "found a list, expected a text", ""),
        ] {
            let (_, problems) = read_text(text);
            assert_eq!(problems.errors(), 1, "{text}: {problems}");
            let problem = problems.iter().next().expect("one");
            assert_eq!((problem.place.line, problem.place.column), at, "{problem}");
            assert!(problem.what.contains(what), "{text}: {problem}");
            assert!(problem.help.as_deref().unwrap_or("").contains(help), "{text}: {problem}");
        }
    }

    #[test]
    fn no_fault_hides_another_and_the_rest_is_read() {
        let (file, problems) = read_text(
            "jsn: {}\njson:\n  indent: maybe\n  unset_fields: omit\n  unknown_query: refuse\n\
             upstreams:\n  - url: http://a:1\n    conections: 2\n    timeout: soon\n  - name: b\n  - url: http://c:1\n",
        );
        let lines: Vec<_> = problems.iter().map(|problem| problem.place.line).collect();
        assert_eq!(problems.errors(), 5, "{problems}");
        for line in [1, 3, 8, 9, 10] {
            assert!(lines.contains(&line), "line {line} of {problems}");
        }
        assert_eq!(file.json.unset_fields, UnsetValues::Omit);
        assert_eq!(file.json.unknown_query, Strictness::Refuse);
        assert_eq!(
            file.upstreams.iter().map(|upstream| &*upstream.url).collect::<Vec<_>>(),
            ["http://a:1", "http://c:1"]
        );
    }

    #[test]
    fn a_section_without_keys_is_a_section_of_defaults() {
        let (file, problems) =
            read_text("limits:\njson: {}\ncors:\nlisten: [unix:/a, {address: 127.0.0.1:0}]");
        assert!(problems.is_empty(), "{problems}");
        assert_eq!((file.limits, file.cors), (super::super::file::Limits::default(), None));
        assert_eq!(file.listen.0.len(), 2);
    }

    #[test]
    fn a_file_that_is_no_map_is_told_once() {
        let (_, problems) = read_text("- a\n- b\n");
        assert_eq!(problems.errors(), 1, "{problems}");
    }
}
