//! What leaves the process about its calls: access log, metrics, traces.
//!
//! Not for gathering it: [`observe`](crate::observe) is the record that rooms fill in.

use std::time::Duration;

/// What is exported, and where.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// The least severe event that is logged: `error`, `warn`, `info`, `debug`, `trace`, or per target
    /// (`info,transom::upstream=debug`).
    pub level: String,
    /// The form of logs.
    pub format: LogFormat,
    /// Whether each call is logged.
    pub access_log: bool,
    /// OTLP over gRPC, `http://host:4317`; `None`: no traces or metrics are pushed.
    pub otlp_endpoint: Option<String>,
    /// The service name in traces and metrics.
    pub service_name: String,
    /// The share of traces begun here that are recorded, 0 to 1 (a caller's decision is followed).
    pub sample_ratio: f64,
    /// How often metrics are pushed.
    pub metrics_interval: Duration,
}

/// The form of logs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// Lines for people.
    Text,
    /// One JSON object a line.
    Json,
}
