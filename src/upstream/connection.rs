//! The life of one HTTP/2 connection: greeting, being driven, draining after GOAWAY, dying of silence. Not for
//! which connection a call takes (`pool`) and not for single streams (`exchange`).

use std::future::{Future, pending, poll_fn};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use h2::client::{Builder, SendRequest};
use h2::{Ping, PingPong, Reason};
use tokio::sync::{Notify, watch};
use tokio::time::{Instant, sleep, timeout};

use super::cancel::Pace;
use super::connect::{ConnectError, Connector, Link};

/// A connection that calls can be sent on. Cheap to share; the work is done by the task in [`drive`].
#[derive(Debug)]
pub(super) struct Connection {
    /// Opens streams; cloned for each call.
    pub(super) sender: SendRequest<Bytes>,
    /// What is counted about it.
    pub(super) gauge: Arc<Gauge>,
}

/// What is counted about a connection.
#[derive(Debug)]
pub(super) struct Gauge {
    /// Streams that are open, lingering ones included.
    pub(super) active: AtomicUsize,
    /// How many the peer allows.
    pub(super) limit: AtomicUsize,
    /// How many are used at most, whatever the peer allows.
    most: usize,
    /// Whether it takes no more calls.
    pub(super) retired: AtomicBool,
    /// Whether it ended because the peer found us too busy.
    pub(super) scolded: AtomicBool,
    /// How fast streams may be reset.
    pub(super) pace: Pace,
    /// When it was opened.
    pub(super) since: Instant,
}

/// A connection whose peer has answered the greeting and which nobody drives yet.
pub(super) struct Opened {
    /// For the calls.
    pub(super) connection: Connection,
    wire: h2::client::Connection<Link, Bytes>,
    ping: Option<PingPong>,
    heard: Arc<AtomicBool>,
}

/// What the task that drives a connection needs to know.
pub(super) struct Watch {
    /// Silence after which a ping is sent; `None`: never.
    pub(super) keepalive: Option<Duration>,
    /// How long the answer to a ping may take.
    pub(super) patience: Duration,
    /// Changes (or closes) when the upstream is dropped.
    pub(super) closing: watch::Receiver<()>,
    /// Told when the connection retires.
    pub(super) retired: Arc<Notify>,
    /// Told when the peer allows more streams.
    pub(super) freed: Arc<Notify>,
}

/// How much a backend may send ahead on one connection.
#[derive(Debug, Clone, Copy)]
pub(super) struct Windows {
    /// What one call may have in flight before it is read.
    stream: u32,
    /// What all calls may have in flight together.
    connection: u32,
    /// How much overhead of small unread DATA frames is borne before h2 closes the connection (it charges 256 bytes
    /// minus the length of each).
    frame_budget: usize,
}

impl Windows {
    /// For calls that are read as fast as they come.
    pub(super) const UNARY: Self =
        Self { stream: 2 << 20, connection: 16 << 20, frame_budget: UNARY_FRAME_BUDGET };

    /// For calls whose readers may stand still for as long as they like: all of them together never fill the
    /// connection's window, and no number of small frames counts against it. What bounds a stalled reader is the
    /// window of its stream alone, and nobody else suffers for it.
    pub(super) fn streaming(stream: u32) -> Self {
        Self { stream: stream.clamp(1, MAX_WINDOW), connection: MAX_WINDOW, frame_budget: usize::MAX }
    }

    /// How many streams are used at most: no more than fit into the connection's window, where it is to hold them
    /// all.
    fn most_streams(self) -> usize {
        if self.connection < MAX_WINDOW {
            return MOST_STREAMS;
        }
        let fit = self.connection.checked_div(self.stream).unwrap_or(1);
        usize::try_from(fit).unwrap_or(MOST_STREAMS).min(MOST_STREAMS)
    }
}

impl Gauge {
    /// Of a new connection whose peer allows `limit` streams, of which `most` are used.
    fn new(limit: usize, most: usize) -> Self {
        Self {
            active: AtomicUsize::new(0),
            limit: AtomicUsize::new(limit),
            most,
            retired: AtomicBool::new(false),
            scolded: AtomicBool::new(false),
            pace: Pace::new(),
            since: Instant::now(),
        }
    }

    /// Takes the connection out of service; calls on it may finish.
    pub(super) fn retire(&self) {
        self.retired.store(true, Ordering::Relaxed);
    }

    /// Whether it takes no more calls.
    pub(super) fn is_retired(&self) -> bool {
        self.retired.load(Ordering::Relaxed)
    }

    /// How many streams may be open at once.
    pub(super) fn room(&self) -> usize {
        self.limit.load(Ordering::Relaxed).min(self.most)
    }

    /// Whether as many are open.
    pub(super) fn is_full(&self) -> bool {
        self.active.load(Ordering::Relaxed) >= self.room()
    }

    /// Counts one more stream, if there is room for it.
    pub(super) fn enter(&self) -> bool {
        let room = self.room();
        // Never counts more than there are, not even for a moment: who looks then would find a connection full
        // that has room, and wait although nobody will say that a stream ended.
        let more = |active: usize| (active < room).then_some(active + 1);
        self.active.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more).is_ok()
    }

    fn note(&self, end: &h2::Error) {
        if end.reason() == Some(Reason::ENHANCE_YOUR_CALM) {
            self.scolded.store(true, Ordering::Relaxed);
        }
    }
}

/// Connects and greets: a peer counts as a backend once it has answered a PING, so nothing that merely
/// accepts connections looks ready, and the peer's SETTINGS are known before the first call.
pub(super) async fn open(connector: &Connector, windows: Windows) -> Result<Opened, ConnectError> {
    timeout(connector.patience, greet(connector, windows)).await.unwrap_or(Err(ConnectError::Timeout))
}

async fn greet(connector: &Connector, windows: Windows) -> Result<Opened, ConnectError> {
    let link = connector.link().await?;
    let heard = link.heard();
    let (sender, mut wire) = builder(windows).handshake(link).await.map_err(|_| ConnectError::NotHttp2)?;
    let mut ping = wire.ping_pong();
    if let Some(ping) = &mut ping {
        tokio::select! {
            biased;
            _ = &mut wire => return Err(ConnectError::NotHttp2),
            answer = ping.ping(Ping::opaque()) => {
                answer.map_err(|_| ConnectError::NotHttp2)?;
            }
        }
    }
    let gauge = Arc::new(Gauge::new(wire.max_concurrent_send_streams(), windows.most_streams()));
    Ok(Opened { connection: Connection { sender, gauge }, wire, ping, heard })
}

fn builder(windows: Windows) -> Builder {
    let mut builder = Builder::new();
    builder
        .enable_push(false)
        .initial_window_size(windows.stream)
        .initial_connection_window_size(windows.connection)
        .max_frame_size(MAX_FRAME)
        .max_header_list_size(MAX_HEADERS)
        .max_concurrent_reset_streams(REMEMBERED_RESETS)
        .data_frame_budget(windows.frame_budget);
    builder
}

/// Drives a connection until it ends: by the peer, by an error, by silence, or because the upstream was dropped
/// and the last call on it has finished.
pub(super) async fn drive(opened: Opened, watch: Watch) {
    let Opened { connection: Connection { sender, gauge }, mut wire, mut ping, heard } = opened;
    let (mut probe, mut closing) = (Some(sender), watch.closing.clone());
    {
        let mut silence = pin!(silence(ping.as_mut(), &heard, watch.keepalive, watch.patience));
        let mut open = true;
        loop {
            tokio::select! {
                biased;
                end = poll_fn(|cx| step(cx, &mut wire, &mut probe, &gauge, &watch)) => {
                    if let Err(error) = end {
                        gauge.note(&error);
                    }
                    break;
                }
                () = &mut silence => break,
                _ = closing.changed(), if open => {
                    // Without a sender, HTTP/2 ends by itself once no stream is left.
                    open = false;
                    probe = None;
                }
            }
        }
    }
    gauge.retire();
    watch.retired.notify_one();
}

/// Lets the connection work, then looks at what it learned: how many streams the peer allows, and whether it
/// said GOAWAY, after which h2 opens no more streams but lets those in flight finish.
fn step(
    cx: &mut Context<'_>,
    wire: &mut h2::client::Connection<Link, Bytes>,
    probe: &mut Option<SendRequest<Bytes>>,
    gauge: &Gauge,
    watch: &Watch,
) -> Poll<Result<(), h2::Error>> {
    if let Poll::Ready(end) = Pin::new(&mut *wire).poll(cx) {
        return Poll::Ready(end);
    }
    let limit = wire.max_concurrent_send_streams();
    if gauge.limit.swap(limit, Ordering::Relaxed) < limit {
        watch.freed.notify_waiters();
    }
    if let Some(sender) = probe
        && let Poll::Ready(Err(error)) = sender.poll_ready(cx)
    {
        *probe = None;
        gauge.note(&error);
        gauge.retire();
        watch.retired.notify_one();
    }
    Poll::Pending
}

/// Ends when the peer has been silent for `keepalive` and then leaves a ping unanswered for `patience`.
async fn silence(
    ping: Option<&mut PingPong>,
    heard: &AtomicBool,
    keepalive: Option<Duration>,
    patience: Duration,
) {
    let (Some(ping), Some(keepalive)) = (ping, keepalive) else {
        return pending().await;
    };
    loop {
        sleep(keepalive).await;
        if heard.swap(false, Ordering::Relaxed) {
            continue;
        }
        match timeout(patience, ping.ping(Ping::opaque())).await {
            Ok(Ok(_)) => {}
            Ok(Err(_)) | Err(_) => return,
        }
    }
}

/// How many streams of one connection are used at most, whatever the peer allows.
const MOST_STREAMS: usize = 4096;

/// The largest window that HTTP/2 knows.
const MAX_WINDOW: u32 = i32::MAX.unsigned_abs();

/// The largest frame we take: fewer, larger reads for large answers.
const MAX_FRAME: u32 = 1 << 20;

/// The largest header list we take, in bytes as HPACK counts them.
pub(super) const MAX_HEADERS: u32 = 64 << 10;

/// How many of the streams we reset are remembered, so that frames still under way for them are ignored rather
/// than taken for an error.
const REMEMBERED_RESETS: usize = 1024;

/// This much lets a whole connection window of 16-byte frames lie unread: the window, not this, is what bounds a
/// stalled reader, and other calls do not suffer for it.
const UNARY_FRAME_BUDGET: usize = 256 << 20;

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    #[test]
    fn who_finds_no_room_is_not_counted_even_for_a_moment() {
        const TRIES: usize = 200_000;
        let gauge = Gauge::new(1, MOST_STREAMS);
        assert!(gauge.enter());
        thread::scope(|scope| {
            let tries = || assert!((0..TRIES).all(|_| !gauge.enter()), "there is no room");
            let others = [scope.spawn(tries), scope.spawn(tries)];
            while others.iter().any(|other| !other.is_finished()) {
                assert_eq!(gauge.active.load(Ordering::Relaxed), 1);
            }
        });
        gauge.active.fetch_sub(1, Ordering::Relaxed);
        assert!(gauge.enter());
    }
}
