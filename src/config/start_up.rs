//! Keys that are read at start-up only: a reload does not apply them, and says so.

use serde_json::Value;

use super::file::File;
use crate::problem::{Place, Problem, Problems};

/// The sections and keys that a reload leaves as they are.
const START_UP: &[&str] = &[
    "listen",
    "limits.header_bytes",
    "limits.header_timeout",
    "limits.write_timeout",
    "limits.idle_timeout",
    "limits.connections",
    "limits.streams",
    "limits.drain",
    "admin",
    "reload",
    "telemetry",
];

/// Keys of those sections that a reload applies all the same.
const APPLIED: &[&str] = &["telemetry.sensitive_headers"];

/// Warns of each key whose value is another one than at start-up, and which a reload does not apply.
pub fn tell_start_up_keys(started: &File, now: &File, problems: &mut Problems) {
    let (Ok(started), Ok(now)) = (serde_json::to_value(started), serde_json::to_value(now)) else { return };
    for section in START_UP {
        let pointer = format!("/{}", section.replace('.', "/"));
        for key in changed(section, started.pointer(&pointer), now.pointer(&pointer)) {
            if !APPLIED.contains(&key.as_str()) {
                let what = format!("`{key}` was changed, which takes effect only at the next start");
                let help = "restart transom; until then the value that it was started with stays";
                problems.push(Problem::warning(Place::item(key), what).help(help));
            }
        }
    }
}

/// The keys at or below `key` that differ. A list is one value: its elements have no names of their own.
fn changed(key: &str, started: Option<&Value>, now: Option<&Value>) -> Vec<String> {
    match (started, now) {
        (started, now) if started == now => Vec::new(),
        (Some(Value::Object(started)), Some(Value::Object(now))) => now
            .iter()
            .flat_map(|(name, value)| changed(&format!("{key}.{name}"), started.get(name), Some(value)))
            .collect(),
        _ => vec![key.to_owned()],
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn only_changes_that_are_not_applied_are_told_by_name() {
        let file = |yaml: &str| serde_saphyr::from_str::<File>(yaml).expect(yaml);
        for (now, told) in [
            ("{}", ""),
            ("listen: 127.0.0.1:9000", "listen"),
            ("limits: {streams: 7, drain: 1s, uri: 1KiB}", "limits.drain limits.streams"),
            ("limits: {write_timeout: 1s, idle_timeout: 2s}", "limits.idle_timeout limits.write_timeout"),
            ("admin: {listen: 127.0.0.1:1}", "admin.listen"),
            ("reload: {debounce: 1s}", "reload.debounce"),
            (
                "telemetry: {level: warn, sensitive_headers: [x], sample_ratio: 0.5}",
                "telemetry.level telemetry.sample_ratio",
            ),
            ("json: {indent: true}", ""),
        ] {
            let mut problems = Problems::new();
            tell_start_up_keys(&File::default(), &file(now), &mut problems);
            let mut names: Vec<_> =
                problems.iter().filter_map(|problem| problem.place.item.clone()).collect();
            names.sort();
            assert_eq!(names.join(" "), told, "{now}");
            assert!(!problems.has_errors());
        }
    }

    #[test]
    fn every_name_is_a_key_and_the_page_has_the_same_names() {
        let page = include_str!("../../docs/configuration.md");
        let sentence =
            page.lines().find(|line| line.contains(" are read at start-up;")).expect("the sentence");
        let sentence = sentence.replace("Listeners (", "`listen` (");
        let told: BTreeSet<_> = sentence.split('`').skip(1).step_by(2).collect();
        let keys = START_UP.iter().copied();
        let kept: BTreeSet<_> = keys.chain(["sensitive_headers"]).collect();
        assert_eq!(told, kept);
        assert_eq!(APPLIED, ["telemetry.sensitive_headers"]);
        let file = serde_json::to_value(File::default()).expect("JSON");
        for key in START_UP {
            assert!(file.pointer(&format!("/{}", key.replace('.', "/"))).is_some(), "{key}");
        }
    }
}
