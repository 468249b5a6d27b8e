//! Which connection a call takes, and how it waits for one. Not for opening connections: that is `reconnect`.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::{Notify, watch};
use tokio::time::{Instant, timeout};

use super::connection::Connection;
use crate::status::Status;

/// The connections of one upstream, as calls see them.
///
/// A call takes the ready connection with the fewest open streams that has room for one more. When all are full
/// it waits for a stream to end, or, in a pool that grows, for one more connection. When there is none it waits
/// for the attempt under way; between two attempts it starts the next one at once if the last failure is older
/// than [`View::gap`], and fails at once otherwise, so that a dead backend costs its callers nothing but the
/// answer.
#[derive(Debug)]
pub(super) struct Pool {
    /// What is known now; changed by the task that keeps the connections.
    pub(super) view: watch::Sender<View>,
    /// Asks for an attempt before its time.
    pub(super) demand: Notify,
    /// Told when a stream ends, or when a peer allows more of them.
    pub(super) freed: Arc<Notify>,
    /// Where the search for the least busy connection begins, so that ties go round.
    start: AtomicUsize,
    /// How long a call waits for a connection.
    patience: Duration,
    /// Whether more connections are opened when all are full.
    grows: bool,
}

/// What is known of the connections.
#[derive(Debug, Default)]
pub(super) struct View {
    /// Connections that are up. A retired one may be among them for a moment.
    pub(super) ready: Vec<Arc<Connection>>,
    /// Whether an attempt to connect is under way.
    pub(super) connecting: bool,
    /// How many attempts have failed.
    pub(super) failures: u64,
    /// When the last attempt failed.
    pub(super) failed: Option<Instant>,
    /// How old a failure must be before a call may start another attempt.
    pub(super) gap: Duration,
    /// Why the last attempt failed, in words for the operator.
    pub(super) reason: Option<String>,
}

impl View {
    fn failed_lately(&self) -> bool {
        self.failed.is_some_and(|failed| failed.elapsed() < self.gap)
    }
}

/// The right to one stream of a connection; given back when dropped.
pub(super) struct Lease {
    /// The connection.
    pub(super) connection: Arc<Connection>,
    pool: Arc<Pool>,
}

enum Choice {
    Taken(Arc<Connection>),
    Full,
    Down,
}

impl Pool {
    /// A pool without connections.
    pub(super) fn new(patience: Duration, grows: bool) -> Self {
        Self {
            view: watch::Sender::new(View::default()),
            demand: Notify::new(),
            freed: Arc::default(),
            start: AtomicUsize::new(0),
            patience,
            grows,
        }
    }

    /// Whether a connection is up, or why not.
    pub(super) fn state(&self) -> Result<(), String> {
        let view = self.view.borrow();
        if view.ready.iter().any(|connection| !connection.gauge.is_retired()) {
            return Ok(());
        }
        Err(view.reason.clone().unwrap_or_else(|| "not connected yet".to_owned()))
    }

    /// Takes a stream of the least busy connection, waiting as described at [`Pool`].
    pub(super) async fn lease(self: &Arc<Self>) -> Result<Lease, Status> {
        match self.choose() {
            Choice::Taken(connection) => Ok(self.granted(connection)),
            Choice::Full | Choice::Down => self.wait().await,
        }
    }

    fn granted(self: &Arc<Self>, connection: Arc<Connection>) -> Lease {
        Lease { connection, pool: Arc::clone(self) }
    }

    fn choose(&self) -> Choice {
        let view = self.view.borrow();
        let start = self.start.fetch_add(1, Ordering::Relaxed);
        let (later, sooner) = view.ready.split_at(start.checked_rem(view.ready.len()).unwrap_or(0));
        loop {
            let up = sooner.iter().chain(later).filter(|connection| !connection.gauge.is_retired());
            let mut best: Option<(&Arc<Connection>, usize)> = None;
            let mut down = true;
            for connection in up {
                down = false;
                let active = connection.gauge.active.load(Ordering::Relaxed);
                // One that is full may still be the least busy of all: it is not a choice.
                if active < connection.gauge.room() && best.is_none_or(|(_, least)| active < least) {
                    best = Some((connection, active));
                }
            }
            let Some((connection, _)) = best else {
                return if down { Choice::Down } else { Choice::Full };
            };
            if connection.gauge.enter() {
                return Choice::Taken(Arc::clone(connection));
            }
            // Another call took the last stream meanwhile.
        }
    }

    /// The slow way: waits until a stream or a connection is to be had.
    async fn wait(self: &Arc<Self>) -> Result<Lease, Status> {
        let mut changes = self.view.subscribe();
        let failures = changes.borrow_and_update().failures;
        let give_up = Instant::now() + self.patience;
        loop {
            let freed = self.freed.notified();
            tokio::pin!(freed);
            freed.as_mut().enable();
            let down = match self.choose() {
                Choice::Taken(connection) => return Ok(self.granted(connection)),
                Choice::Full => false,
                Choice::Down => true,
            };
            if down {
                self.insist(failures)?;
                let left = give_up.saturating_duration_since(Instant::now());
                match timeout(left, changes.changed()).await {
                    Ok(Ok(())) => {}
                    Ok(Err(_)) | Err(_) => return Err(unreachable()),
                }
            } else {
                self.grow();
                let woken = async {
                    tokio::select! {
                        () = freed => {}
                        // The sender lives in this pool, so this is a change.
                        _ = changes.changed() => {}
                    }
                };
                if self.grows {
                    // Streams may last for ever, and have no deadline as a rule.
                    let left = give_up.saturating_duration_since(Instant::now());
                    timeout(left, woken).await.map_err(|_| full())?;
                } else {
                    woken.await;
                }
            }
        }
    }

    /// With no connection up: waits on (`Ok`), starting an attempt if that is fair, or fails.
    fn insist(&self, failures: u64) -> Result<(), Status> {
        let view = self.view.borrow();
        if view.failures != failures {
            return Err(unreachable());
        }
        if view.connecting {
            return Ok(());
        }
        if view.failed_lately() {
            return Err(unreachable());
        }
        self.demand.notify_one();
        Ok(())
    }

    /// With all connections full: asks for one more, where that helps.
    fn grow(&self) {
        let view = self.view.borrow();
        if self.grows && !view.connecting && !view.failed_lately() {
            self.demand.notify_one();
        }
    }
}

fn full() -> Status {
    Status::unavailable("the backend takes no more streams")
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.connection.gauge.active.fetch_sub(1, Ordering::Relaxed);
        self.pool.freed.notify_one();
    }
}

impl fmt::Debug for Lease {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lease").finish_non_exhaustive()
    }
}

fn unreachable() -> Status {
    Status::unavailable("the backend cannot be reached")
}
