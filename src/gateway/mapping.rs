//! How the calls of each method are mapped, made ready: what is equal is prepared once.
//!
//! Set-up, not request path.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use prost_reflect::DescriptorPool;

use super::build::rpc_name;
use super::{Mapping, Settings};
use crate::metadata::Rules;
use crate::problem::Problems;
use crate::rule::Binding;
use crate::transcode::Plans;
use crate::{protocol, route};

/// The mapping of each binding.
pub(super) struct Mapped {
    common: Mapping,
    /// Those that methods have for themselves; no two are equal.
    apart: Vec<Mapping>,
    /// For each binding which of them it has; none: the common one.
    of: Vec<Option<usize>>,
}

/// A mapping made ready.
#[derive(Clone)]
pub(super) struct Ready {
    pub(super) plans: Plans,
    pub(super) metadata: Arc<Rules>,
    pub(super) protocol: Arc<protocol::Settings>,
}

/// All of them made ready.
pub(super) struct AllReady {
    pub(super) common: Ready,
    apart: Vec<Ready>,
    of: Vec<Option<usize>>,
    /// The plans that differ, those of the common mapping first.
    pub(super) plans: Vec<Plans>,
    /// How long it took to compile them.
    pub(super) planning: Duration,
}

impl Mapped {
    /// Asks for the mapping of each method once.
    pub(super) fn of(settings: &Settings, bindings: &[Binding]) -> Self {
        let mut mapped = Self { common: settings.mapping.clone(), apart: Vec::new(), of: Vec::new() };
        let mut known: BTreeMap<String, Option<usize>> = BTreeMap::new();
        for binding in bindings {
            let rpc = rpc_name(binding);
            let of = known.get(&rpc).copied().unwrap_or_else(|| {
                let own = settings.mappings.as_ref().and_then(|mappings| mappings.of(&rpc));
                let of = own.and_then(|own| mapped.place(own));
                known.insert(rpc, of);
                of
            });
            mapped.of.push(of);
        }
        mapped
    }

    /// Where a mapping stands among those that methods have for themselves.
    fn place(&mut self, own: Mapping) -> Option<usize> {
        if own == self.common {
            return None;
        }
        let found = self.apart.iter().position(|other| *other == own);
        Some(found.unwrap_or_else(|| {
            self.apart.push(own);
            self.apart.len() - 1
        }))
    }

    /// How the path of each binding is matched.
    pub(super) fn routes(&self) -> Vec<&route::Settings> {
        let own = |of: &Option<usize>| of.and_then(|of| self.apart.get(of)).unwrap_or(&self.common);
        self.of.iter().map(|of| &own(of).route).collect()
    }

    /// Compiles the plans and checks the header rules that differ. `metadata` are those of the common mapping.
    pub(super) fn ready(self, metadata: Rules, pool: &DescriptorPool, problems: &mut Problems) -> AllReady {
        let started = Instant::now();
        let common = Ready {
            plans: Plans::compile(pool, &self.common.transcode),
            metadata: Arc::new(metadata),
            protocol: Arc::new(self.common.protocol.clone()),
        };
        let mut plans = vec![common.plans.clone()];
        let mut known = vec![(&self.common, common.clone())];
        for own in &self.apart {
            let same = |is_same: fn(&Mapping, &Mapping) -> bool| {
                known.iter().find(|(other, _)| is_same(other, own)).map(|(_, ready)| ready)
            };
            let compiled = same(|one, other| one.transcode == other.transcode).map(|ready| &ready.plans);
            let rules = same(|one, other| one.metadata == other.metadata).map(|ready| &ready.metadata);
            let ready = Ready {
                plans: compiled.cloned().unwrap_or_else(|| {
                    let compiled = Plans::compile(pool, &own.transcode);
                    plans.push(compiled.clone());
                    compiled
                }),
                metadata: rules.cloned().unwrap_or_else(|| Arc::new(Rules::check(&own.metadata, problems))),
                protocol: Arc::new(own.protocol.clone()),
            };
            known.push((own, ready));
        }
        let apart = known.into_iter().skip(1).map(|(_, ready)| ready).collect();
        AllReady { common, apart, of: self.of, plans, planning: started.elapsed() }
    }
}

impl AllReady {
    /// That of a binding, by its index.
    pub(super) fn of(&self, binding: usize) -> &Ready {
        let own = self.of.get(binding).copied().flatten();
        own.and_then(|own| self.apart.get(own)).unwrap_or(&self.common)
    }
}
