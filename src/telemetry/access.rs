//! The access log: one line per call, written by a thread of its own.
//!
//! The request path moves the finished record into a bounded channel and goes on: it never formats and never
//! waits for the output. When the output is slower than the calls, records are dropped and counted.

use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread;
use std::time::Duration;

use super::LogFormat;
use super::record::Finished;

/// The sending side of the access log.
#[derive(Debug)]
pub(super) struct Log {
    queue: SyncSender<Item>,
    dropped: Arc<AtomicU64>,
}

#[allow(
    clippy::large_enum_variant,
    reason = "nearly every item is a call; a box would cost an allocation each"
)]
enum Item {
    Call(Finished),
    /// Answered once everything before it is written.
    Flush(SyncSender<()>),
}

/// Records that wait for the writer; at [`GATHER`] this is 400,000 calls a second.
const QUEUE: usize = 4096;

/// How long the writer lets records gather: while it does, a call does not have to wake it.
const GATHER: Duration = Duration::from_millis(10);

/// Bytes after which the writer writes without gathering more.
const FULL: usize = 64 * 1024;

impl Log {
    /// Starts the writer's thread, which ends when the log is dropped.
    pub fn start(format: LogFormat, out: Box<dyn Write + Send>) -> Self {
        let (queue, waiting) = sync_channel(QUEUE);
        let dropped = Arc::new(AtomicU64::new(0));
        let writer = Writer { format, out, lines: Vec::new(), calls: 0, dropped: Arc::clone(&dropped) };
        if let Err(error) =
            thread::Builder::new().name("access-log".to_owned()).spawn(move || writer.run(&waiting))
        {
            tracing::error!(%error, "the access log cannot be written: no thread");
        }
        Self { queue, dropped }
    }

    /// Hands over a finished call; drops it when the writer is too far behind.
    pub fn write(&self, call: Finished) {
        if self.queue.try_send(Item::Call(call)).is_err() {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// How many records were lost so far.
    pub fn dropped(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.dropped)
    }

    /// Waits until all that was handed over is written, for at most `limit`. Blocks the thread.
    #[allow(clippy::disallowed_methods, reason = "for the end of the process and tests, never on a runtime")]
    pub fn flush(&self, limit: Duration) {
        let (done, written) = sync_channel(1);
        let mut item = Item::Flush(done);
        let deadline = std::time::Instant::now() + limit;
        while let Err(TrySendError::Full(back)) = self.queue.try_send(item) {
            if std::time::Instant::now() >= deadline {
                return;
            }
            item = back;
            thread::sleep(GATHER);
        }
        written.recv_timeout(deadline.saturating_duration_since(std::time::Instant::now())).ok();
    }
}

impl std::fmt::Debug for Item {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Item")
    }
}

struct Writer {
    format: LogFormat,
    out: Box<dyn Write + Send>,
    lines: Vec<u8>,
    /// How many calls `lines` holds.
    calls: u64,
    dropped: Arc<AtomicU64>,
}

impl Writer {
    #[allow(clippy::disallowed_methods, reason = "a thread of its own, not one of the runtime")]
    fn run(mut self, queue: &Receiver<Item>) {
        while let Ok(first) = queue.recv() {
            self.take(first);
            thread::sleep(GATHER);
            while let Ok(item) = queue.try_recv() {
                self.take(item);
            }
            self.write_out();
        }
    }

    fn take(&mut self, item: Item) {
        match item {
            Item::Call(call) => {
                call.write(self.format, &mut self.lines);
                self.calls += 1;
                if self.lines.len() >= FULL {
                    self.write_out();
                }
            }
            Item::Flush(done) => {
                self.write_out();
                // Whoever asked may have stopped waiting.
                done.try_send(()).ok();
            }
        }
    }

    fn write_out(&mut self) {
        if self.out.write_all(&self.lines).and_then(|()| self.out.flush()).is_err() {
            self.dropped.fetch_add(self.calls, Ordering::Relaxed);
        }
        self.lines.clear();
        self.calls = 0;
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;
    use std::time::SystemTime;

    use http::Method;

    use super::*;
    use crate::observe::CallRecord;

    /// Writes into a channel whose receiver the test holds: a full one blocks the writer.
    struct Pipe(mpsc::SyncSender<Vec<u8>>);

    impl Write for Pipe {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.send(bytes.to_vec()).map_err(std::io::Error::other)?;
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    fn call(path: &str) -> Finished {
        Finished {
            record: CallRecord::begin(Method::GET, path, None),
            time: SystemTime::UNIX_EPOCH,
            duration: Duration::ZERO,
        }
    }

    #[test]
    fn a_flush_waits_for_everything_before_it() {
        let (pipe, written) = mpsc::sync_channel(64);
        let log = Log::start(LogFormat::Text, Box::new(Pipe(pipe)));
        for index in 0..10 {
            log.write(call(&format!("/{index}")));
        }
        log.flush(Duration::from_secs(10));
        let text = String::from_utf8(written.try_iter().flatten().collect()).expect("UTF-8");
        assert_eq!(text.lines().count(), 10, "{text}");
        assert!(text.contains(" GET /9 "), "{text}");
    }

    #[test]
    fn a_stuck_output_drops_records_and_counts_them() {
        let (pipe, written) = mpsc::sync_channel(0);
        let log = Log::start(LogFormat::Text, Box::new(Pipe(pipe)));
        let sent = QUEUE * 3;
        for _ in 0..sent {
            log.write(call("/"));
        }
        let dropped = log.dropped().load(Ordering::Relaxed);
        let dropped = usize::try_from(dropped).expect("small");
        assert!(dropped > 0 && dropped < sent, "{dropped}");
        drop(log);
        let text: Vec<u8> = written.iter().flatten().collect();
        let lines = String::from_utf8(text).expect("UTF-8").lines().count();
        assert_eq!(lines + dropped, sent);
    }
}
