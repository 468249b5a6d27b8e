//! `transom key`, and what is told of keys and certificates that are configured wrongly.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::support::Folder;

struct Run {
    code: Option<i32>,
    out: String,
    err: String,
}

/// Runs `transom key`, with the standard input.
fn key(folder: &Path, args: &[&str], input: &str) -> Run {
    let mut child = Command::new(env!("CARGO_BIN_EXE_transom"))
        .current_dir(folder)
        .env_remove("TRANSOM_CONFIG")
        .arg("key")
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary runs");
    // One that was given a key reads nothing.
    let _ = child.stdin.take().expect("piped").write_all(input.as_bytes());
    let run = child.wait_with_output().expect("an end");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("text");
    Run { code: run.status.code(), out: text(run.stdout), err: text(run.stderr) }
}

/// A config that has a contract and a backend, and these lines.
fn with(lines: &str) -> Folder {
    Folder::new(&format!("schema: {{protos: [protos]}}\nupstreams: [{{url: 'http://a:1'}}]\n{lines}\n"))
}

#[test]
fn a_new_key_is_shown_once_and_its_entry_is_what_a_config_takes() {
    let folder = with("identity:\n  key_files: [keys.yaml]");
    let args = [
        "new",
        "--name",
        "it's \"ci\"",
        "--account",
        "a1",
        "--account",
        "a2",
        "--permission",
        "*",
        "--expires",
        "90d",
    ];
    let run = key(folder.path(), &args, "");
    assert_eq!(run.code, Some(0), "{}", run.err);
    let (first, entry) = run.out.split_once("\n\n").expect("a key and an entry");
    assert!(first.starts_with("tsm_") && !entry.contains(first) && !run.err.contains(first), "{}", run.out);

    folder.write("keys.yaml", &format!("keys:\n{entry}"));
    let (settings, problems) = folder.load(&[]);
    assert!(problems.is_empty(), "{problems}");
    let known = settings.expect("settings").gateway.policy.expect("an identity section").keys;
    assert_eq!(known.len(), 1);
    assert_eq!(known[0].actor.name.as_deref(), Some("it's \"ci\""));
    assert_eq!(
        (known[0].actor.accounts.join(" "), known[0].actor.permissions.join(" ")),
        ("a1 a2".into(), "*".into())
    );

    // By the file of keys, by the config that names it, typed or not.
    for (args, input) in [
        (&["verify", "--key-file", "keys.yaml"][..], first),
        (&["verify", "--config", "transom.yaml"], &format!("{first}\n")),
        (&["verify", "--config", "transom.yaml", first], ""),
    ] {
        let run = key(folder.path(), args, input);
        assert_eq!(run.code, Some(0), "{args:?}: {}{}", run.out, run.err);
        for part in ["good: keys.yaml:2:", "it's \"ci\"", "ACTOR_TYPE_MANAGEMENT_KEY", "a1, a2", "expires"] {
            assert!(run.out.contains(part), "{part} is missing in\n{}", run.out);
        }
        assert!(!run.out.contains(first) && !run.err.contains(first), "{}{}", run.out, run.err);
    }
    let hashed = key(folder.path(), &["hash"], first);
    assert!(entry.contains(hashed.out.trim()), "{}", hashed.out);
}

#[test]
fn a_key_of_another_make_is_hashed_as_it_is() {
    let folder = with("");
    let expected = "sha256:2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824\n";
    for (args, input) in [(&["hash", "hello"][..], ""), (&["hash"], "hello"), (&["hash"], " hello\r\nmore")] {
        let run = key(folder.path(), args, input);
        assert_eq!((run.code, run.out.as_str()), (Some(0), expected), "{}", run.err);
    }
}

#[test]
fn verify_says_what_is_wrong_and_shows_no_key() {
    let folder = with(
        "identity:\n  keys:\n    - {hash: 'sha256:2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824', actor_id: old, permissions: ['*'], expires: 2020-01-01T00:00:00Z}",
    );
    let verify = ["verify", "--config", "transom.yaml"];
    for (args, input, code, out, err) in [
        (&verify[..], "hello", 1, "expired: transom.yaml:5:", "expired at 2020"),
        (&verify, "other", 1, "", "none of 1 entry has this key"),
        (&verify, "", 1, "", "this cannot be a key"),
        (&verify, "two words", 1, "", "this cannot be a key"),
        (&verify, "tsm_cut", 1, "", "its checksum is wrong"),
        (&["verify"], "hello", 2, "", "--config"),
        (&["verify", "--key-file", "nowhere"], "hello", 1, "", "there is no such file"),
        (&["hash", ""], "", 1, "", "this cannot be a key"),
        (&["new", "--expires", "soon"], "", 2, "", "not a point in time"),
        (&["new", "--actor-id", "caf\u{e9}"], "", 2, "", "visible ASCII"),
        (&[], "", 2, "", "Usage"),
    ] {
        let run = key(folder.path(), args, input);
        assert_eq!(run.code, Some(code), "{args:?} {input}: {}{}", run.out, run.err);
        assert!(run.out.contains(out) && run.err.contains(err), "{args:?} {input}: {}{}", run.out, run.err);
        assert!(input.is_empty() || !(run.out + &run.err).contains(input), "{input}");
    }
}

/// A hash that is one.
const HASH: &str = "sha256:2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";

#[test]
fn what_makes_no_sense_of_an_identity_is_told_at_its_line() {
    let entry = |more: &str| {
        format!("keys:\n    - hash: {HASH}\n      actor_id: a\n      permissions: ['*']\n{more}")
    };
    for (lines, at, what) in [
        (
            "keys:\n    - hash: my-own-key\n      actor_id: a\n      permissions: [x]",
            (5, 13),
            "it does not begin with `sha256:`",
        ),
        (
            "keys:\n    - hash: sha256:12\n      actor_id: a\n      permissions: [x]",
            (5, 13),
            "it has 2 characters",
        ),
        (&entry("      expires: soon"), (8, 16), "is not a point in time"),
        (&entry("      actor_type: user"), (8, 19), "`user` is not a kind of caller"),
        (&entry("      accounts: ['a*']"), (8, 18), "only `*` alone stands for all"),
        (&entry("      accounts: ['']"), (8, 18), "would match nothing"),
        (
            &entry(&format!("    - {{actor_id: b, permissions: [x], hash: '{HASH}'}}")),
            (8, 45),
            "configured before, at ",
        ),
        (&entry("  key_scheme: Bearer"), (8, 15), "`Bearer` cannot be the scheme of keys"),
        (&entry("  key_headers: [Cookie]"), (8, 17), "`Cookie` cannot be a header for keys"),
        (&entry("  metadata: {actor_id: grpc-actor}"), (8, 24), "`grpc-actor` cannot be set as metadata"),
        (&entry("  metadata: {actor_id: authorization}"), (8, 24), "cannot be set as metadata"),
        (&entry("  metadata: {actor_id: x, actor_type: X}"), (8, 39), "is the name of two things"),
        (&entry("  credential: forwrd"), (8, 15), "neither `forward` nor `strip`"),
        (&entry("  credential: {replace: ''}"), (8, 15), "cannot be sent as a header"),
        (&entry("  key_files: [nowhere.yaml]"), (8, 15), "there is no such file"),
        ("keys:\n    - actor_id: a\n      permissions: [x]", (5, 7), "`hash` is missing"),
    ] {
        let (settings, problems) = with(&format!("identity:\n  {lines}")).load(&[]);
        assert!(settings.is_none(), "{lines}");
        assert_eq!(problems.errors(), 1, "{lines}\n{problems}");
        let problem = problems.iter().next().expect("one");
        assert_eq!((problem.place.line, problem.place.column), at, "{problem}");
        assert!(problem.what.contains(what), "{problem}");
        assert!(!problem.to_string().contains("my-own-key"), "{problem}");
    }
}

#[test]
fn certificates_are_checked_too() {
    let listen =
        "listen: {address: '127.0.0.1:1', tls: {certificate: a.pem, key: a.pem, client_roots: a.pem}}\n";
    for (entry, what) in [
        ("{actor_id: a, permissions: [x]}", "known by one of `subject` and `san`"),
        ("{subject: CN=a, san: b, actor_id: a, permissions: [x]}", "known by one of `subject` and `san`"),
        ("{subject: robot, actor_id: a, permissions: [x]}", "`robot` is not of the form `NAME=VALUE`"),
        ("{san: a b, actor_id: a, permissions: [x]}", "neither a URI nor a DNS name"),
        ("{san: a, actor_id: '', permissions: [x]}", "not an id that can be told to a backend"),
        (
            "{san: a, actor_id: a, permissions: [x]}, {san: 'DNS:a', actor_id: b, permissions: [x]}",
            "configured before",
        ),
    ] {
        let folder = with(&format!("{listen}identity: {{certificates: [{entry}]}}"));
        folder.write("a.pem", "");
        let (_, problems) = folder.load(&[]);
        assert_eq!(problems.iter().count(), 1, "{entry}\n{problems}");
        assert!(problems.to_string().contains(what), "{entry}\n{problems}");
    }
    let folder = with(
        "listen: {address: '127.0.0.1:1', tls: {certificate: a.pem, key: a.pem, client_certificate: optional}}",
    );
    folder.write("a.pem", "");
    let (_, problems) = folder.load(&[]);
    assert!(problems.to_string().contains("`client_roots` does not say which are good"), "{problems}");
}

#[test]
fn what_is_odd_of_an_identity_is_a_warning() {
    for (lines, what) in [
        ("identity: {}", "`identity` knows nobody"),
        (&format!("identity: {{keys: [{{hash: '{HASH}', actor_id: a}}]}}"), "this key has no permissions"),
        (
            "identity: {certificates: [{san: a, actor_id: a, permissions: [x]}]}",
            "no listener asks clients for",
        ),
    ] {
        let (settings, problems) = with(lines).load(&[]);
        assert!(settings.is_some(), "{lines}\n{problems}");
        assert_eq!(problems.iter().count(), 1, "{lines}\n{problems}");
        assert!(problems.to_string().contains(what), "{lines}\n{problems}");
    }
}

#[test]
fn a_fault_in_a_file_of_keys_is_told_with_its_line_there() {
    let folder = with("identity:\n  key_files: [keys.yaml, more.yaml]");
    folder.write("keys.yaml", &format!("keys:\n  - hash: {HASH}\n    actor_id: a\n    permisions: [x]\n"));
    folder.write(
        "more.yaml",
        &format!("keys:\n  - hash: {HASH}\n    actor_id: b\n    permissions: [x]\n  - [\n"),
    );
    let (_, problems) = folder.load(&[]);
    let told = problems.to_string();
    for part in ["keys.yaml:4:5", "did you mean `permissions`?", "more.yaml:5:5"] {
        assert!(told.contains(part), "{part} is missing in\n{told}");
    }
    folder.write("keys.yaml", &format!("keys:\n  - hash: {HASH}\n    actor_id: a\n    permissions: [x]\n"));
    folder.write("more.yaml", &format!("keys:\n  - hash: {HASH}\n    actor_id: b\n    permissions: [x]\n"));
    let told = folder.load(&[]).1.to_string();
    assert!(
        told.contains("more.yaml:2:11") && told.contains("at ") && told.contains("keys.yaml:2:11"),
        "{told}"
    );
}

#[test]
fn the_effective_configuration_shows_neither_hash_nor_credential() {
    let folder = with(&format!(
        "identity: {{keys: [{{hash: '{HASH}', actor_id: a, permissions: [x]}}], credential: {{replace: Bearer hunter2}}}}"
    ));
    let (settings, problems) = folder.load(&[]);
    assert!(problems.is_empty(), "{problems}");
    let shown = transom::config::render(&settings.expect("settings"));
    assert!(
        shown.contains("hash: '***'") || shown.contains("hash: \"***\"") || shown.contains("hash: ***"),
        "{shown}"
    );
    assert!(!shown.contains("2cf24") && !shown.contains("hunter2"), "{shown}");
}
