//! Pushing spans and metrics by OTLP over gRPC. A collector that cannot be reached is logged at most once a
//! minute and never holds up anything: the SDK's own threads do the sending.

use std::sync::Mutex;
use std::time::{Duration, Instant};

use opentelemetry_otlp::{ExporterBuildError, MetricExporter, SpanExporter, WithExportConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::metrics::Temporality;
use opentelemetry_sdk::metrics::data::ResourceMetrics;
use opentelemetry_sdk::metrics::exporter::PushMetricExporter;
use opentelemetry_sdk::trace::SpanData;

use crate::problem::{Place, Problem, Problems};

/// An exporter whose failures are told seldom.
#[derive(Debug)]
pub(super) struct Seldom<E> {
    exporter: E,
    what: &'static str,
    told: Mutex<Option<Instant>>,
}

/// How long a failing exporter keeps quiet after telling.
const QUIET: Duration = Duration::from_mins(1);

/// How long one push may take.
const PUSH: Duration = Duration::from_secs(10);

/// The exporters of spans and metrics towards `endpoint`. Connects when there is something to send.
pub(super) fn connect(
    endpoint: &str,
    problems: &mut Problems,
) -> Option<(Seldom<SpanExporter>, Seldom<MetricExporter>)> {
    let spans = SpanExporter::builder().with_tonic().with_endpoint(endpoint).with_timeout(PUSH).build();
    let metrics = MetricExporter::builder().with_tonic().with_endpoint(endpoint).with_timeout(PUSH).build();
    match (spans, metrics) {
        (Ok(spans), Ok(metrics)) => Some((Seldom::new(spans, "spans"), Seldom::new(metrics, "metrics"))),
        (Err(error), _) | (_, Err(error)) => {
            problems.push(not_an_endpoint(endpoint, &error));
            None
        }
    }
}

fn not_an_endpoint(endpoint: &str, error: &ExporterBuildError) -> Problem {
    let what = format!("`{endpoint}` cannot be used as an OTLP endpoint: {error}");
    Problem::error(Place::item("telemetry.otlp_endpoint"), what).help("write it like `http://collector:4317`")
}

impl<E> Seldom<E> {
    fn new(exporter: E, what: &'static str) -> Self {
        Self { exporter, what, told: Mutex::new(None) }
    }

    fn tell(&self, result: &OTelSdkResult) {
        let Err(error) = result else { return };
        let Ok(mut told) = self.told.lock() else { return };
        if told.is_none_or(|told| told.elapsed() >= QUIET) {
            *told = Some(Instant::now());
            tracing::warn!(%error, "{} could not be exported; told at most once a minute", self.what);
        }
    }
}

impl opentelemetry_sdk::trace::SpanExporter for Seldom<SpanExporter> {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let result = self.exporter.export(batch).await;
        self.tell(&result);
        result
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.exporter.shutdown_with_timeout(timeout)
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.exporter.force_flush()
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.exporter.set_resource(resource);
    }
}

impl PushMetricExporter for Seldom<MetricExporter> {
    async fn export(&self, metrics: &ResourceMetrics) -> OTelSdkResult {
        let result = self.exporter.export(metrics).await;
        self.tell(&result);
        result
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.exporter.force_flush()
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.exporter.shutdown_with_timeout(timeout)
    }

    fn temporality(&self) -> Temporality {
        self.exporter.temporality()
    }
}
