//! Every kind of socket on either side: unix sockets and TLS, towards clients and towards backends.

use std::sync::Arc;

use http::Method;
use rcgen::{CertifiedKey, generate_simple_self_signed};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore, ServerConfig};
use transom::demo::{Backend, Options};

use crate::support::{Client, Gateway, SHOP, http1, http2, pool, request, shop, shop_files, until};

/// A certificate for `localhost` and its key, in PEM form.
fn certificate() -> (String, String) {
    let CertifiedKey { cert, signing_key } =
        generate_simple_self_signed(vec!["localhost".to_owned()]).expect("a certificate");
    (cert.pem(), signing_key.serialize_pem())
}

#[tokio::test]
async fn unix_sockets_on_both_sides() {
    let folder = tempfile::tempdir().expect("a folder");
    let socket = folder.path().join("backend.sock");
    let backend = Backend::start_unix(&pool(SHOP), &socket, Options::default()).expect("started");
    let public = folder.path().join("public.sock");
    let gateway = shop_files()
        .upstream_url(backend.url())
        .config(&format!("listen: unix:{}", public.display()))
        .start()
        .await;
    let answer = Client::Unix(public.clone()).send(request(Method::GET, "/v1/look/7", &[], "")).await;
    assert_eq!((answer.status.as_u16(), answer.json()["id"].as_str()), (200, Some("7")));
    let seen = backend.calls().pop().expect("a call");
    assert!(!seen.metadata.contains_key("x-forwarded-for"), "a unix socket has no address");
    drop(gateway);
}

#[tokio::test]
async fn a_backend_behind_tls_is_trusted_by_its_root_only() {
    let (certificate, key) = certificate();
    let chain = vec![CertificateDer::from_pem_slice(certificate.as_bytes()).expect("a certificate")];
    let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).expect("a key");
    let tls = ServerConfig::builder().with_no_client_auth().with_single_cert(chain, key).expect("fits");
    let options = Options { tls: Some(Arc::new(tls)), ..Options::default() };
    let backend =
        Backend::start_with(pool(SHOP), ([127, 0, 0, 1], 0).into(), options).await.expect("started");
    let with_tls = |tls: &str| {
        shop_files()
            .file("root.pem", &certificate)
            .config(&format!("upstreams: [{{name: shop, url: '{}', tls: {tls}}}]", backend.url()))
    };
    let trusting = with_tls("{roots: root.pem, server_name: localhost}").start().await;
    assert_eq!(trusting.get("/v1/look/7").await.status, 200);
    let strange = with_tls("{roots: root.pem, server_name: elsewhere.test}").start().await;
    assert_eq!(strange.get("/v1/look/7").await.status, 503);
    let distrusting = with_tls("{server_name: localhost}").start().await;
    assert_eq!(distrusting.get("/v1/look/7").await.status, 503);
}

#[tokio::test]
async fn clients_speak_both_http_versions_over_tls_and_a_new_certificate_is_used() {
    let (first, key) = certificate();
    let (_plain, backend) = shop("").await;
    let gateway = shop_files()
        .file("tls/cert.pem", &first)
        .file("tls/key.pem", key)
        .upstream(backend.address())
        .config("listen: [{address: '127.0.0.1:0', tls: {certificate: tls/cert.pem, key: tls/key.pem}}]")
        .config("reload: {debounce: 20ms}")
        .start()
        .await;
    let get = || request(Method::GET, "/v1/look/7", &[], "");
    let h1 = http1(connect(&gateway, &first, b"http/1.1").await.expect("trusted"), get()).await;
    assert_eq!(h1.expect("an answer").status, 200);
    let h2 = http2(connect(&gateway, &first, b"h2").await.expect("trusted"), get()).await;
    assert_eq!(h2.expect("an answer").status, 200);
    let seen = backend.calls().pop().expect("a call");
    assert_eq!(seen.metadata["x-forwarded-proto"], "https");

    let (second, key) = certificate();
    gateway.write("tls/cert.pem", &second);
    gateway.write("tls/key.pem", key);
    until("the new certificate", async || connect(&gateway, &second, b"h2").await.ok()).await;
    assert!(connect(&gateway, &first, b"h2").await.is_err(), "the old certificate is gone");
}

/// A TLS connection that trusts one certificate and asks for one protocol.
async fn connect(gateway: &Gateway, root: &str, protocol: &[u8]) -> std::io::Result<TlsStream<TcpStream>> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(root.as_bytes()).expect("a certificate")).expect("a root");
    let mut config = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = vec![protocol.to_vec()];
    let stream = TcpStream::connect(gateway.address()).await?;
    let name = ServerName::try_from("localhost").expect("a name");
    let stream = TlsConnector::from(Arc::new(config)).connect(name, stream).await?;
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(protocol));
    Ok(stream)
}
