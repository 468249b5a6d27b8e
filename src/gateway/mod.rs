//! The corridor: one immutable [`Snapshot`] of everything a call needs, how it is built, and the steps of a
//! call. A reload builds a complete new snapshot; a call keeps the one it began with.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};

use crate::observe::CallRecord;
use crate::problem::Problems;
use crate::protocol::Body;
use crate::rule::Binding;
use crate::schema::Schema;
use crate::{metadata, route, rule, schema, transcode, upstream};

/// Everything a snapshot is built from.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where the contract comes from.
    pub schema: schema::Settings,
    /// Which methods are exposed.
    pub rule: rule::Settings,
    /// How paths are matched.
    pub route: route::Settings,
    /// How JSON is read and written.
    pub transcode: transcode::Settings,
    /// Which headers pass.
    pub metadata: metadata::Settings,
    /// The backends, in order: a method goes to the first whose `services` match its service.
    pub upstreams: Vec<UpstreamSettings>,
    /// Deadlines of single methods.
    pub methods: Vec<MethodSettings>,
    /// Limits on requests.
    pub limits: Limits,
}

/// A backend and the services it serves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UpstreamSettings {
    /// The backend.
    pub upstream: upstream::Settings,
    /// Globs of full service names; empty: all.
    pub services: Vec<String>,
}

/// Deadlines of the methods that a glob names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MethodSettings {
    /// A glob over `pkg.Service/Method`.
    pub methods: String,
    /// Deadline of a call that brings none.
    pub timeout: Option<Duration>,
    /// The longest deadline a client may ask for.
    pub max_timeout: Option<Duration>,
}

/// Limits on requests, each with its documented answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of a request body, after decompression: 413.
    pub request_body: usize,
    /// Bytes of the request target (path and query): 414.
    pub uri: usize,
}

/// What serves calls: immutable, shared by all requests of its generation.
#[derive(Debug)]
pub struct Snapshot {}

/// Who is calling: what the listener knows of a connection.
#[derive(Debug, Clone)]
pub struct Peer {
    /// The client's address; `None` on a unix socket.
    pub address: Option<SocketAddr>,
    /// Whether the connection is encrypted (`x-forwarded-proto`).
    pub tls: bool,
}

impl Snapshot {
    /// Builds a snapshot, telling every problem; keeps the upstreams of `previous` whose settings are the same.
    /// Must be called within a tokio runtime.
    pub fn build(_settings: &Settings, _previous: Option<&Self>, _problems: &mut Problems) -> Option<Self> {
        todo!()
    }

    /// The number of this snapshot, counted from 1.
    #[must_use]
    pub fn generation(&self) -> u64 {
        todo!()
    }

    /// The contract.
    #[must_use]
    pub fn schema(&self) -> &Schema {
        todo!()
    }

    /// The bindings in order of registration.
    #[must_use]
    pub fn bindings(&self) -> &[Binding] {
        todo!()
    }

    /// Name and state of each upstream, for `/readyz`.
    pub fn upstreams(&self) -> impl Iterator<Item = (&str, Result<(), String>)> {
        std::iter::empty()
    }

    /// Serves one request, filling in the record. Never fails: every error is an answer.
    pub async fn call<B>(
        &self,
        _request: Request<B>,
        _peer: &Peer,
        _record: &mut CallRecord,
    ) -> Response<Body>
    where
        B: http_body::Body<Data = Bytes>,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        todo!()
    }
}
