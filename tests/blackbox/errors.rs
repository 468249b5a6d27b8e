//! What a client reads when a call fails: the backend's errors, broken backends, and no backend at all.

use http::Method;
use serde_json::json;

use crate::support::{GatewayBuilder, shop};

#[tokio::test]
async fn every_code_has_its_http_status() {
    let (gateway, _backend) = shop("").await;
    let statuses = [499, 500, 400, 504, 404, 409, 403, 429, 400, 409, 400, 501, 500, 503, 500, 401];
    for (index, http) in statuses.into_iter().enumerate() {
        let code = index + 1;
        let fault = format!("status={code};message=no {code}");
        let answer =
            gateway.request(Method::GET, "/v1/look/7", &[("grpc-metadata-transom-fault", &fault)], "").await;
        assert_eq!(answer.status.as_u16(), http, "code {code}: {}", answer.text());
        assert_eq!(answer.text(), format!(r#"{{"code":{code},"message":"no {code}","details":[]}}"#));
        assert_eq!(answer.headers.contains_key("www-authenticate"), code == 16);
    }
}

#[tokio::test]
async fn details_are_decoded_and_unknown_ones_are_shown() {
    let (gateway, _backend) = shop("").await;
    let fault = "status=3;message=bad;details=bad-request";
    let answer =
        gateway.request(Method::GET, "/v1/look/7", &[("grpc-metadata-transom-fault", fault)], "").await;
    assert_eq!(answer.status, 400);
    let details = answer.json()["details"].clone();
    assert_eq!(details[0]["@type"], "type.googleapis.com/google.rpc.BadRequest");
    assert!(details[0]["fieldViolations"].is_array(), "{details}");
    assert!(details[1]["value"].is_string(), "an unknown type is base64: {details}");
}

#[tokio::test]
async fn broken_backends_get_a_plain_answer() {
    let (gateway, _backend) = shop("upstream_max_response_message: 1MiB").await;
    for (fault, expected) in [
        ("html", (502, 2)),
        ("html=503", (503, 14)),
        ("no-trailers", (502, 13)),
        ("oversize=8MiB", (502, 8)),
        ("reset", (502, 13)),
    ] {
        let answer =
            gateway.request(Method::GET, "/v1/look/7", &[("grpc-metadata-transom-fault", fault)], "").await;
        let (status, message) = answer.error();
        let code = answer.json()["code"].as_u64().expect("a code");
        assert_eq!((status, code), expected, "{fault}: {message}");
        assert!(!message.is_empty() && !message.contains("127.0.0.1"), "{fault}: {message}");
        assert_eq!(gateway.get("/v1/look/7").await.status, 200, "the next call after {fault} is served");
    }
}

#[tokio::test]
async fn a_backend_that_is_down_is_503_without_its_address() {
    let closed = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = closed.local_addr().expect("an address");
    drop(closed);
    let gateway = GatewayBuilder::new().model_api().upstream(address).start().await;
    let answer = gateway.get("/api/cluster/v1/accounts/a/clusters").await;
    let (status, message) = answer.error();
    assert_eq!((status, &answer.json()["code"]), (503, &json!(14)));
    assert!(!message.contains(&address.port().to_string()), "{message}");
}
