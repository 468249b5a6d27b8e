//! What calls leave behind: the access log, metrics, and trace context at the backend.

use http::Method;
use serde_json::Value;

use transom::demo::Backend;

use crate::support::{pool, request, shop, until};

#[tokio::test]
async fn each_call_is_logged_once_and_measured() {
    let (gateway, backend) = shop("").await;
    let trace = "0af7651916cd43dd8448eb211c80319c";
    let parent = format!("00-{trace}-b7ad6b7169203331-01");
    let headers = [("x-request-id", "id-1"), ("traceparent", parent.as_str())];
    let answer = gateway.request(Method::GET, "/v1/look/7?note=secret", &headers, "").await;
    assert_eq!(answer.header("x-request-id"), "id-1");

    let record = gateway.logged("/v1/look/7").await;
    for (name, value) in [
        ("status", Value::from(200)),
        ("grpc_code", "OK".into()),
        ("method", "GET".into()),
        ("route", "/v1/look/{id}".into()),
        ("rpc", "shop.v1.Shop/Look".into()),
        ("upstream", "shop".into()),
        ("request_id", "id-1".into()),
        ("trace_id", trace.into()),
        ("generation", 1.into()),
        ("bytes_out", answer.body.len().into()),
    ] {
        assert_eq!(record[name], value, "{name} of {record}");
    }
    assert!(record["duration"].as_f64() >= record["upstream_duration"].as_f64(), "{record}");
    assert!(!gateway.output().iter().any(|line| line.contains("secret")), "queries are not logged");

    let call = backend.calls().pop().expect("a call");
    let sent = |name: &str| call.metadata.get(name).map(|value| value.to_str().expect("text").to_owned());
    assert_eq!(sent("x-request-id").as_deref(), Some("id-1"));
    assert_eq!(sent("traceparent").as_deref(), Some(parent.as_str()));

    gateway.get("/v1/look/8").await;
    gateway.get("/nowhere").await;
    gateway.logged("/nowhere").await;
    let metrics = gateway.admin().send(request(Method::GET, "/metrics", &[], "")).await.text();
    for line in [
        "http_server_request_duration_seconds_count{http_request_method=\"GET\",http_response_status_code=\"200\",http_route=\"/v1/look/{id}\"} 2",
        "http_server_request_duration_seconds_count{http_request_method=\"GET\",http_response_status_code=\"404\"} 1",
        "transom_requests_total{code=\"OK\",origin=\"none\",rpc=\"shop.v1.Shop/Look\"} 2",
        "transom_upstream_duration_seconds_count{code=\"OK\",rpc=\"shop.v1.Shop/Look\",upstream=\"shop\"} 2",
        "http_server_active_requests 0",
        "transom_snapshot_generation 1",
        "transom_access_log_dropped_total 0",
        "target_info{",
    ] {
        assert!(metrics.contains(line), "{line}\nnot in\n{metrics}");
    }
}

#[tokio::test]
async fn an_error_is_logged_with_its_origin() {
    let (gateway, _backend) = shop("").await;
    let headers = [("grpc-metadata-transom-fault", "status=5")];
    gateway.request(Method::GET, "/v1/look/gone", &headers, "").await;
    let record = gateway.logged("/v1/look/gone").await;
    assert_eq!(
        (&record["grpc_code"], &record["origin"]),
        (&"NOT_FOUND".into(), &"upstream".into()),
        "{record}"
    );
    gateway.get("/v1/look/%zz").await;
    let record = gateway.logged("/v1/look/%zz").await;
    assert_eq!((&record["status"], &record["origin"]), (&400.into(), &"client".into()), "{record}");
}

#[tokio::test]
async fn metrics_are_pushed_to_a_collector() {
    // What a collector serves, as far as this test looks at it: any backend can stand in.
    let contract = "syntax = \"proto3\";\npackage opentelemetry.proto.collector.metrics.v1;\n\
                    message Request {}\nmessage Response {}\n\
                    service MetricsService { rpc Export(Request) returns (Response); }\n";
    let collector = Backend::start(pool(contract), ([127, 0, 0, 1], 0).into()).await.expect("started");
    let otlp = format!("otlp_endpoint: '{}', metrics_interval: 50ms", collector.url());
    let (gateway, _backend) = shop(&format!("telemetry: {{format: json, service_name: me, {otlp}}}")).await;
    gateway.get("/v1/look/7").await;
    until("the count of the call to be pushed", async || {
        let has = |message: &[u8], name: &[u8]| message.windows(name.len()).any(|part| part == name);
        let calls = collector.calls();
        let mut pushed = calls.iter().filter(|call| call.path.ends_with(".v1.MetricsService/Export"));
        pushed
            .any(|call| {
                [&b"transom.requests"[..], b"shop.v1.Shop/Look", b"service.name"]
                    .iter()
                    .all(|name| has(&call.message, name))
            })
            .then_some(())
    })
    .await;
}
