//! The queue: bounded in memory, bounded on the disk, read by each sink at its own pace.
//!
//! A call hands an event over without waiting ([`Queue::push`]); a thread of the queue's own commits what has
//! come, a moment's worth at a time; a sink reads on from its cursor. What was committed survives a kill. What was
//! not (at most the events of the moment that is being gathered, and of the commit under way) does not.

mod store;
#[cfg(test)]
mod tests;
mod writer;

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{oneshot, watch};

use self::store::Committed;
pub(super) use self::store::{Fault, Numbered, Store};
use self::writer::{Message, Writer};
use super::counts::{Counts, SinkCounts};
use super::plan::Event;
use super::seldom::Seldom;

/// Where events wait, and how many of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueueSettings {
    /// The file.
    pub path: PathBuf,
    /// What it may hold.
    pub limits: Limits,
    /// How many events may wait in memory for the disk.
    pub memory: usize,
    /// How long events are gathered before they are committed.
    pub interval: Duration,
}

/// What a queue's file may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Events.
    pub events: u64,
    /// Bytes of events; the file is larger by what its pages need.
    pub bytes: u64,
    /// What gives way when it is full.
    pub when_full: WhenFull,
}

/// What gives way when the queue is full.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WhenFull {
    /// The oldest events: a sink that is down loses them, the others have had them.
    DropOldest,
    /// The newest: no sink gets them, because of the one that is down.
    DropNewest,
}

/// A queue whose file is open.
#[derive(Debug)]
pub(super) struct Queue {
    path: PathBuf,
    sender: SyncSender<Message>,
    store: Arc<Store>,
    shared: Arc<Shared>,
    committed: watch::Receiver<u64>,
    dropped: Mutex<Seldom>,
}

/// What the thread and everyone else look at.
#[derive(Debug)]
pub(super) struct Shared {
    limits: Mutex<Limits>,
    interval: AtomicU64,
    cursors: Mutex<Vec<Arc<Cursor>>>,
    /// Whether the thread was told that a sink has come further, and has not heard it yet.
    noted: AtomicBool,
    pub counts: Counts,
    lost: Mutex<Seldom>,
}

/// How far one sink has come.
#[derive(Debug)]
pub(super) struct Cursor {
    /// The number of the first event that it has not taken.
    place: AtomicU64,
    /// Whether the last attempt failed.
    failing: AtomicBool,
    pub counts: SinkCounts,
}

impl Queue {
    /// Opens the file and starts the thread.
    ///
    /// # Errors
    /// Why it cannot be opened, for the operator.
    pub fn open(settings: &QueueSettings) -> Result<Self, String> {
        let store = Arc::new(Store::open(&settings.path)?);
        let next = store.next().map_err(|fault| fault.to_string())?;
        let (sender, received) = sync_channel(settings.memory);
        let (committed, watched) = watch::channel(next);
        let shared = Arc::new(Shared {
            limits: Mutex::new(settings.limits),
            interval: AtomicU64::new(micros(settings.interval)),
            cursors: Mutex::default(),
            noted: AtomicBool::new(false),
            counts: Counts::default(),
            lost: Mutex::default(),
        });
        let writer = Writer {
            store: Arc::clone(&store),
            shared: Arc::clone(&shared),
            committed,
            received,
            gathered: Vec::new(),
            failing: false,
            faults: Seldom::default(),
        };
        std::thread::Builder::new()
            .name("events".to_owned())
            .spawn(move || writer.run())
            .map_err(|fault| fault.to_string())?;
        Ok(Self {
            path: settings.path.clone(),
            sender,
            store,
            shared,
            committed: watched,
            dropped: Mutex::default(),
        })
    }

    /// Whether it can go on under these settings: what it holds in memory stays as it was, the rest can be changed.
    pub fn fits(&self, settings: &QueueSettings) -> bool {
        self.path == settings.path
    }

    /// Hands an event over. Never waits: when as many wait as may, the event is lost, counted, and told.
    pub fn push(&self, event: Event) {
        Counts::add(&self.shared.counts.made, 1);
        let lost = match self.sender.try_send(Message::Event(Box::new(event))) {
            Ok(()) => return,
            Err(TrySendError::Full(_)) => &self.shared.counts.memory,
            Err(TrySendError::Disconnected(_)) => &self.shared.counts.closed,
        };
        Counts::add(lost, 1);
        if let Ok(mut dropped) = self.dropped.try_lock()
            && let Some(unsaid) = dropped.say()
        {
            tracing::error!(unsaid, "an event is lost: too many wait for the disk");
        }
    }

    /// Makes these the sinks, and sets limits and interval anew. Blocks on the disk.
    pub fn begin(&self, settings: &QueueSettings, sinks: &[&str]) -> Result<Vec<Arc<Cursor>>, Fault> {
        *lock(&self.shared.limits) = settings.limits;
        self.shared.interval.store(micros(settings.interval), Ordering::Relaxed);
        let places = self.store.sinks(sinks)?;
        let mut held = lock(&self.shared.cursors);
        let cursors: Vec<_> = sinks
            .iter()
            .zip(places)
            .map(|(sink, place)| {
                let known = held.iter().find(|cursor| cursor.counts.sink == *sink);
                known.map_or_else(|| Arc::new(Cursor::new(sink, place)), Arc::clone)
            })
            .collect();
        held.clone_from(&cursors);
        Ok(cursors)
    }

    /// Notes that a sink has taken all events before `place`.
    pub fn taken(&self, cursor: &Cursor, place: u64) {
        cursor.place.fetch_max(place, Ordering::AcqRel);
        // Said once until it is heard, so that it takes no room from events.
        if !self.shared.noted.swap(true, Ordering::AcqRel) && self.sender.try_send(Message::Taken).is_err() {
            self.shared.noted.store(false, Ordering::Release);
        }
    }

    /// The number of the next event, as it changes.
    pub fn committed(&self) -> watch::Receiver<u64> {
        self.committed.clone()
    }

    /// The file.
    pub fn store(&self) -> &Arc<Store> {
        &self.store
    }

    /// Waits until what was handed over before is on the disk.
    pub async fn flush(&self) {
        self.tell(Message::Flush).await;
    }

    /// Commits what is left and closes the file: what comes later is lost.
    pub async fn close(&self) {
        self.tell(Message::Close).await;
    }

    async fn tell(&self, message: impl FnOnce(oneshot::Sender<()>) -> Message) {
        let (done, told) = oneshot::channel();
        let sender = self.sender.clone();
        let message = message(done);
        // Where many wait, so does this.
        let sent = tokio::task::spawn_blocking(move || sender.send(message).is_ok());
        if sent.await.unwrap_or(false) {
            told.await.ok();
        }
    }

    /// What was counted.
    pub fn counts(&self) -> &Counts {
        &self.shared.counts
    }

    /// The cursors of the sinks.
    pub fn cursors(&self) -> Vec<Arc<Cursor>> {
        lock(&self.shared.cursors).clone()
    }
}

impl Shared {
    fn interval(&self) -> Duration {
        Duration::from_micros(self.interval.load(Ordering::Relaxed))
    }

    /// How far each sink has come.
    fn taken(&self) -> Vec<(String, u64)> {
        lock(&self.cursors).iter().map(|cursor| (cursor.counts.sink.clone(), cursor.place())).collect()
    }

    /// Counts and tells what was thrown out.
    fn tell_lost(&self, done: &Committed) {
        let cursors = lock(&self.cursors);
        for (sink, count) in &done.lost {
            if let Some(cursor) = cursors.iter().find(|cursor| cursor.counts.sink == *sink) {
                Counts::add(&cursor.counts.lost, *count);
            }
        }
        if (done.refused > 0 || !done.lost.is_empty())
            && let Some(unsaid) = lock(&self.lost).say()
        {
            let sinks: Vec<_> = done.lost.iter().map(|(sink, _)| sink.as_str()).collect();
            tracing::error!(
                refused = done.refused,
                ?sinks,
                unsaid,
                "the queue of events is full: events are lost"
            );
        }
    }
}

impl Cursor {
    fn new(sink: &str, place: u64) -> Self {
        let failing = AtomicBool::new(false);
        Self { place: AtomicU64::new(place), failing, counts: SinkCounts::new(sink) }
    }

    /// Whether the sink did not take what it was offered last.
    pub fn is_failing(&self) -> bool {
        self.failing.load(Ordering::Relaxed)
    }

    /// Notes whether it took what it was offered.
    pub fn set_failing(&self, failing: bool) {
        self.failing.store(failing, Ordering::Relaxed);
    }

    /// The number of the first event that the sink has not taken.
    pub fn place(&self) -> u64 {
        self.place.load(Ordering::Acquire)
    }
}

/// Locks what no one leaves half done.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn micros(period: Duration) -> u64 {
    u64::try_from(period.as_micros()).unwrap_or(u64::MAX)
}
