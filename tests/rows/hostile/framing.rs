//! Requests that one reader may take for two, chunks that are none, values that would be headers.

use super::{Target, start};

#[tokio::test]
async fn chunks_that_are_none_are_refused() {
    let target = Target::start("").await;
    let extension = format!("2;{}\r\n{{}}\r\n0\r\n\r\n", "x".repeat(1 << 20));
    let quoted = format!("2;a=\"{}\"\r\n{{}}\r\n0\r\n\r\n", "\r\n".repeat(100));
    let many = "1;abcdefgh\r\n \r\n".repeat(100_000);
    for chunks in [
        "zz\r\n{}\r\n0\r\n\r\n",
        "-2\r\n{}\r\n0\r\n\r\n",
        "+2\r\n{}\r\n0\r\n\r\n",
        "0x2\r\n{}\r\n0\r\n\r\n",
        " 2\r\n{}\r\n0\r\n\r\n",
        "\r\n2\r\n{}\r\n0\r\n\r\n",
        "ffffffffffffffff\r\n{}\r\n0\r\n\r\n",
        "10000000000000002\r\n{}\r\n0\r\n\r\n",
        "2\r\n{}0\r\n\r\n",
        "2\r\n{}\n0\r\n\r\n",
        "2\n{}\r\n0\r\n\r\n",
        "2\r{}\r\n0\r\n\r\n",
        "3\r\n{}\r\n0\r\n\r\n",
        "1\r\n{}\r\n0\r\n\r\n",
        &extension,
        &quoted,
        &many,
    ] {
        let request = format!(
            "POST /whole HTTP/1.1\r\nhost: a\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\r\n{chunks}"
        );
        let (before, answer) = (target.calls(), target.sent_and_closed(request.as_bytes()).await);
        assert!(!answer.starts_with("HTTP/1.1 2"), "{}\n{answer}", start(chunks.as_bytes()));
        assert_eq!(target.calls(), before, "no call of {}", start(chunks.as_bytes()));
    }
    target.is_well().await;
}

#[tokio::test]
async fn a_body_of_two_lengths_hides_no_request() {
    let target = Target::start("").await;
    let hidden = "GET /found/hidden HTTP/1.1\r\nhost: a\r\n\r\n";
    for (fields, body) in [
        ("content-length: 2\r\ncontent-length: 3", "{}"),
        ("content-length: 2, 3", "{}"),
        ("content-length: +2", "{}"),
        ("content-length: -2", "{}"),
        ("content-length: 2 2", "{}"),
        ("content-length: 0x2", "{}"),
        ("content-length: 99999999999999999999", "{}"),
        ("transfer-encoding: chunked\r\ncontent-length: 7", "0\r\n\r\n"),
        ("content-length: 7\r\ntransfer-encoding: chunked", "0\r\n\r\n"),
        ("transfer-encoding: chunked, identity", "0\r\n\r\n"),
        ("transfer-encoding: xchunked", "0\r\n\r\n"),
        ("transfer-encoding: identity\r\ncontent-length: 2", "{}"),
        ("transfer-encoding: chunked\r\ntransfer-encoding: identity", "0\r\n\r\n"),
        ("transfer-encoding:\u{b}chunked", "0\r\n\r\n"),
        ("content-length : 2", "{}"),
        ("content-length\r\n : 2", "{}"),
    ] {
        let request = format!("POST /whole HTTP/1.1\r\nhost: a\r\n{fields}\r\n\r\n{body}{hidden}");
        let answer = target.sent_and_closed(request.as_bytes()).await;
        let hidden = target.backend.calls().iter().filter(|call| call.path.ends_with("/Find")).count();
        assert_eq!(hidden, 0, "{fields}\n{answer}");
        assert!(answer.matches("HTTP/1.1 ").count() <= 1, "{fields}\n{answer}");
    }
    target.is_well().await;
}

#[tokio::test]
async fn no_value_makes_a_header() {
    let target = Target::start("").await;
    let get =
        |fields: &str| format!("GET /nothing HTTP/1.1\r\nhost: a\r\nconnection: close\r\n{fields}\r\n\r\n");
    for fault in [
        "status=16;message=a%0D%0Aset-cookie: evil=1",
        "status=5;message=%0D%0A%0D%0A<script>",
        "status=5;message=a%00b",
    ] {
        let answer = target.sent(get(&format!("grpc-metadata-transom-fault: {fault}")).as_bytes()).await;
        let (head, body) = answer.split_once("\r\n\r\n").expect("a head");
        assert!(head.starts_with("HTTP/1.1 4") && !head.contains("set-cookie"), "{head}");
        assert!(serde_json::from_str::<serde_json::Value>(body).is_ok(), "{body}");
    }
    for fields in [
        "grpc-metadata-foo: a\rset-cookie: evil=1",
        "grpc-metadata-foo: a\0b",
        "grpc-metadata-foo: a\r\n set-cookie: evil=1",
        "grpc-metadata-foo: a\r\n\tset-cookie: evil=1",
        "grpc-metadata-foo\r: a",
    ] {
        target.sent(get(fields).as_bytes()).await;
        for call in target.backend.calls() {
            let hops = call.metadata.get("x-forwarded-for").map(|hops| hops.as_bytes().to_vec());
            assert_eq!(hops.as_deref(), Some(&b"127.0.0.1"[..]), "{fields}");
            assert!(!call.metadata.contains_key("set-cookie"), "{fields}");
        }
    }
    // Escapes are text to us, and to the backend.
    let answer = target
        .sent(get("grpc-metadata-transom-answer-header: color=a%0D%0Aset-cookie: evil=1").as_bytes())
        .await;
    assert!(answer.contains("grpc-metadata-color: a%0D%0Aset-cookie: evil=1\r\n"), "{answer}");
    target.is_well().await;
}
