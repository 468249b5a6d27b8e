//! The thread that writes the queue's file: it gathers what comes within a moment and commits it at once, so that
//! a burst of events costs one wait for the disk.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use tokio::sync::{oneshot, watch};

use super::super::counts::Counts;
use super::super::plan::Event;
use super::super::record;
use super::super::seldom::Seldom;
use super::store::Store;
use super::{Shared, lock};

/// What the thread is told.
pub(super) enum Message {
    /// Keep this.
    Event(Box<Event>),
    /// A sink has come further.
    Taken,
    /// Commit at once, and say when it is done.
    Flush(oneshot::Sender<()>),
    /// Commit, close the file, and end.
    Close(oneshot::Sender<()>),
}

/// More events than this are not gathered before a commit.
const MOST: usize = 1024;

/// So many wait here while the disk takes nothing.
const WAITING: usize = 4 * MOST;

/// How long it waits before it notes how far sinks have come, if no event comes before.
const NOTES: Duration = Duration::from_millis(100);

/// How long it waits before it tries again what failed.
const AGAIN: Duration = Duration::from_secs(1);

/// The thread's own things.
pub(super) struct Writer {
    pub store: Arc<Store>,
    pub shared: Arc<Shared>,
    pub committed: watch::Sender<u64>,
    pub received: Receiver<Message>,
    /// What is to be committed next.
    pub gathered: Vec<Vec<u8>>,
    /// Whether the last commit failed: then it is not tried again before its time.
    pub failing: bool,
    pub faults: Seldom,
}

impl Writer {
    /// Runs until told to close, or until nobody can tell it anything.
    pub fn run(mut self) {
        let mut due: Option<Instant> = None;
        loop {
            let message = match due {
                None => self.received.recv().map_err(|_| RecvTimeoutError::Disconnected),
                Some(due) => self.received.recv_timeout(due.saturating_duration_since(Instant::now())),
            };
            let within = |wait: Duration| {
                Some(due.map_or(Instant::now() + wait, |due| due.min(Instant::now() + wait)))
            };
            match message {
                Ok(Message::Event(event)) => {
                    self.gather(&event);
                    if !self.failing {
                        due = within(self.shared.interval());
                        if self.gathered.len() >= MOST {
                            due = self.commit();
                        }
                    }
                }
                Ok(Message::Taken) => {
                    self.shared.noted.store(false, Ordering::Release);
                    if !self.failing {
                        due = within(NOTES);
                    }
                }
                Ok(Message::Flush(done)) => {
                    due = self.commit();
                    done.send(()).ok();
                }
                Ok(Message::Close(done)) => {
                    self.close();
                    // Before it is told, so that what comes later is counted as lost.
                    drop(self.received);
                    done.send(()).ok();
                    return;
                }
                Err(RecvTimeoutError::Timeout) => due = self.commit(),
                Err(RecvTimeoutError::Disconnected) => return self.close(),
            }
        }
    }

    /// While the disk takes nothing, so many wait here; what comes then is lost.
    fn gather(&mut self, event: &Event) {
        if self.gathered.len() >= WAITING {
            Counts::add(&self.shared.counts.memory, 1);
            return;
        }
        match record::encode(event) {
            Ok(record) => self.gathered.push(record),
            Err(why) => {
                Counts::add(&self.shared.counts.unwritable, 1);
                tracing::error!(rpc = event.rpc(), why, "an event cannot be written and is lost");
            }
        }
    }

    /// Commits what is left, and closes the file.
    fn close(&mut self) {
        self.commit();
        self.store.close();
        Counts::add(&self.shared.counts.unwritable, self.gathered.len() as u64);
    }

    /// Commits what was gathered; after a fault, when to try again.
    fn commit(&mut self) -> Option<Instant> {
        let taken = self.shared.taken();
        let limits = *lock(&self.shared.limits);
        let committed = self.store.commit(&self.gathered, &taken, limits);
        self.failing = committed.is_err();
        match committed {
            Ok(done) => {
                let kept =
                    u64::try_from(self.gathered.len()).unwrap_or(u64::MAX).saturating_sub(done.refused);
                self.gathered.clear();
                Counts::add(&self.shared.counts.queued, kept);
                Counts::add(&self.shared.counts.full, done.refused);
                self.shared.tell_lost(&done);
                self.committed.send_replace(done.next);
                None
            }
            Err(fault) => {
                if let Some(unsaid) = self.faults.say() {
                    tracing::error!(%fault, unsaid, "the queue of events cannot be written; it is tried again");
                }
                if let Err(fault) = self.store.reopen() {
                    tracing::debug!(%fault, "the queue of events cannot be opened");
                }
                Some(Instant::now() + AGAIN)
            }
        }
    }
}
