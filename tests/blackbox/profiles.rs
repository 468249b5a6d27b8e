//! The table of profiles, row by row, over sockets; and each option for single methods alone. The rows that are about
//! streams stand with the tests of streams; that a profile sets them is held by the tests of the configuration.

use http::Method;
use serde_json::{Value, json};
use transom::demo::Backend;

use crate::support::{Answer, Gateway, GatewayBuilder, pool, until};

const PROFILES: [&str; 4] = ["transom", "grpc-gateway", "envoy", "canonical"];

/// Every method echoes.
const PROTO: &str = r#"syntax = "proto3";
package t.v1;
import "google/api/annotations.proto";
service T {
  rpc Search(Thing) returns (Thing) { option (google.api.http) = { get: "/v1/search" }; }
  rpc Get(Thing) returns (Thing) { option (google.api.http) = { get: "/v1/{id}" }; }
  rpc Post(Thing) returns (Thing) { option (google.api.http) = { post: "/v1/{id}" body: "*" }; }
  rpc Deep(Thing) returns (Thing) { option (google.api.http) = { get: "/v1/deep/{long_name=**}" }; }
}
enum Color { NONE = 0; RED = 1; }
message Inner { string name = 1; }
message Thing {
  string id = 1;
  string long_name = 2;
  int64 big = 3;
  Color color = 4;
  repeated Color colors = 5;
  Inner inner = 6;
}
"#;

/// A gateway before a backend that echoes.
async fn gateway(config: &str) -> (Gateway, Backend) {
    let backend = Backend::start(pool(PROTO), ([127, 0, 0, 1], 0).into()).await.expect("started");
    let gateway = files(PROTO).upstream(backend.address()).config(config).start().await;
    (gateway, backend)
}

fn files(proto: &str) -> GatewayBuilder {
    GatewayBuilder::new().file("protos/t.proto", proto).config("schema:\n  protos: [protos]")
}

async fn ask(gateway: &Gateway, request: &str) -> Answer {
    let (line, body) = request.split_once(" <- ").unwrap_or((request, ""));
    let (method, target) = line.split_once(' ').expect("a method and a target");
    let method: Method = method.parse().expect("an HTTP method");
    gateway.request(method, target, &[], body.to_owned()).await
}

/// A row of the table: a request, and under each profile the status with what else is to be seen of the answer.
struct Row {
    what: &'static str,
    request: &'static str,
    expected: [(u16, Value); 4],
    /// What is looked at: a part of the JSON, or a header.
    look: fn(&Answer) -> Value,
}

fn whole(answer: &Answer) -> Value {
    answer.json()
}

fn nothing(_: &Answer) -> Value {
    Value::Null
}

#[allow(clippy::too_many_lines, reason = "a table: one row after the other")]
fn rows() -> Vec<Row> {
    let null = Value::Null;
    let set = json!({"id": "a", "longName": "", "big": "0", "color": "NONE", "colors": [], "inner": null});
    let bare = json!({"id": "a"});
    let deep = |text: &str| (200, json!(text));
    let status = |code: u16, text: &str| json!({"code": code, "message": text, "details": []});
    vec![
        Row {
            what: "JSON output of unset fields, and field names",
            request: "GET /v1/a",
            expected: [(200, set.clone()), (200, set), (200, bare.clone()), (200, bare)],
            look: whole,
        },
        Row {
            what: "field names",
            request: "POST /v1/a <- {\"long_name\": \"n\"}",
            expected: [deep("n"), deep("n"), deep("n"), deep("n")],
            look: |answer| answer.json()["longName"].clone(),
        },
        Row {
            what: "unknown JSON field in a body",
            request: "POST /v1/a <- {\"nope\": 1}",
            expected: [200, 200, 200, 400].map(|status| (status, null.clone())),
            look: nothing,
        },
        Row {
            what: "unknown enum name in a body",
            request: "POST /v1/a <- {\"colors\": [\"NOPE\", \"RED\"]}",
            expected: [(400, null.clone()), (200, json!(["RED"])), (400, null.clone()), (400, null.clone())],
            look: |answer| answer.json()["colors"].clone(),
        },
        Row {
            what: "unknown query parameter",
            request: "GET /v1/a?nope=1",
            expected: [200, 200, 400, 400].map(|status| (status, null.clone())),
            look: nothing,
        },
        Row {
            what: "wrong method on a known path, and the error body",
            request: "DELETE /v1/a",
            expected: [
                (405, status(12, "Method Not Allowed")),
                (501, status(12, "Method Not Allowed")),
                (404, status(5, "Not Found")),
                (405, status(12, "Method Not Allowed")),
            ],
            look: whole,
        },
        Row {
            what: "Allow",
            request: "DELETE /v1/a",
            expected: [
                (405, json!("GET, HEAD, POST")),
                (501, null.clone()),
                (404, null.clone()),
                (405, json!("GET, HEAD, POST")),
            ],
            look: |answer| {
                answer.headers.get("allow").map_or(Value::Null, |list| list.to_str().expect("text").into())
            },
        },
        Row {
            what: "HEAD on a GET route",
            request: "HEAD /v1/a",
            expected: [200, 501, 404, 200].map(|status| (status, json!(0))),
            look: |answer| answer.body.len().into(),
        },
        Row {
            what: "OPTIONS on a known path",
            request: "OPTIONS /v1/a",
            expected: [
                (204, json!("GET, HEAD, POST, OPTIONS")),
                (501, json!("")),
                (404, json!("")),
                (204, json!("GET, HEAD, POST, OPTIONS")),
            ],
            look: |answer| answer.header("allow").into(),
        },
        Row {
            what: "the last registered wins, whatever the specificity",
            request: "GET /v1/search",
            expected: [(200, json!("")), (200, json!("search")), (200, null.clone()), (200, null.clone())],
            look: |answer| answer.json()["id"].clone(),
        },
        Row {
            what: "path unescaping, one segment",
            request: "GET /v1/a%2Fb",
            expected: [(200, json!("a/b")), (404, null.clone()), (200, json!("a/b")), (200, json!("a/b"))],
            look: |answer| answer.json()["id"].clone(),
        },
        Row {
            what: "path unescaping, several segments",
            request: "GET /v1/deep/a%2Fb%20/c",
            expected: [deep("a%2Fb /c"), deep("a/b /c"), deep("a%2Fb /c"), deep("a%2Fb /c")],
            look: |answer| answer.json()["longName"].clone(),
        },
        Row {
            what: "empty capture for `*`",
            request: "GET /v1/",
            expected: [404, 200, 404, 404].map(|status| (status, null.clone())),
            look: nothing,
        },
    ]
}

#[tokio::test]
async fn each_profile_answers_as_its_column_says() {
    for (column, profile) in PROFILES.iter().enumerate() {
        let (gateway, _backend) = gateway(&format!("profile: {profile}")).await;
        for row in rows() {
            let answer = ask(&gateway, row.request).await;
            let (status, seen) = &row.expected[column];
            let at = format!("{} under {profile}: {}", row.what, answer.text());
            assert_eq!(answer.status.as_u16(), *status, "{at}");
            assert_eq!(&(row.look)(&answer), seen, "{at}");
        }
    }
}

#[tokio::test]
async fn ties_are_taken_or_refused_at_load() {
    let tied = PROTO.replace("/v1/search", "/v1/{big}");
    for (profile, refused) in PROFILES.into_iter().zip([false, false, true, true]) {
        let builder = files(&tied).upstream_url("http://127.0.0.1:1").config(&format!("profile: {profile}"));
        if refused {
            let told = builder.refused().await.output;
            assert!(told.contains("matches the same paths as"), "{profile}: {told}");
        } else {
            builder.start().await;
        }
    }
}

#[tokio::test]
async fn single_methods_have_options_of_their_own() {
    let (gateway, backend) = gateway(
        "json: {int64_as_numbers: true}\n\
         answers: {headers: {x-api: all}}\n\
         methods:\n\
         \x20 - methods: t.v1.T/Get\n\
         \x20   json: {unset_fields: omit, unknown_query: refuse}\n\
         \x20   routing: {head_as_get: false, wrong_method: not_implemented, unescape: legacy, empty_captures: true}\n\
         \x20   answers: {headers: {x-api: get, content-language: en}}\n\
         \x20 - methods: t.v1.T/*t\n\
         \x20   json: {unset_fields: zero, proto_names: true, unknown_fields: refuse}\n\
         \x20   metadata: {forward_request: [X-Tenant], forward_response: [X-Back]}\n\
         \x20 - methods: t.v1.T/Deep\n\
         \x20   profile: canonical\n",
    )
    .await;
    let headers =
        |answer: &Answer| [answer.header("x-api").to_owned(), answer.header("content-language").to_owned()];

    let get = ask(&gateway, "GET /v1/a?long_name=n&big=7").await;
    assert_eq!(get.json(), json!({"id": "a", "long_name": "n", "big": 7}));
    assert_eq!(headers(&get), ["get", "en"]);
    let refused = ask(&gateway, "GET /v1/a?nope=1").await;
    assert_eq!((refused.status.as_u16(), headers(&refused)), (400, ["get".into(), "en".into()]));

    let post = ask(&gateway, "POST /v1/a <- {}").await;
    let zero = json!({"id": "a", "long_name": "", "big": 0, "color": "NONE", "colors": []});
    assert_eq!((post.json(), headers(&post)), (zero, ["all".into(), String::new()]));
    assert_eq!(ask(&gateway, "POST /v1/a?nope=1 <- {\"nope\": 1}").await.status, 400);

    let search = ask(&gateway, "GET /v1/search").await;
    assert_eq!(search.json()["inner"], Value::Null);
    assert_eq!(search.json()["longName"], "", "{}", search.text());
    assert_eq!(ask(&gateway, "GET /v1/deep/a?nope=1").await.status, 400);
    assert_eq!(ask(&gateway, "GET /v1/deep/a").await.json(), json!({"longName": "a"}));

    // Paths of each method in its own way: those of `Get` are decoded before they are matched, and may be empty.
    for (request, status, allow) in [
        ("HEAD /v1/a", 501, ""),
        ("HEAD /v1/search", 200, ""),
        ("HEAD /v1/deep/a", 200, ""),
        ("GET /v1/", 200, ""),
        ("POST /v1/", 501, ""),
        ("GET /v1/a%2Fb", 405, "POST"),
        ("POST /v1/a%2Fb", 200, ""),
        ("PUT /v1/search", 405, "GET, HEAD, POST"),
        ("PUT /v1/deep/a", 405, "GET, HEAD"),
    ] {
        let answer = ask(&gateway, request).await;
        assert_eq!(
            (answer.status.as_u16(), answer.header("allow")),
            (status, allow),
            "{request}: {}",
            answer.text()
        );
    }

    for (target, forwarded) in [("/v1/a", true), ("/v1/search", false)] {
        let seen = backend.calls().len();
        let answer = gateway.request(Method::GET, target, &[("x-tenant", "t")], "").await;
        assert_eq!(answer.status, 200, "{target}");
        let call = until("the call", async || backend.calls().into_iter().nth(seen)).await;
        assert_eq!(call.metadata.contains_key("x-tenant"), forwarded, "{target}");
    }
}
