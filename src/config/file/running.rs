//! What is around a call, as it is written: limits, layers, the admin listener, reload, telemetry.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::units::{ByteSize, Period};

/// Limits, each with the answer given when it is hit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// A request's body, after decompression: 413.
    pub request_body: ByteSize,
    /// The time from the end of a request's headers to the end of its body: 408.
    pub body_timeout: Period,
    /// A request's path and query: 414.
    pub uri: ByteSize,
    /// All headers of a request together: 431. At least `8KiB`.
    pub header_bytes: ByteSize,
    /// The time to read a request's headers, the TLS handshake before the first ones included; then the
    /// connection is closed.
    pub header_timeout: Period,
    /// How long a client may take nothing of its answer; then the connection is closed.
    pub write_timeout: Period,
    /// How long a connection may be without a request; then it is closed. Longer than load balancers keep theirs,
    /// so that they close first and never send into a closing one.
    pub idle_timeout: Period,
    /// Open connections; more wait to be accepted.
    pub connections: usize,
    /// Concurrent HTTP/2 streams of a connection.
    pub streams: u32,
    /// How deep JSON and messages may nest: 400.
    pub json_depth: usize,
    /// An answer's JSON, before compression: 502.
    pub response_json: ByteSize,
    /// Parameters of a query and fields of a form together: 400.
    pub parameters: usize,
    /// What a backend may send of a stream ahead of its reader: it waits then. `64KiB` to `2GiB` less one byte.
    pub stream_window: ByteSize,
    /// How long a shutdown waits for calls in flight.
    pub drain: Period,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            request_body: ByteSize::mib(4),
            body_timeout: Period(Duration::from_secs(30)),
            uri: ByteSize::kib(16),
            header_bytes: ByteSize::kib(64),
            header_timeout: Period(Duration::from_secs(10)),
            write_timeout: Period(Duration::from_secs(30)),
            idle_timeout: Period(Duration::from_secs(620)),
            connections: 10_000,
            streams: 200,
            json_depth: 100,
            response_json: ByteSize::mib(64),
            parameters: 300_000,
            stream_window: ByteSize::kib(256),
            drain: Period(Duration::from_secs(25)),
        }
    }
}

/// Who may call from scripts of other origins.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Cors {
    /// Allowed origins, such as `https://app.example.com`; `*`: any.
    pub origins: Vec<String>,
    /// Allowed methods; empty: those of the routes.
    #[serde(default)]
    pub methods: Vec<String>,
    /// Allowed request headers; `*`: any.
    #[serde(default = "usual_headers")]
    pub headers: Vec<String>,
    /// Answer headers that a script may read.
    #[serde(default)]
    pub expose: Vec<String>,
    /// Whether cookies and credentials are allowed; not together with `*`.
    #[serde(default)]
    pub credentials: bool,
    /// How long a browser may remember the answer to a preflight.
    #[serde(default = "max_age")]
    pub max_age: Period,
}

fn usual_headers() -> Vec<String> {
    vec!["authorization".to_owned(), "content-type".to_owned()]
}

fn max_age() -> Period {
    Period(Duration::from_hours(1))
}

/// Compression of bodies: gzip, br and zstd.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Compression {
    /// Whether answers are compressed for clients that accept it.
    pub responses: bool,
    /// Answers smaller than this are sent as they are. At most `65535`.
    pub min_size: ByteSize,
    /// Whether compressed request bodies are read.
    pub requests: bool,
}

impl Default for Compression {
    fn default() -> Self {
        Self { responses: true, min_size: ByteSize::kib(1), requests: true }
    }
}

/// The admin listener: `/livez`, `/readyz`, `/metrics`, `/routes`, `/config`, `/reload`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Admin {
    /// Where it listens: `HOST:PORT` or `unix:PATH`; `null`: there is none. It has no access control of its
    /// own: keep it on loopback or inside the pod.
    pub listen: Option<String>,
}

/// Where clients are told the health of a backend, as it tells it by `grpc.health.v1`: `GET` answers 200, or what
/// its error maps to.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Health {
    /// The path on the public listeners, such as `/healthz`; `null`: nowhere.
    pub path: Option<String>,
    /// The name of the upstream that is asked; `null`: the first.
    pub upstream: Option<String>,
}

/// How changes of files are noticed. SIGHUP and `POST /reload` work always.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Reload {
    /// Whether the config file and all files that it names are watched.
    pub watch: bool,
    /// How long the files must be quiet before a reload.
    pub debounce: Period,
}

impl Default for Reload {
    fn default() -> Self {
        Self { watch: true, debounce: Period(Duration::from_millis(250)) }
    }
}

/// Logs, metrics and traces.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Telemetry {
    /// The least severe event that is logged: `error`, `warn`, `info`, `debug`, `trace`, or by target
    /// (`info,transom::upstream=debug`).
    pub level: String,
    /// The form of logs.
    pub format: LogForm,
    /// Whether each call is logged.
    pub access_log: bool,
    /// Request headers whose values are never logged, beside `Authorization` and `Cookie`.
    pub sensitive_headers: Vec<String>,
    /// An OpenTelemetry collector (OTLP over gRPC), such as `http://127.0.0.1:4317`; `null`: nothing is pushed.
    pub otlp_endpoint: Option<String>,
    /// The service name in traces and metrics.
    pub service_name: String,
    /// The share of traces begun here that are recorded, 0 to 1. A caller's decision is followed.
    pub sample_ratio: f64,
    /// How often metrics are pushed.
    pub metrics_interval: Period,
}

impl Default for Telemetry {
    fn default() -> Self {
        Self {
            level: "info".into(),
            format: LogForm::Text,
            access_log: true,
            sensitive_headers: Vec::new(),
            otlp_endpoint: None,
            service_name: "transom".into(),
            sample_ratio: 1.0,
            metrics_interval: Period(Duration::from_mins(1)),
        }
    }
}

/// The form of logs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LogForm {
    /// Lines for people.
    Text,
    /// One JSON object a line.
    Json,
}
