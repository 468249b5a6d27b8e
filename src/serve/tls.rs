//! The certificates of listeners: read at start-up, read again when their files change, swapped whole.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arc_swap::ArcSwap;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::{CryptoProvider, aws_lc_rs};
use tokio_rustls::rustls::pki_types::pem::{self, PemObject};
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::server::{ClientHello, NoServerSessionStorage, ResolvesServerCert};
use tokio_rustls::rustls::sign::CertifiedKey;
use tokio_rustls::rustls::{Error, ServerConfig};

use super::clients::Clients;
use super::{ListenerSettings, ListenerTls};
use crate::problem::{Place, Problem, Problems};

/// The certificates of all TLS listeners, to be read again by whoever watches their files.
#[derive(Debug, Clone, Default)]
pub struct Certificates(Vec<Arc<Certificate>>);

/// A certificate and its key, shown to clients until a newer one is read.
#[derive(Debug)]
struct Certificate {
    settings: ListenerTls,
    place: Place,
    current: ArcSwap<CertifiedKey>,
    /// What clients' certificates are verified by, where they are asked for.
    clients: Option<Arc<Clients>>,
}

impl Certificates {
    /// Reads the files of listeners that nobody serves yet, and keeps nothing. What cannot be used is a problem.
    pub fn check(listeners: &[ListenerSettings], problems: &mut Problems) {
        for listener in listeners {
            if let Some(tls) = &listener.tls {
                read(tls, &listener.place, problems);
                if let Some(clients) = &tls.clients {
                    Clients::read(clients, &listener.place, problems);
                }
            }
        }
    }

    /// The files that certificates and keys are read from.
    pub fn files(&self) -> impl Iterator<Item = &Path> {
        self.0.iter().flat_map(|certificate| {
            let ListenerTls { certificate, key, clients } = &certificate.settings;
            let roots = clients.as_ref().map(|clients| clients.roots.as_path());
            [certificate.as_path(), key.as_path()].into_iter().chain(roots)
        })
    }

    /// Reads all files again. What cannot be used is a problem, and the old certificate stays.
    pub fn reload(&self, problems: &mut Problems) {
        for certificate in &self.0 {
            if let Some(key) = read(&certificate.settings, &certificate.place, problems) {
                certificate.current.store(Arc::new(key));
            }
            if let Some(clients) = &certificate.clients {
                clients.reload(problems);
            }
        }
    }

    /// What accepts connections with the certificate of these settings, which is kept here.
    pub(super) fn acceptor(
        &mut self,
        settings: &ListenerTls,
        place: &Place,
        problems: &mut Problems,
    ) -> Option<TlsAcceptor> {
        let current = read(settings, place, problems).map(ArcSwap::from_pointee);
        let clients = match &settings.clients {
            None => None,
            Some(clients) => Some(Arc::new(Clients::prepare(clients, place, problems)?)),
        };
        let (settings, place_kept) = (settings.clone(), place.clone());
        let certificate = Arc::new(Certificate {
            settings,
            place: place_kept,
            current: current?,
            clients: clients.clone(),
        });
        let builder = ServerConfig::builder_with_provider(provider()).with_safe_default_protocol_versions();
        let builder = builder
            .map_err(|error| problems.error(place.clone(), format!("TLS cannot be used: {error}")))
            .ok()?;
        let resolver = Arc::clone(&certificate) as Arc<dyn ResolvesServerCert>;
        let mut config = match clients {
            None => builder.with_no_client_auth().with_cert_resolver(resolver),
            Some(clients) => {
                let mut config = builder.with_client_cert_verifier(clients).with_cert_resolver(resolver);
                // A resumed session would be taken at its word: what it was verified by may be trusted no longer.
                config.session_storage = Arc::new(NoServerSessionStorage {});
                config.send_tls13_tickets = 0;
                config
            }
        };
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        self.0.push(certificate);
        Some(TlsAcceptor::from(Arc::new(config)))
    }
}

impl ResolvesServerCert for Certificate {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.current.load_full())
    }
}

pub(super) fn provider() -> Arc<CryptoProvider> {
    Arc::new(aws_lc_rs::default_provider())
}

/// The certificate chain and the key that fits it, telling what is wrong with both files.
fn read(settings: &ListenerTls, place: &Place, problems: &mut Problems) -> Option<CertifiedKey> {
    let chain = pem_of(&settings.certificate, "certificate", place, problems, |text| {
        let chain = CertificateDer::pem_slice_iter(text).collect::<Result<Vec<_>, _>>()?;
        if chain.is_empty() { Err(pem::Error::NoItemsFound) } else { Ok(chain) }
    });
    let key = pem_of(&settings.key, "private key", place, problems, PrivateKeyDer::from_pem_slice);
    CertifiedKey::from_der(chain?, key?, &provider())
        .map_err(|error| problems.push(unusable(settings, place, &error)))
        .ok()
}

pub(super) fn pem_of<T>(
    path: &PathBuf,
    what: &str,
    place: &Place,
    problems: &mut Problems,
    parse: impl FnOnce(&[u8]) -> Result<T, pem::Error>,
) -> Option<T> {
    let problem = |what: String| Problem::error(place.clone(), what);
    let text = fs::read(path).map_err(|error| {
        problems.push(problem(format!("`{}` cannot be read: {}", path.display(), reason(&error))));
    });
    let parsed = parse(&text.ok()?);
    parsed
        .map_err(|_| {
            let found = format!("no {what} in PEM form found in `{}`", path.display());
            problems
                .push(problem(found).help(format!("it must have a `-----BEGIN ...-----` block of a {what}")));
        })
        .ok()
}

fn unusable(settings: &ListenerTls, place: &Place, error: &Error) -> Problem {
    let (certificate, key) = (settings.certificate.display(), settings.key.display());
    let what = match error {
        Error::InconsistentKeys(_) => format!("the key `{key}` does not belong to `{certificate}`"),
        error => format!("`{certificate}` with `{key}` cannot be used: {error}"),
    };
    Problem::error(place.clone(), what)
}

/// What is wrong with a file, without the operating system's numbers.
pub(super) fn reason(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => "there is no such file".to_owned(),
        io::ErrorKind::PermissionDenied => "permission denied".to_owned(),
        kind => kind.to_string(),
    }
}
