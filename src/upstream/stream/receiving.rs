//! The answer's half of a streaming call: head, messages, and how it ended. Not for what a status or a frame means
//! (`answer`), and not for the request (`sending`).

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use h2::client::ResponseFuture;
use h2::{Reason, RecvStream};
use http::{HeaderMap, response};
use tokio::time::{Instant, Sleep, sleep_until};

use super::line::Line;
use crate::status::{Code, Status};
use crate::upstream::{answer, fault};
use crate::wire::frame::FrameReader;

/// Receives a call's answer. Dropped before its end, it cancels the call at the backend, at the connection's pace.
///
/// Holds at most one message and one chunk, beside what flow control lets the backend send ahead.
#[derive(Debug)]
pub struct Receiving {
    line: Arc<Line>,
    incoming: Incoming,
    reader: FrameReader,
    /// The status that came with the head, for a backend that sends no trailers.
    early: Option<Result<(), Status>>,
    deadline: Option<Pin<Box<Sleep>>>,
    /// How it ended, once it has.
    end: Option<End>,
}

#[derive(Debug)]
enum Incoming {
    Head(ResponseFuture),
    Body(RecvStream),
    Over,
}

/// How a call ended.
#[derive(Debug, Clone)]
pub struct End {
    /// Trailing metadata; reserved gRPC names are removed.
    pub metadata: HeaderMap,
    /// Its status.
    pub outcome: Result<(), Status>,
}

impl Receiving {
    pub(super) fn new(
        line: Arc<Line>,
        response: ResponseFuture,
        limit: usize,
        deadline: Option<Instant>,
    ) -> Self {
        Self {
            line,
            incoming: Incoming::Head(response),
            reader: FrameReader::new(limit),
            early: None,
            deadline: deadline.map(|deadline| Box::pin(sleep_until(deadline))),
            end: None,
        }
    }

    /// The initial metadata (reserved names removed); later calls give an empty one.
    ///
    /// # Errors
    /// How a call ended that ended without one.
    pub async fn head(&mut self) -> Result<HeaderMap, End> {
        poll_fn(|cx| self.poll_head(cx)).await
    }

    /// As [`head`](Self::head).
    pub fn poll_head(&mut self, cx: &mut Context<'_>) -> Poll<Result<HeaderMap, End>> {
        self.interrupt(cx);
        if let Incoming::Head(response) = &mut self.incoming {
            match ready!(Pin::new(response).poll(cx)) {
                Ok(answer) => {
                    let (head, body) = answer.into_parts();
                    self.incoming = Incoming::Body(body);
                    if let Some(metadata) = self.begin(head) {
                        return Poll::Ready(Ok(metadata));
                    }
                }
                Err(error) => self.over(fault::status(&error)),
            }
        }
        Poll::Ready(match &self.end {
            Some(end) => Err(end.clone()),
            None => Ok(HeaderMap::new()),
        })
    }

    /// The next message; `None` at the end, and then [`end`](Self::end) says how it ended.
    pub async fn message(&mut self) -> Option<Bytes> {
        poll_fn(|cx| self.poll_message(cx)).await
    }

    /// As [`message`](Self::message).
    pub fn poll_message(&mut self, cx: &mut Context<'_>) -> Poll<Option<Bytes>> {
        if matches!(self.incoming, Incoming::Head(_)) {
            // Who does not ask for the metadata does not want it.
            let _ = ready!(self.poll_head(cx));
        }
        self.interrupt(cx);
        while let Incoming::Body(body) = &mut self.incoming {
            match self.reader.next() {
                Ok(Some(message)) => return Poll::Ready(Some(message)),
                Ok(None) => {}
                Err(error) => {
                    self.give_up(answer::bad_frame(error));
                    break;
                }
            }
            match ready!(body.poll_data(cx)) {
                Some(Ok(chunk)) => {
                    // Fails only if more is released than was received.
                    let _ = body.flow_control().release_capacity(chunk.len());
                    self.reader.push(chunk);
                }
                Some(Err(error)) => self.broke_off(&error),
                None => match ready!(body.poll_trailers(cx)) {
                    Ok(trailers) => self.trailed(trailers.unwrap_or_default()),
                    Err(error) => self.broke_off(&error),
                },
            }
        }
        Poll::Ready(None)
    }

    /// How the call ended, after [`message`](Self::message) gave `None`.
    pub fn end(&mut self) -> End {
        self.end.clone().unwrap_or_else(|| {
            let outcome = Err(fault::broken("the backend's answer was not read to its end"));
            End { metadata: HeaderMap::new(), outcome }
        })
    }

    /// Ends the call if the deadline has passed or the sending half has given it up.
    fn interrupt(&mut self, cx: &mut Context<'_>) {
        if self.end.is_some() {
            return;
        }
        if let Some(verdict) = self.line.poll_verdict(cx) {
            self.over(verdict);
        } else if let Some(deadline) = &mut self.deadline
            && deadline.as_mut().poll(cx).is_ready()
        {
            self.give_up(Status::deadline_exceeded());
        }
    }

    /// Takes the head of an answer: the metadata of one that goes on, or `None` when the call has ended.
    fn begin(&mut self, mut head: response::Parts) -> Option<HeaderMap> {
        let ended = matches!(&self.incoming, Incoming::Body(body) if body.is_end_stream());
        if let Some(status) = answer::not_grpc(&head) {
            self.give_up(status);
            return None;
        }
        self.early = answer::status(&head.headers);
        answer::strip(&mut head.headers);
        match self.early.take() {
            None if ended => self.ended(head.headers, Err(fault::broken(NO_STATUS))),
            // Whatever may come after a failure does not count.
            Some(outcome) if ended || outcome.is_err() => {
                if !ended {
                    self.line.give_up();
                }
                self.ended(head.headers, outcome);
            }
            early => {
                self.early = early;
                return Some(head.headers);
            }
        }
        None
    }

    fn trailed(&mut self, mut trailers: HeaderMap) {
        let outcome = self.reader.finish().map_err(answer::bad_frame).and_then(|()| {
            let status = answer::status(&trailers).or_else(|| self.early.take());
            status.unwrap_or_else(|| Err(fault::broken(NO_STATUS)))
        });
        answer::strip(&mut trailers);
        self.ended(trailers, outcome);
    }

    /// The stream broke. One that is reset without an error after a status has only lost what nobody reads: the
    /// rest of the request (RFC 9113, section 8.1).
    fn broke_off(&mut self, error: &h2::Error) {
        let harmless = error.is_reset() && error.reason() == Some(Reason::NO_ERROR);
        match self.early.take() {
            Some(outcome) if harmless => self.ended(HeaderMap::new(), outcome),
            _ => self.over(fault::status(error)),
        }
    }

    /// The call has ended.
    fn ended(&mut self, metadata: HeaderMap, mut outcome: Result<(), Status>) {
        if let Err(status) = &mut outcome
            && status.code == Code::Cancelled
            && self.deadline.as_ref().is_some_and(|deadline| deadline.deadline() <= Instant::now())
        {
            // The backend keeps the same deadline, and may be the first to notice.
            *status = Status::deadline_exceeded();
        }
        self.line.end();
        self.incoming = Incoming::Over;
        self.end = Some(End { metadata, outcome });
    }

    /// The call is over, without a word of the backend.
    fn over(&mut self, status: Status) {
        self.ended(HeaderMap::new(), Err(status));
    }

    /// Ends the call from here.
    fn give_up(&mut self, status: Status) {
        self.line.give_up();
        self.over(status);
    }
}

impl Drop for Receiving {
    fn drop(&mut self) {
        if !matches!(self.incoming, Incoming::Over) {
            self.line.give_up();
        }
    }
}

const NO_STATUS: &str = "the backend ended the call without a status";
