//! The admin listener beside a gateway that serves.

use http::Method;
use serde_json::json;

use crate::support::{Answer, Client, SHOP, request, shop, until};

#[tokio::test]
async fn a_gateway_is_ready_while_its_backend_is_up_and_says_why_not() {
    let (gateway, backend) = shop("").await;
    let admin = gateway.admin();
    until("the backend to be connected", async || {
        let answer = admin.send(request(Method::GET, "/readyz", &[], "")).await;
        (answer.status == 200).then_some(())
    })
    .await;
    let address = backend.address().to_string();
    backend.stop().await;
    let answer = until("the backend to be missed", async || {
        let answer = admin.send(request(Method::GET, "/readyz", &[], "")).await;
        (answer.status == 503).then_some(answer)
    })
    .await;
    let reasons = answer.json()["reasons"].clone();
    let reason = reasons[0].as_str().expect("a reason");
    assert!(reason.starts_with("upstream `shop`: "), "{reason}");
    assert!(!answer.text().contains(&address), "{}", answer.text());
    let live = admin.send(request(Method::GET, "/livez", &[], "")).await;
    assert_eq!(live.status, 200, "alive all the same");
}

#[tokio::test]
async fn a_drain_is_told_before_it_is_over() {
    let (mut gateway, backend) = shop("").await;
    let slow = {
        let client = gateway.client();
        let headers = [("grpc-metadata-transom-fault", "delay=1500ms")];
        tokio::spawn(async move { client.send(request(Method::GET, "/v1/look/7", &headers, "")).await })
    };
    until("the slow call to begin", async || (!backend.calls().is_empty()).then_some(())).await;
    gateway.signal("TERM");
    let admin = gateway.admin();
    let answer = until("the drain to be told", async || {
        let answer = admin.send(request(Method::GET, "/readyz", &[], "")).await;
        (answer.status == 503).then_some(answer)
    })
    .await;
    assert_eq!(answer.json()["reasons"], json!(["the gateway is shutting down"]));
    until("the listener to close", async || {
        let late = gateway.client().try_send(request(Method::GET, "/v1/look/8", &[], "")).await;
        late.is_err().then_some(())
    })
    .await;
    let slow = slow.await.expect("no panic");
    assert_eq!((slow.status.as_u16(), &slow.json()["id"]), (200, &json!("7")), "what was begun is finished");
    assert_eq!(gateway.exit().await, Some(0));
}

#[tokio::test]
async fn routes_are_listed_as_they_are_served() {
    let (gateway, _backend) = shop("").await;
    let answer = gateway.admin().send(request(Method::GET, "/routes", &[], "")).await;
    let routes = answer.json();
    let row = |method: &str, path: &str| {
        let rows = routes.as_array().expect("rows");
        rows.iter().find(|row| row["method"] == method && row["path"] == path).cloned()
    };
    let change = row("PATCH", "/v1/items/{id}").expect("a row");
    for (name, value) in [
        ("body", json!("inner")),
        ("response_body", json!("inner")),
        ("rpc", json!("shop.v1.Shop/Change")),
        ("upstream", json!("shop")),
        ("source", json!("annotation")),
    ] {
        assert_eq!(change[name], value, "{change}");
    }
    assert!(change["place"].as_str().expect("text").contains("shop.proto:"), "{change}");
    assert!(row("GET", "/v1/{inner.name=shelves/*/books/*}").is_some(), "{routes}");
    assert!(row("REPORT", "/v1/items/{id}").is_some(), "{routes}");
}

#[tokio::test]
async fn the_config_in_place_is_shown_with_secrets_masked() {
    let (gateway, _backend) = shop("reload: {watch: false}").await;
    let shown = async || gateway.admin().send(request(Method::GET, "/config", &[], "")).await.text();
    let reload = async || gateway.admin().send(request(Method::POST, "/reload", &[], "")).await;
    let before = shown().await;
    assert!(before.contains("watch: false"), "{before}");

    // A backend's url may have no password; that it has one is told, but not which.
    let config = std::fs::read_to_string(gateway.file("transom.yaml")).expect("the config");
    gateway.write("transom.yaml", config.replace("http://127", "http://user:hunter2@127"));
    let refused = reload().await;
    assert_eq!(refused.status, 422);
    assert!(refused.text().contains("`http://***@127.0.0.1:"), "{}", refused.text());
    assert!(!refused.text().contains("hunter2"), "{}", refused.text());
    assert_eq!(shown().await, before, "what was refused is not in place");
    let told = until("the refusal in the log", async || {
        let output = gateway.output().join("\n");
        output.contains("the configuration in place stays").then_some(output)
    })
    .await;
    assert!(told.contains("http://***@127.0.0.1:") && !told.contains("hunter2"), "{told}");

    // A text that may be anything is shown without what looks like a password.
    let secret = "  service_name: https://user:hunter2@vault.example/x?token=hunter3";
    gateway.write("transom.yaml", config.replace("telemetry:\n", &format!("telemetry:\n{secret}\n")));
    assert_eq!(reload().await.status, 200);
    let after = shown().await;
    assert!(after.contains("service_name: https://***@vault.example/x?***"), "{after}");
    assert!(!after.contains("hunter") && !gateway.output().join("\n").contains("hunter"), "{after}");
}

#[tokio::test]
async fn a_reload_answers_its_generation_or_its_problems() {
    let (gateway, _backend) = shop("reload: {watch: false}").await;
    let reload = async |headers: &[(&str, &str)]| {
        gateway.admin().send(request(Method::POST, "/reload", headers, "")).await
    };
    let items = |answer: &Answer| {
        let problems = answer.json()["problems"].as_array().expect("problems").clone();
        problems.into_iter().map(|problem| json!([problem["severity"], problem["item"]])).collect::<Vec<_>>()
    };
    let good = reload(&[]).await;
    assert_eq!((good.status.as_u16(), &good.json()["generation"]), (200, &json!(2)));
    assert!(items(&good).is_empty(), "{}", good.text());

    let config = std::fs::read_to_string(gateway.file("transom.yaml")).expect("the config");
    gateway.write("transom.yaml", format!("{config}\nlimits: {{write_timeout: 7s}}\n"));
    let warned = reload(&[]).await;
    assert_eq!((warned.status.as_u16(), &warned.json()["generation"]), (200, &json!(3)));
    assert!(items(&warned).contains(&json!(["warning", "limits.write_timeout"])), "{}", warned.text());

    gateway.write("transom.yaml", config);
    gateway.write("protos/shop.proto", SHOP.replace("string id = 1;", "strin id = 1;"));
    let bad = reload(&[]).await;
    assert_eq!(bad.status, 422);
    let problem = &bad.json()["problems"][0];
    assert_eq!(problem["severity"], "error");
    assert!(problem["file"].as_str().expect("a file").ends_with("shop.proto"), "{problem}");
    assert!(problem["line"].as_u64().expect("a line") > 1, "{problem}");

    assert_eq!(reload(&[("origin", "https://evil.example")]).await.status, 403);
    let metrics = gateway.admin().send(request(Method::GET, "/metrics", &[], "")).await.text();
    for line in ["transom_reloads_total{outcome=\"applied\"} 2", "transom_snapshot_generation 3"] {
        assert!(metrics.contains(line), "{line}\nnot in\n{metrics}");
    }
}

#[tokio::test]
async fn unknown_paths_and_methods_are_refused() {
    let (gateway, _backend) = shop("").await;
    let admin = gateway.admin();
    for (method, path, status, allow) in [
        (Method::GET, "/", 200, ""),
        (Method::HEAD, "/metrics", 200, ""),
        (Method::GET, "/nothing", 404, ""),
        (Method::POST, "/metrics", 405, "GET, HEAD"),
        (Method::GET, "/reload", 405, "POST"),
    ] {
        let answer = admin.send(request(method.clone(), path, &[], "")).await;
        assert_eq!((answer.status.as_u16(), answer.header("allow")), (status, allow), "{method} {path}");
    }
    let http2 = Client::Http2(gateway.listener("admin").to_owned());
    assert_eq!(http2.send(request(Method::GET, "/livez", &[], "")).await.status, 200);
    assert_eq!(gateway.get("/metrics").await.status, 404, "not on the public listener");
}
