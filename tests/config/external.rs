//! Issuers of tokens and the authorizer, as they are written: what makes no sense is told at its line.

use crate::support::Folder;

/// A config with a contract and a backend, and this `identity` section.
fn with(lines: &str) -> Folder {
    let folder = Folder::new(&format!(
        "schema: {{protos: [protos]}}\nupstreams: [{{url: 'http://a:1'}}]\nidentity:\n{lines}\n"
    ));
    folder.write("keys.json", "{}");
    folder
}

fn issuer(more: &str) -> String {
    format!("  jwt:\n    - issuer: https://id\n      permissions: ['*']\n{more}")
}

const GOOD: &str = "      audiences: [api]\n      jwks: https://id/keys\n";

#[test]
fn what_makes_no_sense_of_an_issuer_is_told_at_its_line() {
    for (more, at, what) in [
        ("      jwks: https://id/keys", (5, 7), "no `audiences`"),
        ("      audiences: [api]", (5, 7), "one of `jwks` and `secret`"),
        (&format!("{GOOD}      secret: my-own-secret"), (5, 7), "one of `jwks` and `secret`"),
        (&format!("{GOOD}      algorithms: [none]"), (9, 20), "`none` is no signature"),
        (&format!("{GOOD}      algorithms: [RS256, ES512]"), (9, 27), "`ES512` is not an algorithm"),
        (&format!("{GOOD}      timeout: 0s"), (9, 16), "is zero"),
        (&format!("{GOOD}      keep: 1m"), (9, 13), "`keep` (1m) is shorter than `refresh` (10m)"),
        (&format!("{GOOD}      claims: {{accounts: a..b}}"), (9, 26), "`a..b` names no claim"),
        (&format!("{GOOD}      actor_type: user"), (9, 19), "`user` is not a kind of caller"),
        (&format!("{GOOD}      accounts: ['a*']"), (9, 18), "only `*` alone stands for all"),
        (&format!("{GOOD}      jwks_roots: nowhere.pem"), (9, 19), "there is no such file"),
        ("      audiences: [api]\n      jwks: nowhere.json", (8, 13), "there is no such file"),
        (
            &format!("{GOOD}    - {{issuer: 'https://id', audiences: [a], jwks: keys.json}}"),
            (9, 16),
            "configured before",
        ),
    ] {
        let (settings, problems) = with(&issuer(more)).load(&[]);
        assert!(settings.is_none(), "{more}");
        assert_eq!(problems.errors(), 1, "{more}\n{problems}");
        let problem = problems.iter().next().expect("one");
        assert_eq!((problem.place.line, problem.place.column), at, "{problem}");
        assert!(problem.what.contains(what), "{problem}");
        assert!(!problem.to_string().contains("my-own-secret"), "{problem}");
    }
}

#[test]
fn what_makes_no_sense_of_an_authorizer_is_told_at_its_line() {
    for (lines, at, what) in [
        ("{url: 'a:1'}", (4, 19), "is not the url of a gRPC backend"),
        ("{timeout: 1s}", (4, 13), "`url` is missing"),
        ("{url: 'http://a:1', timeout: 0s}", (4, 42), "is zero"),
        ("{url: 'http://a:1', failure_status: 200}", (4, 49), "refuses nothing"),
        ("{url: 'http://a:1', failure_status: 7}", (4, 49), "refuses nothing"),
        ("{url: 'http://a:1', on_failure: maybe}", (4, 45), "maybe"),
        ("{url: 'http://a:1', actor_type: ''}", (4, 45), "is not a kind of caller"),
        ("{url: 'https://a:1', tls: {roots: nowhere.pem}}", (4, 47), "there is no such file"),
    ] {
        let (settings, problems) = with(&format!("  external: {lines}")).load(&[]);
        assert!(settings.is_none(), "{lines}");
        assert_eq!(problems.errors(), 1, "{lines}\n{problems}");
        let problem = problems.iter().next().expect("one");
        assert_eq!((problem.place.line, problem.place.column), at, "{problem}");
        assert!(problem.what.contains(what), "{problem}");
    }
}

#[test]
fn what_is_odd_is_a_warning() {
    let plain = issuer("      audiences: [api]\n      jwks: http://id.example.com/keys\n");
    let poor = "  jwt: [{issuer: a, audiences: [a], jwks: 'https://id/keys'}]";
    for (lines, what) in
        [(&*plain, "the keys are fetched without TLS"), (poor, "what the bearers of these tokens may do")]
    {
        let (settings, problems) = with(lines).load(&[]);
        assert!(settings.is_some(), "{lines}\n{problems}");
        assert_eq!(problems.iter().count(), 1, "{lines}\n{problems}");
        assert!(problems.to_string().contains(what), "{lines}\n{problems}");
    }
}

#[test]
fn a_key_set_is_watched_and_an_authorizer_alone_decides() {
    let (settings, problems) = with(&issuer("      audiences: ['*']\n      jwks: keys.json\n")).load(&[]);
    assert!(problems.is_empty(), "{problems}");
    let settings = settings.expect("settings");
    assert!(settings.files.iter().any(|file| file.ends_with("keys.json")), "{:?}", settings.files);
    let policy = settings.gateway.policy.expect("a policy");
    assert!(policy.proved_here && policy.jwt[0].audiences.is_none());
    let (settings, problems) = with("  external: {url: 'http://a:1'}").load(&[]);
    assert!(problems.is_empty(), "{problems}");
    let policy = settings.expect("settings").gateway.policy.expect("a policy");
    assert!(!policy.proved_here && policy.external.is_some());
}
