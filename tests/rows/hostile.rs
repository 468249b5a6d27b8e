//! Clients that mean harm: what they get is bounded, so is the time and the memory that it takes, and nothing panics.
//! The serving room's own tests hold its timeouts; here is the whole binary, over sockets.

use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::{interval, timeout};
use transom::demo::{Backend, Options};

use crate::ask::{exchanged, parsed};
use crate::contract::Contract;
use crate::support::{Gateway, GatewayBuilder, until};

/// How long anything here may take, debug build and busy machine included.
const BOUND: Duration = Duration::from_secs(10);

/// How much the gateway's memory may grow by one test, in bytes.
const GROWTH: u64 = 128 << 20;

/// A gateway under attack.
struct Target {
    gateway: Gateway,
    backend: Backend,
    memory: u64,
}

impl Target {
    async fn start(config: &str) -> Self {
        let contract = Contract::usual();
        let listen = ([127, 0, 0, 1], 0).into();
        let backend = Backend::start_with(contract.pool, listen, Options::default()).await.expect("a backend");
        let mut builder = GatewayBuilder::new().config("schema: {protos: [protos]}").upstream(backend.address());
        for (name, text) in &contract.files {
            builder = builder.file(&format!("protos/{name}"), text);
        }
        let gateway = builder.config(config).start().await;
        let target = Self { memory: memory(&gateway), gateway, backend };
        target.is_well().await;
        target
    }

    /// The answer to bytes over a socket of its own, and within the bound.
    async fn sent(&self, bytes: &[u8]) -> String {
        let begun = Instant::now();
        let answer = exchanged(self.gateway.address(), bytes).await;
        assert!(begun.elapsed() < BOUND, "{:?} for {}", begun.elapsed(), start(bytes));
        String::from_utf8_lossy(&answer).into_owned()
    }

    /// Others are served, memory has not grown, nothing panicked.
    async fn is_well(&self) {
        assert_eq!(self.gateway.get("/nothing").await.status, 200);
        let grown = memory(&self.gateway).saturating_sub(self.memory);
        assert!(grown < GROWTH, "{grown} bytes more");
        let panic = self.gateway.output().into_iter().find(|line| line.contains("panicked"));
        assert_eq!(panic, None);
    }

    /// How many calls have reached the backend, but for those of [`Target::is_well`].
    fn calls(&self) -> usize {
        self.backend.calls().iter().filter(|call| !call.path.ends_with("/Nothing")).count()
    }
}

/// The bytes of memory that a process has.
fn memory(gateway: &Gateway) -> u64 {
    let statm = std::fs::read_to_string(format!("/proc/{}/statm", gateway.id())).expect("a process");
    let pages = statm.split(' ').nth(1).and_then(|pages| pages.parse::<u64>().ok());
    pages.expect("a number of pages") * 4096
}

fn start(bytes: &[u8]) -> String {
    String::from_utf8_lossy(&bytes[..bytes.len().min(120)]).into_owned()
}

/// The HTTP status of an answer's first line; 0: none.
fn status(answer: &str) -> u16 {
    parsed(answer.as_bytes()).status
}

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
    let keys: String = (0..4_000).map(|key| format!("labels[{key}]=v&")).collect();
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

async fn target_status(target: &Target, request: &str) -> u16 {
    status(&target.sent(request.as_bytes()).await)
}

#[tokio::test]
async fn deep_and_endless_json_is_refused_in_time() {
    let target = Target::start("").await;
    let nested = |open: &str, close: &str, times: usize| format!("{}{}", open.repeat(times), close.repeat(times));
    for body in [
        format!("{{\"inner\":{}}}", nested("{\"deeper\":", "}", 10_000).replacen("}", "{}}", 1)),
        format!("{{\"nofield\":{}}}", nested("[", "]", 1_000_000)),
        format!("{{\"anything\":{}}}", nested("[", "]", 10_000)),
        format!("{{\"attributes\":{}}}", nested("{\"a\":", "}", 10_000)),
        format!("{{\"any\":{}}}", nested("{\"@type\":\"type.googleapis.com/google.protobuf.Any\",\"value\":", "}", 10_000)),
        "[".repeat(3_000_000),
        "{\"name\":\"".to_owned() + &"\\u0041".repeat(600_000),
        "{\"long\":1".to_owned() + &"0".repeat(3_000_000) + "}",
        "{\"long\":1e".to_owned() + &"9".repeat(3_000_000) + "}",
        "{\"real\":0.".to_owned() + &"1".repeat(3_000_000) + "e}",
        format!("{{\"tags\":[{}1]}}", "\"\",".repeat(1_000_000)),
    ] {
        let request =
            format!("POST /whole HTTP/1.1\r\nhost: a\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}", body.len());
        let answer = target.sent(request.as_bytes()).await;
        assert_eq!(status(&answer), 400, "{}: {}", start(body.as_bytes()), start(answer.as_bytes()));
        assert!(answer.len() < 2048, "a short answer: {} bytes", answer.len());
    }
    assert_eq!(target.calls(), 0);
    target.is_well().await;
}

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

impl Target {
    /// The answer to bytes behind which nothing comes.
    async fn sent_and_closed(&self, bytes: &[u8]) -> String {
        let mut socket = TcpStream::connect(self.gateway.address()).await.expect("connected");
        socket.write_all(bytes).await.ok();
        socket.shutdown().await.ok();
        let mut answer = Vec::new();
        timeout(BOUND, socket.read_to_end(&mut answer)).await.expect("closed in time").ok();
        String::from_utf8_lossy(&answer).into_owned()
    }
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
    let get = |fields: &str| format!("GET /nothing HTTP/1.1\r\nhost: a\r\nconnection: close\r\n{fields}\r\n\r\n");
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
    let answer = target.sent(get("grpc-metadata-transom-answer-header: color=a%0D%0Aset-cookie: evil=1").as_bytes()).await;
    assert!(answer.contains("grpc-metadata-color: a%0D%0Aset-cookie: evil=1\r\n"), "{answer}");
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

#[tokio::test]
async fn many_who_say_nothing_harm_nobody() {
    let target = Target::start("").await;
    let mut idle = Vec::new();
    for _ in 0..300 {
        let mut socket = TcpStream::connect(target.gateway.address()).await.expect("connected");
        socket.write_all(b"POST /whole HTTP/1.1\r\nhost: a\r\ncontent-length: 4000000\r\n\r\n{").await.expect("sent");
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
