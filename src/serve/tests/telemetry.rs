//! What calls leave behind: access log, metrics, and spans at a collector.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use http::{HeaderMap, HeaderName, HeaderValue, Request};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::trace::v1::Span;
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use prost::Message;
use tokio::net::{TcpListener, TcpStream};

use http_body_util::Full;

use super::support::*;
use crate::protocol::{self, Body};
use crate::telemetry;

#[tokio::test]
async fn each_call_is_one_line_of_the_access_log() {
    let server = Setup::default().start();
    let mut request = get("/bytes/7?secret=1");
    request.headers_mut().insert(
        "traceparent",
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".parse().expect("a value"),
    );
    server.send(request).await;
    server.get("/nothing").await;
    let log = server.log();
    assert_eq!(log.len(), 2);
    let line = log[0].as_object().expect("an object");
    for (name, value) in [
        ("method", serde_json::json!("GET")),
        ("path", "/bytes/7".into()),
        ("status", 200.into()),
        ("grpc_code", "OK".into()),
        ("route", "/bytes/7".into()),
        ("rpc", "test.Service/Method".into()),
        ("trace_id", "0af7651916cd43dd8448eb211c80319c".into()),
        ("bytes_out", 7.into()),
        ("generation", 1.into()),
    ] {
        assert_eq!(line.get(name), Some(&value), "{name}");
    }
    assert!(line["peer"].as_str().expect("text").starts_with("127.0.0.1:"));
    assert!(line["duration"].as_f64().expect("a number") > 0.0);
    assert!(!serde_json::to_string(&log).expect("JSON").contains("secret"));
    assert_eq!((&log[1]["status"], &log[1]["origin"]), (&404.into(), &"client".into()));
}

#[tokio::test]
async fn a_head_request_is_recorded_though_nobody_reads_its_body() {
    let server = Setup::default().start();
    let head = http::Request::head("/bytes/7").header("host", "test").body(Full::default());
    let answer = server.send(head.expect("a request")).await;
    assert_eq!((answer.status, answer.body.len()), (200, 0));
    assert_eq!(server.log()[0]["grpc_code"], "OK");
}

#[tokio::test]
async fn without_a_collector_trace_context_passes_unchanged() {
    let server = Setup::default().start();
    let parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let mut request = get("/headers");
    request.headers_mut().insert("traceparent", parent.parse().expect("a value"));
    assert_eq!(server.send(request).await.json()["traceparent"], parent);
    assert_eq!(server.get("/headers").await.json().get("traceparent"), None);
}

/// A collector that keeps the spans it is sent.
async fn collector() -> (SocketAddr, Arc<Mutex<Vec<Span>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let spans = Arc::new(Mutex::new(Vec::new()));
    let kept = Arc::clone(&spans);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(collect(stream, Arc::clone(&kept)));
        }
    });
    (address, spans)
}

async fn collect(stream: TcpStream, spans: Arc<Mutex<Vec<Span>>>) {
    let service = service_fn(move |request: Request<Incoming>| {
        let spans = Arc::clone(&spans);
        async move {
            let path = request.uri().path().to_owned();
            let message = protocol::read(request.into_body(), 1 << 20, LONG).await.expect("a message");
            if path == "/opentelemetry.proto.collector.trace.v1.TraceService/Export" {
                let export = ExportTraceServiceRequest::decode(&message[5..]).expect("an export");
                let sent = export.resource_spans.into_iter().flat_map(|resource| resource.scope_spans);
                spans.lock().expect("not poisoned").extend(sent.flat_map(|scope| scope.spans));
            }
            let status = (HeaderName::from_static("grpc-status"), HeaderValue::from_static("0"));
            let body = Body::from(vec![0; 5]).with_trailers(HeaderMap::from_iter([status]));
            http::Response::builder().header("content-type", "application/grpc").body(body)
        }
    });
    let connection = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
    connection.serve_connection(TokioIo::new(stream), service).await.ok();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_span_continues_the_clients_trace_and_reaches_the_collector() {
    let (address, spans) = collector().await;
    let settings = telemetry::Settings {
        otlp_endpoint: Some(format!("http://{address}")),
        sample_ratio: 0.0,
        ..Setup::default().telemetry
    };
    let server = Setup { telemetry: settings, ..Setup::default() }.start();
    let mut request = get("/headers");
    let parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    request.headers_mut().insert("traceparent", parent.parse().expect("a value"));
    let forwarded = server.send(request).await.json();
    server.get("/headers").await;
    let line = server.log().remove(0);
    within(server.telemetry.shutdown()).await;

    let spans = spans.lock().expect("not poisoned");
    assert_eq!(spans.len(), 1, "only the trace that its caller records: {spans:?}");
    let span = &spans[0];
    let hex = |bytes: &[u8]| bytes.iter().fold(String::new(), |hex, byte| format!("{hex}{byte:02x}"));
    assert_eq!((span.name.as_str(), span.kind), ("GET /headers", SpanKind::Server as i32));
    assert_eq!(hex(&span.trace_id), "0af7651916cd43dd8448eb211c80319c");
    assert_eq!(hex(&span.parent_span_id), "b7ad6b7169203331");
    let sent = format!("00-0af7651916cd43dd8448eb211c80319c-{}-01", hex(&span.span_id));
    assert_eq!(forwarded["traceparent"], sent, "the backend continues our span");
    assert_eq!(line["trace_id"], "0af7651916cd43dd8448eb211c80319c");
    let attribute = |name: &str| span.attributes.iter().any(|attribute| attribute.key == name);
    for name in ["http.request.method", "http.route", "http.response.status_code", "rpc.method", "url.path"] {
        assert!(attribute(name), "{name} not in {:?}", span.attributes);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_collector_that_is_not_there_holds_up_nothing() {
    let closed = TcpListener::bind("127.0.0.1:0").await.expect("a port").local_addr().expect("an address");
    let settings =
        telemetry::Settings { otlp_endpoint: Some(format!("http://{closed}")), ..Setup::default().telemetry };
    let server = Setup { telemetry: settings, ..Setup::default() }.start();
    assert_eq!(server.get("/bytes/1").await.status, 200);
    within(server.telemetry.shutdown()).await;
}
