//! HTTP/1.1 and HTTP/2, and the limits of connections.

use std::time::Duration;

use tokio::io::AsyncReadExt;
use tokio::io::AsyncWriteExt;

use http_body_util::Full;

use super::support::*;

#[tokio::test]
async fn http1_serves_several_requests_on_a_connection() {
    let server = Setup::default().start();
    let mut client = http1(server.connect().await).await;
    for _ in 0..3 {
        assert_eq!(client.send(get("/bytes/5")).await.text(), "11111");
    }
    assert!(server.metrics().contains("transom_connections 1"), "{}", server.metrics());
}

#[tokio::test]
async fn http2_is_served_with_prior_knowledge() {
    let server = Setup::default().start();
    let mut client = http2(server.connect().await).await;
    for _ in 0..3 {
        let request = http::Request::get("http://test/bytes/5").body(Full::default()).expect("a request");
        assert_eq!(client.send(request).await.text(), "11111");
    }
}

#[tokio::test]
async fn an_answer_has_a_length_and_no_chunks() {
    let server = Setup::default().start();
    let answer = server.get("/bytes/5").await;
    assert_eq!((answer.header("content-length"), answer.header("transfer-encoding")), (Some("5"), None));
}

#[tokio::test]
async fn too_many_header_bytes_are_refused() {
    let server = Setup::default().start();
    let long = "a".repeat(limits().header_bytes);
    let request = format!("GET / HTTP/1.1\r\nhost: a\r\nx: {long}\r\n\r\n");
    let answer = raw(server.connect().await, request.as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 431 ") && answer.contains("connection: close"), "{answer}");
    assert!(answer.contains("content-length: 0\r\n") && answer.ends_with("\r\n\r\n"), "{answer}");
    let answer = raw(server.connect().await, b"GET  / HTTP/1.1\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 400 ") && answer.contains("content-length: 0\r\n"), "{answer}");

    let mut client = http2(server.connect().await).await;
    let request = http::Request::get("http://test/").header("x", long).body(Full::default());
    // hyper's client keeps to the limit it was told of; either side may refuse.
    match client.try_send(request.expect("a request")).await {
        Ok(answer) => assert_eq!(answer.status, 431),
        Err(error) => assert!(error.is_user() || format!("{error:?}").contains("too big"), "{error:?}"),
    }
    assert!(server.log().is_empty(), "such requests are refused before there is a call: {:?}", server.log());
}

#[tokio::test]
async fn clients_that_say_too_little_are_closed() {
    let limits = crate::serve::ConnectionLimits { header_timeout: Duration::from_millis(150), ..limits() };
    let server = Setup { limits, ..Setup::default() }.start();
    for part in
        ["", "G", "GET / HTTP/1.1\r\nhost: a\r\n", "PRI * HTTP/2.0\r\n", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"]
    {
        let mut stream = server.connect().await;
        stream.write_all(part.as_bytes()).await.expect("sent");
        let mut answer = Vec::new();
        within(stream.read_to_end(&mut answer)).await.ok();
        assert!(!answer.starts_with(b"HTTP/1.1 200"), "{part:?}");
    }
    until(|| server.metrics().contains("transom_connections 0")).await;
}

#[tokio::test]
async fn http2_clients_are_told_how_many_streams_they_may_open() {
    let server = Setup::default().start();
    let mut stream = server.connect().await;
    stream.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0").await.expect("sent");
    let mut head = [0; 9];
    within(stream.read_exact(&mut head)).await.expect("a frame");
    let mut settings = vec![0; usize::from(head[2])];
    within(stream.read_exact(&mut settings)).await.expect("its content");
    assert_eq!(head[3], 4, "SETTINGS comes first");
    let streams = [0, 3, 0, 0, 0, 16];
    assert!(settings.chunks(6).any(|setting| setting == streams), "{settings:?}");
}

#[tokio::test]
async fn an_idle_connection_outlives_the_header_timeout() {
    let header_timeout = Duration::from_millis(50);
    let limits = crate::serve::ConnectionLimits { header_timeout, ..limits() };
    let server = Setup { limits, ..Setup::default() }.start();
    let mut client = http1(server.connect().await).await;
    client.send(get("/bytes/1")).await;
    // Time passing is what is under test.
    tokio::time::sleep(header_timeout * 4).await;
    assert_eq!(client.send(get("/bytes/2")).await.text(), "11");
}

#[tokio::test]
async fn connections_beyond_the_cap_wait_for_room() {
    let limits = crate::serve::ConnectionLimits { connections: 1, ..limits() };
    let server = Setup { limits, ..Setup::default() }.start();
    let mut first = http1(server.connect().await).await;
    assert_eq!(first.send(get("/bytes/1")).await.status, 200);

    let waiting = tokio::spawn({
        let stream = server.connect().await;
        async move { http1(stream).await.send(get("/bytes/2")).await }
    });
    assert_eq!(first.send(get("/bytes/1")).await.status, 200);
    assert!(!waiting.is_finished());
    drop(first);
    assert_eq!(within(waiting).await.expect("no panic").text(), "11");
}

#[tokio::test]
async fn a_listener_without_clients_takes_no_room_from_others() {
    let limits = crate::serve::ConnectionLimits { connections: 1, ..limits() };
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("also.sock");
    let also = Some(crate::serve::ListenAddress::Unix(path.clone()));
    let server = Setup { limits, also, ..Setup::default() }.start();
    // Several in a row on each: in turns they would make room for one another.
    for _ in 0..3 {
        let mut client = http1(server.connect().await).await;
        assert_eq!(within(client.send(get("/bytes/1"))).await.text(), "1");
    }
    for _ in 0..3 {
        let stream = tokio::net::UnixStream::connect(&path).await.expect("a connection");
        assert_eq!(within(http1(stream).await.send(get("/bytes/2"))).await.text(), "11");
    }
}

#[tokio::test]
async fn a_client_that_goes_away_cancels_its_call() {
    let server = Setup::default().start();
    let mut stream = server.connect().await;
    stream.write_all(b"GET /wait HTTP/1.1\r\nhost: a\r\n\r\n").await.expect("sent");
    within(server.begun.notified()).await;
    drop(stream);
    until(|| server.log().len() == 1).await;
    let line = &server.log()[0];
    assert_eq!((&line["status"], &line["grpc_code"]), (&499.into(), &"CANCELLED".into()), "{line}");
    until(|| server.metrics().contains("http_server_active_requests 0")).await;
}
