//! Calls decided by a real gRPC server that plays an authorizer.

mod deciding;
mod failing;
mod with_policy;

use std::net::SocketAddr;
use std::sync::Mutex;
use std::sync::atomic::AtomicUsize;

use bytes::Bytes;
use h2::server::{SendResponse, handshake};
use http::{HeaderValue, Method as HttpMethod, Request, Response, Uri};
use prost::Message as _;
use prost_types::value::Kind;
use prost_types::{ListValue, Struct, Value};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::message::{DeniedResponse, Header, HeaderOption, HttpAnswer, HttpStatus, OkResponse, RpcStatus};
use super::*;
use crate::metadata::Peer;
use crate::upstream::{Deadlines, TlsSettings};
use crate::wire::frame;

/// What the authorizer does when it is asked.
#[derive(Clone)]
enum Answer {
    Says(CheckResponse),
    Bytes(&'static [u8]),
    Status(&'static str),
    Http(u16),
    Never,
}

/// An authorizer on a free port that keeps what it was asked.
struct Served {
    address: SocketAddr,
    answer: watch::Sender<Answer>,
    asked: Arc<Mutex<Vec<(CheckRequest, HeaderMap)>>>,
    connections: Arc<AtomicUsize>,
    _tasks: JoinSet<()>,
}

impl Served {
    async fn start(answer: Answer) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("an address");
        let (answer, answers) = watch::channel(answer);
        let asked = Arc::new(Mutex::new(Vec::new()));
        let connections = Arc::new(AtomicUsize::new(0));
        let mut tasks = JoinSet::new();
        tasks.spawn(accept(listener, answers, Arc::clone(&asked), Arc::clone(&connections)));
        Self { address, answer, asked, connections, _tasks: tasks }
    }

    fn settings(&self) -> Settings {
        settings(self.address)
    }

    fn authorizer(&self) -> Authorizer {
        prepare(&self.settings(), None)
    }

    /// The last question.
    fn last(&self) -> (CheckRequest, HeaderMap) {
        self.asked.lock().expect("no panic").last().cloned().expect("a question")
    }

    fn times_asked(&self) -> usize {
        self.asked.lock().expect("no panic").len()
    }
}

async fn accept(
    listener: TcpListener,
    answers: watch::Receiver<Answer>,
    asked: Arc<Mutex<Vec<(CheckRequest, HeaderMap)>>>,
    connections: Arc<AtomicUsize>,
) {
    let mut open = JoinSet::new();
    while let Ok((socket, _)) = listener.accept().await {
        connections.fetch_add(1, Ordering::SeqCst);
        let (answers, asked) = (answers.clone(), Arc::clone(&asked));
        open.spawn(async move {
            let Ok(mut connection) = handshake(socket).await else { return };
            while let Some(Ok((request, respond))) = connection.accept().await {
                tokio::spawn(serve(request, respond, answers.borrow().clone(), Arc::clone(&asked)));
            }
        });
    }
}

async fn serve(
    request: Request<h2::RecvStream>,
    mut respond: SendResponse<Bytes>,
    answer: Answer,
    asked: Arc<Mutex<Vec<(CheckRequest, HeaderMap)>>>,
) {
    assert_eq!(request.uri().path(), "/envoy.service.auth.v3.Authorization/Check");
    let (head, mut body) = request.into_parts();
    let mut bytes = Vec::new();
    while let Some(Ok(chunk)) = body.data().await {
        let _ = body.flow_control().release_capacity(chunk.len());
        bytes.extend_from_slice(&chunk);
    }
    let question = CheckRequest::decode(&bytes[frame::PREFIX..]).expect("a question");
    asked.lock().expect("no panic").push((question, head.headers));
    let message = match answer {
        Answer::Never => return std::future::pending().await,
        Answer::Http(status) => {
            let response = Response::builder().status(status).body(()).expect("a head");
            let _ = respond.send_response(response, true);
            return;
        }
        Answer::Status(code) => {
            let head =
                Response::builder().header("content-type", "application/grpc").header("grpc-status", code);
            let _ = respond.send_response(head.body(()).expect("a head"), true);
            return;
        }
        Answer::Bytes(bytes) => bytes.to_vec(),
        Answer::Says(response) => response.encode_to_vec(),
    };
    let head = Response::builder().header("content-type", "application/grpc").body(()).expect("a head");
    // The client may have gone away.
    let Ok(mut body) = respond.send_response(head, false) else { return };
    let framed = [&frame::prefix(message.len())[..], &message].concat();
    let _ = body.send_data(framed.into(), false);
    let mut trailers = HeaderMap::new();
    trailers.insert("grpc-status", HeaderValue::from_static("0"));
    let _ = body.send_trailers(trailers);
}

fn settings(address: SocketAddr) -> Settings {
    Settings {
        upstream: upstream::Settings {
            name: "authorizer".to_owned(),
            url: format!("http://{address}"),
            tls: TlsSettings::default(),
            deadlines: Deadlines::default(),
            connect_timeout: Duration::from_secs(5),
            connections: 1,
            keepalive: None,
            max_request_message: 1 << 20,
            max_response_message: 1 << 20,
            stream_window: 256 << 10,
            place: Place::item("identity.external"),
        },
        timeout: Duration::from_secs(10),
        on_failure: OnFailure::Deny(StatusCode::FORBIDDEN),
        headers: Vec::new(),
        context: BTreeMap::new(),
        forward_identity: true,
        given: Given {
            actor_type: "ACTOR_TYPE_USER".to_owned(),
            accounts: vec!["*".to_owned()],
            permissions: vec!["*".to_owned()],
        },
        place: Place::item("identity.external"),
    }
}

fn prepare(settings: &Settings, previous: Option<&Authorizer>) -> Authorizer {
    let mut problems = Problems::new();
    let found = Authorizer::prepare(settings, &MetadataNames::default(), previous, &mut problems);
    found.unwrap_or_else(|| panic!("{problems}"))
}

/// A request's parts.
struct Asker {
    method: HttpMethod,
    uri: Uri,
    headers: HeaderMap,
    peer: Peer,
}

impl Asker {
    fn new(headers: &[(&'static str, &'static str)]) -> Self {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, HeaderValue::from_static(value));
        }
        let uri = Uri::from_static("/v1/shelves/1?page=2");
        Self { method: HttpMethod::GET, uri, headers: map, peer: Peer::default() }
    }

    fn head(&self) -> Head<'_> {
        let Self { method, uri, headers, peer } = self;
        Head { method, uri, headers, peer, rpc: "acme.v1.Library/GetShelf", account: Some("acme") }
    }
}

/// What becomes of a plain request.
async fn check(authorizer: &Authorizer, identity: Option<&Identity>) -> Result<Verdict, Status> {
    authorizer.check(&Asker::new(&[]).head(), identity).await
}

fn says(code: i32, answer: Option<HttpAnswer>) -> CheckResponse {
    CheckResponse { status: Some(RpcStatus { code }), http_response: answer, dynamic_metadata: None }
}

fn allows(answer: OkResponse) -> Answer {
    Answer::Says(says(0, Some(HttpAnswer::Ok(answer))))
}

fn denies(status: i32, headers: Vec<HeaderOption>, body: &str) -> DeniedResponse {
    let status = (status != 0).then_some(HttpStatus { code: status });
    DeniedResponse { status, headers, body: body.to_owned() }
}

fn header(key: &str, value: &str) -> HeaderOption {
    let header = Header { key: key.to_owned(), value: value.to_owned(), ..Header::default() };
    HeaderOption { header: Some(header), ..HeaderOption::default() }
}

fn facts(pairs: &[(&str, Value)]) -> Struct {
    Struct { fields: pairs.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect() }
}

fn text(text: &str) -> Value {
    Value { kind: Some(Kind::StringValue(text.to_owned())) }
}

fn list(texts: &[&str]) -> Value {
    Value { kind: Some(Kind::ListValue(ListValue { values: texts.iter().map(|one| text(one)).collect() })) }
}

fn robot() -> Identity {
    Identity {
        actor_id: "robot".into(),
        actor_type: "ACTOR_TYPE_SERVICE_ACCOUNT".into(),
        accounts: Scope::of(["one"]),
        permissions: Scope::of(["read:x"]),
        name: None,
        method: Method::Key,
    }
}
