//! Accepting connections until told to stop, and then the drain: nothing new is accepted, what is under way
//! may finish for a bounded time, the rest is cut and counted.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout, timeout_at};
use tokio_rustls::TlsAcceptor;

use super::connection::{self, Protocol};
use super::listen::{Listener, Listeners, Stream};
use super::shutdown::{Stop, reached};
use super::{Front, Gateway};
use crate::gateway::Peer;
use crate::telemetry::ConnectionGuard;

/// How a shutdown went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Drained {
    /// Connections that had to be cut because their calls did not finish in time.
    pub cut: usize,
}

/// How long to wait after the system could not accept a connection (no file descriptor left, most often).
const BACK_OFF: Duration = Duration::from_millis(100);

/// What all listeners share.
struct Shared<G> {
    front: Arc<Front<G>>,
    protocol: Arc<Protocol>,
    header_timeout: Duration,
    room: Arc<Semaphore>,
    stop: watch::Receiver<Stop>,
}

impl Listeners {
    /// Serves `front` until `stop` says to drain, then drains for the time in the settings, or until `stop`
    /// says now.
    pub async fn run<G: Gateway>(self, front: Arc<Front<G>>, mut stop: watch::Receiver<Stop>) -> Drained {
        let shared = Arc::new(Shared {
            front: Arc::clone(&front),
            protocol: Arc::new(connection::protocol(&self.limits)),
            header_timeout: self.limits.header_timeout,
            room: Arc::new(Semaphore::new(self.limits.connections.min(Semaphore::MAX_PERMITS))),
            stop: stop.clone(),
        });
        let mut listeners = JoinSet::new();
        for listener in self.sockets {
            listeners.spawn(accept(listener, Arc::clone(&shared)));
        }
        reached(&mut stop, Stop::Drain).await;
        front.drain();
        let deadline = Instant::now() + self.drain;
        let mut cut = 0;
        while let Some(connections) = listeners.join_next().await {
            cut += finish(connections.unwrap_or_default(), deadline, &mut stop).await;
        }
        Drained { cut }
    }
}

/// Accepts until told to stop; gives the connections that are open then. The socket is closed by then.
async fn accept<G: Gateway>(listener: Listener, shared: Arc<Shared<G>>) -> JoinSet<()> {
    let mut connections = JoinSet::new();
    let mut stop = shared.stop.clone();
    loop {
        tokio::select! {
            () = reached(&mut stop, Stop::Drain) => return connections,
            // Those that have ended make room for their results to be forgotten.
            Some(_) = connections.join_next() => {}
            next = next(&listener, &shared.room) => match next {
                Ok((stream, room)) => begin(&mut connections, stream, room, &listener, &shared),
                Err(error) if theirs(&error) => {}
                Err(error) => {
                    tracing::warn!(%error, "a connection could not be accepted");
                    sleep(BACK_OFF).await;
                }
            },
        }
    }
}

/// The next connection, once there is room for it.
async fn next(listener: &Listener, room: &Arc<Semaphore>) -> io::Result<(Stream, OwnedSemaphorePermit)> {
    let room = Arc::clone(room).acquire_owned().await.map_err(io::Error::other)?;
    let stream = listener.socket.accept().await?;
    Ok((stream, room))
}

/// Whether the client broke off before it was accepted.
fn theirs(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset | Interrupted)
}

fn begin<G: Gateway>(
    connections: &mut JoinSet<()>,
    stream: Stream,
    room: OwnedSemaphorePermit,
    listener: &Listener,
    shared: &Arc<Shared<G>>,
) {
    let held = (room, shared.front.recorder().connection());
    let (tls, shared) = (listener.tls.clone(), Arc::clone(shared));
    match stream {
        Stream::Tcp(stream, address) => {
            // Without this a small answer waits for the acknowledgement of the one before it.
            if let Err(error) = stream.set_nodelay(true) {
                tracing::debug!(%error, "TCP_NODELAY could not be set");
            }
            connections.spawn(converse(stream, Some(address), tls, shared, held));
        }
        Stream::Unix(stream) => {
            connections.spawn(converse(stream, None, tls, shared, held));
        }
    }
}

async fn converse<G: Gateway, S>(
    stream: S,
    address: Option<std::net::SocketAddr>,
    tls: Option<TlsAcceptor>,
    shared: Arc<Shared<G>>,
    _held: (OwnedSemaphorePermit, ConnectionGuard),
) where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let peer = Peer { address, tls: tls.is_some() };
    let (front, protocol) = (Arc::clone(&shared.front), Arc::clone(&shared.protocol));
    let (header_timeout, mut stop) = (shared.header_timeout, shared.stop.clone());
    let Some(tls) = tls else {
        return connection::serve(stream, peer, front, protocol, header_timeout, stop).await;
    };
    tokio::select! {
        () = reached(&mut stop, Stop::Drain) => {}
        shaken = timeout(header_timeout, tls.accept(stream)) => match shaken {
            Ok(Ok(stream)) => connection::serve(stream, peer, front, protocol, header_timeout, stop.clone()).await,
            Ok(Err(error)) => tracing::debug!(%error, "a TLS handshake failed"),
            Err(_) => tracing::debug!("a TLS handshake took too long"),
        },
    }
}

/// Waits for the connections to end, until the deadline or until told to stop now; gives how many were cut.
async fn finish(mut connections: JoinSet<()>, deadline: Instant, stop: &mut watch::Receiver<Stop>) -> usize {
    let all = async { while connections.join_next().await.is_some() {} };
    let ended = tokio::select! {
        ended = timeout_at(deadline, all) => ended.is_ok(),
        () = reached(stop, Stop::Now) => false,
    };
    if ended {
        return 0;
    }
    // Those that ended at the last moment were not cut.
    while connections.try_join_next().is_some() {}
    let cut = connections.len();
    connections.shutdown().await;
    cut
}
