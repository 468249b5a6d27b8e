//! The load of benches/scale: calls of one size after another, on one thread. Every answer is compared whole with what
//! it has to be, and one that differs, or does not come, is a failure.
//!
//!     growth PORT get CONNECTIONS SECONDS METHOD PATH [METHOD PATH ...]
//!     growth PORT download|upload|watch|record SIZE SECONDS
//!     growth PORT hold CONNECTIONS PATH
//!
//! `get` asks for the paths in turn, on each connection, and holds the answers to the first one of each; the next four
//! are the calls of `scale.proto`, one at a time and at least one. Both print `ready` when all connections are there and
//! have asked once, begin when they read a line, and print one JSON object. `hold` opens connections and prints `open`,
//! asks each once when it reads a line and prints `asked`, and keeps them until its input ends.

use std::io::{BufRead as _, Write as _};
use std::rc::Rc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use transom_bench_peers::Result;
use transom_bench_peers::client::Client;
use transom_bench_peers::scale::{Reading, text};

/// What a piece of a stream of requests has, as a client that sends a file does.
const PIECE: usize = 16 << 10;

fn main() -> Result<()> {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    tokio::task::LocalSet::new().block_on(&runtime, async {
        match arguments.as_slice() {
            [port, "hold", connections, path] => hold(port, connections.parse()?, path).await,
            [port, "get", connections, seconds, requests @ ..] => {
                let requests =
                    requests.as_chunks().0.iter().map(|[method, path]| request(method, path, "", b""));
                get(port, connections.parse()?, seconds, requests.collect()).await
            }
            [port, call, size, seconds] => {
                let call = Sized::find(call, size.parse()?)?;
                repeated(Client::open(port).await?, call, Until::ready(seconds)?).await
            }
            _ => Err("usage: growth PORT get|hold|download|upload|watch|record ...".into()),
        }
    })
}

/// When a load began, and when it is to end.
#[derive(Clone, Copy)]
struct Until {
    begin: Instant,
    end: Instant,
}

impl Until {
    /// Says that all is ready, and begins when it is told to.
    fn ready(seconds: &str) -> Result<Self> {
        told("ready")?;
        std::io::stdin().read_line(&mut String::new())?;
        let begin = Instant::now();
        Ok(Self { begin, end: begin + Duration::from_secs_f64(seconds.parse()?) })
    }

    fn is_over(self) -> bool {
        Instant::now() >= self.end
    }

    fn tell(self, calls: u64, failures: u64) {
        let seconds = self.begin.elapsed().as_secs_f64();
        println!("{}", serde_json::json!({"requests": calls, "failures": failures, "seconds": seconds}));
    }
}

/// The bytes of a request. `length` is the header that says how long its body is, which is JSON; empty for no body.
fn request(method: &str, path: &str, length: &str, body: &[u8]) -> Bytes {
    let mut head =
        format!("{method} {path} HTTP/1.1\r\nhost: gateway.example.com\r\naccept: application/json\r\n");
    if !length.is_empty() {
        head += &format!("content-type: application/json\r\n{length}\r\n");
    }
    [head.as_bytes(), b"\r\n", body].concat().into()
}

async fn get(port: &str, connections: usize, seconds: &str, requests: Vec<Bytes>) -> Result<()> {
    let mut first = Client::open(port).await?;
    let mut expected = Vec::new();
    for request in &requests {
        let (status, body) = first.ask(request).await?;
        if status != 200 {
            return Err(format!("{status}: {}", String::from_utf8_lossy(&body)).into());
        }
        expected.push((request.clone(), body.freeze()));
    }
    let mut clients = vec![first];
    while clients.len() < connections {
        let mut client = Client::open(port).await?;
        client.ask(&requests[0]).await?;
        clients.push(client);
    }
    let expected: Rc<[_]> = expected.into();
    let until = Until::ready(seconds)?;
    let running: Vec<_> = (clients.into_iter().enumerate())
        .map(|(index, client)| {
            tokio::task::spawn_local(ask_in_turn(client, index, Rc::clone(&expected), until))
        })
        .collect();
    let (mut calls, mut failures) = (0, 0);
    for client in running {
        let (good, bad) = client.await?;
        calls += good;
        failures += bad;
    }
    until.tell(calls, failures);
    Ok(())
}

/// Counts answers that were right, and others.
async fn ask_in_turn(
    mut client: Client,
    first: usize,
    expected: Rc<[(Bytes, Bytes)]>,
    until: Until,
) -> (u64, u64) {
    let (mut good, mut bad) = (0, 0);
    for (request, expected) in expected.iter().cycle().skip(first % expected.len()) {
        if until.is_over() {
            break;
        }
        match client.ask(request).await {
            Ok((200, body)) if body == expected => good += 1,
            Ok(_) => bad += 1,
            Err(_) => return (good, bad + 1),
        }
    }
    (good, bad)
}

/// A call of `scale.proto` that has a size.
enum Sized {
    /// One request, one answer.
    Whole { request: Bytes, answer: String },
    /// One request, many messages.
    Watch { request: Bytes, count: u32 },
    /// Many messages, one answer.
    Record { head: Bytes, count: u32 },
}

impl Sized {
    fn find(call: &str, size: u32) -> Result<Self> {
        let get = |path: String| request("GET", &path, "", b"");
        let in_json = |size: usize| format!(r#"{{"text":"{}"}}"#, text(size));
        Ok(match call {
            "download" => {
                Self::Whole { request: get(format!("/v1/texts/{size}")), answer: in_json(size as usize) }
            }
            "upload" => {
                let body = in_json(size as usize);
                let length = format!("content-length: {}", body.len());
                let request = request("POST", "/v1/texts", &length, body.as_bytes());
                Self::Whole { request, answer: format!(r#"{{"size":{size}}}"#) }
            }
            "watch" => Self::Watch { request: get(format!("/v1/readings/{size}")), count: size },
            "record" => Self::Record {
                head: request("POST", "/v1/readings", "transfer-encoding: chunked", b""),
                count: size,
            },
            _ => return Err(format!("no call `{call}`").into()),
        })
    }

    async fn ask(&self, client: &mut Client) -> Result<()> {
        match self {
            Self::Whole { request, answer } => compare(client.ask(request).await?, answer),
            Self::Watch { request, count } => watch(client, request, *count).await,
            Self::Record { head, count } => record(client, head, *count).await,
        }
    }
}

async fn repeated(mut client: Client, call: Sized, until: Until) -> Result<()> {
    let mut calls = 0;
    while calls == 0 || !until.is_over() {
        if let Err(failure) = call.ask(&mut client).await {
            eprintln!("{failure}");
            until.tell(calls, 1);
            return Ok(());
        }
        calls += 1;
    }
    until.tell(calls, 0);
    Ok(())
}

fn compare((status, body): (u16, impl AsRef<[u8]>), expected: &str) -> Result<()> {
    if status == 200 && body.as_ref() == expected.as_bytes() {
        return Ok(());
    }
    let body = body.as_ref();
    let shown = String::from_utf8_lossy(&body[..body.len().min(500)]);
    Err(format!("{status} with {} bytes: {shown}", body.len()).into())
}

/// Reads lines of `{"result":...}` as they come, in the pieces in which they come.
async fn watch(client: &mut Client, request: &[u8], count: u32) -> Result<()> {
    client.send(request).await?;
    let status = client.head().await?.status;
    let (mut number, mut expected) = (0, String::new());
    loop {
        let mut chunk = &client.chunk().await?[..];
        if chunk.is_empty() {
            break;
        }
        while !chunk.is_empty() {
            if expected.is_empty() {
                expected.push_str(r#"{"result":"#);
                Reading::write_json(number, &mut expected);
                expected.push_str("}\n");
                number += 1;
            }
            let shared = chunk.len().min(expected.len());
            if chunk[..shared] != expected.as_bytes()[..shared] {
                return compare((status, chunk), &expected);
            }
            expected.drain(..shared);
            chunk = &chunk[shared..];
        }
    }
    if status == 200 && number == count && expected.is_empty() {
        return Ok(());
    }
    Err(format!("{status} with {number} of {count} messages").into())
}

/// Sends messages, one a line, in pieces of a file's size.
async fn record(client: &mut Client, head: &[u8], count: u32) -> Result<()> {
    client.send(head).await?;
    let (mut number, mut lines) = (0, String::with_capacity(PIECE + 100));
    while number < count {
        while number < count && lines.len() < PIECE {
            Reading::write_json(number, &mut lines);
            lines.push('\n');
            number += 1;
        }
        client.send(format!("{:x}\r\n{lines}\r\n", lines.len()).as_bytes()).await?;
        lines.clear();
    }
    compare(client.ask(b"0\r\n\r\n").await?, &format!(r#"{{"size":{count}}}"#))
}

async fn hold(port: &str, connections: usize, path: &str) -> Result<()> {
    let mut held = Vec::new();
    for _ in 0..connections {
        held.push(Client::open(port).await?);
    }
    told("open")?;
    let mut lines = std::io::stdin().lock().lines();
    if lines.next().is_none() {
        return Ok(());
    }
    let request = request("GET", path, "", b"");
    let mut kept = Vec::new();
    for mut client in held {
        let (status, _) = client.ask(&request).await?;
        if status != 200 {
            return Err(format!("{status} on a connection that was held").into());
        }
        kept.push(client.into_stream());
    }
    told("asked")?;
    while lines.next().is_some() {}
    Ok(())
}

fn told(word: &str) -> Result<()> {
    println!("{word}");
    Ok(std::io::stdout().flush()?)
}
