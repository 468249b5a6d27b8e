//! How long to wait before trying again: exponential backoff with jitter.

use std::hash::{BuildHasher as _, RandomState};
use std::time::Duration;

/// The first step.
const FIRST: Duration = Duration::from_millis(100);

/// Pauses that grow, up to the longest.
#[derive(Debug)]
pub(super) struct Backoff {
    step: Duration,
    longest: Duration,
    random: RandomState,
    drawn: u64,
}

impl Backoff {
    pub fn new(longest: Duration) -> Self {
        Self { step: Duration::ZERO, longest, random: RandomState::new(), drawn: 0 }
    }

    /// It went well: the next pause is a short one.
    pub fn reset(&mut self) {
        self.step = Duration::ZERO;
    }

    /// The next pause: half a step and a random part of the other half. A sink that says how long to wait gets it, but
    /// no longer than an hour.
    pub fn next(&mut self, asked: Option<Duration>) -> Duration {
        self.step = (self.step * 2).clamp(FIRST, self.longest.max(FIRST));
        self.drawn += 1;
        let random = u32::try_from(self.random.hash_one(self.drawn) >> 32).unwrap_or(u32::MAX);
        let pause = self.step.mul_f64(0.5 + 0.5 * f64::from(random) / f64::from(u32::MAX));
        pause.max(asked.unwrap_or(Duration::ZERO).min(LONGEST_ASKED))
    }
}

/// No sink can ask for a longer pause.
const LONGEST_ASKED: Duration = Duration::from_hours(1);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_double_and_pauses_are_between_half_a_step_and_a_step() {
        let mut backoff = Backoff::new(Duration::from_secs(1));
        for step in [100, 200, 400, 800, 1000, 1000] {
            let pause = backoff.next(None).as_millis();
            assert!((step / 2..=step).contains(&pause), "{pause} of {step}");
        }
        assert_eq!(backoff.next(Some(Duration::from_secs(7))), Duration::from_secs(7));
        assert_eq!(backoff.next(Some(Duration::from_hours(9))), LONGEST_ASKED);
        backoff.reset();
        assert!(backoff.next(None) <= FIRST);
    }
}
