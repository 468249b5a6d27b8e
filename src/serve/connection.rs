//! One client connection: HTTP/1.1 or HTTP/2 by what the client speaks, within the limits, until it ends or
//! is told to.

use std::convert::Infallible;
use std::fmt::Display;
use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::Duration;

use http::{Request, Response};
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::watch;
use tokio::time::timeout;

use super::answering::{Answering, Manner, Spoken};
use super::asked::Asked;
use super::layers::{self, Answer};
use super::phase::Phase;
use super::shutdown::{Stop, reached};
use super::{ConnectionLimits, Front, Gateway};
use crate::gateway::Peer;

/// Idle time after which an HTTP/2 client is asked whether it is still there.
const PING_INTERVAL: Duration = Duration::from_mins(1);

/// How long it may take to answer.
const PING_TIMEOUT: Duration = Duration::from_secs(20);

/// How connections are spoken with.
pub(super) type Protocol = auto::Builder<TokioExecutor>;

/// The protocol within the limits.
pub(super) fn protocol(limits: &ConnectionLimits) -> Protocol {
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder
        .http1()
        // Time limits are kept by `Patient`.
        .header_read_timeout(None)
        .max_buf_size(limits.header_bytes)
        .keep_alive(true)
        // A client that closes its side has gone: only so can its call be cancelled at the backend.
        .half_close(false);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_header_list_size(u32::try_from(limits.header_bytes).unwrap_or(u32::MAX))
        .max_concurrent_streams(limits.streams)
        .keep_alive_interval(PING_INTERVAL)
        .keep_alive_timeout(PING_TIMEOUT);
    builder
}

/// Serves a connection until it ends. `Stop::Drain` lets it finish what it has begun and what is on its way.
pub(super) async fn serve<G: Gateway, S>(
    stream: S,
    peer: Peer,
    front: Arc<Front<G>>,
    protocol: Arc<Protocol>,
    phase: Arc<Phase>,
    write_timeout: Duration,
    mut stop: watch::Receiver<Stop>,
) where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    if *stop.borrow() != Stop::No {
        phase.close();
    }
    let client = Client { front, peer: Arc::new(peer), phase: Arc::clone(&phase) };
    let mut connection = pin!(protocol.serve_connection(TokioIo::new(stream), client));
    tokio::select! {
        // A request that has arrived already is served before the connection is told to end.
        biased;
        ended = connection.as_mut() => return tell(ended),
        () = phase.overdue() => {}
        () = parting(&phase, &mut stop) => {}
    }
    connection.as_mut().graceful_shutdown();
    part(connection, &phase, write_timeout).await;
}

/// Waits until a connection that was told to end has ended. An HTTP/2 client without a call under way must come
/// further within `limit`: it may never grant the bytes that its last answers still need, nor answer the GOAWAY.
async fn part<E: Display>(
    mut connection: Pin<&mut impl Future<Output = Result<(), E>>>,
    phase: &Phase,
    limit: Duration,
) {
    let mut before = phase.progress();
    loop {
        if let Ok(ended) = timeout(limit, connection.as_mut()).await {
            return tell(ended);
        }
        let now = phase.progress();
        if now.is_some() && now == before {
            return tracing::debug!("a client did not let its connection end");
        }
        before = now;
    }
}

/// Waits until a shutdown has begun and the connection can be told to end without a loss.
pub(super) async fn parting(phase: &Phase, stop: &mut watch::Receiver<Stop>) {
    reached(stop, Stop::Drain).await;
    phase.parting().await;
}

/// A connection that broke is the client's doing: it is gone, and there is nobody to tell.
fn tell<E: Display>(ended: Result<(), E>) {
    ended.unwrap_or_else(|error| tracing::debug!(%error, "a connection broke"));
}

/// The service of one connection: each request is served by the generation that is current when it begins.
struct Client<G> {
    front: Arc<Front<G>>,
    peer: Arc<Peer>,
    phase: Arc<Phase>,
}

impl<G: Gateway> hyper::service::Service<Request<Incoming>> for Client<G> {
    type Response = Response<Spoken<Answer>>;
    type Error = Infallible;
    type Future = Answering<layers::Answering>;

    fn call(&self, request: Request<Incoming>) -> Self::Future {
        let (manner, under) = (Manner::of(&request), self.phase.call(request.version()));
        let phase = manner.http1.then_some(&self.phase);
        let request = request.map(|body| Asked::new(body, phase));
        Answering::new(self.front.stack().call(request, &self.peer), manner, under)
    }
}
