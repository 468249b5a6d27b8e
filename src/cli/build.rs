//! What `check`, `routes` and `explain` look at: a snapshot that is built like one that serves, but is not.

use crate::config::{self, Settings, Sources};
use crate::gateway::Snapshot;
use crate::problem::Problems;
use crate::{rule, schema};

/// A snapshot and what it was built from.
pub(super) struct Built {
    pub settings: Settings,
    pub snapshot: Snapshot,
}

/// Loads everything, telling every problem. Where the configuration is faulty, what can be read of the contract
/// is looked at all the same, so that its faults are told too.
pub(super) fn build(sources: &Sources, problems: &mut Problems) -> Option<Built> {
    let settings = config::examine(sources, problems)?;
    if problems.has_errors() {
        if let Some(schema) = schema::load(&settings.gateway.schema, problems) {
            rule::read(&schema, &settings.gateway.rule, problems);
        }
        return None;
    }
    let snapshot = Snapshot::build(&settings.gateway, None, problems)?;
    (!problems.has_errors()).then_some(Built { settings, snapshot })
}
