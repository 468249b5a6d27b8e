//! What `check`, `routes` and `explain` look at: a snapshot that is built like one that serves, but is not.

use crate::config::{self, Settings, Sources};
use std::time::Duration;

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

/// Loads everything, telling every problem. Where the configuration is faulty, what can be read of the contract
/// is looked at all the same, so that its faults are told too.
pub(super) fn build(sources: &Sources, problems: &mut Problems) -> Option<Built> {
    let mut settings = config::examine(sources, problems)?;
    if sources.without_backend && settings.gateway.upstreams.is_empty() {
        settings.gateway.upstreams.push(no_backend());
    }
    if problems.has_errors() {
        if let Some(schema) = schema::load(&settings.gateway.schema, problems) {
            rule::read(&schema, &settings.gateway.rule, problems);
        }
        return None;
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
        timeout: None,
        max_timeout: None,
        connect_timeout: Duration::from_secs(1),
        connections: 1,
        keepalive: None,
        max_response_message: 1,
        place: Place::default(),
    };
    UpstreamSettings { upstream, services: Vec::new() }
}
