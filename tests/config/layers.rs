//! File, environment, flags and profile: what wins over what, and what comes out.

use std::path::Path;
use std::time::Duration;

use transom::config::{Flag, FlagValue, Sources, render};
use transom::rule::ServiceGlob;
use transom::serve::ListenAddress;
use transom::{route, transcode};

use crate::support::{Folder, load_sources};

const FULL: &str = "\
profile: envoy
listen:
  - 127.0.0.1:8080
  - address: unix:run/t.sock
    tls: {certificate: c.pem, key: k.pem}
schema:
  protos: [protos]
  services: [a.*]
upstreams:
  - url: https://backend:9443
    connections: ${CONNECTIONS:-2}
    timeout: null
    tls: {roots: c.pem}
  - {name: other, url: 'unix:run/b.sock', services: [b.*]}
json:
  unset_fields: all
limits:
  drain: 1m
";

fn full() -> Folder {
    let folder = Folder::new(FULL);
    folder.write("c.pem", "");
    folder.write("k.pem", "");
    folder
}

fn texts(globs: &[ServiceGlob]) -> Vec<&str> {
    globs.iter().map(|glob| glob.text.as_str()).collect()
}

#[test]
fn a_file_becomes_settings() {
    let folder = full();
    let (settings, problems) = folder.load(&[]);
    let settings = settings.unwrap_or_else(|| panic!("{problems}"));
    assert!(problems.is_empty(), "{problems}");
    let [tcp, unix] = settings.serve.listeners.as_slice() else { panic!("two listeners") };
    assert_eq!(tcp.address, ListenAddress::Tcp("127.0.0.1:8080".parse().expect("an address")));
    assert_eq!(unix.address, ListenAddress::Unix(folder.path().join("run/t.sock")));
    assert_eq!(unix.tls.as_ref().map(|tls| tls.key.clone()), Some(folder.path().join("k.pem")));
    assert_eq!(unix.place.line, 4);
    assert_eq!(settings.serve.drain, Duration::from_mins(1));
    assert_eq!(settings.gateway.schema.protos, [folder.path().join("protos")]);
    assert_eq!(texts(&settings.gateway.rule.services), ["a.*"]);
    let [first, second] = settings.gateway.upstreams.as_slice() else { panic!("two upstreams") };
    assert_eq!((first.upstream.name.as_str(), first.upstream.connections), ("upstream-1", 2));
    assert_eq!((first.upstream.deadlines.default, first.upstream.deadlines.max), (None, None));
    assert_eq!(first.upstream.place.line, 10);
    assert_eq!(first.upstream.tls.roots, Some(folder.path().join("c.pem")));
    assert_eq!(second.upstream.url, format!("unix://{}", folder.path().join("run/b.sock").display()));
    assert_eq!(second.upstream.deadlines.default, Some(Duration::from_secs(30)));
    assert_eq!(texts(&second.services), ["b.*"]);
    for file in ["transom.yaml", "protos", "c.pem", "k.pem"] {
        assert!(settings.files.contains(&folder.path().join(file)), "{file} of {:?}", settings.files);
    }
}

#[test]
fn a_profile_fills_in_and_a_key_wins() {
    let (settings, _) = full().load(&[]);
    let gateway = settings.expect("settings").gateway;
    assert_eq!(gateway.mapping.transcode.unset_fields, transcode::UnsetFields::Null, "written");
    assert!(gateway.mapping.transcode.refuse_unknown_query, "by the profile");
    assert_eq!((gateway.mapping.route.ties, gateway.mapping.route.head_as_get), (route::Ties::Refuse, false));
    let (settings, _) = full().load(&[("TRANSOM_PROFILE", "grpc-gateway")]);
    let gateway = settings.expect("settings").gateway;
    assert!(!gateway.mapping.transcode.refuse_unknown_enums);
    assert!(gateway.mapping.route.empty_captures);
    assert_eq!(gateway.mapping.route.unescape, route::Unescape::Legacy);
}

#[test]
fn the_environment_wins_over_the_file_and_flags_over_both() {
    let folder = full();
    let environment = [
        ("CONNECTIONS", "7"),
        ("TRANSOM_LISTEN", "127.0.0.1:1"),
        ("TRANSOM_ADMIN__LISTEN", "127.0.0.1:2"),
        ("TRANSOM_UPSTREAMS__1__URL", "http://c:3"),
        ("TRANSOM_UPSTREAMS__2__URL", "http://d:4"),
        ("TRANSOM_LIMITS__STREAMS", "5"),
        ("TRANSOM_RELOAD__WATCH", "false"),
        ("TRANSOM_SCHEMA__SERVICES", "x.*, y.*"),
        ("TRANSOM_CORS", "{origins: ['*']}"),
        ("TRANSOM_UPSTREAMS__0__MAX_TIMEOUT", "9m"),
        ("TRANSOM_UPSTREAMS__1__TIMEOUT", "null"),
        ("TRANSOM_LIMITS__URI", "512"),
    ];
    let mut sources = Sources {
        file: Some(folder.config()),
        environment: environment.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec(),
        ..Sources::default()
    };
    let (settings, problems) = load_sources(&sources);
    let settings = settings.unwrap_or_else(|| panic!("{problems}"));
    let upstreams = &settings.gateway.upstreams;
    assert_eq!(upstreams[0].upstream.connections, 7);
    assert_eq!(upstreams[0].upstream.deadlines.max, Some(Duration::from_mins(9)));
    assert_eq!(
        (upstreams[1].upstream.url.as_str(), upstreams[1].upstream.deadlines.default),
        ("http://c:3", None)
    );
    assert_eq!(upstreams[2].upstream.name, "upstream-3");
    assert_eq!((settings.serve.limits.streams, settings.reload.watch), (5, false));
    assert_eq!(settings.gateway.limits.uri, 512);
    assert_eq!(texts(&settings.gateway.rule.services), ["x.*", "y.*"]);
    assert!(settings.serve.layers.cors.is_some());
    assert_eq!(settings.serve.listeners.len(), 1);

    sources.flags =
        vec![Flag { name: "--listen", key: "listen", value: FlagValue::List(vec!["127.0.0.1:9".into()]) }];
    let (settings, problems) = load_sources(&sources);
    let listeners = settings.unwrap_or_else(|| panic!("{problems}")).serve.listeners;
    assert_eq!(listeners[0].address, ListenAddress::Tcp("127.0.0.1:9".parse().expect("an address")));
}

#[test]
fn flags_alone_are_enough_and_their_paths_are_the_process_own() {
    let folder = Folder::new("");
    let protos = folder.path().join("protos");
    let flag = |name, key, value: &str| Flag { name, key, value: FlagValue::One(value.into()) };
    let list = |name, key, value: &Path| {
        let value = FlagValue::List(vec![value.display().to_string()]);
        Flag { name, key, value }
    };
    let flags = vec![
        list("--proto", "schema.protos", &protos),
        flag("--upstream", "upstreams.0.url", "http://127.0.0.1:1"),
    ];
    let (settings, problems) = load_sources(&Sources { flags, ..Sources::default() });
    assert!(problems.is_empty(), "{problems}");
    assert_eq!(settings.expect("settings").gateway.schema.protos, [protos]);

    let flags = vec![
        list("--proto", "schema.protos", Path::new("/nowhere/at/all")),
        flag("--upstream", "upstreams.0.url", "backend"),
    ];
    let (_, problems) = load_sources(&Sources { flags, ..Sources::default() });
    let places: Vec<_> = problems.iter().map(|problem| problem.place.to_string()).collect();
    assert_eq!(places, ["--proto", "--upstream"], "{problems}");
}

#[test]
fn the_effective_configuration_shows_no_secret_and_loads_again() {
    let folder = full();
    let (settings, _) = folder.load(&[("TRANSOM_LIMITS__STREAMS", "5")]);
    let text = render(&settings.expect("settings"));
    assert!(text.contains("streams: 5"), "{text}");
    assert!(text.contains("unknown_query: refuse"), "the profile's default is shown: {text}");
    folder.write("transom.yaml", &text);
    let (settings, problems) = folder.load(&[]);
    assert!(problems.is_empty(), "{problems}");
    assert_eq!(settings.map(|settings| render(&settings)), Some(text));
}
