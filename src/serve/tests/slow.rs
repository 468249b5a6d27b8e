//! Clients that send, read or ask too slowly.

use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::frames::{GET, POST, data, frame, frames, opening, pong, request};
use super::support::*;
use crate::serve::ConnectionLimits;

const BRIEF: Duration = Duration::from_millis(200);

/// More than the buffers of a socket hold.
const LARGE: usize = 32 << 20;

fn impatient() -> Server {
    let limits = ConnectionLimits { write_timeout: BRIEF, ..limits() };
    Setup { limits, ..Setup::default() }.start()
}

#[tokio::test]
async fn a_body_that_comes_too_slowly_is_a_408_and_the_connection_ends() {
    let server = Setup::default().start();
    let mut stream = server.connect().await;
    stream.write_all(b"POST /echo HTTP/1.1\r\nhost: a\r\ncontent-length: 100\r\n\r\n").await.expect("sent");
    let begun = Instant::now();
    // A byte now and then does not prolong the time.
    let (mut reading, mut writing) = stream.into_split();
    let drip = tokio::spawn(async move {
        while writing.write_all(b"x").await.is_ok() {
            tokio::time::sleep(BODY_TIME / 10).await;
        }
    });
    let mut answer = Vec::new();
    within(reading.read_to_end(&mut answer)).await.ok();
    drip.abort();
    let answer = String::from_utf8_lossy(&answer);
    assert!(answer.starts_with("HTTP/1.1 408 ") && answer.contains("connection: close"), "{answer}");
    assert!(begun.elapsed() >= BODY_TIME && begun.elapsed() < BODY_TIME * 10, "{:?}", begun.elapsed());
    let line = &server.log()[0];
    assert_eq!((&line["grpc_code"], &line["origin"]), (&"DEADLINE_EXCEEDED".into(), &"client".into()));
}

#[tokio::test]
async fn an_http2_body_that_comes_too_slowly_ends_its_stream_only() {
    let server = Setup::default().start();
    let mut stream = server.connect().await;
    stream.write_all(&opening(65_535, POST, false, "/echo")).await.expect("sent");
    stream.write_all(&data(1, b"{")).await.expect("sent");
    until(|| server.log().len() == 1).await;
    assert_eq!(server.log()[0]["status"], 408);
    stream.write_all(&request(3, GET, true, "/bytes/3")).await.expect("sent");
    until(|| server.log().len() == 2).await;
    server.stop.send(crate::serve::Stop::Drain).expect("running");
    stream.write_all(&pong()).await.expect("sent");
    let frames = frames(stream).await;
    let reset = frames.iter().find(|frame| (frame.0, frame.2) == (3, 1)).expect("the stream is reset");
    assert_eq!(reset.3, [0, 0, 0, 0], "without an error: the answer was complete");
    assert!(frames.iter().any(|frame| (frame.0, frame.2, &frame.3[..]) == (0, 3, b"111")), "{frames:?}");
}

#[tokio::test]
async fn a_client_that_does_not_read_is_closed() {
    let server = impatient();
    let path = format!("/bytes/{LARGE}");
    for (request, version) in [
        (format!("GET {path} HTTP/1.1\r\nhost: a\r\n\r\n").into_bytes(), "HTTP/1.1"),
        (opening(0x7fff_ffff, GET, true, &path), "HTTP/2 with a full socket"),
        (opening(0, GET, true, &path), "HTTP/2 with no window"),
        (opening(70_000, GET, true, &path), "HTTP/2 with a small window"),
    ] {
        let calls = server.log().len();
        let mut stream = server.connect().await;
        stream.write_all(&request).await.expect("sent");
        until(|| server.metrics().contains("transom_connections 1")).await;
        until(|| server.metrics().contains("transom_connections 0")).await;
        until(|| server.log().len() > calls).await;
        let line = &server.log()[calls];
        let sent = line["bytes_out"].as_u64().expect("a number");
        assert!(sent < LARGE as u64, "{version}: {line}");
        assert_eq!(
            (&line["grpc_code"], &line["origin"]),
            (&"CANCELLED".into(), &"client".into()),
            "{version}"
        );
        drop(stream);
    }
}

#[tokio::test]
async fn a_client_that_grants_a_byte_keeps_no_answer_and_no_connection() {
    let idle = ConnectionLimits { idle_timeout: BRIEF, write_timeout: BRIEF, ..limits() };
    for (size, limits) in [
        (13_000, ConnectionLimits { write_timeout: BRIEF, ..limits() }),
        // So few bytes count as taken with the first of them, and the connection as idle.
        (3, idle),
    ] {
        let server = Setup { limits, ..Setup::default() }.start();
        let mut stream = server.connect().await;
        stream.write_all(&opening(1, GET, true, &format!("/bytes/{size}"))).await.expect("sent");
        until(|| server.log().len() == 1).await;
        assert!(server.metrics().contains("transom_connections 1"));
        until(|| server.metrics().contains("transom_connections 0")).await;
        drop(stream);
    }
}

#[tokio::test]
async fn a_call_that_crosses_the_goaway_of_an_idle_connection_has_its_time() {
    let time = Duration::from_millis(500);
    let limits = ConnectionLimits { idle_timeout: BRIEF, write_timeout: time, ..limits() };
    let server = Setup { limits, ..Setup::default() }.start();
    let mut stream = server.connect().await;
    stream.write_all(&opening(65_535, GET, true, "/bytes/3")).await.expect("sent");
    while frame(&mut stream).await.0 != 7 {}
    stream.write_all(&request(3, GET, true, "/wait")).await.expect("sent");
    within(server.begun.notified()).await;
    // Time passing is what is under test.
    tokio::time::sleep(time * 3).await;
    server.release.notify_waiters();
    let frames = frames(stream).await;
    assert!(frames.iter().any(|frame| (frame.0, frame.2) == (0, 3)), "{frames:?}");
    until(|| server.metrics().contains("transom_connections 0")).await;
}

#[tokio::test]
async fn a_client_that_reads_slowly_gets_everything() {
    let time = Duration::from_secs(1);
    let limits = ConnectionLimits { write_timeout: time, ..limits() };
    let server = Setup { limits, ..Setup::default() }.start();
    let mut stream = server.connect().await;
    let size = 8 << 20;
    let request = format!("GET /bytes/{size} HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.expect("sent");
    let begun = Instant::now();
    let (mut read, mut part) = (0, vec![0; size / 16]);
    loop {
        let some = within(stream.read(&mut part)).await.expect("still open");
        if some == 0 {
            break;
        }
        read += some;
        if begun.elapsed() < time * 2 {
            // Time passing is what is under test.
            tokio::time::sleep(time / 8).await;
        }
    }
    assert!(read > size, "{read}");
    assert_eq!(server.log()[0]["grpc_code"], "OK");
}

#[tokio::test]
async fn an_idle_connection_is_closed_and_http2_is_told_so() {
    let limits = ConnectionLimits { idle_timeout: BRIEF, ..limits() };
    let server = Setup { limits, ..Setup::default() }.start();
    let begun = Instant::now();
    let answer = raw(server.connect().await, b"GET /bytes/3 HTTP/1.1\r\nhost: a\r\n\r\n").await;
    assert!(answer.ends_with("111"), "{answer}");
    assert!(begun.elapsed() >= BRIEF, "not before its time");

    let mut stream = server.connect().await;
    stream.write_all(&opening(65_535, GET, true, "/bytes/3")).await.expect("sent");
    // Time passing is what is under test.
    tokio::time::sleep(BRIEF * 2).await;
    stream.write_all(&pong()).await.expect("sent");
    let frames = frames(stream).await;
    let goaway = frames.iter().rfind(|frame| frame.0 == 7).expect("a GOAWAY");
    assert_eq!(goaway.3[..8], [0, 0, 0, 1, 0, 0, 0, 0], "the last stream, without an error");
}
