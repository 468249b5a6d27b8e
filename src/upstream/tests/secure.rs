//! TLS: who is trusted, who is let in, and what a bad configuration is told.

use std::path::PathBuf;
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use tempfile::TempDir;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::{RootCertStore, ServerConfig};

use super::*;

/// A certificate authority, a server certificate for `backend.test` and a client certificate, as files.
struct Certificates {
    folder: TempDir,
}

impl Certificates {
    fn make() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let mut params = CertificateParams::new(Vec::new()).expect("parameters");
        let name = folder.path().display().to_string(); // a name of its own
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let root = CertifiedIssuer::self_signed(params, KeyPair::generate().expect("a key")).expect("a root");
        let certificates = Self { folder };
        certificates.write("root.pem", &root.pem());
        for name in ["backend.test", "client.test"] {
            let key = KeyPair::generate().expect("a key");
            let params = CertificateParams::new(vec![name.to_owned()]).expect("parameters");
            let certificate = params.signed_by(&key, &root).expect("a certificate");
            certificates.write(&format!("{name}.pem"), &certificate.pem());
            certificates.write(&format!("{name}.key"), &key.serialize_pem());
        }
        certificates
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path(name), text).expect("a file");
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn chain(&self, name: &str) -> CertificateDer<'static> {
        CertificateDer::from_pem_file(self.path(name)).expect("a certificate")
    }

    /// A server with the certificate of `backend.test`.
    async fn serve(&self, client_needed: bool, alpn: &[&[u8]]) -> Server {
        let mut roots = RootCertStore::empty();
        roots.add(self.chain("root.pem")).expect("a root");
        let provider = Arc::new(aws_lc_rs::default_provider());
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .expect("versions");
        let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
        let builder = if client_needed {
            builder.with_client_cert_verifier(verifier.build().expect("a verifier"))
        } else {
            builder.with_no_client_auth()
        };
        let key = PrivateKeyDer::from_pem_file(self.path("backend.test.key")).expect("a key");
        let mut config =
            builder.with_single_cert(vec![self.chain("backend.test.pem")], key).expect("a config");
        config.alpn_protocols = alpn.iter().map(|name| name.to_vec()).collect();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        Server::sockets(move |socket| {
            let acceptor = acceptor.clone();
            async move {
                if let Ok(stream) = acceptor.accept(socket).await {
                    each_call(stream, |request: Request<RecvStream>, mut respond| async move {
                        answer_ok(&mut respond, request.uri().to_string().as_bytes());
                    })
                    .await;
                }
            }
        })
        .await
    }

    fn settings(&self, server: &Server) -> Settings {
        let mut settings = settings(&format!("https://{}", server.address));
        settings.tls.roots = Some(self.path("root.pem"));
        settings.tls.server_name = Some("backend.test".to_owned());
        settings
    }
}

/// The reason why no connection comes up.
async fn refusal(settings: Settings) -> String {
    let upstream = prepare(settings);
    let reply = soon(upstream.unary(call(b"x"))).await;
    assert_eq!(status(&reply).message, "the backend cannot be reached");
    until("a reason", || upstream.state().is_err_and(|why| why != "not connected yet")).await;
    upstream.state().expect_err("no connection")
}

#[tokio::test]
async fn tls_serves_with_its_own_roots_and_name() {
    let certificates = Certificates::make();
    let server = certificates.serve(false, &[b"h2"]).await;
    let reply = soon(prepare(certificates.settings(&server)).unary(call(b"x"))).await;
    assert_eq!(message(&reply), b"https://backend.test/pkg.Service/Method");
}

#[tokio::test]
async fn a_client_certificate_opens_the_door() {
    let certificates = Certificates::make();
    let server = certificates.serve(true, &[b"h2"]).await;
    let mut settings = certificates.settings(&server);
    let why = refusal(settings.clone()).await;
    assert!(!why.contains("127.0.0.1"), "{why}");
    settings.tls.certificate = Some(certificates.path("client.test.pem"));
    settings.tls.key = Some(certificates.path("client.test.key"));
    let reply = soon(prepare(settings).unary(call(b"x"))).await;
    assert_eq!(message(&reply), b"https://backend.test/pkg.Service/Method");
}

#[tokio::test]
async fn a_stranger_is_not_trusted() {
    let (certificates, others) = (Certificates::make(), Certificates::make());
    let server = certificates.serve(false, &[b"h2"]).await;
    let mut settings = certificates.settings(&server);
    settings.tls.roots = Some(others.path("root.pem"));
    assert_eq!(
        refusal(settings).await,
        "TLS failed: the server's certificate is not signed by a trusted root"
    );
}

#[tokio::test]
async fn another_name_is_not_trusted() {
    let certificates = Certificates::make();
    let server = certificates.serve(false, &[b"h2"]).await;
    let mut settings = certificates.settings(&server);
    settings.tls.server_name = Some("other.test".to_owned());
    assert_eq!(refusal(settings).await, "TLS failed: the server's certificate is for another name");
}

#[tokio::test]
async fn a_server_without_http2_is_told() {
    let certificates = Certificates::make();
    for alpn in [&[][..], &[&b"http/1.1"[..]]] {
        let server = certificates.serve(false, alpn).await;
        let why = refusal(certificates.settings(&server)).await;
        assert_eq!(why, "the server does not offer HTTP/2 (ALPN `h2`)");
    }
}

#[tokio::test]
async fn every_fault_in_the_settings_is_told_at_once() {
    let certificates = Certificates::make();
    certificates.write("empty.pem", "nothing here\n");
    let tls = |roots: &str, certificate: Option<&str>, key: Option<&str>, name: Option<&str>| TlsSettings {
        roots: Some(certificates.path(roots)),
        certificate: certificate.map(|file| certificates.path(file)),
        key: key.map(|file| certificates.path(file)),
        server_name: name.map(str::to_owned),
    };
    let (own, own_key) = (Some("client.test.pem"), Some("client.test.key"));
    for (url, tls, expected) in [
        ("https://a", tls("none.pem", own, own_key, None), &["`tls.roots`: `", "cannot be read"][..]),
        ("https://a", tls("empty.pem", None, None, None), &["holds no certificate in PEM form"]),
        ("https://a", tls("root.pem", own, None, None), &["`tls.certificate` is given without `tls.key`"]),
        (
            "https://a",
            tls("root.pem", None, own_key, None),
            &["`tls.key` is given without `tls.certificate`"],
        ),
        ("https://a", tls("root.pem", own, own, None), &["holds no private key in PEM form"]),
        (
            "https://a",
            tls("root.pem", own, Some("backend.test.key"), None),
            &["does not fit `tls.certificate`"],
        ),
        (
            "https://a",
            tls("empty.pem", own, Some("none"), Some("a b")),
            &["`a b`", "no certificate", "`tls.key`: `"],
        ),
        (
            "ftp://a",
            tls("empty.pem", None, None, None),
            &["its scheme is `ftp`", "no certificate in PEM form"],
        ),
        (
            "http://a",
            tls("root.pem", own, own_key, None),
            &["`tls.roots` is", "`tls.certificate` is", "`tls.key` is"],
        ),
    ] {
        let mut problems = Problems::new();
        let prepared = Upstream::prepare(Settings { tls, ..settings(url) }, &mut problems);
        assert!(prepared.is_none(), "{url}");
        let told = problems.to_string();
        for part in expected {
            assert!(told.contains(part), "`{part}` is not in: {told}");
        }
        assert!(problems.iter().all(|problem| problem.place == Place::item("upstreams[0]")));
    }
}
