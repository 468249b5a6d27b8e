//! The model API end to end: the life of a cluster, pages, suggestions, and what the demo does not do.

use http::Method;
use serde_json::json;
use transom::demo::{ACCOUNT_ID, Backend};

use crate::support::{Gateway, GatewayBuilder, model_pool};

async fn model_api() -> (Gateway, Backend) {
    let backend = Backend::start(model_pool(), ([127, 0, 0, 1], 0).into()).await.expect("started");
    let gateway = GatewayBuilder::new().model_api().upstream(backend.address()).start().await;
    (gateway, backend)
}

#[tokio::test]
async fn a_cluster_lives() {
    let (gateway, _backend) = model_api().await;
    let clusters = format!("/api/cluster/v1/accounts/{ACCOUNT_ID}/clusters");
    let body = json!({"cluster": {
        "name": "a-new-one", "cloudProviderId": "aws", "cloudProviderRegionId": "eu-central-1",
        "configuration": {"numberOfNodes": 2, "packageId": "00000000-0000-4000-8000-00000000000a"}
    }});
    let created = gateway.post(&clusters, body.to_string()).await;
    assert_eq!(created.status, 200, "{}", created.text());
    let cluster = created.json()["cluster"].clone();
    let id = cluster["id"].as_str().expect("an id").to_owned();
    assert_eq!(cluster["accountId"], ACCOUNT_ID);
    assert!(cluster["createdAt"].is_string(), "{cluster}");
    assert_eq!(gateway.post(&clusters, body.to_string()).await.status, 409);

    let one = format!("{clusters}/{id}");
    assert_eq!(gateway.get(&one).await.json()["cluster"]["name"], "a-new-one");

    let mut changed = cluster.clone();
    changed["configuration"]["numberOfNodes"] = json!(3);
    let put = gateway.request(Method::PUT, &one, &[], json!({"cluster": changed}).to_string()).await;
    assert_eq!(put.status, 200, "{}", put.text());
    assert_eq!(gateway.get(&one).await.json()["cluster"]["configuration"]["numberOfNodes"], 3);

    for action in ["suspend", "unsuspend", "restart"] {
        let answer = gateway.post(&format!("{one}/{action}"), "").await;
        assert_eq!(answer.status, 200, "{action}: {}", answer.text());
    }

    assert_eq!(gateway.request(Method::DELETE, &one, &[], "").await.status, 200);
    let gone = gateway.get(&one).await;
    assert_eq!((gone.status.as_u16(), &gone.json()["code"]), (404, &json!(5)));
}

#[tokio::test]
async fn a_list_has_pages() {
    let (gateway, _backend) = model_api().await;
    let clusters = format!("/api/cluster/v1/accounts/{ACCOUNT_ID}/clusters");
    let all = gateway.get(&clusters).await.json()["items"].as_array().expect("items").len();
    let mut seen = Vec::new();
    let mut token = String::new();
    loop {
        let page = gateway.get(&format!("{clusters}?page_size=7{token}")).await.json();
        let items = page["items"].as_array().expect("items").clone();
        assert!(items.len() <= 7);
        seen.extend(items.into_iter().map(|item| item["id"].clone()));
        match page["nextPageToken"].as_str() {
            Some(next) if !next.is_empty() => token = format!("&page_token={next}"),
            _ => break,
        }
    }
    assert!(seen.len() > 7, "there is a second page");
    assert_eq!(seen.len(), all);
    seen.sort_by_key(ToString::to_string);
    seen.dedup();
    assert_eq!(seen.len(), all, "no item comes twice");
}

#[tokio::test]
async fn names_are_suggested_and_the_rest_says_that_it_is_missing() {
    let (gateway, _backend) = model_api().await;
    let account = format!("/api/cluster/v1/accounts/{ACCOUNT_ID}");
    let suggested = gateway.get(&format!("{account}/clusters/suggest-name")).await;
    assert_eq!(suggested.status, 200, "{}", suggested.text());
    assert!(suggested.json()["name"].as_str().is_some_and(|name| name.len() > 2), "{}", suggested.text());
}
