//! Headers to metadata and back, deadlines, trailers.

use http::Method;

use crate::support::shop;

#[tokio::test]
async fn the_backend_sees_what_the_rules_say() {
    let (gateway, backend) = shop("metadata: {forward_request: [x-tenant]}").await;
    let headers = [
        ("authorization", "apikey k"),
        ("accept-language", "eo"),
        ("grpc-metadata-color", "blue"),
        ("grpc-metadata-blob-bin", "AQI="),
        ("grpc-metadata-authorization", "evil"),
        ("grpc-metadata-connection", "close"),
        ("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"),
        ("x-request-id", "r-1"),
        ("x-tenant", "t"),
        ("x-forwarded-for", "9.9.9.9"),
        ("x-secret", "not for the backend"),
    ];
    assert_eq!(gateway.request(Method::GET, "/v1/look/7", &headers, "").await.status, 200);
    let call = backend.calls().pop().expect("a call");
    let seen = |name: &str| {
        let values = call.metadata.get_all(name).iter();
        values.map(|value| value.to_str().expect("text").to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(seen("authorization"), ["apikey k"]);
    assert_eq!(seen("grpcgateway-authorization"), ["apikey k"]);
    assert_eq!(seen("grpcgateway-accept-language"), ["eo"]);
    assert_eq!(seen("color"), ["blue"]);
    assert_eq!(seen("blob-bin"), ["AQI"]);
    assert_eq!(seen("x-request-id"), ["r-1"]);
    assert_eq!(seen("x-tenant"), ["t"]);
    assert_eq!(seen("x-forwarded-for"), ["9.9.9.9, 127.0.0.1"]);
    assert_eq!(seen("x-forwarded-host"), ["gateway.test"]);
    assert_eq!(seen("x-forwarded-proto"), ["http"]);
    assert!(seen("traceparent")[0].starts_with("00-0af7651916cd43dd8448eb211c80319c-"));
    assert!(seen("connection").is_empty() && seen("x-secret").is_empty());
}

#[tokio::test]
async fn answers_carry_metadata_and_trailers() {
    let (gateway, _backend) = shop("metadata: {forward_response: [location]}").await;
    let faults = [
        ("grpc-metadata-transom-answer-header", "color=blue"),
        ("grpc-metadata-transom-answer-header", "location=/x"),
        ("grpc-metadata-transom-answer-trailer", "cost=3"),
    ];
    let plain = gateway.request(Method::GET, "/v1/look/7", &faults, "").await;
    assert_eq!((plain.header("grpc-metadata-color"), plain.header("location")), ("blue", "/x"));
    assert!(!plain.headers.contains_key("grpc-metadata-content-type"));
    assert!(plain.trailers.is_empty());
    let mut asking = faults.to_vec();
    asking.push(("te", "trailers"));
    let trailed = gateway.request(Method::GET, "/v1/look/7", &asking, "").await;
    assert_eq!(trailed.status, 200);
    assert_eq!(trailed.header("trailer"), "grpc-trailer-cost");
    assert_eq!(trailed.trailers.get("grpc-trailer-cost").expect("a trailer"), "3");
}

#[tokio::test]
async fn a_bad_binary_header_or_timeout_is_400() {
    let (gateway, _backend) = shop("").await;
    for header in [("grpc-metadata-blob-bin", "???"), ("grpc-timeout", "-1S"), ("grpc-timeout", "soon")] {
        let answer = gateway.request(Method::GET, "/v1/look/7", &[header], "").await;
        assert_eq!(answer.status, 400, "{header:?}");
        assert_eq!(answer.json()["code"], 3);
    }
}
