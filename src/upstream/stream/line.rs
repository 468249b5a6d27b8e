//! What the two halves of a streaming call share: the stream itself, and the word of one half that ends the other.
//! Not for messages: those are the halves' own.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_util::task::AtomicWaker;
use h2::{Reason, SendStream};
use tokio::runtime::Handle;
use tokio::time::{Instant, sleep_until};

use crate::status::Status;
use crate::upstream::pool::Lease;

/// The stream of one call. The lock is held for a few instructions, and only the two halves of the call want it.
#[derive(Debug)]
pub(super) struct Line {
    state: Mutex<State>,
    /// The half that receives, to be told of a verdict.
    receiver: AtomicWaker,
    /// The half that sends, to be told that nothing more is taken.
    sender: AtomicWaker,
}

#[derive(Debug)]
struct State {
    /// `None` once the call is over or given up.
    open: Option<Open>,
    /// Whether the request was sent to its end.
    finished: bool,
    /// Why the sending half gave the call up.
    verdict: Option<Status>,
}

#[derive(Debug)]
struct Open {
    outgoing: SendStream<Bytes>,
    lease: Lease,
}

impl Line {
    /// Of a stream that was just opened.
    pub(super) fn new(outgoing: SendStream<Bytes>, lease: Lease) -> Self {
        let state = State { open: Some(Open { outgoing, lease }), finished: false, verdict: None };
        Self { state: Mutex::new(state), receiver: AtomicWaker::new(), sender: AtomicWaker::new() }
    }

    /// Sends some of `bytes`, as much as flow control allows, and takes it off them; `false` when the call is over.
    pub(super) fn poll_push(&self, cx: &mut Context<'_>, bytes: &mut Bytes) -> Poll<bool> {
        self.sender.register(cx.waker());
        let mut state = self.state();
        let Some(Open { outgoing, .. }) = &mut state.open else {
            return Poll::Ready(false);
        };
        outgoing.reserve_capacity(bytes.len().min(PIECE));
        let room = match outgoing.capacity() {
            0 => match outgoing.poll_capacity(cx) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Some(Ok(room))) => room,
                Poll::Ready(Some(Err(_)) | None) => return Poll::Ready(false),
            },
            room => room,
        };
        let piece = bytes.split_to(room.min(bytes.len()));
        Poll::Ready(outgoing.send_data(piece, false).is_ok())
    }

    /// Ends the request.
    pub(super) fn finish(&self) {
        let mut state = self.state();
        state.finished = true;
        if let Some(Open { outgoing, .. }) = &mut state.open {
            // Fails only on a stream that is over already, and then the answer says why.
            let _ = outgoing.send_data(Bytes::new(), true);
        }
    }

    /// Gives the call up for the sending half: the receiving one ends with this status.
    pub(super) fn fail(&self, status: Status) {
        let mut state = self.state();
        if state.open.is_none() {
            return;
        }
        state.verdict = Some(status);
        drop(state);
        self.give_up();
        self.receiver.wake();
    }

    /// Why the sending half gave the call up, if it did; else the receiving half will be woken when it does.
    pub(super) fn poll_verdict(&self, cx: &Context<'_>) -> Option<Status> {
        self.receiver.register(cx.waker());
        self.state().verdict.take()
    }

    /// The answer has ended: what is left of the request has no reader.
    pub(super) fn end(&self) {
        let mut state = self.state();
        let (open, finished) = (state.open.take(), state.finished);
        drop(state);
        if let Some(mut open) = open.filter(|_| !finished) {
            open.outgoing.send_reset(Reason::NO_ERROR);
        }
        self.sender.wake();
    }

    /// Cancels the call at the backend, at the connection's pace; until its turn has come, the stream is kept.
    pub(super) fn give_up(&self) {
        let Some(mut open) = self.state().open.take() else {
            return;
        };
        self.sender.wake();
        let turn = open.lease.connection.gauge.pace.turn(Instant::now());
        match turn.zip(Handle::try_current().ok()) {
            None => open.outgoing.send_reset(Reason::CANCEL),
            Some((turn, runtime)) => {
                runtime.spawn(async move {
                    sleep_until(turn).await;
                    open.outgoing.send_reset(Reason::CANCEL);
                });
            }
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How much of a message is offered at once: so much that it fills frames, so little that a large message leaves
/// others a part of the connection.
const PIECE: usize = 64 << 10;
