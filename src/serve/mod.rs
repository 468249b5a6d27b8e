//! Listeners: accepting connections, the layers around a call, and the drain at the end.
//!
//! [`bind`] opens the listeners, a [`Front`] holds what they serve, [`Listeners::run`] serves until told to
//! stop. The way of a request: connection ([`connection`]) -> layers ([`layers`]) -> innermost service
//! ([`call`]) -> [`Gateway::call`]. Not for what a call means: that is [`gateway`](crate::gateway).

use std::fmt;
use std::future::Future;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request, Response};

use crate::gateway::{Peer, Snapshot};
use crate::observe::CallRecord;
use crate::problem::Place;
use crate::protocol::Body;
use crate::rule::HttpMethod;

mod answering;
mod asked;
mod call;
mod clients;
mod connection;
mod front;
mod host;
mod layers;
mod listen;
mod patience;
mod phase;
mod run;
mod shutdown;
mod tls;

pub use front::Front;
pub use layers::Layers;
pub use listen::Listeners;
pub use listen::bind;
pub(crate) use listen::{Socket, Stream};
pub use run::Drained;
pub use shutdown::{Stop, shutdown_signal};
pub use tls::Certificates;

/// What answers calls: a [`Snapshot`], or a script in tests of this room.
pub trait Gateway: Send + Sync + 'static {
    /// The number of this generation.
    fn generation(&self) -> u64;

    /// The HTTP methods that some route has, for cross-origin preflights.
    fn methods(&self) -> Vec<Method>;

    /// Serves one request, filling in the record. Never fails: every error is an answer. A body that is needed for
    /// longer than the answer's head is taken out of the request.
    fn call<B>(
        self: &Arc<Self>,
        request: Request<&mut Option<B>>,
        peer: &Peer,
        record: &mut CallRecord,
    ) -> impl Future<Output = Response<Body>> + Send
    where
        B: http_body::Body<Data = Bytes> + Send + Unpin + 'static,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>> + Send;
}

impl Gateway for Snapshot {
    fn generation(&self) -> u64 {
        Self::generation(self)
    }

    fn methods(&self) -> Vec<Method> {
        let mut methods = Vec::new();
        for binding in self.bindings() {
            if let HttpMethod::Exact(method) = &binding.method
                && !methods.contains(method)
            {
                methods.push(method.clone());
            }
        }
        methods
    }

    fn call<B>(
        self: &Arc<Self>,
        request: Request<&mut Option<B>>,
        peer: &Peer,
        record: &mut CallRecord,
    ) -> impl Future<Output = Response<Body>> + Send
    where
        B: http_body::Body<Data = Bytes> + Send + Unpin + 'static,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>> + Send,
    {
        Snapshot::call(self, request, peer, record)
    }
}

/// Where and how clients are served. Listeners, TLS and connection limits are read at start-up; layers are
/// swapped with the snapshot on reload.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// The listeners.
    pub listeners: Vec<ListenerSettings>,
    /// How long a shutdown waits for calls in flight.
    pub drain: Duration,
    /// Limits of connections.
    pub limits: ConnectionLimits,
    /// The layers around each call.
    pub layers: LayerSettings,
}

/// One listener.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListenerSettings {
    /// Where it listens.
    pub address: ListenAddress,
    /// TLS; `None`: plain text.
    pub tls: Option<ListenerTls>,
    /// Where it was configured, for problems.
    pub place: Place,
}

/// A TCP address or the path of a unix socket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ListenAddress {
    /// TCP; port 0: any free port.
    Tcp(SocketAddr),
    /// A unix socket; a stale file of an earlier run is replaced.
    Unix(PathBuf),
}

impl fmt::Display for ListenAddress {
    /// `127.0.0.1:8080` or `unix:/path`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => address.fmt(f),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

/// The certificate of a listener, and which certificates of clients are good; all files are read again when they
/// change.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ListenerTls {
    /// PEM file of the certificate chain.
    pub certificate: PathBuf,
    /// PEM file of its key.
    pub key: PathBuf,
    /// Whether clients are asked for certificates; `None`: no.
    pub clients: Option<ClientTls>,
}

/// Which certificates of clients are good.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientTls {
    /// PEM file of the certificates that issue them.
    pub roots: PathBuf,
    /// Whether a client without a certificate is refused at the handshake.
    pub required: bool,
}

/// Limits of connections.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConnectionLimits {
    /// Bytes of all request headers together, at least 8 KiB: 431.
    pub header_bytes: usize,
    /// Time to read a request's headers, the TLS handshake before the first ones included: the connection is
    /// closed.
    pub header_timeout: Duration,
    /// Time without a request after which a connection is closed.
    pub idle_timeout: Duration,
    /// Time without progress after which the connection of a client that does not read its answer is closed.
    pub write_timeout: Duration,
    /// Open connections; more wait in the listener's queue.
    pub connections: usize,
    /// Concurrent HTTP/2 streams a connection.
    pub streams: u32,
}

/// The layers around each call (tower-http).
#[derive(Debug, Clone, PartialEq)]
pub struct LayerSettings {
    /// Cross-origin requests; `None`: no CORS headers.
    pub cors: Option<Cors>,
    /// Whether answers are compressed for clients that accept it (gzip, br, zstd).
    pub compression: bool,
    /// Answers smaller than this many bytes are not compressed.
    pub compression_min: u16,
    /// Whether compressed request bodies are read.
    pub decompression: bool,
    /// Request headers whose values are never logged, beside `authorization` and `cookie`.
    pub sensitive_headers: Vec<String>,
}

/// Who may call from another origin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cors {
    /// Allowed origins; `*`: any.
    pub origins: Vec<String>,
    /// Allowed methods; empty: those of the route table.
    pub methods: Vec<String>,
    /// Allowed request headers; `*`: any.
    pub headers: Vec<String>,
    /// Answer headers a script may read.
    pub expose: Vec<String>,
    /// Whether cookies and credentials are allowed.
    pub credentials: bool,
    /// How long a preflight may be cached.
    pub max_age: Duration,
}

#[cfg(test)]
mod tests;
