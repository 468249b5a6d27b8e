//! Sockets of the embedded backend and the HTTP/2 connections on them. Not for what is answered:
//! [`service`](super::service).

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::sync::{Notify, watch};
use tokio::task::{JoinHandle, JoinSet};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;

use super::service::Service;

/// A bound socket.
#[derive(Debug)]
pub(super) enum Socket {
    Tcp(TcpListener, SocketAddr),
    #[cfg(unix)]
    Unix(tokio::net::UnixListener),
}

impl Socket {
    pub(super) async fn bind_tcp(listen: SocketAddr) -> io::Result<Self> {
        let listener = TcpListener::bind(listen).await?;
        let address = listener.local_addr()?;
        Ok(Self::Tcp(listener, address))
    }

    #[cfg(unix)]
    pub(super) fn bind_unix(path: &std::path::Path) -> io::Result<Self> {
        tokio::net::UnixListener::bind(path).map(Self::Unix)
    }

    pub(super) fn address(&self) -> SocketAddr {
        match self {
            Self::Tcp(_, address) => *address,
            #[cfg(unix)]
            Self::Unix(_) => SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0)),
        }
    }

    async fn accept(&self) -> io::Result<Box<dyn Io>> {
        match self {
            Self::Tcp(listener, _) => {
                let (stream, _) = listener.accept().await?;
                stream.set_nodelay(true)?;
                Ok(Box::new(stream))
            }
            #[cfg(unix)]
            Self::Unix(listener) => Ok(Box::new(listener.accept().await?.0)),
        }
    }
}

trait Io: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Io for T {}

/// The accept loop, running until dropped.
#[derive(Debug)]
pub(super) struct Listening {
    address: SocketAddr,
    accepted: Arc<AtomicUsize>,
    disconnects: watch::Sender<()>,
    accepting: JoinHandle<()>,
}

impl Listening {
    pub(super) fn start(socket: Socket, tls: Option<Arc<ServerConfig>>, service: Arc<Service>) -> Self {
        let address = socket.address();
        let accepted = Arc::new(AtomicUsize::new(0));
        let disconnects = watch::Sender::new(());
        let connections = Connections { service, tls: tls.map(with_h2), disconnects: disconnects.clone() };
        let accepting = tokio::spawn(accept(socket, connections, Arc::clone(&accepted)));
        Self { address, accepted, disconnects, accepting }
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(super) fn accepted(&self) -> usize {
        self.accepted.load(Ordering::Relaxed)
    }

    pub(super) fn disconnect(&self) {
        self.disconnects.send_replace(());
    }

    pub(super) async fn stop(mut self) {
        self.accepting.abort();
        // The task owns the listener and all connections: they are closed when it has ended.
        let _ = (&mut self.accepting).await;
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn accept(socket: Socket, connections: Connections, accepted: Arc<AtomicUsize>) {
    let mut open = JoinSet::new();
    loop {
        tokio::select! {
            stream = socket.accept() => if let Ok(stream) = stream {
                accepted.fetch_add(1, Ordering::Relaxed);
                open.spawn(connections.clone().serve(stream));
            } else {
                // Out of file descriptors, most likely: let others finish first.
                tokio::task::yield_now().await;
            },
            Some(_) = open.join_next() => {}
        }
    }
}

/// What every connection of a backend shares.
#[derive(Clone)]
struct Connections {
    service: Arc<Service>,
    tls: Option<TlsAcceptor>,
    disconnects: watch::Sender<()>,
}

impl Connections {
    async fn serve(self, stream: Box<dyn Io>) {
        let mut broken = self.disconnects.subscribe();
        let served = async {
            match &self.tls {
                None => self.serve_http2(stream).await,
                Some(tls) => {
                    if let Ok(stream) = tls.accept(stream).await {
                        self.serve_http2(stream).await;
                    }
                }
            }
        };
        tokio::select! {
            () = served => {}
            _ = broken.changed() => {}
        }
    }

    async fn serve_http2<I: AsyncRead + AsyncWrite + Send + Unpin>(&self, stream: I) {
        let leaving = Arc::new(Notify::new());
        let service = service_fn(|request| {
            let (service, leaving) = (Arc::clone(&self.service), Arc::clone(&leaving));
            async move { service.call(request, &leaving).await }
        });
        let connection = http2::Builder::new(TokioExecutor::new())
            .timer(TokioTimer::new())
            .serve_connection(TokioIo::new(stream), service);
        let mut connection = pin!(connection);
        tokio::select! {
            _ = connection.as_mut() => return,
            () = leaving.notified() => {}
        }
        connection.as_mut().graceful_shutdown();
        let _ = connection.await;
    }
}

fn with_h2(config: Arc<ServerConfig>) -> TlsAcceptor {
    let mut config = Arc::unwrap_or_clone(config);
    config.alpn_protocols = vec![b"h2".to_vec()];
    TlsAcceptor::from(Arc::new(config))
}
