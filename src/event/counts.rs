//! What is counted about events: numbers that only grow, and how many wait. Not for exporting them:
//! [`telemetry`](crate::telemetry) does.

use std::sync::atomic::{AtomicU64, Ordering};

/// The numbers of a queue.
#[derive(Debug, Default)]
pub(super) struct Counts {
    /// Events made by calls.
    pub made: AtomicU64,
    /// Events that some template had no value for.
    pub incomplete: AtomicU64,
    /// Events that are on the disk, or were.
    pub queued: AtomicU64,
    /// Lost: as many waited in memory as may.
    pub memory: AtomicU64,
    /// Lost: the file was full, or the event larger than it may be.
    pub full: AtomicU64,
    /// Lost: it could not be written as JSON.
    pub unwritable: AtomicU64,
    /// Lost: the queue was closed already.
    pub closed: AtomicU64,
}

/// The numbers of a sink.
#[derive(Debug)]
pub(super) struct SinkCounts {
    pub sink: String,
    /// Events taken.
    pub delivered: AtomicU64,
    /// Attempts that failed.
    pub failed: AtomicU64,
    /// Events given up because the sink refused them.
    pub refused: AtomicU64,
    /// Events thrown out of a full queue before the sink had taken them.
    pub lost: AtomicU64,
}

impl Counts {
    pub fn add(count: &AtomicU64, more: u64) {
        count.fetch_add(more, Ordering::Relaxed);
    }
}

impl SinkCounts {
    pub fn new(sink: &str) -> Self {
        let zero = || AtomicU64::new(0);
        Self { sink: sink.to_owned(), delivered: zero(), failed: zero(), refused: zero(), lost: zero() }
    }
}

/// All numbers at one moment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Figures {
    /// Events made by calls.
    pub made: u64,
    /// Events of which some value was not known.
    pub incomplete: u64,
    /// Events that were put into the queue's file.
    pub queued: u64,
    /// Lost events, by reason: `memory`, `full`, `unwritable`, `closed`.
    pub lost: [(&'static str, u64); 4],
    /// The numbers of each sink.
    pub sinks: Vec<SinkFigures>,
}

/// The numbers of one sink at one moment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SinkFigures {
    /// Its name.
    pub sink: String,
    /// Events that it took.
    pub delivered: u64,
    /// Attempts that failed.
    pub failed: u64,
    /// Events given up because it refused them.
    pub refused: u64,
    /// Events thrown out of a full queue before it had taken them.
    pub lost: u64,
    /// Events that wait for it.
    pub waiting: u64,
}

impl Counts {
    pub(super) fn figures(&self, sinks: Vec<SinkFigures>) -> Figures {
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        Figures {
            made: read(&self.made),
            incomplete: read(&self.incomplete),
            queued: read(&self.queued),
            lost: [
                ("memory", read(&self.memory)),
                ("full", read(&self.full)),
                ("unwritable", read(&self.unwritable)),
                ("closed", read(&self.closed)),
            ],
            sinks,
        }
    }
}

impl SinkCounts {
    pub(super) fn figures(&self, waiting: u64) -> SinkFigures {
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        SinkFigures {
            sink: self.sink.clone(),
            delivered: read(&self.delivered),
            failed: read(&self.failed),
            refused: read(&self.refused),
            lost: read(&self.lost),
            waiting,
        }
    }
}
