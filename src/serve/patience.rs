//! How long a connection waits for its client: briefly for the rest of a request's head, long between requests,
//! and for a while until the client takes what is written to it.
//!
//! hyper's own header timeout counts the time between requests too, so that it closes idle connections while a
//! load balancer still sends on them; and it begins only once the protocol is known. Here one timer a
//! connection serves, and a request costs two looks at the clock. It stands under TLS, so that a byte that
//! moved is a byte on the socket, and so that it bounds the handshake with the first head.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep_until};

use super::phase::{Phase, Wait};

/// How long each kind of waiting may take.
#[derive(Debug, Clone, Copy)]
pub(super) struct Patience {
    /// For a request's head, the handshake before the first one included.
    pub header: Duration,
    /// For the next request.
    pub idle: Duration,
    /// For the client to take something of what is written to it.
    pub write: Duration,
}

/// A stream that fails when its client makes it wait for too long.
pub(super) struct Patient<S> {
    stream: S,
    phase: Arc<Phase>,
    patience: Patience,
    /// What `reading` is set for.
    seen: Wait,
    reading: Alarm,
    /// Whether the client takes nothing at the moment.
    blocked: bool,
    writing: Option<Alarm>,
}

impl<S> Patient<S> {
    pub fn new(stream: S, phase: Arc<Phase>, patience: Patience) -> Self {
        let reading = Alarm::after(patience.header);
        Self { stream, phase, patience, seen: Wait::Head, reading, blocked: false, writing: None }
    }

    fn enter(&mut self, wait: Wait) {
        self.seen = wait;
        match wait {
            Wait::Head => self.reading.set(self.patience.header),
            Wait::Next(_) => self.reading.set(self.patience.idle),
            // Two whole ticks make the time.
            Wait::Taking => self.reading.set(self.patience.write / 2),
            // Nobody tells when a call is over: it is looked for, often enough for the idle time that begins then.
            Wait::Nothing => self.reading.set(self.patience.idle / 8),
        }
    }

    /// Nothing came yet: fails when it should have.
    fn poll_reading(&mut self, cx: &mut Context<'_>) -> Poll<io::Error> {
        loop {
            // While an answer is on its way the connection is not idle.
            let wait = if self.blocked { Wait::Nothing } else { self.phase.wait() };
            if wait != self.seen {
                self.enter(wait);
            }
            ready!(self.reading.poll(cx));
            let lasting = match wait {
                Wait::Head => false,
                Wait::Next(_) => self.phase.idled(),
                Wait::Taking => !self.phase.tick(),
                Wait::Nothing => true,
            };
            if !lasting {
                return Poll::Ready(io::ErrorKind::TimedOut.into());
            }
            self.enter(wait);
        }
    }

    /// Something was written, or could not be: fails when the client has taken nothing for too long.
    fn poll_writing(
        &mut self,
        written: Poll<io::Result<usize>>,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<usize>> {
        if written.is_ready() {
            if std::mem::take(&mut self.blocked) {
                self.phase.taken();
            }
            return written;
        }
        let time = self.patience.write;
        let alarm = self.writing.get_or_insert_with(|| Alarm::after(time));
        if !self.blocked {
            self.blocked = true;
            alarm.set(time);
        }
        alarm.poll(cx).map(|()| Err(io::ErrorKind::TimedOut.into()))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Patient<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match Pin::new(&mut self.stream).poll_read(cx, buffer) {
            Poll::Ready(read) => {
                if self.phase.received() {
                    self.enter(Wait::Head);
                }
                Poll::Ready(read)
            }
            Poll::Pending => self.poll_reading(cx).map(Err),
        }
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Patient<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.poll_writing(written, cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(cx, slices);
        self.poll_writing(written, cx)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

/// A timer that is set much more often than it rings.
struct Alarm {
    deadline: Instant,
    timer: Pin<Box<Sleep>>,
}

impl Alarm {
    fn after(time: Duration) -> Self {
        let deadline = Instant::now() + time;
        Self { deadline, timer: Box::pin(sleep_until(deadline)) }
    }

    fn set(&mut self, time: Duration) {
        self.deadline = Instant::now() + time;
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        // A timer that is too early is left alone: most often the client is back before it rings.
        if self.timer.deadline() > self.deadline {
            self.timer.as_mut().reset(self.deadline);
        }
        loop {
            ready!(self.timer.as_mut().poll(cx));
            if Instant::now() >= self.deadline {
                return Poll::Ready(());
            }
            self.timer.as_mut().reset(self.deadline);
        }
    }
}

#[cfg(test)]
mod tests {
    use http::Version;
    use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};

    use super::*;

    const PATIENCE: Patience = Patience {
        header: Duration::from_secs(10),
        idle: Duration::from_secs(620),
        write: Duration::from_secs(30),
    };
    const HEADER: Duration = PATIENCE.header;
    const IDLE: Duration = PATIENCE.idle;

    fn connection() -> (Patient<DuplexStream>, DuplexStream, Arc<Phase>) {
        let (server, client) = duplex(64);
        let phase = Phase::new(Duration::ZERO, tokio::sync::mpsc::channel(1).0);
        (Patient::new(server, Arc::clone(&phase), PATIENCE), client, phase)
    }

    /// How long a read waits before it fails.
    async fn waited(stream: &mut Patient<DuplexStream>) -> Duration {
        let begun = Instant::now();
        let error = stream.read_u8().await.expect_err("nothing is sent");
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        begun.elapsed()
    }

    fn about(waited: Duration, expected: Duration) {
        assert!(
            waited >= expected && waited < expected + Duration::from_secs(1),
            "{waited:?} for {expected:?}"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_never_speaks_is_waited_for_briefly() {
        let (mut stream, _client, _) = connection();
        about(waited(&mut stream).await, HEADER);
    }

    #[tokio::test(start_paused = true)]
    async fn bytes_of_a_head_do_not_prolong_the_wait() {
        let (mut stream, mut client, _) = connection();
        let begun = Instant::now();
        for _ in 0..3 {
            client.write_u8(b'G').await.expect("sent");
            stream.read_u8().await.expect("received");
            tokio::time::sleep(HEADER / 4).await;
        }
        waited(&mut stream).await;
        about(begun.elapsed(), HEADER);
    }

    #[tokio::test(start_paused = true)]
    async fn idle_connections_are_kept_and_the_next_head_is_not() {
        let (mut stream, mut client, phase) = connection();
        for _ in 0..3 {
            client.write_u8(b'G').await.expect("sent");
            stream.read_u8().await.expect("received");
            drop(phase.call(Version::HTTP_11));
            let still = tokio::time::timeout(IDLE.mul_f32(0.99), stream.read_u8()).await;
            assert!(still.is_err(), "nearly idle for too long");
        }
        client.write_u8(b'G').await.expect("sent");
        stream.read_u8().await.expect("received");
        about(waited(&mut stream).await, HEADER);
        drop(phase.call(Version::HTTP_11));
        about(waited(&mut stream).await, IDLE);
    }

    #[tokio::test(start_paused = true)]
    async fn the_end_of_a_call_is_noticed_though_nobody_asks_again() {
        let (mut stream, mut client, phase) = connection();
        client.write_u8(b'G').await.expect("sent");
        stream.read_u8().await.expect("received");
        let call = phase.call(Version::HTTP_11);
        let read = tokio::spawn(async move { waited(&mut stream).await });
        tokio::time::sleep(IDLE * 2).await;
        drop(call);
        let ended = Instant::now();
        read.await.expect("no panic");
        assert!(ended.elapsed() >= IDLE && ended.elapsed() <= IDLE.mul_f32(1.2), "{:?}", ended.elapsed());
    }

    #[tokio::test(start_paused = true)]
    async fn a_call_has_no_limit_here() {
        for version in [Version::HTTP_11, Version::HTTP_2] {
            let (mut stream, _client, phase) = connection();
            let _call = phase.call(version);
            let read = tokio::time::timeout(IDLE * 2, stream.read_u8()).await;
            assert!(read.is_err(), "{version:?} still waits");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn idle_http2_is_told_and_not_cut_and_pings_do_not_count() {
        let (mut stream, mut client, phase) = connection();
        drop(phase.call(Version::HTTP_2));
        let begun = Instant::now();
        let reading = async {
            loop {
                stream.read_u8().await.expect("a ping");
            }
        };
        let pinging = async {
            loop {
                tokio::time::sleep(IDLE / 4).await;
                client.write_u8(b'P').await.expect("sent");
            }
        };
        tokio::select! {
            () = reading => {}
            () = pinging => {}
            () = phase.overdue() => about(begun.elapsed(), IDLE),
        }
        drop(phase.call(Version::HTTP_2));
        let reading = async {
            loop {
                stream.read_u8().await.expect("a ping");
            }
        };
        let again = tokio::time::timeout(IDLE.mul_f32(0.9), async {
            tokio::select! {
                () = reading => {}
                () = phase.overdue() => {}
            }
        });
        assert!(again.await.is_err(), "another call begins another idle time");
    }

    #[tokio::test(start_paused = true)]
    async fn an_http2_answer_that_is_not_taken_is_not_waited_for_long() {
        let (mut stream, _client, phase) = connection();
        let mut call = phase.call(Version::HTTP_2);
        call.answered();
        let waited = waited(&mut stream).await;
        assert!(waited >= PATIENCE.write && waited <= PATIENCE.write * 2, "{waited:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_takes_nothing_is_not_waited_for_long() {
        let (mut stream, mut client, _) = connection();
        let begun = Instant::now();
        stream.write_all(&[0; 64]).await.expect("room for it");
        for _ in 0..5 {
            tokio::select! {
                written = stream.write_u8(1) => panic!("{written:?}"),
                () = tokio::time::sleep(PATIENCE.write.mul_f32(0.9)) => {}
            }
            client.read_u8().await.expect("received");
            stream.write_u8(1).await.expect("room again");
        }
        let last = Instant::now();
        let error = stream.write_u8(1).await.expect_err("nobody reads");
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        about(last.elapsed(), PATIENCE.write);
        assert!(begun.elapsed() > PATIENCE.write * 5, "progress prolongs the time");
    }
}
