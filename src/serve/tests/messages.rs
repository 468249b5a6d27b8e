//! What a server must refuse or leave out: RFC 9110 and RFC 9112.

use http::Request;
use http_body_util::Full;

use tokio::io::AsyncWriteExt;

use super::support::*;
use crate::serve::LayerSettings;

#[tokio::test]
async fn head_has_the_headers_of_get() {
    let server =
        Setup { layers: LayerSettings { compression: true, ..layers() }, ..Setup::default() }.start();
    for (accepted, path, coding, length) in [
        (None, "/bytes/1000", None, Some("1000")),
        (Some("gzip"), "/bytes/99", None, Some("99")),
        (Some("gzip"), "/bytes/1000", Some("gzip"), None),
        (Some("br"), "/bytes/1000", Some("br"), None),
        (None, "/nothing", None, Some("2")),
    ] {
        let ask = |method: &str| {
            let mut request = Request::builder().method(method).uri(path).header("host", "test");
            if let Some(accepted) = accepted {
                request = request.header("accept-encoding", accepted);
            }
            request.body(Full::default()).expect("a request")
        };
        let ask2 = |method: &str| {
            let mut request = ask(method);
            *request.uri_mut() = format!("http://test{path}").parse().expect("a target");
            request.headers_mut().remove("host");
            request
        };
        let mut client = http2(server.connect().await).await;
        for (version, get, head) in [
            (1, server.send(ask("GET")).await, server.send(ask("HEAD")).await),
            (2, client.send(ask2("GET")).await, client.send(ask2("HEAD")).await),
        ] {
            let case = format!("{accepted:?} {path} over HTTP/{version}");
            assert_eq!((head.status, head.body.len()), (get.status, 0), "{case}");
            assert_eq!(
                (head.header("content-encoding"), head.header("content-length")),
                (coding, length),
                "{case}"
            );
            for name in ["content-type", "content-encoding", "content-length", "vary"] {
                assert_eq!(head.header(name), get.header(name), "{name} of {case}");
            }
        }
    }
    // An answer to HEAD does not end the connection.
    let mut client = http1(server.connect().await).await;
    for _ in 0..2 {
        let head = Request::head("/bytes/1000").header("host", "test").header("accept-encoding", "gzip");
        assert_eq!(client.send(head.body(Full::default()).expect("a request")).await.status, 200);
        assert_eq!(client.send(get("/bytes/3")).await.text(), "111");
    }
}

#[tokio::test]
async fn a_host_that_is_missing_or_doubled_is_a_400() {
    let server = Setup::default().start();
    for (head, message) in [
        ("GET /bytes/3 HTTP/1.1\r\n", "the Host header is missing"),
        ("GET http://a/bytes/3 HTTP/1.1\r\n", "the Host header is missing"),
        ("GET /bytes/3 HTTP/1.1\r\nhost: a\r\nhost: a\r\n", "there is more than one Host header"),
        ("GET /bytes/3 HTTP/1.1\r\nhost: a/b\r\n", "the Host header is not a host"),
    ] {
        let answer = raw(server.connect().await, format!("{head}connection: close\r\n\r\n").as_bytes()).await;
        assert!(answer.starts_with("HTTP/1.1 400 "), "{head}: {answer}");
        let body = answer.split("\r\n\r\n").nth(1).expect("a body");
        let body: serde_json::Value = serde_json::from_str(body).expect("JSON");
        assert_eq!(body, serde_json::json!({ "code": 3, "message": message, "details": [] }));
    }
    for head in ["GET /bytes/3 HTTP/1.0\r\n", "GET /bytes/3 HTTP/1.1\r\nhost:\r\nconnection: close\r\n"] {
        let answer = raw(server.connect().await, format!("{head}\r\n").as_bytes()).await;
        assert!(answer.ends_with("\r\n\r\n111"), "{head}: {answer}");
    }
    let line = &server.log()[0];
    assert_eq!((&line["status"], &line["origin"]), (&400.into(), &"client".into()), "{line}");
}

#[tokio::test]
async fn a_body_whose_length_is_told_twice_smuggles_nothing() {
    let server = Setup::default().start();
    let smuggled = "GET /smuggled HTTP/1.1\r\nhost: a\r\n\r\n";
    for head in
        ["content-length: 3\r\ntransfer-encoding: chunked", "transfer-encoding: chunked\r\ncontent-length: 3"]
    {
        let request =
            format!("POST /echo HTTP/1.1\r\nhost: a\r\n{head}\r\n\r\n1\r\nx\r\n0\r\n\r\n{smuggled}");
        let answer = raw(server.connect().await, request.as_bytes()).await;
        assert_eq!(answer.matches("HTTP/1.1 ").count(), 1, "the connection ends: {answer}");
        assert!(answer.starts_with("HTTP/1.1 200 ") && answer.contains("connection: close"), "{answer}");
    }
    let chunks = "POST /echo HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n1\r\n1\r\n0\r\n\r\n";
    let last = "GET /bytes/3 HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n";
    let answer = raw(server.connect().await, format!("{chunks}{last}").as_bytes()).await;
    assert_eq!(answer.matches("HTTP/1.1 200").count(), 2, "chunks alone end nothing: {answer}");
    for head in [
        "content-length: 3\r\ncontent-length: 4",
        "content-length: 3, 4",
        "content-length: +3",
        "transfer-encoding: chunked, gzip",
        "transfer-encoding: gzip",
    ] {
        let request = format!("POST /echo HTTP/1.1\r\nhost: a\r\n{head}\r\n\r\nabc{smuggled}");
        let answer = raw(server.connect().await, request.as_bytes()).await;
        assert!(answer.starts_with("HTTP/1.1 400 "), "{head}: {answer}");
        assert_eq!(answer.matches("HTTP/1.1 ").count(), 1, "{head}: {answer}");
    }
    let old = format!("POST /echo HTTP/1.0\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n{smuggled}");
    let answer = raw(server.connect().await, old.as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.") && answer.contains(" 400 "), "HTTP/1.0 has no chunks: {answer}");
    assert!(server.log().iter().all(|line| line["path"] != "/smuggled"));
}

/// What comes of a request whose head and body come one after the other, and of another one behind it.
async fn followed(server: &Server, head: &str, body: &[u8]) -> String {
    let mut stream = server.connect().await;
    stream.write_all(format!("POST {head}\r\n\r\n").as_bytes()).await.expect("sent");
    // The head alone is seen first.
    tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    let last = b"GET /bytes/3 HTTP/1.1\r\nhost: a\r\nx: last\r\nconnection: close\r\n\r\n";
    raw(stream, &[body, last].concat()).await
}

#[tokio::test]
async fn a_connection_goes_on_after_a_body_that_was_or_can_be_read() {
    let layers = LayerSettings { decompression: true, ..layers() };
    let server = Setup { layers, ..Setup::default() }.start();
    // `{}`, through gzip without compression.
    let gzip = [&[31, 139, 8, 0, 0, 0, 0, 0, 0, 255, 1, 2, 0, 253, 255][..], b"{}"].concat();
    let crc = [0x43, 0xbf, 0xa6, 0xa3, 2, 0, 0, 0];
    let gzip = [&gzip[..], &crc].concat();
    for (path, headers, body, status) in [
        ("/large", "content-length: 5", &b"hello"[..], 413),
        ("/large", "transfer-encoding: chunked", b"5\r\nhello\r\n0\r\n\r\n", 413),
        ("/nothing", "content-length: 5", b"hello", 404),
        ("/nothing", "transfer-encoding: chunked", b"5\r\nhello\r\n0\r\n\r\n", 404),
        ("/nothing", "content-length: 5\r\ncontent-encoding: lzma", b"hello", 415),
        ("/echo", "content-length: 25\r\ncontent-encoding: gzip", &gzip, 200),
    ] {
        let answers = followed(&server, &format!("{path} HTTP/1.1\r\nhost: a\r\n{headers}"), body).await;
        assert!(answers.starts_with(&format!("HTTP/1.1 {status} ")), "{path} {headers}: {answers}");
        assert_eq!(answers.matches("HTTP/1.1 ").count(), 2, "{path} {headers}: {answers}");
        assert_eq!(answers.matches("connection: close").count(), 1, "only the last: {answers}");
        assert!(answers.ends_with("\r\n\r\n111"), "{answers}");
    }
}

#[tokio::test]
async fn an_answer_before_the_end_of_a_body_says_that_it_is_the_last() {
    let server = Setup::default().start();
    for (path, headers, status) in [
        // Too much to be read for nothing, slow, not sent without leave, over the limit.
        ("/nothing", "content-length: 100000", 404),
        ("/nothing", "content-length: 5", 404),
        ("/nothing", "content-length: 5\r\nexpect: 100-continue", 404),
        ("/echo", "content-length: 100000", 413),
    ] {
        let head = format!("POST {path} HTTP/1.1\r\nhost: a\r\n{headers}\r\n\r\n");
        let answer = raw(server.connect().await, head.as_bytes()).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{path} {headers}: {answer}");
        assert!(answer.contains("connection: close"), "{path} {headers}: {answer}");
        assert_eq!(answer.matches("HTTP/1.1 ").count(), 1, "{answer}");
    }
}
