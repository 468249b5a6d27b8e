//! One server span per call, by the OpenTelemetry API directly, and W3C trace context towards the backend.
//!
//! Costs nothing without an exporter: then no span is made, and the client's own `traceparent` passes as it
//! came. Not for the process's log: that is [`logs`](super::logs).

use http::header::USER_AGENT;
use http::{HeaderMap, HeaderValue};
use opentelemetry::propagation::{Extractor, TextMapPropagator};
use opentelemetry::trace::{Span as _, SpanContext, SpanKind, Status, TraceContextExt, Tracer};
use opentelemetry::{Context, KeyValue, StringValue, Value};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::{Sampler, SdkTracer, SdkTracerProvider, Span};

use super::export::Seldom;
use super::metrics::known;
use crate::observe::CallRecord;

const TRACEPARENT: &str = "traceparent";

/// A provider that sends spans in batches and follows a caller's decision whether a trace is recorded.
pub(super) fn provider(
    resource: Resource,
    exporter: Seldom<opentelemetry_otlp::SpanExporter>,
    ratio: f64,
) -> SdkTracerProvider {
    SdkTracerProvider::builder()
        .with_resource(resource)
        .with_sampler(Sampler::ParentBased(Box::new(Sampler::TraceIdRatioBased(ratio))))
        .with_batch_exporter(exporter)
        .build()
}

/// Makes the spans of calls.
#[derive(Debug)]
pub(super) struct Tracing {
    tracer: SdkTracer,
    propagator: TraceContextPropagator,
}

impl Tracing {
    pub fn new(tracer: SdkTracer) -> Self {
        Self { tracer, propagator: TraceContextPropagator::new() }
    }

    /// Begins the call's span as a child of the client's and makes it the parent of the backend's.
    pub fn begin(&self, headers: &mut HeaderMap, record: &mut CallRecord) -> Span {
        let parent = self.propagator.extract_with_context(&Context::new(), &Headers(headers));
        if !parent.span().span_context().is_valid() {
            // The state belongs to the trace that is not continued.
            headers.remove("tracestate");
        }
        let name = known(&record.method);
        let mut span = self
            .tracer
            .span_builder(name)
            .with_kind(SpanKind::Server)
            .start_with_context(&self.tracer, &parent);
        let context = span.span_context();
        // Not valid once the provider was shut down, while the last calls are still answered.
        if context.is_valid() {
            record.trace_id = context.trace_id().to_string();
            if let Ok(value) = HeaderValue::try_from(traceparent(context)) {
                headers.insert(TRACEPARENT, value);
            }
        }
        if span.is_recording() {
            span.set_attributes(request_attributes(headers, record));
        }
        span
    }
}

/// The id of the trace that the client's `traceparent` names, if it is well formed.
pub(super) fn passing_trace_id(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(TRACEPARENT)?.to_str().ok()?;
    let id = value.split('-').nth(1)?;
    let hex = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    (id.len() == 32 && id.bytes().all(hex)).then_some(id)
}

/// `version-trace-span-flags`, <https://www.w3.org/TR/trace-context/#traceparent-header>.
fn traceparent(context: &SpanContext) -> String {
    let sampled = u8::from(context.is_sampled());
    format!("00-{}-{}-0{sampled}", context.trace_id(), context.span_id())
}

/// What is known when the request's head was read.
fn request_attributes(headers: &HeaderMap, record: &CallRecord) -> Vec<KeyValue> {
    let mut attributes = Vec::with_capacity(8);
    attributes.push(KeyValue::new("http.request.method", known(&record.method)));
    attributes.push(KeyValue::new("url.path", record.path.clone()));
    attributes.push(KeyValue::new("transom.request_id", record.request_id.clone()));
    if let Some(peer) = record.peer {
        attributes.push(KeyValue::new("client.address", peer.ip().to_string()));
        attributes.push(KeyValue::new("client.port", i64::from(peer.port())));
    }
    if let Some(agent) = headers.get(USER_AGENT).and_then(|agent| agent.to_str().ok()) {
        attributes.push(KeyValue::new("user_agent.original", agent.to_owned()));
    }
    attributes
}

/// Ends the span with what became of the call.
pub(super) fn end(mut span: Span, record: &CallRecord) {
    if span.is_recording() {
        if let Some(route) = &record.route {
            span.update_name(format!("{} {route}", known(&record.method)));
            span.set_attribute(KeyValue::new("http.route", shared(route)));
        }
        span.set_attributes(outcome_attributes(record));
        if record.http_status.is_server_error() {
            span.set_attribute(KeyValue::new("error.type", record.http_status.as_str().to_owned()));
            span.set_status(Status::error(""));
        }
    }
    span.end();
}

fn outcome_attributes(record: &CallRecord) -> Vec<KeyValue> {
    let mut attributes = Vec::with_capacity(8);
    attributes.push(KeyValue::new("http.response.status_code", i64::from(record.http_status.as_u16())));
    if let Some((service, method)) = record.rpc.as_ref().and_then(|rpc| rpc.split_once('/')) {
        attributes.push(KeyValue::new("rpc.system", "grpc"));
        attributes.push(KeyValue::new("rpc.service", service.to_owned()));
        attributes.push(KeyValue::new("rpc.method", method.to_owned()));
        attributes.push(KeyValue::new("rpc.grpc.status_code", i64::from(i32::from(record.code))));
    }
    if let Some(upstream) = &record.upstream {
        attributes.push(KeyValue::new("transom.upstream", shared(upstream)));
    }
    for (name, value) in &record.shown {
        let name = opentelemetry::Key::from(std::sync::Arc::clone(name));
        attributes.push(KeyValue::new(name, value.clone()));
    }
    if let Some(time) = record.upstream_time {
        attributes.push(KeyValue::new("transom.upstream.duration", time.as_secs_f64()));
    }
    attributes
}

fn shared(text: &std::sync::Arc<str>) -> Value {
    Value::String(StringValue::from(std::sync::Arc::clone(text)))
}

/// The request's headers as trace context is read from.
struct Headers<'h>(&'h HeaderMap);

impl Extractor for Headers<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key)?.to_str().ok()
    }

    fn keys(&self) -> Vec<&str> {
        self.0.keys().map(http::HeaderName::as_str).collect()
    }
}

#[cfg(test)]
mod tests {
    use http::Method;
    use opentelemetry::trace::TracerProvider;

    use super::*;

    fn tracing(sampler: Sampler) -> (Tracing, SdkTracerProvider) {
        let provider = SdkTracerProvider::builder().with_sampler(sampler).build();
        (Tracing::new(provider.tracer("test")), provider)
    }

    fn begin(sampler: Sampler, traceparent: Option<&'static str>) -> (HeaderMap, CallRecord) {
        let (tracing, _provider) = tracing(Sampler::ParentBased(Box::new(sampler)));
        let mut headers = HeaderMap::new();
        headers.insert("tracestate", HeaderValue::from_static("a=b"));
        if let Some(value) = traceparent {
            headers.insert(TRACEPARENT, HeaderValue::from_static(value));
        }
        let mut record = CallRecord::begin(Method::GET, "/", None);
        end(tracing.begin(&mut headers, &mut record), &record);
        (headers, record)
    }

    const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    #[test]
    fn a_trace_is_continued_with_a_span_of_our_own() {
        let (headers, record) = begin(Sampler::AlwaysOff, Some(PARENT));
        let sent = headers[TRACEPARENT].to_str().expect("text");
        assert_eq!(record.trace_id, "0af7651916cd43dd8448eb211c80319c");
        assert!(sent.starts_with("00-0af7651916cd43dd8448eb211c80319c-") && sent.ends_with("-01"), "{sent}");
        assert!(!sent.contains("b7ad6b7169203331"), "{sent}");
        assert_eq!(headers["tracestate"], "a=b");
    }

    #[test]
    fn a_span_shows_what_the_record_shows_of_the_request() {
        let mut record = CallRecord::begin(Method::GET, "/", None);
        record.shown = vec![("request.cluster_id".into(), "c1".to_owned())];
        let attributes = outcome_attributes(&record);
        let shown = attributes.iter().find(|attribute| attribute.key.as_str() == "request.cluster_id");
        assert_eq!(shown.map(|attribute| attribute.value.to_string()).as_deref(), Some("c1"));
    }

    #[test]
    fn a_callers_wish_not_to_record_is_followed() {
        let (headers, _) =
            begin(Sampler::AlwaysOn, Some("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00"));
        let sent = headers[TRACEPARENT].to_str().expect("text");
        assert!(sent.starts_with("00-0af7651916cd43dd8448eb211c80319c-") && sent.ends_with("-00"), "{sent}");
    }

    #[test]
    fn without_a_parent_a_trace_begins() {
        for parent in [None, Some("00-zz-1-01")] {
            let (headers, record) = begin(Sampler::AlwaysOn, parent);
            assert_eq!(record.trace_id.len(), 32);
            assert!(headers[TRACEPARENT].to_str().expect("text").contains(&record.trace_id));
            assert!(!headers.contains_key("tracestate"), "the state of no trace is dropped");
        }
    }

    #[test]
    fn a_passing_trace_is_named_only_when_well_formed() {
        for (value, id) in
            [(PARENT, Some("0af7651916cd43dd8448eb211c80319c")), ("00-0AF7-b7-01", None), ("nonsense", None)]
        {
            let headers = HeaderMap::from_iter([(
                http::HeaderName::from_static(TRACEPARENT),
                HeaderValue::from_static(value),
            )]);
            assert_eq!(passing_trace_id(&headers), id, "{value}");
        }
    }
}
