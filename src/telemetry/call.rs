//! One call from its first to its last byte: the record, the span, and what is written of them at the end.
//!
//! Whatever way a call ends it is written exactly once: [`Call::finish`] when the answer was sent, or when
//! the call is dropped because the client went away, a shutdown cut it or something panicked.

use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use http::{Request, StatusCode};
use opentelemetry_sdk::trace::Span;
use prometheus::TextEncoder;
use tokio::sync::watch;

use super::record::Finished;
use super::{access, metrics, trace};
use crate::observe::CallRecord;
use crate::status::{Code, Origin, http_status};

/// Records calls; cheap to clone.
#[derive(Debug, Clone)]
pub struct Recorder(Arc<Sinks>);

#[derive(Debug)]
struct Sinks {
    metrics: metrics::Metrics,
    registry: prometheus::Registry,
    tracing: Option<trace::Tracing>,
    access: Option<access::Log>,
    cutting: watch::Sender<bool>,
}

impl Recorder {
    pub(super) fn new(
        metrics: metrics::Metrics,
        registry: prometheus::Registry,
        tracing: Option<trace::Tracing>,
        access: Option<access::Log>,
    ) -> Self {
        Self(Arc::new(Sinks { metrics, registry, tracing, access, cutting: watch::Sender::new(false) }))
    }

    /// Begins a call: the span is opened, and the request's `traceparent` becomes what the backend is told.
    /// The request id is what `x-request-id` says.
    pub fn begin<B>(&self, request: &mut Request<B>, peer: Option<SocketAddr>) -> Call {
        self.0.metrics.call_began();
        let mut record = CallRecord::begin(request.method().clone(), request.uri().path(), peer);
        if let Some(id) = request.headers().get("x-request-id").and_then(|id| id.to_str().ok()) {
            id.clone_into(&mut record.request_id);
        }
        let tracing = self.0.tracing.as_ref();
        let span = tracing.map(|tracing| tracing.begin(request.headers_mut(), &mut record));
        if let (None, Some(id)) = (&span, trace::passing_trace_id(request.headers())) {
            id.clone_into(&mut record.trace_id);
        }
        Call(Some(Box::new(Open { record, span, recorder: self.clone(), answered: false })))
    }

    /// Counts an open client connection until the guard is dropped.
    #[must_use]
    pub fn connection(&self) -> ConnectionGuard {
        self.0.metrics.connections(1);
        ConnectionGuard(self.clone())
    }

    /// The end of a shutdown: calls that break off from now on are the gateway's doing.
    pub fn cutting(&self) {
        self.0.cutting.send_replace(true);
    }

    /// A generation began to serve.
    pub fn generation(&self, generation: u64) {
        self.0.metrics.generation(generation);
    }

    /// Counts a reload by its outcome: a word such as `applied`, `rejected`, `unchanged`.
    pub fn reloaded(&self, outcome: &'static str) {
        self.0.metrics.reloaded(outcome);
    }

    /// All metrics in Prometheus's text form.
    ///
    /// # Errors
    /// When they cannot be written in that form.
    pub fn prometheus(&self) -> Result<String, prometheus::Error> {
        TextEncoder::new().encode_to_string(&self.0.registry.gather())
    }

    /// Waits until the access log is written, for at most `limit`.
    pub fn flush(&self, limit: Duration) {
        if let Some(access) = &self.0.access {
            access.flush(limit);
        }
    }

    fn end(&self, record: CallRecord, span: Option<Span>) {
        let duration = record.started.elapsed();
        self.0.metrics.call_ended(&record, duration);
        if let Some(span) = span {
            trace::end(span, &record);
        }
        if let Some(access) = &self.0.access {
            access.write(Finished { record, time: SystemTime::now(), duration });
        }
    }
}

/// An open connection, counted.
#[derive(Debug)]
pub struct ConnectionGuard(Recorder);

impl Drop for ConnectionGuard {
    fn drop(&mut self) {
        self.0.0.metrics.connections(-1);
    }
}

/// Comes when calls are about to be cut.
pub type Cut = Pin<Box<dyn Future<Output = ()> + Send>>;

/// A call under way. Dropped unfinished, it is written as cancelled by the client; as unavailable when the
/// gateway is cutting calls at the end of a shutdown; as an internal error when the thread is panicking.
///
/// In a box, because it moves with the answer through everything that the answer moves through.
#[derive(Debug)]
pub struct Call(Option<Box<Open>>);

#[derive(Debug)]
struct Open {
    record: CallRecord,
    span: Option<Span>,
    recorder: Recorder,
    answered: bool,
}

impl Call {
    /// One that is over.
    #[must_use]
    pub fn finished() -> Self {
        Self(None)
    }

    /// The record; `None` once the call is finished.
    pub fn record(&mut self) -> Option<&mut CallRecord> {
        self.0.as_mut().map(|open| &mut open.record)
    }

    /// Comes when the gateway is about to cut its calls; `None` once the call is finished.
    #[must_use]
    pub fn cut(&self) -> Option<Cut> {
        let mut cutting = self.0.as_ref()?.recorder.0.cutting.subscribe();
        Some(Box::pin(async move { drop(cutting.wait_for(|cutting| *cutting).await) }))
    }

    /// The answer's head is settled: a call cut off later keeps its status.
    pub fn answered(&mut self, status: StatusCode) {
        if let Some(open) = &mut self.0 {
            open.record.http_status = status;
            open.answered = true;
        }
    }

    /// The last byte was sent: writes the record. Does nothing the second time.
    pub fn finish(&mut self) {
        if let Some(open) = self.0.take() {
            let Open { record, span, recorder, .. } = *open;
            recorder.end(record, span);
        }
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        if let Some(open) = &mut self.0 {
            let (code, origin) = if std::thread::panicking() {
                (Code::Internal, Origin::Gateway)
            } else if *open.recorder.0.cutting.borrow() {
                (Code::Unavailable, Origin::Gateway)
            } else {
                (Code::Cancelled, Origin::Client)
            };
            open.record.code = code;
            open.record.origin = Some(origin);
            if !open.answered {
                open.record.http_status = http_status(code);
            }
            self.finish();
        }
    }
}
