//! Opening listeners: TCP and unix sockets, with every fault told as a problem.

use std::fmt;
use std::fs;
use std::io;
use std::net::SocketAddr;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::os::unix::net::UnixStream as StdUnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::net::{TcpListener, TcpSocket, TcpStream, UnixListener, UnixStream};
use tokio_rustls::TlsAcceptor;

use super::tls::{self, Certificates};
use super::{ConnectionLimits, ListenAddress, ListenerSettings, Settings};
use crate::problem::{Place, Problem, Problems};

/// Connections the kernel keeps waiting while all are in use.
const BACKLOG: u32 = 1024;

/// Who may connect to a unix socket: the owner and the group.
const MODE: u32 = 0o660;

/// The least limit on header bytes that hyper can keep.
const LEAST_HEADER_BYTES: usize = 8 * 1024;

/// Listeners that are open and wait to be run.
#[derive(Debug)]
pub struct Listeners {
    pub(super) sockets: Vec<Listener>,
    pub(super) certificates: Certificates,
    pub(super) limits: ConnectionLimits,
    pub(super) drain: Duration,
}

pub(super) struct Listener {
    pub socket: Socket,
    pub tls: Option<TlsAcceptor>,
}

impl fmt::Debug for Listener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Listener").field("socket", &self.socket).field("tls", &self.tls.is_some()).finish()
    }
}

/// A socket that accepts connections.
#[derive(Debug)]
pub(crate) enum Socket {
    Tcp(TcpListener),
    Unix(UnixListener, SocketFile),
}

/// An accepted connection.
pub(crate) enum Stream {
    Tcp(TcpStream, SocketAddr),
    Unix(UnixStream),
}

/// Opens all listeners, telling every problem. Must be called within a tokio runtime.
pub fn bind(settings: &Settings, problems: &mut Problems) -> Option<Listeners> {
    let errors = problems.errors();
    check(settings, problems);
    let mut certificates = Certificates::default();
    let sockets: Vec<_> = settings
        .listeners
        .iter()
        .filter_map(|listener| open(listener, &mut certificates, problems))
        .collect();
    let (limits, drain) = (settings.limits.clone(), settings.drain);
    (problems.errors() == errors).then_some(Listeners { sockets, certificates, limits, drain })
}

impl Listeners {
    /// Where they listen, with the ports that were given out.
    #[must_use]
    pub fn addresses(&self) -> Vec<ListenAddress> {
        self.sockets.iter().filter_map(|listener| listener.socket.address()).collect()
    }

    /// The certificates, to be read again when their files change.
    #[must_use]
    pub fn certificates(&self) -> Certificates {
        self.certificates.clone()
    }
}

fn check(settings: &Settings, problems: &mut Problems) {
    if settings.listeners.is_empty() {
        let help = "give an address such as `127.0.0.1:8080`";
        problems.push(Problem::error(Place::item("listen"), "there is no listener").help(help));
    }
    if settings.limits.header_bytes < LEAST_HEADER_BYTES {
        let what = format!("a limit of {} bytes on headers is too small", settings.limits.header_bytes);
        let help = "give at least `8KiB`";
        problems.push(Problem::error(Place::item("limits.header_bytes"), what).help(help));
    }
    for (limit, item) in [
        (settings.limits.connections, "limits.connections"),
        (settings.limits.streams as usize, "limits.streams"),
    ] {
        if limit == 0 {
            problems.error(Place::item(item), "a limit of 0 would serve nobody");
        }
    }
}

fn open(
    settings: &ListenerSettings,
    certificates: &mut Certificates,
    problems: &mut Problems,
) -> Option<Listener> {
    let tls = settings.tls.as_ref().map(|tls| certificates.acceptor(tls, &settings.place, problems));
    let socket = Socket::open(&settings.address, &settings.place, problems);
    match tls {
        None => Some(Listener { socket: socket?, tls: None }),
        Some(tls) => Some(Listener { socket: socket?, tls: Some(tls?) }),
    }
}

impl Socket {
    /// Opens a listening socket, or tells why it cannot be opened.
    pub fn open(address: &ListenAddress, place: &Place, problems: &mut Problems) -> Option<Self> {
        let opened = match address {
            ListenAddress::Tcp(address) => tcp(*address).map(Self::Tcp),
            ListenAddress::Unix(path) => unix(path).map(|(socket, file)| Self::Unix(socket, file)),
        };
        opened.map_err(|error| problems.push(cannot_listen(address, place, &error))).ok()
    }

    /// The next connection.
    ///
    /// # Errors
    /// When the system cannot accept one, or the client broke off before.
    pub async fn accept(&self) -> io::Result<Stream> {
        match self {
            Self::Tcp(listener) => {
                listener.accept().await.map(|(stream, address)| Stream::Tcp(stream, address))
            }
            Self::Unix(listener, _) => listener.accept().await.map(|(stream, _)| Stream::Unix(stream)),
        }
    }

    /// Stops listening; gives the connections that the system has accepted by now.
    pub fn close(self) -> Vec<Stream> {
        let accepted = match self {
            Self::Tcp(listener) => listener.into_std().map(|listener| {
                waiting(|| {
                    let (stream, address) = listener.accept()?;
                    stream.set_nonblocking(true)?;
                    Ok(Stream::Tcp(TcpStream::from_std(stream)?, address))
                })
            }),
            Self::Unix(listener, _file) => listener.into_std().map(|listener| {
                waiting(|| {
                    let (stream, _) = listener.accept()?;
                    stream.set_nonblocking(true)?;
                    Ok(Stream::Unix(UnixStream::from_std(stream)?))
                })
            }),
        };
        accepted.unwrap_or_default()
    }

    /// Where it listens.
    pub fn address(&self) -> Option<ListenAddress> {
        match self {
            Self::Tcp(listener) => listener.local_addr().ok().map(ListenAddress::Tcp),
            Self::Unix(_, file) => Some(ListenAddress::Unix(file.path.clone())),
        }
    }
}

/// What waits to be accepted, no more than fits into the queue: more may come while this looks.
fn waiting(accept: impl Fn() -> io::Result<Stream>) -> Vec<Stream> {
    let mut accepted = Vec::new();
    while accepted.len() <= BACKLOG as usize {
        match accept() {
            Ok(stream) => accepted.push(stream),
            Err(error) if theirs(&error) => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
            Err(error) => {
                tracing::warn!(%error, "connections could not be accepted at the end");
                break;
            }
        }
    }
    accepted
}

/// Whether the client broke off before it was accepted.
pub(super) fn theirs(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset | Interrupted)
}

fn tcp(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    // A listener that was just closed must not keep a new one from its port.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

fn unix(path: &Path) -> io::Result<(UnixListener, SocketFile)> {
    remove_stale(path)?;
    let listener = UnixListener::bind(path)?;
    let inode = fs::symlink_metadata(path)?.ino();
    let file = SocketFile { path: path.to_owned(), inode };
    fs::set_permissions(path, fs::Permissions::from_mode(MODE))?;
    Ok((listener, file))
}

/// Removes the socket file of an earlier run, on which nobody listens.
fn remove_stale(path: &Path) -> io::Result<()> {
    let Ok(metadata) = fs::symlink_metadata(path) else { return Ok(()) };
    if !metadata.file_type().is_socket() {
        return Err(io::Error::from(io::ErrorKind::AlreadyExists));
    }
    match StdUnixStream::connect(path) {
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => fs::remove_file(path),
        _ => Err(io::Error::from(io::ErrorKind::AddrInUse)),
    }
}

/// The file of a unix socket, removed at the end unless another program has put its own there.
#[derive(Debug)]
pub(crate) struct SocketFile {
    path: PathBuf,
    inode: u64,
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        if fs::symlink_metadata(&self.path).is_ok_and(|metadata| metadata.ino() == self.inode) {
            // What cannot be removed is found stale by the next run.
            fs::remove_file(&self.path).ok();
        }
    }
}

fn cannot_listen(address: &ListenAddress, place: &Place, error: &io::Error) -> Problem {
    let (why, help) = match error.kind() {
        io::ErrorKind::AddrInUse => ("another program listens there", Some("stop it, or listen elsewhere")),
        io::ErrorKind::AlreadyExists => {
            ("the file exists and is not a socket", Some("remove it, or listen elsewhere"))
        }
        io::ErrorKind::PermissionDenied => {
            ("permission denied", Some("ports under 1024 and foreign directories need rights of their own"))
        }
        io::ErrorKind::AddrNotAvailable => {
            ("this machine has no such address", Some("`0.0.0.0` or `[::]` listens on all addresses"))
        }
        io::ErrorKind::NotFound => ("the directory does not exist", Some("make it first")),
        _ => ("", None),
    };
    let why = if why.is_empty() { tls::reason(error) } else { why.to_owned() };
    let problem = Problem::error(place.clone(), format!("cannot listen on `{address}`: {why}"));
    match help {
        Some(help) => problem.help(help),
        None => problem,
    }
}
