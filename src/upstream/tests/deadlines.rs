//! What is sent with a call: gRPC's headers and the deadline, and what happens when it passes.

use std::sync::Arc;

use tokio::sync::mpsc;

use super::*;
use crate::status::Code;

/// Answers every call and tells its head.
async fn noting() -> (Server, mpsc::Receiver<http::request::Parts>) {
    let (heads, seen) = mpsc::channel(64);
    let server = Server::calls(move |request, mut respond| {
        let heads = heads.clone();
        async move {
            let (head, body) = request.into_parts();
            heads.send(head).await.expect("the test listens");
            whole(body).await;
            answer_ok(&mut respond, b"");
        }
    })
    .await;
    (server, seen)
}

#[tokio::test]
async fn a_call_carries_grpcs_headers_and_the_metadata() {
    let (server, mut seen) = noting().await;
    let mut sent = call(b"x");
    sent.metadata = header_map(&[
        ("x-a", "1"),
        ("x-a", "2"),
        ("x-bin", "AAE"),
        ("x-request-id", "r1"),
        ("connection", "close"),
        ("te", "gzip"),
        ("user-agent", "tests/1"),
        ("content-length", "7"),
        ("grpc-timeout", "1H"),
        ("grpc-encoding", "gzip"),
    ]);
    let reply = soon(upstream(&server.url()).unary(sent)).await;
    assert_eq!(message(&reply), b"");
    let head = seen.recv().await.expect("a call");
    assert_eq!(head.method, "POST");
    assert_eq!(head.uri.to_string(), format!("http://{}/pkg.Service/Method", server.address));
    let agent = concat!("transom/", env!("CARGO_PKG_VERSION"));
    let expected = header_map(&[
        ("x-a", "1"),
        ("x-a", "2"),
        ("x-bin", "AAE"),
        ("x-request-id", "r1"),
        ("te", "trailers"),
        ("content-type", "application/grpc"),
        ("grpc-accept-encoding", "identity"),
        ("user-agent", agent),
    ]);
    assert_eq!(head.headers, expected);
}

#[tokio::test]
async fn the_deadline_reaches_the_backend() {
    let (server, mut seen) = noting().await;
    let upstream = upstream(&server.url());
    for expected in [20, 80] {
        let timeout = Some(Duration::from_secs(expected));
        soon(upstream.unary(Call { timeout, ..call(b"x") })).await;
        let head = seen.recv().await.expect("a call");
        let text = head.headers["grpc-timeout"].to_str().expect("a text").to_owned();
        let micros: u64 = text.strip_suffix('u').expect("microseconds").parse().expect("a number");
        assert!((expected - 5) * 1_000_000 < micros && micros <= expected * 1_000_000, "{text}");
    }
}

#[tokio::test]
async fn a_deadline_that_passes_is_told_and_the_backend_hears_of_it() {
    let (resets, mut seen) = mpsc::channel(1);
    let server = Server::calls(move |request, mut respond| {
        let resets = resets.clone();
        async move {
            whole(request.into_body()).await;
            let reason = std::future::poll_fn(|cx| respond.poll_reset(cx)).await;
            resets.send(reason.expect("a reset")).await.expect("the test listens");
        }
    })
    .await;
    let upstream = upstream(&server.url());
    let reply = soon(upstream.unary(Call { timeout: Some(Duration::from_millis(50)), ..call(b"x") })).await;
    let status = status(&reply);
    assert_eq!((status.code, status.http_status().as_u16()), (Code::DeadlineExceeded, 504));
    assert_eq!(soon(seen.recv()).await, Some(h2::Reason::CANCEL));
}

#[tokio::test]
async fn a_deadline_of_zero_sends_nothing() {
    let (server, mut seen) = noting().await;
    let upstream = Arc::new(upstream(&server.url()));
    let reply = soon(upstream.unary(Call { timeout: Some(Duration::ZERO), ..call(b"x") })).await;
    assert_eq!(status(&reply).code, Code::DeadlineExceeded);
    assert!(seen.try_recv().is_err());
}

#[tokio::test]
async fn a_backend_that_cancels_at_the_deadline_means_the_deadline() {
    let server = Server::calls(|request, mut respond| async move {
        whole(request.into_body()).await;
        // Blocks the only thread past the deadline, so that the reset and the timer meet.
        let end = Instant::now() + Duration::from_millis(30);
        while Instant::now() < end {
            std::hint::spin_loop();
        }
        respond.send_reset(h2::Reason::CANCEL);
    })
    .await;
    let upstream = upstream(&server.url());
    soon(upstream.unary(Call { timeout: Some(Duration::from_secs(5)), ..call(b"warm") })).await;
    let reply = soon(upstream.unary(Call { timeout: Some(Duration::from_millis(20)), ..call(b"x") })).await;
    assert_eq!(status(&reply).code, Code::DeadlineExceeded);
}

#[tokio::test]
async fn a_request_message_over_the_limit_is_413_and_nothing_is_sent() {
    let (server, mut seen) = noting().await;
    let upstream = prepare(Settings { max_request_message: 1024, ..settings(&server.url()) });
    let reply = soon(upstream.unary(call(&[0; 1025]))).await;
    let refused = status(&reply);
    assert_eq!((refused.code, refused.http_status().as_u16()), (Code::ResourceExhausted, 413));
    assert_eq!(refused.message, "the request message is larger than the limit of 1KiB");
    assert!(seen.try_recv().is_err());
    assert_eq!(message(&soon(upstream.unary(call(&[0; 1024]))).await), b"");
}
