//! TLS towards a backend: certificates read, checked and made into one client configuration, every fault told.
//! Not for connecting: that is `connect`.

use std::path::Path;
use std::sync::Arc;

use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::pem::{self, PemObject};
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio_rustls::rustls::{
    ClientConfig, ConfigBuilder, RootCertStore, WantsVerifier, client::WantsClientCert,
};

use super::TlsSettings;
use crate::problem::{Place, Problem, Problems};

/// What is needed to speak TLS to one backend.
#[derive(Clone)]
pub(super) struct Tls {
    /// Makes TLS streams.
    pub(super) connector: TlsConnector,
    /// The name that the certificate must have.
    pub(super) name: ServerName<'static>,
}

impl Tls {
    /// Reads everything that `settings` names, telling every problem.
    pub(super) fn prepare(
        settings: &TlsSettings,
        host: &str,
        place: &Place,
        problems: &mut Problems,
    ) -> Option<Self> {
        let told = problems.errors();
        let name = server_name(settings.server_name.as_deref().unwrap_or(host), place, problems);
        let roots = roots(settings.roots.as_deref(), place, problems);
        let identity = identity(settings, place, problems);
        if problems.errors() > told {
            return None;
        }
        let mut config = with_identity(verifying(roots?, place, problems)?, identity, place, problems)?;
        config.alpn_protocols = vec![HTTP2.to_vec()];
        Some(Self { connector: TlsConnector::from(Arc::new(config)), name: name? })
    }
}

/// The configuration of a TLS client that shows no certificate, without ALPN: trusting the certificates of a PEM file,
/// or those of the system, be there any: without, no server is trusted. `None`, told, when the file cannot be used.
pub fn client_tls(roots_file: Option<&Path>, place: &Place, problems: &mut Problems) -> Option<ClientConfig> {
    let roots = match roots_file {
        Some(file) => roots(Some(file), place, problems)?,
        None => system_roots(),
    };
    with_identity(verifying(roots, place, problems)?, None, place, problems)
}

/// Says which TLS settings stand there though TLS is not spoken.
pub(super) fn refuse(settings: &TlsSettings, place: &Place, problems: &mut Problems) {
    let given = [
        ("roots", settings.roots.is_some()),
        ("certificate", settings.certificate.is_some()),
        ("key", settings.key.is_some()),
        ("server_name", settings.server_name.is_some()),
    ];
    for (name, _) in given.iter().filter(|(_, given)| *given) {
        let what = format!("`tls.{name}` is given, but the url is not `https`: nothing would be encrypted");
        problems.push(Problem::error(place.clone(), what).help("write `https://` or remove it"));
    }
}

/// The ALPN name of HTTP/2 over TLS (RFC 9113, section 3.1).
pub(super) const HTTP2: &[u8] = b"h2";

/// A certificate chain and its key.
type Identity = (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>);

fn server_name(name: &str, place: &Place, problems: &mut Problems) -> Option<ServerName<'static>> {
    let found = ServerName::try_from(name.to_owned()).ok();
    if found.is_none() {
        problems.error(place.clone(), format!("`{name}` is not a name that a certificate can have"));
    }
    found
}

fn roots(file: Option<&Path>, place: &Place, problems: &mut Problems) -> Option<RootCertStore> {
    let Some(file) = file else {
        let store = system_roots();
        if store.is_empty() {
            let what = "the system has no trusted root certificates";
            problems.push(Problem::error(place.clone(), what).help("name a PEM file as `tls.roots`"));
            return None;
        }
        return Some(store);
    };
    let mut store = RootCertStore::empty();
    for certificate in certificates(file, "tls.roots", place, problems)? {
        if store.add(certificate).is_err() {
            let what = format!("`tls.roots`: a certificate in `{}` cannot be a trusted root", file.display());
            problems.error(place.clone(), what);
            return None;
        }
    }
    Some(store)
}

/// The certificates that the system trusts; there may be none.
fn system_roots() -> RootCertStore {
    let mut store = RootCertStore::empty();
    store.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    store
}

/// The client's own certificate; `None` when there is none, or a problem with it.
fn identity(settings: &TlsSettings, place: &Place, problems: &mut Problems) -> Option<Identity> {
    let chain =
        settings.certificate.as_deref().map(|file| certificates(file, "tls.certificate", place, problems));
    let key = settings.key.as_deref().map(|file| private_key(file, place, problems));
    match (chain, key) {
        (None, None) => None,
        (Some(chain), Some(key)) => Some((chain?, key?)),
        (chain, _) => {
            let (given, missing) =
                if chain.is_some() { ("certificate", "key") } else { ("key", "certificate") };
            let what = format!("`tls.{given}` is given without `tls.{missing}`");
            problems.push(Problem::error(place.clone(), what).help("a client certificate needs both"));
            None
        }
    }
}

fn certificates(
    file: &Path,
    item: &str,
    place: &Place,
    problems: &mut Problems,
) -> Option<Vec<CertificateDer<'static>>> {
    let read = CertificateDer::pem_file_iter(file).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    match read {
        Ok(found) if found.is_empty() => {
            let what = format!("`{item}`: `{}` holds no certificate in PEM form", file.display());
            problems.error(place.clone(), what);
            None
        }
        Ok(found) => Some(found),
        Err(error) => {
            problems.error(place.clone(), unreadable(item, file, &error));
            None
        }
    }
}

fn private_key(file: &Path, place: &Place, problems: &mut Problems) -> Option<PrivateKeyDer<'static>> {
    match PrivateKeyDer::from_pem_file(file) {
        Ok(key) => Some(key),
        Err(pem::Error::NoItemsFound) => {
            let what = format!("`tls.key`: `{}` holds no private key in PEM form", file.display());
            problems.error(place.clone(), what);
            None
        }
        Err(error) => {
            problems.error(place.clone(), unreadable("tls.key", file, &error));
            None
        }
    }
}

fn unreadable(item: &str, file: &Path, error: &pem::Error) -> String {
    let file = file.display();
    match error {
        pem::Error::Io(error) => format!("`{item}`: `{file}` cannot be read: {error}"),
        error => format!("`{item}`: `{file}` is not a PEM file: {error}"),
    }
}

fn verifying(
    roots: RootCertStore,
    place: &Place,
    problems: &mut Problems,
) -> Option<ConfigBuilder<ClientConfig, WantsClientCert>> {
    let builder: Result<ConfigBuilder<ClientConfig, WantsVerifier>, _> =
        ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions();
    match builder {
        Ok(builder) => Some(builder.with_root_certificates(roots)),
        Err(error) => {
            problems.error(place.clone(), format!("TLS cannot be set up: {error}"));
            None
        }
    }
}

fn with_identity(
    builder: ConfigBuilder<ClientConfig, WantsClientCert>,
    identity: Option<Identity>,
    place: &Place,
    problems: &mut Problems,
) -> Option<ClientConfig> {
    let Some((chain, key)) = identity else {
        return Some(builder.with_no_client_auth());
    };
    match builder.with_client_auth_cert(chain, key) {
        Ok(config) => Some(config),
        Err(error) => {
            let what = format!("`tls.key` does not fit `tls.certificate`: {error}");
            problems.push(
                Problem::error(place.clone(), what).help("give the key that the certificate was made for"),
            );
            None
        }
    }
}
