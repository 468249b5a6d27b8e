//! The README's own lines and those of the demo's banner, run as they stand there against the demo.

use std::process::Stdio;

use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::Command;

#[tokio::test]
async fn the_curl_lines_of_the_readme_work() {
    if curl_is_missing().await {
        return;
    }
    let (_demo, address, _) = demo().await;
    let script = readme_lines().replace("127.0.0.1:8080", &address);
    // Every answer on a line of its own; an unset variable or a failing curl ends the script.
    let script = format!("set -eu\ncurl() {{ command curl -w '\\n' \"$@\"; }}\n{script}");
    let output = Command::new("bash").args(["-c", &script]).output().await.expect("bash runs");
    let printed = String::from_utf8(output.stdout).expect("text");
    assert!(output.status.success(), "{printed}\n{}", String::from_utf8_lossy(&output.stderr));

    let answers: Vec<serde_json::Value> = printed
        .lines()
        .filter(|line| !line.is_empty())
        .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}")))
        .collect();
    let [first, second, got, renamed, put, restarted, deleted, errors @ ..] = &answers[..] else {
        panic!("eleven answers, not {}:\n{printed}", answers.len());
    };
    assert_eq!(first["items"].as_array().expect("items").len(), 10);
    assert_ne!(first["items"], second["items"]);
    assert!(!second["items"].as_array().expect("items").is_empty());
    assert_eq!(got["cluster"]["name"], "mine");
    assert_eq!(renamed["cluster"]["name"], "renamed");
    assert!(renamed["cluster"]["configuration"]["packageId"].is_string());
    assert_eq!(
        renamed["cluster"]["configuration"]["packageId"],
        got["cluster"]["configuration"]["packageId"]
    );
    assert_eq!(put["cluster"]["name"], "still-mine");
    assert_eq!(put["cluster"]["configuration"]["numberOfNodes"], 3);
    assert!(restarted.is_object() && deleted.is_object());
    let codes: Vec<_> = errors.iter().map(|error| error["code"].as_i64()).collect();
    assert_eq!(codes, [5, 3, 7, 16].map(Some), "{errors:?}");
    let violations = errors[1]["details"][0]["fieldViolations"].as_array().expect("violations");
    assert!(violations.len() > 1, "{violations:?}");
}

#[tokio::test]
async fn the_curl_lines_of_the_banner_work() {
    if curl_is_missing().await {
        return;
    }
    let (_demo, _, banner) = demo().await;
    let lines: Vec<_> = banner.iter().filter(|line| line.starts_with("curl ")).collect();
    assert_eq!(lines.len(), 10, "{banner:?}");
    // What the user pastes in place of these words comes with earlier answers.
    let (mut token, mut id, mut answers) = (String::new(), String::new(), Vec::new());
    for line in lines {
        let script = line.replace("TOKEN", &token).replace("/ID", &format!("/{id}"));
        let output = Command::new("bash").args(["-c", &script]).output().await.expect("bash runs");
        let answer: serde_json::Value = serde_json::from_slice(&output.stdout).expect(&script);
        let text = |value: &serde_json::Value| value.as_str().map(str::to_owned);
        token = text(&answer["nextPageToken"]).unwrap_or(token);
        id = text(&answer["cluster"]["id"]).unwrap_or(id);
        answers.push(answer);
    }
    let [first, second, created, got, renamed, replaced, deleted, suggested, denied, unknown] = &answers[..]
    else {
        panic!("{answers:?}")
    };
    assert_eq!((&denied["code"], &unknown["code"]), (&7.into(), &16.into()), "{denied} {unknown}");
    let fine = [first, second, created, got, renamed, replaced, deleted, suggested];
    assert!(fine.iter().all(|answer| answer["code"].is_null()), "{answers:?}");
    assert_eq!(renamed["cluster"]["name"], "renamed");
    assert!(renamed["cluster"]["configuration"]["packageId"].is_string());
    assert_eq!(
        renamed["cluster"]["configuration"]["packageId"],
        created["cluster"]["configuration"]["packageId"]
    );
    assert_ne!(first["items"], second["items"]);
    assert_eq!(created["cluster"]["id"], got["cluster"]["id"]);
    assert_eq!(replaced["cluster"]["name"], "mine");
    assert!(suggested["name"].is_string());
}

/// Whether there is no curl, which in CI must not be.
async fn curl_is_missing() -> bool {
    let missing = Command::new("curl").arg("--version").output().await.is_err();
    if missing {
        assert!(std::env::var_os("CI").is_none(), "curl is missing");
        eprintln!("SKIPPED: curl is missing");
    }
    missing
}

/// The demo on a free port, the address it printed, and all lines of its banner.
async fn demo() -> (tokio::process::Child, String, Vec<String>) {
    let mut demo = Command::new(env!("CARGO_BIN_EXE_transom"))
        .args(["demo", "--listen", "127.0.0.1:0"])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .expect("the binary starts");
    let mut lines = BufReader::new(demo.stdout.take().expect("piped")).lines();
    let mut banner = Vec::new();
    while let Some(line) = lines.next_line().await.expect("text") {
        if line.starts_with("Ctrl-C") {
            break;
        }
        banner.push(line);
    }
    // What it prints later must not stop it.
    tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
    let rest = banner.iter().find_map(|line| Some(line.split_once("http://")?.1)).expect("an address");
    let address = rest.split(['/', ' ', ';', '"']).next().expect("an address").to_owned();
    (demo, address, banner)
}

/// The shell lines between the marker and the end of its block.
fn readme_lines() -> String {
    let readme = include_str!("../../README.md");
    let (_, rest) = readme.split_once("run by tests/blackbox/readme.rs").expect("the marker");
    let (_, rest) = rest.split_once("```sh\n").expect("a block");
    rest.split_once("```").expect("its end").0.to_owned()
}
