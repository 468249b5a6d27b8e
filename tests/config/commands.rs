//! The commands that call nothing, as a user types them: `check`, `routes`, `explain` and the printers.

use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::support::Folder;

/// What a command printed, and its exit code.
struct Run {
    code: Option<i32>,
    out: String,
    err: String,
}

fn transom(folder: &Path, args: &[&str]) -> Run {
    let mut command = Command::new(env!("CARGO_BIN_EXE_transom"));
    let run = command.current_dir(folder).args(args).output().expect("the binary runs");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("text");
    Run { code: run.status.code(), out: text(run.stdout), err: text(run.stderr) }
}

const LIBRARY: &str = r#"syntax = "proto3";
package acme.v1;
import "google/api/annotations.proto";
service Library {
  rpc GetBook(GetBookRequest) returns (Book) {
    option (google.api.http) = { get: "/v1/{name=shelves/*/books/*}" };
  }
  rpc CreateBook(CreateBookRequest) returns (Book) {
    option (google.api.http) = { post: "/v1/{parent=shelves/*}/books" body: "book" };
  }
  rpc ListBooks(ListBooksRequest) returns (ListBooksResponse) {
    option (google.api.http) = { get: "/v1/{parent=shelves/*}/books" response_body: "books" };
  }
}
message Book { string name = 1; string title = 2; int64 pages = 3; }
message GetBookRequest { string name = 1; bool deep = 2; }
message CreateBookRequest { string parent = 1; Book book = 2; string id = 3; }
message ListBooksRequest { string parent = 1; int32 page_size = 2; }
message ListBooksResponse { repeated Book books = 1; }
"#;

const CONFIG: &str =
    "schema: {protos: [library.proto]}\nupstreams:\n  - {name: library, url: 'http://a:1', timeout: 9s}\n";

fn library() -> Folder {
    let folder = Folder::new(CONFIG);
    folder.write("library.proto", LIBRARY);
    folder
}

#[test]
fn check_is_content_with_what_is_fine() {
    let folder = library();
    let run = transom(folder.path(), &["check", "--config", "transom.yaml"]);
    assert_eq!(
        (run.code, run.out.as_str()),
        (Some(0), "fine: 3 routes of 1 service, 1 upstream\n"),
        "{}",
        run.err
    );
    let run = transom(folder.path(), &["check", "-v", "--config", "transom.yaml"]);
    for part in [
        "listen    127.0.0.1:8080",
        "upstream  library http://a:1",
        "read      library.proto",
        "plans     ",
        " message types, ",
        " KiB, compiled in ",
        "max_timeout: null",
    ] {
        assert!(run.out.contains(part), "{part} is missing in\n{}", run.out);
    }
}

#[test]
fn check_shows_no_password() {
    let secret = "http://me:hunter2@vault.example/x?token=hunter3";
    let folder = library();
    folder.write("transom.yaml", &format!("{CONFIG}telemetry: {{service_name: '{secret}'}}\n"));
    let run = transom(folder.path(), &["check", "-v", "--config", "transom.yaml"]);
    assert_eq!(run.code, Some(0), "{}", run.err);
    assert!(run.out.contains("service_name: http://***@vault.example/x?***"), "{}", run.out);

    // Where a url is refused for its password, the password is not told either, nor is its line.
    folder.write("transom.yaml", &CONFIG.replace("http://a:1", "http://me:hunter2@a:1"));
    let refused = transom(folder.path(), &["check", "-v", "--config", "transom.yaml"]);
    assert_eq!(refused.code, Some(1));
    assert!(refused.err.contains("`http://***@a:1` is not the url of a gRPC backend"), "{}", refused.err);
    for text in [run.out, run.err, refused.out, refused.err] {
        assert!(!text.contains("hunter"), "{text}");
    }
}

#[test]
fn check_tells_the_faults_of_config_protos_and_rules_at_once() {
    let folder = Folder::new("schema: {protos: [protos]}\nupstreams: [{url: a}]\nlimits: {uri: much}\n");
    folder.write("protos/syntax.proto", "syntax = \"proto3\";\nmessage A {\n  strin g = 1;\n}\n");
    folder.write("protos/library.proto", &LIBRARY.replace("body: \"book\"", "body: \"bok\""));
    let run = transom(folder.path(), &["check", "--config", "transom.yaml"]);
    assert_eq!(run.code, Some(1));
    for part in ["transom.yaml:2:", "transom.yaml:3:15", "protos/syntax.proto:3:3", "errors"] {
        assert!(run.err.contains(part), "{part} is missing in\n{}", run.err);
    }
    folder.write("protos/syntax.proto", "syntax = \"proto3\";\n");
    let run = transom(folder.path(), &["check", "--config", "transom.yaml"]);
    for part in ["transom.yaml:3:15", "library.proto:9:", "`bok`", "did you mean `book`?", "3 errors"] {
        assert!(run.err.contains(part), "{part} is missing in\n{}", run.err);
    }
    assert!(run.out.is_empty(), "{}", run.out);
}

#[test]
fn colour_is_for_terminals_and_those_who_ask() {
    let folder = Folder::new("profil: x\n");
    let run = transom(folder.path(), &["check", "--config", "transom.yaml"]);
    assert!(!run.err.contains('\x1b'), "{}", run.err);
    let run = transom(folder.path(), &["check", "--config", "transom.yaml", "--color", "always"]);
    assert!(run.err.contains("\x1b[1;31merror\x1b[0m"), "{}", run.err);
}

#[test]
fn wrong_usage_is_2() {
    let folder = library();
    let config = ["--config", "transom.yaml"];
    for args in [
        &["chek"][..],
        &["explain", "GET"],
        &["explain", "GET", "v1"],
        &["explain", "G T", "/"],
        &["routes", "--jsn"],
    ] {
        let run = transom(folder.path(), &[args, &config].concat());
        assert_eq!(run.code, Some(2), "{args:?}: {}", run.err);
    }
    assert_eq!(transom(folder.path(), &["--help"]).code, Some(0));
    assert_eq!(
        transom(folder.path(), &["--version"]).out,
        format!("transom {}\n", env!("CARGO_PKG_VERSION"))
    );
}

#[test]
fn routes_are_a_table_or_json_and_need_no_backend() {
    let folder = library();
    let flags = ["routes", "--proto", "library.proto"];
    let run = transom(folder.path(), &flags);
    assert_eq!(run.code, Some(0), "{}", run.err);
    assert!(run.out.starts_with("METHOD  PATH                          BODY  RPC"), "{}", run.out);
    assert!(run.out.ends_with("\n3 routes\n"), "{}", run.out);
    let run = transom(folder.path(), &["routes", "--json", "--config", "transom.yaml"]);
    let routes: Value = serde_json::from_str(&run.out).expect("JSON");
    assert_eq!(
        routes[2],
        serde_json::json!({
            "method": "GET", "path": "/v1/{parent=shelves/*}/books", "body": null, "response_body": "books",
            "rpc": "acme.v1.Library/ListBooks", "upstream": "library", "source": "annotation",
            "place": routes[2]["place"],
        })
    );
    assert!(routes[2]["place"].as_str().expect("a place").contains("library.proto:12"), "{routes}");
    assert_eq!(routes[1]["body"], "book");
}

#[test]
fn the_model_api_has_152_routes() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let run = transom(root, &["routes", "--json", "--proto", "proto"]);
    let routes: Value = serde_json::from_str(&run.out).unwrap_or_else(|_| panic!("{}", run.err));
    assert_eq!(routes.as_array().map(Vec::len), Some(152));
}

fn explain(args: &[&str]) -> Run {
    let folder = library();
    transom(folder.path(), &[&["explain", "--config", "transom.yaml"], args].concat())
}

#[test]
fn explain_shows_what_would_be_sent() {
    let run = explain(&[
        "POST",
        "/v1/shelves/a%20b/books?id=7",
        "-d",
        r#"{"title": "T", "pages": "12"}"#,
        "-H",
        "Authorization: Bearer x",
        "-H",
        "Grpc-Timeout: 2S",
    ]);
    assert_eq!(run.code, Some(0), "{}{}", run.out, run.err);
    for part in [
        "route      POST /v1/{parent=shelves/*}/books",
        "library.proto:9:",
        "rpc        acme.v1.Library/CreateBook",
        "captured   parent = shelves/a b",
        "body       the field book",
        "\"parent\": \"shelves/a b\"",
        "\"title\": \"T\"",
        "\"pages\": \"12\"",
        "\"id\": \"7\"",
        "authorization: Bearer x",
        "upstream   library http://a:1",
        "deadline   2s",
    ] {
        assert!(run.out.contains(part), "{part} is missing in\n{}", run.out);
    }
}

#[test]
fn explain_says_which_options_mattered_and_who_decided() {
    let folder = library();
    folder.write(
        "transom.yaml",
        &format!(
            "{CONFIG}profile: grpc-gateway\njson:\n  indent: true\nmethods:\n  - methods: acme.v1.Library/Get*\n    \
             profile: canonical\n    json: {{unknown_query: ignore}}\n"
        ),
    );
    let explain =
        |args: &[&str]| transom(folder.path(), &[&["explain", "--config", "transom.yaml"], args].concat());
    let run = explain(&["GET", "/v1/shelves/1/books/a%20b?nope=1"]);
    assert_eq!(run.code, Some(0), "{}{}", run.out, run.err);
    for part in [
        "json.unset_fields = omit (profile canonical of methods[0])",
        "json.indent = true (written at transom.yaml:6:11)",
        "json.unknown_query = ignore (methods[0] at transom.yaml:10:27)",
        "json.path_conflicts = refuse (profile canonical of methods[0])",
        "routing.precedence = last (profile grpc-gateway)",
        "routing.unescape = spec (default)",
    ] {
        assert!(run.out.contains(part), "{part} is missing in\n{}", run.out);
    }
    for part in ["json.proto_names", "routing.head_as_get", "streams.form"] {
        assert!(!run.out.contains(part), "{part} does not matter in\n{}", run.out);
    }
    let run = explain(&["HEAD", "/v1/shelves/1/books"]);
    assert_eq!(run.code, Some(1), "{}{}", run.out, run.err);
    for part in [
        "501 UNIMPLEMENTED",
        "routing.head_as_get = false (profile grpc-gateway)",
        "routing.wrong_method = not_implemented (profile grpc-gateway)",
        "allowed    GET /v1/{parent=shelves/*}/books",
    ] {
        assert!(run.out.contains(part), "{part} is missing in\n{}", run.out);
    }
    assert!(!run.out.contains("json."), "a miss is not about JSON\n{}", run.out);
    let run = transom(folder.path(), &["check", "-v", "--config", "transom.yaml"]);
    assert!(run.out.contains(" in 2 forms, "), "{}{}", run.out, run.err);
}

#[test]
fn explain_shows_what_a_partial_update_reads_and_lays_over_it() {
    let proto = Path::new(env!("CARGO_MANIFEST_DIR")).join("proto");
    let folder = Folder::new(&format!(
        "schema: {{protos: ['{}']}}\nupstreams: [{{url: 'http://a:1'}}]\noptions: {{preset: qdrant-cloud}}\n",
        proto.display()
    ));
    let path = "/api/cluster/v1/accounts/acc/clusters/c1";
    let explain = |mask: &str| {
        let body = format!(r#"{{"cluster": {{"name": "n"}}, "updateMask": "{mask}"}}"#);
        transom(folder.path(), &["explain", "--config", "transom.yaml", "PUT", path, "-d", &body])
    };
    let run = explain("name,configuration.number_of_nodes");
    assert_eq!(run.code, Some(0), "{}{}", run.out, run.err);
    for part in [
        "partial    name, configuration.number_of_nodes over the resource that is read first; sent without the mask",
        "/qdrant.cloud.cluster.v1.ClusterService/GetCluster",
        "\"accountId\": \"acc\"",
        "\"clusterId\": \"c1\"",
    ] {
        assert!(run.out.contains(part), "{part} is missing in\n{}", run.out);
    }
    let run = explain("*");
    assert!(
        run.out.contains("partial    nothing is read: the whole is sent, without the mask"),
        "{}",
        run.out
    );
    let run = explain("labels.key,nme");
    assert_eq!(run.code, Some(1));
    assert!(run.out.contains("400 INVALID_ARGUMENT"), "{}", run.out);
    assert!(run.out.contains("`update_mask` has 2 wrong paths: `labels.key`, `nme`"), "{}", run.out);
}

/// A config of the model API with a key that may only read, and requests held to rules.
fn guarded() -> Folder {
    let proto = Path::new(env!("CARGO_MANIFEST_DIR")).join("proto");
    Folder::new(&format!(
        "schema: {{protos: ['{}']}}\nupstreams: [{{url: 'http://a:1'}}]\noptions: {{preset: qdrant-cloud}}\n\
         validation: {{requests: true}}\nidentity:\n  keys:\n    - {{hash: '{}', name: reader, actor_id: r1, \
         accounts: [{ACCOUNT}], permissions: ['read:clusters']}}\n",
        proto.display(),
        transom::policy::KeyHash::of("key-of-reader"),
    ))
}

const ACCOUNT: &str = "7f3c1f0e-52a9-4d8b-9c61-0b7e4a5d2f10";

#[test]
fn explain_shows_who_calls_what_is_needed_and_the_verdict() {
    let folder = guarded();
    let clusters = format!("/api/cluster/v1/accounts/{ACCOUNT}/clusters");
    let elsewhere = clusters.replace("7f3c", "0000");
    let key = "Authorization: apikey key-of-reader";
    let create: &[&str] = &["POST", &clusters, "-d", "{}", "-H", key];
    let cases: [(&[&str], i32, &[&str]); 5] = [
        (
            &["GET", &clusters, "-H", key],
            0,
            &[
                "needs      read:clusters",
                "in the account of account_id",
                "caller     reader: r1 (ACTOR_TYPE_MANAGEMENT_KEY), by key",
                "permissions: read:clusters",
                "qc-actor-id: r1",
            ],
        ),
        (&["GET", &elsewhere, "-H", key], 1, &["403 PERMISSION_DENIED", "may not act on the account"]),
        (
            create,
            1,
            &[
                "needs      write:clusters",
                "caller     reader: r1",
                "403 PERMISSION_DENIED",
                "lacks the permission `write:clusters`",
            ],
        ),
        (&["GET", &clusters], 1, &["401 UNAUTHENTICATED"]),
        (&["GET", &format!("{clusters}/none"), "-H", key], 1, &["400 INVALID_ARGUMENT", "cluster_id"]),
    ];
    for (args, code, parts) in cases {
        let run = transom(folder.path(), &[&["explain", "--config", "transom.yaml"], args].concat());
        assert_eq!(run.code, Some(code), "{args:?}\n{}{}", run.out, run.err);
        for part in parts {
            assert!(run.out.contains(part), "{part} is missing in\n{}", run.out);
        }
    }
}

#[test]
fn routes_show_what_each_method_needs_and_its_version() {
    let folder = guarded();
    let run = transom(folder.path(), &["routes", "--config", "transom.yaml"]);
    let heading = run.out.lines().next().expect("a heading");
    assert!(heading.contains("  NEEDS  ") && heading.ends_with("  API"), "{heading}");
    let line = |rpc: &str| run.out.lines().find(|line| line.contains(rpc)).expect("a route").to_owned();
    let get = line("ClusterService/GetCluster ");
    assert!(get.contains("  read:clusters") && get.ends_with("1.0.0"), "{get}");
    assert!(line("BookingService/ListGlobalPackages").contains("  public"), "{}", run.out);

    let run = transom(folder.path(), &["routes", "--json", "--config", "transom.yaml"]);
    let routes: Value = serde_json::from_str(&run.out).unwrap_or_else(|_| panic!("{}", run.err));
    let routes = routes.as_array().expect("routes");
    let update =
        routes.iter().find(|route| route["rpc"] == "qdrant.cloud.cluster.v1.ClusterService/UpdateCluster");
    assert_eq!(
        update.expect("a route")["duties"],
        serde_json::json!({
            "authentication": true,
            "permissions": ["write:clusters"],
            "all_permissions": false,
            "account": "cluster.account_id",
            "actor_types": [],
            "max_request_message": null,
            "log_fields": {"cluster_id": "cluster.id"},
            "api_version": "1.0.0",
            "partial_update": "/qdrant.cloud.cluster.v1.ClusterService/GetCluster",
            "event": "cluster",
        })
    );
}

#[test]
fn explain_uses_the_upstreams_deadline_and_reads_bodies_from_files() {
    let folder = library();
    folder.write("book.json", r#"{"title": "from a file"}"#);
    let args = ["explain", "--config", "transom.yaml", "POST", "/v1/shelves/a/books", "-d", "@book.json"];
    let run = transom(folder.path(), &args);
    assert!(run.out.contains("from a file") && run.out.contains("deadline   9s"), "{}{}", run.out, run.err);
    let run =
        transom(folder.path(), &["explain", "--proto", "library.proto", "GET", "/v1/shelves/a/books/b"]);
    assert!(run.out.contains("upstream   none is configured"), "{}{}", run.out, run.err);
    assert_eq!(run.code, Some(0));
}

#[test]
fn explain_says_why_there_is_no_call() {
    for (args, parts) in [
        (
            &["GET", "/v1/shelfs/a/books"][..],
            &["404 NOT_FOUND", "nearest", "GET /v1/{parent=shelves/*}/books"][..],
        ),
        (
            &["PUT", "/v1/shelves/a/books"],
            &["405 UNIMPLEMENTED", "Method Not Allowed", "allowed", "POST /v1/{parent=shelves/*}/books"],
        ),
        (&["POST", "/v1/shelves/a/books", "-d", "{"], &["400 INVALID_ARGUMENT"]),
        (&["GET", "/v1/shelves/a/books?page_size=x"], &["400 INVALID_ARGUMENT", "page_size"]),
        (&["GET", "/v1/shelves/%ff/books"], &["400 INVALID_ARGUMENT"]),
        (&["GET", "/v1/shelves/a/books", "-H", "Grpc-Timeout: soon"], &["400 INVALID_ARGUMENT"]),
    ] {
        let run = explain(args);
        assert_eq!(run.code, Some(1), "{args:?}\n{}{}", run.out, run.err);
        for part in parts {
            assert!(run.out.contains(part), "{part} is missing in\n{}", run.out);
        }
    }
}

#[test]
fn explain_shows_what_streams_and_messages_that_are_too_large() {
    let folder = Folder::new(&CONFIG.replace("timeout: 9s", "max_request_message: 64"));
    folder.write(
        "library.proto",
        &LIBRARY.replace(
            "rpc GetBook(GetBookRequest) returns (Book)",
            "rpc GetBook(GetBookRequest) returns (stream Book)",
        ),
    );
    let explain =
        |args: &[&str]| transom(folder.path(), &[&["explain", "--config", "transom.yaml"], args].concat());
    let run = explain(&["GET", "/v1/shelves/a/books/b"]);
    assert_eq!(run.code, Some(0), "{}{}", run.out, run.err);
    assert!(run.out.contains("acme.v1.Library/GetBook (streams answers)"), "{}", run.out);
    let title = format!(r#"{{"title": "{}"}}"#, "x".repeat(100));
    let run = explain(&["POST", "/v1/shelves/a/books", "-d", &title]);
    assert_eq!(run.code, Some(1), "{}{}", run.out, run.err);
    assert!(
        run.out.contains("413 RESOURCE_EXHAUSTED") && run.out.contains("the limit of 64B"),
        "{}",
        run.out
    );
}

#[test]
fn globs_that_fit_no_service_are_told_with_place_and_the_nearest() {
    let config = "schema:\n  protos: [library.proto]\n  services: [acme.v1.Library, '!acme.v1.Librari']\n\
                  upstreams:\n  - {url: 'http://a:1', services: [acme.v2.*]}\n  - url: http://b:1\n";
    let folder = Folder::new(config);
    folder.write("library.proto", LIBRARY);
    let run = transom(folder.path(), &["check", "--config", "transom.yaml"]);
    assert_eq!(run.code, Some(0), "{}", run.err);
    for (place, what, near) in [
        ("transom.yaml:3:31", "`!acme.v1.Librari` fits no service", "did you mean `acme.v1.Library`?"),
        ("transom.yaml:5:36", "`acme.v2.*` fits no service", "did you mean `acme.v1.*`?"),
    ] {
        let told = run.err.split("\n\n").find(|problem| problem.contains(what));
        let told = told.unwrap_or_else(|| panic!("{what} is missing in\n{}", run.err));
        assert!(told.starts_with("warning: ") && told.contains(place) && told.contains(near), "{told}");
    }
}

#[test]
fn a_reader_that_leaves_is_no_failure() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut child = Command::new(env!("CARGO_BIN_EXE_transom"))
        .current_dir(root)
        .args(["routes", "--json", "--proto", "proto"])
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .expect("the binary runs");
    drop(child.stdout.take());
    let run = child.wait_with_output().expect("an end");
    assert_eq!(run.status.code(), Some(0), "{}", String::from_utf8_lossy(&run.stderr));
    assert!(run.stderr.is_empty(), "{}", String::from_utf8_lossy(&run.stderr));
}

#[test]
fn completions_and_the_schema_are_printed() {
    let folder = library();
    for shell in ["bash", "zsh", "fish"] {
        let run = transom(folder.path(), &["completions", shell]);
        assert!(run.out.contains("explain"), "{shell}");
    }
    let run = transom(folder.path(), &["config-schema"]);
    assert_eq!(run.out, transom::config::json_schema());
}
