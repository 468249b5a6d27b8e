//! gRPC backends over HTTP/2: connections, TLS, deadlines, reconnects.
//!
//! Not for what a message says ([`transcode`](crate::transcode)) and not for header rules
//! ([`metadata`](crate::metadata)).
//!
//! From the outside in: `unary` sends a call, `pool` finds it a connection, `exchange` is its stream, `answer`
//! reads what came back. Beside them `reconnect` keeps the `connection`s up, opened by `connect` over what
//! `target` and `tls` prepared. Nothing here is global: each upstream has its own connections and lives on the
//! runtime that it was prepared on.

#![cfg_attr(
    not(test),
    deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)
)]

mod answer;
mod cancel;
mod connect;
mod connection;
mod deadline;
mod exchange;
mod fault;
mod pool;
mod reconnect;
mod service;
mod target;
mod tls;
mod unary;

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::uri::{Authority, PathAndQuery};
use http::{HeaderMap, StatusCode};
use tokio::sync::watch;

use self::connect::Connector;
use self::pool::Pool;
use self::reconnect::Keeper;
use self::target::Target;
use self::tls::Tls;
use self::unary::Calls;
use crate::problem::{Place, Problems};
use crate::status::{Code, Origin, Status};
use crate::units::ByteSize;
use crate::wire::frame;
pub use deadline::Deadlines;
pub use service::Service;
pub use target::fault_of_url;
pub use tls::client_tls;

/// One backend.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// The name used in config, logs and metrics.
    pub name: String,
    /// `http://host:port` (h2c), `https://host:port`, `unix:///path` (h2c).
    pub url: String,
    /// TLS, for `https`.
    pub tls: TlsSettings,
    /// The deadlines of its calls, where their method has none of its own.
    pub deadlines: Deadlines,
    /// How long one attempt to connect may take.
    pub connect_timeout: Duration,
    /// How many HTTP/2 connections are kept.
    pub connections: usize,
    /// Idle time after which a ping checks the connection; `None`: never.
    pub keepalive: Option<Duration>,
    /// The largest request message in bytes, as it is sent.
    pub max_request_message: usize,
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

impl Settings {
    /// Whether a backend that was prepared from these is right under `other` too: where it was written does not
    /// matter.
    #[must_use]
    pub fn keeps(&self, other: &Self) -> bool {
        *other == Self { place: other.place.clone(), ..self.clone() }
    }
}

impl TlsSettings {
    /// A hash of the files' contents, for finding out whether one was replaced.
    #[must_use]
    pub fn fingerprint(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        for file in [&self.roots, &self.certificate, &self.key] {
            file.as_ref().and_then(|file| std::fs::read(file).ok()).hash(&mut hasher);
        }
        hasher.finish()
    }
}

/// A backend that calls can be sent to. Connects soon after it was prepared or when first needed, and again
/// whenever needed; dropping it lets the calls in flight finish.
#[derive(Debug)]
pub struct Upstream {
    settings: Settings,
    calls: Calls,
    /// Its end is what the tasks of this upstream wait for.
    _closing: watch::Sender<()>,
}

/// A unary call ready to be sent.
#[derive(Debug)]
pub struct Call {
    /// `/pkg.Service/Method`.
    pub path: PathAndQuery,
    /// Metadata only; the gRPC headers (`te`, `content-type`, `grpc-timeout`) are added here.
    pub metadata: HeaderMap,
    /// The frame: prefix and message.
    pub frame: Bytes,
    /// How long it may take; `None`: as long as it takes.
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
    pub fn prepare(settings: Settings, problems: &mut Problems) -> Option<Self> {
        let target = Target::parse(&settings.url, &settings.place, problems);
        let tls = match &target {
            Some(Target::Tcp { host, tls: true, .. }) => {
                Some(Tls::prepare(&settings.tls, host, &settings.place, problems)?)
            }
            Some(_) => {
                let told = problems.errors();
                tls::refuse(&settings.tls, &settings.place, problems);
                if problems.errors() > told {
                    return None;
                }
                None
            }
            None if settings.tls == TlsSettings::default() => None,
            // The url is wrong, but the certificates may be wrong too.
            None => Tls::prepare(&settings.tls, "localhost", &settings.place, problems),
        };
        Some(Self::start(settings, target?, tls))
    }

    /// Starts the task that keeps the connections.
    fn start(settings: Settings, target: Target, tls: Option<Tls>) -> Self {
        let pool = Arc::new(Pool::new(settings.connect_timeout));
        let (closing, closed) = watch::channel(());
        let calls = Calls {
            scheme: target.scheme(),
            authority: authority(&settings, &target),
            pool: Arc::clone(&pool),
            limit: settings.max_response_message,
        };
        let keeper = Keeper {
            name: settings.name.clone(),
            connector: Connector { target, tls, patience: settings.connect_timeout },
            connections: settings.connections,
            keepalive: settings.keepalive,
            pool,
            closing: closed,
        };
        tokio::spawn(keeper.run());
        Self { settings, calls, _closing: closing }
    }

    /// What it was prepared from; a reload keeps an upstream whose settings did not change.
    #[must_use]
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Whether a connection is up, or a message why not, for `/readyz`. Never names an address.
    ///
    /// # Errors
    /// Why no connection is up, for the operator to read.
    pub fn state(&self) -> Result<(), String> {
        self.calls.pool.state()
    }

    /// Sends one unary call and waits for its answer. Dropping the future cancels the call at the backend.
    ///
    /// A call that the backend says it did not process is sent again, at most twice. Without a connection the
    /// call waits for the attempt under way, at most `connect_timeout`, and starts one if none is; right after
    /// a failed attempt (50 ms at first, a second at most) it fails at once.
    pub async fn unary(&self, call: Call) -> Reply {
        match self.admit(call.frame.len().saturating_sub(frame::PREFIX)) {
            Ok(()) => self.calls.unary(call).await,
            Err(status) => Reply::failed(status),
        }
    }

    /// Whether a request message of so many bytes may be sent.
    ///
    /// # Errors
    /// 413 when it is larger than the upstream's limit.
    pub fn admit(&self, message: usize) -> Result<(), Status> {
        let limit = self.settings.max_request_message;
        if message <= limit {
            return Ok(());
        }
        let limit = ByteSize(u64::try_from(limit).unwrap_or(u64::MAX));
        let message = format!("the request message is larger than the limit of {limit}");
        let status = Status::new(Code::ResourceExhausted, message, Origin::Client);
        Err(status.with_http(StatusCode::PAYLOAD_TOO_LARGE))
    }
}

/// The `:authority` of calls: the name that the certificate has, if it is not that of the url.
fn authority(settings: &Settings, target: &Target) -> Authority {
    let named = settings.tls.server_name.as_deref().and_then(|name| Authority::try_from(name).ok());
    named.unwrap_or_else(|| target.authority())
}

#[cfg(test)]
mod tests;
