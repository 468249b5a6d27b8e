//! The embedded backend: a real gRPC server, driven by descriptors, for the demo, tests and benches.
//!
//! Not a mock: it listens on its own port (or socket), speaks gRPC over HTTP/2 with everyone, offers server
//! reflection (`v1`, `v1alpha`) and the health service, honours `grpc-timeout`, and keeps its state in memory.
//! It knows no API: what a method does follows from its name and the shapes of its messages.
//!
//! | method | what it does |
//! |---|---|
//! | `List<Resources>` | the records in order of creation, filtered by equal fields, paged where the request has `page_size` / `page_token` |
//! | `Get<Resource>` | the record that the request names, or `NOT_FOUND` |
//! | `Create<Resource>` | stores it with a server-made id and times; `ALREADY_EXISTS` for a known id or name |
//! | `Update<Resource>` | replaces it (or what `update_mask` names), keeping id, creation time and state |
//! | `Delete<Resource>` | removes it |
//! | another verb that names a record | changes its state, where a state fits the verb |
//! | `Suggest...Name` | a name |
//! | answer type = request type | the request |
//! | answer type `google.api.HttpBody` | bytes: the letters of the alphabet, again and again |
//! | answer type `google.protobuf.Empty`, and no verb of the above | that |
//! | anything else | `UNIMPLEMENTED` |
//!
//! Streaming methods do it message by message, at the pace at which they are read:
//!
//! | method | what it does |
//! |---|---|
//! | server streaming, answer type = request type | the request, three times |
//! | server streaming, answer type `google.api.HttpBody` | a download in three chunks, of the content type that the request (or its `HttpBody` field) has, or `application/octet-stream` |
//! | client streaming, answer type = request type | the last request, and how many there were as `transom-received` |
//! | the same with `google.api.HttpBody` | the first content type and all data (of more than 1 MiB the start), and its length as `transom-received-bytes` too |
//! | both ways, answer type = request type | each request as it comes |
//! | any other | `UNIMPLEMENTED` |
//!
//! # Faults and echoes on request
//! Request metadata steers one call; through the gateway, `Grpc-Metadata-` brings it here.
//!
//! | metadata | effect |
//! |---|---|
//! | `transom-fault: delay=200ms` | waits first; the deadline still holds |
//! | `transom-fault: hang` | never answers |
//! | `transom-fault: status=5;message=boom` | fails; the message may be percent-encoded |
//! | `transom-fault: status=3;details=bad-request` | with a `google.rpc.BadRequest` and a detail of an unknown type |
//! | `transom-fault: details=BASE64` | fails with this `google.rpc.Status` |
//! | `transom-fault: status=5;late` | the status comes in trailers after the headers, not alone |
//! | `transom-fault: status=5;after-message` | the status comes after a message |
//! | `transom-fault: reset` or `reset=REFUSED_STREAM` | `RST_STREAM` instead of an answer |
//! | `transom-fault: break` or `break=CANCEL` | `RST_STREAM` in the middle of the message |
//! | `transom-fault: oversize=8MiB` | the answer grows by that much (an unknown field) |
//! | `transom-fault: no-trailers` | the stream ends after the message |
//! | `transom-fault: no-message` | status OK without a message |
//! | `transom-fault: two-messages` | the message twice |
//! | `transom-fault: truncate` | half a message, then trailers |
//! | `transom-fault: garbage` | bytes that are not gRPC frames |
//! | `transom-fault: html` or `html=503` | a `text/html` page with that HTTP status |
//! | `transom-fault: goaway` | answers, then closes the connection gracefully |
//! | `transom-answer-header: k=v` | adds metadata to the answer (`-bin` values in base64) |
//! | `transom-answer-trailer: k=v` | adds trailing metadata |
//! | `transom-echo-metadata: 1` | answers all metadata received as `echo-<name>`, in headers and trailers |
//!
//! Several faults may stand in one value, parted by `;`, or in several. An unknown one is `INVALID_ARGUMENT`.
//!
//! # Streams on request
//! `transom-stream` steers a stream in the same manner, `messages=1000;every=20ms`:
//!
//! | wish | effect |
//! |---|---|
//! | `messages=1000` | so many answers; a stream that is not read to its end ends all the same: after so many answers both ways, after so many requests when only the client streams |
//! | `bytes=4KiB` | the size of each chunk of a download, and of a unary one (1 KiB) |
//! | `every=20ms` | waits between two answers |
//! | `head=immediately` | the initial metadata comes before anything else; else it comes with the first answer |
//! | `head-wait=200ms` | waits before the head |
//! | `read-wait=200ms` | waits before each request is read |
//! | `fail-after=2` | faults strike after so many answers (requests, when only the client streams), not at once |
//!
//! Of the faults, `delay` and `hang` wait before the first answer (after the head, if that comes immediately),
//! `status` fails at once or as `fail-after` says, `after-message` makes it the end of the answers; `break`,
//! `truncate` and `garbage` come after the first answer or as `fail-after` says; `oversize` and `two-messages` are
//! done to each answer; the others are what they are for unary calls.

mod action;
mod answer;
mod calls;
mod carrier;
mod codec;
mod create;
mod distort;
mod download;
mod fault;
mod ident;
mod listen;
mod made;
mod mask;
mod method;
mod name;
mod page;
mod resource;
mod seed;
mod select;
mod service;
mod source;
mod steering;
mod store;
mod stream;
#[cfg(test)]
mod tests;
mod update;
mod words;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use prost_reflect::DescriptorPool;
use tokio_rustls::rustls::ServerConfig;

pub use calls::{Outcome, SeenCall};
use listen::{Listening, Socket};
use service::Service;

/// The account that all seeded records of the model API belong to.
pub const ACCOUNT_ID: &str = "7f3c1f0e-52a9-4d8b-9c61-0b7e4a5d2f10";

/// The API key that the demo tells its user to send: it may do everything. This backend accepts every key.
pub const API_KEY: &str = "transom-demo-key";

/// A key that may only read, and only in that account.
pub const READER_KEY: &str = "transom-demo-reader";

/// How a backend differs from the usual one.
#[derive(Debug, Clone)]
pub struct Options {
    /// Whether the records of the model API are there from the start (where the pool has their types).
    pub seeded: bool,
    /// How many calls [`Backend::calls`] remembers; 0 for none, as benches want it.
    pub remembered_calls: usize,
    /// TLS with these certificates; the ALPN protocols are set to `h2` here.
    pub tls: Option<Arc<ServerConfig>>,
}

impl Default for Options {
    fn default() -> Self {
        Self { seeded: true, remembered_calls: 1000, tls: None }
    }
}

/// A running backend; dropping it stops it.
#[derive(Debug)]
pub struct Backend {
    listening: Listening,
    service: Arc<Service>,
    url: String,
}

impl Backend {
    /// Starts the backend on a loopback address (port 0: any free port).
    ///
    /// # Errors
    /// When the address cannot be bound.
    pub async fn start(pool: DescriptorPool, listen: SocketAddr) -> io::Result<Self> {
        Self::start_with(pool, listen, Options::default()).await
    }

    /// Starts the backend with [`Options`].
    ///
    /// # Errors
    /// When the address cannot be bound.
    pub async fn start_with(pool: DescriptorPool, listen: SocketAddr, options: Options) -> io::Result<Self> {
        let socket = Socket::bind_tcp(listen).await?;
        let scheme = if options.tls.is_some() { "https" } else { "http" };
        let url = format!("{scheme}://{}", socket.address());
        Self::serve(&pool, socket, url, options)
    }

    /// Starts the backend on a unix socket, whose file must not exist yet; it stays behind after the backend.
    /// Must be called within a tokio runtime.
    ///
    /// # Errors
    /// When the socket cannot be bound.
    #[cfg(unix)]
    pub fn start_unix(pool: &DescriptorPool, path: &std::path::Path, options: Options) -> io::Result<Self> {
        let socket = Socket::bind_unix(path)?;
        Self::serve(pool, socket, format!("unix://{}", path.display()), options)
    }

    fn serve(pool: &DescriptorPool, socket: Socket, url: String, options: Options) -> io::Result<Self> {
        let service = Arc::new(Service::new(pool, &options)?);
        let listening = Listening::start(socket, options.tls, Arc::clone(&service));
        Ok(Self { listening, service, url })
    }

    /// Where it listens; the unspecified address with port 0 for a unix socket.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.listening.address()
    }

    /// Where it listens, as an upstream's url: `http://…`, `https://…` or `unix:///…`.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The last calls that arrived, oldest first.
    #[must_use]
    pub fn calls(&self) -> Vec<SeenCall> {
        self.service.calls()
    }

    /// How many connections were ever accepted.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.listening.accepted()
    }

    /// Breaks all open connections off, as a crash of a proxy in between would; goes on listening.
    pub fn disconnect(&self) {
        self.listening.disconnect();
    }

    /// Stops, and waits until the port is free again.
    pub async fn stop(self) {
        self.listening.stop().await;
    }
}
