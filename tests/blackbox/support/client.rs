//! An HTTP client of one request a connection, over TCP or a unix socket, HTTP/1.1 or HTTP/2.

use bytes::Bytes;
use http::{HeaderMap, Request, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper_util::rt::{TokioExecutor, TokioIo};
use serde_json::Value;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};

/// Where to send requests.
#[derive(Debug, Clone)]
pub enum Client {
    /// HTTP/1.1 to `host:port`.
    Tcp(String),
    /// HTTP/2 with prior knowledge to `host:port`.
    Http2(String),
    /// HTTP/1.1 to the path of a unix socket.
    Unix(std::path::PathBuf),
}

/// A whole answer.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Bytes,
    pub trailers: HeaderMap,
}

impl Answer {
    /// The body as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// A header as text; empty when missing.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().expect("a text header"))
    }

    /// The HTTP status and the message of the error body.
    pub fn error(&self) -> (u16, String) {
        let message = self.json()["message"].as_str().unwrap_or_default().to_owned();
        (self.status.as_u16(), message)
    }
}

/// A connection that stays open from one request to the next.
pub enum Session {
    Http1(hyper::client::conn::http1::SendRequest<Full<Bytes>>),
    Http2(hyper::client::conn::http2::SendRequest<Full<Bytes>>),
}

impl Session {
    /// Opens an HTTP/1.1 connection to `host:port`.
    pub async fn http1(address: &str) -> Self {
        let io = TokioIo::new(TcpStream::connect(address).await.expect("connected"));
        let (sender, connection) = hyper::client::conn::http1::handshake(io).await.expect("HTTP/1.1");
        tokio::spawn(connection);
        Self::Http1(sender)
    }

    /// Opens an HTTP/2 connection to `host:port`.
    pub async fn http2(address: &str) -> Self {
        let io = TokioIo::new(TcpStream::connect(address).await.expect("connected"));
        let opened = hyper::client::conn::http2::handshake(TokioExecutor::new(), io).await;
        let (sender, connection) = opened.expect("HTTP/2");
        tokio::spawn(connection);
        Self::Http2(sender)
    }

    /// Sends one request and reads the whole answer; an error is a connection that broke.
    pub async fn send(&mut self, mut request: Request<Full<Bytes>>) -> Result<Answer, String> {
        match self {
            Self::Http1(sender) => {
                request.headers_mut().insert("host", http::HeaderValue::from_static("gateway.test"));
                sender.ready().await.map_err(|error| error.to_string())?;
                whole(sender.send_request(request).await).await
            }
            Self::Http2(sender) => {
                let target = format!("http://gateway.test{}", request.uri());
                *request.uri_mut() = target.parse().expect("a target");
                sender.ready().await.map_err(|error| error.to_string())?;
                whole(sender.send_request(request).await).await
            }
        }
    }
}

impl Client {
    /// Sends one request and reads the whole answer.
    pub async fn send(&self, request: Request<Full<Bytes>>) -> Answer {
        self.try_send(request).await.expect("an answer")
    }

    /// Sends one request; an error is a connection that failed or broke.
    pub async fn try_send(&self, request: Request<Full<Bytes>>) -> Result<Answer, String> {
        let tell = |error: std::io::Error| format!("not connected: {error}");
        match self {
            Self::Tcp(address) => http1(TcpStream::connect(address).await.map_err(tell)?, request).await,
            Self::Http2(address) => http2(TcpStream::connect(address).await.map_err(tell)?, request).await,
            Self::Unix(path) => http1(UnixStream::connect(path).await.map_err(tell)?, request).await,
        }
    }
}

/// Sends one HTTP/1.1 request over a connection of any kind.
pub async fn http1(
    io: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    mut request: Request<Full<Bytes>>,
) -> Result<Answer, String> {
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(io)).await.map_err(|error| error.to_string())?;
    tokio::spawn(connection);
    request.headers_mut().entry("host").or_insert(http::HeaderValue::from_static("gateway.test"));
    whole(sender.send_request(request).await).await
}

/// Sends one HTTP/2 request over a connection of any kind.
pub async fn http2(
    io: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    mut request: Request<Full<Bytes>>,
) -> Result<Answer, String> {
    let (mut sender, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(io))
            .await
            .map_err(|error| error.to_string())?;
    tokio::spawn(connection);
    let target = format!("http://gateway.test{}", request.uri());
    *request.uri_mut() = target.parse().expect("a target");
    whole(sender.send_request(request).await).await
}

async fn whole(response: hyper::Result<http::Response<hyper::body::Incoming>>) -> Result<Answer, String> {
    let (parts, body) = response.map_err(|error| format!("{error:?}"))?.into_parts();
    let collected = body.collect().await.map_err(|error| format!("{error:?}"))?;
    let trailers = collected.trailers().cloned().unwrap_or_default();
    Ok(Answer { status: parts.status, headers: parts.headers, body: collected.to_bytes(), trailers })
}
