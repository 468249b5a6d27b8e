//! Clients that are slow, half gone or many.

use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::{interval, timeout};

use super::{BOUND, Target, status};
use crate::support::until;

/// Sends a byte now and then, for ever, and reads until the connection is closed.
async fn dribbled(target: &Target, first: &str, byte: &[u8]) -> String {
    let begun = Instant::now();
    let socket = TcpStream::connect(target.gateway.address()).await.expect("connected");
    let (mut reading, mut writing) = socket.into_split();
    writing.write_all(first.as_bytes()).await.expect("sent");
    let byte = byte.to_vec();
    let dribbling = tokio::spawn(async move {
        let mut turns = interval(Duration::from_millis(20));
        loop {
            turns.tick().await;
            if writing.write_all(&byte).await.is_err() {
                return;
            }
        }
    });
    let mut answer = Vec::new();
    timeout(BOUND, reading.read_to_end(&mut answer)).await.expect("closed in time").ok();
    dribbling.abort();
    assert!(begun.elapsed() >= Duration::from_millis(250), "it had its time");
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test]
async fn slow_heads_and_bodies_have_a_time_however_steadily_they_come() {
    let target = Target::start("limits: {header_timeout: 300ms, body_timeout: 300ms}").await;
    let head = dribbled(&target, "GET /nothing HTTP/1.1\r\nhost: a\r\nx-slow: ", b"a").await;
    assert!(!head.starts_with("HTTP/1.1 2"), "{head}");
    let body = "POST /whole HTTP/1.1\r\nhost: a\r\ncontent-length: 100000\r\n\r\n{\"name\": \"";
    assert_eq!(status(&dribbled(&target, body, b"a").await), 408);
    let chunks = "POST /whole HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n";
    assert_eq!(status(&dribbled(&target, chunks, b"1\r\n \r\n").await), 408);
    assert_eq!(target.calls(), 0);
    target.is_well().await;
}

#[tokio::test]
async fn a_socket_closed_on_one_side_ends_in_time_and_half_a_request_is_no_call() {
    let target = Target::start("").await;
    // Behind a whole request it may be a client that went away: whether it is answered is open.
    for (request, whole) in [
        ("GET /found/x HTTP/1.1\r\nhost: a\r\n", false),
        ("POST /whole HTTP/1.1\r\nhost: a\r\ncontent-length: 9\r\n\r\n{", false),
        ("POST /whole HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n2\r\n{}\r\n", false),
        ("", false),
        ("GET /found/x HTTP/1.1\r\nhost: a\r\n\r\n", true),
        ("POST /whole HTTP/1.1\r\nhost: a\r\ncontent-length: 2\r\n\r\n{}", true),
    ] {
        let before = target.calls();
        let mut socket = TcpStream::connect(target.gateway.address()).await.expect("connected");
        socket.write_all(request.as_bytes()).await.expect("sent");
        socket.shutdown().await.expect("closed on our side");
        let mut answer = String::new();
        timeout(BOUND, socket.read_to_string(&mut answer)).await.expect("closed in time").ok();
        assert!(whole || !answer.starts_with("HTTP/1.1 2"), "{request}\n{answer}");
        assert!(whole || target.calls() == before, "{request}");
    }
    target.is_well().await;
}

#[tokio::test]
async fn many_who_say_nothing_harm_nobody() {
    let target = Target::start("").await;
    let mut idle = Vec::new();
    for _ in 0..300 {
        let mut socket = TcpStream::connect(target.gateway.address()).await.expect("connected");
        socket
            .write_all(b"POST /whole HTTP/1.1\r\nhost: a\r\ncontent-length: 4000000\r\n\r\n{")
            .await
            .expect("sent");
        idle.push(socket);
    }
    target.is_well().await;
    drop(idle);
    until("the calls to be told", async || {
        let lines = target.gateway.output();
        (lines.iter().filter(|line| line.contains("\"/whole\"")).count() >= 300).then_some(())
    })
    .await;
    target.is_well().await;
}
