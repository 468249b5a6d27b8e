//! When to stop: told by a signal, or by whoever holds the sender.

use std::io;

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

/// How far a shutdown has come.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stop {
    /// Serve.
    #[default]
    No,
    /// Accept nothing new, finish what is under way.
    Drain,
    /// Cut what is under way.
    Now,
}

/// Follows SIGTERM and SIGINT: the first drains, the second stops at once. Must be called within a tokio
/// runtime.
///
/// # Errors
/// When the signals cannot be listened to.
pub fn shutdown_signal() -> io::Result<watch::Receiver<Stop>> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let (told, stop) = watch::channel(Stop::No);
    tokio::spawn(async move {
        for step in [Stop::Drain, Stop::Now] {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
            told.send_replace(step);
        }
        told.closed().await;
    });
    Ok(stop)
}

/// Waits until the shutdown has come to `step`; a sender that is gone has stopped everything.
pub(super) async fn reached(stop: &mut watch::Receiver<Stop>, step: Stop) {
    stop.wait_for(|stop| *stop >= step).await.ok();
}
