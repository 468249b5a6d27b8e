//! What leaves the process about its calls: access log, metrics, traces.
//!
//! Not for gathering it: [`observe`](crate::observe) is the record that rooms fill in. [`start`] sets
//! everything up and gives the guard; a [`Recorder`] is what the request path holds: no lock, no look-up by
//! name, and nothing that waits for an exporter.

use std::time::Duration;

use bytes::Bytes;
use http::HeaderValue;
use opentelemetry::metrics::MeterProvider;
use opentelemetry::trace::TracerProvider;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::metrics::SdkMeterProvider;
use opentelemetry_sdk::trace::{RandomIdGenerator, SdkTracerProvider};

use crate::event::Figures;
use crate::observe::Count;
use crate::problem::{Place, Problems};

mod access;
mod call;
mod events;
mod export;
mod logs;
mod metrics;
mod record;
mod trace;

pub use call::{Call, ConnectionGuard, Cut, Recorder};

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

/// Everything that is exported, running. Dropping it flushes, for a bounded time; [`shutdown`](Self::shutdown)
/// does the same without holding up a runtime thread.
#[derive(Debug)]
pub struct Telemetry {
    recorder: Recorder,
    meters: SdkMeterProvider,
    tracers: Option<SdkTracerProvider>,
}

/// How long the exporters may take to send what is left at the end, each.
const FLUSH: Duration = Duration::from_secs(2);

/// Starts logs, the access log (standard output) and the exporters. Must be called within a tokio runtime
/// when there is an OTLP endpoint.
pub fn start(settings: &Settings, problems: &mut Problems) -> Option<Telemetry> {
    start_with(settings, Box::new(std::io::stdout()), problems)
}

/// The same as [`start`], with the access log written elsewhere.
pub fn start_with(
    settings: &Settings,
    access_log: Box<dyn std::io::Write + Send>,
    problems: &mut Problems,
) -> Option<Telemetry> {
    let errors = problems.errors();
    logs::start(&settings.level, settings.format, problems);
    if !(0.0..=1.0).contains(&settings.sample_ratio) {
        let what = format!("`{}` is not a share of traces between 0 and 1", settings.sample_ratio);
        problems.error(Place::item("telemetry.sample_ratio"), what);
    }
    let otlp = settings.otlp_endpoint.as_deref().map(|endpoint| export::connect(endpoint, problems));
    if problems.errors() > errors {
        return None;
    }
    let (spans, pushed) = otlp.flatten().unzip();

    let resource = Resource::builder().with_service_name(settings.service_name.clone()).build();
    let registry = prometheus::Registry::new();
    let meters = metrics::provider(resource.clone(), &registry, pushed, settings.metrics_interval, problems)?;
    let tracers = spans.map(|spans| trace::provider(resource, spans, settings.sample_ratio));
    let tracer = tracers.as_ref().map(|tracers| trace::Tracing::new(tracers.tracer(SCOPE)));
    let access = settings.access_log.then(|| access::Log::start(settings.format, access_log));
    let meter = meters.meter(SCOPE);
    if let Some(access) = &access {
        metrics::watch_access_log(&meter, access.dropped());
    }
    let recorder = Recorder::new(metrics::Metrics::new(&meter), registry, tracer, access);
    Some(Telemetry { recorder, meters, tracers })
}

/// The instrumentation scope of everything measured here.
const SCOPE: &str = "transom";

/// A random id of 32 hexadecimal digits, for a request that came without one. Its clones share its bytes.
#[must_use]
pub fn fresh_id() -> HeaderValue {
    use opentelemetry_sdk::trace::IdGenerator;
    let random = RandomIdGenerator::default().new_trace_id().to_bytes();
    let mut digits = [0; uuid::fmt::Simple::LENGTH];
    uuid::Uuid::from_bytes(random).simple().encode_lower(&mut digits);
    HeaderValue::from_maybe_shared(Bytes::from_owner(digits)).unwrap_or(HeaderValue::from_static(""))
}

impl Telemetry {
    /// What the request path records with.
    #[must_use]
    pub fn recorder(&self) -> &Recorder {
        &self.recorder
    }

    /// Counts under this name what a room counts by itself: `read` is asked whenever metrics are gathered.
    pub fn watch(
        &self,
        name: &'static str,
        what: &'static str,
        read: impl Fn() -> Vec<Count> + Send + Sync + 'static,
    ) {
        metrics::watch(&self.meters.meter(SCOPE), name, what, read);
    }

    /// Exports the numbers of events, which `read` tells whenever metrics are gathered; `None`: there are none.
    pub fn watch_events(&self, read: impl Fn() -> Option<Figures> + Send + Sync + 'static) {
        events::watch(&self.meters.meter(SCOPE), read);
    }

    /// Sends what is left, for a bounded time, without holding up the runtime: the exporters need it.
    pub async fn shutdown(self) {
        let flushed = tokio::task::spawn_blocking(move || drop(self));
        if tokio::time::timeout(FLUSH * 3, flushed).await.is_err() {
            tracing::warn!("telemetry was not sent in time");
        }
    }
}

impl Drop for Telemetry {
    fn drop(&mut self) {
        self.recorder.flush(FLUSH);
        // Failures were logged by the exporters themselves.
        if let Some(tracers) = &self.tracers {
            tracers.shutdown_with_timeout(FLUSH).ok();
        }
        self.meters.shutdown_with_timeout(FLUSH).ok();
    }
}
