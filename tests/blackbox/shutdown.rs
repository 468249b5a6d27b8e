//! The end of a process: what is in flight finishes, for a bounded time.

use std::time::{Duration, Instant};

use http::Method;

use crate::support::{request, shop, until};

#[tokio::test]
async fn calls_in_flight_finish_and_new_ones_are_refused() {
    let (mut gateway, backend) = shop("").await;
    let slow = {
        let client = gateway.client();
        let headers = [("grpc-metadata-transom-fault", "delay=1s")];
        tokio::spawn(async move { client.send(request(Method::GET, "/v1/look/slow", &headers, "")).await })
    };
    until("the slow call to begin", async || (!backend.calls().is_empty()).then_some(())).await;
    gateway.signal("TERM");
    let client = gateway.client();
    until("new connections to be refused", async || {
        client.try_send(request(Method::GET, "/v1/look/new", &[], "")).await.err()
    })
    .await;
    assert_eq!(slow.await.expect("no panic").status, 200);
    assert_eq!(gateway.exit().await, Some(0));
}

#[tokio::test]
async fn the_grace_period_is_bounded() {
    let (mut gateway, backend) = shop("limits: {drain: 300ms}").await;
    let client = gateway.client();
    let headers = [("grpc-metadata-transom-fault", "delay=60s")];
    let cut =
        tokio::spawn(async move { client.try_send(request(Method::GET, "/v1/look/x", &headers, "")).await });
    until("the call to begin", async || (!backend.calls().is_empty()).then_some(())).await;
    let begun = Instant::now();
    gateway.signal("TERM");
    assert_eq!(gateway.exit().await, Some(0));
    assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());
    assert!(cut.await.expect("no panic").is_err(), "the call is cut");
}
