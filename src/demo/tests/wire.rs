//! What passes over the wire: faults, deadlines, connections, reflection, health.

use h2::Reason;
use http::HeaderMap;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;

use super::*;

#[tokio::test]
async fn reflection_and_health_answer() {
    use tonic_reflection::pb::v1::server_reflection_request::MessageRequest;
    use tonic_reflection::pb::v1::{ServerReflectionRequest, ServerReflectionResponse};

    let demo = Fixture::model().await;
    for version in ["v1", "v1alpha"] {
        let request = ServerReflectionRequest {
            host: String::new(),
            message_request: Some(MessageRequest::ListServices(String::new())),
        };
        let path = format!("/grpc.reflection.{version}.ServerReflection/ServerReflectionInfo");
        let mut grpc = Grpc::new(demo.channel.clone());
        grpc.ready().await.expect("ready");
        let requests = futures_util::stream::iter([Bytes::from(request.encode_to_vec())]);
        let path = PathAndQuery::try_from(path).expect("a path");
        let answers = grpc.streaming(Request::new(requests), path, Raw).await.expect("reflection");
        let answer = answers.into_inner().message().await.expect("sound").expect("one answer");
        let answer = ServerReflectionResponse::decode(answer).expect("an answer");
        let listed = format!("{answer:?}");
        for service in [CLUSTERS, "grpc.health.v1.Health"] {
            assert!(listed.contains(service), "{version}: {listed}");
        }
    }
    let health = send(&demo.channel, "/grpc.health.v1.Health/Check", Vec::new(), &[]).await.expect("health");
    let health = tonic_health::pb::HealthCheckResponse::decode(health.into_inner()).expect("an answer");
    assert_eq!(health.status(), tonic_health::pb::health_check_response::ServingStatus::Serving);
}

/// An answer as it came, frame by frame.
#[derive(Debug, Default)]
struct Seen {
    status: u16,
    headers: HeaderMap,
    body: Vec<u8>,
    trailers: Option<HeaderMap>,
    reset: Option<Reason>,
}

/// Calls `SuggestClusterName` through a bare HTTP/2 client, which adds and hides nothing.
async fn call(backend: &Backend, metadata: &[(&str, &str)]) -> Seen {
    let stream = TcpStream::connect(backend.address()).await.expect("connected");
    exchange(stream, &format!("/{CLUSTERS}/SuggestClusterName"), metadata, &[0; 5]).await
}

async fn exchange<I>(stream: I, path: &str, metadata: &[(&str, &str)], frame: &'static [u8]) -> Seen
where
    I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (mut requests, connection) = h2::client::handshake(stream).await.expect("HTTP/2");
    tokio::spawn(connection);
    let mut request = http::Request::post(format!("http://localhost{path}"))
        .header("content-type", "application/grpc")
        .header("te", "trailers");
    for (name, value) in metadata {
        request = request.header(*name, *value);
    }
    let request = request.body(()).expect("a request");
    let (answer, mut body) = requests.send_request(request, false).expect("sent");
    body.send_data(Bytes::from_static(frame), true).expect("sent");
    let mut seen = Seen::default();
    let mut body = match answer.await {
        Ok(answer) => {
            let (parts, body) = answer.into_parts();
            (seen.status, seen.headers) = (parts.status.as_u16(), parts.headers);
            body
        }
        Err(reset) => {
            seen.reset = reset.reason();
            return seen;
        }
    };
    while let Some(data) = body.data().await {
        match data {
            Ok(data) => {
                body.flow_control().release_capacity(data.len()).expect("room");
                seen.body.extend_from_slice(&data);
            }
            Err(reset) => {
                seen.reset = reset.reason();
                return seen;
            }
        }
    }
    seen.trailers = body.trailers().await.expect("sound");
    seen
}

impl Seen {
    /// Where the outcome stands, and what it is.
    fn outcome(&self) -> (&'static str, &str) {
        let trailed = self.trailers.as_ref().and_then(|trailers| trailers.get("grpc-status"));
        match (self.headers.get("grpc-status"), trailed) {
            (Some(status), None) => ("headers", status.to_str().expect("ASCII")),
            (None, Some(status)) => ("trailers", status.to_str().expect("ASCII")),
            (None, None) => ("nowhere", ""),
            both => panic!("two outcomes: {both:?}"),
        }
    }
}

#[tokio::test]
async fn statuses_are_answered_on_request() {
    let demo = Fixture::model().await;
    let fault = async |text: &str| call(&demo.backend, &[("transom-fault", text)]).await;
    for (text, outcome, body) in [
        ("status=5", ("headers", "5"), 0),
        ("status=9;late", ("trailers", "9"), 0),
        ("status=9; after-message", ("trailers", "9"), 5),
        ("no-message", ("trailers", "0"), 0),
        ("status=99", ("headers", "3"), 0),
        ("transom", ("headers", "3"), 0),
    ] {
        let seen = fault(text).await;
        assert_eq!((seen.status, seen.outcome(), seen.body.len()), (200, outcome, body), "{text}");
    }
    let spoken = fault("status=5;message=gone%20away").await;
    assert_eq!(spoken.headers["grpc-message"], "gone%20away");
    let detailed =
        demo.send(CLUSTERS, "SuggestClusterName", "", &[("transom-fault", "details=bad-request")]).await;
    let detailed = detailed.expect_err("a fault");
    let details = tonic_types::pb::Status::decode(detailed.details()).expect("details").details;
    let types: Vec<_> = details.iter().map(|detail| detail.type_url.as_str()).collect();
    assert_eq!(
        types,
        ["type.googleapis.com/google.rpc.BadRequest", "type.googleapis.com/transom.demo.Unheard"]
    );
}

#[tokio::test]
async fn streams_break_on_request() {
    let demo = Fixture::model().await;
    let fault = async |text: &str| call(&demo.backend, &[("transom-fault", text)]).await;
    for (text, status, reason) in [
        ("reset", 0, Reason::INTERNAL_ERROR),
        ("reset=REFUSED_STREAM", 0, Reason::REFUSED_STREAM),
        ("reset=ENHANCE_YOUR_CALM", 0, Reason::ENHANCE_YOUR_CALM),
        ("break", 200, Reason::INTERNAL_ERROR),
        ("break=CANCEL", 200, Reason::CANCEL),
    ] {
        let seen = fault(text).await;
        assert_eq!((seen.status, seen.reset), (status, Some(reason)), "{text}");
    }
}

#[tokio::test]
async fn answers_are_no_grpc_on_request() {
    let demo = Fixture::model().await;
    let fault = async |text: &str| call(&demo.backend, &[("transom-fault", text)]).await;
    let told = |seen: &Seen| {
        usize::try_from(u32::from_be_bytes(seen.body[1..5].try_into().expect("four"))).expect("fits")
    };
    let sound = call(&demo.backend, &[]).await;
    assert_eq!((sound.outcome(), told(&sound) + 5), (("trailers", "0"), sound.body.len()));
    let bare = fault("no-trailers").await;
    assert_eq!(
        (bare.outcome(), bare.trailers.is_none(), told(&bare) + 5),
        (("nowhere", ""), true, bare.body.len())
    );
    let cut = fault("truncate").await;
    assert!(cut.outcome() == ("trailers", "0") && told(&cut) + 5 > cut.body.len(), "{cut:?}");
    let twice = fault("two-messages").await;
    assert_eq!(twice.body.len(), 2 * (told(&twice) + 5));
    assert_eq!(fault("garbage").await.body, b"this is no gRPC message");
    for (text, status) in [("html", 200), ("html=503", 503)] {
        let page = fault(text).await;
        assert_eq!(
            (page.status, &page.headers["content-type"]),
            (status, &"text/html".parse().expect("a value"))
        );
        assert!(page.body.starts_with(b"<html>"));
    }
    let large = fault("oversize=1MiB").await;
    assert!(
        large.outcome() == ("trailers", "0")
            && told(&large) > 1 << 20
            && told(&large) + 5 == large.body.len()
    );
}

#[tokio::test]
async fn metadata_is_echoed_and_added() {
    let demo = Fixture::model().await;
    let metadata = [
        ("x-colour", "red"),
        ("x-colour", "blue"),
        ("x-raw-bin", "AQID"),
        ("transom-echo-metadata", "1"),
        ("transom-answer-header", "x-new=one"),
        ("transom-answer-trailer", "x-end-bin=/w"),
    ];
    let seen = call(&demo.backend, &metadata).await;
    let trailers = seen.trailers.expect("trailers");
    let all = |headers: &HeaderMap, name: &str| headers.get_all(name).iter().cloned().collect::<Vec<_>>();
    for headers in [&seen.headers, &trailers] {
        assert_eq!(all(headers, "echo-x-colour"), ["red", "blue"]);
        assert_eq!(headers["echo-x-raw-bin"], "AQID");
    }
    assert_eq!(
        (&seen.headers["x-new"], seen.headers.get("x-end-bin")),
        (&"one".parse().expect("a value"), None)
    );
    assert_eq!((trailers.get("x-new"), &trailers["x-end-bin"]), (None, &"/w".parse().expect("a value")));
}

#[tokio::test]
async fn deadlines_hold() {
    let demo = Fixture::model().await;
    let started = Instant::now();
    let late = call(&demo.backend, &[("transom-fault", "hang"), ("grpc-timeout", "50m")]).await;
    assert_eq!(late.outcome(), ("headers", "4"));
    assert!(started.elapsed() >= Duration::from_millis(50));
    let started = Instant::now();
    let slow = call(&demo.backend, &[("transom-fault", "delay=50ms"), ("grpc-timeout", "30S")]).await;
    assert_eq!(slow.outcome(), ("trailers", "0"));
    assert!(started.elapsed() >= Duration::from_millis(50));
    let seen = demo.backend.calls();
    let timeouts: Vec<_> = seen.iter().map(|call| call.timeout.map(|timeout| timeout.as_millis())).collect();
    assert_eq!(timeouts, [Some(50), Some(30_000)]);
    assert!(seen.iter().all(|call| call.outcome == Outcome::Completed));
    assert_eq!(call(&demo.backend, &[("grpc-timeout", "soon")]).await.outcome(), ("headers", "3"));
}

#[tokio::test]
async fn calls_and_their_cancellation_are_seen() {
    let demo = Fixture::model().await;
    let path = format!("/{CLUSTERS}/ListClusters");
    let (channel, asked) = (demo.channel.clone(), path.clone());
    let call = tokio::spawn(async move {
        let metadata = [("transom-fault", "hang"), ("x-colour", "red")];
        send(&channel, &asked, vec![10, 1, b'x'], &metadata).await
    });
    let last = || demo.backend.calls().pop();
    until("the message is seen", || last().is_some_and(|call| !call.message.is_empty())).await;
    let seen = last().expect("a call");
    assert_eq!((seen.path, seen.outcome), (path, Outcome::Running));
    assert_eq!((seen.message.as_ref(), seen.timeout), (&[10, 1, b'x'][..], None));
    assert_eq!(
        (&seen.metadata["x-colour"], &seen.metadata["te"]),
        (&"red".parse().expect("a value"), &"trailers".parse().expect("a value"))
    );
    call.abort();
    until("the call is cancelled", || last().is_some_and(|call| call.outcome == Outcome::Cancelled)).await;
}

#[tokio::test]
async fn connections_end_when_told_to() {
    let demo = Fixture::model().await;
    let ask = async || demo.call(CLUSTERS, "SuggestClusterName", "").await;
    ask().await.expect("answered");
    assert_eq!(demo.backend.connections(), 1);
    let going = [("transom-fault", "goaway")];
    demo.send(CLUSTERS, "SuggestClusterName", "", &going).await.expect("answered, then closed");
    let deadline = Instant::now() + Duration::from_secs(5);
    while demo.backend.connections() == 1 && Instant::now() < deadline {
        let _ = ask().await;
    }
    assert_eq!(demo.backend.connections(), 2, "a new connection after GOAWAY");
    demo.backend.disconnect();
    while demo.backend.connections() == 2 && Instant::now() < deadline {
        let _ = ask().await;
    }
    assert_eq!(demo.backend.connections(), 3, "a new connection after a broken one");
}

#[tokio::test]
async fn a_stopped_backend_frees_its_port() {
    let pool = library();
    let first = Backend::start(pool.clone(), loopback()).await.expect("a port");
    let address = first.address();
    let taken = Backend::start(pool.clone(), address).await.expect_err("taken");
    assert_eq!(taken.kind(), std::io::ErrorKind::AddrInUse);
    first.stop().await;
    let second = Backend::start(pool.clone(), address).await.expect("free again");
    assert_eq!(second.address(), address);
    drop(second);
    let deadline = Instant::now() + Duration::from_secs(5);
    while let Err(busy) = Backend::start(pool.clone(), address).await {
        assert!(Instant::now() < deadline, "{busy}");
        tokio::task::yield_now().await;
    }
}

#[cfg(unix)]
#[tokio::test]
async fn unix_sockets_and_bare_stores_work_too() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("backend.sock");
    let options = Options { seeded: false, remembered_calls: 0, ..Options::default() };
    let pool = model_api();
    let backend = Backend::start_unix(&pool, &path, options).expect("a socket");
    assert_eq!(backend.url(), format!("unix://{}", path.display()));
    let channel = connect(&backend).await;
    let demo = Fixture { backend, pool, channel };
    assert!(demo.list_names("").await.is_empty());
    assert!(demo.backend.calls().is_empty());
}

#[tokio::test]
async fn tls_works_too() {
    use std::sync::Arc;

    use tokio_rustls::TlsConnector;
    use tokio_rustls::rustls::pki_types::{PrivateKeyDer, ServerName};
    use tokio_rustls::rustls::{ClientConfig, RootCertStore, ServerConfig};

    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
    let certificate = made.cert.der().clone();
    let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).expect("a key");
    let config =
        ServerConfig::builder().with_no_client_auth().with_single_cert(vec![certificate.clone()], key);
    let tls = Some(Arc::new(config.expect("a TLS config")));
    let backend = Backend::start_with(library(), loopback(), Options { tls, ..Options::default() }).await;
    let backend = backend.expect("a port");
    assert!(backend.url().starts_with("https://127.0.0.1:"));

    let mut roots = RootCertStore::empty();
    roots.add(certificate).expect("a root");
    let mut config = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec()];
    let stream = TcpStream::connect(backend.address()).await.expect("connected");
    let name = ServerName::try_from("localhost").expect("a name");
    let stream = TlsConnector::from(Arc::new(config)).connect(name, stream).await.expect("a handshake");
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
    let seen = exchange(stream, "/library.v1.Library/Echo", &[], &[0, 0, 0, 0, 3, 10, 1, b'x']).await;
    assert_eq!(
        (seen.body, seen.trailers.expect("trailers")["grpc-status"].as_bytes()),
        (vec![0, 0, 0, 0, 3, 10, 1, b'x'], &b"0"[..])
    );
}
