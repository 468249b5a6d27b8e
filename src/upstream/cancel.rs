//! How fast a connection may reset streams. A backend takes many resets at once for an attack
//! (CVE-2023-44487) and closes the connection, with everyone else's calls on it; so a storm of clients that go
//! away must not become a storm of resets. Not for the resetting itself: that is `exchange`.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// Paces the resets of one connection: [`BURST`] at once, then one every [`INTERVAL`], but none later than
/// [`LONGEST`] after its call was given up.
///
/// A call that waits for its turn keeps its stream, and with it a part of what the backend allows: so in a storm
/// that lasts, streams are given back at the rate at which calls are given up, only later. By then the backend
/// has looked at them, and does not take their resets for an attack.
///
/// HTTP/2 servers allow about 20 resets of streams that they have not looked at yet (hyper, tonic), or some
/// 200 in 30 seconds. Only calls that are given up come here, so a lock is cheap enough.
#[derive(Debug)]
pub(super) struct Pace {
    /// When all resets allowed so far are paid for.
    paid: Mutex<Instant>,
}

impl Pace {
    /// A pace with its whole burst left.
    pub(super) fn new() -> Self {
        Self { paid: Mutex::new(Instant::now()) }
    }

    /// Takes the next turn: `None` when the stream may be reset now, else the time when it may be.
    pub(super) fn turn(&self, now: Instant) -> Option<Instant> {
        let mut paid = self.paid.lock().unwrap_or_else(PoisonError::into_inner);
        let turn = (*paid).max(now);
        let credit = INTERVAL * (BURST - 1);
        // What is not paid in time is let off.
        *paid = (turn + INTERVAL).min(now + credit + LONGEST);
        turn.checked_sub(credit).filter(|turn| *turn > now)
    }
}

/// How many streams may be reset at once.
const BURST: u32 = 10;

/// The time between two resets after that.
const INTERVAL: Duration = Duration::from_millis(50);

/// How long a call that was given up keeps its stream at most.
pub(super) const LONGEST: Duration = Duration::from_secs(5);

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_burst_passes_and_the_rest_waits_its_turn() {
        let pace = Pace::new();
        let now = Instant::now();
        let turns: Vec<_> = (0..13).map(|_| pace.turn(now).map(|turn| turn - now)).collect();
        let expected: Vec<_> =
            (0..13u32).map(|n| n.checked_sub(BURST - 1).filter(|n| *n > 0).map(|n| INTERVAL * n)).collect();
        assert_eq!(turns[..10], expected[..10]);
        assert_eq!(turns[10..], expected[10..]);
        assert_eq!(pace.turn(now + Duration::from_mins(1)), None, "credit comes back");
    }

    #[tokio::test]
    async fn no_turn_is_later_than_the_longest_wait() {
        let pace = Pace::new();
        let now = Instant::now();
        let waits: Vec<_> = (0..10_000).filter_map(|_| pace.turn(now)).map(|turn| turn - now).collect();
        assert!(waits.is_sorted() && waits.iter().all(|wait| *wait <= LONGEST));
        assert_eq!(waits.last(), Some(&LONGEST));
        let later = now + LONGEST;
        assert_eq!(pace.turn(later), None, "the storm is forgotten once its streams are given back");
    }
}
