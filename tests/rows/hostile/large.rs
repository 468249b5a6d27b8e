//! Requests that are long, deep or wide.

use super::{Target, start, status, target_status};

#[tokio::test]
async fn long_targets_are_refused_or_served_in_time() {
    let target = Target::start("").await;
    let slashes = "/".repeat(60_000);
    let query = "nums=1&".repeat(150_000);
    for (path, expected) in [(slashes.as_str(), &[414][..]), (&format!("/query?{query}"), &[414, 431])] {
        let request = format!("GET {path} HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n");
        let status = status(&target.sent(request.as_bytes()).await);
        assert!(expected.contains(&status), "{status} for {}", start(path.as_bytes()));
    }
    assert_eq!(target.calls(), 0);
    target.is_well().await;

    let wide = Target::start("limits: {uri: 63KiB, header_bytes: 4MiB}").await;
    let keys = (0..4_000).map(|key| format!("labels[{key}]=v")).collect::<Vec<_>>().join("&");
    for (path, expected) in [
        (format!("/mid{slashes}"), 404),
        (format!("/files{slashes}"), 200),
        (format!("/files/{}", "%2F".repeat(20_000)), 200),
        (format!("/query?{}", "nums=1&".repeat(8_000)), 200),
        (format!("/query?{keys}"), 200),
        (format!("/query?{}", "nofield=1&".repeat(6_000)), 200),
        (format!("/query?inner.{}name=x", "deeper.".repeat(8_000)), 400),
        (format!("/query?{}", "&".repeat(60_000)), 200),
        (format!("/query?labels[{}]=1", "[".repeat(60_000)), 200),
        // Longer than any target that is read.
        (format!("/query?{query}"), 414),
    ] {
        let request = format!("GET {path} HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n");
        let answer = target_status(&wide, &request).await;
        assert_eq!(answer, expected, "{}", start(path.as_bytes()));
    }
    wide.is_well().await;
}

#[tokio::test]
async fn deep_and_endless_json_is_refused_in_time() {
    let target = Target::start("").await;
    let nested =
        |open: &str, close: &str, times: usize| format!("{}{}", open.repeat(times), close.repeat(times));
    for body in [
        format!("{{\"inner\":{}}}", nested("{\"deeper\":", "}", 10_000).replacen('}', "{}}", 1)),
        format!("{{\"nofield\":{}}}", nested("[", "]", 1_000_000)),
        format!("{{\"anything\":{}}}", nested("[", "]", 10_000)),
        format!("{{\"attributes\":{}}}", nested("{\"a\":", "}", 10_000)),
        format!(
            "{{\"any\":{}}}",
            nested("{\"@type\":\"type.googleapis.com/google.protobuf.Any\",\"value\":", "}", 10_000)
        ),
        "[".repeat(3_000_000),
        "{\"name\":\"".to_owned() + &"\\u0041".repeat(600_000),
        "{\"long\":1".to_owned() + &"0".repeat(3_000_000) + "}",
        "{\"long\":1e".to_owned() + &"9".repeat(3_000_000) + "}",
        "{\"real\":0.".to_owned() + &"1".repeat(3_000_000) + "e}",
        format!("{{\"tags\":[{}1]}}", "\"\",".repeat(1_000_000)),
    ] {
        let request = format!(
            "POST /whole HTTP/1.1\r\nhost: a\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
        let answer = target.sent(request.as_bytes()).await;
        assert_eq!(status(&answer), 400, "{}: {}", start(body.as_bytes()), start(answer.as_bytes()));
        assert!(answer.len() < 2048, "a short answer: {} bytes", answer.len());
    }
    assert_eq!(target.calls(), 0);
    target.is_well().await;
}

#[tokio::test]
async fn huge_trailers_are_refused_or_dropped_in_time() {
    let target = Target::start("").await;
    let trailer = format!("x-huge: {}\r\n", "x".repeat(1 << 20));
    let many = "x-many: 1\r\n".repeat(100_000);
    for trailers in [trailer, many] {
        let request = format!(
            "POST /whole HTTP/1.1\r\nhost: a\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\r\n2\r\n{{}}\r\n0\r\n{trailers}\r\n"
        );
        let answer = target.sent(request.as_bytes()).await;
        assert!(answer.len() < 8192, "{} bytes", answer.len());
    }
    // The backend's: as large as a request can ask it for.
    let cost = "x".repeat(30_000);
    let request = format!(
        "GET /nothing HTTP/1.1\r\nhost: a\r\nte: trailers\r\nconnection: close\r\n\
         grpc-metadata-transom-answer-trailer: cost={cost}\r\ngrpc-metadata-transom-answer-trailer: more={cost}\r\n\r\n"
    );
    let answer = target.sent(request.as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 "), "{}", start(answer.as_bytes()));
    assert!(answer.len() < 80_000, "{} bytes", answer.len());
    target.is_well().await;
}
