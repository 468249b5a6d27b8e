//! Forgetting buckets that are full again, beside the calls: a task that lives as long as its generation.

use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::task::{JoinHandle, spawn_blocking};
use tokio::time::{MissedTickBehavior, interval};

use super::local::Limit;

/// How often buckets that are full again are forgotten.
pub(super) const EVERY: Duration = Duration::from_secs(5);

/// The task; it ends when this is dropped.
#[derive(Debug)]
pub(super) struct Sweeper(JoinHandle<()>);

impl Sweeper {
    /// Starts sweeping. Must be called within a tokio runtime.
    pub(super) fn start(limits: &[Arc<Limit>]) -> Self {
        Self(tokio::spawn(run(limits.iter().map(Arc::downgrade).collect())))
    }
}

impl Drop for Sweeper {
    fn drop(&mut self) {
        self.0.abort();
    }
}

async fn run(limits: Vec<Weak<Limit>>) {
    let mut ticks = interval(EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        for limit in limits.iter().filter_map(Weak::upgrade) {
            // A pass over a hundred thousand keys takes milliseconds, which no call should wait for.
            if spawn_blocking(move || limit.sweep()).await.is_err() {
                return; // the runtime is ending
            }
        }
    }
}
