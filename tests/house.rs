//! The floor plan of `ARCHITECTURE.md`, held: a room imports only rooms that stand before it, and outside
//! crates stay in the rooms that own them.

use std::fs;
use std::path::{Path, PathBuf};

/// The rooms from the ground up; each may import those before it.
const ROOMS: &[&str] = &[
    "problem",
    "status",
    "wire",
    "units",
    "observe",
    "schema",
    "rule",
    "duty",
    "metadata",
    "route",
    "transcode",
    "field",
    "protocol",
    "upstream",
    "client",
    "policy",
    "ratelimit",
    "validate",
    "patch",
    "event",
    "demo",
    "gateway",
    "telemetry",
    "serve",
    "reload",
    "admin",
    "config",
    "cli",
];

/// Outside crates and the rooms they are kept to.
const KEPT: &[(&str, &[&str])] = &[
    ("protox", &["schema"]),
    ("matchit", &["route"]),
    ("serde_saphyr", &["rule", "config"]),
    ("h2", &["upstream", "demo"]),
    ("hyper", &["serve", "demo", "admin"]),
    ("tokio_rustls", &["upstream", "serve", "demo"]),
    ("tower_http", &["serve"]),
    ("arc_swap", &["telemetry", "serve"]),
    ("notify", &["reload"]),
    ("clap", &["cli"]),
    ("opentelemetry_sdk", &["telemetry"]),
    ("opentelemetry_otlp", &["telemetry"]),
    ("hyper_rustls", &["client"]),
    ("jsonwebtoken", &["policy"]),
    ("sha2", &["policy"]),
    ("subtle", &["policy"]),
    ("governor", &["ratelimit"]),
    ("cel", &["validate"]),
    ("chrono", &["validate"]),
    ("redb", &["event"]),
    ("async_nats", &["event"]),
];

fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).expect("a folder of sources") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// Every source file below `src` that is not a test, with its path from there and its room.
fn rooms() -> Vec<(String, String, String)> {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let rooms = sources(&src).into_iter().filter_map(|path| {
        let name = path.strip_prefix(&src).expect("below src").to_str().expect("a plain name").to_owned();
        let room = name.split(['/', '.']).next().expect("a first part").to_owned();
        let tests = name.contains("/tests/") || name.ends_with("/tests.rs");
        (room != "lib" && room != "main" && !tests)
            .then(|| (name, room, fs::read_to_string(&path).expect("readable")))
    });
    rooms.collect()
}

/// The lines of code of a file, without comments and without what is compiled for tests only.
fn code(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut skipped = None;
    let lines = text.lines().enumerate().filter(move |(_, line)| {
        let indent = line.len() - line.trim_start().len();
        match skipped {
            None if line.trim_start().starts_with("#[cfg(test)]") => skipped = Some((indent, false)),
            None => return true,
            // More attributes of the same item.
            Some((_, false)) if line.trim_start().starts_with("#[") => {}
            // An item of one line, or the last line of a longer one: rustfmt sets it below the first.
            Some((_, false)) if line.ends_with(';') || line.ends_with('}') => skipped = None,
            Some((start, true)) if indent == start && line.trim_start().starts_with(['}', ')']) => {
                skipped = None;
            }
            Some((start, _)) => skipped = Some((start, true)),
        }
        false
    });
    lines.filter(|(_, line)| !line.trim_start().starts_with("//"))
}

/// The first path segments that stand behind `crate::`, braces opened over any number of lines, each with the
/// number of its line.
fn imported(text: &str) -> Vec<(usize, String)> {
    let (numbers, lines): (Vec<_>, Vec<_>) = code(text).unzip();
    let text = lines.join("\n");
    let mut found = Vec::new();
    for (at, path) in text.match_indices("crate::") {
        let from = at + path.len();
        for start in starts(&text[from..]) {
            let name = text[from + start..].trim_start();
            let end = name.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(name.len());
            let line = text[..text.len() - name.len()].matches('\n').count();
            found.push((numbers[line], name[..end].to_owned()));
        }
    }
    found.retain(|(_, name)| !name.is_empty());
    found
}

/// Where the names begin in what follows `crate::`: at once, or behind the outer brace and each of its commas.
fn starts(rest: &str) -> Vec<usize> {
    if !rest.starts_with('{') {
        return vec![0];
    }
    let (mut starts, mut depth) = (Vec::new(), 0);
    for (at, c) in rest.char_indices() {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => {}
        }
        match (c, depth) {
            (_, 0) => break,
            ('{' | ',', 1) => starts.push(at + 1),
            _ => {}
        }
    }
    starts
}

#[test]
fn rooms_import_downwards_only() {
    let floor = |room: &str| ROOMS.iter().position(|name| *name == room);
    let mut climbs = Vec::new();
    for (name, room, text) in rooms() {
        let own = floor(&room).unwrap_or_else(|| panic!("{name} is in a room that the plan does not have"));
        for (number, target) in imported(&text) {
            if floor(&target).is_some_and(|target| target > own) {
                climbs.push(format!("{name}:{}: `{target}`", number + 1));
            }
        }
    }
    assert!(climbs.is_empty(), "imports that climb:\n{}", climbs.join("\n"));
}

#[test]
fn outside_crates_stay_in_their_rooms() {
    let mut strays = Vec::new();
    for (name, room, text) in rooms() {
        for (number, line) in code(&text) {
            for (outside, homes) in KEPT {
                let named = |before: &str| {
                    let of_longer = before.ends_with(|last: char| last.is_alphanumeric() || last == '_');
                    !of_longer && !before.ends_with("crate::")
                };
                let used = line.match_indices(&format!("{outside}::")).any(|(at, _)| named(&line[..at]));
                if used && !homes.contains(&room.as_str()) {
                    strays.push(format!("{name}:{}: {}", number + 1, line.trim()));
                }
            }
        }
    }
    assert!(strays.is_empty(), "crates used outside their rooms:\n{}", strays.join("\n"));
}

#[test]
fn every_file_opens_with_what_it_is_for() {
    let bare: Vec<_> = rooms().into_iter().filter(|(_, _, text)| !text.starts_with("//!")).collect();
    assert!(
        bare.is_empty(),
        "files without an opening: {:?}",
        bare.iter().map(|(name, ..)| name).collect::<Vec<_>>()
    );
}

#[test]
fn the_readers_of_this_test_see_what_is_there() {
    assert!(rooms().len() > 20);
    let names = |text: &str| {
        let found = imported(text).into_iter().map(|(number, name)| format!("{number} {name}"));
        found.collect::<Vec<_>>().join(", ")
    };
    assert_eq!(names("use crate::{metadata, route::Miss, rule};"), "0 metadata, 0 route, 0 rule");
    assert_eq!(names("    let x = crate::status::http_status(code);"), "0 status");
    let nested = "use a;\nuse crate::{\n    // serve,\n    route::{Miss, build::{self, cli}}, rule,\n    status::{\n        \
                  Code,\n    },\n    wire,\n};\nuse crate::units;\n";
    assert_eq!(names(nested), "3 route, 3 rule, 4 status, 7 wire, 9 units");
}

#[test]
fn only_the_item_that_is_for_tests_is_left_out() {
    let text = "use a;\n#[cfg(test)]\nuse b;\n// c\nfn d() {\n    #[cfg(test)]\n    let e = {\n        1\n    };\n    f\n}\n\
                #[cfg(test)]\n#[path = \"x\"]\nmod tests {\n    fn g() {\n    }\n\n}\nuse h;\n";
    let left: Vec<_> = code(text).map(|(_, line)| line.trim()).collect();
    assert_eq!(left, ["use a;", "fn d() {", "f", "}", "use h;"]);
    assert_eq!(code(text).last(), Some((text.lines().count() - 1, "use h;")));
}
