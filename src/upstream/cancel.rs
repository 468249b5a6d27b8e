//! How fast a connection may reset streams. A backend takes many resets at once for an attack
//! (CVE-2023-44487) and closes the connection, with everyone else's calls on it; so a storm of clients that go
//! away must not become a storm of resets. Not for the resetting itself: that is `exchange`.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// Paces the resets of one connection: [`BURST`] at once, then one every [`INTERVAL`].
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
        *paid = turn + INTERVAL;
        let credit = INTERVAL * (BURST - 1);
        turn.checked_sub(credit).filter(|turn| *turn > now)
    }
}

/// How many streams may be reset at once.
const BURST: u32 = 10;

/// The time between two resets after that.
const INTERVAL: Duration = Duration::from_millis(50);

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
}
