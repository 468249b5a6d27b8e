//! Reload and shutdown: no request that was begun is dropped.

use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpStream;

use http_body_util::Full;

use super::support::*;
use crate::problem::Problems;
use crate::serve::{Drained, Layers, Stop};

#[tokio::test]
async fn a_drain_finishes_what_was_begun_and_accepts_nothing_new() {
    let server = Setup::default().start();
    let (mut one, mut two) = (http1(server.connect().await).await, http2(server.connect().await).await);
    let mut idle = http1(server.connect().await).await;
    idle.send(get("/bytes/1")).await;

    let one = tokio::spawn(async move { (one.send(get("/wait")).await, one) });
    within(server.begun.notified()).await;
    let request = http::Request::get("http://test/wait").body(Full::default()).expect("a request");
    let two = tokio::spawn(async move { two.send(request).await });
    within(server.begun.notified()).await;

    server.stop.send(Stop::Drain).expect("running");
    until(|| server.front.draining()).await;
    let address = server.address();
    within(async { while TcpStream::connect(address).await.is_ok() {} }).await;
    assert!(within(idle.try_send(get("/bytes/1"))).await.is_err(), "an idle connection is closed");

    server.release.notify_waiters();
    let (answer, mut client) = within(one).await.expect("no panic");
    assert_eq!((answer.status, answer.header("connection")), (200, Some("close")));
    assert!(client.try_send(get("/bytes/1")).await.is_err(), "the connection is closed after the answer");
    assert_eq!(within(two).await.expect("no panic").status, 200);
    assert_eq!(within(server.running).await.expect("no panic"), Drained { cut: 0 });
}

#[tokio::test]
async fn a_drain_is_bounded_and_counts_what_it_cut() {
    let server = Setup { drain: Duration::from_millis(100), ..Setup::default() }.start();
    let mut client = http1(server.connect().await).await;
    let cut = tokio::spawn(async move { client.try_send(get("/wait")).await });
    within(server.begun.notified()).await;
    server.stop.send(Stop::Drain).expect("running");
    assert_eq!(within(server.running).await.expect("no panic"), Drained { cut: 1 });
    assert!(within(cut).await.expect("no panic").is_err());
}

#[tokio::test]
async fn a_second_signal_stops_at_once() {
    let server = Setup::default().start();
    let mut client = http1(server.connect().await).await;
    let cut = tokio::spawn(async move { client.try_send(get("/wait")).await });
    within(server.begun.notified()).await;
    server.stop.send(Stop::Drain).expect("running");
    until(|| server.front.draining()).await;
    server.stop.send(Stop::Now).expect("running");
    assert_eq!(within(server.running).await.expect("no panic"), Drained { cut: 1 });
    assert!(within(cut).await.expect("no panic").is_err());
}

#[tokio::test]
async fn a_request_finishes_on_the_generation_it_began_with() {
    let server = Setup::default().start();
    let mut client = http1(server.connect().await).await;
    let old = tokio::spawn(async move { (client.send(get("/wait")).await, client) });
    within(server.begun.notified()).await;

    let next =
        Script { generation: 2, release: Arc::clone(&server.release), begun: Arc::clone(&server.begun) };
    let layers = Layers::prepare(&layers(), &mut Problems::new()).expect("no problem");
    server.front.swap(Arc::new(next), &layers);
    let mut other = http1(server.connect().await).await;
    let new = tokio::spawn(async move { other.send(get("/wait")).await });
    within(server.begun.notified()).await;

    server.release.notify_waiters();
    let (old, mut client) = within(old).await.expect("no panic");
    assert_eq!(old.text(), "{\"generation\":1}");
    assert_eq!(within(new).await.expect("no panic").text(), "{\"generation\":2}");
    client.send(get("/bytes/1")).await;
    let generations: Vec<_> = server.log().iter().map(|line| line["generation"].clone()).collect();
    assert_eq!(generations.iter().filter(|generation| **generation == 2).count(), 2, "{generations:?}");
    assert!(server.metrics().contains("transom_snapshot_generation 2"));
}
