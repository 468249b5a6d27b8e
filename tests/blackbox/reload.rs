//! Reloads under load: nothing is dropped, broken configs stay out.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use http::Method;
use serde_json::json;

use crate::support::{Client, SHOP, request, shop, until};

#[tokio::test]
async fn two_hundred_reloads_fail_no_request() {
    let (gateway, _backend) = shop("reload: {watch: false}").await;
    let stop = Arc::new(AtomicBool::new(false));
    let served = Arc::new(AtomicUsize::new(0));
    let load: Vec<_> = [gateway.client(), Client::Http2(gateway.address().to_owned())]
        .into_iter()
        .map(|client| {
            let (stop, served) = (Arc::clone(&stop), Arc::clone(&served));
            tokio::spawn(async move {
                while !stop.load(Ordering::Relaxed) {
                    let answer = client.send(request(Method::GET, "/v1/look/7", &[], "")).await;
                    assert_eq!(answer.status, 200, "{}", answer.text());
                    served.fetch_add(1, Ordering::Relaxed);
                }
            })
        })
        .collect();
    let admin = gateway.admin();
    let good = std::fs::read_to_string(gateway.file("protos/shop.proto")).expect("the contract");
    let (mut applied, mut refused) = (0, 0);
    for round in 0..200 {
        let broken = round % 4 == 3;
        let text = if broken { good.replace("string id = 1;", "strin id = 1;") } else { good.clone() };
        gateway.write("protos/shop.proto", text);
        let answer = admin.send(request(Method::POST, "/reload", &[], "")).await;
        match answer.status.as_u16() {
            200 => applied += 1,
            422 => {
                assert!(answer.text().contains("shop.proto"), "{}", answer.text());
                refused += 1;
            }
            other => panic!("{other}: {}", answer.text()),
        }
    }
    assert_eq!((applied, refused), (150, 50));
    stop.store(true, Ordering::Relaxed);
    for client in load {
        client.await.expect("no request failed");
    }
    assert!(served.load(Ordering::Relaxed) > 200, "{served:?} requests ran beside the reloads");
}

#[tokio::test]
async fn a_changed_proto_is_seen_and_a_call_in_flight_stays_with_its_snapshot() {
    let (gateway, backend) = shop("reload: {debounce: 20ms}").await;
    let slow = {
        let client = gateway.client();
        let headers = [("grpc-metadata-transom-fault", "delay=1500ms")];
        tokio::spawn(async move { client.send(request(Method::GET, "/v1/look/old", &headers, "")).await })
    };
    until("the slow call to begin", async || (!backend.calls().is_empty()).then_some(())).await;
    gateway.write("protos/shop.proto", SHOP.replace("/v1/look/{id}", "/v2/look/{id}"));
    until("the new route", async || (gateway.get("/v2/look/7").await.status == 200).then_some(())).await;
    assert_eq!(gateway.get("/v1/look/7").await.status, 404);
    let old = slow.await.expect("no panic");
    assert_eq!((old.status.as_u16(), &old.json()["id"]), (200, &json!("old")));
}

#[tokio::test]
async fn a_hangup_reloads_the_config_and_a_broken_one_changes_nothing() {
    let (gateway, _backend) = shop("reload: {watch: false}").await;
    let config = std::fs::read_to_string(gateway.file("transom.yaml")).expect("the config");
    gateway.write("transom.yaml", format!("{config}\nnonsense: true\n"));
    gateway.signal("HUP");
    until("the refusal to be told", async || {
        gateway.output().iter().any(|line| line.contains("nonsense")).then_some(())
    })
    .await;
    assert_eq!(gateway.get("/v1/look/7").await.status, 200);
    gateway.write("transom.yaml", format!("{config}\njson: {{unset_fields: omit}}\n"));
    gateway.signal("HUP");
    until("the new config", async || {
        (gateway.get("/v1/look/7").await.text() == r#"{"id":"7"}"#).then_some(())
    })
    .await;
}

#[tokio::test]
async fn the_symlink_swap_of_a_config_map_reloads() {
    let (gateway, _backend) = shop("reload: {debounce: 20ms}").await;
    // Make the config file what a ConfigMap mount has: a link through `..data` into a versioned folder.
    let config = std::fs::read_to_string(gateway.file("transom.yaml")).expect("the config");
    gateway.write("..1/transom.yaml", &config);
    gateway.write("..2/transom.yaml", format!("{config}\njson: {{unset_fields: omit}}\n"));
    std::os::unix::fs::symlink("..1", gateway.file("..data")).expect("linked");
    std::fs::remove_file(gateway.file("transom.yaml")).expect("removed");
    std::os::unix::fs::symlink("..data/transom.yaml", gateway.file("transom.yaml")).expect("linked");
    std::os::unix::fs::symlink("..2", gateway.file("..next")).expect("linked");
    std::fs::rename(gateway.file("..next"), gateway.file("..data")).expect("swapped");
    until("the new config", async || {
        (gateway.get("/v1/look/7").await.text() == r#"{"id":"7"}"#).then_some(())
    })
    .await;
}
