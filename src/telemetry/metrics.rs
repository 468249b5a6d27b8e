//! The instruments. Labels come from the contract (templates, rpc and upstream names) and from small closed
//! sets (methods, statuses, codes), never from what a client sent, so that their number is bounded.
//!
//! A call costs one look-up of its route and two or three bound instruments; the attributes of a combination
//! are put together when it is first seen.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use arc_swap::ArcSwap;
use http::Method;
use opentelemetry::KeyValue;
use opentelemetry::metrics::{BoundCounter, BoundHistogram, Counter, Histogram, Meter};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::metrics::{Instrument, PeriodicReader, SdkMeterProvider, Stream};

use super::export::Seldom;
use crate::observe::{CallRecord, Count};
use crate::problem::{Place, Problems};
use crate::status::{Code, Origin, code_name};

/// Upper bounds of the duration histograms in seconds: those of the HTTP semantic conventions, and three
/// below, where a gateway's own calls are.
const BOUNDS: [f64; 17] =
    [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0];

/// Combinations of labels an instrument keeps apart; what is beyond counts as `otel_metric_overflow`.
const COMBINATIONS: usize = 20_000;

/// A provider that `registry` can be gathered from, and that pushes when there is an exporter.
pub(super) fn provider(
    resource: Resource,
    registry: &prometheus::Registry,
    pushed: Option<Seldom<opentelemetry_otlp::MetricExporter>>,
    interval: Duration,
    problems: &mut Problems,
) -> Option<SdkMeterProvider> {
    let scraped = opentelemetry_prometheus::exporter()
        .with_registry(registry.clone())
        .scope_info_enabled(false)
        .build()
        .map_err(|error| {
            problems.error(Place::item("telemetry"), format!("metrics cannot be exported: {error}"));
        })
        .ok()?;
    let mut provider = SdkMeterProvider::builder()
        .with_resource(resource)
        .with_reader(scraped)
        .with_view(|_: &Instrument| Stream::builder().with_cardinality_limit(COMBINATIONS).build().ok());
    if let Some(exporter) = pushed {
        provider = provider.with_reader(PeriodicReader::builder(exporter).with_interval(interval).build());
    }
    Some(provider.build())
}

/// All instruments.
#[derive(Debug)]
pub(super) struct Metrics {
    duration: Histogram<f64>,
    upstream: Histogram<f64>,
    requests: Counter<u64>,
    reloads: Counter<u64>,
    rate_limits: Counter<u64>,
    levels: Arc<Levels>,
    routes: ArcSwap<Routes>,
}

/// What is so and so many at the moment; read when metrics are gathered.
#[derive(Debug, Default)]
struct Levels {
    calls: AtomicI64,
    connections: AtomicI64,
    generation: AtomicU64,
}

/// The instruments bound so far: by route template, then by what else tells calls apart. Copied when a new
/// combination is seen, which happens some dozen times per route in the life of a generation.
type Routes = HashMap<Arc<str>, Arc<Vec<(Outcome, Arc<Bound>)>>>;

/// What tells the calls of one route apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Outcome {
    method: &'static str,
    status: u16,
    code: Code,
    origin: Option<Origin>,
}

/// The instruments of one route and outcome.
#[derive(Debug)]
struct Bound {
    duration: BoundHistogram<f64>,
    requests: BoundCounter<u64>,
    upstream: Option<BoundHistogram<f64>>,
}

impl Metrics {
    pub fn new(meter: &Meter) -> Self {
        let levels = Arc::new(Levels::default());
        observe_levels(meter, &levels);
        let seconds = |name: &'static str, what: &'static str| {
            meter
                .f64_histogram(name)
                .with_unit("s")
                .with_description(what)
                .with_boundaries(BOUNDS.into())
                .build()
        };
        Self {
            duration: seconds("http.server.request.duration", "Duration of HTTP requests, to the last byte"),
            upstream: seconds("transom.upstream.duration", "Duration of calls to upstreams"),
            requests: meter
                .u64_counter("transom.requests")
                .with_description("Calls by rpc and outcome")
                .build(),
            reloads: meter.u64_counter("transom.reloads").with_description("Reloads by outcome").build(),
            rate_limits: meter
                .u64_counter("transom.rate_limits")
                .with_description(
                    "Calls that a rate limit refused, or that an external one was not asked about",
                )
                .build(),
            levels,
            routes: ArcSwap::default(),
        }
    }

    pub fn call_began(&self) {
        self.levels.calls.fetch_add(1, Ordering::Relaxed);
    }

    pub fn call_ended(&self, record: &CallRecord, duration: Duration) {
        self.levels.calls.fetch_sub(1, Ordering::Relaxed);
        let bound = self.bound(record);
        bound.duration.record(duration.as_secs_f64());
        bound.requests.add(1);
        if let (Some(upstream), Some(time)) = (&bound.upstream, record.upstream_time) {
            upstream.record(time.as_secs_f64());
        }
        if let Some((limit, outcome)) = &record.rate_limit {
            let labels = [KeyValue::new("limit", Arc::clone(limit)), KeyValue::new("outcome", *outcome)];
            self.rate_limits.add(1, &labels);
        }
    }

    pub fn connections(&self, change: i64) {
        self.levels.connections.fetch_add(change, Ordering::Relaxed);
    }

    /// A generation began to serve: the old one's routes are forgotten.
    pub fn generation(&self, generation: u64) {
        self.levels.generation.store(generation, Ordering::Relaxed);
        self.routes.store(Arc::default());
    }

    pub fn reloaded(&self, outcome: &'static str) {
        self.reloads.add(1, &[KeyValue::new("outcome", outcome)]);
    }

    fn bound(&self, record: &CallRecord) -> Arc<Bound> {
        let outcome = Outcome {
            method: known(&record.method),
            status: record.http_status.as_u16(),
            code: record.code,
            origin: record.origin,
        };
        let route = record.route.as_deref().unwrap_or_default();
        let find = |routes: &Routes| {
            let outcomes = routes.get(route)?;
            outcomes.iter().find(|(seen, _)| *seen == outcome).map(|(_, bound)| Arc::clone(bound))
        };
        find(&self.routes.load()).unwrap_or_else(|| self.bind(record, outcome))
    }

    fn bind(&self, record: &CallRecord, outcome: Outcome) -> Arc<Bound> {
        let new = Arc::new(self.instruments(record, outcome));
        let route = record.route.clone().unwrap_or_default();
        self.routes.rcu(|routes| {
            let mut routes = Routes::clone(routes);
            let outcomes = Arc::make_mut(routes.entry(Arc::clone(&route)).or_default());
            outcomes.push((outcome, Arc::clone(&new)));
            routes
        });
        new
    }

    fn instruments(&self, record: &CallRecord, outcome: Outcome) -> Bound {
        let text = |name: &'static str, value: &Option<Arc<str>>| {
            value.as_ref().map(|value| KeyValue::new(name, Arc::clone(value)))
        };
        let http: Vec<KeyValue> = [
            KeyValue::new("http.request.method", outcome.method),
            KeyValue::new("http.response.status_code", i64::from(outcome.status)),
        ]
        .into_iter()
        .chain(text("http.route", &record.route))
        .collect();
        let rpc: Vec<KeyValue> = [
            KeyValue::new("code", code_name(outcome.code)),
            KeyValue::new("origin", outcome.origin.map_or("none", Origin::as_str)),
        ]
        .into_iter()
        .chain(text("rpc", &record.rpc))
        .collect();
        let upstream = record.upstream.is_some().then(|| {
            let labels = text("upstream", &record.upstream)
                .into_iter()
                .chain(text("rpc", &record.rpc))
                .chain([KeyValue::new("code", code_name(outcome.code))]);
            self.upstream.bind(&labels.collect::<Vec<_>>())
        });
        Bound { duration: self.duration.bind(&http), requests: self.requests.bind(&rpc), upstream }
    }
}

/// Counts the access log's lost records.
pub(super) fn watch_access_log(meter: &Meter, dropped: Arc<AtomicU64>) {
    meter
        .u64_observable_counter("transom.access_log.dropped")
        .with_description("Access log records lost because the output was too slow")
        .with_callback(move |observer| observer.observe(dropped.load(Ordering::Relaxed), &[]))
        .build();
}

/// Counts what a room counts by itself, which is asked for whenever metrics are gathered.
pub(super) fn watch(
    meter: &Meter,
    name: &'static str,
    what: &'static str,
    read: impl Fn() -> Vec<Count> + Send + Sync + 'static,
) {
    meter
        .u64_observable_counter(name)
        .with_description(what)
        .with_callback(move |observer| {
            for Count { of, outcome, count } in read() {
                let of = of.map(|(label, value)| KeyValue::new(label, value));
                let labels: Vec<_> = of.into_iter().chain([KeyValue::new("outcome", outcome)]).collect();
                observer.observe(count, &labels);
            }
        })
        .build();
}

fn observe_levels(meter: &Meter, levels: &Arc<Levels>) {
    let calls = Arc::clone(levels);
    meter
        .i64_observable_up_down_counter("http.server.active_requests")
        .with_description("Calls in flight")
        .with_callback(move |observer| observer.observe(calls.calls.load(Ordering::Relaxed), &[]))
        .build();
    let connections = Arc::clone(levels);
    meter
        .i64_observable_up_down_counter("transom.connections")
        .with_description("Open client connections")
        .with_callback(move |observer| observer.observe(connections.connections.load(Ordering::Relaxed), &[]))
        .build();
    let generation = Arc::clone(levels);
    meter
        .u64_observable_gauge("transom.snapshot.generation")
        .with_description("The generation that serves")
        .with_callback(move |observer| observer.observe(generation.generation.load(Ordering::Relaxed), &[]))
        .build();
}

/// The method as a label: a client can make up methods, so unknown ones share one.
pub(super) fn known(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        Method::HEAD => "HEAD",
        Method::OPTIONS => "OPTIONS",
        Method::CONNECT => "CONNECT",
        Method::TRACE => "TRACE",
        _ => "_OTHER",
    }
}

#[cfg(test)]
mod tests {
    use http::StatusCode;
    use opentelemetry::metrics::MeterProvider;

    use super::*;

    fn gather(registry: &prometheus::Registry) -> String {
        prometheus::TextEncoder::new().encode_to_string(&registry.gather()).expect("metrics")
    }

    fn metrics() -> (Metrics, SdkMeterProvider, prometheus::Registry) {
        let registry = prometheus::Registry::new();
        let resource = Resource::builder_empty().build();
        let mut problems = Problems::new();
        let provider = provider(resource, &registry, None, Duration::from_secs(1), &mut problems);
        let provider = provider.expect("a provider");
        (Metrics::new(&provider.meter("test")), provider, registry)
    }

    #[test]
    fn calls_are_counted_by_template_and_known_method() {
        let (metrics, _provider, registry) = metrics();
        for path in ["/v1/a", "/v1/b"] {
            let mut record = CallRecord::begin(Method::GET, path, None);
            record.route = Some("/v1/{id}".into());
            record.rpc = Some("p.S/Get".into());
            record.upstream = Some("main".into());
            record.upstream_time = Some(Duration::from_millis(1));
            record.rate_limit = Some(("per-caller".into(), "refused"));
            metrics.call_began();
            metrics.call_ended(&record, Duration::from_millis(2));
        }
        let mut record = CallRecord::begin(Method::from_bytes(b"BREW").expect("a token"), "/x", None);
        record.http_status = StatusCode::NOT_FOUND;
        metrics.call_began();
        metrics.call_ended(&record, Duration::ZERO);
        let text = gather(&registry);
        for line in [
            "http_server_request_duration_seconds_count{http_request_method=\"GET\",http_response_status_code=\"200\",http_route=\"/v1/{id}\"} 2",
            "http_server_request_duration_seconds_count{http_request_method=\"_OTHER\",http_response_status_code=\"404\"} 1",
            "transom_requests_total{code=\"OK\",origin=\"none\",rpc=\"p.S/Get\"} 2",
            "transom_upstream_duration_seconds_count{code=\"OK\",rpc=\"p.S/Get\",upstream=\"main\"} 2",
            "http_server_active_requests 0",
            "transom_rate_limits_total{limit=\"per-caller\",outcome=\"refused\"} 2",
        ] {
            assert!(text.contains(line), "{line}\nnot in\n{text}");
        }
        assert!(!text.contains("/v1/a"), "{text}");
    }

    #[test]
    fn a_new_generation_forgets_routes_and_keeps_counts() {
        let (metrics, _provider, registry) = metrics();
        let record = CallRecord::begin(Method::GET, "/", None);
        for generation in 1..=3 {
            metrics.generation(generation);
            assert!(metrics.routes.load().is_empty());
            metrics.call_began();
            metrics.call_ended(&record, Duration::ZERO);
        }
        let text = gather(&registry);
        assert!(text.contains("transom_requests_total{code=\"OK\",origin=\"none\"} 3"), "{text}");
        assert!(text.contains("transom_snapshot_generation 3"), "{text}");
    }
}
