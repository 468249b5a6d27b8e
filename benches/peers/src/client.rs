//! An HTTP/1.1 client over one connection that it keeps: as little as a load generator needs of it, and nothing that
//! could be slow.

use bytes::{Buf, BytesMut};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::Result;

/// One connection.
pub struct Client {
    stream: TcpStream,
    read: BytesMut,
}

/// The head of an answer.
pub struct Head {
    pub status: u16,
    /// How long the body is; `None`: it comes in chunks.
    pub length: Option<usize>,
}

impl Client {
    /// Connects to a port of this machine.
    pub async fn open(port: &str) -> Result<Self> {
        let stream = TcpStream::connect(("127.0.0.1", port.parse::<u16>()?)).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, read: BytesMut::with_capacity(64 << 10) })
    }

    /// The connection without what was read ahead: for one that is only held.
    pub fn into_stream(self) -> TcpStream {
        self.stream
    }

    /// One request and its whole answer.
    pub async fn ask(&mut self, request: &[u8]) -> Result<(u16, BytesMut)> {
        self.send(request).await?;
        let head = self.head().await?;
        let body = match head.length {
            Some(length) => {
                self.at_least(length).await?;
                self.read.split_to(length)
            }
            None => self.chunks().await?,
        };
        Ok((head.status, body))
    }

    /// Sends bytes of a request.
    pub async fn send(&mut self, bytes: &[u8]) -> Result<()> {
        Ok(self.stream.write_all(bytes).await?)
    }

    /// Reads as far as the body.
    pub async fn head(&mut self) -> Result<Head> {
        let head = loop {
            if let Some(end) = find(&self.read, b"\r\n\r\n") {
                break self.read.split_to(end + 4);
            }
            self.more().await?;
        };
        let status = std::str::from_utf8(head.get(9..12).ok_or("no status")?)?.parse()?;
        Ok(Head { status, length: length(&head)? })
    }

    /// The next chunk of a body that comes in chunks; an empty one is the end.
    pub async fn chunk(&mut self) -> Result<BytesMut> {
        let end = loop {
            if let Some(end) = find(&self.read, b"\r\n") {
                break end;
            }
            self.more().await?;
        };
        let size = usize::from_str_radix(std::str::from_utf8(&self.read[..end])?.trim(), 16)?;
        self.at_least(end + 2 + size + 2).await?;
        self.read.advance(end + 2);
        let chunk = self.read.split_to(size);
        self.read.advance(2);
        Ok(chunk)
    }

    async fn chunks(&mut self) -> Result<BytesMut> {
        let mut body = BytesMut::new();
        loop {
            let chunk = self.chunk().await?;
            if chunk.is_empty() {
                return Ok(body);
            }
            body.extend_from_slice(&chunk);
        }
    }

    async fn at_least(&mut self, length: usize) -> Result<()> {
        self.read.reserve(length.saturating_sub(self.read.len()));
        while self.read.len() < length {
            self.more().await?;
        }
        Ok(())
    }

    async fn more(&mut self) -> Result<()> {
        self.read.reserve(16 << 10);
        if self.stream.read_buf(&mut self.read).await? == 0 {
            return Err("the connection ended".into());
        }
        Ok(())
    }
}

fn find(bytes: &[u8], what: &[u8]) -> Option<usize> {
    bytes.windows(what.len()).position(|window| window == what)
}

/// The length of a body, or `None` for one in chunks.
fn length(head: &[u8]) -> Result<Option<usize>> {
    for line in head.split(|byte| *byte == b'\n') {
        let Some(colon) = line.iter().position(|byte| *byte == b':') else { continue };
        if line[..colon].eq_ignore_ascii_case(b"content-length") {
            return Ok(Some(std::str::from_utf8(&line[colon + 1..])?.trim().parse()?));
        }
    }
    Ok(None)
}
