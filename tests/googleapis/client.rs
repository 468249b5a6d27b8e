//! A client of one HTTP/1.1 connection that stays open, and nothing more.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

pub struct Client {
    connection: BufReader<TcpStream>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    pub status: u16,
    pub body: Vec<u8>,
}

impl Client {
    pub fn connect(address: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(Duration::from_mins(1)))?;
        Ok(Self { connection: BufReader::new(stream) })
    }

    pub fn send(&mut self, method: &str, path: &str) -> io::Result<Answer> {
        let head = format!("{method} {path} HTTP/1.1\r\nhost: localhost\r\ncontent-length: 0\r\n\r\n");
        self.connection.get_mut().write_all(head.as_bytes())?;
        let status = self.line()?;
        let status = status.split(' ').nth(1).and_then(|code| code.parse().ok()).ok_or(NO_ANSWER)?;
        let mut length = None;
        loop {
            let line = self.line()?.to_ascii_lowercase();
            if line.is_empty() {
                break;
            }
            let value = line.strip_prefix("content-length:").and_then(|value| value.trim().parse().ok());
            length = value.or(length);
        }
        let mut body = vec![0; length.ok_or(NO_ANSWER)?];
        self.connection.read_exact(&mut body)?;
        Ok(Answer { status, body })
    }

    fn line(&mut self) -> io::Result<String> {
        let mut line = String::new();
        self.connection.read_line(&mut line)?;
        if line.ends_with("\r\n") { Ok(line.trim_end().to_owned()) } else { Err(NO_ANSWER.into()) }
    }
}

/// The connection closed, or this is no answer with a length.
const NO_ANSWER: io::ErrorKind = io::ErrorKind::UnexpectedEof;
