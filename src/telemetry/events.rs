//! The numbers of events as instruments, read when metrics are gathered. Not for counting:
//! [`event`](crate::event) does.

use std::sync::Arc;

use opentelemetry::KeyValue;
use opentelemetry::metrics::Meter;

use crate::event::{Figures, SinkFigures};

/// Exports what `read` tells.
pub(super) fn watch(meter: &Meter, read: impl Fn() -> Option<Figures> + Send + Sync + 'static) {
    let read: Read = Arc::new(read);
    whole(meter, &read, "transom.events.made", "Events made by calls", |figures| figures.made);
    let what = "Events of which the path of the resource lacks a value";
    whole(meter, &read, "transom.events.incomplete", what, |figures| figures.incomplete);
    whole(meter, &read, "transom.events.queued", "Events put on the disk", |figures| figures.queued);
    each(meter, &read, "transom.events.delivered", "Events taken, by sink", |sink| sink.delivered);
    each(meter, &read, "transom.events.failures", "Attempts that failed, by sink", |sink| sink.failed);
    lost(meter, &read);
    waiting(meter, read);
}

type Read = Arc<dyn Fn() -> Option<Figures> + Send + Sync>;

fn whole(meter: &Meter, read: &Read, name: &'static str, what: &'static str, of: fn(&Figures) -> u64) {
    let read = Arc::clone(read);
    meter
        .u64_observable_counter(name)
        .with_description(what)
        .with_callback(move |observer| {
            if let Some(figures) = read() {
                observer.observe(of(&figures), &[]);
            }
        })
        .build();
}

fn each(meter: &Meter, read: &Read, name: &'static str, what: &'static str, of: fn(&SinkFigures) -> u64) {
    let read = Arc::clone(read);
    meter
        .u64_observable_counter(name)
        .with_description(what)
        .with_callback(move |observer| {
            for sink in read().into_iter().flat_map(|figures| figures.sinks) {
                observer.observe(of(&sink), &[KeyValue::new("sink", sink.sink.clone())]);
            }
        })
        .build();
}

/// By reason; and by sink where the others have had the event, or may.
fn lost(meter: &Meter, read: &Read) {
    let read = Arc::clone(read);
    meter
        .u64_observable_counter("transom.events.lost")
        .with_description("Events that did not get to where they should, by reason and sink")
        .with_callback(move |observer| {
            let Some(figures) = read() else { return };
            for (reason, count) in figures.lost {
                observer.observe(count, &[KeyValue::new("reason", reason)]);
            }
            for sink in figures.sinks {
                for (reason, count) in [("dropped", sink.lost), ("refused", sink.refused)] {
                    let labels = [KeyValue::new("reason", reason), KeyValue::new("sink", sink.sink.clone())];
                    observer.observe(count, &labels);
                }
            }
        })
        .build();
}

fn waiting(meter: &Meter, read: Read) {
    meter
        .u64_observable_gauge("transom.events.waiting")
        .with_description("Events that wait for a sink")
        .with_callback(move |observer| {
            for sink in read().into_iter().flat_map(|figures| figures.sinks) {
                observer.observe(sink.waiting, &[KeyValue::new("sink", sink.sink.clone())]);
            }
        })
        .build();
}
