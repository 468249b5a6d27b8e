//! The backend's half of a streaming call: messages become the client's form as they come, all that are ready in one
//! piece. Nothing is read from the backend while the client takes nothing.

use std::future::Future as _;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http::HeaderMap;
use http_body::Frame;
use tokio::time::{Instant, Sleep, sleep};

use super::exchange::Exchange;
use super::writing::Writing;
use crate::observe::CallRecord;
use crate::protocol::{Broken, Streamed};
use crate::status::{Code, Origin, Status};

/// The answer of a stream.
pub(super) struct Flow {
    exchange: Exchange,
    writing: Writing,
    /// Sent while the backend is silent, in the form that has such a thing.
    quiet: Option<Quiet>,
    takes_trailers: bool,
    rest: Rest,
}

/// What is still to come when a piece was given out.
enum Rest {
    Messages,
    Trailers(HeaderMap),
    Break,
    Nothing,
}

impl Flow {
    /// What follows the messages that `writing` holds. `keep_alive`: how long the backend may be silent before the
    /// client is told that the stream goes on.
    pub(super) fn new(
        exchange: Exchange,
        writing: Writing,
        keep_alive: Option<Duration>,
        takes_trailers: bool,
    ) -> Self {
        let quiet = keep_alive.filter(|_| writing.keeps_alive()).map(Quiet::new);
        Self { exchange, writing, quiet, takes_trailers, rest: Rest::Messages }
    }

    /// The next piece of messages; `None` at their end.
    fn poll_messages(&mut self, cx: &mut Context<'_>) -> Poll<Option<Bytes>> {
        while !self.writing.is_full() {
            match self.exchange.poll_message(cx) {
                Poll::Ready(Some(message)) => {
                    if let Err(fault) = self.writing.message(&message) {
                        self.exchange.fail(fault);
                    }
                }
                Poll::Ready(None) => {
                    self.rest = self.end();
                    return Poll::Ready(self.writing.take());
                }
                Poll::Pending if self.writing.is_empty() => {
                    let Some(quiet) = &mut self.quiet else { return Poll::Pending };
                    ready!(quiet.poll(cx));
                    self.writing.keep_alive();
                    break;
                }
                Poll::Pending => break,
            }
        }
        if let Some(quiet) = &mut self.quiet {
            quiet.restart();
        }
        Poll::Ready(self.writing.take())
    }

    /// Writes the end of the stream; gives what follows it.
    fn end(&mut self) -> Rest {
        let Some(end) = self.exchange.ended() else { return Rest::Break };
        match &end.outcome {
            Ok(()) => self.writing.end(),
            Err(status) if !self.writing.error(status) => return Rest::Break,
            Err(_) => {}
        }
        let trailers = self.writing.trailers(end.metadata.clone());
        if self.takes_trailers && !trailers.is_empty() { Rest::Trailers(trailers) } else { Rest::Nothing }
    }
}

impl Streamed for Flow {
    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Broken>>> {
        if let Rest::Messages = self.rest
            && let Some(piece) = ready!(self.poll_messages(cx))
        {
            return Poll::Ready(Some(Ok(Frame::data(piece))));
        }
        Poll::Ready(match std::mem::replace(&mut self.rest, Rest::Nothing) {
            Rest::Messages | Rest::Nothing => None,
            Rest::Trailers(trailers) => Some(Ok(Frame::trailers(trailers))),
            Rest::Break => Some(Err(Broken)),
        })
    }

    fn stop(mut self: Pin<&mut Self>) {
        if matches!(self.rest, Rest::Messages) {
            let message = "the gateway is shutting down";
            self.exchange.fail(Status::new(Code::Unavailable, message, Origin::Gateway));
        }
    }

    fn record(&self, record: &mut CallRecord) {
        self.exchange.record(record);
    }
}

/// The silence of a backend, measured.
struct Quiet {
    period: Duration,
    timer: Pin<Box<Sleep>>,
}

impl Quiet {
    fn new(period: Duration) -> Self {
        Self { period, timer: Box::pin(sleep(period)) }
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.timer.as_mut().poll(cx)
    }

    fn restart(&mut self) {
        self.timer.as_mut().reset(Instant::now() + self.period);
    }
}
