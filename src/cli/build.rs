//! How the configuration is read, and what `check`, `routes` and `explain` look at: a snapshot that is built like
//! one that serves, but is not.

use std::time::Duration;

use crate::config::{self, Settings, Sources};
use crate::gateway::{Snapshot, UpstreamSettings};
use crate::problem::{Place, Problems};
use crate::{rule, schema, upstream};

/// The name of the upstream that stands in where none is configured and none will be called.
pub(super) const NO_BACKEND: &str = "-";

/// A snapshot and what it was built from.
pub(super) struct Built {
    pub settings: Settings,
    pub snapshot: Snapshot,
}

/// Settings as they were read.
pub(super) struct Read {
    pub settings: Settings,
    /// Whether they can be used: what is faulty was told, and is missing in them.
    pub sound: bool,
}

/// Reads the configuration, telling every problem. Where it is faulty, what can be read of the contract is looked
/// at all the same, so that its faults are told too. `None` when there is nothing to be read.
pub(super) fn read(sources: &Sources, problems: &mut Problems) -> Option<Read> {
    let mut found = Problems::new();
    let settings = config::examine(sources, &mut found);
    let sound = !found.has_errors();
    problems.extend(found);
    let settings = settings?;
    let contract = &settings.gateway.schema;
    let named = contract.embedded_api || !contract.protos.is_empty() || !contract.descriptor_sets.is_empty();
    if !sound
        && named
        && let Some(schema) = schema::load(contract, problems)
    {
        rule::read(&schema, &settings.gateway.rule, problems);
    }
    Some(Read { settings, sound })
}

/// Builds everything, telling every problem.
pub(super) fn build(sources: &Sources, problems: &mut Problems) -> Option<Built> {
    let Read { mut settings, sound } = read(sources, problems)?;
    if !sound {
        return None;
    }
    if sources.without_backend && settings.gateway.upstreams.is_empty() {
        settings.gateway.upstreams.push(no_backend());
    }
    // A gateway that serves may have the queue open.
    if let Some(events) = &mut settings.gateway.events {
        events.rehearsal = true;
    }
    let snapshot = Snapshot::build(&settings.gateway, None, problems)?;
    (!problems.has_errors()).then_some(Built { settings, snapshot })
}

/// The same, for a command that calls nothing: a backend may be missing.
pub(super) fn build_without_backend(sources: Sources, problems: &mut Problems) -> Option<Built> {
    build(&Sources { without_backend: true, ..sources }, problems)
}

/// A backend that is never called.
fn no_backend() -> UpstreamSettings {
    let upstream = upstream::Settings {
        name: NO_BACKEND.to_owned(),
        url: "http://127.0.0.1:1".to_owned(),
        tls: upstream::TlsSettings::default(),
        deadlines: upstream::Deadlines::default(),
        connect_timeout: Duration::from_secs(1),
        connections: 1,
        keepalive: None,
        max_request_message: usize::MAX,
        max_response_message: 1,
        stream_window: u32::MAX,
        place: Place::default(),
    };
    UpstreamSettings { upstream, services: Vec::new() }
}
