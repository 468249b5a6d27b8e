//! Listeners: accepting connections, the layers around a call, and the drain at the end.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use crate::problem::Place;

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

/// The certificate of a listener; both files are read again when they change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListenerTls {
    /// PEM file of the certificate chain.
    pub certificate: PathBuf,
    /// PEM file of its key.
    pub key: PathBuf,
}

/// Limits of connections.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConnectionLimits {
    /// Bytes of all request headers together: 431.
    pub header_bytes: usize,
    /// Time to read a request's headers: the connection is closed.
    pub header_timeout: Duration,
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
