//! Events: what may be written of them, and what is wrong with what may not.

use transom::event::{NatsAccess, Target};

use crate::support::Folder;

const BASE: &str = "schema: {protos: [protos]}\nupstreams: [{url: 'http://a:1'}]\n";

/// A config with this queue and these sinks.
fn config(queue: &str, sinks: &str) -> String {
    format!("{BASE}events:\n  queue: {{path: q.redb{queue}}}\n  sinks:\n    - {sinks}\n")
}

#[test]
fn each_fault_is_told_with_its_cure() {
    let file = "{name: a, file: {path: e.jsonl}}";
    for (config, what) in [
        (format!("{BASE}events: {{queue: {{path: q}}, sinks: []}}"), "there is no sink for events"),
        (format!("{BASE}events: {{sinks: [{file}]}}"), "`queue` is missing"),
        (config("", "{name: a}"), "the sink `a` must have one of `file`, `webhook` and `nats`"),
        (
            config("", "{name: a, file: {path: e}, webhook: {url: 'http://a'}}"),
            "the sink `a` must have one of `file`, `webhook` and `nats`",
        ),
        (config("", &format!("{file}\n    - {file}")), "two sinks are named `a`"),
        (config(", max_events: 0", file), "`events.queue.max_events` is zero"),
        (config(", when_full: explode", file), "`explode`"),
        (config("/none", file), "its folder is not there"),
        (config("", "{name: a, attempts: 0, file: {path: e}}"), "`events.sinks.0.attempts` is zero"),
        (config("", "{name: a, file: {path: protos}}"), "is no file that lines can be written to"),
        (config("", "{name: a, webhook: {url: 'ftp://a'}}"), "`ftp://a` is not a url to post events to"),
        (config("", "{name: a, webhook: {url: 'http://me:hunter2@a/'}}"), "`http://***@a/` is not a url"),
        (config("", "{name: a, webhook: {url: 'ftp://a/hunter2'}}"), "`ftp://a/***` is not a url"),
        (
            config("", "\n        name: a\n        webhook:\n          url: ftp://a/hunter2"),
            "`ftp://a/***` is not",
        ),
        (
            config("", "{name: a, webhook: {url: 'http://a', headers: {x: \"hunter2\\n\"}}}"),
            "`x` and its value are no header",
        ),
        (
            config("", "{name: a, nats: {url: 'http://a:4222'}}"),
            "`http://a:4222` is not the url of a NATS server",
        ),
        (config("", "{name: a, nats: {url: 'nats://a', subject: 'a.{b}'}}"), "`{b}` is not known; there are"),
        (config("", "{name: a, nats: {url: 'nats://a', subject: 'a.>'}}"), "`a.>` is no subject"),
        (
            config("", "{name: a, nats: {url: 'nats://a', token: hunter2, user: b}}"),
            "let a client in, but not this",
        ),
        (
            config("", "{name: a, nats: {url: 'nats://a', key: protos/a.proto}}"),
            "one of `certificate` and `key`",
        ),
    ] {
        let (settings, problems) = Folder::new(&config).load(&[]);
        assert!(settings.is_none(), "{config}");
        assert_eq!(problems.errors(), 1, "{config}\n{problems}");
        let told = problems.to_string();
        assert!(told.contains(what), "{config}\n{told}");
        assert!(!told.contains("hunter2"), "{told}");
    }
}

#[test]
fn secrets_are_shown_nowhere_and_come_to_the_sink() {
    let sinks = "{name: a, webhook: {url: 'https://a/hunter2?key=hunter2', headers: {X-Key: '${KEY}'}}}\n    \
                 - {name: b, nats: {url: 'nats://a', user: me, password: hunter2}}";
    let (settings, problems) = Folder::new(&config("", sinks)).load(&[("KEY", "hunter2")]);
    let settings = settings.unwrap_or_else(|| panic!("{problems}"));
    let shown = format!("{}{:?}", transom::config::render(&settings), settings.gateway.events);
    assert!(!shown.contains("hunter2"), "{shown}");
    assert!(shown.contains("https://a/***"), "only where it goes is shown: {shown}");
    let events = settings.gateway.events.expect("events");
    let Target::Webhook(webhook) = &events.sinks[0].target else { panic!("{events:?}") };
    assert_eq!(webhook.headers[0].0, "x-key");
    assert_eq!(
        (webhook.headers[0].1.reveal(), webhook.url.reveal()),
        ("hunter2", "https://a/hunter2?key=hunter2")
    );
    let Target::Nats(nats) = &events.sinks[1].target else { panic!("{events:?}") };
    assert!(
        matches!(&nats.access, NatsAccess::User(user, password) if user == "me" && password.reveal() == "hunter2")
    );
    assert_eq!(settings.gateway.mapping.metadata.hidden_response, ["qc-event-*"]);
}
