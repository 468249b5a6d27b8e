//! Which method a request reaches: templates, verbs, methods, misses.

use http::Method;
use serde_json::json;

use crate::support::{shop, until};

#[tokio::test]
async fn every_template_form_reaches_its_method() {
    let (gateway, backend) = shop("").await;
    let cases = [
        ("GET", "/v1/look/7", "Look", json!({"id": "7"})),
        ("GET", "/v1/files/a/b/c.txt", "Look", json!({"path": "a/b/c.txt"})),
        ("GET", "/v1/files", "Look", json!({"path": ""})),
        ("GET", "/v1/items/me", "Me", json!({"id": ""})),
        ("DELETE", "/v1/items/me", "Remove", json!({"id": "me"})),
        ("POST", "/v1/items/7:cancel", "Cancel", json!({"id": "7"})),
        ("POST", "/v1/items/urn:x:cancel", "Cancel", json!({"id": "urn:x"})),
        ("REPORT", "/v1/items/7", "Report", json!({"id": "7"})),
        ("PUT", "/v1/items/a%2Fb", "Put", json!({"id": "a/b"})),
        ("PUT", "/v1/items/%2541", "Put", json!({"id": "%41"})),
        ("PUT", "/v1/items/a:b", "Put", json!({"id": "a:b"})),
    ];
    for (method, path, rpc, fields) in cases {
        let answer = gateway.request(method.parse().expect("a method"), path, &[], "").await;
        assert_eq!(answer.status, 200, "{method} {path}: {}", answer.text());
        for (name, value) in fields.as_object().expect("fields") {
            assert_eq!(&answer.json()[name], value, "{method} {path}");
        }
        let last = until("the call to be logged", async || backend.calls().pop()).await;
        assert_eq!(last.path, format!("/shop.v1.Shop/{rpc}"), "{method} {path}");
    }
    let nested = gateway.get("/v1/shelves/1/books/2").await;
    assert_eq!(nested.json()["inner"]["name"], "shelves/1/books/2", "{}", nested.text());
}

#[tokio::test]
async fn misses_say_why() {
    let (gateway, _backend) = shop("").await;
    for path in
        ["/nowhere", "/v1/look", "/v1/look/", "/v1/look/7/", "//v1/look/7", "/v1/items/7:nothing/x", "/"]
    {
        let answer = gateway.get(path).await;
        assert_eq!(answer.error(), (404, "Not Found".into()), "{path}");
        assert_eq!(answer.json()["code"], 5);
        assert_eq!(answer.header("content-type"), "application/json");
    }
    let wrong = gateway.post("/v1/items/7", "").await;
    assert_eq!(wrong.error(), (405, "Method Not Allowed".into()));
    assert_eq!(wrong.header("allow"), "DELETE, PATCH, PUT, REPORT");
    assert_eq!(wrong.json()["code"], 12);
    let known = gateway.request(Method::GET, "/v1/look/7", &[], "").await;
    assert_eq!(known.status, 200);
    let hidden = gateway.post("/shop.v1.Shop/Hidden", "{}").await;
    assert_eq!(hidden.status, 404);
}

#[tokio::test]
async fn head_and_options_follow_get() {
    let (gateway, _backend) = shop("").await;
    let get = gateway.get("/v1/look/7").await;
    let head = gateway.request(Method::HEAD, "/v1/look/7", &[], "").await;
    assert_eq!((head.status.as_u16(), head.body.len()), (200, 0));
    assert_eq!(head.header("content-length"), get.body.len().to_string());
    let options = gateway.request(Method::OPTIONS, "/v1/look/7", &[], "").await;
    assert_eq!((options.status.as_u16(), options.header("allow")), (204, "GET, HEAD, OPTIONS"));
}

#[tokio::test]
async fn paths_that_cannot_be_decoded_are_refused() {
    let (gateway, _backend) = shop("").await;
    for path in ["/v1/look/%ff%fe", "/v1/look/%zz", "/v1/look/%", "/v1/look/%4"] {
        let answer = gateway.get(path).await;
        assert_eq!(answer.status, 400, "{path}: {}", answer.text());
        assert_eq!(answer.json()["code"], 3);
    }
}

#[tokio::test]
async fn methods_without_a_rule_are_exposed_on_request() {
    let (gateway, _backend) = shop("unbound_methods: true").await;
    let answer = gateway.post("/shop.v1.Shop/Hidden", r#"{"id": "x"}"#).await;
    assert_eq!((answer.status.as_u16(), answer.json()["id"].as_str()), (200, Some("x")));
}

#[tokio::test]
async fn hostile_paths_get_a_bounded_answer() {
    let (gateway, _backend) = shop("").await;
    let slashes = "/".repeat(7000);
    assert_eq!(gateway.get(&slashes).await.status, 404);
    let long = format!("/v1/files/{}", "a/".repeat(3500));
    assert_eq!(gateway.get(&long).await.status, 200);
}
