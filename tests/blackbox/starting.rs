//! What `transom serve` says when it cannot start.

use tokio::net::TcpListener;

use crate::support::{GatewayBuilder, SHOP};

#[tokio::test]
async fn on_one_processor_problems_are_told_though_a_collector_says_nothing() {
    let collector = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = collector.local_addr().expect("an address");
    let refused = GatewayBuilder::new()
        .on_one_processor()
        .file("protos/shop.proto", SHOP.replace("{id}", "{idd}"))
        .config("schema: {protos: [protos]}\nupstreams: [{url: 'http://127.0.0.1:1'}]")
        .config(&format!("telemetry: {{otlp_endpoint: 'http://{address}'}}"))
        .refused()
        .await;
    assert_eq!(refused.code, Some(1), "{}", refused.output);
    assert!(refused.output.contains("has no field `idd`"), "{}", refused.output);
}

#[tokio::test]
async fn every_problem_is_told_with_its_place_and_cure_and_the_exit_code_is_1() {
    let broken = SHOP.replace("get: \"/v1/look/{id}\"", "get: \"/v1/look/{idd}\"");
    let refused = GatewayBuilder::new()
        .file("protos/shop.proto", broken)
        .config("schema: {protos: [protos], rules: [nowhere.yaml]}\nupstreams:\n  - url: backend:9090\n    conections: 2")
        .config("limits: {uri: much}")
        .refused()
        .await;
    assert_eq!(refused.code, Some(1), "{}", refused.output);
    for (place, what, cure) in [
        ("transom.yaml:1:36", "there is no such file", ""),
        ("transom.yaml:3:10", "`backend:9090` is not the url of a gRPC backend", "write `http://HOST:PORT`"),
        ("transom.yaml:4:5", "`conections` is not a key here", "did you mean `connections`?"),
        ("transom.yaml:5:15", "`much` is not a size", ""),
        ("shop.proto:19:5", "has no field `idd`", "did you mean `id`?"),
    ] {
        let told = refused.output.split("\n\n").find(|problem| problem.contains(place));
        let told = told.unwrap_or_else(|| panic!("{place} is missing in\n{}", refused.output));
        assert!(told.starts_with("error: ") && told.contains(what) && told.contains(cure), "{told}");
    }
}
