//! gRPC backends over HTTP/2: connections, TLS, deadlines, reconnects.
//!
//! Not for what a message says ([`transcode`](crate::transcode)) and not for header rules
//! ([`metadata`](crate::metadata)).

use std::path::PathBuf;
use std::time::Duration;

use bytes::Bytes;
use http::HeaderMap;
use http::uri::PathAndQuery;

use crate::problem::{Place, Problems};
use crate::status::Status;

/// One backend.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// The name used in config, logs and metrics.
    pub name: String,
    /// `http://host:port` (h2c), `https://host:port`, `unix:///path` (h2c).
    pub url: String,
    /// TLS, for `https`.
    pub tls: TlsSettings,
    /// Deadline of a call that brings none; `None`: no deadline.
    pub timeout: Option<Duration>,
    /// The longest deadline a client may ask for; longer ones are cut to it.
    pub max_timeout: Option<Duration>,
    /// How long one attempt to connect may take.
    pub connect_timeout: Duration,
    /// How many HTTP/2 connections are kept.
    pub connections: usize,
    /// Idle time after which a ping checks the connection; `None`: never.
    pub keepalive: Option<Duration>,
    /// The largest answer message in bytes.
    pub max_response_message: usize,
    /// Where it was configured, for problems.
    pub place: Place,
}

/// TLS towards a backend.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TlsSettings {
    /// PEM file of trusted roots; none: the system's.
    pub roots: Option<PathBuf>,
    /// PEM file of the client certificate chain.
    pub certificate: Option<PathBuf>,
    /// PEM file of the client certificate's key.
    pub key: Option<PathBuf>,
    /// The name the server's certificate must have; none: the url's host.
    pub server_name: Option<String>,
}

/// A backend that calls can be sent to. Connects when first needed, and again whenever needed.
#[derive(Debug)]
pub struct Upstream {}

/// A unary call ready to be sent.
#[derive(Debug)]
pub struct Call {
    /// `/pkg.Service/Method`.
    pub path: PathAndQuery,
    /// Metadata only; the gRPC headers (`te`, `content-type`, `grpc-timeout`) are added here.
    pub metadata: HeaderMap,
    /// The frame: prefix and message.
    pub frame: Bytes,
    /// The client's own wish for a deadline; the upstream's default and maximum are applied to it.
    pub timeout: Option<Duration>,
}

/// What came back: metadata and trailers as sent (reserved gRPC names removed), and the message or the status.
#[derive(Debug)]
pub struct Reply {
    /// Initial metadata.
    pub metadata: HeaderMap,
    /// Trailing metadata.
    pub trailers: HeaderMap,
    /// The one message, or why there is none.
    pub outcome: Result<Bytes, Status>,
}

impl Upstream {
    /// Prepares a backend (reads certificates, parses the url, opens no connection), telling every problem.
    /// Must be called within a tokio runtime.
    pub fn prepare(_settings: Settings, _problems: &mut Problems) -> Option<Self> {
        todo!()
    }

    /// What it was prepared from; a reload keeps an upstream whose settings did not change.
    #[must_use]
    pub fn settings(&self) -> &Settings {
        todo!()
    }

    /// Whether a connection is up, or a message why not, for `/readyz`. Never names an address.
    pub fn state(&self) -> Result<(), String> {
        todo!()
    }

    /// Sends one unary call and waits for its answer. Dropping the future cancels the call at the backend.
    pub async fn unary(&self, _call: Call) -> Reply {
        todo!()
    }
}
