//! The room as a whole: plans of the model API, sinks over real sockets, a queue that outlives its process.

mod deliveries;
mod lifecycle;
mod nats;
mod plans;
mod receiver;

use std::path::Path;
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use http::HeaderMap;
use prost_reflect::DescriptorPool;

use super::*;
use crate::duty::EventOptions;
use crate::transcode::{self, Plans};
use crate::{schema, units};

/// The model API's descriptors.
static POOL: LazyLock<DescriptorPool> = LazyLock::new(|| {
    let settings = schema::Settings { embedded_api: true, ..schema::Settings::default() };
    schema::load(&settings, &mut Problems::new()).expect("the model API").pool().clone()
});

/// The message that events are.
static MESSAGE: LazyLock<Arc<EventMessage>> = LazyLock::new(|| {
    let desc = POOL.get_message_by_name("qdrant.cloud.event.v1.Event").expect("the message");
    let plans = Plans::compile(&POOL, &transcode::Settings::default());
    let json = plans.message(&desc).expect("its plan");
    EventMessage::compile(&desc, json, &mut Problems::new()).expect("an event message")
});

/// Makes events of one method.
static PLAN: LazyLock<EventPlan> = LazyLock::new(|| {
    let service = POOL.get_service_by_name("qdrant.cloud.cluster.v1.ClusterService").expect("the service");
    let method = service.methods().find(|method| method.name() == "DeleteCluster").expect("the method");
    let options = EventOptions {
        event_type: 3,
        resource_type: "cluster".into(),
        resource_id_field: "req.cluster_id".into(),
        resource_url_template: "/clusters/{req.cluster_id}".into(),
        ..EventOptions::default()
    };
    let mut problems = Problems::new();
    let plan = EventPlan::compile(&MESSAGE, &options, &method, &Place::default(), &mut problems);
    plan.unwrap_or_else(|| panic!("{problems}"))
});

/// An event about the cluster of this name.
fn event(cluster: &str) -> Event {
    let mut request = Vec::new();
    crate::wire::field::put_bytes(2, cluster.as_bytes(), &mut request);
    let none = HeaderMap::new();
    let facts = Facts {
        request: &request,
        response: &[],
        request_metadata: &none,
        response_metadata: &none,
        response_trailers: &none,
    };
    PLAN.build(&facts, &Caller { actor_id: "me", ..Caller::default() }, Some("acc"))
}

fn queue(folder: &Path) -> QueueSettings {
    QueueSettings {
        path: folder.join("events.redb"),
        limits: Limits { events: 1000, bytes: 1 << 20, when_full: WhenFull::DropOldest },
        memory: 1000,
        interval: Duration::from_millis(1),
    }
}

fn settings(folder: &Path, sinks: Vec<SinkSettings>) -> Settings {
    let envelope =
        Envelope { source: "test".into(), kind: Naming::parse("{resource_type}.{action}").expect("one") };
    let message = MESSAGE.name().to_owned();
    Settings { message, envelope, queue: queue(folder), sinks, rehearsal: false }
}

fn sink(name: &str, target: Target) -> SinkSettings {
    SinkSettings { name: name.into(), target, max_backoff: Duration::from_millis(50), attempts: 3 }
}

fn file(path: &Path) -> Target {
    Target::File(FileSettings { path: path.to_owned(), max_size: 1 << 20, keep: 1 })
}

fn webhook(url: &str) -> Target {
    Target::Webhook(WebhookSettings {
        url: units::Secret::new(url),
        headers: vec![("authorization".into(), units::Secret::new("Bearer hunter2"))],
        roots: None,
        timeout: Duration::from_millis(300),
    })
}

/// Prepared and begun, as a gateway does it.
fn started(settings: &Settings, previous: Option<&Arc<Events>>) -> Arc<Events> {
    let mut problems = Problems::new();
    let events = Events::prepare(settings, previous, &mut problems).unwrap_or_else(|| panic!("{problems}"));
    events.begin();
    events
}

fn push_all(events: &Events, clusters: impl IntoIterator<Item = u32>) {
    for cluster in clusters {
        events.push(event(&cluster.to_string()));
    }
}

/// The clusters that the lines of a file tell of.
fn clusters(path: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    text.lines().map(|line| resource(&serde_json::from_str(line).expect(line))).collect()
}

fn resource(event: &serde_json::Value) -> String {
    event["resourceId"].as_str().expect("an id").to_owned()
}

fn numbers(numbers: impl IntoIterator<Item = u32>) -> Vec<String> {
    numbers.into_iter().map(|number| number.to_string()).collect()
}

/// Asks again and again until it is so, for at most ten seconds.
#[allow(clippy::disallowed_methods, reason = "polling sleeps between its looks")]
async fn until(what: &str, mut probe: impl FnMut() -> bool) {
    let start = Instant::now();
    while !probe() {
        assert!(start.elapsed() < Duration::from_secs(10), "waited ten seconds in vain for {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

async fn finish(events: &Events) {
    events.finish(tokio::time::Instant::now() + Duration::from_secs(10)).await;
}
