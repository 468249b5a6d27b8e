//! A scripted gateway, and a server of it to talk to.

use std::future::Future;
use std::io::Write;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Full};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;

use crate::gateway::Peer;
use crate::observe::CallRecord;
use crate::problem::{Place, Problems};
use crate::protocol::{self, Body};
use crate::serve::{
    ConnectionLimits, Cors, Drained, Front, Gateway, LayerSettings, Layers, ListenAddress, ListenerSettings,
    ListenerTls, Settings, Stop, bind,
};
use crate::status::{Code, Origin};
use crate::telemetry::{self, LogFormat, Telemetry};

/// The longest any test waits for anything.
pub const LONG: Duration = Duration::from_secs(20);

/// Bytes of a request body that the script reads.
pub const BODY_LIMIT: usize = 64 * 1024;

/// How long the script waits for one.
pub const BODY_TIME: Duration = Duration::from_millis(300);

/// Answers by path: `/panic`, `/wait` (until released), `/echo` (the body), `/large` (413 after
/// reading the body), `/headers` (as JSON), `/bytes/N` (N bytes of JSON), anything else 404.
#[derive(Debug, Default)]
pub struct Script {
    pub generation: u64,
    pub release: Arc<Notify>,
    /// Told when a `/wait` begins.
    pub begun: Arc<Notify>,
}

impl Gateway for Script {
    fn generation(&self) -> u64 {
        self.generation
    }

    fn methods(&self) -> Vec<Method> {
        vec![Method::GET, Method::PUT]
    }

    async fn call<B>(
        self: &Arc<Self>,
        request: Request<&mut Option<B>>,
        _: &Peer,
        record: &mut CallRecord,
    ) -> Response<Body>
    where
        B: http_body::Body<Data = Bytes> + Send + Unpin + 'static,
    {
        let (parts, body) = request.into_parts();
        let body = body.as_mut().expect("a body");
        let path = parts.uri.path().to_owned();
        record.route = Some(path.as_str().into());
        record.rpc = Some("test.Service/Method".into());
        match path.as_str() {
            "/panic" => panic!("secret of the inside"),
            "/wait" => {
                self.begun.notify_one();
                self.release.notified().await;
                json(StatusCode::OK, format!("{{\"generation\":{}}}", self.generation))
            }
            "/echo" => match protocol::read(body, BODY_LIMIT, BODY_TIME).await {
                Ok(bytes) => json(StatusCode::OK, bytes.to_vec()),
                Err(status) => {
                    (record.code, record.origin) = (status.code, Some(status.origin));
                    json(status.http_status(), status.message)
                }
            },
            "/large" => {
                protocol::read(body, BODY_LIMIT, BODY_TIME).await.expect("a body");
                json(StatusCode::PAYLOAD_TOO_LARGE, "{}")
            }
            "/headers" => json(StatusCode::OK, shown(&parts.headers)),
            path => {
                if let Some(size) = path.strip_prefix("/bytes/").and_then(|size| size.parse::<usize>().ok()) {
                    return json(StatusCode::OK, vec![b'1'; size]);
                }
                (record.code, record.origin) = (Code::NotFound, Some(Origin::Client));
                record.route = None;
                json(StatusCode::NOT_FOUND, "{}")
            }
        }
    }
}

fn json(status: StatusCode, body: impl Into<Vec<u8>>) -> Response<Body> {
    let mut response = Response::new(Body::from(body.into()));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, "application/json".parse().expect("a value"));
    response
}

/// All headers as a JSON object; a sensitive one with `*` before its value.
fn shown(headers: &HeaderMap) -> String {
    let shown = headers.iter().map(|(name, value)| {
        let mark = if value.is_sensitive() { "*" } else { "" };
        (name.to_string(), format!("{mark}{}", String::from_utf8_lossy(value.as_bytes())).into())
    });
    serde_json::Value::Object(shown.collect()).to_string()
}

pub fn layers() -> LayerSettings {
    LayerSettings {
        cors: None,
        compression: false,
        compression_min: 100,
        decompression: false,
        sensitive_headers: Vec::new(),
    }
}

pub fn cors() -> Cors {
    Cors {
        origins: vec!["https://app.example".into()],
        methods: Vec::new(),
        headers: vec!["x-one".into()],
        expose: vec!["x-two".into()],
        credentials: true,
        max_age: Duration::from_mins(10),
    }
}

pub fn limits() -> ConnectionLimits {
    ConnectionLimits {
        header_bytes: 16 * 1024,
        header_timeout: Duration::from_secs(10),
        idle_timeout: LONG,
        write_timeout: LONG,
        connections: 64,
        streams: 16,
    }
}

/// What a server under test is started with.
pub struct Setup {
    pub layers: LayerSettings,
    pub limits: ConnectionLimits,
    pub drain: Duration,
    pub listen: ListenAddress,
    /// Another listener.
    pub also: Option<ListenAddress>,
    pub tls: Option<ListenerTls>,
    pub telemetry: telemetry::Settings,
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            layers: layers(),
            limits: limits(),
            drain: LONG,
            listen: ListenAddress::Tcp(SocketAddr::from(([127, 0, 0, 1], 0))),
            also: None,
            tls: None,
            telemetry: telemetry::Settings {
                level: "info".into(),
                format: LogFormat::Json,
                access_log: true,
                otlp_endpoint: None,
                service_name: "test".into(),
                sample_ratio: 1.0,
                metrics_interval: Duration::from_mins(1),
            },
        }
    }
}

/// A running server of a [`Script`].
pub struct Server {
    pub listen: ListenAddress,
    pub front: Arc<Front<Script>>,
    pub certificates: crate::serve::Certificates,
    pub release: Arc<Notify>,
    pub begun: Arc<Notify>,
    pub stop: watch::Sender<Stop>,
    pub running: JoinHandle<Drained>,
    pub telemetry: Telemetry,
    log: Lines,
}

impl Setup {
    pub fn start(self) -> Server {
        let mut problems = Problems::new();
        let log = Lines::default();
        let telemetry = telemetry::start_with(&self.telemetry, Box::new(log.clone()), &mut problems);
        let layers = Layers::prepare(&self.layers, &mut problems);
        let listeners = bind(&self.settings(), &mut problems);
        let (Some(telemetry), Some(layers), Some(listeners)) = (telemetry, layers, listeners) else {
            panic!("{problems}");
        };
        let listen = listeners.addresses().remove(0);
        let certificates = listeners.certificates();
        let script = Script { generation: 1, ..Script::default() };
        let (release, begun) = (Arc::clone(&script.release), Arc::clone(&script.begun));
        let front = Arc::new(Front::new(Arc::new(script), &layers, telemetry.recorder().clone()));
        let (stop, stopped) = watch::channel(Stop::No);
        let running = tokio::spawn(listeners.run(Arc::clone(&front), stopped));
        Server { listen, front, certificates, release, begun, stop, running, telemetry, log }
    }

    pub fn settings(&self) -> Settings {
        Settings {
            listeners: [Some(&self.listen), self.also.as_ref()]
                .into_iter()
                .flatten()
                .map(|address| ListenerSettings {
                    address: address.clone(),
                    tls: self.tls.clone(),
                    place: Place::item("listen"),
                })
                .collect(),
            drain: self.drain,
            limits: self.limits.clone(),
            layers: self.layers.clone(),
        }
    }
}

impl Server {
    pub fn address(&self) -> SocketAddr {
        match &self.listen {
            ListenAddress::Tcp(address) => *address,
            ListenAddress::Unix(path) => panic!("a unix socket at {}", path.display()),
        }
    }

    pub async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address()).await.expect("a connection")
    }

    /// Sends one HTTP/1.1 request and reads the whole answer.
    pub async fn send(&self, request: Request<Full<Bytes>>) -> Answer {
        http1(self.connect().await).await.send(request).await
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.send(get(path)).await
    }

    /// The access log so far, as JSON.
    pub fn log(&self) -> Vec<serde_json::Value> {
        self.telemetry.recorder().flush(LONG);
        self.log.json()
    }

    /// What the access log is written to.
    pub fn lines(&self) -> Lines {
        self.log.clone()
    }

    pub fn metrics(&self) -> String {
        self.telemetry.recorder().prometheus().expect("metrics")
    }
}

pub fn get(path: &str) -> Request<Full<Bytes>> {
    Request::get(path).header("host", "test").body(Full::default()).expect("a request")
}

/// A whole answer.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Answer {
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).expect("UTF-8")
    }

    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).expect("JSON")
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().expect("text"))
    }
}

/// A client on one connection.
pub enum Client {
    Http1(hyper::client::conn::http1::SendRequest<Full<Bytes>>),
    Http2(hyper::client::conn::http2::SendRequest<Full<Bytes>>),
}

pub async fn http1(stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static) -> Client {
    let (client, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.expect("a handshake");
    tokio::spawn(connection);
    Client::Http1(client)
}

pub async fn http2(stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static) -> Client {
    let (client, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream))
            .await
            .expect("a handshake");
    tokio::spawn(connection);
    Client::Http2(client)
}

impl Client {
    pub async fn try_send(&mut self, request: Request<Full<Bytes>>) -> hyper::Result<Answer> {
        let response = match self {
            Self::Http1(client) => {
                client.ready().await?;
                client.send_request(request).await?
            }
            Self::Http2(client) => {
                client.ready().await?;
                client.send_request(request).await?
            }
        };
        let (parts, mut body) = response.into_parts();
        let mut bytes = Vec::new();
        while let Some(frame) = body.frame().await {
            bytes.extend(frame?.into_data().unwrap_or_default());
        }
        Ok(Answer { status: parts.status.as_u16(), headers: parts.headers, body: bytes.into() })
    }

    pub async fn send(&mut self, request: Request<Full<Bytes>>) -> Answer {
        self.try_send(request).await.expect("an answer")
    }
}

/// Sends raw bytes and reads until the other side closes.
pub async fn raw(mut stream: TcpStream, bytes: &[u8]) -> String {
    stream.write_all(bytes).await.expect("sent");
    let mut answer = Vec::new();
    within(stream.read_to_end(&mut answer)).await.ok();
    String::from_utf8_lossy(&answer).into_owned()
}

/// What comes of the future, which must come in time.
pub async fn within<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(LONG, future).await.expect("in time")
}

/// Waits until `what` holds.
pub async fn until(mut what: impl FnMut() -> bool) {
    let deadline = Instant::now() + LONG;
    while !what() {
        assert!(Instant::now() < deadline, "it never came to hold");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Gathers what is written.
#[derive(Debug, Clone, Default)]
pub struct Lines(Arc<Mutex<Vec<u8>>>);

impl Lines {
    pub fn json(&self) -> Vec<serde_json::Value> {
        let lines = self.0.lock().expect("not poisoned").clone();
        let lines = String::from_utf8(lines).expect("UTF-8");
        lines.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
    }
}

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().expect("not poisoned").extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
