//! Bodies in every form: forms, protobuf, masks that a PATCH makes of its body, and bodies that nobody asked for.

use std::time::Duration;

use http::Method;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use transom::demo::{Backend, Outcome};
use transom::transcode::{MessagePlan, Settings, UnsetFields};

use crate::support::{Answer, Gateway, SHOP, pool, shop, until};

const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded; charset=UTF-8");
const PROTOBUF: (&str, &str) = ("content-type", "application/x-protobuf");
const WANTS_PROTOBUF: (&str, &str) = ("accept", "application/x-protobuf, application/json;q=0.5");

fn plan(name: &str) -> MessagePlan {
    let settings = Settings { unset_fields: UnsetFields::Omit, ..Settings::default() };
    MessagePlan::compile(&pool(SHOP).get_message_by_name(name).expect("a type"), &settings)
}

/// The wire bytes of a message in JSON.
fn wire(name: &str, json: &Value) -> Vec<u8> {
    let mut wire = Vec::new();
    plan(name).write_wire(json.to_string().as_bytes(), &mut wire).expect("a message");
    wire
}

/// What wire bytes say.
fn shown(name: &str, wire: &[u8]) -> Value {
    let mut json = Vec::new();
    plan(name).write_json(wire, &mut json).expect("a message");
    serde_json::from_slice(&json).expect("JSON")
}

/// The last message that the backend saw.
fn last(backend: &Backend) -> Value {
    shown("shop.v1.Everything", &backend.calls().pop().expect("a call").message)
}

async fn form(gateway: &Gateway, method: Method, target: &str, body: &'static str) -> Answer {
    gateway.request(method, target, &[FORM], body).await
}

/// A25 to A30.
#[tokio::test]
async fn forms_are_bodies_by_the_rules_of_queries() {
    let (gateway, backend) = shop("").await;
    let answer = form(
        &gateway,
        Method::PUT,
        "/v1/items/7?note=query",
        "note=a+b&inner.count=5&tags=x&tags=y&stock[k]=1&id=evil&color=RED",
    )
    .await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let expected = json!({"id": "7", "inner": {"count": 5}, "tags": ["x", "y"], "stock": {"k": "1"}, "color": "RED", "note": "a b"});
    assert_eq!(last(&backend), expected);

    let answer =
        form(&gateway, Method::PATCH, "/v1/items/7?tags=t&inner.name=evil", "name=n&deeper.count=2").await;
    assert_eq!(answer.json()["deeper"]["count"], 2, "{}", answer.text());
    let expected = json!({"id": "7", "inner": {"name": "n", "deeper": {"count": 2}}, "tags": ["t"], "mask": "deeper.count,name"});
    assert_eq!(last(&backend), expected);

    for (target, body, told) in [
        ("/v1/items/7", "inner.count=x", r#"form field "inner.count": "#),
        ("/v1/items/7", "price=1&price=2", r#"form field "price": too many values: "1", "2""#),
        ("/v1/items/7", "note=%zz", "form: bad percent escape"),
        ("/v1/items/7", "byName=a&byNumber=1", "choice"),
    ] {
        let (status, message) = form(&gateway, Method::PUT, target, body).await.error();
        assert!(status == 400 && message.contains(told), "{body}: {message}");
    }
}

#[tokio::test]
async fn what_curl_calls_a_form_and_is_none_is_read_as_json() {
    let (gateway, backend) = shop("").await;
    assert_eq!(form(&gateway, Method::PUT, "/v1/items/7", " {\"note\": \"n\"}").await.status, 200);
    assert_eq!(last(&backend), json!({"id": "7", "note": "n"}));
    let (gateway, _backend) = shop("bodies: {form: false}").await;
    assert_eq!(form(&gateway, Method::PUT, "/v1/items/7", "note=n").await.status, 400);
}

#[tokio::test]
async fn a_posted_form_is_served_by_the_route_of_get() {
    let (gateway, backend) = shop("").await;
    let answer = form(&gateway, Method::POST, "/v1/look/7?tags=q&color=RED", "note=n&tags=f&id=evil").await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(last(&backend), json!({"id": "7", "note": "n", "tags": ["f", "q"], "color": "RED"}));
    let twice = form(&gateway, Method::POST, "/v1/look/7?price=6", "price=5").await.error();
    assert_eq!(twice, (400, r#"query parameter "price": too many values: "5", "6""#.to_owned()));

    // Neither DELETE nor PUT, and no other method or type.
    let before = backend.calls().len();
    assert_eq!(form(&gateway, Method::POST, "/v1/items/7", "note=n").await.status, 405);
    assert_eq!(form(&gateway, Method::PUT, "/v1/look/7", "note=n").await.status, 405);
    assert_eq!(gateway.post("/v1/look/7", "{}").await.status, 405);
    assert_eq!(form(&gateway, Method::POST, "/v1/nowhere", "note=n").await.status, 404);
    let (strict, _backend) = shop("bodies: {form_fallback: false}").await;
    assert_eq!(form(&strict, Method::POST, "/v1/look/7", "note=n").await.status, 405);
    assert_eq!(backend.calls().len(), before);
    // The form of a DELETE is nobody's.
    assert_eq!(form(&gateway, Method::DELETE, "/v1/items/7", "note=n").await.status, 200);
    assert_eq!(last(&backend), json!({"id": "7"}));
}

#[tokio::test]
async fn a_posted_form_may_mean_a_method_where_that_is_allowed() {
    let override_with = |method: &'static str| [FORM, ("x-http-method-override", method)];
    let (gateway, _backend) = shop("").await;
    let off = gateway.request(Method::POST, "/v1/items/7", &override_with("DELETE"), "a=b").await;
    assert_eq!(off.status, 405, "off by default");

    let (gateway, backend) = shop("bodies: {method_override: [DELETE, PUT]}").await;
    let called = || backend.calls().pop().expect("a call").path;
    let deleted = gateway.request(Method::POST, "/v1/items/7", &override_with("delete"), "note=n").await;
    assert_eq!((deleted.status.as_u16(), &*called()), (200, "/shop.v1.Shop/Remove"), "{}", deleted.text());
    assert_eq!(last(&backend), json!({"id": "7", "note": "n"}));
    let put = gateway.request(Method::POST, "/v1/items/7", &override_with("PUT"), "note=n").await;
    assert_eq!((put.status.as_u16(), &*called()), (200, "/shop.v1.Shop/Put"));
    assert_eq!(
        gateway.request(Method::POST, "/v1/items/7", &override_with("PATCH"), "a=b").await.status,
        405
    );
    let json = [("content-type", "application/json"), ("x-http-method-override", "DELETE")];
    assert_eq!(gateway.request(Method::POST, "/v1/items/7", &json, "{}").await.status, 405);

    let (compatible, _backend) = shop("profile: grpc-gateway").await;
    let patched = compatible.request(Method::POST, "/v1/items/7", &override_with("PATCH"), "name=n").await;
    assert_eq!(patched.status, 200, "{}", patched.text());
}

#[tokio::test]
async fn protobuf_goes_in_and_out() {
    let (gateway, backend) = shop("").await;
    let body = wire("shop.v1.Everything", &json!({"id": "evil", "note": "n", "inner": {"count": 3}}));
    let answer = gateway.request(Method::PUT, "/v1/items/7", &[PROTOBUF], body.clone()).await;
    assert_eq!((answer.status.as_u16(), answer.header("content-type")), (200, "application/x-protobuf"));
    assert_eq!(answer.header("vary"), "accept");
    let expected = json!({"id": "7", "note": "n", "inner": {"count": 3}});
    assert_eq!(shown("shop.v1.Everything", &answer.body), expected);
    assert_eq!(last(&backend), expected);

    // One of the two ways is JSON.
    let headers = [PROTOBUF, ("accept", "application/json")];
    assert_eq!(gateway.request(Method::PUT, "/v1/items/7", &headers, body.clone()).await.json()["note"], "n");
    let answer = gateway.request(Method::GET, "/v1/look/7?note=n", &[WANTS_PROTOBUF], "").await;
    assert_eq!(shown("shop.v1.Everything", &answer.body), json!({"id": "7", "note": "n"}));
    for accept in ["*/*", "application/json", "text/html", "application/x-protobuf;q=0.1, application/json"] {
        let answer = gateway.request(Method::GET, "/v1/look/7", &[("accept", accept)], "").await;
        assert_eq!(
            (answer.header("content-type"), &answer.json()["id"]),
            ("application/json", &json!("7")),
            "{accept}"
        );
    }

    // The body and the answer are one field.
    let headers =
        [("content-type", "application/protobuf; x=y"), ("accept", "application/vnd.google.protobuf")];
    let inner = wire("shop.v1.Inner", &json!({"name": "a", "count": 1}));
    let answer =
        gateway.request(Method::PATCH, "/v1/items/7?tags=t&inner.name=evil", &headers, inner.clone()).await;
    assert_eq!(answer.header("content-type"), "application/vnd.google.protobuf");
    assert_eq!(answer.body, inner);
    assert_eq!(
        last(&backend),
        json!({"id": "7", "inner": {"name": "a", "count": 1}, "tags": ["t"], "mask": "count,name"})
    );
}

#[tokio::test]
async fn protobuf_that_is_none_is_refused_and_errors_have_the_form_that_is_wanted() {
    let (gateway, backend) = shop("").await;
    let status = |answer: &Answer| {
        assert_eq!(answer.header("content-type"), "application/x-protobuf", "{}", answer.text());
        <tonic_types::pb::Status as prost::Message>::decode(answer.body.clone()).expect("a status")
    };
    for bytes in [&b"\x0a"[..], b"{}", b"\x12\x05\x0a\x09", b"\x0a\x01\xff"] {
        let answer = gateway.request(Method::PUT, "/v1/items/7", &[PROTOBUF], bytes).await;
        assert_eq!(answer.status, 400, "{bytes:x?}");
        assert_eq!(status(&answer).code, 3);
        let json =
            gateway.request(Method::PUT, "/v1/items/7", &[PROTOBUF, ("accept", "application/json")], bytes);
        assert_eq!(json.await.error().0, 400);
    }
    assert!(backend.calls().is_empty());
    let lost = gateway.request(Method::GET, "/nowhere", &[WANTS_PROTOBUF], "").await;
    assert_eq!((lost.status.as_u16(), status(&lost).code, &*status(&lost).message), (404, 5, "Not Found"));
    let fault = ("grpc-metadata-transom-fault", "status=9;message=boom;details=bad-request");
    let failed = gateway.request(Method::GET, "/v1/look/7", &[WANTS_PROTOBUF, fault], "").await;
    let told = status(&failed);
    assert_eq!((failed.status.as_u16(), told.code, &*told.message, told.details.len()), (400, 9, "boom", 2));
    assert_eq!(told.details[0].type_url, "type.googleapis.com/google.rpc.BadRequest");

    let (json_only, _backend) = shop("bodies: {protobuf: false}").await;
    let answer = json_only.request(Method::GET, "/v1/look/7", &[WANTS_PROTOBUF], "").await;
    assert_eq!(answer.json()["id"], "7");
    assert_eq!(
        json_only.request(Method::PUT, "/v1/items/7", &[PROTOBUF], &b"\x0a\x00"[..]).await.status,
        400
    );
}

/// A63.
#[tokio::test]
async fn any_content_type_is_json_unless_settings_are_strict() {
    let (gateway, _backend) = shop("").await;
    for kind in ["text/plain", "application/json; charset=latin1", "/", "text/xml", "multipart/form-data"] {
        let answer =
            gateway.request(Method::PUT, "/v1/items/7", &[("content-type", kind)], r#"{"note":"n"}"#).await;
        assert_eq!(answer.json()["note"], "n", "{kind}");
    }
    let (strict, _backend) = shop("bodies: {strict_content_type: true}").await;
    let put = async |headers: &[(&str, &str)], body: &'static str| {
        strict.request(Method::PUT, "/v1/items/7", headers, body).await
    };
    for headers in [&[("content-type", "text/plain")][..], &[("content-type", "text/xml")], &[]] {
        let refused = put(headers, "{}").await;
        assert_eq!(refused.error().0, 415, "{headers:?}");
        assert_eq!(
            refused.header("accept"),
            "application/json, application/x-www-form-urlencoded, application/x-protobuf"
        );
    }
    assert_eq!(put(&[("content-type", "application/merge-patch+json")], "{}").await.status, 200);
    assert_eq!(put(&[FORM], "note=n").await.status, 200);
    assert_eq!(put(&[], "").await.status, 200, "nothing has no type");
    let patch = strict.request(Method::PATCH, "/v1/items/7", &[("content-type", "text/plain")], "{}").await;
    assert!(patch.status == 415 && patch.header("accept-patch").starts_with("application/json"));
    let unread = strict.request(Method::DELETE, "/v1/items/7", &[("content-type", "text/plain")], "x").await;
    assert_eq!(unread.status, 200, "a body that is not read may be anything");
}

#[tokio::test]
async fn what_a_wire_body_has_in_another_type_is_not_taken_for_the_field() {
    let hash = transom::policy::KeyHash::of("secret");
    let (gateway, backend) = shop(&format!(
        "methods: [{{methods: 'shop.v1.Shop/Put', authentication: true, permissions: [], account: inner.name}}]
identity: {{keys: [{{hash: '{hash}', actor_id: me, actor_type: ACTOR_TYPE_USER, accounts: [mine], permissions: []}}]}}"
    ))
    .await;
    let put = async |body: &[u8]| {
        let headers = [("authorization", "apikey secret"), ("content-type", "application/x-protobuf")];
        gateway.request(Method::PUT, "/v1/items/7", &headers, body.to_vec()).await.status.as_u16()
    };
    // Field 2 is a message: its name is the account.
    let theirs = b"\x12\x08\x0a\x06theirs";
    assert_eq!(put(b"\x12\x06\x0a\x04mine").await, 200);
    assert_eq!(put(theirs).await, 403);
    // The same, and a group of the same number that is to hide it.
    assert_eq!(put(&[&theirs[..], b"\x13\x0a\x04mine\x14"].concat()).await, 400);
    assert_eq!(backend.calls().len(), 1);
}

#[tokio::test]
async fn a_form_has_a_limit_of_fields() {
    let (gateway, _backend) = shop("limits: {parameters: 100}").await;
    let form = async |count: usize| {
        let headers = [("content-type", "application/x-www-form-urlencoded")];
        gateway.request(Method::POST, "/v1/look/7", &headers, "tags=a&".repeat(count)).await
    };
    assert_eq!(form(100).await.status, 200);
    assert_eq!(form(101).await.error(), (400, "more than 100 parameters are too many".into()));
}

/// A9.
#[tokio::test]
async fn a_patch_is_for_what_its_body_names() {
    let (gateway, backend) = shop("").await;
    let patch = async |query: &str, body: &'static str| {
        gateway.request(Method::PATCH, &format!("/v1/items/7{query}"), &[], body).await
    };
    for (query, body, mask) in [
        (
            "",
            r#"{"name": "a", "deeper": {"count": null, "deeper": {}}}"#,
            Some("deeper.count,deeper.deeper,name"),
        ),
        ("", r#"{"count": 0}"#, Some("count")),
        ("", "{}", Some("")),
        ("", "", Some("")),
        ("?mask=name", r#"{"count": 1}"#, Some("name")),
        ("?mask=", r#"{"count": 1}"#, Some("")),
    ] {
        let answer = patch(query, body).await;
        assert_eq!(answer.status, 200, "{body}: {}", answer.text());
        assert_eq!(last(&backend).get("mask").and_then(Value::as_str), mask, "{query} {body}");
    }
    assert_eq!(patch("", r#"{"count": {"a": 1}}"#).await.error().0, 400);
    let unknown = patch("", r#"{"count": 0, "nothing": {"a": 1}}"#).await.error();
    assert_eq!((unknown.0, unknown.1.contains("nothing")), (400, true), "{}", unknown.1);

    let (off, backend) = shop("bodies: {patch_mask: false}").await;
    off.request(Method::PATCH, "/v1/items/7", &[], r#"{"name": "a"}"#).await;
    assert_eq!(last(&backend), json!({"id": "7", "inner": {"name": "a"}}));
    let (compatible, _backend) = shop("profile: grpc-gateway").await;
    let unknown =
        compatible.request(Method::PATCH, "/v1/items/7", &[], r#"{"deeper": {"nofield": 1}}"#).await;
    let (status, message) = unknown.error();
    assert!(status == 400 && message.starts_with("deeper.nofield: "), "{message}");
}

/// A stored block of deflate in gzip's frame (RFC 1951 and 1952).
fn gzip(bytes: &[u8]) -> Vec<u8> {
    let crc = !bytes.iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(
            crc ^ u32::from(*byte),
            |crc, _| if crc & 1 == 1 { (crc >> 1) ^ 0xedb8_8320 } else { crc >> 1 },
        )
    });
    let len = u16::try_from(bytes.len()).expect("a short text");
    let head = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3, 1];
    let (size, rest) = (u32::from(len).to_le_bytes(), (!len).to_le_bytes());
    [&head[..], &len.to_le_bytes(), &rest, bytes, &crc.to_le_bytes(), &size].concat()
}

#[tokio::test]
async fn every_form_may_be_compressed() {
    let (gateway, backend) = shop("compression: {min_size: 16B}").await;
    let coded = ("content-encoding", "gzip");
    let answer = gateway.request(Method::PUT, "/v1/items/7", &[FORM, coded], gzip(b"note=squeezed")).await;
    assert_eq!((answer.status.as_u16(), last(&backend)), (200, json!({"id": "7", "note": "squeezed"})));
    let note = json!({"id": "7", "note": "squeezed".repeat(20)});
    let body = gzip(&wire("shop.v1.Everything", &note));
    let accepted = ("accept-encoding", "zstd");
    let answer = gateway.request(Method::PUT, "/v1/items/7", &[PROTOBUF, coded, accepted], body).await;
    assert_eq!((answer.header("content-encoding"), last(&backend)), ("zstd", note.clone()));
    // What came out goes in again, and comes out as it is.
    let again = [PROTOBUF, ("content-encoding", "zstd"), ("accept-encoding", "identity")];
    let answer = gateway.request(Method::PUT, "/v1/items/7", &again, answer.body).await;
    assert_eq!(shown("shop.v1.Everything", &answer.body), note);
    let broken = gateway.request(Method::PUT, "/v1/items/7", &[FORM, coded], &b"note=n"[..]).await;
    assert_eq!(broken.error().0, 400);
}

/// A65: a body that nobody asked for does not hide that its sender went away.
#[tokio::test]
async fn a_client_that_sent_an_unread_body_is_seen_to_leave() {
    let (gateway, backend) = shop("").await;
    for (head, body) in [
        ("GET /v1/look/gone", "content-length: 5\r\n\r\nhello"),
        ("GET /v1/look/gone", "transfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"),
        ("DELETE /v1/items/gone", "content-length: 2\r\n\r\n{}"),
        ("PUT /v1/items/gone", "content-length: 2\r\n\r\n{}"),
    ] {
        let before = backend.calls().len();
        let mut client = TcpStream::connect(gateway.address()).await.expect("connected");
        let request = format!("{head} HTTP/1.1\r\nhost: x\r\ngrpc-metadata-transom-fault: hang\r\n{body}");
        client.write_all(request.as_bytes()).await.expect("sent");
        until("the call to reach the backend", async || (backend.calls().len() > before).then_some(())).await;
        drop(client);
        until("the backend to see the cancellation", async || {
            (backend.calls().last()?.outcome == Outcome::Cancelled).then_some(())
        })
        .await;
    }
    // And one that stays has its connection for the next request.
    let mut client = TcpStream::connect(gateway.address()).await.expect("connected");
    for _ in 0..2 {
        let request = "GET /v1/look/7 HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\n\r\nhello";
        client.write_all(request.as_bytes()).await.expect("sent");
        let mut answer = Vec::new();
        while !answer.ends_with(b"}") {
            let read = tokio::time::timeout(Duration::from_secs(10), client.read_buf(&mut answer));
            assert_ne!(read.await.expect("in time").expect("an answer"), 0, "closed");
        }
        assert!(answer.starts_with(b"HTTP/1.1 200 "), "{}", String::from_utf8_lossy(&answer));
    }
}

/// A64 and A68.
#[tokio::test]
async fn http_bodies_go_up_and_down_as_they_are() {
    let (gateway, backend) = shop("limits: {request_body: 64KiB}").await;
    let bytes: Vec<u8> = (0..=255).cycle().take(20_000).collect();
    let png = ("content-type", "image/png; q=\"a b\"");
    let answer = gateway.request(Method::POST, "/v1/raw", &[png], bytes.clone()).await;
    assert_eq!((answer.status.as_u16(), answer.header("content-type")), (200, png.1));
    assert_eq!((answer.header("content-length"), &answer.body[..]), ("20000", &bytes[..]));

    // Whatever it calls itself, it is not read: JSON, forms and protobuf neither.
    for kind in ["application/json", FORM.1, PROTOBUF.1, "nonsense"] {
        let headers = [("content-type", kind), ("accept", "application/x-protobuf")];
        let answer = gateway.request(Method::POST, "/v1/raw", &headers, "{not json=").await;
        assert_eq!((answer.header("content-type"), &*answer.text()), (kind, "{not json="));
    }
    let bare = gateway.request(Method::POST, "/v1/raw", &[], "x").await;
    assert_eq!((bare.header("content-type"), &*bare.text()), ("application/octet-stream", "x"));
    let empty = gateway.request(Method::POST, "/v1/raw", &[], "").await;
    assert_eq!((empty.status.as_u16(), empty.header("content-length"), empty.body.len()), (200, "0", 0));
    let large = gateway.request(Method::POST, "/v1/raw", &[], vec![0; 70_000]).await;
    assert_eq!(large.error().0, 413);

    // As a field, with what the path and the query say beside it.
    let stored =
        gateway.request(Method::POST, "/v1/store/7", &[("content-type", "text/plain")], "hello").await;
    assert_eq!(stored.status, 200, "{}", stored.text());
    let sent = shown("shop.v1.Parcel", &backend.calls().pop().expect("a call").message);
    assert_eq!(sent["id"], "7");
    assert_eq!(sent["content"], json!({"contentType": "text/plain", "data": "aGVsbG8="}));
    // An error is none of it.
    let fault = ("grpc-metadata-transom-fault", "status=5;message=gone");
    let failed = gateway.request(Method::POST, "/v1/raw", &[png, fault], "x").await;
    assert_eq!(
        (failed.header("content-type"), failed.error()),
        ("application/json", (404, "gone".to_owned()))
    );
}
