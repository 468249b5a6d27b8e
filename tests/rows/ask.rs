//! One request of a case over a socket, and all of its answer. Not for judging it.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Uri};
use http_body_util::BodyExt as _;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use transom::demo::Backend;

use crate::case::{Leave, Request, Step};
use crate::raw::{exchanged, parsed};
use crate::support::until;

/// What came back.
#[derive(Debug, Clone, Default)]
pub struct Answer {
    /// 0 where none came.
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
    pub trailers: HeaderMap,
    /// Why it ended before its end.
    pub broken: Option<String>,
    /// How many calls the backend had seen before.
    pub calls_before: usize,
}

impl Answer {
    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// Sends the request, twice where the case says so, and reads the answer to its end.
pub async fn ask(request: &Request, address: &str, backend: &Backend) -> Answer {
    if let Some(raw) = &request.raw {
        let calls_before = backend.calls().len();
        return Answer { calls_before, ..parsed(&exchanged(address, raw.as_bytes()).await) };
    }
    let first = once(request, HeaderMap::new(), address, backend).await;
    if request.again_with.is_empty() {
        return first;
    }
    let mut more = HeaderMap::new();
    for (name, of) in &request.again_with {
        let value = first.headers.get(of).cloned();
        let value = value.unwrap_or_else(|| HeaderValue::from_static("the first answer has none"));
        more.insert(HeaderName::try_from(name).expect("a header's name"), value);
    }
    once(request, more, address, backend).await
}

/// What is known of an answer while it comes.
type Progress = Arc<Mutex<(Answer, bool)>>;

async fn once(request: &Request, more: HeaderMap, address: &str, backend: &Backend) -> Answer {
    let calls_before = backend.calls().len();
    let progress = Progress::default();
    let (pieces, body) = mpsc::channel(1);
    let socket = TcpStream::connect(address).await.expect("connected");
    let head = head(request, more);
    let http2 = request.http == Some(2);
    let whole = request.steps.is_empty().then(|| whole_body(request));
    let told = Arc::clone(&progress);
    let reading = tokio::spawn(async move {
        let body = Pieces { first: whole.clone(), rest: whole.is_none().then_some(body) };
        let broken = read(head.map(|()| body), socket, http2, &told).await.err();
        let mut told = told.lock().expect("not poisoned");
        (told.0.broken, told.1) = (broken, true);
    });
    let look = |what: &dyn Fn(&Answer) -> bool| {
        let progress = progress.lock().expect("not poisoned");
        (progress.1 || what(&progress.0)).then_some(())
    };
    for step in &request.steps {
        match step {
            Step::Send(text) => drop(pieces.send(Bytes::from(text.clone())).await),
            Step::Head => until("the answer's head", async || look(&|answer| answer.status != 0)).await,
            Step::Until(text) => {
                until(&format!("`{text}` in the answer"), async || {
                    look(&|answer| answer.text().contains(text))
                })
                .await;
            }
        }
    }
    drop(pieces);
    match request.leave {
        None => until_ended(&progress).await,
        Some(Leave::Head) => until("a head", async || look(&|answer| answer.status != 0)).await,
        Some(Leave::Body) => until("a body", async || look(&|answer| !answer.body.is_empty())).await,
        Some(Leave::Called) => {
            until("the call", async || {
                (backend.calls().len() > calls_before).then_some(()).or_else(|| look(&|_| false))
            })
            .await;
        }
    }
    reading.abort();
    let answer = progress.lock().expect("not poisoned").0.clone();
    Answer { calls_before, ..answer }
}

async fn until_ended(progress: &Progress) {
    while !progress.lock().expect("not poisoned").1 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

/// The request's head.
fn head(request: &Request, more: HeaderMap) -> http::Request<()> {
    let (method, target) = request.send.split_once(' ').expect("`send` is a method and a target");
    let mut head = http::Request::new(());
    *head.method_mut() = Method::from_bytes(method.as_bytes()).expect("a method");
    let longer: String = request.longer.iter().map(|part| part.text.repeat(part.times)).collect();
    let target = format!("{target}{longer}");
    let target = if request.http == Some(2) { format!("http://gateway.test{target}") } else { target };
    *head.uri_mut() = target.parse::<Uri>().unwrap_or_else(|error| panic!("{target}: {error}; use `raw`"));
    let faults = request.fault.iter().map(|fault| ("grpc-metadata-transom-fault", fault));
    let streams = request.stream.iter().map(|stream| ("grpc-metadata-transom-stream", stream));
    let said = request
        .headers
        .iter()
        .flat_map(|(name, values)| values.all().iter().map(|value| (name.as_str(), value)));
    for (name, value) in said.chain(faults).chain(streams) {
        let name = HeaderName::from_bytes(name.as_bytes()).expect("a header's name");
        head.headers_mut().append(name, HeaderValue::from_bytes(value.as_bytes()).expect("a header's value"));
    }
    head.headers_mut().extend(more);
    if request.http != Some(2) {
        head.headers_mut().entry("host").or_insert(HeaderValue::from_static("gateway.test"));
    }
    head
}

fn whole_body(request: &Request) -> Bytes {
    if let Some(text) = &request.base64 {
        return STANDARD.decode(text).expect("base64").into();
    }
    let mut body = request.body.clone().unwrap_or_default();
    for part in &request.repeated {
        body.push_str(&part.text.repeat(part.times));
    }
    body.into()
}

async fn read(
    request: http::Request<Pieces>,
    socket: TcpStream,
    http2: bool,
    told: &Progress,
) -> Result<(), String> {
    let io = TokioIo::new(socket);
    let tell = |error: hyper::Error| format!("{error:?}");
    // A connection that is dropped with this task is closed.
    let mut connections = tokio::task::JoinSet::new();
    let response = if http2 {
        let opened = hyper::client::conn::http2::handshake(TokioExecutor::new(), io).await;
        let (mut sender, connection) = opened.map_err(tell)?;
        connections.spawn(connection);
        sender.send_request(request).await
    } else {
        let (mut sender, connection) = hyper::client::conn::http1::handshake(io).await.map_err(tell)?;
        connections.spawn(connection);
        sender.send_request(request).await
    };
    let (parts, mut body) = response.map_err(tell)?.into_parts();
    {
        let mut told = told.lock().expect("not poisoned");
        (told.0.status, told.0.headers) = (parts.status.as_u16(), parts.headers);
    }
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(tell)?;
        let mut told = told.lock().expect("not poisoned");
        match frame.into_data() {
            Ok(bytes) => told.0.body.extend(bytes),
            Err(frame) => told.0.trailers.extend(frame.into_trailers().unwrap_or_default()),
        }
    }
    Ok(())
}

/// A body that is there, or comes piece by piece.
struct Pieces {
    first: Option<Bytes>,
    rest: Option<mpsc::Receiver<Bytes>>,
}

impl http_body::Body for Pieces {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<http_body::Frame<Bytes>, Infallible>>> {
        if let Some(first) = self.first.take().filter(|first| !first.is_empty()) {
            return Poll::Ready(Some(Ok(http_body::Frame::data(first))));
        }
        match &mut self.rest {
            Some(rest) => {
                rest.poll_recv(cx).map(|piece| piece.map(|piece| Ok(http_body::Frame::data(piece))))
            }
            None => Poll::Ready(None),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_none() && self.first.as_ref().is_none_or(Bytes::is_empty)
    }

    fn size_hint(&self) -> http_body::SizeHint {
        match (&self.first, &self.rest) {
            (first, None) => {
                http_body::SizeHint::with_exact(first.as_ref().map_or(0, |first| first.len() as u64))
            }
            _ => http_body::SizeHint::default(),
        }
    }
}
