//! Every file in `config/` loads; the reference is complete; the JSON Schema is fresh.

use std::fs;

use serde_json::Value;
use transom::config::file::{Events, File};
use transom::config::{Sources, json_schema, load};
use transom::problem::Problems;

use crate::support::{Folder, load_sources, repository};

#[test]
fn every_shipped_file_loads_without_a_word() {
    let mut seen = 0;
    for entry in fs::read_dir(repository("config")).expect("the folder of examples") {
        let path = entry.expect("an entry").path();
        if path.extension().is_some_and(|extension| extension == "yaml") {
            seen += 1;
            let (settings, problems) =
                load_sources(&Sources { file: Some(path.clone()), ..Sources::default() });
            assert!(problems.is_empty(), "{}\n{problems}", path.display());
            assert!(settings.is_some(), "{}", path.display());
        }
    }
    assert!(seen >= 4, "{seen} files");
}

#[test]
fn the_config_in_the_readme_loads() {
    let readme = fs::read_to_string(repository("README.md")).expect("the README");
    let examples: Vec<_> =
        readme.split("```yaml\n").skip(1).filter_map(|rest| rest.split("```").next()).collect();
    assert_eq!(examples.len(), 2, "{examples:?}");
    for example in examples {
        let rest = "schema: {protos: [protos]}\nupstreams: [{url: 'http://a:1'}]\n";
        let rest = if example.contains("schema:") { "" } else { rest };
        let folder = Folder::new(&format!("{rest}{example}"));
        folder.write("keys.yaml", "keys: [{hash: 'sha256:2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824', actor_id: a}]\n");
        let (settings, problems) = folder.load(&[]);
        assert!(settings.is_some() && !problems.has_errors(), "{example}\n{problems}");
    }
}

fn reference() -> String {
    fs::read_to_string(repository("config/transom.yaml")).expect("the reference")
}

#[test]
fn the_reference_has_every_key_with_its_default() {
    let written: Value = serde_saphyr::from_str(&reference()).expect("YAML");
    let mut plain = File::default();
    plain.schema.protos = vec!["../proto".into()];
    plain.upstreams =
        serde_saphyr::from_str("[{name: backend, url: 'http://127.0.0.1:9090'}]").expect("a backend");
    let mut expected = serde_json::to_value(&plain).expect("JSON");
    expected["listen"] = "127.0.0.1:8080".into();
    compare("", &expected, &written);
}

/// Both ways: nothing missing, nothing else, the same values once periods and sizes are read.
fn compare(path: &str, expected: &Value, written: &Value) {
    match (expected, written) {
        (Value::Object(expected), Value::Object(written)) => {
            let keys = |map: &serde_json::Map<String, Value>| map.keys().cloned().collect::<Vec<_>>();
            assert_eq!(sorted(keys(expected)), sorted(keys(written)), "the keys of `{path}`");
            for (key, value) in expected {
                compare(&format!("{path}.{key}"), value, &written[key]);
            }
        }
        (Value::Array(expected), Value::Array(written)) => {
            assert_eq!(expected.len(), written.len(), "the elements of `{path}`");
            expected.iter().zip(written).for_each(|(expected, written)| compare(path, expected, written));
        }
        (Value::String(expected), Value::String(written)) => {
            let period = |text: &str| text.parse::<transom::units::Period>().ok();
            let same =
                expected == written || period(expected).is_some() && period(expected) == period(written);
            assert!(same, "`{path}`: the default is {expected}, the reference says {written}");
        }
        _ => assert_eq!(expected, written, "`{path}`"),
    }
}

fn sorted(mut words: Vec<String>) -> Vec<String> {
    words.sort();
    words
}

/// The examples in comments, which begin with `#   `.
fn commented_examples(text: &str) -> Vec<String> {
    let mut examples = vec![String::new()];
    for line in text.lines() {
        match line.strip_prefix("#   ") {
            Some(code) => {
                let last = examples.last_mut().expect("one at least");
                last.push_str(code);
                last.push('\n');
            }
            None => examples.push(String::new()),
        }
    }
    examples.retain(|example| example.contains(':') && !example.starts_with('`'));
    examples
}

#[test]
fn the_examples_in_comments_load_and_name_every_optional_key() {
    let examples = commented_examples(&reference());
    assert_eq!(examples.len(), 6, "{examples:?}");
    for example in &examples {
        let base = "schema: {protos: [protos]}\nupstreams: [{url: 'http://a:1'}]\n";
        let folder = Folder::new(&format!("{base}{example}"));
        folder.write("tls.crt", "");
        folder.write("tls.key", "");
        let (settings, problems) = folder.load(&[]);
        assert!(problems.is_empty(), "{example}\n{problems}");
        let file = serde_json::to_value(settings.expect("settings").file).expect("JSON");
        for key in ["cors", "methods", "identity", "rate_limits", "events"] {
            if !example.starts_with(key) {
                continue;
            }
            let object = if key == "methods" { &file[key][0] } else { &file[key] };
            for name in object.as_object().expect("an object").keys() {
                assert!(example.contains(&format!("{name}:")), "`{name}` is missing in\n{example}");
            }
        }
    }
}

#[test]
fn the_schema_is_fresh() {
    let stored = fs::read_to_string(repository("config/schema.json")).unwrap_or_default();
    assert!(
        stored == json_schema(),
        "config/schema.json is not what the code says; renew it:\n  \
         cargo run -- config-schema > config/schema.json"
    );
}

#[test]
fn the_schema_describes_every_key() {
    let schema: Value = serde_json::from_str(&json_schema()).expect("JSON");
    let mut bare = Vec::new();
    let types = schema["$defs"].as_object().expect("definitions").iter();
    for (name, object) in types.chain([(&"File".to_owned(), &schema)]) {
        for (key, property) in object["properties"].as_object().into_iter().flatten() {
            if property["description"].as_str().is_none() {
                bare.push(format!("{name}.{key}"));
            }
        }
    }
    assert!(bare.is_empty(), "keys without a description: {bare:?}");
}

#[test]
fn a_missing_config_file_is_told() {
    let mut problems = Problems::new();
    let sources = Sources { file: Some("nowhere/transom.yaml".into()), ..Sources::default() };
    assert!(load(&sources, &mut problems).is_none());
    assert!(problems.to_string().contains("there is no such file"), "{problems}");
}

/// The rows of the tables in a Markdown section: first and second cell, without backticks.
fn rows(page: &str, section: &str) -> Vec<(String, String)> {
    let body = page.split(&format!("\n## {section}\n")).nth(1).unwrap_or_default();
    let body = body.split("\n## ").next().unwrap_or_default();
    let rows = body.lines().filter_map(|line| line.strip_prefix("| "));
    let cells = rows.map(|row| {
        let mut cells = row.split(" | ").map(|cell| cell.replace('`', ""));
        (cells.next().unwrap_or_default(), cells.next().unwrap_or_default())
    });
    cells
        .flat_map(|(keys, value)| {
            keys.split(", ").map(|key| (key.to_owned(), value.clone())).collect::<Vec<_>>()
        })
        .collect()
}

#[test]
fn the_page_names_every_key_with_its_default() {
    let page = fs::read_to_string(repository("docs/configuration.md")).expect("the page");
    let mut file =
        File { upstreams: serde_saphyr::from_str("[{url: a}]").expect("a backend"), ..File::default() };
    file.cors = serde_saphyr::from_str("{origins: []}").expect("origins");
    file.identity = Some(transom::config::file::Identity::default());
    file.methods = serde_saphyr::from_str("[{methods: a}]").expect("a method");
    file.events = serde_saphyr::from_str("{queue: {path: a}, sinks: []}").expect("events");
    let file = serde_json::to_value(file).expect("JSON");
    for (section, keys) in file.as_object().expect("sections") {
        let keys = if keys.is_array() { &keys[0] } else { keys };
        let rows = rows(&page, section);
        for (key, default) in keys.as_object().into_iter().flatten() {
            if let Value::Object(below) = default {
                for key_below in below.keys() {
                    assert!(
                        rows.iter().any(|row| row.0 == format!("{key}.{key_below}")),
                        "{section}.{key}.{key_below}"
                    );
                }
                continue;
            }
            let row = rows.iter().find(|row| row.0 == *key);
            let (_, shown) = row.unwrap_or_else(|| panic!("`{section}.{key}` is missing on the page"));
            let free = section == "listen" || shown == "must be written" || key == "name";
            let shown: Value =
                if free { continue } else { serde_saphyr::from_str(shown).expect("a default") };
            compare(&format!("{section}.{key}"), default, &shown);
        }
    }
}

#[test]
fn the_page_names_every_key_of_events_with_its_default() {
    let page = fs::read_to_string(repository("docs/configuration.md")).expect("the page");
    let rows = rows(&page, "events");
    let sink = "{name: a, file: {path: a}, webhook: {url: a}, nats: {url: a}}";
    let yaml = format!("{{queue: {{path: a}}, sinks: [{sink}]}}");
    let events: Events = serde_saphyr::from_str(&yaml).expect("events");
    let events = serde_json::to_value(events).expect("JSON");
    let parts = [("queue", &events["queue"]), ("", &events["sinks"][0])];
    let kinds = ["file", "webhook", "nats"].map(|kind| (kind, &events["sinks"][0][kind]));
    for (prefix, keys) in parts.into_iter().chain(kinds) {
        for (key, default) in keys.as_object().expect("keys") {
            if prefix.is_empty() && default.is_object() {
                continue;
            }
            let name = if prefix.is_empty() { key.clone() } else { format!("{prefix}.{key}") };
            let row = rows.iter().find(|row| row.0 == name);
            let (_, shown) = row.unwrap_or_else(|| panic!("`{name}` is missing on the page"));
            if shown != "must be written" {
                compare(&name, default, &serde_saphyr::from_str(shown).expect("a default"));
            }
        }
    }
}

#[test]
fn the_page_shows_each_profile_as_it_is() {
    let page = fs::read_to_string(repository("docs/configuration.md")).expect("the page");
    let names = ["transom", "grpc-gateway", "envoy", "canonical"];
    let table: Vec<Vec<String>> = page
        .lines()
        .filter(|line| {
            let sections = ["json", "routing", "streams", "metadata", "bodies"];
            sections.iter().any(|section| line.starts_with(&format!("| `{section}.")))
        })
        .map(|line| line.trim_matches('|').split('|').map(|cell| cell.trim().replace('`', "")).collect())
        .filter(|cells: &Vec<String>| cells.len() == 5)
        .collect();
    assert_eq!(table.len(), 20);
    for (column, name) in names.iter().enumerate() {
        let folder = Folder::new(&format!(
            "profile: {name}\nschema: {{protos: [protos]}}\nupstreams: [{{url: 'http://a:1'}}]\n"
        ));
        let file = serde_json::to_value(folder.load(&[]).0.expect("settings").file).expect("JSON");
        for row in &table {
            let (section, key) = row[0].split_once('.').expect("a section and a key");
            let shown: Value = serde_saphyr::from_str(&row[column + 1]).expect("a value");
            assert_eq!(file[section][key], shown, "{} under {name}", row[0]);
        }
    }
}
