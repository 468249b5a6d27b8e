//! One limit that this process keeps: a bucket for each key, by the generic cell rate algorithm.
//!
//! A call costs a hash of its key and one look into a sharded map, and allocates nothing but room for a key that
//! is new.

use std::collections::hash_map::RandomState;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use governor::clock::{Clock, MonotonicClock};
use governor::middleware::StateInformationMiddleware;
use governor::{Quota, RateLimiter};

use super::address::Addressing;
use super::key::{Call, Key, Source};
use super::standing::Standing;
use super::store::Store;
use crate::problem::{Place, Problem, Problems};
use crate::units::{Period, Rate};

/// One limit that this process keeps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LocalSettings {
    /// Its name in answers, logs and metrics.
    pub name: Arc<str>,
    /// What tells callers apart; nothing: all share one bucket.
    pub per: Vec<Source>,
    /// Globs of the methods that it is for, `pkg.Service/Method`; empty: all.
    pub methods: Vec<String>,
    /// How many calls come back in which time.
    pub rate: Rate,
    /// How many may be made at once.
    pub burst: u32,
    /// How calls are treated that lack a value to tell them apart by.
    pub anonymous: Anonymous,
    /// How many keys are kept apart.
    pub keys: usize,
    /// How addresses are found.
    pub addressing: Addressing,
    /// Where it was written.
    pub place: Place,
}

/// How calls are treated that lack a value to tell them apart by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Anonymous {
    /// They share one bucket.
    Share,
    /// The limit is not for them.
    Skip,
}

impl LocalSettings {
    /// Whether buckets filled under `other` are right under these; where it was written does not matter.
    fn keeps(&self, other: &Self) -> bool {
        *self == Self { place: self.place.clone(), ..other.clone() }
    }

    /// The time in which one call comes back.
    fn interval(&self) -> Duration {
        let interval = self.rate.period.checked_div(self.rate.calls).unwrap_or_default();
        interval.max(Duration::from_nanos(1))
    }

    /// The buckets' measure; told where there is none.
    fn quota(&self, problems: &mut Problems) -> Option<Quota> {
        let burst = NonZeroU32::new(self.burst).filter(|_| self.rate.calls > 0);
        let Some(burst) = burst else {
            let what = format!("the rate limit `{}` would let no call through", self.name);
            problems.push(
                Problem::error(self.place.clone(), what).help("give it a rate and a burst of 1 or more"),
            );
            return None;
        };
        let full = self.interval().checked_mul(burst.get()).filter(|full| *full <= Period::LONGEST.0);
        if full.is_none() {
            let what = format!(
                "the rate limit `{}` takes more than a year to give {burst} calls at {}",
                self.name, self.rate
            );
            problems.push(Problem::error(self.place.clone(), what).help("write a smaller `burst`"));
            return None;
        }
        Some(Quota::with_period(self.interval())?.allow_burst(burst))
    }
}

/// What a limit says to a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// The limit is not for the call.
    Skipped,
    /// It was charged.
    Passed(Standing),
    /// It was not: another may be made after the standing's `reset`.
    Refused(Standing),
}

/// The buckets of one limit.
#[derive(Debug)]
pub(super) struct Limit<C: Clock = MonotonicClock> {
    settings: LocalSettings,
    interval: Duration,
    secret: RandomState,
    buckets: RateLimiter<Key, Store, C, StateInformationMiddleware>,
}

impl Limit {
    /// A limit with full buckets, or that of an earlier generation whose settings are the same.
    pub(super) fn prepare(
        settings: &LocalSettings,
        previous: &[Arc<Self>],
        problems: &mut Problems,
    ) -> Option<Arc<Self>> {
        if let Some(kept) = previous.iter().find(|kept| settings.keeps(&kept.settings)) {
            return Some(Arc::clone(kept));
        }
        Self::with_clock(settings, MonotonicClock, problems).map(Arc::new)
    }
}

impl<C: Clock> Limit<C> {
    /// A limit with full buckets that goes by the given clock.
    pub(super) fn with_clock(settings: &LocalSettings, clock: C, problems: &mut Problems) -> Option<Self> {
        let quota = settings.quota(problems)?;
        Some(Self {
            settings: settings.clone(),
            interval: settings.interval(),
            secret: RandomState::new(),
            buckets: RateLimiter::new(quota, Store::new(settings.keys), clock),
        })
    }

    /// Its settings.
    pub(super) fn settings(&self) -> &LocalSettings {
        &self.settings
    }

    /// Charges a call to its bucket.
    pub(super) fn charge(&self, call: &Call<'_>) -> Verdict {
        let Self { settings, secret, .. } = self;
        let (key, whole) = Key::of(secret, &settings.per, call, settings.addressing);
        if !whole && settings.anonymous == Anonymous::Skip {
            return Verdict::Skipped;
        }
        let limit = settings.burst;
        match self.buckets.check_key(&key) {
            Ok(state) => {
                let remaining = state.remaining_burst_capacity();
                let reset = self.interval.saturating_mul(limit.saturating_sub(remaining));
                Verdict::Passed(Standing { limit, remaining, reset, refused: false })
            }
            Err(until) => {
                let reset = until.wait_time_from(self.buckets.clock().now());
                Verdict::Refused(Standing { limit, remaining: 0, reset, refused: true })
            }
        }
    }

    /// Forgets the buckets that are full again, as they would be made anew.
    pub(super) fn sweep(&self) {
        self.buckets.retain_recent();
    }

    /// How many buckets there are.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.buckets.len()
    }
}

#[cfg(test)]
mod tests {
    use governor::clock::FakeRelativeClock;
    use http::HeaderMap;

    use super::*;

    fn settings(per: &[&str], rate: &str, burst: u32) -> LocalSettings {
        LocalSettings {
            name: "test".into(),
            per: per.iter().map(|text| text.parse().expect("a source")).collect(),
            methods: Vec::new(),
            rate: rate.parse().expect("a rate"),
            burst,
            anonymous: Anonymous::Share,
            keys: 1000,
            addressing: Addressing::default(),
            place: Place::item("rate_limits.local[0]"),
        }
    }

    fn limit(settings: &LocalSettings) -> (Limit<FakeRelativeClock>, FakeRelativeClock) {
        let clock = FakeRelativeClock::default();
        let mut problems = Problems::new();
        let limit = Limit::with_clock(settings, clock.clone(), &mut problems);
        (limit.unwrap_or_else(|| panic!("{problems}")), clock)
    }

    /// What a call of this identity comes to: `remaining/limit reset-millis`, `no` before a refusal.
    fn charge(limit: &Limit<FakeRelativeClock>, identity: Option<&str>) -> String {
        let headers = HeaderMap::new();
        let call = Call { rpc: "a.B/C", identity, account: None, peer: None, headers: &headers };
        let (word, standing) = match limit.charge(&call) {
            Verdict::Skipped => return "skipped".to_owned(),
            Verdict::Passed(standing) => ("", standing),
            Verdict::Refused(standing) => ("no ", standing),
        };
        assert_eq!(standing.refused, !word.is_empty());
        format!("{word}{}/{} {}", standing.remaining, standing.limit, standing.reset.as_millis())
    }

    #[test]
    fn calls_are_let_through_up_to_the_burst_and_then_at_the_rate() {
        let (limit, clock) = limit(&settings(&["identity"], "2/s", 3));
        for (wait, expected) in [
            (0, "2/3 500"),
            (0, "1/3 1000"),
            (0, "0/3 1500"),
            (0, "no 0/3 500"),
            (200, "no 0/3 300"),
            (300, "0/3 1500"),
            (0, "no 0/3 500"),
            (1000, "1/3 1000"),
            (60_000, "2/3 500"),
        ] {
            clock.advance(Duration::from_millis(wait));
            assert_eq!(charge(&limit, Some("a")), expected, "after {wait} ms more");
        }
    }

    #[test]
    fn each_period_counts_its_own_time() {
        for (rate, burst, back) in
            [("100/s", 1, 10), ("60/m", 1, 1000), ("2/h", 1, 1_800_000), ("1/d", 1, 86_400_000)]
        {
            let (limit, clock) = limit(&settings(&["identity"], rate, burst));
            assert_eq!(charge(&limit, Some("a")), format!("0/1 {back}"), "{rate}");
            assert_eq!(charge(&limit, Some("a")), format!("no 0/1 {back}"), "{rate}");
            clock.advance(Duration::from_millis(back));
            assert_eq!(charge(&limit, Some("a")), format!("0/1 {back}"), "{rate}");
        }
    }

    #[test]
    fn callers_have_buckets_of_their_own() {
        let (limit, _) = limit(&settings(&["identity"], "1/h", 1));
        for (identity, expected) in
            [("a", "0/1"), ("b", "0/1"), ("a", "no 0/1"), ("c", "0/1"), ("b", "no 0/1")]
        {
            let found = charge(&limit, Some(identity));
            assert!(found.starts_with(expected), "{identity}: {found}");
        }
    }

    #[test]
    fn those_without_a_key_share_a_bucket_or_are_let_through() {
        let mut settings = settings(&["identity"], "1/h", 1);
        let shared = limit(&settings).0;
        assert!(charge(&shared, None).starts_with("0/1"));
        assert!(charge(&shared, None).starts_with("no"));
        assert!(charge(&shared, Some("a")).starts_with("0/1"), "a bucket of its own");
        settings.anonymous = Anonymous::Skip;
        let skipping = limit(&settings).0;
        assert_eq!((charge(&skipping, None), charge(&skipping, None)), ("skipped".into(), "skipped".into()));
        assert!(charge(&skipping, Some("a")).starts_with("0/1"));
    }

    #[test]
    fn a_limit_for_nobody_in_particular_is_one_bucket() {
        let mut settings = settings(&[], "1/h", 1);
        settings.anonymous = Anonymous::Skip;
        let (limit, _) = limit(&settings);
        assert!(charge(&limit, Some("a")).starts_with("0/1"));
        assert!(charge(&limit, Some("b")).starts_with("no"));
    }

    #[test]
    fn keys_are_bounded_and_full_buckets_are_forgotten() {
        let mut settings = settings(&["identity"], "1/s", 2);
        settings.keys = 3;
        let (limit, clock) = limit(&settings);
        for name in ["a", "b", "c"] {
            assert_eq!(charge(&limit, Some(name)), "1/2 1000", "{name}");
        }
        // All others share one bucket, and those that are known keep theirs.
        for (name, expected) in
            [("d", "1/2 1000"), ("e", "0/2 2000"), ("f", "no 0/2 1000"), ("a", "0/2 2000")]
        {
            assert_eq!(charge(&limit, Some(name)), expected, "{name}");
        }
        assert_eq!(limit.len(), 3);
        // One is kept for the time of one call beyond that at which it is full.
        clock.advance(Duration::from_secs(2));
        limit.sweep();
        assert_eq!(limit.len(), 1, "`a` is not old enough");
        assert_eq!(charge(&limit, Some("a")), "1/2 1000");
        assert_eq!(charge(&limit, Some("f")), "1/2 1000", "there is room again");
        clock.advance(Duration::from_secs(3));
        limit.sweep();
        assert_eq!(limit.len(), 0);
    }

    #[test]
    fn a_limit_that_makes_no_sense_is_told() {
        for (rate, burst, told) in [
            ("0/s", 1, "would let no call through"),
            ("1/s", 0, "would let no call through"),
            ("1/d", 366, "takes more than a year to give 366 calls at 1/d"),
            ("1/d", u32::MAX, "more than a year"),
        ] {
            let mut problems = Problems::new();
            assert!(
                Limit::with_clock(&settings(&[], rate, burst), FakeRelativeClock::default(), &mut problems)
                    .is_none()
            );
            assert_eq!(problems.errors(), 1);
            assert!(problems.to_string().contains(told), "{problems}");
            assert!(problems.to_string().contains("rate_limits.local[0]"), "{problems}");
        }
        let (limit, _) = limit(&settings(&[], "4294967295/s", u32::MAX));
        assert!(charge(&limit, None).starts_with("4294967294/4294967295"), "as large as can be written");
    }
}
