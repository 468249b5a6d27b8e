//! The request's half of a streaming call. Not for what messages say, and not for the answer (`receiving`).

use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;

use super::line::Line;
use crate::status::{Code, Origin, Status};
use crate::upstream::refuse;
use crate::wire::frame;

/// Sends a call's messages. Dropped before [`finish`](Self::finish), it cancels the call at the backend, and the
/// answer ends with `CANCELLED`.
#[derive(Debug)]
pub struct Sending {
    line: Arc<Line>,
    /// The largest message in bytes.
    limit: usize,
    finished: bool,
}

/// The backend takes no more messages: the call is over, and its answer says how it ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the backend takes no more messages")]
pub struct Gone;

impl Sending {
    pub(super) fn new(line: Arc<Line>, limit: usize) -> Self {
        Self { line, limit, finished: false }
    }

    /// Sends one framed message (prefix and message), waiting until the backend takes it: what flow control does
    /// not let through yet is held here, and nothing else. A future that is dropped on the way leaves half a
    /// message sent, so the call can only be given up then.
    ///
    /// # Errors
    /// When the backend takes no more. The answer says why.
    pub async fn send(&mut self, mut frame: Bytes) -> Result<(), Gone> {
        poll_fn(|cx| self.poll_send(cx, &mut frame)).await
    }

    /// As [`send`](Self::send), taking off `frame` what was sent; to be called with the same one until it is ready.
    ///
    /// A message larger than the upstream's limit ends the call: the answer is a 413.
    pub fn poll_send(&mut self, cx: &mut Context<'_>, frame: &mut Bytes) -> Poll<Result<(), Gone>> {
        if let Err(status) = refuse(frame.len().saturating_sub(frame::PREFIX), self.limit) {
            self.line.fail(status);
            return Poll::Ready(Err(Gone));
        }
        while !frame.is_empty() {
            if !ready!(self.line.poll_push(cx, frame)) {
                return Poll::Ready(Err(Gone));
            }
        }
        Poll::Ready(Ok(()))
    }

    /// Gives the call up: it is cancelled at the backend, and its answer ends with this status.
    pub fn fail(mut self, status: Status) {
        self.finished = true;
        self.line.fail(status);
    }

    /// Ends the request.
    pub fn finish(mut self) {
        self.finished = true;
        self.line.finish();
    }
}

impl Drop for Sending {
    fn drop(&mut self) {
        if !self.finished {
            let message = "the request was broken off";
            self.line.fail(Status::new(Code::Cancelled, message, Origin::Client));
        }
    }
}
