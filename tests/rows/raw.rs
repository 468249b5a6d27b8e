//! Bytes over a socket, and the answer in what comes back: for requests that no client would send.

use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::ask::Answer;

/// Sends bytes and reads until the gateway closes the connection.
pub async fn exchanged(address: &str, bytes: &[u8]) -> Vec<u8> {
    let mut socket = TcpStream::connect(address).await.expect("connected");
    let mut answer = Vec::new();
    // A gateway that has answered already may have closed what is sent to it.
    socket.write_all(bytes).await.ok();
    let closed = timeout(Duration::from_secs(15), socket.read_to_end(&mut answer)).await;
    if closed.is_err() {
        answer.extend(b"\n(the connection was not closed)");
    }
    answer
}

/// The first HTTP/1.1 answer in what came over a socket.
pub fn parsed(bytes: &[u8]) -> Answer {
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n");
    let Some(end) = end else {
        let broken = Some("no head of an answer".to_owned());
        return Answer { body: bytes.to_vec(), broken, ..Answer::default() };
    };
    let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
    let mut lines = head.split("\r\n");
    let status = lines.next().and_then(|line| line.split(' ').nth(1)).and_then(|code| code.parse().ok());
    let mut headers = HeaderMap::new();
    for (name, value) in lines.filter_map(|line| line.split_once(':')) {
        let name = HeaderName::from_bytes(name.as_bytes()).expect("a header's name");
        headers.append(name, HeaderValue::from_str(value.trim()).expect("a header's value"));
    }
    let body = &bytes[end + 4..];
    let (body, whole) = match headers.get("transfer-encoding") {
        Some(_) => unchunked(body),
        None => (body.to_vec(), true),
    };
    let broken = (!whole).then(|| "a chunk is cut off".to_owned());
    Answer { status: status.unwrap_or_default(), headers, body, broken, ..Answer::default() }
}

/// The bytes of a chunked body, and whether its last chunk is there.
fn unchunked(mut bytes: &[u8]) -> (Vec<u8>, bool) {
    let mut body = Vec::new();
    loop {
        let Some(line) = bytes.windows(2).position(|two| two == b"\r\n") else { return (body, false) };
        let size =
            std::str::from_utf8(&bytes[..line]).ok().and_then(|text| usize::from_str_radix(text, 16).ok());
        let rest = &bytes[line + 2..];
        match size {
            Some(0) => return (body, true),
            Some(size) if rest.len() >= size + 2 => {
                body.extend(&rest[..size]);
                bytes = &rest[size + 2..];
            }
            _ => {
                body.extend(rest);
                return (body, false);
            }
        }
    }
}
