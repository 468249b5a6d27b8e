//! A call whose body is sent and whose answer is read bit by bit, over HTTP/1.1 or HTTP/2.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, Method, Request, StatusCode};
use http_body::{Body, Frame};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::timeout;

/// A call under way.
#[derive(Debug)]
pub struct Talk {
    sender: Option<mpsc::UnboundedSender<Bytes>>,
    response: Response,
    read: BytesMut,
    pub trailers: HeaderMap,
    connection: JoinHandle<()>,
}

#[derive(Debug)]
enum Response {
    Coming(JoinHandle<hyper::Result<http::Response<Incoming>>>),
    Body(Incoming),
}

/// What is sent bit by bit.
struct Sent(mpsc::UnboundedReceiver<Bytes>);

impl Body for Sent {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.0.poll_recv(cx).map(|bytes| bytes.map(|bytes| Ok(Frame::data(bytes))))
    }
}

/// The protocols that calls are made over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Over {
    Http1,
    Http2,
}

impl Talk {
    /// Begins a call on a connection of its own.
    pub async fn begin(
        address: &str,
        over: Over,
        method: Method,
        target: &str,
        headers: &[(&str, &str)],
    ) -> Self {
        let io = TokioIo::new(TcpStream::connect(address).await.expect("connected"));
        let (sender, body) = mpsc::unbounded_channel();
        let uri =
            if over == Over::Http2 { format!("http://gateway.test{target}") } else { target.to_owned() };
        let mut request = Request::builder().method(method).uri(uri);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let (connection, response) = match over {
            Over::Http1 => {
                let request = request.header("host", "gateway.test").body(Sent(body)).expect("a request");
                let (mut sender, connection) =
                    hyper::client::conn::http1::handshake(io).await.expect("HTTP/1.1");
                let connection = tokio::spawn(async move { drop(connection.await) });
                (connection, tokio::spawn(async move { sender.send_request(request).await }))
            }
            Over::Http2 => {
                let request = request.body(Sent(body)).expect("a request");
                let opened = hyper::client::conn::http2::handshake(TokioExecutor::new(), io).await;
                let (mut sender, connection) = opened.expect("HTTP/2");
                let connection = tokio::spawn(async move { drop(connection.await) });
                (connection, tokio::spawn(async move { sender.send_request(request).await }))
            }
        };
        let response = Response::Coming(response);
        Self { sender: Some(sender), response, read: BytesMut::new(), trailers: HeaderMap::new(), connection }
    }

    /// Sends some more of the body.
    pub fn send(&self, bytes: impl Into<Bytes>) {
        self.sender.as_ref().expect("not finished").send(bytes.into()).ok();
    }

    /// Ends the body.
    pub fn finish(&mut self) {
        self.sender = None;
    }

    /// The answer's head, once it is there.
    pub async fn head(&mut self) -> (StatusCode, HeaderMap) {
        let Response::Coming(response) = &mut self.response else { panic!("the head was read") };
        let response = timeout(LONG, response).await.expect("a head in time").expect("a task");
        let (parts, body) = response.expect("an answer").into_parts();
        self.response = Response::Body(body);
        (parts.status, parts.headers)
    }

    /// The next piece of the answer; `None` at its end, an error where it breaks off.
    pub async fn piece(&mut self) -> Result<Option<Bytes>, String> {
        if let Response::Coming(_) = self.response {
            self.head().await;
        }
        let Response::Body(body) = &mut self.response else { unreachable!("the head was read") };
        loop {
            let frame = timeout(LONG, body.frame()).await.expect("a frame in time");
            match frame.transpose().map_err(|error| error.to_string())?.map(Frame::into_data) {
                None => return Ok(None),
                Some(Ok(data)) => return Ok(Some(data)),
                Some(Err(frame)) => self.trailers = frame.into_trailers().unwrap_or_default(),
            }
        }
    }

    /// The next line of the answer, without its newline; what is left at the end counts as one.
    pub async fn line(&mut self) -> Option<String> {
        loop {
            if let Some(end) = self.read.iter().position(|byte| *byte == b'\n') {
                let line = self.read.split_to(end + 1);
                return Some(String::from_utf8_lossy(&line[..end]).into_owned());
            }
            match self.piece().await.expect("the answer goes on") {
                Some(piece) => self.read.extend_from_slice(&piece),
                None if self.read.is_empty() => return None,
                None => return Some(String::from_utf8_lossy(&self.read.split()).into_owned()),
            }
        }
    }

    /// The rest of the answer; an error where it breaks off, with what came before.
    pub async fn rest(&mut self) -> Result<String, String> {
        loop {
            match self.piece().await {
                Ok(Some(piece)) => self.read.extend_from_slice(&piece),
                Ok(None) => return Ok(String::from_utf8_lossy(&self.read.split()).into_owned()),
                Err(_) => return Err(String::from_utf8_lossy(&self.read.split()).into_owned()),
            }
        }
    }
}

impl Drop for Talk {
    /// The client goes away.
    fn drop(&mut self) {
        if let Response::Coming(response) = &self.response {
            response.abort();
        }
        self.connection.abort();
    }
}

const LONG: Duration = Duration::from_secs(20);
