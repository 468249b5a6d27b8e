//! One HTTP/2 stream to a backend: opened, read, and given up gently. Not for what the frames mean: that is
//! `answer`. Unary calls stand on it; so can streaming ones.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use h2::client::ResponseFuture;
use h2::{Reason, RecvStream, SendStream};
use http::{HeaderMap, Request, response};
use tokio::runtime::Handle;
use tokio::time::{Instant, timeout_at};

use super::pool::Lease;

/// A stream. Dropping it before its end cancels it at the backend, at the connection's pace.
#[derive(Debug)]
pub(super) struct Exchange {
    /// `None` only while being dropped.
    stream: Option<Stream>,
}

#[derive(Debug)]
struct Stream {
    incoming: Incoming,
    /// Kept so that a dropped stream counts as given up; what is left of the request goes out by itself.
    _outgoing: SendStream<Bytes>,
    lease: Lease,
    /// Nothing more can come.
    over: bool,
}

#[derive(Debug)]
enum Incoming {
    Head(ResponseFuture),
    Body(RecvStream),
}

impl Exchange {
    /// Opens a stream and sends the whole request body.
    ///
    /// # Errors
    /// When the connection takes no new streams: nothing was sent.
    pub(super) async fn open(lease: Lease, request: Request<()>, body: Bytes) -> Result<Self, h2::Error> {
        let mut sender = lease.connection.sender.clone();
        if let Err(error) = poll_fn(|cx| sender.poll_ready(cx)).await {
            lease.connection.gauge.retire();
            return Err(error);
        }
        let (response, mut outgoing) = sender.send_request(request, false)?;
        // Fails only on a stream that is over already, and then the answer says why.
        let _ = outgoing.send_data(body, true);
        let incoming = Incoming::Head(response);
        Ok(Self { stream: Some(Stream { incoming, _outgoing: outgoing, lease, over: false }) })
    }

    /// The answer's head.
    pub(super) async fn head(&mut self) -> Result<response::Parts, h2::Error> {
        poll_fn(|cx| self.poll(|stream| stream.poll_head(cx))).await
    }

    /// The next bytes of the answer, for which the backend may send others at once; `None` at the end.
    pub(super) async fn chunk(&mut self) -> Option<Result<Bytes, h2::Error>> {
        poll_fn(|cx| self.poll(|stream| stream.poll_chunk(cx))).await
    }

    /// The trailers, once all chunks are read.
    pub(super) async fn trailers(&mut self) -> Result<Option<HeaderMap>, h2::Error> {
        poll_fn(|cx| self.poll(|stream| stream.poll_trailers(cx))).await
    }

    /// Whether the answer ended with what was read so far.
    pub(super) fn ended(&self) -> bool {
        self.stream.as_ref().is_none_or(Stream::ended)
    }

    fn poll<T>(&mut self, step: impl FnOnce(&mut Stream) -> Poll<T>) -> Poll<T> {
        self.stream.as_mut().map_or(Poll::Pending, step)
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        let Some(stream) = self.stream.take().filter(|stream| !stream.ended()) else {
            return;
        };
        let Some(turn) = stream.lease.connection.gauge.pace.turn(Instant::now()) else {
            return; // and h2 resets the dropped stream
        };
        if let Ok(runtime) = Handle::try_current() {
            runtime.spawn(timeout_at(turn, stream.linger()));
        }
    }
}

impl Stream {
    fn poll_head(&mut self, cx: &mut Context<'_>) -> Poll<Result<response::Parts, h2::Error>> {
        let Incoming::Head(response) = &mut self.incoming else {
            return Poll::Ready(Err(Reason::INTERNAL_ERROR.into()));
        };
        let answer = ready!(Pin::new(response).poll(cx));
        self.over |= answer.is_err();
        let (parts, body) = answer?.into_parts();
        self.incoming = Incoming::Body(body);
        Poll::Ready(Ok(parts))
    }

    fn poll_chunk(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, h2::Error>>> {
        let Incoming::Body(body) = &mut self.incoming else {
            return Poll::Ready(None);
        };
        let chunk = ready!(body.poll_data(cx));
        match &chunk {
            // Fails only if more is released than was received.
            Some(Ok(bytes)) => drop(body.flow_control().release_capacity(bytes.len())),
            Some(Err(_)) => self.over = true,
            None => {}
        }
        Poll::Ready(chunk)
    }

    fn poll_trailers(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<HeaderMap>, h2::Error>> {
        let Incoming::Body(body) = &mut self.incoming else {
            return Poll::Ready(Ok(None));
        };
        let trailers = ready!(body.poll_trailers(cx));
        self.over = true;
        Poll::Ready(trailers)
    }

    fn ended(&self) -> bool {
        match &self.incoming {
            Incoming::Head(_) => self.over,
            Incoming::Body(body) => self.over || body.is_end_stream(),
        }
    }

    /// Lets the call finish unheard, reading what comes so that it holds up no other.
    async fn linger(mut self) {
        if poll_fn(|cx| self.poll_head(cx)).await.is_ok() {
            while let Some(Ok(_)) = poll_fn(|cx| self.poll_chunk(cx)).await {}
        }
    }
}
