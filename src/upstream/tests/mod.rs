//! Black-box tests of the room over real sockets, against small scripted HTTP/2 servers.

mod answers;
mod cancelling;
mod deadlines;
mod links;
mod replays;
mod secure;
mod stalled;
mod streams;

use std::future::Future;
use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use h2::RecvStream;
use h2::server::{Connection, SendResponse, handshake};
use http::uri::PathAndQuery;
use http::{HeaderMap, Request, Response};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout};

use super::{
    Call, Deadlines, End, Gone, Opening, Receiving, Reply, Sending, Settings, TlsSettings, Upstream,
};
use crate::problem::{Place, Problems};
use crate::status::Status;
use crate::wire::frame::prefix;

/// A server on a free port; dropping it closes the listener and every connection.
struct Server {
    address: SocketAddr,
    task: JoinHandle<()>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Server {
    /// Gives every accepted socket to `serve`.
    async fn sockets<F, T>(serve: F) -> Self
    where
        F: Fn(TcpStream) -> T + Send + 'static,
        T: Future<Output = ()> + Send + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        Self::on(listener, serve)
    }

    fn on<F, T>(listener: TcpListener, serve: F) -> Self
    where
        F: Fn(TcpStream) -> T + Send + 'static,
        T: Future<Output = ()> + Send + 'static,
    {
        let address = listener.local_addr().expect("a bound address");
        let task = tokio::spawn(async move {
            let mut connections = tokio::task::JoinSet::new();
            while let Ok((socket, _)) = listener.accept().await {
                connections.spawn(serve(socket));
            }
        });
        Self { address, task }
    }

    /// Gives every call to `answer`.
    async fn calls<F, T>(answer: F) -> Self
    where
        F: Fn(Request<RecvStream>, SendResponse<Bytes>) -> T + Clone + Send + Sync + 'static,
        T: Future<Output = ()> + Send + 'static,
    {
        Self::sockets(move |socket| each_call(socket, answer.clone())).await
    }

    fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

/// Speaks HTTP/2 on a socket and gives every call to `answer`.
async fn each_call<S, F, T>(socket: S, answer: F)
where
    S: AsyncRead + AsyncWrite + Unpin,
    F: Fn(Request<RecvStream>, SendResponse<Bytes>) -> T,
    T: Future<Output = ()> + Send + 'static,
{
    if let Ok(mut connection) = handshake(socket).await {
        accept_all(&mut connection, &answer).await;
    }
}

/// Gives every call to `answer` until the connection ends.
async fn accept_all<S, F, T>(connection: &mut Connection<S, Bytes>, answer: &F)
where
    S: AsyncRead + AsyncWrite + Unpin,
    F: Fn(Request<RecvStream>, SendResponse<Bytes>) -> T,
    T: Future<Output = ()> + Send + 'static,
{
    while let Some(Ok((request, respond))) = connection.accept().await {
        tokio::spawn(answer(request, respond));
    }
}

/// A message with its prefix.
fn framed(message: &[u8]) -> Bytes {
    Bytes::from([&prefix(message.len())[..], message].concat())
}

fn header_map(pairs: &[(&'static str, &str)]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in pairs {
        headers.append(*name, value.parse().expect("a header value"));
    }
    headers
}

/// A gRPC response head.
fn grpc() -> Response<()> {
    let mut response = Response::new(());
    *response.headers_mut() = header_map(&[("content-type", "application/grpc")]);
    response
}

/// Answers a call with one message and `OK`.
fn answer_ok(respond: &mut SendResponse<Bytes>, message: &[u8]) {
    let Ok(mut body) = respond.send_response(grpc(), false) else {
        return; // the client went away
    };
    let _ = body.send_data(framed(message), false);
    let _ = body.send_trailers(header_map(&[("grpc-status", "0")]));
}

/// Answers every call with the bytes of its request.
async fn echo(request: Request<RecvStream>, mut respond: SendResponse<Bytes>) {
    let bytes = whole(request.into_body()).await;
    answer_ok(&mut respond, &bytes[5..]);
}

/// All bytes of a request body.
async fn whole(mut body: RecvStream) -> Vec<u8> {
    let mut bytes = Vec::new();
    while let Some(Ok(chunk)) = body.data().await {
        let _ = body.flow_control().release_capacity(chunk.len());
        bytes.extend_from_slice(&chunk);
    }
    bytes
}

fn settings(url: &str) -> Settings {
    Settings {
        name: "backend".to_owned(),
        url: url.to_owned(),
        tls: TlsSettings::default(),
        deadlines: Deadlines::default(),
        connect_timeout: Duration::from_secs(5),
        connections: 1,
        keepalive: None,
        max_request_message: 4 << 20,
        max_response_message: 4 << 20,
        stream_window: 256 << 10,
        place: Place::item("upstreams[0]"),
    }
}

fn prepare(settings: Settings) -> Upstream {
    let mut problems = Problems::new();
    let upstream = Upstream::prepare(settings, &mut problems);
    upstream.unwrap_or_else(|| panic!("{problems}"))
}

fn upstream(url: &str) -> Upstream {
    prepare(settings(url))
}

fn call(message: &[u8]) -> Call {
    Call {
        path: PathAndQuery::from_static("/pkg.Service/Method"),
        metadata: HeaderMap::new(),
        frame: framed(message),
        timeout: None,
    }
}

/// Opens a streaming call.
async fn open(upstream: &Upstream, timeout: Option<Duration>) -> (Sending, Receiving) {
    open_at(upstream, "/pkg.Service/Stream", timeout).await
}

async fn open_at(upstream: &Upstream, path: &'static str, timeout: Option<Duration>) -> (Sending, Receiving) {
    let (path, metadata) = (PathAndQuery::from_static(path), HeaderMap::new());
    soon(upstream.open(Opening { path, metadata, timeout })).await.expect("it opens")
}

/// The messages up to the end, and how it ended.
async fn rest(receiving: &mut Receiving) -> (Vec<Bytes>, End) {
    let mut messages = Vec::new();
    while let Some(message) = soon(receiving.message()).await {
        messages.push(message);
    }
    (messages, receiving.end())
}

fn message(reply: &Reply) -> &[u8] {
    reply.outcome.as_ref().expect("a message")
}

fn status(reply: &Reply) -> &Status {
    reply.outcome.as_ref().expect_err("a status")
}

/// Looks again and again until `found` is so; fails after ten seconds.
async fn until(what: &str, mut found: impl FnMut() -> bool) {
    let end = Instant::now() + Duration::from_secs(10);
    while !found() {
        assert!(Instant::now() < end, "still not so: {what}");
        sleep(Duration::from_millis(2)).await;
    }
}

/// Awaits something that must happen soon.
async fn soon<T>(what: impl Future<Output = T>) -> T {
    timeout(Duration::from_secs(10), what).await.expect("within ten seconds")
}
