//! The record of one call: filled by the rooms as the call passes through, written once at the end
//! (access log, metrics, span). Not for writing it anywhere: that is [`telemetry`](crate::telemetry).

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use http::{Method, StatusCode};

use crate::status::{Code, Origin};

/// What is known of a call so far. Fields that were never reached stay empty.
#[derive(Debug)]
pub struct CallRecord {
    /// When the request head was read.
    pub started: Instant,
    /// The HTTP method asked for.
    pub method: Method,
    /// The raw path asked for, without the query (a query may hold secrets).
    pub path: String,
    /// The client's address; `None` on a unix socket.
    pub peer: Option<SocketAddr>,
    /// The id that names this request in logs here and at the backend.
    pub request_id: String,
    /// The W3C trace id, 32 hex digits; empty without tracing.
    pub trace_id: String,
    /// The path template of the binding found.
    pub route: Option<Arc<str>>,
    /// The full gRPC method, `pkg.Service/Method`.
    pub rpc: Option<Arc<str>>,
    /// The upstream that was called.
    pub upstream: Option<Arc<str>>,
    /// The HTTP status answered.
    pub http_status: StatusCode,
    /// The gRPC code of the outcome.
    pub code: Code,
    /// Who caused a failure; `None` on success.
    pub origin: Option<Origin>,
    /// Bytes of the request body read.
    pub request_bytes: u64,
    /// Bytes of the answer's body, before compression.
    pub response_bytes: u64,
    /// Time from sending the call upstream to its last byte.
    pub upstream_time: Option<Duration>,
    /// The snapshot that served the call.
    pub generation: u64,
    /// Who called, where that was asked and is known.
    pub caller: Option<Caller>,
    /// Why the caller was not let in: 401 and 403 of the gateway's own.
    pub refusal: Option<String>,
    /// What a failed call shows of its request: `request.<name>` and the text.
    pub shown: Vec<(Arc<str>, String)>,
    /// The rate limit that refused the call or could not be checked, and which of them: a word for the counter.
    pub rate_limit: Option<(Arc<str>, &'static str)>,
}

/// What a room has counted by itself, beside calls.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Count {
    /// What tells counts of one name apart, where there are several: a label and its value.
    pub of: Option<(&'static str, String)>,
    /// How what was counted went.
    pub outcome: &'static str,
    /// How often.
    pub count: u64,
}

impl CallRecord {
    /// A record of a request that was just read.
    #[must_use]
    pub fn begin(method: Method, path: &str, peer: Option<SocketAddr>) -> Self {
        Self {
            started: Instant::now(),
            method,
            path: path.to_owned(),
            peer,
            request_id: String::new(),
            trace_id: String::new(),
            route: None,
            rpc: None,
            upstream: None,
            http_status: StatusCode::OK,
            code: Code::Ok,
            origin: None,
            request_bytes: 0,
            response_bytes: 0,
            upstream_time: None,
            generation: 0,
            caller: None,
            refusal: None,
            shown: Vec::new(),
            rate_limit: None,
        }
    }
}

/// Who called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// The id by which backends know the caller.
    pub actor_id: Arc<str>,
    /// The name that people know the caller by.
    pub name: Option<Arc<str>>,
    /// How the caller proved it: `key`, `jwt`, `certificate` or `external`.
    pub credential: &'static str,
}
