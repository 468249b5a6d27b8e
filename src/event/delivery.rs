//! Bringing events to one sink: from its cursor on, in order, as often as it takes.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use super::backoff::Backoff;
use super::counts::Counts;
use super::queue::{Cursor, Fault as Broken, Numbered, Queue, Store};
use super::record::{self, Record};
use super::seldom::Seldom;
use super::sink::{Delivered, Fault, Sink};

/// So many events, and bytes of them, are offered at once.
const BATCH: (usize, usize) = (64, 1 << 20);

/// How long it waits before it reads the queue again after that failed.
const REREAD: Duration = Duration::from_secs(1);

/// The task of one sink.
pub(super) struct Delivery {
    pub queue: Arc<Queue>,
    pub cursor: Arc<Cursor>,
    pub sink: Sink,
    pub backoff: Backoff,
    /// How often an event is offered that the sink refuses.
    pub attempts: u32,
    pub stop: watch::Receiver<bool>,
    pub faults: Seldom,
}

/// It is to stop.
struct Stopped;

impl Delivery {
    /// Delivers until told to stop.
    pub async fn run(mut self) {
        let mut committed = self.queue.committed();
        while !*self.stop.borrow() {
            let next = *committed.borrow_and_update();
            if self.cursor.place() >= next {
                tokio::select! {
                    () = stopped(&mut self.stop) => return,
                    changed = committed.changed() => if changed.is_err() { return },
                }
            } else if self.advance(next).await.is_err() {
                return;
            }
        }
    }

    /// Delivers the next batch.
    async fn advance(&mut self, next: u64) -> Result<(), Stopped> {
        let read = read(Arc::clone(self.queue.store()), self.cursor.place()).await;
        match read {
            Ok(batch) if batch.is_empty() => {
                // All that stood before was thrown out.
                self.queue.taken(&self.cursor, next);
                Ok(())
            }
            Ok(batch) => self.deliver(batch).await,
            Err(fault) => {
                if let Some(unsaid) = self.faults.say() {
                    tracing::error!(%fault, unsaid, "the queue of events cannot be read");
                }
                self.pause(REREAD).await
            }
        }
    }

    async fn deliver(&mut self, batch: Vec<Numbered>) -> Result<(), Stopped> {
        let last = batch.last().map(|(number, _)| *number);
        let (numbers, events) = self.readable(batch);
        let (mut at, mut refusals) = (0, 0);
        while let Some(rest) = events.get(at..).filter(|rest| !rest.is_empty()) {
            let Delivered { taken, fault } = self.offer(rest).await?;
            if taken > 0 {
                Counts::add(&self.cursor.counts.delivered, taken as u64);
                self.backoff.reset();
                refusals = 0;
                at += taken;
                self.note(&numbers, at);
            }
            self.cursor.set_failing(fault.is_some());
            let Some(fault) = fault else { continue };
            Counts::add(&self.cursor.counts.failed, 1);
            refusals += u32::from(fault.refused);
            if fault.refused && refusals >= self.attempts {
                self.give_up(events.get(at), &fault);
                refusals = 0;
                at += 1;
                self.note(&numbers, at);
                continue;
            }
            self.tell(&fault);
            let pause = self.backoff.next(fault.wait);
            self.pause(pause).await?;
            // While it was down, what waits longest may have been thrown out of the queue.
            if self.is_gone(numbers.get(at)).await {
                return Ok(());
            }
        }
        if let Some(last) = last {
            self.queue.taken(&self.cursor, last + 1);
        }
        Ok(())
    }

    /// The events that can be read, with their numbers; what cannot is passed over.
    fn readable(&self, batch: Vec<Numbered>) -> (Vec<u64>, Vec<Record>) {
        let count = batch.len();
        let read = batch.into_iter().filter_map(|(number, bytes)| Some((number, record::decode(&bytes)?)));
        let (numbers, events): (Vec<_>, Vec<_>) = read.unzip();
        let unreadable = count - events.len();
        if unreadable > 0 {
            Counts::add(&self.cursor.counts.refused, unreadable as u64);
            tracing::error!(unreadable, "what the queue holds is no event; it is passed over");
        }
        (numbers, events)
    }

    async fn offer(&mut self, events: &[Record]) -> Result<Delivered, Stopped> {
        if !self.sink.may_break_off() {
            return Ok(self.sink.deliver(events).await);
        }
        tokio::select! {
            biased;
            delivered = self.sink.deliver(events) => Ok(delivered),
            () = stopped(&mut self.stop) => Err(Stopped),
        }
    }

    /// Notes that the first so many of a batch are done with.
    fn note(&self, numbers: &[u64], done: usize) {
        if let Some(last) = done.checked_sub(1).and_then(|last| numbers.get(last)) {
            self.queue.taken(&self.cursor, last + 1);
        }
    }

    fn give_up(&mut self, event: Option<&Record>, fault: &Fault) {
        Counts::add(&self.cursor.counts.refused, 1);
        let id = event.map_or("", |event| event.id.as_str());
        tracing::error!(
            sink = self.cursor.counts.sink,
            event = id,
            why = fault.why,
            attempts = self.attempts,
            "an event is given up: the sink refuses it"
        );
    }

    fn tell(&mut self, fault: &Fault) {
        if let Some(unsaid) = self.faults.say() {
            let waiting = self.queue.committed().borrow().saturating_sub(self.cursor.place());
            let sink = &self.cursor.counts.sink;
            tracing::warn!(
                sink,
                why = fault.why,
                waiting,
                unsaid,
                "events are not taken; they are offered again"
            );
        }
    }

    /// Whether the queue no longer holds the event of this number.
    async fn is_gone(&self, number: Option<&u64>) -> bool {
        let Some(number) = number.copied() else { return false };
        match read_some(Arc::clone(self.queue.store()), number, 1, 0).await {
            Ok(found) => found.first().is_none_or(|(found, _)| *found != number),
            Err(_) => false,
        }
    }

    async fn pause(&mut self, pause: Duration) -> Result<(), Stopped> {
        tokio::select! {
            () = stopped(&mut self.stop) => Err(Stopped),
            () = tokio::time::sleep(pause) => Ok(()),
        }
    }
}

async fn stopped(stop: &mut watch::Receiver<bool>) {
    // Whoever could have told it so is gone.
    stop.wait_for(|stop| *stop).await.ok();
}

async fn read(store: Arc<Store>, from: u64) -> Result<Vec<Numbered>, Broken> {
    read_some(store, from, BATCH.0, BATCH.1).await
}

async fn read_some(store: Arc<Store>, from: u64, most: usize, bytes: usize) -> Result<Vec<Numbered>, Broken> {
    apart(move || store.read(from, most, bytes)).await
}

/// Runs what blocks on the disk where that is no harm. If it breaks off, that is a fault like any other: nothing was
/// read, which does not mean that nothing is there.
async fn apart<T: Send + 'static>(
    act: impl FnOnce() -> Result<T, Broken> + Send + 'static,
) -> Result<T, Broken> {
    let broken_off = |_| Err(Box::new(redb::Error::Io(io::Error::other("reading broke off"))));
    tokio::task::spawn_blocking(act).await.unwrap_or_else(broken_off)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn reading_that_breaks_off_is_a_fault_and_not_an_empty_queue() {
        let read = apart(|| -> Result<Vec<Numbered>, Broken> { panic!("a page is broken") }).await;
        assert!(read.is_err_and(|fault| fault.to_string().contains("reading broke off")));
        assert_eq!(apart(|| Ok(7)).await.ok(), Some(7));
    }
}
