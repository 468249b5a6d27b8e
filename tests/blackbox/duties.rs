//! What methods ask of the gateway beside identity, rules and events: size, record, version; by options and by config,
//! and nothing of a foreign API.

use http::Method;
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;

use transom::demo::{ACCOUNT_ID, Backend};

use crate::support::{GatewayBuilder, SHOP, model_pool, pool, shop, shop_files, until};

#[tokio::test]
async fn a_failed_call_of_the_model_api_shows_the_fields_that_its_method_names() {
    let backend = Backend::start(model_pool(), ([127, 0, 0, 1], 0).into()).await.expect("started");
    let gateway = GatewayBuilder::new().model_api().upstream(backend.address());
    let gateway = gateway.config("options: {preset: qdrant-cloud}").start().await;
    let clusters = format!("/api/cluster/v1/accounts/{ACCOUNT_ID}/clusters");

    // From the path, and from the body.
    let id = "11111111-2222-4333-8444-555555555555";
    let path = format!("{clusters}/{id}");
    let answer = gateway.get(&path).await;
    assert_eq!((answer.status.as_u16(), answer.header("api-version")), (404, "1.0.0"));
    let record = gateway.logged(&path).await;
    assert_eq!(record["request.cluster_id"], id, "{record}");

    let backups = format!("/api/cluster/backup/v1/accounts/{ACCOUNT_ID}/backups");
    let body = json!({ "backup": { "clusterId": id } }).to_string();
    let fault = [("grpc-metadata-transom-fault", "status=9;message=no")];
    let answer = gateway.request(Method::POST, &backups, &fault, body).await;
    assert_eq!(answer.status, 400, "{}", answer.text());
    let record = gateway.logged(&backups).await;
    assert_eq!(record["request.cluster_id"], id, "{record}");

    // A call that goes well shows none.
    let answer = gateway.get(&clusters).await;
    assert_eq!((answer.status.as_u16(), answer.header("api-version")), (200, "1.0.0"));
    let record = gateway.logged(&clusters).await;
    let shown: Vec<_> =
        record.as_object().expect("a record").keys().filter(|key| key.starts_with("request.")).collect();
    assert!(shown.is_empty(), "{record}");
}

#[tokio::test]
async fn config_says_of_methods_what_options_do_not() {
    let config = "methods:
  - {methods: 'shop.v1.Shop/Put', max_request_message: 1KiB, api_version: '2'}
  - {methods: 'shop.v1.Shop/L*', log_fields: {thing: id, inside: inner.name}, api_version: '3'}
options: {version_header: x-version}";
    let (gateway, backend) = shop(config).await;

    let small = json!({ "id": "a", "path": "x".repeat(900) }).to_string();
    let answer = gateway.request(Method::PUT, "/v1/items/a", &[], small).await;
    assert_eq!((answer.status.as_u16(), answer.header("x-version")), (200, "2"), "{}", answer.text());
    let large = json!({ "id": "a", "path": "x".repeat(1100) }).to_string();
    let seen = backend.calls().len();
    let answer = gateway.request(Method::PUT, "/v1/items/a", &[], large).await;
    assert_eq!((answer.status.as_u16(), answer.header("x-version")), (413, "2"), "{}", answer.text());
    assert_eq!(backend.calls().len(), seen, "nothing is sent");

    let answer =
        gateway.request(Method::GET, "/v1/look/7", &[("grpc-metadata-transom-fault", "status=5")], "").await;
    assert_eq!((answer.status.as_u16(), answer.header("x-version")), (404, "3"));
    let record = gateway.logged("/v1/look/7").await;
    assert_eq!(
        (&record["request.thing"], &record["request.inside"]),
        (&json!("7"), &Value::Null),
        "{record}"
    );
}

#[tokio::test]
async fn a_foreign_api_names_its_own_options_and_nothing_is_asked_until_it_does() {
    let proto = SHOP.replace(
        "service Shop {",
        "import \"google/protobuf/descriptor.proto\";
         extend google.protobuf.MethodOptions { repeated string scopes = 60001; bool open = 60002; }
         service Shop {",
    );
    let proto = proto.replace(
        "rpc Me(Everything) returns (Everything) {",
        "rpc Me(Everything) returns (Everything) { option (scopes) = \"see:me\";",
    );
    let backend = Backend::start(pool(&proto), ([127, 0, 0, 1], 0).into()).await.expect("started");
    let gateway = |config: &str| {
        let builder =
            GatewayBuilder::new().file("protos/shop.proto", &proto).config("schema:\n  protos: [protos]");
        builder.upstream(backend.address()).config(config)
    };
    let open = gateway("").start().await;
    let answer = open.get("/v1/items/me").await;
    assert_eq!((answer.status.as_u16(), answer.headers.get("api-version")), (200, None), "{}", answer.text());

    let keys = "identity:
  keys:
    - {hash: HASH, actor_id: ann, permissions: ['see:me']}
    - {hash: OTHER, actor_id: bob}
options: {permissions: shop.v1.scopes}
methods: [{methods: 'shop.v1.Shop/Look', authentication: false}]";
    let hash = |key: &str| transom::policy::KeyHash::of(key).to_string();
    let guarded = gateway(&keys.replace("HASH", &hash("key-of-ann")).replace("OTHER", &hash("key-of-bob")))
        .start()
        .await;
    let ask = async |path: &str, key: &str| {
        let headers = [("authorization", format!("apikey {key}"))];
        let headers: Vec<_> =
            headers.iter().filter(|_| !key.is_empty()).map(|(name, value)| (*name, value.as_str())).collect();
        guarded.request(Method::GET, path, &headers, "").await.status.as_u16()
    };
    assert_eq!(ask("/v1/items/me", "key-of-ann").await, 200);
    assert_eq!(ask("/v1/items/me", "key-of-bob").await, 403);
    assert_eq!(ask("/v1/items/me", "").await, 401);
    assert_eq!(ask("/v1/look/7", "").await, 200, "public by config");

    let refused = guarded.record(|record| record["status"] == 403).await;
    assert_eq!((&refused["actor_id"], &refused["credential"]), (&json!("bob"), &json!("key")), "{refused}");
    assert_eq!(refused["refusal"], "the caller lacks the permission `see:me`");
}

#[tokio::test]
async fn what_could_be_taken_for_guarded_is_told() {
    let options = "options: {permissions: shop.v1.scops}";
    let refused = shop_files().upstream("127.0.0.1:1").config(options).refused().await;
    assert!(
        refused.output.contains("no option `shop.v1.scops`, which `options.permissions` names"),
        "{}",
        refused.output
    );

    // Nobody is asked who they are: told, and nobody can say so either.
    let backend = Backend::start(model_pool(), ([127, 0, 0, 1], 0).into()).await.expect("started");
    let gateway = GatewayBuilder::new().model_api().upstream(backend.address());
    let gateway = gateway.config("options: {preset: qdrant-cloud}").start().await;
    assert!(
        gateway.output().iter().any(|line| line.contains("but nobody is asked")),
        "{:?}",
        gateway.output()
    );
    let clusters = format!("/api/cluster/v1/accounts/{ACCOUNT_ID}/clusters");
    let spoofed = [("grpc-metadata-qc-actor-id", "root")];
    assert_eq!(gateway.request(Method::GET, &clusters, &spoofed, "").await.status, 200);
    let call = backend.calls().pop().expect("a call");
    assert!(!call.metadata.contains_key("qc-actor-id"), "{:?}", call.metadata);
}

#[tokio::test]
async fn a_mask_in_the_query_of_a_whole_body_is_refused() {
    let backend = Backend::start(model_pool(), ([127, 0, 0, 1], 0).into()).await.expect("started");
    let gateway = GatewayBuilder::new().model_api().upstream(backend.address());
    let gateway = gateway.config("options: {preset: qdrant-cloud}").start().await;
    let cluster =
        format!("/api/cluster/v1/accounts/{ACCOUNT_ID}/clusters/11111111-2222-4333-8444-555555555555");
    for key in ["updateMask", "update_mask"] {
        let target = format!("{cluster}?{key}=name");
        let answer = gateway.request(Method::PUT, &target, &[], r#"{"cluster": {"name": "n"}}"#).await;
        assert_eq!(answer.status, 400, "{}", answer.text());
        assert!(answer.text().contains("in the body, not in the query"), "{}", answer.text());
    }
    assert!(backend.calls().is_empty(), "nothing is read or written");
}

#[tokio::test]
async fn a_client_that_goes_away_keeps_no_change_out_of_the_events() {
    let backend = Backend::start(model_pool(), ([127, 0, 0, 1], 0).into()).await.expect("started");
    let folder = tempfile::tempdir().expect("a folder");
    let (queue, file) = (folder.path().join("queue.redb"), folder.path().join("events.jsonl"));
    let config = format!(
        "options: {{preset: qdrant-cloud}}\nevents: {{queue: {{path: '{}'}}, sinks: [{{name: a, file: {{path: '{}'}}}}]}}",
        queue.display(),
        file.display()
    );
    let gateway = GatewayBuilder::new().model_api().upstream(backend.address()).config(&config).start().await;
    let body = json!({ "cluster": {
        "name": "gone", "cloudProviderId": "aws", "cloudProviderRegionId": "eu-central-1",
        "configuration": { "numberOfNodes": 1, "packageId": "00000000-0000-4000-8000-000000000001" }
    }})
    .to_string();
    let head = format!(
        "POST /api/cluster/v1/accounts/{ACCOUNT_ID}/clusters HTTP/1.1\r\nHost: a\r\n\
         Grpc-Metadata-Transom-Fault: delay=300ms\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    let mut client = TcpStream::connect(gateway.address()).await.expect("connected");
    client.write_all(format!("{head}{body}").as_bytes()).await.expect("sent");
    until("the call to reach the backend", async || (!backend.calls().is_empty()).then_some(())).await;
    drop(client);
    let event = until("the event", async || {
        let text = std::fs::read_to_string(&file).unwrap_or_default();
        text.lines().next().map(|line| serde_json::from_str::<Value>(line).expect("JSON"))
    })
    .await;
    assert_eq!(event["sourceRpc"], "/qdrant.cloud.cluster.v1.ClusterService/CreateCluster", "{event}");
}
