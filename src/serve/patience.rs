//! How long a connection waits for its client: briefly for the rest of a request's head, long between requests.
//!
//! hyper's own header timeout counts the time between requests too, so that it closes idle connections while a
//! load balancer still sends on them; and it begins only once the protocol is known. Here one timer a
//! connection serves, and a request costs two looks at the clock.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http::Response;
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep_until};

/// How long an HTTP/1.1 connection may be idle between requests: longer than the load balancers before it keep
/// theirs (60 to 600 seconds), so that they close first and never send into a closing one.
const IDLE: Duration = Duration::from_secs(620);

/// What the client of a connection is doing.
#[derive(Debug)]
pub(super) struct Phase(AtomicU8);

/// Nothing, after an answer.
const BETWEEN: u8 = 0;
/// Sending a request's head; a new connection begins so.
const HEAD: u8 = 1;
/// Waiting for an answer, or sending a body: the call has limits of its own.
const CALL: u8 = 2;
/// Speaking HTTP/2, where pings tell who is gone.
const MANY: u8 = 3;

impl Phase {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self(AtomicU8::new(HEAD)))
    }

    /// A request's head was read.
    pub(super) fn call(&self, version: http::Version) {
        let phase = if version == http::Version::HTTP_2 { MANY } else { CALL };
        self.0.store(phase, Ordering::Relaxed);
    }

    fn answered(&self) {
        // Exchanged, because HTTP/2 stays what it is.
        self.0.compare_exchange(CALL, BETWEEN, Ordering::Relaxed, Ordering::Relaxed).ok();
    }
}

/// A stream that fails when its client makes it wait for too long.
pub(super) struct Patient<S> {
    stream: S,
    phase: Arc<Phase>,
    header_timeout: Duration,
    /// The phase that `deadline` belongs to.
    seen: u8,
    deadline: Instant,
    timer: Pin<Box<Sleep>>,
}

impl<S> Patient<S> {
    pub(super) fn new(stream: S, phase: Arc<Phase>, header_timeout: Duration) -> Self {
        let deadline = Instant::now() + header_timeout;
        let timer = Box::pin(sleep_until(deadline));
        Self { stream, phase, header_timeout, seen: HEAD, deadline, timer }
    }

    fn enter(&mut self, phase: u8) {
        let patience = if phase == HEAD { self.header_timeout } else { IDLE };
        self.seen = phase;
        self.deadline = Instant::now() + patience;
    }

    /// Something came: if it is the first of a request, its head must follow in time.
    fn received(&mut self) {
        let between = self.phase.0.compare_exchange(BETWEEN, HEAD, Ordering::Relaxed, Ordering::Relaxed);
        if between.is_ok() {
            self.enter(HEAD);
        }
    }

    /// Nothing came yet: fails when it should have.
    fn poll_patience(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let phase = self.phase.0.load(Ordering::Relaxed);
        if phase != HEAD && phase != BETWEEN {
            return Poll::Pending;
        }
        if phase != self.seen {
            self.enter(phase);
        }
        // A timer that is too early is left alone: most often the client is back before it rings.
        if self.timer.deadline() > self.deadline {
            self.timer.as_mut().reset(self.deadline);
        }
        loop {
            ready!(self.timer.as_mut().poll(cx));
            if Instant::now() >= self.deadline {
                return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
            }
            self.timer.as_mut().reset(self.deadline);
        }
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
                self.received();
                Poll::Ready(read)
            }
            Poll::Pending => self.poll_patience(cx),
        }
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Patient<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, slices)
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

pin_project! {
    /// An answer to come, whose body ends the call's phase.
    pub(super) struct Answering<F> {
        #[pin]
        answer: F,
        served: Option<Served>,
    }
}

impl<F> Answering<F> {
    pub(super) fn new(answer: F, phase: Arc<Phase>) -> Self {
        Self { answer, served: Some(Served(phase)) }
    }
}

impl<F: Future<Output = Result<Response<B>, E>>, B, E> Future for Answering<F> {
    type Output = Result<Response<Spoken<B>>, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let answer = ready!(this.answer.poll(cx))?;
        let served = this.served.take();
        Poll::Ready(Ok(answer.map(|body| Spoken { body, _served: served })))
    }
}

/// Tells when the call is over, by being dropped.
struct Served(Arc<Phase>);

impl Drop for Served {
    fn drop(&mut self) {
        self.0.answered();
    }
}

pin_project! {
    /// The body of an answer; the call is over when it is dropped.
    pub(super) struct Spoken<B> {
        #[pin]
        body: B,
        _served: Option<Served>,
    }
}

impl<B: Body<Data = Bytes>> Body for Spoken<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        self.project().body.poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use http::Version;
    use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};

    use super::*;

    const HEADER: Duration = Duration::from_secs(10);

    fn connection() -> (Patient<DuplexStream>, DuplexStream, Arc<Phase>) {
        let (server, client) = duplex(64);
        let phase = Phase::new();
        (Patient::new(server, Arc::clone(&phase), HEADER), client, phase)
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
            phase.call(Version::HTTP_11);
            drop(Served(Arc::clone(&phase)));
            let still = tokio::time::timeout(IDLE.mul_f32(0.99), stream.read_u8()).await;
            assert!(still.is_err(), "nearly idle for too long");
        }
        client.write_u8(b'G').await.expect("sent");
        stream.read_u8().await.expect("received");
        about(waited(&mut stream).await, HEADER);
        phase.call(Version::HTTP_11);
        drop(Served(phase));
        about(waited(&mut stream).await, IDLE);
    }

    #[tokio::test(start_paused = true)]
    async fn a_call_and_http2_have_no_limit_here() {
        for version in [Version::HTTP_11, Version::HTTP_2] {
            let (mut stream, _client, phase) = connection();
            phase.call(version);
            if version == Version::HTTP_2 {
                drop(Served(Arc::clone(&phase)));
            }
            let read = tokio::time::timeout(IDLE * 2, stream.read_u8()).await;
            assert!(read.is_err(), "{version:?} still waits");
        }
    }
}
