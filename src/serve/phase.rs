//! What the client of one connection is doing: shared by the stream that waits for it
//! ([`patience`](super::patience)), the calls it makes ([`answering`](super::answering)) and the task that ends
//! the connection ([`connection`](super::connection)). Request path: a few relaxed atomics a call.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::{Notify, mpsc};
use tokio::time::sleep;

/// What the client of a connection is doing.
#[derive(Debug)]
pub(super) struct Phase {
    now: AtomicU8,
    /// How long a connection that is to end may wait for a request that is on its way.
    grace: Duration,
    /// Whether answers say that they are the last.
    closing: AtomicBool,
    /// Whether the body of the HTTP/1.1 request under way has not been read to its end.
    unread: AtomicBool,
    /// HTTP/2 calls that have begun, wrapping.
    begun: AtomicUsize,
    /// HTTP/2 calls that have ended, wrapping.
    ended: AtomicUsize,
    unsent: Unsent,
    /// How often the client, after it had taken nothing for a while, took some of what is written, wrapping.
    taken: AtomicUsize,
    /// Told once, when the connection turns out to speak HTTP/2.
    speaks_http2: Notify,
    /// Told when an HTTP/2 connection was idle for too long.
    overdue: Notify,
    /// Held until the last call is recorded, which on HTTP/2 outlives the task of the connection by a moment.
    _alive: Alive,
}

/// Nothing is ever sent: whoever waits for the last connection and its calls is told by the channel's end.
pub(super) type Alive = mpsc::Sender<Infallible>;

/// How far a connection has come, to see whether it has come any further since.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Progress {
    begun: usize,
    ended: usize,
    taken: usize,
}

/// Nothing came yet.
const SILENT: u8 = 0;
/// Sending a request's head, or shaking hands before it.
const HEAD: u8 = 1;
/// Waiting for an answer, or sending a body: the call has limits of its own.
const CALL: u8 = 2;
/// Nothing, after an answer.
const BETWEEN: u8 = 3;
/// Speaking HTTP/2, where calls overlap.
const MANY: u8 = 4;

/// What a connection waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wait {
    /// A request's head.
    Head,
    /// The next request, after so many.
    Next(usize),
    /// That an HTTP/2 client takes the answers that are there for it.
    Taking,
    /// Not the client.
    Nothing,
}

impl Phase {
    pub fn new(grace: Duration, alive: Alive) -> Arc<Self> {
        Arc::new(Self {
            now: AtomicU8::new(SILENT),
            grace,
            closing: AtomicBool::new(false),
            unread: AtomicBool::new(false),
            begun: AtomicUsize::new(0),
            ended: AtomicUsize::new(0),
            unsent: Unsent::default(),
            taken: AtomicUsize::new(0),
            speaks_http2: Notify::new(),
            overdue: Notify::new(),
            _alive: alive,
        })
    }

    pub fn wait(&self) -> Wait {
        match self.now.load(Ordering::Relaxed) {
            SILENT | HEAD => Wait::Head,
            BETWEEN => Wait::Next(0),
            MANY if self.unsent.any() => Wait::Taking,
            MANY => {
                let begun = self.begun.load(Ordering::Relaxed);
                if self.ended.load(Ordering::Relaxed) == begun { Wait::Next(begun) } else { Wait::Nothing }
            }
            _ => Wait::Nothing,
        }
    }

    /// Bytes came; whether they are the first of another request's head.
    pub fn received(&self) -> bool {
        self.change(SILENT, HEAD);
        self.change(BETWEEN, HEAD)
    }

    /// A request's head was read.
    pub fn call(self: &Arc<Self>, version: http::Version) -> Under {
        let http2 = version == http::Version::HTTP_2;
        if http2 {
            self.begun.fetch_add(1, Ordering::Relaxed);
        }
        let before = self.now.swap(if http2 { MANY } else { CALL }, Ordering::Relaxed);
        if http2 && before != MANY {
            self.speaks_http2.notify_one();
        }
        Under { phase: Arc::clone(self), unsent: None }
    }

    /// Some time has passed; whether an HTTP/2 answer has not moved since two such times.
    pub fn tick(&self) -> bool {
        self.unsent.tick()
    }

    /// An HTTP/2 connection was idle for too long. Gives whether it can be told so, by a GOAWAY.
    pub fn idled(&self) -> bool {
        let told = self.now.load(Ordering::Relaxed) == MANY;
        if told {
            self.overdue.notify_one();
        }
        told
    }

    /// Waits until an HTTP/2 connection was idle for too long.
    pub async fn overdue(&self) {
        self.overdue.notified().await;
    }

    /// The client took some of what is written, after it had taken nothing for a while.
    pub fn taken(&self) {
        self.taken.fetch_add(1, Ordering::Relaxed);
    }

    /// How far an HTTP/2 connection has come; `None` while the connection has work of its own to do: calls are
    /// under way, or it speaks HTTP/1.1 and ends by itself.
    pub fn progress(&self) -> Option<Progress> {
        let now = Progress {
            begun: self.begun.load(Ordering::Relaxed),
            ended: self.ended.load(Ordering::Relaxed),
            taken: self.taken.load(Ordering::Relaxed),
        };
        (self.now.load(Ordering::Relaxed) == MANY && now.begun == now.ended).then_some(now)
    }

    /// Whether the body of the HTTP/1.1 request under way has not been read to its end.
    pub fn unread(&self) -> bool {
        self.unread.load(Ordering::Relaxed)
    }

    pub fn set_unread(&self, unread: bool) {
        self.unread.store(unread, Ordering::Relaxed);
    }

    /// Lets answers say from now on that they are the last of the connection.
    pub fn close(&self) {
        self.closing.store(true, Ordering::Relaxed);
    }

    fn closing(&self) -> bool {
        self.closing.load(Ordering::Relaxed)
    }

    /// Waits until a connection that is to end may be told so, without a loss of what is on its way: HTTP/2 is
    /// told at once, and takes what was sent before it knew. Others get some grace for a request to arrive, whose
    /// answer says that it is the last; a head that has begun is waited for as ever.
    pub async fn parting(&self) {
        self.close();
        tokio::select! {
            () = self.many() => return,
            () = sleep(self.grace) => {}
        }
        if self.now.load(Ordering::Relaxed) == HEAD {
            self.many().await;
        }
    }

    async fn many(&self) {
        if self.now.load(Ordering::Relaxed) != MANY {
            self.speaks_http2.notified().await;
        }
    }

    fn change(&self, from: u8, to: u8) -> bool {
        self.now.compare_exchange(from, to, Ordering::Relaxed, Ordering::Relaxed).is_ok()
    }
}

/// A call under way, until it is dropped.
#[derive(Debug)]
pub(super) struct Under {
    phase: Arc<Phase>,
    /// Where the answer is counted as unsent; HTTP/2 only, because HTTP/1.1 stalls with its socket.
    unsent: Option<usize>,
}

impl Under {
    /// The answer is there, to be taken by the client.
    pub fn answered(&mut self) {
        if self.phase.now.load(Ordering::Relaxed) == MANY {
            self.unsent = Some(self.phase.unsent.begin());
        }
    }

    /// A part of the answer was taken.
    pub fn moved(&mut self) {
        match self.unsent {
            Some(slot) => self.unsent = Some(self.phase.unsent.moved(slot)),
            None => self.answered(),
        }
    }

    /// The client waits for the answer to go on, not the other way round.
    pub fn waited_for(&mut self) {
        if let Some(slot) = self.unsent.take() {
            self.phase.unsent.end(slot);
        }
    }

    /// Whether an answer over HTTP/1.1 is the last of the connection: nothing can follow an unread rest of a body.
    pub fn closing(&self) -> bool {
        self.phase.closing() || self.phase.unread()
    }
}

impl Drop for Under {
    fn drop(&mut self) {
        self.waited_for();
        if !self.phase.change(CALL, BETWEEN) {
            self.phase.ended.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// HTTP/2 answers that are not sent to their end, counted by the tick in which each last moved: the count of
/// two ticks ago is of those that are stuck, without a look at each.
#[derive(Debug, Default)]
struct Unsent {
    tick: AtomicUsize,
    counts: [AtomicUsize; 3],
}

impl Unsent {
    fn slot(&self) -> usize {
        self.tick.load(Ordering::Relaxed) % 3
    }

    fn begin(&self) -> usize {
        let slot = self.slot();
        self.counts[slot].fetch_add(1, Ordering::Relaxed);
        slot
    }

    fn moved(&self, slot: usize) -> usize {
        if slot == self.slot() {
            return slot;
        }
        self.end(slot);
        self.begin()
    }

    fn end(&self, slot: usize) {
        self.counts[slot].fetch_sub(1, Ordering::Relaxed);
    }

    fn any(&self) -> bool {
        self.counts.iter().any(|count| count.load(Ordering::Relaxed) > 0)
    }

    fn tick(&self) -> bool {
        let oldest = (self.tick.fetch_add(1, Ordering::Relaxed) + 1) % 3;
        self.counts[oldest].load(Ordering::Relaxed) > 0
    }
}

#[cfg(test)]
mod tests {
    use http::Version;

    use super::*;

    #[test]
    fn only_answers_that_do_not_move_are_stuck() {
        let phase = Phase::new(Duration::ZERO, mpsc::channel(1).0);
        let (mut moving, mut stuck) = (phase.call(Version::HTTP_2), phase.call(Version::HTTP_2));
        assert_eq!(phase.wait(), Wait::Nothing, "the backend's turn");
        moving.answered();
        stuck.answered();
        assert_eq!(phase.wait(), Wait::Taking);
        for ticks in 1..=2 {
            assert!(!phase.tick(), "after {ticks}");
            moving.moved();
        }
        assert!(phase.tick());
        drop(stuck);
        for _ in 0..9 {
            moving.moved();
            assert!(!phase.tick());
        }
        drop(moving);
        assert_eq!(phase.wait(), Wait::Next(2));
    }

    #[test]
    fn a_stream_that_waits_for_its_backend_is_not_stuck() {
        let phase = Phase::new(Duration::ZERO, mpsc::channel(1).0);
        let mut stream = phase.call(Version::HTTP_2);
        stream.answered();
        stream.waited_for();
        assert_eq!(phase.wait(), Wait::Nothing);
        assert!((0..9).all(|_| !phase.tick()));
        stream.moved();
        assert_eq!(phase.wait(), Wait::Taking);
        assert_eq!(
            (0..3).map(|_| phase.tick()).collect::<Vec<_>>(),
            [false, false, true],
            "told after two whole ticks"
        );
    }
}
