//! Requests are held to the contract's own rules: all violations at once, and only where config says so.

use serde_json::{Value, json};
use transom::demo::{ACCOUNT_ID, Backend};

use crate::support::{Gateway, GatewayBuilder, model_pool};

async fn model_api(config: &str) -> (Gateway, Backend) {
    let backend = Backend::start(model_pool(), ([127, 0, 0, 1], 0).into()).await.expect("started");
    let builder = GatewayBuilder::new().model_api().upstream(backend.address());
    (builder.config(config).start().await, backend)
}

fn clusters() -> String {
    format!("/api/cluster/v1/accounts/{ACCOUNT_ID}/clusters")
}

/// A cluster with a name that is too short, no package, and nodes below one.
fn bad_cluster() -> Value {
    json!({"cluster": {
        "name": "", "cloudProviderId": "aws", "cloudProviderRegionId": "eu-central-1",
        "configuration": {"numberOfNodes": 0, "packageId": "none"}
    }})
}

#[tokio::test]
async fn all_that_a_request_breaks_is_told_at_once() {
    let (gateway, backend) = model_api("validation: {requests: true}").await;
    let answer = gateway.post(&clusters(), bad_cluster().to_string()).await;
    assert_eq!(answer.status, 400, "{}", answer.text());
    let error = answer.json();
    assert_eq!(error["code"], 3, "{error}");
    let details = &error["details"][0];
    assert_eq!(details["@type"], "type.googleapis.com/google.rpc.BadRequest", "{error}");
    let violations = details["fieldViolations"].as_array().expect("a list of violations");
    let rule_of = |field: &str| {
        let found = violations.iter().find(|one| one["field"] == field);
        found.map(|one| one["reason"].as_str().expect("a reason").to_owned())
    };
    assert_eq!(rule_of("cluster.configuration.package_id").as_deref(), Some("string.uuid"), "{error}");
    assert_eq!(rule_of("cluster.configuration.number_of_nodes").as_deref(), Some("uint32.gte"), "{error}");
    assert!(rule_of("cluster.name").is_some(), "{error}");
    let message = error["message"].as_str().expect("a message");
    assert!(message.starts_with("the request is not valid: `cluster."), "{message}");
    drop(backend);
}

#[tokio::test]
async fn a_sound_request_passes() {
    let (gateway, _backend) = model_api("validation: {requests: true}").await;
    let body = json!({"cluster": {
        "name": "a-new-one", "cloudProviderId": "aws",
        "cloudProviderRegionId": "eu-central-1",
        "configuration": {"numberOfNodes": 2, "packageId": "00000000-0000-4000-8000-00000000000a"}
    }});
    let created = gateway.post(&clusters(), body.to_string()).await;
    assert_eq!(created.status, 200, "{}", created.text());
    let id = created.json()["cluster"]["id"].as_str().expect("an id").to_owned();
    let one = gateway.get(&format!("{}/{id}", clusters())).await;
    assert_eq!(one.status, 200, "{}", one.text());
    let wrong = gateway.get(&format!("{}/not-an-id", clusters())).await;
    let violation = wrong.json()["details"][0]["fieldViolations"][0].clone();
    assert_eq!((wrong.status.as_u16(), &violation["field"]), (400, &json!("cluster_id")), "{violation}");
}

#[tokio::test]
async fn nothing_is_held_to_rules_by_default_nor_what_is_left_out() {
    let except = "validation: {requests: true, except: [qdrant.cloud.cluster.v1.ClusterService/Create*]}";
    for config in ["", except] {
        let (gateway, _backend) = model_api(config).await;
        let answer = gateway.post(&clusters(), bad_cluster().to_string()).await;
        assert!(!answer.text().contains("fieldViolations"), "{config}: {}", answer.text());
    }
}

#[tokio::test]
async fn a_rule_that_cannot_be_compiled_keeps_the_gateway_from_starting() {
    let proto = r#"syntax = "proto3";
package t;
import "buf/validate/validate.proto";
import "google/api/annotations.proto";
service S { rpc Get(M) returns (M) { option (google.api.http) = {get: "/v1/m"}; } }
message M {
  int32 n = 1 [(buf.validate.field).string.min_len = 1];
}
"#;
    let with = |config: &str| {
        let schema = "schema: {protos: [protos]}";
        let builder = GatewayBuilder::new().file("protos/t.proto", proto).config(schema);
        builder.upstream("127.0.0.1:1").config(config)
    };
    let refused = with("validation: {requests: true}").refused().await;
    assert_eq!(refused.code, Some(1), "{}", refused.output);
    assert!(refused.output.contains("t.proto:7:"), "{}", refused.output);
    assert!(
        refused.output.contains("`string` rules cannot stand on a field of type `int32`"),
        "{}",
        refused.output
    );
    with("").start().await;
}

/// What is answered does not grow with a key times all that is broken below it.
#[tokio::test]
async fn a_long_key_is_not_repeated_for_each_violation() {
    let proto = r#"syntax = "proto3";
package t;
import "buf/validate/validate.proto";
import "google/api/annotations.proto";
service S { rpc Put(M) returns (M) { option (google.api.http) = {post: "/v1/m" body: "*"}; } }
message M { map<string, N> m = 1; }
message N { repeated string s = 1 [(buf.validate.field).repeated.items.string.min_len = 1]; }
"#;
    let builder = GatewayBuilder::new().file("protos/t.proto", proto).config("schema: {protos: [protos]}");
    let gateway = builder.upstream("127.0.0.1:1").config("validation: {requests: true}").start().await;
    let key = "k".repeat(1 << 20);
    let body = json!({"m": {key: {"s": vec![""; 1000]}}});
    let answer = gateway.post("/v1/m", body.to_string()).await;
    assert_eq!(answer.status, 400);
    let error = answer.json();
    let violations = error["details"][0]["fieldViolations"].as_array().expect("a list of violations");
    let field = format!("m[\"{}\"…].s[0]", "k".repeat(128));
    assert_eq!(violations[0]["field"], field.as_str());
    assert!(answer.text().len() < 128 << 10, "{}", answer.text().len());
}
