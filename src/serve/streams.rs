//! The tasks of HTTP/2 calls, which outlive the task of their connection by a moment: the end of a shutdown
//! waits for them, so that no record is lost.

use std::convert::Infallible;
use std::future::Future;
use std::time::Duration;

use hyper::rt::Executor;
use tokio::sync::mpsc;
use tokio::time::timeout;

/// Spawns the calls of HTTP/2 connections.
#[derive(Debug, Clone)]
pub(super) struct Streams(mpsc::Sender<Infallible>);

/// Knows when the last call has ended.
#[derive(Debug)]
pub(super) struct Ended(mpsc::Receiver<Infallible>);

impl Streams {
    pub fn new() -> (Self, Ended) {
        // Nothing is ever sent: a channel ends with the last of its senders.
        let (streams, ended) = mpsc::channel(1);
        (Self(streams), Ended(ended))
    }
}

impl<F> Executor<F> for Streams
where
    F: Future + Send + 'static,
{
    fn execute(&self, call: F) {
        let held = self.0.clone();
        tokio::spawn(async move {
            call.await;
            drop(held);
        });
    }
}

impl Ended {
    /// Waits until all calls have ended and all connections are gone, for at most `limit`.
    pub async fn wait(mut self, limit: Duration) {
        timeout(limit, self.0.recv()).await.ok();
    }
}
