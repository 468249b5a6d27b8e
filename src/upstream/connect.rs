//! Opening a byte stream to a backend: name lookup, TCP or unix socket, TLS. Not for HTTP/2: that is
//! `connection`.

use std::fmt;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpStream, UnixStream, lookup_host};
use tokio::time::{Instant, timeout};

use super::target::Target;
use super::tls::{HTTP2, Tls};

/// Opens links to one backend.
pub(super) struct Connector {
    /// Where it is.
    pub(super) target: Target,
    /// TLS, for `https`.
    pub(super) tls: Option<Tls>,
    /// How long one attempt may take, the greeting included.
    pub(super) patience: Duration,
}

impl fmt::Debug for Connector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connector").field("patience", &self.patience).finish_non_exhaustive()
    }
}

/// Why a backend cannot be reached. Read by the operator at `/readyz`: names no address.
#[derive(Debug, thiserror::Error)]
pub(super) enum ConnectError {
    /// The name has no address.
    #[error("the host name cannot be looked up")]
    Lookup,
    /// No socket could be opened.
    #[error("the connection failed: {}", words(*.0))]
    Socket(io::ErrorKind),
    /// TLS was refused by one side.
    #[error("TLS failed: {0}")]
    Tls(String),
    /// The server speaks TLS, but not HTTP/2.
    #[error("the server does not offer HTTP/2 (ALPN `h2`)")]
    Alpn,
    /// What answers is not HTTP/2.
    #[error("the server does not speak HTTP/2")]
    NotHttp2,
    /// It took too long.
    #[error("connecting takes longer than `connect_timeout`")]
    Timeout,
}

/// An open byte stream that notes whenever the peer is heard.
pub(super) struct Link {
    io: Box<dyn Stream>,
    heard: Arc<AtomicBool>,
}

/// Anything that HTTP/2 can be spoken over.
trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

impl Connector {
    /// Opens a link. Gives up when its time is over; what went wrong is told in words.
    pub(super) async fn link(&self) -> Result<Link, ConnectError> {
        match &self.target {
            Target::Unix(path) => match UnixStream::connect(path).await {
                Ok(socket) => Ok(Link::new(Box::new(socket))),
                Err(error) => Err(ConnectError::Socket(error.kind())),
            },
            Target::Tcp { host, port, .. } => {
                let socket = self.tcp(host, *port).await?;
                match &self.tls {
                    None => Ok(Link::new(Box::new(socket))),
                    Some(tls) => secure(tls, socket).await,
                }
            }
        }
    }

    /// Tries the addresses of a host in turn; each gets an equal share of the time that is left.
    async fn tcp(&self, host: &str, port: u16) -> Result<TcpStream, ConnectError> {
        let end = Instant::now() + self.patience;
        let addresses: Vec<_> = lookup_host((host, port)).await.map_err(|_| ConnectError::Lookup)?.collect();
        let mut failure = ConnectError::Lookup;
        for (tried, address) in addresses.iter().enumerate() {
            let left = u32::try_from(addresses.len() - tried).unwrap_or(u32::MAX);
            let share = end.saturating_duration_since(Instant::now()) / left;
            match timeout(share, TcpStream::connect(address)).await {
                Ok(Ok(socket)) => {
                    // Small frames must not wait for the acknowledgement of earlier ones.
                    let _ = socket.set_nodelay(true);
                    return Ok(socket);
                }
                Ok(Err(error)) => failure = ConnectError::Socket(error.kind()),
                Err(_) => failure = ConnectError::Timeout,
            }
        }
        Err(failure)
    }
}

async fn secure(tls: &Tls, socket: TcpStream) -> Result<Link, ConnectError> {
    let stream = tls.connector.connect(tls.name.clone(), socket).await.map_err(|error| refusal(&error))?;
    if stream.get_ref().1.alpn_protocol() != Some(HTTP2) {
        return Err(ConnectError::Alpn);
    }
    Ok(Link::new(Box::new(stream)))
}

/// What rustls has against the peer, or the peer against us. Its words name certificates, not addresses.
fn refusal(error: &io::Error) -> ConnectError {
    use tokio_rustls::rustls::{AlertDescription, CertificateError, Error};
    let Some(reason) = error.get_ref().and_then(|inner| inner.downcast_ref::<Error>()) else {
        return ConnectError::Socket(error.kind());
    };
    match reason {
        Error::InvalidCertificate(
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
        ) => ConnectError::Tls("the server's certificate is for another name".to_owned()),
        Error::InvalidCertificate(CertificateError::UnknownIssuer) => {
            ConnectError::Tls("the server's certificate is not signed by a trusted root".to_owned())
        }
        Error::InvalidCertificate(CertificateError::Expired | CertificateError::ExpiredContext { .. }) => {
            ConnectError::Tls("the server's certificate has expired".to_owned())
        }
        Error::NoApplicationProtocol | Error::AlertReceived(AlertDescription::NoApplicationProtocol) => {
            ConnectError::Alpn
        }
        other => ConnectError::Tls(other.to_string()),
    }
}

fn words(kind: io::ErrorKind) -> String {
    match kind {
        io::ErrorKind::NotFound => "there is no such socket".to_owned(),
        kind => kind.to_string(),
    }
}

impl Link {
    fn new(io: Box<dyn Stream>) -> Self {
        Self { io, heard: Arc::default() }
    }

    /// Whether the peer was heard; cleared by whoever asks.
    pub(super) fn heard(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.heard)
    }
}

impl AsyncRead for Link {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let read = Pin::new(&mut *self.io).poll_read(cx, buf);
        if read.is_ready() {
            self.heard.store(true, Ordering::Relaxed);
        }
        read
    }
}

impl AsyncWrite for Link {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut *self.io).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut *self.io).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.io).poll_shutdown(cx)
    }
}
