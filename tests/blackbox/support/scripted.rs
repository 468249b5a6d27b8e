//! A gRPC backend that gives every call the same answer, for what the embedded backend does not say.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use h2::server::{SendResponse, handshake};
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;

/// An answer: initial metadata, a message, trailing metadata. Without a `grpc-status` it goes well.
#[derive(Debug, Clone, Default)]
pub struct Script {
    pub head: &'static [(&'static str, &'static str)],
    pub message: &'static [u8],
    pub trailers: &'static [(&'static str, &'static str)],
}

/// The head of a call and its body.
type Seen = (Request<()>, Vec<u8>);

/// The backend, until it is dropped.
#[derive(Debug)]
pub struct Scripted {
    pub address: SocketAddr,
    script: watch::Sender<Script>,
    calls: Arc<Mutex<Vec<Seen>>>,
    _tasks: JoinSet<()>,
}

impl Scripted {
    pub async fn start(script: Script) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("an address");
        let (script, scripts) = watch::channel(script);
        let calls = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&calls);
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let mut open = JoinSet::new();
            while let Ok((socket, _)) = listener.accept().await {
                let (scripts, seen) = (scripts.clone(), Arc::clone(&seen));
                open.spawn(async move {
                    let Ok(mut connection) = handshake(socket).await else { return };
                    while let Some(Ok((request, respond))) = connection.accept().await {
                        let script = scripts.borrow().clone();
                        tokio::spawn(serve(request, respond, script, Arc::clone(&seen)));
                    }
                });
            }
        });
        Self { address, script, calls, _tasks: tasks }
    }

    /// Gives another answer from now on.
    pub fn say(&self, script: Script) {
        self.script.send_replace(script);
    }

    /// The last call: its head and its message.
    pub fn last(&self) -> (Request<()>, Vec<u8>) {
        self.calls.lock().expect("no panic").pop().expect("a call")
    }
}

async fn serve(
    request: Request<h2::RecvStream>,
    mut respond: SendResponse<Bytes>,
    script: Script,
    seen: Arc<Mutex<Vec<Seen>>>,
) {
    let (head, mut body) = request.into_parts();
    let mut bytes = Vec::new();
    while let Some(Ok(chunk)) = body.data().await {
        let _ = body.flow_control().release_capacity(chunk.len());
        bytes.extend_from_slice(&chunk);
    }
    bytes.drain(..bytes.len().min(5));
    seen.lock().expect("no panic").push((Request::from_parts(head, ()), bytes));
    let mut response = Response::new(());
    *response.headers_mut() = map(script.head);
    response.headers_mut().insert("content-type", HeaderValue::from_static("application/grpc"));
    let Ok(mut answer) = respond.send_response(response, false) else { return };
    let mut trailers = map(script.trailers);
    if !trailers.contains_key("grpc-status") {
        let length = u32::try_from(script.message.len()).expect("a short one").to_be_bytes();
        let _ = answer.send_data([&[0], &length[..], script.message].concat().into(), false);
        trailers.insert("grpc-status", HeaderValue::from_static("0"));
    }
    let _ = answer.send_trailers(trailers);
}

fn map(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
    let mut map = HeaderMap::new();
    for (name, value) in pairs {
        map.append(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    map
}
