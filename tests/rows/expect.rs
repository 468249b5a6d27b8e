//! Whether an answer, and what the backend saw of the call, is what a case expects. All that differs is told.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::HeaderMap;
use serde_json::Value;
use std::collections::BTreeMap;
use transom::demo::{Backend, Outcome, SeenCall};

use crate::ask::Answer;
use crate::case::{Expect, Seen, Texts};
use crate::contract::Contract;
use crate::seen;
use crate::support::until;
use crate::told::Faults;

/// All that differs.
pub async fn judge(wanted: &Expect, answer: &Answer, contract: &Contract, backend: &Backend) -> Vec<String> {
    let mut faults = Faults::default();
    head(wanted, answer, &mut faults);
    body(wanted, answer, &mut faults);
    if let Some(wanted) = &wanted.seen {
        call(wanted, answer, contract, backend, &mut faults).await;
    }
    if !faults.all.is_empty() {
        faults.all.push(format!("the answer: {} {}", answer.status, shortened(&answer.text())));
    }
    faults.all
}

fn head(wanted: &Expect, answer: &Answer, faults: &mut Faults) {
    faults.compare("status", &wanted.status.unwrap_or(200), &answer.status);
    named(&wanted.headers, &answer.headers, "header", faults);
    named(&wanted.trailers, &answer.trailers, "trailer", faults);
    match (&answer.broken, wanted.broken) {
        (Some(why), false) => faults.all.push(format!("the answer breaks off: {why}")),
        (None, true) => faults.all.push("the answer comes to its end, expected it to break off".to_owned()),
        _ => {}
    }
}

/// The values of each name: those written, any for `*`, none for `null`.
fn named(wanted: &BTreeMap<String, Texts>, found: &HeaderMap, kind: &str, faults: &mut Faults) {
    for (name, wanted) in wanted {
        let values =
            found.get_all(name).iter().map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
        let values: Vec<_> = values.collect();
        match wanted {
            Texts::One(any) if any == "*" => {
                if values.is_empty() {
                    faults.all.push(format!("{kind} {name}: expected one, found none"));
                }
            }
            wanted => faults.compare(&format!("{kind} {name}"), wanted.all(), values.as_slice()),
        }
    }
}

fn body(wanted: &Expect, answer: &Answer, faults: &mut Faults) {
    let text = answer.text();
    if let Some(wanted) = &wanted.text {
        faults.compare("body", wanted, &text);
    }
    if let Some(wanted) = &wanted.base64 {
        faults.compare("body in base64", wanted, &STANDARD.encode(&answer.body));
    }
    for part in wanted.contains.iter().flat_map(super::case::Texts::all) {
        faults.check(text.contains(part), || format!("the body does not hold `{part}`"));
    }
    for part in wanted.lacks.iter().flat_map(super::case::Texts::all) {
        faults.check(!text.contains(part), || format!("the body holds `{part}`"));
    }
    if let Some(wanted) = &wanted.lines {
        let lines =
            text.lines().map(|line| serde_json::from_str(line).unwrap_or(Value::String(line.to_owned())));
        faults.same("lines", &Value::Array(wanted.clone()), &lines.collect());
    }
    let json: Value = serde_json::from_slice(&answer.body).unwrap_or(Value::String(text));
    if let Some(wanted) = &wanted.json {
        faults.same("body", wanted, &json);
    }
    for (path, wanted) in &wanted.fields {
        match part(&json, path) {
            Some(found) => faults.same(path, wanted, found),
            None => faults.all.push(format!("{path}: expected {wanted}, found nothing")),
        }
    }
    for path in &wanted.missing {
        faults.check(part(&json, path).is_none(), || format!("{path}: expected nothing"));
    }
    if let Some(code) = wanted.code {
        faults.same("code", &code.into(), &json["code"]);
        faults.check(json["details"].is_array(), || "no `details`".to_owned());
    }
    for wanted in wanted.message.iter().flat_map(super::case::Texts::all) {
        let message = json["message"].as_str().unwrap_or_default();
        faults.check(message.contains(wanted), || format!("the message does not hold `{wanted}`"));
    }
}

fn part<'j>(json: &'j Value, path: &str) -> Option<&'j Value> {
    if path.starts_with('/') { json.pointer(path) } else { json.get(path) }
}

async fn call(wanted: &Seen, answer: &Answer, contract: &Contract, backend: &Backend, faults: &mut Faults) {
    let calls = backend.calls();
    let Some(call) = calls.get(answer.calls_before..).and_then(<[_]>::last) else {
        let none = wanted.call.as_deref() == Some("none");
        return faults.check(none, || "the backend saw no call".to_owned());
    };
    if let Some(wanted) = &wanted.call {
        faults.compare("the call", wanted.as_str(), call.path.rsplit('/').next().unwrap_or_default());
    }
    if let Some(wanted) = &wanted.message {
        faults.same("the message", wanted, &seen::message(call, &contract.pool));
    }
    named(&wanted.metadata, &call.metadata, "metadata", faults);
    if let Some((least, most)) = wanted.deadline {
        let found = call.timeout.map(|timeout| timeout.as_millis());
        let fits = found.is_some_and(|found| (u128::from(least)..=u128::from(most)).contains(&found));
        faults.check(fits, || format!("deadline: expected {least} to {most} ms, found {found:?}"));
    }
    if let Some(wanted) = &wanted.outcome {
        let place = calls.len() - 1;
        let found = until("the call to end", async || ended(backend.calls().get(place)?)).await;
        faults.compare("the call's outcome", wanted.as_str(), found);
    }
}

fn ended(call: &SeenCall) -> Option<&'static str> {
    match call.outcome {
        Outcome::Running => None,
        Outcome::Completed => Some("completed"),
        Outcome::Cancelled => Some("cancelled"),
    }
}

/// As much of a text as a reader wants to see.
fn shortened(text: &str) -> String {
    let short: String = text.chars().take(600).collect();
    if short.len() < text.len() { format!("{short}... ({} bytes)", text.len()) } else { short }
}
