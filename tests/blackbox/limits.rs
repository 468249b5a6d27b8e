//! Every limit has its answer.

use http::Method;

use crate::support::shop;

#[tokio::test]
async fn a_body_over_the_limit_is_413() {
    let (gateway, _backend) = shop("limits: {request_body: 1KiB}").await;
    let body = format!(r#"{{"note": "{}"}}"#, "x".repeat(2000));
    let answer = gateway.request(Method::PUT, "/v1/items/7", &[], body).await;
    assert_eq!(answer.error(), (413, "the request body is larger than the limit of 1KiB".into()));
}

#[tokio::test]
async fn a_target_over_the_limit_is_414() {
    let (gateway, _backend) = shop("limits: {uri: 1KiB}").await;
    let answer = gateway.get(&format!("/v1/look/7?note={}", "x".repeat(2000))).await;
    assert_eq!(answer.error(), (414, "the request target is longer than the limit of 1KiB".into()));
}

#[tokio::test]
async fn headers_over_the_limit_are_431() {
    let (gateway, _backend) = shop("limits: {header_bytes: 8KiB}").await;
    let answer = gateway.request(Method::GET, "/v1/look/7", &[("x-big", &"x".repeat(20_000))], "").await;
    assert_eq!(answer.status, 431);
}

#[tokio::test]
async fn json_deeper_than_the_limit_is_400() {
    let (gateway, _backend) = shop("limits: {json_depth: 5}").await;
    let nested = |depth: usize| format!("{}{}", "{\"inner\":".repeat(depth), "{}") + &"}".repeat(depth);
    // `Everything` nests its own kind only through `Inner.deeper`, so unknown fields do the nesting here.
    let unknown = |depth: usize| format!("{}0{}", "{\"u\":".repeat(depth), "}".repeat(depth));
    assert_eq!(gateway.request(Method::PUT, "/v1/items/7", &[], nested(1)).await.status, 200);
    assert_eq!(gateway.request(Method::PUT, "/v1/items/7", &[], unknown(20)).await.status, 400);
}
