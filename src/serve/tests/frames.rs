//! HTTP/2 by hand, for clients that do what no library does.

use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;

use super::support::within;

/// A method by its place in HPACK's static table.
pub const GET: u8 = 2;
pub const POST: u8 = 3;

fn written(kind: u8, flags: u8, stream: u8, content: &[u8]) -> Vec<u8> {
    let length = u8::try_from(content.len()).expect("a short frame");
    [&[0, 0, length, kind, flags, 0, 0, 0, stream], content].concat()
}

/// The beginning of a connection whose client takes `window` bytes of an answer, and its first request.
pub fn opening(window: u32, method: u8, end: bool, path: &str) -> Vec<u8> {
    let settings = [&[0, 4][..], &window.to_be_bytes()].concat();
    // The window of the whole connection is as large as can be.
    let more = 0x7fff_ffff_u32 - 65_535;
    [
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec(),
        written(4, 0, 0, &settings),
        written(8, 0, 0, &more.to_be_bytes()),
        request(1, method, end, path),
    ]
    .concat()
}

/// A request's head; `end`: without a body.
pub fn request(stream: u8, method: u8, end: bool, path: &str) -> Vec<u8> {
    let length = u8::try_from(path.len()).expect("a short path");
    // From HPACK's static table: the method, `http`, a literal `:path`, a literal `:authority`.
    let head = [&[0x80 | method, 0x86, 0x04, length], path.as_bytes(), &[0x01, 1, b'a']].concat();
    written(1, 0x04 | u8::from(end), stream, &head)
}

/// A part of a body.
pub fn data(stream: u8, content: &[u8]) -> Vec<u8> {
    written(0, 0, stream, content)
}

/// The answer to the ping that comes with a graceful GOAWAY.
pub fn pong() -> Vec<u8> {
    written(6, 1, 0, b"\x0b\x7b\xa2\xf0\x8b\x9b\xfe\x54")
}

/// The next frame: kind, flags, stream and content.
pub async fn frame(stream: &mut TcpStream) -> (u8, u8, u8, Vec<u8>) {
    let mut head = [0; 9];
    within(stream.read_exact(&mut head)).await.expect("a frame");
    let [a, b, c, kind, flags, _, _, _, id] = head;
    let mut content = vec![0; usize::from(a) << 16 | usize::from(b) << 8 | usize::from(c)];
    within(stream.read_exact(&mut content)).await.expect("its content");
    (kind, flags, id, content)
}

/// The frames until the server closes: kind, flags, stream and content.
pub async fn frames(mut stream: TcpStream) -> Vec<(u8, u8, u8, Vec<u8>)> {
    let mut bytes = Vec::new();
    within(stream.read_to_end(&mut bytes)).await.ok();
    let mut frames = Vec::new();
    let mut rest = &bytes[..];
    while let [a, b, c, kind, flags, _, _, _, stream, after @ ..] = rest {
        let length = usize::from(*a) << 16 | usize::from(*b) << 8 | usize::from(*c);
        let (content, after) = after.split_at(length.min(after.len()));
        frames.push((*kind, *flags, *stream, content.to_vec()));
        rest = after;
    }
    frames
}
