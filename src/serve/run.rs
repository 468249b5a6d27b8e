//! Accepting connections until told to stop, and then the drain: what the system had accepted is still served,
//! nothing newer is; what is under way may finish for a bounded time, the rest is cut and counted.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout, timeout_at};
use tokio_rustls::TlsAcceptor;

use super::clients;
use super::connection::{self, Protocol};
use super::listen::{Listener, Listeners, Stream, theirs};
use super::patience::{Patience, Patient};
use super::phase::{Alive, Phase};
use super::shutdown::{Stop, reached};
use super::{Front, Gateway};
use crate::gateway::Peer;

/// How a shutdown went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Drained {
    /// Connections that had to be cut because their calls did not finish in time.
    pub cut: usize,
}

/// How long to wait after the system could not accept a connection (no file descriptor left, most often).
const BACK_OFF: Duration = Duration::from_millis(100);

/// How long a connection on which nothing is under way is kept when a shutdown begins, at most: long enough
/// for a request that was sent before, be its packet lost once.
const GRACE: Duration = Duration::from_secs(1);

/// How long calls that were cut may take to be recorded.
const AFTERMATH: Duration = Duration::from_secs(1);

/// How long streams that are cut have to tell their clients.
const LAST_WORDS: Duration = Duration::from_millis(250);

/// What all listeners share.
struct Shared<G> {
    front: Arc<Front<G>>,
    protocol: Arc<Protocol>,
    patience: Patience,
    grace: Duration,
    room: Arc<Semaphore>,
    stop: watch::Receiver<Stop>,
    alive: Alive,
}

impl Listeners {
    /// Serves `front` until `stop` says to drain, then drains for the time in the settings, or until `stop`
    /// says now.
    pub async fn run<G: Gateway>(self, front: Arc<Front<G>>, mut stop: watch::Receiver<Stop>) -> Drained {
        let (alive, mut last) = mpsc::channel(1);
        let shared = Arc::new(Shared {
            front: Arc::clone(&front),
            protocol: Arc::new(connection::protocol(&self.limits)),
            patience: Patience {
                header: self.limits.header_timeout,
                idle: self.limits.idle_timeout,
                write: self.limits.write_timeout,
            },
            // A short drain has time for calls too.
            grace: GRACE.min(self.drain / 4),
            room: Arc::new(Semaphore::new(self.limits.connections.min(Semaphore::MAX_PERMITS))),
            stop: stop.clone(),
            alive,
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
            cut += finish(connections.unwrap_or_default(), deadline, &mut stop, &front).await;
        }
        drop(shared);
        timeout(AFTERMATH, last.recv()).await.ok();
        Drained { cut }
    }
}

/// Accepts until told to stop, and then what the system has accepted already; gives the connections that are
/// open then. The socket is closed by then.
async fn accept<G: Gateway>(listener: Listener, shared: Arc<Shared<G>>) -> JoinSet<()> {
    let Listener { socket, tls } = listener;
    let mut connections = JoinSet::new();
    let mut stop = shared.stop.clone();
    loop {
        let accepted = tokio::select! {
            () = reached(&mut stop, Stop::Drain) => break,
            // Those that have ended make room for their results to be forgotten.
            Some(_) = connections.join_next() => continue,
            accepted = socket.accept() => accepted,
        };
        match accepted {
            Ok(stream) => {
                // Taken now and not before: a listener that waits for a client must not keep another from one.
                let room = tokio::select! {
                    room = Arc::clone(&shared.room).acquire_owned() => room.ok(),
                    () = reached(&mut stop, Stop::Drain) => None,
                };
                begin(&mut connections, stream, room, tls.clone(), &shared);
            }
            Err(error) if theirs(&error) => {}
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                sleep(BACK_OFF).await;
            }
        }
    }
    for stream in socket.close() {
        begin(&mut connections, stream, None, tls.clone(), &shared);
    }
    connections
}

/// Begins to serve a connection: at once where there is room, else once there is.
fn begin<G: Gateway>(
    connections: &mut JoinSet<()>,
    stream: Stream,
    room: Option<OwnedSemaphorePermit>,
    tls: Option<TlsAcceptor>,
    shared: &Arc<Shared<G>>,
) {
    let shared = Arc::clone(shared);
    match stream {
        Stream::Tcp(stream, address) => {
            // Without this a small answer waits for the acknowledgement of the one before it.
            if let Err(error) = stream.set_nodelay(true) {
                tracing::debug!(%error, "TCP_NODELAY could not be set");
            }
            connections.spawn(admit(stream, Some(address), tls, shared, room));
        }
        Stream::Unix(stream) => {
            connections.spawn(admit(stream, None, tls, shared, room));
        }
    }
}

async fn admit<G: Gateway, S>(
    stream: S,
    address: Option<SocketAddr>,
    tls: Option<TlsAcceptor>,
    shared: Arc<Shared<G>>,
    room: Option<OwnedSemaphorePermit>,
) where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let _room = match room {
        Some(room) => Ok(room),
        None => Arc::clone(&shared.room).acquire_owned().await,
    };
    let _counted = shared.front.recorder().connection();
    converse(stream, Peer { address, tls: tls.is_some(), ..Peer::default() }, tls, &shared).await;
}

async fn converse<G: Gateway, S>(stream: S, mut peer: Peer, tls: Option<TlsAcceptor>, shared: &Shared<G>)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (front, protocol) = (Arc::clone(&shared.front), Arc::clone(&shared.protocol));
    let phase = Phase::new(shared.grace, shared.alive.clone());
    let (write, mut stop) = (shared.patience.write, shared.stop.clone());
    let stream = Patient::new(stream, Arc::clone(&phase), shared.patience);
    let Some(tls) = tls else {
        return connection::serve(stream, peer, front, protocol, phase, write, stop).await;
    };
    // In a box, so that connections without TLS do not carry the room for it.
    let secure = Box::pin(async move {
        let shaken = tokio::select! {
            biased;
            shaken = tls.accept(stream) => shaken,
            () = connection::parting(&phase, &mut stop) => return,
        };
        match shaken {
            Ok(stream) => {
                peer.certificate = clients::certificate(stream.get_ref().1.peer_certificates());
                connection::serve(stream, peer, front, protocol, phase, write, stop).await;
            }
            Err(error) => tracing::debug!(%error, "a TLS handshake failed"),
        }
    });
    secure.await;
}

/// Waits for the connections to end, until the deadline or until told to stop now; gives how many were cut.
async fn finish<G: Gateway>(
    mut connections: JoinSet<()>,
    deadline: Instant,
    stop: &mut watch::Receiver<Stop>,
    front: &Front<G>,
) -> usize {
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
    front.recorder().cutting();
    // Streams say that they are cut, to whoever listens.
    let all = async { while connections.join_next().await.is_some() {} };
    timeout(LAST_WORDS, all).await.ok();
    connections.shutdown().await;
    cut
}
