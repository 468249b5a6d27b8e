//! Reload and shutdown: no request that was begun is dropped.

use std::sync::Arc;
use std::time::{Duration, Instant};

use http_body_util::Full;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use super::frames;
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
    let last = within(idle.send(get("/bytes/1"))).await;
    assert_eq!(
        (last.status, last.header("connection")),
        (200, Some("close")),
        "what was on its way is served"
    );
    assert!(within(idle.try_send(get("/bytes/1"))).await.is_err(), "and then the connection is closed");

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
async fn what_was_sent_before_the_drain_is_served_though_nobody_had_looked() {
    let limits = crate::serve::ConnectionLimits { connections: 1, ..limits() };
    let server = Setup { limits, ..Setup::default() }.start();
    let mut first = server.connect().await;
    first.write_all(b"GET /wait HTTP/1.1\r\nhost: a\r\n\r\n").await.expect("sent");
    within(server.begun.notified()).await;
    // There is no room for these: they stay with the system until the drain.
    let mut waiting = Vec::new();
    for _ in 0..50 {
        let mut stream = server.connect().await;
        stream.write_all(b"GET /bytes/3 HTTP/1.1\r\nhost: a\r\n\r\n").await.expect("sent");
        waiting.push(stream);
    }
    server.stop.send(Stop::Drain).expect("running");
    let address = server.address();
    within(async { while TcpStream::connect(address).await.is_ok() {} }).await;
    server.release.notify_waiters();
    assert!(raw(first, b"").await.starts_with("HTTP/1.1 200 "));
    for stream in waiting {
        let answer = raw(stream, b"").await;
        assert!(answer.starts_with("HTTP/1.1 200 ") && answer.contains("connection: close"), "{answer}");
        assert!(answer.ends_with("111"), "{answer}");
    }
    assert_eq!(within(server.running).await.expect("no panic"), Drained { cut: 0 });
}

#[tokio::test]
async fn an_http2_request_that_crosses_the_goaway_is_served() {
    let server = Setup::default().start();
    let mut stream = server.connect().await;
    stream.write_all(&frames::opening(65_535, frames::GET, true, "/bytes/2")).await.expect("sent");
    until(|| server.log().len() == 1).await;
    server.stop.send(Stop::Drain).expect("running");
    until(|| server.front.draining()).await;
    stream.write_all(&frames::request(3, frames::GET, true, "/bytes/3")).await.expect("sent");
    until(|| server.log().len() == 2).await;
    stream.write_all(&frames::pong()).await.expect("sent");
    let frames = frames::frames(stream).await;
    let last = frames.iter().rfind(|frame| frame.0 == 7).expect("a GOAWAY");
    assert_eq!(last.3[..8], [0, 0, 0, 3, 0, 0, 0, 0], "the last stream, without an error");
    assert!(frames.iter().any(|frame| (frame.0, frame.2, &frame.3[..]) == (0, 3, b"111")), "{frames:?}");
    assert_eq!(within(server.running).await.expect("no panic"), Drained { cut: 0 });
}

#[tokio::test]
async fn a_head_that_has_begun_is_waited_for_and_a_silent_client_is_not() {
    let server = Setup::default().start();
    let (mut begun, silent) = (server.connect().await, server.connect().await);
    begun.write_all(b"GET /bytes/3 HTT").await.expect("sent");
    until(|| server.metrics().contains("transom_connections 2")).await;
    let drain = Instant::now();
    server.stop.send(Stop::Drain).expect("running");
    assert_eq!(raw(silent, b"").await, "", "closed without a word");
    assert!(drain.elapsed() < Duration::from_secs(5), "{:?}", drain.elapsed());
    assert!(!server.running.is_finished());
    let answer = raw(begun, b"P/1.1\r\nhost: a\r\n\r\n").await;
    assert!(answer.ends_with("111"), "{answer}");
    assert_eq!(within(server.running).await.expect("no panic"), Drained { cut: 0 });
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_that_a_drain_cuts_are_the_gateways_doing() {
    let server = Setup { drain: Duration::from_millis(100), ..Setup::default() }.start();
    let (mut one, mut two) = (http1(server.connect().await).await, http2(server.connect().await).await);
    tokio::spawn(async move { one.try_send(get("/wait")).await });
    within(server.begun.notified()).await;
    let request = http::Request::get("http://test/wait").body(Full::default()).expect("a request");
    tokio::spawn(async move { two.try_send(request).await });
    within(server.begun.notified()).await;
    server.stop.send(Stop::Drain).expect("running");
    let telemetry = server.telemetry.recorder().clone();
    let log = server.lines();
    assert_eq!(within(server.running).await.expect("no panic"), Drained { cut: 2 });
    // Both are recorded by now: nothing runs on after the drain.
    telemetry.flush(LONG);
    let log = log.json();
    assert_eq!(log.len(), 2, "{log:?}");
    for line in log {
        assert_eq!(
            (&line["status"], &line["grpc_code"], &line["origin"]),
            (&503.into(), &"UNAVAILABLE".into(), &"gateway".into()),
            "{line}"
        );
    }
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
