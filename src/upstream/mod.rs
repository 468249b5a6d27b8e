//! gRPC backends over HTTP/2: connections, TLS, deadlines, reconnects.
//!
//! Not for what a message says ([`transcode`](crate::transcode)) and not for header rules
//! ([`metadata`](crate::metadata)).
//!
//! From the outside in: `unary` sends a call, `pool` finds it a connection, `exchange` is its stream, `answer`
//! reads what came back. `stream` is the same for calls of many messages, which have a pool of their own: their
//! readers may stand still for as long as they like. Beside them `reconnect` keeps the `connection`s up, opened by `connect` over what
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
mod request;
mod service;
mod stream;
mod target;
mod tls;
mod unary;

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytes::Bytes;
use http::uri::{Authority, PathAndQuery};
use http::{HeaderMap, StatusCode};
use tokio::runtime::Handle;
use tokio::sync::watch;

use self::connect::Connector;
use self::connection::Windows;
use self::pool::Pool;
use self::reconnect::Keeper;
use self::request::Addressee;
use self::stream::Streams;
use self::target::Target;
use self::tls::Tls;
use self::unary::Calls;
use crate::problem::{Place, Problems};
use crate::status::{Code, Origin, Status};
use crate::units::ByteSize;
use crate::wire::frame;
pub use deadline::Deadlines;
pub use fault::broken;
pub use service::Service;
pub use stream::{End, Gone, Opening, Receiving, Sending};
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
    /// How many bytes of a stream the backend may send ahead of its reader.
    pub stream_window: u32,
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
    /// Prepared with the first one.
    streams: OnceLock<Streams>,
    connector: Arc<Connector>,
    runtime: Handle,
    /// Its end is what the tasks of this upstream wait for.
    closing: watch::Sender<()>,
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

    /// Starts the task that keeps the connections of unary calls.
    fn start(settings: Settings, target: Target, tls: Option<Tls>) -> Self {
        let addressee = Addressee { scheme: target.scheme(), authority: authority(&settings, &target) };
        let pool = Arc::new(Pool::new(settings.connect_timeout, false));
        let calls = Calls { addressee, pool: Arc::clone(&pool), limit: settings.max_response_message };
        let connector = Arc::new(Connector { target, tls, patience: settings.connect_timeout });
        let closing = watch::Sender::new(());
        let (streams, runtime) = (OnceLock::new(), Handle::current());
        let upstream = Self { settings, calls, streams, connector, runtime, closing };
        upstream.keep(pool, Windows::UNARY, upstream.settings.connections);
        upstream
    }

    fn keep(&self, pool: Arc<Pool>, windows: Windows, most: usize) {
        let keeper = Keeper {
            name: self.settings.name.clone(),
            connector: Arc::clone(&self.connector),
            windows,
            connections: self.settings.connections,
            most,
            keepalive: self.settings.keepalive,
            pool,
            closing: self.closing.subscribe(),
        };
        self.runtime.spawn(keeper.run());
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
    pub async fn unary(&self, mut call: Call) -> Reply {
        match self.admit(call.frame.len().saturating_sub(frame::PREFIX)) {
            Ok(()) => self.calls.unary(&mut call).await,
            Err(status) => Reply::failed(status),
        }
    }

    /// Opens a call whose messages are sent and received one by one. It waits for a connection as
    /// [`unary`](Self::unary) does, but takes one of those that only streams use: a reader that stands still
    /// harms no other call.
    ///
    /// # Errors
    /// Why it could not be opened: nothing was sent then.
    pub async fn open(&self, opening: Opening) -> Result<(Sending, Receiving), Status> {
        self.streams().open(opening).await
    }

    fn streams(&self) -> &Streams {
        self.streams.get_or_init(|| {
            let pool = Arc::new(Pool::new(self.settings.connect_timeout, true));
            let windows = Windows::streaming(self.settings.stream_window);
            self.keep(Arc::clone(&pool), windows, MOST_CONNECTIONS.max(self.settings.connections));
            Streams {
                addressee: self.calls.addressee.clone(),
                pool,
                largest_request: self.settings.max_request_message,
                largest_answer: self.settings.max_response_message,
            }
        })
    }

    /// Whether a request message of so many bytes may be sent.
    ///
    /// # Errors
    /// 413 when it is larger than the upstream's limit.
    pub fn admit(&self, message: usize) -> Result<(), Status> {
        refuse(message, self.settings.max_request_message)
    }
}

/// 413 for a request message that is larger than the limit, both in bytes.
fn refuse(message: usize, limit: usize) -> Result<(), Status> {
    if message <= limit {
        return Ok(());
    }
    let limit = ByteSize(u64::try_from(limit).unwrap_or(u64::MAX));
    let message = format!("the request message is larger than the limit of {limit}");
    let status = Status::new(Code::ResourceExhausted, message, Origin::Client);
    Err(status.with_http(StatusCode::PAYLOAD_TOO_LARGE))
}

/// The `:authority` of calls: the name that the certificate has, if it is not that of the url.
fn authority(settings: &Settings, target: &Target) -> Authority {
    let named = settings.tls.server_name.as_deref().and_then(|name| Authority::try_from(name).ok());
    named.unwrap_or_else(|| target.authority())
}

/// How many connections there are at most for streams, which may last: they do not wait for one another.
const MOST_CONNECTIONS: usize = 64;

#[cfg(test)]
mod tests;
