//! The README's own lines, run as they stand there against the demo.

use std::process::Stdio;

use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::Command;

#[tokio::test]
async fn the_curl_lines_of_the_readme_work() {
    if Command::new("curl").arg("--version").output().await.is_err() {
        assert!(std::env::var_os("CI").is_none(), "curl is missing");
        eprintln!("SKIPPED: curl is missing");
        return;
    }
    let (_demo, address) = demo().await;
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
    let [first, second, got, put, restarted, deleted, error] = &answers[..] else {
        panic!("seven answers, not {}:\n{printed}", answers.len());
    };
    assert_eq!(first["items"].as_array().expect("items").len(), 10);
    assert_ne!(first["items"], second["items"]);
    assert!(!second["items"].as_array().expect("items").is_empty());
    assert_eq!(got["cluster"]["name"], "mine");
    assert_eq!(put["cluster"]["name"], "still-mine");
    assert_eq!(put["cluster"]["configuration"]["numberOfNodes"], 3);
    assert!(restarted.is_object() && deleted.is_object());
    assert_eq!(error["code"], 5);
}

/// The demo on a free port, and the address it printed.
async fn demo() -> (tokio::process::Child, String) {
    let mut demo = Command::new(env!("CARGO_BIN_EXE_transom"))
        .args(["demo", "--listen", "127.0.0.1:0"])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .expect("the binary starts");
    let mut lines = BufReader::new(demo.stdout.take().expect("piped")).lines();
    while let Some(line) = lines.next_line().await.expect("text") {
        if let Some((_, rest)) = line.split_once("http://") {
            let address = rest.split(['/', ' ', ';', '"']).next().expect("an address").to_owned();
            // What it prints later must not stop it.
            tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
            return (demo, address);
        }
    }
    panic!("the demo printed no address");
}

/// The shell lines between the marker and the end of its block.
fn readme_lines() -> String {
    let readme = include_str!("../../README.md");
    let (_, rest) = readme.split_once("run by tests/blackbox/readme.rs").expect("the marker");
    let (_, rest) = rest.split_once("```sh\n").expect("a block");
    rest.split_once("```").expect("its end").0.to_owned()
}
