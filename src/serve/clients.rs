//! Certificates of clients: which are good, and what a good one says of its owner.
//!
//! Not for whose they are ([`policy`](crate::policy)). Verified and read once for each connection.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use arc_swap::ArcSwap;
use tokio_rustls::rustls::client::danger::HandshakeSignatureValid;
use tokio_rustls::rustls::pki_types::pem::{self, PemObject as _};
use tokio_rustls::rustls::pki_types::{CertificateDer, UnixTime};
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use tokio_rustls::rustls::{DigitallySignedStruct, DistinguishedName, Error, RootCertStore, SignatureScheme};
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer as _, X509Certificate};
use x509_parser::x509::{AttributeTypeAndValue, X509Name};

use super::ClientTls;
use super::tls::{pem_of, provider};
use crate::metadata::ClientCertificate;
use crate::problem::{Place, Problem, Problems};

/// Verifies the certificates of one listener's clients, by roots that may be read again.
#[derive(Debug)]
pub(super) struct Clients {
    settings: ClientTls,
    place: Place,
    current: ArcSwap<Arc<dyn ClientCertVerifier>>,
}

impl Clients {
    pub fn prepare(settings: &ClientTls, place: &Place, problems: &mut Problems) -> Option<Self> {
        let current = ArcSwap::from_pointee(Self::read(settings, place, problems)?);
        Some(Self { settings: settings.clone(), place: place.clone(), current })
    }

    /// Reads the roots again. What cannot be used is a problem, and the old ones stay.
    pub fn reload(&self, problems: &mut Problems) {
        if let Some(read) = Self::read(&self.settings, &self.place, problems) {
            self.current.store(Arc::new(read));
        }
    }

    /// What verifies by the roots of these settings, telling what is wrong with them.
    pub fn read(
        settings: &ClientTls,
        place: &Place,
        problems: &mut Problems,
    ) -> Option<Arc<dyn ClientCertVerifier>> {
        let certificates = pem_of(&settings.roots, "certificate", place, problems, |text| {
            let all = CertificateDer::pem_slice_iter(text).collect::<Result<Vec<_>, _>>()?;
            if all.is_empty() { Err(pem::Error::NoItemsFound) } else { Ok(all) }
        })?;
        let mut unusable = |what: String| {
            let what =
                format!("the certificates in `{}` cannot be trusted: {what}", settings.roots.display());
            problems.push(
                Problem::error(place.clone(), what)
                    .help("name the certificates of who issues those of clients"),
            );
        };
        let mut roots = RootCertStore::empty();
        for certificate in certificates {
            if let Err(error) = roots.add(certificate) {
                unusable(error.to_string());
                return None;
            }
        }
        let builder = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider());
        let builder = if settings.required { builder } else { builder.allow_unauthenticated() };
        builder.build().map_err(|error| unusable(error.to_string())).ok()
    }

    fn verifier(&self) -> Arc<dyn ClientCertVerifier> {
        Arc::clone(&self.current.load())
    }
}

impl ClientCertVerifier for Clients {
    fn client_auth_mandatory(&self) -> bool {
        self.settings.required
    }

    /// No hints: they would have to outlive the roots they are of, and clients do without.
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        self.verifier().verify_client_cert(end_entity, intermediates, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.verifier().verify_tls12_signature(message, certificate, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.verifier().verify_tls13_signature(message, certificate, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.verifier().supported_verify_schemes()
    }
}

/// What the client's own certificate says, where it showed one; `None` too where it cannot be read, though it was
/// found to be good: then its owner is nobody.
pub(super) fn certificate(chain: Option<&[CertificateDer<'_>]>) -> Option<ClientCertificate> {
    let (_, read) = X509Certificate::from_der(chain?.first()?).ok()?;
    let seconds = u64::try_from(read.validity().not_after.timestamp()).ok()?;
    let names = read.subject_alternative_name().ok()?;
    let names = names.map_or(&[][..], |extension| extension.value.general_names.as_slice());
    Some(ClientCertificate {
        subject: subject(read.subject()),
        names: names.iter().filter_map(name).collect(),
        expires: UNIX_EPOCH.checked_add(Duration::from_secs(seconds)).unwrap_or_else(SystemTime::now),
    })
}

fn name(name: &GeneralName<'_>) -> Option<String> {
    match name {
        GeneralName::URI(uri) => Some(format!("URI:{uri}")),
        GeneralName::DNSName(host) => Some(format!("DNS:{host}")),
        GeneralName::RFC822Name(address) => Some(format!("email:{address}")),
        GeneralName::IPAddress(bytes) => {
            let four = <[u8; 4]>::try_from(*bytes).map(IpAddr::from);
            let address = four.or_else(|_| <[u8; 16]>::try_from(*bytes).map(IpAddr::from)).ok()?;
            Some(format!("IP:{address}"))
        }
        _ => None,
    }
}

/// A subject as RFC 4514 writes it: the last part first.
fn subject(name: &X509Name<'_>) -> String {
    let mut parts: Vec<_> =
        name.iter().map(|part| part.iter().map(attribute).collect::<Vec<_>>().join("+")).collect();
    parts.reverse();
    parts.join(",")
}

fn attribute(attribute: &AttributeTypeAndValue<'_>) -> String {
    let oid = attribute.attr_type().to_id_string();
    let known = SHORT.iter().find(|(known, _)| *known == oid);
    match (known, attribute.as_str()) {
        (Some((_, short)), Ok(text)) => format!("{short}={}", escaped(text)),
        (Some((_, short)), Err(_)) => format!("{short}={}", hex(attribute.as_slice())),
        (None, _) => format!("{oid}={}", hex(attribute.as_slice())),
    }
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    let mut text = String::from("#");
    for byte in bytes {
        let _ = write!(text, "{byte:02x}");
    }
    text
}

/// A value with a backslash before whatever means something (RFC 4514, section 2.4), so that no two values are
/// written alike.
fn escaped(value: &str) -> String {
    let mut text = String::with_capacity(value.len());
    let last = value.chars().count().saturating_sub(1);
    for (at, c) in value.chars().enumerate() {
        match c {
            '"' | '+' | ',' | ';' | '<' | '>' | '\\' => text.extend(['\\', c]),
            '#' if at == 0 => text.extend(['\\', c]),
            ' ' if at == 0 || at == last => text.extend(['\\', c]),
            '\0' => text.push_str("\\00"),
            c => text.push(c),
        }
    }
    text
}

/// The short names of attributes, as OpenSSL prints them.
const SHORT: &[(&str, &str)] = &[
    ("2.5.4.3", "CN"),
    ("2.5.4.4", "SN"),
    ("2.5.4.5", "SERIALNUMBER"),
    ("2.5.4.6", "C"),
    ("2.5.4.7", "L"),
    ("2.5.4.8", "ST"),
    ("2.5.4.9", "STREET"),
    ("2.5.4.10", "O"),
    ("2.5.4.11", "OU"),
    ("2.5.4.12", "TITLE"),
    ("2.5.4.42", "GN"),
    ("0.9.2342.19200300.100.1.1", "UID"),
    ("0.9.2342.19200300.100.1.25", "DC"),
    ("1.2.840.113549.1.9.1", "EMAILADDRESS"),
];

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, DistinguishedName, DnType, KeyPair, SanType, date_time_ymd};

    use super::*;

    #[test]
    fn a_certificate_is_read_with_subject_names_and_end() {
        let mut params = CertificateParams::default();
        params.distinguished_name = DistinguishedName::new();
        params.distinguished_name.push(DnType::CountryName, "US");
        params.distinguished_name.push(DnType::OrganizationName, "Acme, Inc. ");
        params.distinguished_name.push(DnType::CommonName, "#robot");
        params.not_after = date_time_ymd(2030, 1, 1);
        params.subject_alt_names = vec![
            SanType::URI("spiffe://acme/robot".try_into().expect("text")),
            SanType::DnsName("robot.test".try_into().expect("text")),
            SanType::Rfc822Name("robot@acme.test".try_into().expect("text")),
            SanType::IpAddress([10, 0, 0, 1].into()),
        ];
        let made = params.self_signed(&KeyPair::generate().expect("a key")).expect("a certificate");
        let read = certificate(Some(&[made.der().clone()])).expect("readable");
        assert_eq!(read.subject, r"CN=\#robot,O=Acme\, Inc.\ ,C=US");
        assert_eq!(
            read.names,
            ["URI:spiffe://acme/robot", "DNS:robot.test", "email:robot@acme.test", "IP:10.0.0.1"]
        );
        assert_eq!(read.expires, UNIX_EPOCH + Duration::from_hours(525_960));
        assert_eq!(certificate(None), None);
        assert_eq!(certificate(Some(&[CertificateDer::from(vec![1, 2, 3])])), None);
    }
}
