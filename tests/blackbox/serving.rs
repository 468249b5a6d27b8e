//! The listeners and the layers before a real gateway.

use http::Method;
use transom::demo::Backend;

use crate::support::{Client, SHOP, pool, request, shop, shop_files, until};

#[tokio::test]
async fn on_one_processor_calls_are_served_through_a_reload_and_a_drain() {
    let backend = Backend::start(pool(SHOP), ([127, 0, 0, 1], 0).into()).await.expect("started");
    let mut gateway = shop_files().on_one_processor().upstream(backend.address()).start().await;
    let call = |name: &'static str, delay: &'static str| {
        let client = gateway.client();
        let headers = [("grpc-metadata-transom-fault", delay)];
        tokio::spawn(async move {
            client.send(request(Method::GET, &format!("/v1/look/{name}"), &headers, "")).await
        })
    };
    let slow = call("slow", "delay=1s");
    for _ in 0..20 {
        assert_eq!(call("quick", "delay=1ms").await.expect("no panic").status, 200);
    }
    let reloaded = gateway.admin().send(request(Method::POST, "/reload", &[], "")).await;
    assert_eq!(reloaded.status, 200, "{}", reloaded.text());
    gateway.signal("TERM");
    assert_eq!(slow.await.expect("no panic").status, 200);
    assert_eq!(gateway.exit().await, Some(0));
}

#[tokio::test]
async fn unix_sockets_and_both_protocols_serve() {
    let folder = tempfile::tempdir().expect("a folder");
    let socket = folder.path().join("transom.sock");
    let (gateway, _backend) =
        shop(&format!("listen: [\"127.0.0.1:0\", \"unix:{}\"]", socket.display())).await;
    let tcp = gateway.address().to_owned();
    for client in [Client::Tcp(tcp.clone()), Client::Http2(tcp), Client::Unix(socket)] {
        let answer = client.send(request(Method::GET, "/v1/look/7", &[], "")).await;
        assert_eq!((answer.status.as_u16(), &answer.json()["id"]), (200, &"7".into()), "{client:?}");
    }
}

#[tokio::test]
async fn a_decompressed_body_counts_against_the_limit() {
    let (gateway, _backend) =
        shop("limits: {request_body: 4KiB}\ncompression: {responses: true, requests: true, min_size: 16B}")
            .await;
    // The gateway itself compresses the bomb: an echo that is nearly all the same letter.
    let note = "x".repeat(3000);
    let body = format!(r#"{{"note":"{note}"}}"#);
    let zstd = [("accept-encoding", "zstd")];
    let echoed = gateway.request(Method::PUT, "/v1/items/7", &zstd, body).await;
    assert_eq!((echoed.status.as_u16(), echoed.header("content-encoding")), (200, "zstd"));
    assert!(echoed.body.len() < 1000);

    let sent = [("content-encoding", "zstd")];
    let small = gateway.request(Method::PUT, "/v1/items/8", &sent, echoed.body.clone()).await;
    assert_eq!(small.json()["note"], note.as_str());
    // Frames may follow each other: each is small, together they are too much.
    let bomb = echoed.body.repeat(3);
    assert!(bomb.len() < 4096);
    let answer = gateway.request(Method::PUT, "/v1/items/9", &sent, bomb).await;
    assert_eq!(answer.error(), (413, "the request body is larger than the limit of 4KiB".into()));
    let odd = gateway.request(Method::PUT, "/v1/items/9", &[("content-encoding", "compress")], "{}").await;
    assert_eq!(odd.error().0, 415);
}

#[tokio::test]
async fn a_preflight_names_the_methods_of_the_routes() {
    let (gateway, _backend) = shop("cors: {origins: [\"https://app.example\"]}").await;
    let headers = [("origin", "https://app.example"), ("access-control-request-method", "PATCH")];
    let answer = gateway.request(Method::OPTIONS, "/v1/items/7", &headers, "").await;
    assert_eq!(answer.header("access-control-allow-origin"), "https://app.example");
    let methods = answer.header("access-control-allow-methods");
    for method in ["GET", "PUT", "PATCH", "POST", "DELETE", "REPORT"] {
        assert!(methods.split(',').any(|allowed| allowed == method), "{method} not in {methods}");
    }
}

#[tokio::test]
async fn head_has_the_headers_of_get_compressed_or_not() {
    let (gateway, _backend) = shop("compression: {min_size: 16B}").await;
    for accepted in ["identity", "gzip", "br", "zstd"] {
        let headers = [("accept-encoding", accepted)];
        let get = gateway.request(Method::GET, "/v1/look/7", &headers, "").await;
        let head = gateway.request(Method::HEAD, "/v1/look/7", &headers, "").await;
        assert_eq!((get.status.as_u16(), head.status.as_u16(), head.body.len()), (200, 200, 0));
        assert_eq!(get.header("content-encoding").is_empty(), accepted == "identity", "{accepted}");
        for name in ["content-type", "content-encoding", "content-length", "vary"] {
            assert_eq!(head.header(name), get.header(name), "{name} with {accepted}");
        }
    }
}

#[tokio::test]
async fn a_client_that_leaves_is_logged_as_cancelled() {
    let (gateway, backend) = shop("").await;
    let client = gateway.client();
    let headers = [("grpc-metadata-transom-fault", "delay=30s")];
    let left =
        tokio::spawn(
            async move { client.try_send(request(Method::GET, "/v1/look/left", &headers, "")).await },
        );
    until("the call to begin", async || (!backend.calls().is_empty()).then_some(())).await;
    left.abort();
    until("the record", async || {
        let lines = gateway.output();
        lines.iter().any(|line| line.contains("/v1/look/left") && line.contains("CANCELLED")).then_some(())
    })
    .await;
}
