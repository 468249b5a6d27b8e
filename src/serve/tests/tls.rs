//! TLS listeners: both protocols by ALPN, and certificates that change while serving.

use std::path::Path;
use std::sync::Arc;

use rcgen::{CertifiedKey, generate_simple_self_signed};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

use http_body_util::Full;

use super::support::*;
use crate::problem::Problems;
use crate::serve::{Drained, ListenerTls, Stop};

/// Writes a new self-signed certificate for `localhost` and gives it.
fn certificate(folder: &Path) -> (ListenerTls, CertificateDer<'static>) {
    let CertifiedKey { cert, signing_key } =
        generate_simple_self_signed(vec!["localhost".into()]).expect("a certificate");
    let tls =
        ListenerTls { certificate: folder.join("cert.pem"), key: folder.join("key.pem"), clients: None };
    std::fs::write(&tls.certificate, cert.pem()).expect("written");
    std::fs::write(&tls.key, signing_key.serialize_pem()).expect("written");
    (tls, cert.der().clone())
}

async fn connect(
    server: &Server,
    trusted: &CertificateDer<'static>,
    protocol: &str,
) -> std::io::Result<TlsStream<TcpStream>> {
    shake(server.connect().await, trusted, protocol).await
}

async fn shake(
    stream: TcpStream,
    trusted: &CertificateDer<'static>,
    protocol: &str,
) -> std::io::Result<TlsStream<TcpStream>> {
    let mut roots = RootCertStore::empty();
    roots.add(trusted.clone()).expect("a root");
    let mut config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![protocol.as_bytes().to_vec()];
    let name = ServerName::try_from("localhost").expect("a name");
    TlsConnector::from(Arc::new(config)).connect(name, stream).await
}

#[tokio::test]
async fn alpn_chooses_the_protocol() {
    let folder = tempfile::tempdir().expect("a folder");
    let (tls, trusted) = certificate(folder.path());
    let server = Setup { tls: Some(tls), ..Setup::default() }.start();

    let stream = connect(&server, &trusted, "http/1.1").await.expect("a handshake");
    assert_eq!(http1(stream).await.send(get("/bytes/2")).await.text(), "11");

    let stream = connect(&server, &trusted, "h2").await.expect("a handshake");
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
    let request = http::Request::get("https://localhost/bytes/3").body(Full::default());
    assert_eq!(http2(stream).await.send(request.expect("a request")).await.text(), "111");
}

#[tokio::test]
async fn a_changed_certificate_is_shown_and_a_broken_one_is_not() {
    let folder = tempfile::tempdir().expect("a folder");
    let (tls, old) = certificate(folder.path());
    let server = Setup { tls: Some(tls.clone()), ..Setup::default() }.start();
    let files: Vec<_> = server.certificates.files().map(Path::to_owned).collect();
    assert_eq!(files, [tls.certificate.clone(), tls.key.clone()]);

    let (_, new) = certificate(folder.path());
    assert!(connect(&server, &new, "h2").await.is_err(), "not read yet");
    let mut problems = Problems::new();
    server.certificates.reload(&mut problems);
    assert!(problems.is_empty(), "{problems}");
    connect(&server, &new, "h2").await.expect("the new one is shown");
    assert!(connect(&server, &old, "h2").await.is_err(), "the old one is not");

    let other = tempfile::tempdir().expect("a folder");
    let (foreign, _) = certificate(other.path());
    std::fs::copy(&foreign.key, &tls.key).expect("copied");
    server.certificates.reload(&mut problems);
    assert!(problems.to_string().contains("does not belong to"), "{problems}");
    std::fs::write(&tls.certificate, "nonsense").expect("written");
    server.certificates.reload(&mut problems);
    assert!(problems.to_string().contains("no certificate in PEM form"), "{problems}");
    connect(&server, &new, "h2").await.expect("the last good one stays");
}

#[tokio::test]
async fn plain_text_and_silence_on_a_tls_listener_are_closed() {
    let folder = tempfile::tempdir().expect("a folder");
    let (tls, _) = certificate(folder.path());
    let limits =
        crate::serve::ConnectionLimits { header_timeout: std::time::Duration::from_millis(100), ..limits() };
    let server = Setup { tls: Some(tls), limits, ..Setup::default() }.start();
    for said in ["GET / HTTP/1.1\r\n\r\n", ""] {
        let answer = raw(server.connect().await, said.as_bytes()).await;
        assert!(!answer.starts_with("HTTP"), "{answer}");
    }
    until(|| server.metrics().contains("transom_connections 0")).await;
}

#[tokio::test]
async fn a_handshake_under_way_is_served_through_a_drain() {
    let folder = tempfile::tempdir().expect("a folder");
    let (tls, trusted) = certificate(folder.path());
    for protocol in ["http/1.1", "h2"] {
        let server = Setup { tls: Some(tls.clone()), ..Setup::default() }.start();
        let stream = server.connect().await;
        until(|| server.metrics().contains("transom_connections 1")).await;
        server.stop.send(Stop::Drain).expect("running");
        let address = server.address();
        within(async { while TcpStream::connect(address).await.is_ok() {} }).await;
        let stream = shake(stream, &trusted, protocol).await.expect("a handshake");
        if protocol == "h2" {
            let request = http::Request::get("https://localhost/bytes/3").body(Full::default());
            assert_eq!(http2(stream).await.send(request.expect("a request")).await.text(), "111");
        } else {
            let answer = http1(stream).await.send(get("/bytes/3")).await;
            assert_eq!((answer.text(), answer.header("connection")), ("111", Some("close")));
        }
        assert_eq!(within(server.running).await.expect("no panic"), Drained { cut: 0 });
    }
}

#[tokio::test]
async fn a_client_that_does_not_read_is_closed_under_tls_too() {
    let folder = tempfile::tempdir().expect("a folder");
    let (tls, trusted) = certificate(folder.path());
    let limits =
        crate::serve::ConnectionLimits { write_timeout: std::time::Duration::from_millis(200), ..limits() };
    let server = Setup { tls: Some(tls), limits, ..Setup::default() }.start();
    let mut stream = connect(&server, &trusted, "http/1.1").await.expect("a handshake");
    stream.write_all(b"GET /bytes/33554432 HTTP/1.1\r\nhost: a\r\n\r\n").await.expect("sent");
    until(|| server.log().len() == 1).await;
    assert_eq!(server.log()[0]["grpc_code"], "CANCELLED");
    until(|| server.metrics().contains("transom_connections 0")).await;
    drop(stream);
}
