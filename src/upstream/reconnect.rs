//! The task that keeps an upstream's connections up: connects, replaces what was lost, and backs off while the
//! backend cannot be reached. Not for what happens on a connection (`connection`).

use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::sync::{Notify, watch};
use tokio::time::{Instant, sleep};

use super::connect::{ConnectError, Connector};
use super::connection::{self, Opened, Watch, Windows};
use super::pool::{Pool, View};

/// Keeps the connections of one upstream.
pub(super) struct Keeper {
    /// The upstream's name, for the log.
    pub(super) name: String,
    /// How connections are opened.
    pub(super) connector: Arc<Connector>,
    /// What they let the backend send ahead.
    pub(super) windows: Windows,
    /// How many are kept.
    pub(super) connections: usize,
    /// How many there are at most: as many more are opened when all are full of calls.
    pub(super) most: usize,
    /// Silence after which a connection is checked.
    pub(super) keepalive: Option<Duration>,
    /// Where calls find them.
    pub(super) pool: Arc<Pool>,
    /// Changes (or closes) when the upstream is dropped.
    pub(super) closing: watch::Receiver<()>,
}

impl Keeper {
    /// Works until the upstream is dropped. Calls in flight then keep their connections until they finish.
    pub(super) async fn run(mut self) {
        let mut closing = self.closing.clone();
        tokio::select! {
            _ = closing.changed() => {}
            () = self.keep() => {}
        }
        self.pool.view.send_modify(|view| view.ready.clear());
    }

    async fn keep(&mut self) {
        tokio::select! {
            () = self.pool.demand.notified() => {}
            () = sleep(HEAD_START) => {}
        }
        let retired = Arc::new(Notify::new());
        let mut backoff = Backoff::new();
        loop {
            if let Some(lost) = self.clear_retired() {
                backoff.learn(lost);
                if backoff.step > Duration::ZERO {
                    self.rest(backoff.pause()).await;
                }
            }
            if !self.wants_more() {
                tokio::select! {
                    () = retired.notified() => {}
                    () = self.pool.demand.notified() => {}
                }
                continue;
            }
            self.pool.view.send_modify(|view| view.connecting = true);
            match connection::open(&self.connector, self.windows).await {
                Ok(opened) => self.admit(opened, &retired),
                Err(error) => {
                    backoff.grow();
                    self.failed(&error, backoff.step.min(LONGEST_GAP));
                    self.rest(backoff.pause()).await;
                }
            }
        }
    }

    fn wants_more(&self) -> bool {
        let view = self.pool.view.borrow();
        let count = view.ready.len();
        let full = || view.ready.iter().all(|connection| connection.gauge.is_full());
        count < self.connections.max(1) || (count < self.most && full())
    }

    /// Takes lost connections out of sight; says how long the shortest-lived of them had been up.
    fn clear_retired(&mut self) -> Option<Duration> {
        if !self.pool.view.borrow().ready.iter().any(|connection| connection.gauge.is_retired()) {
            return None;
        }
        let mut shortest: Option<Duration> = None;
        let mut scolded = false;
        self.pool.view.send_modify(|view| {
            view.ready.retain(|connection| {
                let gauge = &connection.gauge;
                if gauge.is_retired() {
                    let lived = gauge.since.elapsed();
                    shortest = Some(shortest.map_or(lived, |least| least.min(lived)));
                    scolded |= gauge.scolded.load(Ordering::Relaxed);
                }
                !gauge.is_retired()
            });
            view.reason = Some("the connection was lost".to_owned());
        });
        if scolded {
            // What gRPC asks of a client that hears `too_many_pings`.
            self.keepalive = self.keepalive.map(|idle| (idle * 2).min(LONGEST_KEEPALIVE));
        }
        shortest
    }

    fn admit(&self, opened: Opened, retired: &Arc<Notify>) {
        let connection = connection::Connection {
            sender: opened.connection.sender.clone(),
            gauge: Arc::clone(&opened.connection.gauge),
        };
        let watch = Watch {
            keepalive: self.keepalive,
            patience: self.connector.patience,
            closing: self.closing.clone(),
            retired: Arc::clone(retired),
            freed: Arc::clone(&self.pool.freed),
        };
        tokio::spawn(connection::drive(opened, watch));
        if self.pool.view.borrow().failed.is_some() {
            tracing::info!(upstream = self.name, "the backend is reached again");
        }
        self.pool.view.send_modify(|view| {
            view.ready.push(Arc::new(connection));
            view.connecting = false;
            view.failed = None;
            view.reason = None;
        });
    }

    fn failed(&self, error: &ConnectError, gap: Duration) {
        let reason = error.to_string();
        // Told once, not at each attempt.
        if self.pool.view.borrow().reason.as_ref() != Some(&reason) {
            tracing::warn!(upstream = self.name, reason, "the backend cannot be reached");
        }
        self.pool.view.send_modify(|view: &mut View| {
            view.connecting = false;
            view.failures += 1;
            view.failed = Some(Instant::now());
            view.gap = gap;
            view.reason = Some(reason);
        });
    }

    /// Pauses, unless a call wants a connection.
    async fn rest(&self, pause: Duration) {
        tokio::select! {
            () = self.pool.demand.notified() => {}
            () = sleep(pause) => {}
        }
    }
}

/// Exponential backoff with full jitter: each pause is a random part of a step that doubles.
struct Backoff {
    step: Duration,
    random: RandomState,
    drawn: u64,
}

impl Backoff {
    fn new() -> Self {
        Self { step: Duration::ZERO, random: RandomState::new(), drawn: 0 }
    }

    fn grow(&mut self) {
        self.step = (self.step * 2).clamp(FIRST_STEP, LAST_STEP);
    }

    /// A connection that held proves the backend well; one that broke at once counts as a failure.
    fn learn(&mut self, lived: Duration) {
        if lived >= STABLE {
            self.step = Duration::ZERO;
        } else {
            self.grow();
        }
    }

    fn pause(&mut self) -> Duration {
        self.drawn += 1;
        let random = u32::try_from(self.random.hash_one(self.drawn) >> 32).unwrap_or(u32::MAX);
        self.step.mul_f64(f64::from(random) / f64::from(u32::MAX))
    }
}

/// How long a new upstream waits before it connects without being asked: long enough that one which is only
/// checked, or replaced at once, never connects.
const HEAD_START: Duration = Duration::from_millis(100);

/// The first step of the backoff.
const FIRST_STEP: Duration = Duration::from_millis(50);

/// The last step of the backoff.
const LAST_STEP: Duration = Duration::from_secs(5);

/// How long calls fail at once after a failed attempt, at most.
const LONGEST_GAP: Duration = Duration::from_secs(1);

/// A connection that lived so long was a good one.
const STABLE: Duration = Duration::from_secs(1);

/// Where the doubling of the keepalive ends.
const LONGEST_KEEPALIVE: Duration = Duration::from_hours(2);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_double_up_to_the_last_and_pauses_stay_within_them() {
        let mut backoff = Backoff::new();
        let mut steps = Vec::new();
        for _ in 0..9 {
            backoff.grow();
            steps.push(backoff.step.as_millis());
            assert!((0..50).all(|_| backoff.pause() <= backoff.step));
        }
        assert_eq!(steps, [50, 100, 200, 400, 800, 1600, 3200, 5000, 5000]);
        let pauses: std::collections::HashSet<_> = (0..50).map(|_| backoff.pause()).collect();
        assert!(pauses.len() > 40, "pauses are random");
        backoff.learn(STABLE);
        assert_eq!(backoff.step, Duration::ZERO);
        backoff.learn(Duration::ZERO);
        assert_eq!(backoff.step, FIRST_STEP);
    }
}
