//! The health of a backend, told to clients as grpc-gateway tells it.

use http::Method;
use serde_json::json;

use crate::support::{GatewayBuilder, Script, Scripted, shop, shop_files};

#[tokio::test]
async fn what_the_backend_says_is_mapped() {
    let backend = Scripted::start(Script::default()).await;
    let gateway = shop_files().upstream(backend.address).config("health: {path: /healthz}").start().await;
    let saying = |message: &'static [u8]| Script { message, ..Script::default() };
    let failing =
        |trailers: &'static [(&'static str, &'static str)]| Script { trailers, ..Script::default() };
    for (script, http, code) in [
        (saying(&[8, 1]), 200, 0),
        (saying(&[8, 2]), 503, 14),
        (saying(&[]), 503, 14),
        (saying(&[8, 3]), 404, 5),
        (saying(&[8, 9]), 503, 14),
        (saying(&[0xff]), 502, 13),
        (failing(&[("grpc-status", "12")]), 501, 12),
        (failing(&[("grpc-status", "5")]), 404, 5),
        (failing(&[("grpc-status", "16")]), 401, 16),
    ] {
        let what = format!("{script:?}");
        backend.say(script);
        let answer = gateway.get("/healthz?service=shop.v1.Shop").await;
        assert_eq!(answer.status.as_u16(), http, "{what}: {}", answer.text());
        assert_eq!(answer.header("content-type"), "application/json", "{what}");
        match code {
            0 => assert_eq!(answer.json(), json!({"status": "SERVING"})),
            code => assert_eq!(answer.json()["code"], code, "{what}"),
        }
        let (head, question) = backend.last();
        assert_eq!(head.uri().path(), "/grpc.health.v1.Health/Check");
        assert_eq!(question, [&[10, 12][..], b"shop.v1.Shop"].concat());
    }
    assert_eq!(gateway.get("/healthz?service=%ff").await.error().0, 400);
}

#[tokio::test]
async fn it_is_public_stands_beside_the_routes_and_is_recorded() {
    let config = "health: {path: /v1/healthz, upstream: shop}\nidentity: {keys: []}\n\
                  metadata: {forward_request: [x-secret]}";
    let (gateway, _backend) = shop(config).await;
    assert_eq!(gateway.get("/v1/look/7").await.status, 401);
    let headers = [("x-request-id", "r-7"), ("x-secret", "1")];
    let answer = gateway.request(Method::GET, "/v1/healthz", &headers, "").await;
    assert_eq!((answer.status.as_u16(), answer.json()), (200, json!({"status": "SERVING"})));
    let record = gateway.logged("/v1/healthz").await;
    assert!(record["route"].is_null() && record["rpc"].is_null(), "{record}");
    assert_eq!(record["upstream"], "shop", "{record}");

    let head = gateway.request(Method::HEAD, "/v1/healthz", &[], "").await;
    assert!(head.status == 200 && head.body.is_empty());
    let unknown = gateway.get("/v1/healthz?service=nobody").await;
    assert_eq!((unknown.status.as_u16(), &unknown.json()["code"]), (404, &json!(5)));
    let post = gateway.post("/v1/healthz", "{}").await;
    assert_eq!((post.status.as_u16(), post.header("allow")), (405, "GET, HEAD"));
    assert_eq!(gateway.get("/v1/healthz/").await.status, 404);
    let late = gateway.request(Method::GET, "/v1/healthz", &[("grpc-timeout", "soon")], "").await;
    assert_eq!(late.status, 400);
}

#[tokio::test]
async fn it_is_off_unless_it_is_asked_for_and_503_without_a_backend() {
    let (gateway, _backend) = shop("").await;
    assert_eq!(gateway.get("/healthz").await.status, 404);
    let closed =
        std::net::TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("an address");
    let gateway = shop_files().upstream(closed).config("health: {path: /healthz}").start().await;
    let answer = gateway.get("/healthz").await;
    assert_eq!((answer.status.as_u16(), &answer.json()["code"]), (503, &json!(14)));
}

#[tokio::test]
async fn a_path_or_a_name_that_cannot_be_is_told() {
    for (health, told) in [
        ("{path: healthz}", "`healthz` is not the path of a request"),
        ("{path: '/a?b'}", "`/a?b` is not the path of a request"),
        ("{path: /healthz, upstream: nobody}", "no upstream is named `nobody`"),
    ] {
        let builder = GatewayBuilder::new().model_api().upstream("127.0.0.1:1");
        let refused = builder.config(&format!("health: {health}")).refused().await;
        assert!(refused.output.contains(told), "{health}: {}", refused.output);
    }
    let hiding = shop_files().upstream("127.0.0.1:1").config("health: {path: /v1/items/me}").start().await;
    let told = hiding.output().join("\n");
    assert!(told.contains("`/v1/items/me` hides a route of the contract"), "{told}");
}
