//! Path, query and body to a message, and the message back to JSON.

use http::Method;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::support::shop;

#[tokio::test]
async fn unset_fields_are_written_as_grpc_gateway_does() {
    let (gateway, _backend) = shop("").await;
    let answer = gateway.get("/v1/look/7").await;
    let expected = concat!(
        r#"{"id":"7","inner":null,"tags":[],"stock":{},"color":"COLOR_UNSPECIFIED","big":"0","price":0,"#,
        r#""open":false,"raw":"","at":null,"lasting":null,"mask":null,"maybe":null,"inners":[],"any":null,"#,
        r#""path":"","colors":[]}"#
    );
    assert_eq!(answer.text(), expected);
    assert_eq!(answer.header("content-length"), expected.len().to_string());
}

#[tokio::test]
async fn query_parameters_reach_every_kind_of_field() {
    let (gateway, _backend) = shop("").await;
    let cases: &[(&str, &str, Value)] = &[
        ("inner.name=a%20b+c", "inner", json!({"name": "a b c", "count": 0, "deeper": null})),
        ("inner.deeper.deeper.count=3", "inner", {
            json!({"name": "", "count": 0, "deeper": {"name": "", "count": 0, "deeper":
                {"name": "", "count": 3, "deeper": null}}})
        }),
        ("tags=a&tags=b,c", "tags", json!(["a", "b,c"])),
        ("tags[]=a&tags[1]=b", "tags", json!(["a", "b"])),
        ("stock[x]=5&stock[y]=-6", "stock", json!({"x": "5", "y": "-6"})),
        ("color=GREEN", "color", json!("GREEN")),
        ("color=1", "color", json!("RED")),
        ("colors=RED&colors=2", "colors", json!(["RED", "GREEN"])),
        ("big=18446744073709551615", "big", json!("18446744073709551615")),
        ("price=1.5e3", "price", json!(1500)),
        ("open=T", "open", json!(true)),
        ("raw=AQI", "raw", json!("AQI=")),
        ("at=2026-01-02T03:04:05%2B01:00", "at", json!("2026-01-02T02:04:05Z")),
        ("lasting=1h30m", "lasting", json!("5400s")),
        ("lasting=3s", "lasting", json!("3s")),
        ("mask=inner.deeper,byName", "mask", json!("inner.deeper,byName")),
        ("maybe=4", "maybe", json!(4)),
        ("byName=x", "byName", json!("x")),
        ("by_number=2", "byNumber", json!(2)),
        ("note=", "note", json!("")),
    ];
    for (query, field, expected) in cases {
        let answer = gateway.get(&format!("/v1/look/7?{query}&unknown=1")).await;
        assert_eq!(answer.status, 200, "{query}: {}", answer.text());
        assert_eq!(&answer.json()[field], expected, "{query}");
    }
}

#[tokio::test]
async fn bad_parameters_name_themselves() {
    let (gateway, _backend) = shop("").await;
    for (query, named) in [
        ("inner.count=x", "inner.count"),
        ("inner.count=2147483648", "inner.count"),
        ("color=PINK", "color"),
        ("color=99", "color"),
        ("open=yes", "open"),
        ("at=yesterday", "at"),
        ("lasting=long", "lasting"),
        ("stock[x]=y", "stock"),
        ("stock[x]=1&stock[x]=2", "stock"),
        ("id2=1&price=1&price=2", "price"),
        ("byName=x&byNumber=1", "choice"),
        ("inner.name.more=1", "inner.name"),
        ("inner=1", "inner"),
    ] {
        let answer = gateway.get(&format!("/v1/look/7?{query}")).await;
        let (status, message) = answer.error();
        assert_eq!(status, 400, "{query}: {message}");
        assert!(message.contains(named), "{query}: {message}");
    }
    for query in ["tags=%zz", "tags=%ff", "a=1;b=2"] {
        assert_eq!(gateway.get(&format!("/v1/look/7?{query}")).await.status, 400, "{query}");
    }
}

#[tokio::test]
async fn a_path_variable_always_wins() {
    let (gateway, _backend) = shop("").await;
    assert_eq!(gateway.get("/v1/look/7?id=evil").await.json()["id"], "7");
    let body = gateway.request(Method::PUT, "/v1/items/7", &[], r#"{"id": "evil", "note": "n"}"#).await;
    assert_eq!((&body.json()["id"], &body.json()["note"]), (&json!("7"), &json!("n")));
    let query = gateway.request(Method::PUT, "/v1/items/7?note=evil", &[], r#"{"note": "n"}"#).await;
    assert_eq!(query.json()["note"], "n");
}

#[tokio::test]
async fn a_body_is_the_message_or_one_field() {
    let (gateway, backend) = shop("").await;
    let full = json!({
        "id": "7", "inner": {"name": "a", "count": -1, "deeper": null}, "tags": ["x"], "stock": {"k": "9"},
        "color": "RED", "big": "7", "price": 2.5, "open": true, "raw": "AQI=", "at": "2026-01-02T03:04:05.500Z",
        "lasting": "1.500s", "mask": "inner.name", "maybe": 0, "byNumber": 5, "inners": [{"name": "", "count": 0,
        "deeper": null}], "note": "n", "any": {"@type": "type.googleapis.com/shop.v1.Inner", "name": "in any",
        "count": 0, "deeper": null}, "path": "p", "colors": ["GREEN"]
    });
    let answer = gateway.request(Method::PUT, "/v1/items/7", &[], full.to_string()).await;
    assert_eq!(answer.json(), full, "{}", answer.text());

    let answer = gateway.request(Method::PATCH, "/v1/items/8?tags=t", &[], r#"{"name": "b"}"#).await;
    assert_eq!(answer.text(), r#"{"name":"b","count":0,"deeper":null}"#);
    let sent = backend.calls().pop().expect("a call");
    assert_eq!(sent.path, "/shop.v1.Shop/Change");
    // id (field 1) "8", inner (field 2) {name: "b"}, tags (field 3) "t": what the path, the body and the query said;
    // mask (field 12) {"name"}: what the body names.
    assert_eq!(&sent.message[..], b"\x0a\x018\x12\x03\x0a\x01b\x1a\x01t\x62\x06\x0a\x04name");
}

#[tokio::test]
async fn malformed_bodies_say_where() {
    let (gateway, _backend) = shop("").await;
    for (body, told) in [
        (r#"{"inner": {"count": "three"}}"#, "inner.count"),
        ("{\n  \"inner\": {\"count\": 1.5}}", "line 2"),
        (r#"{"tags": ["a", 1]}"#, "tags[1]"),
        (r#"{"stock": {"k": true}}"#, "stock"),
        (r#"{"color": "PINK"}"#, "color"),
        (r#"{"note": "a", "note": "b"}"#, "note"),
        (r#"{"byName": "a", "by_number": 1}"#, "choice"),
        (r#"{"id": "7"} trailing"#, "line 1"),
        (r#"{"id": "#, "line 1"),
        ("[]", "object"),
        ("null", "object"),
    ] {
        let answer = gateway.request(Method::PUT, "/v1/items/7", &[], body).await;
        let (status, message) = answer.error();
        assert_eq!(status, 400, "{body}: {message}");
        assert!(message.contains(told), "{body}: {message}");
    }
    let deep = format!("{}{}", "{\"inner\":".repeat(10_000), "}".repeat(10_000));
    assert_eq!(gateway.request(Method::PUT, "/v1/items/7", &[], deep).await.status, 400);
    let not_utf8 = gateway.request(Method::PUT, "/v1/items/7", &[], &b"{\"id\": \"\xff\"}"[..]).await;
    assert_eq!(not_utf8.status, 400);
}

#[tokio::test]
async fn profiles_and_options_change_the_json() {
    let (gateway, _backend) = shop("profile: canonical").await;
    assert_eq!(gateway.get("/v1/look/7").await.text(), r#"{"id":"7"}"#);
    assert_eq!(gateway.get("/v1/look/7?nothing=1").await.status, 400);
    let unknown = gateway.request(Method::PUT, "/v1/items/7", &[], r#"{"nothing": 1}"#).await;
    assert_eq!(unknown.status, 400);
    assert!(unknown.error().1.contains("nothing"), "{}", unknown.text());
}

/// Where a body is cut into chunks says nothing about what is in it.
#[tokio::test]
async fn every_cut_of_a_body_gives_the_same_answer() {
    let (gateway, _backend) = shop("").await;
    let sound = r#"{"inner": {"name": "a\u00e9\n\u00fc", "count": -12}, "tags": ["x", "y"], "price": 1.5e3, "big": "7"}"#;
    let broken = r#"{"inner": {"count": "three"}}"#;
    for body in [sound, broken] {
        let whole = gateway.request(Method::PUT, "/v1/items/7", &[], body).await;
        let mut stream = TcpStream::connect(gateway.address()).await.expect("a connection");
        for cut in 1..body.len() {
            let (first, second) = body.as_bytes().split_at(cut);
            let chunk = |part: &[u8]| [format!("{:x}\r\n", part.len()).as_bytes(), part, b"\r\n"].concat();
            let head = "PUT /v1/items/7 HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n";
            stream.write_all(&[head.as_bytes(), &chunk(first)].concat()).await.expect("sent");
            stream.flush().await.expect("sent");
            tokio::task::yield_now().await;
            stream.write_all(&[chunk(second), b"0\r\n\r\n".to_vec()].concat()).await.expect("sent");
            let mut answer = Vec::new();
            while !answer.ends_with(&whole.body) {
                assert_ne!(stream.read_buf(&mut answer).await.expect("an answer"), 0, "cut at {cut}: closed");
            }
        }
    }
}
