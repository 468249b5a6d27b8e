//! How often someone may call: limits that this process keeps, and one that is kept elsewhere (Envoy's rate
//! limit service) for many gateways together.
//!
//! Not for whether they may at all: that is [`policy`](crate::policy).
//!
//! At load, each method gets the limits that are for it ([`MethodLimits`]). A call is charged to all of them, in
//! their order, also to those behind one that refuses: hammering is not free. Those that need no identity are
//! charged before one is looked for ([`check_early`](MethodLimits::check_early)), the others after
//! ([`check`](MethodLimits::check)), none of them twice; the external service is asked last, and only if all
//! others agree. Local limits allocate nothing for a caller that is known; their memory is bounded (`store`), and
//! what is no longer needed is forgotten by a task of the room's own (`sweep`).

#![cfg_attr(
    not(test),
    deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)
)]

mod address;
mod key;
mod local;
mod refusal;
mod rls;
mod service;
mod standing;
mod store;
mod sweep;

use std::sync::Arc;

use crate::problem::{Problem, Problems};
use crate::status::Status;
use crate::units::Glob;
pub use address::Addressing;
pub use key::{Call, Source};
pub use local::{Anonymous, LocalSettings};
pub use service::{DescriptorSettings, OnFailure, ServiceSettings, Value};
pub use standing::{Applied, Outcome, Standing};

use local::{Limit, Verdict};
use service::Service;
use sweep::Sweeper;

/// The limits.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Settings {
    /// Those that this process keeps, in the order in which they are charged.
    pub local: Vec<LocalSettings>,
    /// The one that is kept elsewhere.
    pub external: Option<ServiceSettings>,
}

/// The limits, ready to be handed to methods.
#[derive(Debug)]
pub struct RateLimits {
    local: Vec<Arc<Limit>>,
    external: Option<Arc<Service>>,
    /// Its end is that of the task.
    _sweeper: Sweeper,
}

/// The limits of one method.
#[derive(Debug, Default)]
pub struct MethodLimits {
    /// Those that need no identity.
    early: Vec<Arc<Limit>>,
    late: Vec<Arc<Limit>>,
    external: Option<(Arc<Service>, Vec<DescriptorSettings>)>,
}

impl RateLimits {
    /// Prepares the limits, telling every problem; `None` where there are none. A limit of `previous` whose
    /// settings are the same goes on with its counts. Must be called within a tokio runtime.
    pub fn prepare(settings: &Settings, previous: Option<&Self>, problems: &mut Problems) -> Option<Self> {
        if *settings == Settings::default() {
            return None;
        }
        tell_equal_names(&settings.local, problems);
        let kept = previous.map(|previous| previous.local.as_slice()).unwrap_or_default();
        let local = settings.local.iter().filter_map(|one| Limit::prepare(one, kept, problems));
        let local: Vec<_> = local.collect();
        let kept = previous.and_then(|previous| previous.external.as_deref());
        let external = settings.external.as_ref();
        let external = external.and_then(|one| Service::prepare(one, kept, problems)).map(Arc::new);
        Some(Self { _sweeper: Sweeper::start(&local), local, external })
    }

    /// The limits that are for a method, `pkg.Service/Method`.
    #[must_use]
    pub fn of_method(&self, rpc: &str) -> MethodLimits {
        let local = self.local.iter().filter(|limit| is_for(&limit.settings().methods, rpc)).cloned();
        let (late, early) = local.partition(|limit| limit.settings().per.iter().any(Source::needs_identity));
        let external = self.external.as_ref().and_then(|service| {
            let descriptors = service.settings().descriptors.iter();
            let descriptors: Vec<_> = descriptors.filter(|one| is_for(&one.methods, rpc)).cloned().collect();
            (!descriptors.is_empty()).then(|| (Arc::clone(service), descriptors))
        });
        MethodLimits { early, late, external }
    }

    /// Warns of each glob that fits none of these methods.
    pub fn tell_unused(&self, rpcs: &[String], problems: &mut Problems) {
        let local = self.local.iter().map(|limit| (&limit.settings().methods, &limit.settings().place));
        let descriptors = self.external.iter().flat_map(|service| &service.settings().descriptors);
        for (globs, place) in local.chain(descriptors.map(|one| (&one.methods, &one.place))) {
            for glob in globs {
                let fits = Glob::new(glob);
                if !rpcs.iter().any(|rpc| fits.matches(rpc)) {
                    problems.push(
                        Problem::warning(place.clone(), format!("`{glob}` matches no exposed method")).help(
                            "a method is written `pkg.Service/Method`; `*` stands for any run of characters",
                        ),
                    );
                }
            }
        }
    }
}

impl MethodLimits {
    /// Whether there is nothing to check.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.early.is_empty() && self.late.is_empty() && self.external.is_none()
    }

    /// Charges the limits that need no identity.
    ///
    /// # Errors
    /// 429 when one is used up.
    pub fn check_early(&self, call: &Call<'_>, applied: &mut Applied) -> Result<(), Status> {
        charge(&self.early, call, applied)
    }

    /// Charges the limits that were not charged early, and asks the external service.
    ///
    /// # Errors
    /// 429 when one is used up, 503 when the service cannot be asked and no call may go on without.
    pub async fn check(&self, call: &Call<'_>, applied: &mut Applied) -> Result<(), Status> {
        charge(&self.late, call, applied)?;
        match &self.external {
            Some((service, descriptors)) => Box::pin(service.ask(descriptors, call, applied)).await,
            None => Ok(()),
        }
    }
}

/// Charges a call to each limit; the refusal is that of the limit that takes longest.
fn charge(limits: &[Arc<Limit>], call: &Call<'_>, applied: &mut Applied) -> Result<(), Status> {
    let mut refused: Option<(&Limit, Standing)> = None;
    for limit in limits {
        match limit.charge(call) {
            Verdict::Skipped => {}
            Verdict::Passed(standing) => applied.note(standing),
            Verdict::Refused(standing) => {
                applied.note(standing);
                if refused.is_none_or(|(_, known)| standing.reset > known.reset) {
                    refused = Some((limit, standing));
                }
            }
        }
    }
    let Some((limit, standing)) = refused else { return Ok(()) };
    applied.outcome = Some(Outcome::Refused(Arc::clone(&limit.settings().name)));
    Err(refusal::used_up(limit.settings(), standing.reset))
}

/// Whether globs are for a method: none are for all.
fn is_for(globs: &[String], rpc: &str) -> bool {
    globs.is_empty() || globs.iter().any(|glob| Glob::new(glob).matches(rpc))
}

fn tell_equal_names(limits: &[LocalSettings], problems: &mut Problems) {
    for (index, one) in limits.iter().enumerate() {
        if limits.iter().take(index).any(|earlier| earlier.name == one.name) {
            problems.push(
                Problem::error(one.place.clone(), format!("two rate limits are named `{}`", one.name))
                    .help("give each its own name: answers and metrics tell them apart by it"),
            );
        }
    }
}

#[cfg(test)]
mod tests;
