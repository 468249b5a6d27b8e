//! What is wrong is told: all of it, each at its line.

use serde_json::Value;

use crate::support::Folder;

const FAULTY: &str = "\
profile: transom
listen: example.com:http
schema:
  protos: [protos, nowhere]
upstreams:
  - name: one
    url: grpc//localhost
    conections: 4
json:
  indent: sometimes
limits:
  request_body: 4 apples
";

#[test]
fn every_planted_fault_is_told_at_its_line() {
    let folder = Folder::new(FAULTY);
    let (settings, problems) = folder.load(&[]);
    assert!(settings.is_none());
    for (line, column, what) in [
        (2, 9, "`example.com:http` is not an address to listen on"),
        (4, 20, "nowhere`: there is no such file"),
        (7, 10, "`grpc//localhost` is not the url of a gRPC backend"),
        (8, 5, "`conections` is not a key here"),
        (10, 11, "`json.indent`: found the text \"sometimes\", expected `true` or `false`"),
        (12, 17, "`limits.request_body`: `4 apples` is not a size"),
    ] {
        let found = problems.iter().find(|problem| problem.what.contains(what));
        let found = found.unwrap_or_else(|| panic!("{what} is missing in\n{problems}"));
        assert_eq!((found.place.line, found.place.column), (line, column), "{found}");
        assert_eq!(found.place.excerpt.as_deref(), FAULTY.lines().nth(line - 1), "{found}");
        assert_eq!(found.place.file.as_deref(), folder.config().to_str(), "{found}");
    }
    assert_eq!(problems.iter().count(), 6, "{problems}");
}

#[test]
fn one_fault_is_one_problem() {
    for (config, what) in [
        ("schema: {protos: [protos]}\nupstreams: [{url: 'http://${NOWHERE}:1'}]", "`NOWHERE` is not set"),
        ("schema: {protos: [protos]}\nupstreams: [{name: a}]", "`url` is missing"),
        ("schema: {protos: [protos]}\nupstream: [{url: 'http://a:1'}]", "`upstream` is not a key here"),
        ("schema: {protos: [protos]}", "there is no gRPC backend to call"),
        ("upstreams: [{url: 'http://a:1'}]", "there is no gRPC contract to serve"),
        ("schema: {protos: [protos]\nupstreams: []", "this is not a YAML file"),
        ("schema: {protos: [nowhere]}\nupstreams: [{url: 'http://a:1'}]", "there is no such file"),
    ] {
        let (settings, problems) = Folder::new(config).load(&[]);
        assert!(settings.is_none(), "{config}");
        assert_eq!(problems.errors(), 1, "{config}\n{problems}");
        assert!(problems.to_string().contains(what), "{config}\n{problems}");
    }
}

/// A config that has a contract and a backend, and these lines.
fn with(lines: &str) -> Folder {
    Folder::new(&format!("schema: {{protos: [protos]}}\nupstreams: [{{url: 'http://a:1'}}]\n{lines}\n"))
}

#[test]
fn what_makes_no_sense_is_refused() {
    for (lines, at, what) in [
        ("listen: [127.0.0.1:1, 127.0.0.1:1]", (3, 23), "listened on twice"),
        ("listen: []", (3, 9), "there is no listener"),
        ("listen: 127.0.0.1:1\nadmin: {listen: 127.0.0.1:1}", (4, 17), "for clients already"),
        ("limits: {header_bytes: 1KiB}", (3, 24), "too little"),
        ("limits: {uri: 64KiB}", (3, 15), "longer than any target"),
        ("limits: {streams: 0}", (3, 19), "zero"),
        ("limits: {stream_window: 63KiB}", (3, 25), "too little"),
        ("limits: {stream_window: 2GiB}", (3, 25), "too much"),
        ("limits: {json_depth: 300}", (3, 22), "deeper than the 200"),
        ("compression: {min_size: 1MiB}", (3, 25), "too much"),
        ("cors: {origins: ['*'], credentials: true}", (3, 17), "browsers refuse"),
        ("cors: {origins: ['https://a.example/']}", (3, 18), "not an origin"),
        ("cors: {credentials: true}", (3, 7), "`origins` is missing"),
        ("telemetry: {sample_ratio: 2}", (3, 27), "expected 0 to 1"),
        ("telemetry: {level: loud}", (3, 20), "not a level"),
        ("telemetry: {otlp_endpoint: 'collector'}", (3, 28), "not the url of a collector"),
        ("metadata: {forward_request: [X Tenant]}", (3, 30), "not the name of a header"),
        ("metadata: {rename_request: {X-A: a b}}", (3, 34), "`a b` is not the name of a header"),
        ("answers: {status: 404}", (3, 19), "not the status of a success"),
        ("answers: {status_metadata: grpc-status}", (3, 28), "belongs to gRPC"),
        ("health: {path: healthz}", (3, 16), "not the path of a request"),
        ("methods: [{methods: GetThing}]", (3, 21), "names no method"),
        ("methods: [{methods: 'a/*', timeout: 0s}]", (3, 37), "no call through"),
        ("rate_limits: {keys: 0}", (3, 21), "zero"),
        ("rate_limits: {ipv6_prefix: 129}", (3, 28), "an address has 128 bits"),
        (
            "rate_limits: {forwarded_hops: 1}\nmetadata: {trust_forwarded: false}",
            (3, 31),
            "`X-Forwarded-For`",
        ),
        ("rate_limits: {local: [{name: a, rate: 0/s}]}", (3, 39), "would let no call through"),
        ("rate_limits: {local: [{name: a, rate: 5/s, burst: 0}]}", (3, 51), "burst of `a` is zero"),
        ("rate_limits: {local: [{name: a, rate: 5/s, per: idenity}]}", (3, 49), "`idenity` is nothing that"),
        (
            "rate_limits: {local: [{name: a, rate: 5/s, per: [account, 'header:a b']}]}",
            (3, 59),
            "`a b` is not the",
        ),
        ("rate_limits: {local: [{name: a, rate: 5/s, methods: [Get]}]}", (3, 54), "`Get` names no method"),
        ("rate_limits: {local: [{name: a, rate: 5/s}, {name: a, rate: 6/s}]}", (3, 52), "two rate limits"),
        (
            "rate_limits: {external: {url: a, domain: b, descriptors: [{entries: [{key: a, text: b}]}]}}",
            (3, 31),
            "not the url of a gRPC backend",
        ),
        (
            "rate_limits: {external: {url: 'http://a:1', domain: b, descriptors: []}}",
            (3, 69),
            "would never be asked",
        ),
        (
            "rate_limits: {external: {url: 'http://a:1', domain: b, descriptors: [{entries: [{key: a}]}]}}",
            (3, 81),
            "has not one value",
        ),
        (
            "rate_limits: {external: {url: 'http://a:1', domain: b, descriptors: [{entries: [{key: a, from: b}]}]}}",
            (3, 96),
            "`b` is nothing that calls can be told apart by",
        ),
        ("profile: nginx", (3, 10), "none of the words"),
        ("json: {unset_fields: null}", (3, 22), "expected one of `all`, `zero`, `omit`"),
    ] {
        let (settings, problems) = with(lines).load(&[]);
        assert!(settings.is_none(), "{lines}");
        assert_eq!(problems.errors(), 1, "{lines}\n{problems}");
        let problem = problems.iter().next().expect("one");
        assert_eq!((problem.place.line, problem.place.column), at, "{problem}");
        assert!(problem.what.contains(what), "{problem}");
    }
}

#[test]
fn what_is_odd_is_a_warning() {
    let folder = Folder::new(
        "schema: {protos: [protos]}\nupstreams:\n  - url: http://a:1\n    timeout: 60s\n    max_timeout: 10s\n    \
         tls: {server_name: b}\n",
    );
    let (settings, problems) =
        folder.load(&[("TRANSOM_LISTN", "x"), ("TRANSOM_ADMIN_LISTEN", "127.0.0.1:1")]);
    assert!(settings.is_some(), "{problems}");
    let text = problems.to_string();
    for part in [
        "`timeout` (1m) is longer than `max_timeout` (10s)",
        "its url is not https",
        "`TRANSOM_LISTN` names no key",
        "did you mean `TRANSOM_LISTEN`?",
        "did you mean `TRANSOM_ADMIN__LISTEN`?",
    ] {
        assert!(text.contains(part), "{part} is missing in\n{text}");
    }
}

#[test]
fn a_password_is_never_shown() {
    for upstream in ["{url: 'http://me:${PW}@a:1'}", "{url: 'http://me:hunter2@a:1', conections: 2}"] {
        let folder = Folder::new(&format!("schema: {{protos: [protos]}}\nupstreams: [{upstream}]\n"));
        let (_, problems) = folder.load(&[("PW", "hunter2")]);
        assert!(problems.has_errors());
        assert!(!problems.to_string().contains("hunter2"), "{problems}");
    }
}

/// Every key that is a period, by the type that has it, and a config that sets it.
const PERIODS: &[(&str, &str)] = &[
    ("Limits.body_timeout", "limits: {body_timeout: PERIOD}"),
    ("Limits.drain", "limits: {drain: PERIOD}"),
    ("Limits.header_timeout", "limits: {header_timeout: PERIOD}"),
    ("Limits.idle_timeout", "limits: {idle_timeout: PERIOD}"),
    ("Limits.write_timeout", "limits: {write_timeout: PERIOD}"),
    ("Streams.head_wait", "streams: {head_wait: PERIOD}"),
    ("Streams.keep_alive", "streams: {keep_alive: PERIOD}"),
    ("Authorizer.timeout", "identity: {external: {url: 'http://a:1', timeout: PERIOD}}"),
    (
        "EventQueue.commit_interval",
        "events: {queue: {path: q, commit_interval: PERIOD}, sinks: [{name: a, file: {path: e}}]}",
    ),
    (
        "EventSink.max_backoff",
        "events: {queue: {path: q}, sinks: [{name: a, file: {path: e}, max_backoff: PERIOD}]}",
    ),
    (
        "Webhook.timeout",
        "events: {queue: {path: q}, sinks: [{name: a, webhook: {url: 'http://a:1', timeout: PERIOD}}]}",
    ),
    (
        "Nats.timeout",
        "events: {queue: {path: q}, sinks: [{name: a, nats: {url: 'nats://a:1', timeout: PERIOD}}]}",
    ),
    (
        "Jwt.clock_skew",
        "identity: {jwt: [{issuer: i, audiences: [a], jwks: 'https://a:1', permissions: [a], clock_skew: PERIOD}]}",
    ),
    (
        "Jwt.cooldown",
        "identity: {jwt: [{issuer: i, audiences: [a], jwks: 'https://a:1', permissions: [a], cooldown: PERIOD}]}",
    ),
    (
        "Jwt.keep",
        "identity: {jwt: [{issuer: i, audiences: [a], jwks: 'https://a:1', permissions: [a], keep: PERIOD}]}",
    ),
    (
        "Jwt.refresh",
        "identity: {jwt: [{issuer: i, audiences: [a], jwks: 'https://a:1', permissions: [a], refresh: PERIOD, keep: 1y}]}",
    ),
    (
        "Jwt.timeout",
        "identity: {jwt: [{issuer: i, audiences: [a], jwks: 'https://a:1', permissions: [a], timeout: PERIOD}]}",
    ),
    ("Cors.max_age", "cors: {origins: ['*'], max_age: PERIOD}"),
    ("Method.timeout", "methods: [{methods: 'a/*', timeout: PERIOD}]"),
    ("Method.max_timeout", "methods: [{methods: 'a/*', max_timeout: PERIOD}]"),
    (
        "RateLimitService.timeout",
        "rate_limits: {external: {url: 'http://a:1', domain: a, timeout: PERIOD, descriptors: [{entries: [{key: a, text: b}]}]}}",
    ),
    ("Reload.debounce", "reload: {debounce: PERIOD}"),
    ("Telemetry.metrics_interval", "telemetry: {metrics_interval: PERIOD}"),
    ("Upstream.timeout", "upstreams: [{url: 'http://a:1', timeout: PERIOD}]"),
    ("Upstream.max_timeout", "upstreams: [{url: 'http://a:1', max_timeout: PERIOD}]"),
    ("Upstream.connect_timeout", "upstreams: [{url: 'http://a:1', connect_timeout: PERIOD}]"),
    ("Upstream.keepalive", "upstreams: [{url: 'http://a:1', keepalive: PERIOD}]"),
];

/// The keys that the JSON Schema says are periods.
fn period_keys() -> Vec<String> {
    let schema: Value = serde_json::from_str(&transom::config::json_schema()).expect("JSON");
    let mut keys = Vec::new();
    for (name, object) in schema["$defs"].as_object().expect("definitions") {
        for (key, property) in object["properties"].as_object().into_iter().flatten() {
            if property.to_string().contains("#/$defs/Period") {
                keys.push(format!("{name}.{key}"));
            }
        }
    }
    keys.sort();
    keys
}

#[test]
fn a_period_beyond_a_year_is_told_at_its_place_whatever_the_key() {
    let mut keys: Vec<_> = PERIODS.iter().map(|(key, _)| (*key).to_owned()).collect();
    keys.sort();
    assert_eq!(keys, period_keys(), "a key is missing in the table");
    for (key, config) in PERIODS {
        let upstreams =
            if config.starts_with("upstreams") { "" } else { "upstreams: [{url: 'http://a:1'}]\n" };
        let load = |period: &str| {
            let config = config.replace("PERIOD", period);
            Folder::new(&format!("schema: {{protos: [protos]}}\n{upstreams}{config}\n")).load(&[])
        };
        let (settings, problems) = load("1y");
        assert!(settings.is_some(), "{key}\n{problems}");
        for absurd in ["2y", "500000000000y"] {
            let (settings, problems) = load(absurd);
            assert!(settings.is_none(), "{key}: {absurd}");
            assert_eq!(problems.errors(), 1, "{key}\n{problems}");
            let problem = problems.iter().next().expect("one");
            let (line, column) =
                (if upstreams.is_empty() { 2 } else { 3 }, config.find("PERIOD").expect("a period") + 1);
            assert_eq!((problem.place.line, problem.place.column), (line, column), "{problem}");
            assert!(problem.what.contains(&format!("`{absurd}` is longer than a year")), "{problem}");
        }
    }
}

/// Values that fit few keys.
const ODD: &[&str] = &["{}", "[1]", "\"x\"", "-1", "1e400", "&a [*a]"];

#[test]
fn an_odd_value_anywhere_is_told_with_its_line_or_is_fine() {
    let reference =
        std::fs::read_to_string(crate::support::repository("config/transom.yaml")).expect("the reference");
    let lines: Vec<&str> = reference.lines().collect();
    let mut refused = 0;
    for (index, line) in lines.iter().enumerate() {
        let Some((key, value)) = line.split_once(": ") else { continue };
        if key.trim_start().starts_with('#') || value.is_empty() {
            continue;
        }
        for odd in ODD {
            let mut changed = lines.clone();
            let line = format!("{key}: {odd}");
            changed[index] = &line;
            let folder = Folder::new(&changed.join("\n").replace("../proto", "protos"));
            let (settings, problems) = folder.load(&[]);
            assert_eq!(settings.is_none(), problems.has_errors(), "{line}\n{problems}");
            refused += problems.errors();
            for problem in &problems {
                assert!(problem.place.line > 0, "{line}\n{problem}");
            }
            let here = problems.iter().any(|problem| problem.place.line == index + 1);
            let elsewhere = ["- name", "protos", "listen"].iter().any(|word| key.contains(word));
            assert!(here || elsewhere || !problems.has_errors(), "{line} is not where\n{problems}");
        }
    }
    assert!(refused > 200, "{refused}");
}
