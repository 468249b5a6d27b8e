//! A backend that writes line breaks and NULs into metadata: nothing of it becomes a header of an answer.

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use crate::support::shop_files;

/// A header as no library lets it through.
type Pair = (&'static [u8], &'static [u8]);

const EVIL: &[u8] = b"1\r\nx-evil: 1\r\n\r\n<script>";

/// An HTTP/2 server written by hand, which answers every call with these headers and trailers.
struct ByHand {
    address: SocketAddr,
    _tasks: JoinSet<()>,
}

impl ByHand {
    async fn start(head: &'static [Pair], trailers: &'static [Pair]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("an address");
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let mut open = JoinSet::new();
            while let Ok((socket, _)) = listener.accept().await {
                open.spawn(async move { converse(socket, head, trailers).await.unwrap_or_default() });
            }
        });
        Self { address, _tasks: tasks }
    }
}

async fn converse(mut socket: TcpStream, head: &[Pair], trailers: &[Pair]) -> std::io::Result<()> {
    let mut preface = [0; 24];
    socket.read_exact(&mut preface).await?;
    socket.write_all(&frame(SETTINGS, 0, 0, &[])).await?;
    loop {
        let mut about = [0; 9];
        socket.read_exact(&mut about).await?;
        let length = u32::from_be_bytes([0, about[0], about[1], about[2]]);
        let mut payload = vec![0; length as usize];
        socket.read_exact(&mut payload).await?;
        let stream = u32::from_be_bytes([about[5], about[6], about[7], about[8]]);
        match (about[3], about[4]) {
            (SETTINGS, 0) => socket.write_all(&frame(SETTINGS, 1, 0, &[])).await?,
            (PING, 0) => socket.write_all(&frame(PING, 1, 0, &payload)).await?,
            (HEADERS, _) => {
                let fixed: &[Pair] = &[(b"content-type", b"application/grpc")];
                let block = [&[0x88][..], &literal(fixed), &literal(head)].concat();
                let told = trailers.iter().any(|(name, _)| *name == b"grpc-status");
                let ok: &[Pair] = if told { &[] } else { &[(b"grpc-status", b"0")] };
                let end = [literal(ok), literal(trailers)].concat();
                let answer = [
                    frame(HEADERS, END_HEADERS, stream, &block),
                    frame(DATA, 0, stream, &[0; 5]),
                    frame(HEADERS, END_HEADERS | END_STREAM, stream, &end),
                ];
                socket.write_all(&answer.concat()).await?;
            }
            _ => {}
        }
    }
}

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).expect("a short one").to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// Headers as HPACK writes new names without indexing (RFC 7541, 6.2.2).
fn literal(pairs: &[Pair]) -> Vec<u8> {
    let text = |text: &[u8]| [&[u8::try_from(text.len()).expect("short")][..], text].concat();
    pairs.iter().flat_map(|(name, value)| [vec![0], text(name), text(value)].concat()).collect()
}

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;

/// Sends bytes on a connection of their own and reads all that comes.
async fn raw(address: &str, request: &[u8]) -> String {
    let mut socket = TcpStream::connect(address).await.expect("connected");
    socket.write_all(request).await.expect("sent");
    let mut answer = Vec::new();
    socket.read_to_end(&mut answer).await.expect("read");
    String::from_utf8_lossy(&answer).into_owned()
}

const GET: &[u8] = b"GET /v1/look/7 HTTP/1.1\r\nHost: a\r\nTE: trailers\r\nConnection: close\r\n\r\n";

#[tokio::test]
async fn metadata_cannot_write_headers() {
    const GOOD: &[Pair] = &[(b"x-good", b"1")];
    let cases: &[(&[Pair], &[Pair], &str)] = &[
        (GOOD, GOOD, "HTTP/1.1 200 "),
        (&[(b"x-a", EVIL)], &[], "HTTP/1.1 502 "),
        (&[(b"location", EVIL)], &[], "HTTP/1.1 502 "),
        (&[(b"x-http-code", b"201\r\nx-evil: 1")], &[], "HTTP/1.1 502 "),
        (&[(b"x-a", b"1\nx-evil: 1")], &[], "HTTP/1.1 502 "),
        (&[(b"x-a", b"1\0x-evil: 1")], &[], "HTTP/1.1 502 "),
        (&[(b"x-a\r\nx-evil", b"1")], &[], "HTTP/1.1 502 "),
        (&[], &[(b"x-a", EVIL)], "HTTP/1.1 502 "),
    ];
    let config = "metadata: {forward_response: ['*']}\nanswers: {status_metadata: x-http-code}";
    for (head, trailers, expected) in cases {
        let backend = ByHand::start(head, trailers).await;
        let gateway = shop_files().upstream(backend.address).config(config).start().await;
        let answer = raw(gateway.address(), GET).await;
        assert!(answer.starts_with(expected), "{answer}");
        assert!(!answer.contains("evil") && !answer.contains("script"), "{answer}");
        assert_eq!(answer.contains("x-good: 1"), *expected == "HTTP/1.1 200 ", "{answer}");
    }
}

#[tokio::test]
async fn what_is_decoded_stays_in_the_body() {
    let backend = ByHand::start(
        &[(b"blob-bin", b"DQp4LWV2aWw6IDE")],
        &[(b"grpc-message", b"gone%0D%0Ax-evil: 1"), (b"grpc-status", b"5")],
    )
    .await;
    let gateway = shop_files().upstream(backend.address).start().await;
    let answer = raw(gateway.address(), GET).await;
    let (head, _) = answer.split_once("\r\n\r\n").expect("a head");
    assert!(head.starts_with("HTTP/1.1 404 ") && !head.to_lowercase().contains("evil"), "{answer}");
    assert!(head.contains("grpc-metadata-blob-bin: DQp4LWV2aWw6IDE"), "{answer}");
}

#[tokio::test]
async fn clients_cannot_write_metadata_with_line_breaks() {
    let (gateway, backend) = crate::support::shop("metadata: {forward_request: ['*']}").await;
    for value in ["a\rb: c", "a\0b", "a\n b: c\x0b"] {
        let request =
            format!("GET /v1/look/7 HTTP/1.1\r\nHost: a\r\nX-A: {value}\r\nConnection: close\r\n\r\n");
        let answer = raw(gateway.address(), request.as_bytes()).await;
        assert!(answer.starts_with("HTTP/1.1 400 "), "{value:?}: {answer}");
    }
    assert!(backend.calls().is_empty());
}
