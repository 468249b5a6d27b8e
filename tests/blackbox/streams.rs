//! Methods that stream: the forms of an answer, requests of many messages, and conversations.

use std::time::Duration;

use http::Method;
use serde_json::{Value, json};
use transom::demo::{Backend, Outcome};

use crate::support::{Gateway, Over, Talk, shop, until};

const BOTH: [Over; 2] = [Over::Http1, Over::Http2];

/// Begins a call of the shop.
async fn talk(gateway: &Gateway, over: Over, method: Method, target: &str, headers: &[(&str, &str)]) -> Talk {
    Talk::begin(gateway.address(), over, method, target, headers).await
}

/// The header that steers the backend's stream.
fn steer(stream: &str) -> (&'static str, &str) {
    ("grpc-metadata-transom-stream", stream)
}

fn fault(fault: &str) -> (&'static str, &str) {
    ("grpc-metadata-transom-fault", fault)
}

async fn watch(gateway: &Gateway, headers: &[(&str, &str)]) -> (String, String) {
    let answer = gateway.request(Method::GET, "/v1/watch?id=7", headers, "").await;
    assert_eq!(answer.status, 200);
    (answer.header("content-type").to_owned(), answer.text())
}

#[tokio::test]
async fn the_messages_of_a_stream_come_in_the_form_that_the_client_asks_for() {
    let (gateway, _backend) = shop("json: {unset_fields: omit}").await;
    let lines = "{\"result\":{\"id\":\"7\"}}\n".repeat(3);
    let bare = "{\"id\":\"7\"}\n".repeat(3);
    for (accept, kind, text) in [
        ("*/*", "application/json", lines.as_str()),
        ("application/x-ndjson", "application/x-ndjson", bare.as_str()),
        (
            "text/event-stream",
            "text/event-stream",
            "id: 1\ndata: {\"id\":\"7\"}\n\nid: 2\ndata: {\"id\":\"7\"}\n\nid: 3\ndata: {\"id\":\"7\"}\n\nevent: end\ndata: {}\n\n",
        ),
        ("text/event-stream;q=0.5, application/x-ndjson;q=0.7", "application/x-ndjson", bare.as_str()),
        (
            "application/json-seq",
            "application/json-seq",
            "\u{1e}{\"id\":\"7\"}\n\u{1e}{\"id\":\"7\"}\n\u{1e}{\"id\":\"7\"}\n",
        ),
        ("image/png", "application/json", lines.as_str()),
    ] {
        let (found, body) = watch(&gateway, &[("accept", accept)]).await;
        assert_eq!((found.as_str(), body.as_str()), (kind, text), "{accept}");
    }
}

#[tokio::test]
async fn config_says_which_form_is_the_usual_one() {
    let (gateway, _backend) = shop("json: {unset_fields: omit}\nstreams: {form: array}").await;
    let (kind, body) = watch(&gateway, &[]).await;
    assert_eq!((kind.as_str(), body.as_str()), ("application/json", r#"[{"id":"7"},{"id":"7"},{"id":"7"}]"#));
    let (_, none) = watch(&gateway, &[steer("messages=0")]).await;
    assert_eq!(none, "[]");
}

#[tokio::test]
async fn a_stream_of_nothing_is_an_empty_answer() {
    let (gateway, _backend) = shop("").await;
    let (kind, body) = watch(&gateway, &[steer("messages=0")]).await;
    assert_eq!((kind.as_str(), body.as_str()), ("", ""));
}

#[tokio::test]
async fn an_error_is_visible_before_and_after_the_first_message() {
    let (gateway, _backend) = shop("json: {unset_fields: omit}").await;
    let failing = fault("status=5;message=gone");
    for accept in ["*/*", "text/event-stream", "application/x-ndjson"] {
        let early = gateway.request(Method::GET, "/v1/watch", &[failing, ("accept", accept)], "").await;
        assert_eq!((early.status.as_u16(), early.header("content-type")), (404, "application/json"));
        let body = if accept == "*/*" { early.json()["error"].clone() } else { early.json() };
        assert_eq!(body["message"], "gone", "{accept}");
    }
    let error = r#"{"code":5,"message":"gone","details":[]}"#;
    for (accept, expected) in [
        ("*/*", format!("{{\"result\":{{\"id\":\"7\"}}}}\n{{\"error\":{error}}}\n")),
        ("application/x-ndjson", format!("{{\"id\":\"7\"}}\n{{\"error\":{error}}}\n")),
        ("text/event-stream", format!("id: 1\ndata: {{\"id\":\"7\"}}\n\nevent: error\ndata: {error}\n\n")),
    ] {
        let headers = [failing, steer("messages=3;fail-after=1"), ("accept", accept)];
        let (_, body) = watch(&gateway, &headers).await;
        assert_eq!(body, expected, "{accept}");
    }
    let record = gateway.record(|record| record["path"] == "/v1/watch" && record["status"] == 200).await;
    assert_eq!(record["grpc_code"], "NOT_FOUND", "{record}");
}

#[tokio::test]
async fn the_head_does_not_wait_for_the_first_message() {
    let (gateway, _backend) = shop("streams: {head_wait: 200ms}").await;
    for over in BOTH {
        for stream in ["messages=2;every=60s;head=immediately", "messages=2;every=60s;head-wait=60s"] {
            let headers = [steer(stream), ("grpc-metadata-transom-answer-header", "color=red")];
            let mut call = talk(&gateway, over, Method::GET, "/v1/watch", &headers).await;
            call.finish();
            let (status, headers) = call.head().await;
            assert_eq!(status, 200, "{over:?} {stream}");
            let color = headers.get("grpc-metadata-color").map(|color| color.to_str().expect("text"));
            assert_eq!(color, stream.ends_with("immediately").then_some("red"), "{stream}");
        }
    }
}

#[tokio::test]
async fn messages_come_as_they_are_sent() {
    let (gateway, _backend) = shop("json: {unset_fields: omit}").await;
    for over in BOTH {
        let headers = [steer("messages=3;every=150ms")];
        let mut call = talk(&gateway, over, Method::GET, "/v1/watch?id=1", &headers).await;
        call.finish();
        let mut times = Vec::new();
        while let Some(line) = call.line().await {
            assert_eq!(line, r#"{"result":{"id":"1"}}"#);
            times.push(std::time::Instant::now());
        }
        assert_eq!(times.len(), 3);
        assert!(times[2] - times[0] > Duration::from_millis(100), "one by one");
    }
}

#[tokio::test]
async fn a_silent_stream_of_events_is_kept_alive() {
    let (gateway, _backend) = shop("streams: {keep_alive: 100ms}").await;
    let headers = [steer("messages=1;every=60s;head=immediately"), ("accept", "text/event-stream")];
    let mut call = talk(&gateway, Over::Http1, Method::GET, "/v1/watch", &headers).await;
    call.finish();
    let (_, headers) = call.head().await;
    assert_eq!(headers["x-accel-buffering"], "no");
    let mut comments = 0;
    while comments < 2 {
        comments += usize::from(call.line().await.expect("more to come").starts_with(':'));
    }
}

#[tokio::test]
async fn a_request_of_many_messages_is_read_in_every_form() {
    let (gateway, backend) = shop("json: {unset_fields: omit}").await;
    for (body, count) in [
        ("{\"id\":\"1\"}\n{\"id\":\"2\"}\n", 2),
        ("{\"id\":\"1\"} {\"id\":\"2\"}{\"id\":\"3\"}", 3),
        (" [ {\"id\":\"1\"}, {\"id\":\"2\"} ] ", 2),
        ("\u{1e}{\"id\":\"1\"}\n\u{1e}{\"id\":\"2\"}\n", 2),
        ("{\"id\":\"4\"}", 1),
    ] {
        for cut in [1, 3, 1000] {
            let mut call = talk(&gateway, Over::Http1, Method::POST, "/v1/upload", &[]).await;
            for piece in body.as_bytes().chunks(cut) {
                call.send(piece.to_vec());
            }
            call.finish();
            let (status, headers) = call.head().await;
            assert_eq!(status, 200, "{body}: {}", call.rest().await.unwrap_or_default());
            assert_eq!(
                headers["grpc-metadata-transom-received"],
                count.to_string().as_str(),
                "{body} by {cut}"
            );
            call.rest().await.expect("a whole answer");
        }
    }
    assert!(backend.calls().iter().all(|call| call.outcome == Outcome::Completed));
}

#[tokio::test]
async fn a_fault_in_the_midst_of_a_request_cancels_the_call() {
    let (gateway, backend) = shop("").await;
    for (at, over) in BOTH.into_iter().enumerate() {
        let mut call = talk(&gateway, over, Method::POST, "/v1/upload", &[]).await;
        call.send("{\"id\":\"1\"}\n");
        until("the call to reach the backend", async || (backend.calls().len() > at).then_some(())).await;
        call.send("{\"id\":true}\n");
        let (status, _) = call.head().await;
        assert_eq!(status, 400);
        let body = call.rest().await.expect("a whole answer");
        assert!(body.contains("message 2: id: expected a string"), "{body}");
        cancelled(&backend, at).await;
    }
}

/// Waits until the backend has seen the cancellation of its call of that number.
async fn cancelled(backend: &Backend, at: usize) {
    until("the backend to see the cancellation", async || {
        backend.calls().get(at).is_some_and(|call| call.outcome == Outcome::Cancelled).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_conversation_goes_both_ways_at_once() {
    let (gateway, backend) = shop("json: {unset_fields: omit}").await;
    for over in BOTH {
        let mut call = talk(&gateway, over, Method::POST, "/v1/chat", &[]).await;
        for number in 1..=3 {
            call.send(format!("{{\"id\":\"{number}\"}}"));
            assert_eq!(
                call.line().await,
                Some(format!("{{\"result\":{{\"id\":\"{number}\"}}}}")),
                "{over:?}"
            );
        }
        call.finish();
        assert_eq!(call.line().await, None);
    }
    assert!(backend.calls().iter().all(|call| call.outcome == Outcome::Completed));
}

#[tokio::test]
async fn a_fault_in_a_conversation_is_told_in_it_and_cancels_the_call() {
    let (gateway, backend) = shop("json: {unset_fields: omit}").await;
    for (at, over) in BOTH.into_iter().enumerate() {
        let mut call = talk(&gateway, over, Method::POST, "/v1/chat", &[]).await;
        call.send("{\"id\":\"1\"}");
        assert_eq!(call.line().await.as_deref(), Some("{\"result\":{\"id\":\"1\"}}"));
        call.send("{\"id\":nonsense}");
        let told = call.line().await.expect("a last line");
        let told: Value = serde_json::from_str(&told).expect("JSON");
        assert_eq!(told["error"]["code"], 3, "{told}");
        assert_eq!(call.line().await, None);
        cancelled(&backend, at).await;
    }
}

#[tokio::test]
async fn a_client_that_goes_away_cancels_its_stream() {
    let (gateway, backend) = shop("").await;
    for (at, over) in BOTH.into_iter().enumerate() {
        let headers = [steer("messages=1000000;every=50ms")];
        let mut call = talk(&gateway, over, Method::GET, "/v1/watch", &headers).await;
        call.finish();
        assert!(call.line().await.is_some());
        drop(call);
        cancelled(&backend, at).await;
    }
    let record = gateway.logged("/v1/watch").await;
    assert_eq!(record["grpc_code"], "CANCELLED", "{record}");
}

#[tokio::test]
async fn trailers_follow_a_stream_for_clients_that_take_them() {
    let (gateway, _backend) = shop("streams: {trailers: [color]}").await;
    let trailing = ("grpc-metadata-transom-answer-trailer", "color=red");
    for over in BOTH {
        let mut call = talk(&gateway, over, Method::GET, "/v1/watch", &[trailing, ("te", "trailers")]).await;
        call.finish();
        call.rest().await.expect("a whole answer");
        assert_eq!(call.trailers["grpc-trailer-color"], "red", "{over:?}");
    }
    let record = gateway.logged("/v1/watch").await;
    assert_eq!(record["grpc_code"], "OK", "{record}");
    let mut call = talk(&gateway, Over::Http2, Method::GET, "/v1/watch", &[trailing]).await;
    call.finish();
    call.rest().await.expect("a whole answer");
    assert!(call.trailers.is_empty(), "nobody asked");
}

#[tokio::test]
async fn a_deadline_ends_a_stream_visibly() {
    let (gateway, _backend) = shop("json: {unset_fields: omit}").await;
    let headers = [steer("messages=100;every=200ms"), ("grpc-timeout", "500m")];
    let (_, body) = watch(&gateway, &headers).await;
    let last = body.lines().last().expect("a line");
    assert!(last.starts_with("{\"error\":{\"code\":4,"), "{body}");
    assert!(body.starts_with("{\"result\":{\"id\":\"7\"}}\n"), "{body}");
}

#[tokio::test]
async fn a_download_is_passed_on_as_it_is() {
    let (gateway, _backend) = shop("").await;
    let headers = [steer("messages=3;bytes=1000")];
    let answer = gateway.request(Method::GET, "/v1/download/a/b.bin", &headers, "").await;
    assert_eq!((answer.status.as_u16(), answer.header("content-type")), (200, "application/octet-stream"));
    assert_eq!(answer.body.len(), 3000);
    for over in BOTH {
        let headers =
            [steer("messages=3;bytes=10;every=100ms;fail-after=2"), fault("status=13;message=boom")];
        let mut call = talk(&gateway, over, Method::GET, "/v1/download/x", &headers).await;
        call.finish();
        let (status, _) = call.head().await;
        assert_eq!(status, 200);
        let broken = call.rest().await.expect_err("a whole that is none would be a lie");
        assert!(broken.len() <= 20 && !broken.contains("boom"), "{broken}");
    }
}

#[tokio::test]
async fn an_upload_is_taken_as_it_is() {
    let (gateway, _backend) = shop("").await;
    let mut call =
        talk(&gateway, Over::Http1, Method::POST, "/v1/upload-raw", &[("content-type", "image/png")]).await;
    for piece in 0..10u8 {
        call.send(vec![piece; 30_000]);
    }
    call.finish();
    let (status, headers) = call.head().await;
    assert_eq!(status, 200, "{:?}", call.rest().await);
    let received: usize =
        headers["grpc-metadata-transom-received"].to_str().expect("text").parse().expect("a number");
    assert!(received >= 5, "{received} messages");
}

#[tokio::test]
async fn path_and_query_are_part_of_the_first_message_alone() {
    let (gateway, backend) = shop("json: {unset_fields: omit}").await;
    let mut call = talk(&gateway, Over::Http1, Method::POST, "/v1/rooms/blue/chat", &[]).await;
    call.send("{\"note\":\"1\"}\n{\"note\":\"2\"}\n");
    call.finish();
    let mut said = Vec::new();
    while let Some(line) = call.line().await {
        let line: Value = serde_json::from_str(&line).expect("JSON");
        said.push(line["result"].clone());
    }
    assert_eq!(said, [json!({"id": "blue", "note": "1"}), json!({"note": "2"})]);
    assert_eq!(backend.calls().len(), 1);
}

#[tokio::test]
async fn what_one_message_may_not_be_no_message_of_a_stream_may_be() {
    let methods = "methods: [{methods: 'shop.v1.Shop/*', max_request_message: 1KiB}]";
    let (gateway, _backend) = shop(methods).await;
    let mut call = talk(&gateway, Over::Http1, Method::POST, "/v1/upload", &[]).await;
    call.send("{\"id\":\"1\"}");
    call.send(format!("{{\"id\":\"{}\"}}", "x".repeat(2000)));
    let (status, _) = call.head().await;
    assert_eq!(status, 413);

    let mut call = talk(&gateway, Over::Http2, Method::POST, "/v1/chat", &[]).await;
    for _ in 0..20 {
        // More together than any one may be.
        call.send(format!("{{\"note\":\"{}\"}}\n", "x".repeat(500)));
        assert!(call.line().await.expect("a line").starts_with("{\"result\":"));
    }
}

#[tokio::test]
async fn a_backend_that_ends_early_is_heard_while_the_client_still_sends() {
    let (gateway, _backend) = shop("").await;
    for over in BOTH {
        let headers = [steer("fail-after=1"), fault("status=9;message=enough")];
        let mut call = talk(&gateway, over, Method::POST, "/v1/upload", &headers).await;
        call.send("{\"id\":\"1\"}\n{\"id\":\"2\"}\n");
        let (status, _) = call.head().await;
        assert_eq!(status, 400, "{over:?}");
        assert!(call.rest().await.expect("a whole answer").contains("enough"));
    }
}

#[tokio::test]
async fn a_broken_answer_is_told_where_it_breaks() {
    let (gateway, _backend) = shop("json: {unset_fields: omit}").await;
    for broken in ["garbage", "truncate", "break=CANCEL", "no-trailers"] {
        let (_, body) = watch(&gateway, &[fault(broken), steer("messages=2;every=30ms")]).await;
        let last: Value = serde_json::from_str(body.lines().last().expect("a line")).expect("JSON");
        assert!(last["error"]["code"].as_u64().is_some_and(|code| code > 0), "{broken}: {body}");
        assert!(body.starts_with("{\"result\":{\"id\":\"7\"}}\n"), "{broken}: {body}");
    }
}

#[tokio::test]
async fn a_stream_that_is_silent_for_long_is_not_an_idle_connection() {
    let (gateway, _backend) = shop("limits: {idle_timeout: 400ms, write_timeout: 300ms}").await;
    for over in BOTH {
        let headers = [steer("messages=3;every=900ms")];
        let mut call = talk(&gateway, over, Method::GET, "/v1/watch", &headers).await;
        call.finish();
        let lines = call.rest().await.unwrap_or_else(|_| panic!("{over:?}: the stream was cut"));
        assert_eq!(lines.lines().count(), 3, "{over:?}");
    }
}

#[tokio::test]
async fn a_stream_goes_on_over_a_reload() {
    let (gateway, _backend) = shop("json: {unset_fields: omit}\nreload: {watch: false}").await;
    let headers = [steer("messages=4;every=150ms")];
    let mut call = talk(&gateway, Over::Http1, Method::GET, "/v1/watch?id=1", &headers).await;
    call.finish();
    assert!(call.line().await.is_some());
    let config = std::fs::read_to_string(gateway.file("transom.yaml")).expect("the config");
    gateway.write("transom.yaml", config.replace("unset_fields: omit", "unset_fields: all"));
    gateway.signal("HUP");
    until("the reload", async || (gateway.get("/v1/look/7").await.text().contains("tags")).then_some(()))
        .await;
    let rest = call.rest().await.expect("a whole answer");
    assert_eq!(rest, "{\"result\":{\"id\":\"1\"}}\n".repeat(3), "as it began");
}

#[tokio::test]
async fn head_of_a_stream_has_no_body() {
    let (gateway, backend) = shop("").await;
    let answer = gateway.request(Method::HEAD, "/v1/watch", &[steer("messages=100000;every=10ms")], "").await;
    assert_eq!((answer.status.as_u16(), answer.body.len()), (200, 0));
    cancelled(&backend, 0).await;
}

/// The resident memory of a process, in bytes.
fn resident(id: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{id}/status")).expect("running");
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).expect("a size");
    let kib: u64 = line.split_whitespace().nth(1).expect("a number").parse().expect("a number");
    kib * 1024
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clients_that_stop_reading_hold_little_and_harm_nobody() {
    use tokio::io::AsyncWriteExt as _;
    use tokio::net::TcpSocket;

    // Every field is written, so that what a client does not read is soon more than its socket takes.
    let (gateway, _backend) = shop("json: {unset_fields: all}\nlimits: {stream_window: 64KiB}").await;
    assert_eq!(gateway.get("/v1/look/7").await.status, 200);
    let before = resident(gateway.id());
    let mut stalled = Vec::new();
    for _ in 0..64 {
        let socket = TcpSocket::new_v4().expect("a socket");
        socket.set_recv_buffer_size(4096).expect("an option");
        let address = gateway.address().parse().expect("an address");
        let mut client = socket.connect(address).await.expect("connected");
        let request = "GET /v1/watch?id=twenty-bytes-of-text HTTP/1.1\r\nhost: x\r\ngrpc-metadata-transom-stream: messages=100000000\r\n\r\n";
        client.write_all(request.as_bytes()).await.expect("sent");
        stalled.push(client);
    }
    let start = std::time::Instant::now();
    let mut calls = 0;
    // What h2 does to unread small frames by default shows after three seconds.
    while start.elapsed() < Duration::from_secs(6) || calls < 10 {
        assert!(start.elapsed() < Duration::from_mins(1), "{calls} calls in a minute");
        assert_eq!(gateway.get("/v1/look/7").await.status, 200, "after {:?}", start.elapsed());
        let (_, body) = watch(&gateway, &[]).await;
        assert_eq!(body.lines().count(), 3, "after {:?}: {body}", start.elapsed());
        calls += 1;
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let held = resident(gateway.id()).saturating_sub(before) / 64;
    // A window of 64 KiB in frames of a few bytes each, what a socket takes, and one piece on its way.
    assert!(held < 8 << 20, "{held} bytes for each client that does not read");
    drop(stalled);
}

#[tokio::test]
async fn no_message_of_a_stream_may_name_an_account_that_is_not_the_callers() {
    let hash = transom::policy::KeyHash::of("secret");
    let config = format!(
        "methods: [{{methods: 'shop.v1.Shop/Chat', authentication: true, permissions: [], account: id}}]
identity: {{keys: [{{hash: '{hash}', actor_id: me, actor_type: ACTOR_TYPE_USER, accounts: [mine], permissions: []}}]}}"
    );
    let (gateway, backend) = shop(&config).await;
    let key = ("authorization", "apikey secret");
    for (target, first) in [("/v1/chat", r#"{"id":"mine"}"#), ("/v1/rooms/mine/chat", r#"{"note":"1"}"#)] {
        let before = backend.calls().len();
        let mut call = talk(&gateway, Over::Http1, Method::POST, target, &[key]).await;
        call.send(first);
        assert!(call.line().await.expect("a line").contains("mine"));
        call.send(r#"{"note":"as before"}"#);
        assert!(call.line().await.expect("a line").contains("as before"));
        call.send(r#"{"id":"yours"}"#);
        let told: Value = serde_json::from_str(&call.line().await.expect("a last line")).expect("JSON");
        assert_eq!(told["error"]["code"], 7, "{target}: {told}");
        cancelled(&backend, before).await;
    }
}

#[tokio::test]
async fn a_stream_that_a_shutdown_cuts_says_so() {
    let (gateway, _backend) = shop("json: {unset_fields: omit}\nlimits: {drain: 1s}").await;
    let headers = [steer("messages=1000;every=100ms")];
    let mut calls = Vec::new();
    for (over, accept) in [(Over::Http1, "*/*"), (Over::Http2, "*/*"), (Over::Http1, "text/event-stream")] {
        let headers = [headers[0], ("accept", accept)];
        let mut call = talk(&gateway, over, Method::GET, "/v1/watch?id=7", &headers).await;
        call.finish();
        assert!(call.line().await.is_some());
        calls.push((over, accept, call));
    }
    gateway.signal("TERM");
    for (over, accept, mut call) in calls {
        let rest = call.rest().await.unwrap_or_else(|rest| rest);
        let told =
            if accept == "*/*" { "{\"error\":{\"code\":14," } else { "event: error\ndata: {\"code\":14," };
        assert!(rest.contains(told), "{over:?} {accept}: {rest}");
    }
}

#[tokio::test]
async fn a_request_stream_of_another_type_is_refused_where_that_is_asked_for() {
    let (gateway, _backend) = shop("bodies: {strict_content_type: true}").await;
    for (kind, expected) in [
        ("application/json", 200),
        ("application/x-ndjson", 200),
        ("application/json-seq", 200),
        ("text/plain", 415),
        ("application/x-www-form-urlencoded", 415),
    ] {
        let answer =
            gateway.request(Method::POST, "/v1/upload", &[("content-type", kind)], r#"{"id":"1"}"#).await;
        assert_eq!(answer.status, expected, "{kind}: {}", answer.text());
    }
}

#[tokio::test]
async fn a_raw_upload_is_cut_to_what_a_message_may_be() {
    let (gateway, _backend) =
        shop("methods: [{methods: 'shop.v1.Shop/UploadRaw', max_request_message: 16KiB}]").await;
    let answer = gateway.request(Method::POST, "/v1/upload-raw", &[], vec![7; 100_000]).await;
    assert_eq!((answer.status.as_u16(), answer.body.len()), (200, 100_000));
}
