//! What `transom check` says of a contract: the rows on what is refused or warned of before anything is served.

use std::fmt::Write as _;
use std::process::Stdio;

use tokio::process::Command;

use crate::case::{Case, Expect, Load};

/// All that differs.
pub async fn run(case: &Case) -> Vec<String> {
    let load = case.load.as_ref().expect("a case that loads");
    let wanted = case.expect.clone().unwrap_or_default();
    let folder = tempfile::tempdir().expect("a folder");
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).expect("written");
    write("own.proto", &proto(load));
    let mut config = String::from("schema:\n  protos: [own.proto]\n");
    for line in load.schema.lines() {
        let _ = writeln!(config, "  {line}");
    }
    if let Some(rules) = &load.rules {
        write("rules.yaml", rules);
        config.push_str("  rules: [rules.yaml]\n");
    }
    let _ = write!(config, "upstreams: [{{url: \"http://127.0.0.1:1\"}}]\n{}", load.config);
    write("transom.yaml", &config);
    let checked = Command::new(env!("CARGO_BIN_EXE_transom"))
        .args(["check", "--config"])
        .arg(folder.path().join("transom.yaml"))
        .stdin(Stdio::null())
        .output()
        .await
        .expect("the binary runs");
    let told = [checked.stdout, checked.stderr].concat();
    judge(&wanted, checked.status.success(), &String::from_utf8_lossy(&told))
}

fn judge(wanted: &Expect, fine: bool, told: &str) -> Vec<String> {
    let mut faults = Vec::new();
    let problems = wanted.problems.as_ref().map(super::case::Texts::all).unwrap_or_default();
    let warnings = wanted.warnings.as_ref().map(super::case::Texts::all).unwrap_or_default();
    if fine != problems.is_empty() {
        faults.push(format!("expected {}", if fine { "problems" } else { "that it loads" }));
    }
    if problems.is_empty() && warnings.is_empty() && told.contains("warning") {
        faults.push("expected no warning".to_owned());
    }
    let mut texts = problems.iter().chain(warnings);
    faults.extend(texts.find(|text| !told.contains(*text)).map(|text| format!("`{text}` is not told")));
    if !faults.is_empty() {
        faults.push(format!("told: {told}"));
    }
    faults
}

fn proto(load: &Load) -> String {
    if let Some(file) = &load.file {
        return format!("{PRELUDE}{file}");
    }
    let service = match (&load.service, &load.rule) {
        (Some(service), _) => service.clone(),
        (None, Some(rule)) => {
            format!("rpc Call(M) returns (M) {{ option (google.api.http) = {{ {rule} }}; }}")
        }
        (None, None) => String::new(),
    };
    format!("{PRELUDE}service S {{\n{service}\n}}\n")
}

/// What the contracts of these cases begin with.
const PRELUDE: &str = r#"syntax = "proto3";
package t.v1;
import "google/api/annotations.proto";
import "google/api/httpbody.proto";
import "google/protobuf/any.proto";
import "google/protobuf/duration.proto";
import "google/protobuf/empty.proto";
import "google/protobuf/field_mask.proto";
import "google/protobuf/struct.proto";
import "google/protobuf/timestamp.proto";
import "google/protobuf/wrappers.proto";
enum Color { NONE = 0; RED = 1; }
message Inner { string name = 1; int32 num = 2; Inner deeper = 3; }
message M {
  string id = 1;
  string name = 2;
  Inner inner = 3;
  repeated string tags = 4;
  map<string, string> labels = 5;
  repeated Inner inners = 6;
  google.protobuf.Timestamp at = 7;
  google.protobuf.Duration lasting = 8;
  google.protobuf.StringValue sv = 9;
  google.protobuf.Struct attributes = 10;
  google.protobuf.Any any = 11;
  google.protobuf.FieldMask mask = 12;
  google.protobuf.Empty empty = 13;
  google.protobuf.Value anything = 14;
  Color color = 15;
  int64 long = 16;
  oneof mark { string text = 17; Inner marked = 18; }
  google.api.HttpBody file = 19;
  bytes raw = 20;
}
"#;
