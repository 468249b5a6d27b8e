//! Every limit has its answer.

use std::time::{Duration, Instant};

use http::Method;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::support::{Gateway, request, shop, until};

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
    assert_eq!((answer.status.as_u16(), answer.text()), (431, String::new()), "hyper's own answer");
    assert_eq!(gateway.get("/v1/look/8").await.status, 200);
    until("the record of the next call", async || {
        gateway.output().iter().any(|line| line.contains("/v1/look/8")).then_some(())
    })
    .await;
    assert!(!gateway.output().iter().any(|line| line.contains("/v1/look/7")), "not in the access log");
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

/// Sends bytes and reads until the gateway closes the connection, which it must.
async fn raw(gateway: &Gateway, bytes: &str) -> String {
    let mut stream = TcpStream::connect(gateway.address()).await.expect("connected");
    stream.write_all(bytes.as_bytes()).await.expect("sent");
    let mut answer = Vec::new();
    let closed = timeout(Duration::from_secs(10), stream.read_to_end(&mut answer)).await;
    closed.expect("closed in time").ok();
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test]
async fn a_body_that_does_not_come_in_time_is_408_and_the_time_follows_a_reload() {
    let (gateway, _backend) = shop("limits: {body_timeout: 200ms}\nreload: {watch: false}").await;
    let part = "PUT /v1/items/7 HTTP/1.1\r\nhost: a\r\ncontent-length: 9\r\n\r\n{";
    let said = |time: &str| {
        format!(r#"{{"code":4,"message":"the request body did not arrive within {time}","details":[]}}"#)
    };
    let answer = raw(&gateway, part).await;
    assert!(answer.starts_with("HTTP/1.1 408 ") && answer.contains("connection: close"), "{answer}");
    assert!(answer.ends_with(&said("200ms")), "{answer}");
    assert_eq!(gateway.request(Method::PUT, "/v1/items/7", &[], "{}").await.status, 200);

    let config = std::fs::read_to_string(gateway.file("transom.yaml")).expect("the config");
    gateway.write("transom.yaml", config.replace("200ms", "300ms"));
    assert_eq!(gateway.admin().send(request(Method::POST, "/reload", &[], "")).await.status, 200);
    let answer = raw(&gateway, part).await;
    assert!(answer.ends_with(&said("300ms")), "{answer}");
}

#[tokio::test]
async fn a_client_that_does_not_read_its_answer_is_closed() {
    let (gateway, _backend) =
        shop("limits: {write_timeout: 300ms, request_body: 64MiB}\nupstream_max_response_message: 64MiB\nupstream_max_request_message: 64MiB")
            .await;
    // More than the buffers of the sockets hold.
    let note = "x".repeat(24 << 20);
    let body = format!(r#"{{"note":"{note}"}}"#);
    let mut stream = TcpStream::connect(gateway.address()).await.expect("connected");
    let head = format!("PUT /v1/items/slow HTTP/1.1\r\nhost: a\r\ncontent-length: {}\r\n\r\n", body.len());
    stream.write_all(head.as_bytes()).await.expect("sent");
    stream.write_all(body.as_bytes()).await.expect("sent");
    let line = until("the call to be given up", async || {
        gateway.output().into_iter().find(|line| line.contains("/v1/items/slow"))
    })
    .await;
    assert!(line.contains("CANCELLED") && line.contains("client"), "{line}");
    let mut answer = Vec::new();
    timeout(Duration::from_secs(10), stream.read_to_end(&mut answer)).await.expect("closed").ok();
    assert!(answer.len() < note.len(), "{}", answer.len());
}

#[tokio::test]
async fn an_idle_connection_is_closed_in_time() {
    let (gateway, _backend) = shop("limits: {idle_timeout: 300ms}").await;
    let begun = Instant::now();
    let answer = raw(&gateway, "GET /v1/look/7 HTTP/1.1\r\nhost: a\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 200 ") && !answer.contains("connection: close"), "{answer}");
    assert!(begun.elapsed() >= Duration::from_millis(300), "{:?}", begun.elapsed());
}
