//! The admin listener: health, metrics, routes, config, reload. For operators and their machines, apart from
//! the public listeners and with nothing of theirs in front of it, so that it answers when they do not.
//!
//! Not for clients: it has no authentication, so it belongs on a loopback address or a unix socket.

use std::convert::Infallible;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use crate::problem::{Place, Problems};
use crate::reload::Reload;
use crate::serve::{Front, ListenAddress, Socket, Stream};

mod answer;
mod ready;
mod routes;

pub use routes::{DutiesRow, RouteRow};

/// The admin listener.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Where it listens; `None`: there is none.
    pub listen: Option<ListenAddress>,
}

/// An admin listener that is open and waits to be run.
#[derive(Debug)]
pub struct Admin {
    socket: Socket,
}

/// What the admin listener shows and does.
pub struct Doors {
    /// What the public listeners serve.
    pub front: Arc<Front>,
    /// The effective configuration as text, its secrets masked already.
    pub config: Box<dyn Fn() -> String + Send + Sync>,
    /// What `POST /reload` asks.
    pub reload: Reload,
}

impl fmt::Debug for Doors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Doors").field("front", &self.front).finish_non_exhaustive()
    }
}

/// Connections open at once; more wait in the listener's queue.
const CONNECTIONS: usize = 64;

/// The longest a connection may stay open: long enough for a reload, short enough that no forgotten client
/// keeps a place.
const LONGEST: Duration = Duration::from_mins(5);

/// Time to read a request's head.
const HEADER_TIMEOUT: Duration = Duration::from_secs(10);

/// How long to wait after a connection could not be accepted.
const BACK_OFF: Duration = Duration::from_millis(100);

/// Opens the listener, telling why not. Must be called within a tokio runtime.
pub fn bind(address: &ListenAddress, problems: &mut Problems) -> Option<Admin> {
    Socket::open(address, &Place::item("admin.listen"), problems).map(|socket| Admin { socket })
}

impl Admin {
    /// Where it listens, with the port that was given out.
    #[must_use]
    pub fn address(&self) -> Option<ListenAddress> {
        self.socket.address()
    }

    /// Answers until dropped: it goes on through the drain, so that `/readyz` can tell of it.
    pub async fn run(self, doors: Doors) {
        let doors = Arc::new(doors);
        let room = Arc::new(Semaphore::new(CONNECTIONS));
        // Dropped with this future, and every connection with it.
        let mut connections = JoinSet::new();
        loop {
            while connections.try_join_next().is_some() {}
            let Ok(place) = Arc::clone(&room).acquire_owned().await else { return };
            let doors = Arc::clone(&doors);
            match self.socket.accept().await {
                Ok(stream) => {
                    connections.spawn(async move {
                        match stream {
                            Stream::Tcp(stream, _) => converse(stream, doors).await,
                            Stream::Unix(stream) => converse(stream, doors).await,
                        }
                        drop(place);
                    });
                }
                Err(error) => {
                    tracing::warn!(%error, "an admin connection could not be accepted");
                    sleep(BACK_OFF).await;
                }
            }
        }
    }
}

async fn converse<S>(stream: S, doors: Arc<Doors>)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let service = service_fn(|request: Request<Incoming>| {
        let doors = Arc::clone(&doors);
        async move { Ok::<Response<Full<Bytes>>, Infallible>(answer::answer(&request, &doors).await) }
    });
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(HEADER_TIMEOUT);
    builder.http2().timer(TokioTimer::new());
    // A client that broke off is no matter to anyone.
    timeout(LONGEST, builder.serve_connection(TokioIo::new(stream), service)).await.ok();
}
