//! Events: after a call that changed something, a message that says what, brought to those who want to know.
//!
//! The message is one of the contract's own. [`EventPlan`] makes it of the call's messages and metadata; [`Events`]
//! keeps it in a [`queue`] on the disk until every [`sink`] has it: at least once, in the order in which events were
//! committed. Making an event is all that a call waits for.
//!
//! Not for deciding which calls make events: that is [`duty`](crate::duty).

#![cfg_attr(
    not(test),
    deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)
)]

mod backoff;
mod counts;
mod delivery;
mod envelope;
mod expression;
mod naming;
mod plan;
mod queue;
mod record;
mod running;
mod seldom;
mod shape;
mod sink;
#[cfg(test)]
mod tests;

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, timeout_at};

use self::backoff::Backoff;
use self::counts::Counts;
pub use self::counts::{Figures, SinkFigures};
use self::delivery::Delivery;
pub use self::envelope::Envelope;
pub use self::expression::Facts;
pub use self::naming::Naming;
pub use self::plan::{Caller, Event, EventMessage, EventPlan};
use self::queue::{Cursor, Queue};
pub use self::queue::{Limits, QueueSettings, WhenFull};
use self::running::Running;
use self::seldom::Seldom;
use self::sink::Sink;
pub use self::sink::{FileSettings, NatsAccess, NatsSettings, SinkSettings, Target, WebhookSettings};
use crate::problem::{Place, Problem, Problems};

/// Which message events are, where they wait, and where they go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// The full name of the message.
    pub message: String,
    /// What sinks that take CloudEvents get around it.
    pub envelope: Envelope,
    /// Where events wait.
    pub queue: QueueSettings,
    /// Where they go, each under a name of its own.
    pub sinks: Vec<SinkSettings>,
    /// Whether nothing will be served, so that the queue is not opened.
    pub rehearsal: bool,
}

/// The queue and its sinks, for as long as their settings stay the same.
#[derive(Debug)]
pub struct Events {
    settings: Settings,
    /// None in a rehearsal.
    queue: Option<Arc<Queue>>,
    /// The sinks, until they are begun with.
    prepared: Mutex<Vec<Sink>>,
    running: Arc<Mutex<Option<Running>>>,
    incomplete: Mutex<Seldom>,
    /// A hash of the files that the sinks were made of.
    files: u64,
}

impl Events {
    /// Prepares what the settings say, telling every problem; the same as before where the settings are the same, and
    /// what stands in the files that they name.
    /// The queue is opened, but for one that was open before; nothing is delivered until [`begin`](Self::begin).
    pub fn prepare(
        settings: &Settings,
        previous: Option<&Arc<Self>>,
        problems: &mut Problems,
    ) -> Option<Arc<Self>> {
        let files = fingerprint(&settings.sinks);
        let same = |previous: &&Arc<Self>| previous.files == files && previous.settings == *settings;
        if let Some(previous) = previous.filter(same) {
            return Some(Arc::clone(previous));
        }
        let mut prepared = Vec::with_capacity(settings.sinks.len());
        for sink in &settings.sinks {
            match Sink::prepare(sink, &settings.envelope) {
                Ok(sink) => prepared.push(sink),
                Err(why) => {
                    let what = format!("the sink `{}` cannot be used: {why}", sink.name);
                    problems.error(Place::item("events.sinks"), what);
                }
            }
        }
        if prepared.len() < settings.sinks.len() {
            return None;
        }
        let held = previous.filter(|previous| previous.holds(settings));
        let queue = match held {
            _ if settings.rehearsal => None,
            Some(previous) => previous.queue.clone(),
            None => Some(Arc::new(open(&settings.queue, problems)?)),
        };
        let running = held.map_or_else(Arc::default, |previous| Arc::clone(&previous.running));
        Some(Arc::new(Self {
            settings: settings.clone(),
            queue,
            prepared: Mutex::new(prepared),
            running,
            incomplete: Mutex::default(),
            files,
        }))
    }

    fn holds(&self, settings: &Settings) -> bool {
        self.queue.as_ref().is_some_and(|queue| queue.fits(&settings.queue))
    }

    /// Makes its sinks those of the queue, and begins to deliver, each after the one has stopped that did so before
    /// under its name. Does nothing the second time. Blocks on the disk for a moment; must be called within a tokio
    /// runtime.
    pub fn begin(&self) {
        let prepared = std::mem::take(&mut *lock(&self.prepared));
        let (Some(queue), false) = (&self.queue, prepared.is_empty()) else { return };
        let names: Vec<_> = self.settings.sinks.iter().map(|sink| sink.name.as_str()).collect();
        let cursors = match queue.begin(&self.settings.queue, &names) {
            Ok(cursors) => cursors,
            Err(fault) => {
                tracing::error!(%fault, "the queue of events cannot be used: nothing is delivered");
                return;
            }
        };
        let (stop, stopping) = watch::channel(false);
        let mut running = lock(&self.running);
        let deliveries = self.deliveries(queue, prepared, cursors, &stopping);
        *running = Some(Running::begin(running.take(), deliveries, stop));
    }

    /// The task of each sink.
    fn deliveries(
        &self,
        queue: &Arc<Queue>,
        prepared: Vec<Sink>,
        cursors: Vec<Arc<Cursor>>,
        stop: &watch::Receiver<bool>,
    ) -> Vec<Delivery> {
        let all = prepared.into_iter().zip(cursors).zip(&self.settings.sinks);
        let deliveries = all.map(|((sink, cursor), settings)| Delivery {
            queue: Arc::clone(queue),
            cursor,
            sink,
            backoff: Backoff::new(settings.max_backoff),
            attempts: settings.attempts,
            stop: stop.clone(),
            faults: Seldom::default(),
        });
        deliveries.collect()
    }

    /// Hands over the event of a call. Never waits.
    pub fn push(&self, event: Event) {
        let Some(queue) = &self.queue else { return };
        if !event.complete {
            Counts::add(&queue.counts().incomplete, 1);
            if let Ok(mut told) = self.incomplete.try_lock()
                && let Some(unsaid) = told.say()
            {
                tracing::warn!(rpc = event.rpc(), unsaid, "an event lacks a value of its resource's path");
            }
        }
        queue.push(event);
    }

    /// What was counted since the queue was opened.
    #[must_use]
    pub fn figures(&self) -> Figures {
        let Some(queue) = &self.queue else { return Figures::default() };
        let next = *queue.committed().borrow();
        let cursors = queue.cursors();
        let sinks = cursors.iter().map(|cursor| cursor.counts.figures(next.saturating_sub(cursor.place())));
        queue.counts().figures(sinks.collect())
    }

    /// Delivers what waits, until `deadline` at most and only to sinks that take it; what is left stays on the disk for the next start. Then nothing
    /// is taken any more.
    pub async fn finish(&self, deadline: Instant) {
        let Some(queue) = &self.queue else { return };
        // Whatever the deadline, what is in memory has to get to the disk.
        let last = deadline.max(Instant::now() + COMMIT);
        if timeout_at(last, queue.flush()).await.is_err() {
            tracing::error!("events could not be put on the disk in time");
        }
        let next = *queue.committed().borrow();
        // A sink that does not take anything would be waited for in vain.
        let waited_for =
            || queue.cursors().iter().any(|cursor| cursor.place() < next && !cursor.is_failing());
        while waited_for() && Instant::now() < deadline {
            tokio::time::sleep(LOOK).await;
        }
        let running = lock(&self.running).take();
        if let Some(running) = running {
            timeout_at(last, running.stop()).await.ok();
        }
        let left: Vec<_> = self.figures().sinks.into_iter().filter(|sink| sink.waiting > 0).collect();
        for sink in left {
            tracing::warn!(
                sink = sink.sink,
                waiting = sink.waiting,
                "events stay in the queue for the next start"
            );
        }
        timeout_at(last, queue.close()).await.ok();
    }
}

/// How long the last commits may take, even if the drain is over.
const COMMIT: Duration = Duration::from_secs(5);

/// How often it is looked whether all was delivered.
const LOOK: Duration = Duration::from_millis(10);

/// What stands in the files that the sinks name, as one number.
fn fingerprint(sinks: &[SinkSettings]) -> u64 {
    let mut hasher = DefaultHasher::new();
    for sink in sinks {
        sink.target.fingerprint().hash(&mut hasher);
    }
    hasher.finish()
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn open(settings: &QueueSettings, problems: &mut Problems) -> Option<Queue> {
    let opened = Queue::open(settings);
    opened
        .map_err(|why| {
            let what = format!("the queue of events `{}` cannot be opened: {why}", settings.path.display());
            let help = "name a file that can be written, in a folder that is there, in `events.queue.path`";
            problems.push(Problem::error(Place::item("events.queue.path"), what).help(help));
        })
        .ok()
}
