//! Telling the log seldom of what happens often.

use std::time::{Duration, Instant};

/// How long it keeps quiet after telling.
const QUIET: Duration = Duration::from_secs(10);

/// What was not told since it was last told.
#[derive(Debug, Default)]
pub(super) struct Seldom {
    told: Option<Instant>,
    unsaid: u64,
}

impl Seldom {
    /// Whether to tell now, and of how many times it was not.
    pub fn say(&mut self) -> Option<u64> {
        self.say_at(Instant::now())
    }

    fn say_at(&mut self, now: Instant) -> Option<u64> {
        if self.told.is_some_and(|told| now.saturating_duration_since(told) < QUIET) {
            self.unsaid += 1;
            return None;
        }
        self.told = Some(now);
        Some(std::mem::take(&mut self.unsaid))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_tells_once_in_a_while_and_how_often_it_did_not() {
        let (mut seldom, start) = (Seldom::default(), Instant::now());
        let said: Vec<_> = [0, 1, 9, 10, 11, 30]
            .map(|seconds| seldom.say_at(start + Duration::from_secs(seconds)))
            .into_iter()
            .collect();
        assert_eq!(said, [Some(0), None, None, Some(2), None, Some(1)]);
    }
}
