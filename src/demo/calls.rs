//! What the embedded backend saw of the last calls, for tests to look at. Bounded.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::HeaderMap;

/// How far a call came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It is being answered.
    Running,
    /// It was answered, with whatever status.
    Completed,
    /// The client went away before it was answered.
    Cancelled,
}

/// One call as it arrived here.
#[derive(Debug, Clone)]
pub struct SeenCall {
    /// `/pkg.Service/Method`.
    pub path: String,
    /// All headers as received, the gRPC ones included.
    pub metadata: HeaderMap,
    /// The request message (of a stream the last one), of a large one the first 64 KiB; empty until it was read.
    pub message: Bytes,
    /// How many request messages were read.
    pub received: usize,
    /// How many messages of a stream were answered, as far as flow control took them.
    pub answered: usize,
    /// What `grpc-timeout` said.
    pub timeout: Option<Duration>,
    /// How far it came.
    pub outcome: Outcome,
}

/// How much of a message is remembered, in bytes.
const LARGEST_MESSAGE: usize = 64 << 10;

/// The last calls, at most `capacity` of them.
#[derive(Debug)]
pub(super) struct CallLog {
    capacity: usize,
    calls: Mutex<Calls>,
}

#[derive(Debug, Default)]
struct Calls {
    /// The number of the oldest call that is held.
    first: usize,
    held: VecDeque<SeenCall>,
}

impl CallLog {
    pub(super) fn new(capacity: usize) -> Arc<Self> {
        Arc::new(Self { capacity, calls: Mutex::default() })
    }

    /// Notes a call that begins; it counts as cancelled when the ticket is dropped before its end.
    pub(super) fn begin(
        self: &Arc<Self>,
        path: &str,
        metadata: &HeaderMap,
        timeout: Option<Duration>,
    ) -> Ticket {
        if self.capacity == 0 {
            return Ticket { log: None, number: 0, outcome: Outcome::Cancelled };
        }
        let call = SeenCall {
            path: path.to_owned(),
            metadata: metadata.clone(),
            message: Bytes::new(),
            received: 0,
            answered: 0,
            timeout,
            outcome: Outcome::Running,
        };
        let number = self.with(|calls| {
            if calls.held.len() == self.capacity {
                calls.held.pop_front();
                calls.first += 1;
            }
            calls.held.push_back(call);
            calls.first + calls.held.len() - 1
        });
        Ticket { log: Some(Arc::clone(self)), number, outcome: Outcome::Cancelled }
    }

    pub(super) fn snapshot(&self) -> Vec<SeenCall> {
        self.with(|calls| calls.held.iter().cloned().collect())
    }

    fn with<T>(&self, change: impl FnOnce(&mut Calls) -> T) -> T {
        change(&mut self.calls.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// A running call's place in the log.
#[derive(Debug)]
pub(super) struct Ticket {
    log: Option<Arc<CallLog>>,
    number: usize,
    outcome: Outcome,
}

impl Ticket {
    pub(super) fn message(&self, message: &Bytes) {
        self.note(|call| {
            call.received += 1;
            // A slice of a large message would keep all of it in memory.
            call.message = match message.get(..LARGEST_MESSAGE) {
                Some(start) => Bytes::copy_from_slice(start),
                None => message.clone(),
            };
        });
    }

    pub(super) fn answered(&self) {
        self.note(|call| call.answered += 1);
    }

    pub(super) fn complete(mut self) {
        self.outcome = Outcome::Completed;
    }

    fn note(&self, change: impl FnOnce(&mut SeenCall)) {
        let Some(log) = &self.log else { return };
        log.with(|calls| {
            let place = self.number.checked_sub(calls.first);
            if let Some(call) = place.and_then(|place| calls.held.get_mut(place)) {
                change(call);
            }
        });
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.note(|call| call.outcome = self.outcome);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_log_is_bounded_and_tells_what_became_of_each_call() {
        let log = CallLog::new(2);
        let begin = |path| log.begin(path, &HeaderMap::new(), None);
        let (first, second, third) = (begin("/1"), begin("/2"), begin("/3"));
        first.complete();
        second.message(&Bytes::from_static(b"two"));
        drop(second);
        third.answered();
        let seen: Vec<_> =
            log.snapshot().into_iter().map(|call| (call.path, call.message, call.outcome)).collect();
        assert_eq!(
            seen,
            [
                ("/2".to_owned(), Bytes::from_static(b"two"), Outcome::Cancelled),
                ("/3".to_owned(), Bytes::new(), Outcome::Running)
            ]
        );
        let counts: Vec<_> = log.snapshot().into_iter().map(|call| (call.received, call.answered)).collect();
        assert_eq!(counts, [(1, 0), (0, 1)]);
        third.complete();
        assert_eq!(log.snapshot().last().expect("a call").outcome, Outcome::Completed);
    }
}
