//! The effective configuration for people: after profile, environment and flags, with secrets masked.

use serde_json::Value;

use super::Settings;
use crate::policy::NEW_KEY;

/// The effective configuration as YAML. Users and passwords in urls are shown as `***`, and so is all of a webhook's
/// url behind its host.
#[must_use]
pub fn render(settings: &Settings) -> String {
    let Ok(mut tree) = serde_json::to_value(&settings.file) else { return String::new() };
    mask(&mut tree);
    let sinks = tree.pointer_mut("/events/sinks").and_then(Value::as_array_mut);
    for sink in sinks.into_iter().flatten() {
        if let Some(Value::String(url)) = sink.pointer_mut("/webhook/url") {
            *url = host_only(url);
        }
    }
    serde_saphyr::to_string(&tree).unwrap_or_default()
}

fn mask(tree: &mut Value) {
    match tree {
        Value::String(text) => *text = masked(text),
        Value::Array(list) => list.iter_mut().for_each(mask),
        Value::Object(map) => map.values_mut().for_each(mask),
        _ => {}
    }
}

/// A text with the user and password of a url, and the values of its query, replaced by `***`.
pub(super) fn masked(text: &str) -> String {
    let Some((scheme, rest)) = text.split_once("://") else { return text.to_owned() };
    let (before, query) = match rest.split_once('?') {
        Some((before, _)) => (before, "?***"),
        None => (rest, ""),
    };
    let (authority, path) = before.split_at(before.find('/').unwrap_or(before.len()));
    let host = match authority.rsplit_once('@') {
        Some((_, host)) => format!("***@{host}"),
        None => authority.to_owned(),
    };
    format!("{scheme}://{host}{path}{query}")
}

/// A url's scheme and host; `***` stands for the rest, since whoever knows a webhook's path may post to it.
pub(super) fn host_only(url: &str) -> String {
    let masked = masked(url);
    let Some((scheme, rest)) = masked.split_once("://") else { return "***".to_owned() };
    match rest.split_once(['/', '?', '#']) {
        None | Some((_, "")) => masked,
        Some((host, _)) => format!("{scheme}://{host}/***"),
    }
}

/// Whether a line holds what does not belong into a log: a url with a user, a password or a query, a key, what
/// should be the hash of one, or a credential.
pub(super) fn holds_secret(line: &str) -> bool {
    if HOLDERS.iter().any(|mark| line.contains(mark)) {
        return true;
    }
    line.split("://").skip(1).any(|rest| {
        let url = rest.split([' ', '\t', '"', '\'', ',', '}', ']']).next().unwrap_or_default();
        url.contains(['@', '?'])
    })
}

/// What stands before secrets.
const HOLDERS: [&str; 13] = [
    "hash:",
    "replace:",
    "secret:",
    "\"secret\"",
    "\"hash\"",
    "\"replace\"",
    NEW_KEY,
    "headers: {",
    "webhook: {",
    "uthorization:",
    "token:",
    "password:",
    "api-key:",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_with_secrets_are_known() {
        for (line, secret) in [
            ("url: http://a:1", false),
            ("  - hash: my-own-key", true),
            ("credential: {replace: 'Bearer x'}", true),
            ("actor_id: tsm_abc", true),
            ("  - {issuer: a, secret: hunter2}", true),
            ("  - {url: 'http://me:hunter2@a:1', name: x}", true),
            ("a: http://a:1 # who asks? me@example.com", false),
            ("a: [https://a, https://b/x?token=hunter2]", true),
            ("  headers: {x-key: hunter2}", true),
            ("    Authorization: Bearer hunter2", true),
            ("nats: {url: 'nats://a:1', token: hunter2}", true),
            ("- {name: a, webhook: {url: 'https://a/hunter2'}}", true),
        ] {
            assert_eq!(holds_secret(line), secret, "{line}");
        }
    }

    #[test]
    fn urls_lose_their_secrets() {
        for (text, want) in [
            ("http://a:1", "http://a:1"),
            ("http://me:hunter2@a:1/x@y", "http://***@a:1/x@y"),
            ("https://a/x?token=hunter2", "https://a/x?***"),
            ("me@example.com", "me@example.com"),
        ] {
            assert_eq!(masked(text), want);
        }
        for (text, want) in [
            ("https://a:1", "https://a:1"),
            ("https://a/", "https://a/"),
            ("https://a/services/hunter2", "https://a/***"),
            ("https://me:hunter2@a/hunter2?b=hunter2", "https://***@a/***"),
            ("https://a?hunter2", "https://a/***"),
            ("https://a#hunter2", "https://a/***"),
            ("hunter2", "***"),
        ] {
            assert_eq!(host_only(text), want);
        }
    }
}
