//! The layers around a call, as a client sees them.

use bytes::Bytes;
use http::Request;
use http_body_util::Full;

use super::support::*;
use crate::serve::LayerSettings;

fn post(path: &str, headers: &[(&str, &str)], body: Vec<u8>) -> Request<Full<Bytes>> {
    let mut request = Request::post(path).header("host", "test");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(Full::from(body)).expect("a request")
}

/// `text` compressed by the `gzip` format's stored blocks, and a bomb of `size` zeros by the layer itself.
async fn compressed(server: &Server, coding: &str, size: usize) -> Vec<u8> {
    let mut request = get(&format!("/bytes/{size}"));
    request.headers_mut().insert("accept-encoding", coding.parse().expect("a value"));
    let answer = server.send(request).await;
    assert_eq!(answer.header("content-encoding"), Some(coding));
    answer.body.to_vec()
}

#[tokio::test]
async fn answers_are_compressed_as_the_client_accepts_it() {
    let server =
        Setup { layers: LayerSettings { compression: true, ..layers() }, ..Setup::default() }.start();
    for (accepted, path, coding) in [
        ("gzip", "/bytes/1000", Some("gzip")),
        ("br", "/bytes/1000", Some("br")),
        ("zstd", "/bytes/1000", Some("zstd")),
        ("deflate", "/bytes/1000", None),
        ("gzip;q=0", "/bytes/1000", None),
        ("gzip", "/bytes/99", None),
    ] {
        let mut request = get(path);
        request.headers_mut().insert("accept-encoding", accepted.parse().expect("a value"));
        let answer = server.send(request).await;
        assert_eq!(answer.header("content-encoding"), coding, "{accepted} {path}");
        if coding.is_some() {
            assert!(answer.body.len() < 100);
            assert_eq!(answer.header("vary"), Some("accept-encoding"));
        }
    }
    let log = server.log();
    assert_eq!(log[0]["bytes_out"], 1000, "counted before compression: {}", log[0]);
}

#[tokio::test]
async fn compressed_requests_are_read_within_the_limit() {
    let settings = LayerSettings { compression: true, decompression: true, ..layers() };
    let server = Setup { layers: settings, ..Setup::default() }.start();
    for coding in ["gzip", "br", "zstd"] {
        let small = compressed(&server, coding, 1000).await;
        let answer = server.send(post("/echo", &[("content-encoding", coding)], small)).await;
        assert_eq!((answer.status, answer.body.len()), (200, 1000), "{coding}");

        let bomb = compressed(&server, coding, BODY_LIMIT * 100).await;
        assert!(bomb.len() < BODY_LIMIT / 2, "{coding}: {}", bomb.len());
        let answer = server.send(post("/echo", &[("content-encoding", coding)], bomb)).await;
        assert_eq!(answer.status, 413, "{coding}: {}", answer.text());

        let broken = post("/echo", &[("content-encoding", coding)], b"not compressed at all".to_vec());
        assert_eq!(server.send(broken).await.status, 400, "{coding}");
    }
}

#[tokio::test]
async fn a_coding_that_is_not_read_is_a_415() {
    let with =
        Setup { layers: LayerSettings { decompression: true, ..layers() }, ..Setup::default() }.start();
    let without = Setup::default().start();
    for (server, codings, status, accepted) in [
        (&with, vec!["deflate"], 415, Some("gzip, br, zstd")),
        (&with, vec!["gzip, br"], 415, Some("gzip, br, zstd")),
        (&with, vec!["gzip", "br"], 415, Some("gzip, br, zstd")),
        (&with, vec!["identity"], 200, None),
        (&without, vec!["gzip"], 415, Some("identity")),
        (&without, vec!["Identity"], 200, None),
    ] {
        let headers: Vec<_> = codings.iter().map(|coding| ("content-encoding", *coding)).collect();
        let answer = server.send(post("/echo", &headers, b"{}".to_vec())).await;
        assert_eq!((answer.status, answer.header("accept-encoding")), (status, accepted), "{codings:?}");
        if status == 415 {
            assert_eq!(answer.json()["code"], 3);
            assert_eq!(answer.json()["details"], serde_json::json!([]));
        }
    }
    assert_eq!(without.log()[0]["status"], 415, "refused calls are logged too");
}

#[tokio::test]
async fn preflights_are_answered_and_other_options_pass() {
    let server =
        Setup { layers: LayerSettings { cors: Some(cors()), ..layers() }, ..Setup::default() }.start();
    let preflight = |origin: &str| {
        Request::options("/echo")
            .header("host", "test")
            .header("origin", origin)
            .header("access-control-request-method", "PUT")
            .body(Full::default())
            .expect("a request")
    };
    let allowed = server.send(preflight("https://app.example")).await;
    assert_eq!(allowed.status, 200);
    for (name, value) in [
        ("access-control-allow-origin", "https://app.example"),
        ("access-control-allow-credentials", "true"),
        ("access-control-allow-methods", "GET,PUT"),
        ("access-control-allow-headers", "x-one"),
        ("access-control-max-age", "600"),
    ] {
        assert_eq!(allowed.header(name), Some(value));
    }
    let stranger = server.send(preflight("https://evil.example")).await;
    assert_eq!(stranger.header("access-control-allow-origin"), None);

    let mut plain = get("/bytes/1");
    plain.headers_mut().insert("origin", "https://app.example".parse().expect("a value"));
    let answer = server.send(plain).await;
    assert_eq!(answer.header("access-control-allow-origin"), Some("https://app.example"));
    assert_eq!(answer.header("access-control-expose-headers"), Some("x-two"));

    let options = Request::options("/bytes/1").header("host", "test").body(Full::default());
    assert_eq!(server.send(options.expect("a request")).await.text(), "1", "not a preflight");
    assert_eq!(server.log().len(), 2, "a preflight is not a call");
}

#[tokio::test]
async fn a_sane_request_id_is_kept_and_another_made() {
    let server = Setup::default().start();
    for (sent, kept) in [(Some("abc-1"), true), (Some("a b"), false), (None, false)] {
        let mut request = get("/headers");
        if let Some(id) = sent {
            request.headers_mut().insert("x-request-id", id.parse().expect("a value"));
        }
        let answer = server.send(request).await;
        let id = answer.header("x-request-id").expect("an id").to_owned();
        assert_eq!(Some(id.as_str()) == sent, kept);
        assert!(kept || id.len() == 32, "{id}");
        assert_eq!(answer.json()["x-request-id"], id.as_str(), "the call carries it");
        let log = server.log();
        assert_eq!(log.last().expect("a line")["request_id"], id.as_str());
    }
}

#[tokio::test]
async fn headers_with_secrets_are_marked() {
    let settings = LayerSettings { sensitive_headers: vec!["x-key".into()], ..layers() };
    let server = Setup { layers: settings, ..Setup::default() }.start();
    let mut request = get("/headers");
    for name in ["authorization", "cookie", "x-key", "x-other"] {
        request.headers_mut().insert(name, "secret".parse().expect("a value"));
    }
    let seen = server.send(request).await.json();
    for name in ["authorization", "cookie", "x-key"] {
        assert_eq!(seen[name], "*secret", "{name}");
    }
    assert_eq!(seen["x-other"], "secret");
}

#[tokio::test]
async fn a_panic_is_a_500_that_says_nothing() {
    let server = Setup::default().start();
    let mut client = http1(server.connect().await).await;
    let answer = client.send(get("/panic")).await;
    assert_eq!(answer.status, 500);
    assert_eq!(answer.json(), serde_json::json!({ "code": 13, "message": "internal error", "details": [] }));
    assert!(answer.header("x-request-id").is_some());
    assert_eq!(client.send(get("/bytes/1")).await.status, 200, "the connection goes on");
    let line = &server.log()[0];
    assert_eq!(
        (&line["status"], &line["grpc_code"], &line["origin"]),
        (&500.into(), &"INTERNAL".into(), &"gateway".into())
    );
}
