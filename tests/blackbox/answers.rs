//! What successful answers look like: their status, fixed headers, entity tags and 304.

use http::Method;

use crate::support::{Client, Script, Scripted, request, shop, shop_files};

#[tokio::test]
async fn a_success_has_the_status_that_is_asked_for() {
    let backend = Scripted::start(Script::default()).await;
    let gateway = shop_files()
        .upstream(backend.address)
        .config(
            "answers: {empty_status: 204, status_metadata: x-http-code}\nmetadata: {forward_response: ['*']}",
        )
        .start()
        .await;
    let plain = Script::default();
    let named = |code: &'static [(&'static str, &'static str)]| Script { head: code, ..Script::default() };
    let late = |code: &'static [(&'static str, &'static str)]| Script { trailers: code, ..Script::default() };
    for (method, target, script, expected) in [
        (Method::GET, "/v1/look/7", plain.clone(), 200),
        (Method::DELETE, "/v1/empty/7", plain, 204),
        (Method::DELETE, "/v1/empty/7", named(&[("x-http-code", "202")]), 202),
        (Method::GET, "/v1/look/7", named(&[("x-http-code", "201")]), 201),
        (Method::GET, "/v1/look/7", late(&[("x-http-code", "202")]), 202),
        (Method::GET, "/v1/look/7", named(&[("x-http-code", "303"), ("location", "/there")]), 303),
        (Method::GET, "/v1/look/7", named(&[("x-http-code", "205")]), 205),
        (Method::GET, "/v1/look/7", named(&[("x-http-code", "304")]), 304),
        (Method::GET, "/v1/look/7", named(&[("x-http-code", "101")]), 200),
        (Method::GET, "/v1/look/7", named(&[("x-http-code", "1000")]), 200),
        (Method::GET, "/v1/look/7", named(&[("x-http-code", "fine")]), 200),
        (Method::GET, "/v1/look/7", late(&[("grpc-status", "5"), ("x-http-code", "200")]), 404),
    ] {
        let what = format!("{method} {target} {script:?}");
        backend.say(script);
        for client in [gateway.client(), Client::Http2(gateway.address().to_owned())] {
            let answer = client.send(request(method.clone(), target, &[("te", "trailers")], "")).await;
            assert_eq!(answer.status.as_u16(), expected, "{what}");
            let named = |name: &http::HeaderName| name.as_str().contains("x-http-code");
            assert!(!answer.headers.keys().chain(answer.trailers.keys()).any(named), "{what}");
            let bodiless = matches!(expected, 204 | 205 | 304);
            assert_eq!(answer.body.is_empty(), bodiless, "{what}");
            assert_eq!(answer.headers.contains_key("content-type"), !bodiless, "{what}");
            assert_eq!(answer.header("location"), if expected == 303 { "/there" } else { "" }, "{what}");
        }
    }
    let logged = gateway.record(|record| record["status"] == 205).await;
    assert_eq!(logged["path"], "/v1/look/7", "{logged}");
}

#[tokio::test]
async fn fixed_statuses_and_headers() {
    let answers = "answers: {status: 201, headers: {X-Frame-Options: DENY, Cache-Control: no-store}}";
    let (gateway, _backend) = shop(answers).await;
    let made = gateway.request(Method::PUT, "/v1/items/7", &[], "{}").await;
    assert_eq!((made.status.as_u16(), made.header("x-frame-options")), (201, "DENY"));
    let own = ("grpc-metadata-transom-answer-header", "cache-control=max-age=60");
    let cached = gateway.request(Method::GET, "/v1/look/7", &[own], "").await;
    let found: Vec<_> = cached.headers.get_all("cache-control").iter().collect();
    assert_eq!(found, ["max-age=60"], "the backend knows better");
    let failed =
        gateway.request(Method::GET, "/v1/look/7", &[("grpc-metadata-transom-fault", "status=5")], "").await;
    assert_eq!((failed.status.as_u16(), failed.header("cache-control")), (404, "no-store"));
}

#[tokio::test]
async fn a_client_that_has_the_answer_is_told_so() {
    let (gateway, backend) = shop("answers: {etag: true}").await;
    let get = async |target: &str, headers: &[(&str, &str)]| {
        gateway.request(Method::GET, target, headers, "").await
    };
    let first = get("/v1/look/7", &[]).await;
    let tag = first.header("etag");
    assert!(first.status == 200 && tag.starts_with("W/\"") && tag.ends_with('"'), "{tag}");
    let list = format!("\"other\", {tag}");
    let strong = tag.trim_start_matches("W/");
    for known in [tag, list.as_str(), strong, "*"] {
        for client in [gateway.client(), Client::Http2(gateway.address().to_owned())] {
            for method in [Method::GET, Method::HEAD] {
                let asked =
                    request(method, "/v1/look/7", &[("if-none-match", known), ("te", "trailers")], "");
                let answer = client.send(asked).await;
                assert_eq!((answer.status.as_u16(), answer.header("etag")), (304, tag), "{known}");
                assert!(answer.body.is_empty(), "{known}");
                for name in ["content-type", "content-length", "transfer-encoding", "trailer"] {
                    assert!(!answer.headers.contains_key(name), "{name}: {known}");
                }
            }
        }
    }
    for unknown in ["\"other\"", "W/\"other\"", "nonsense", ""] {
        let answer = get("/v1/look/7", &[("if-none-match", unknown)]).await;
        assert_eq!((answer.status.as_u16(), answer.body), (200, first.body.clone()), "{unknown}");
    }
    assert_ne!(get("/v1/look/8", &[]).await.header("etag"), tag, "another answer");
    assert_eq!(get("/v1/look/8", &[("if-none-match", tag)]).await.status, 200);

    let own = ("grpc-metadata-transom-answer-header", "etag=\"v1\"");
    assert_eq!(get("/v1/look/7", &[own]).await.header("etag"), "\"v1\"");
    assert_eq!(get("/v1/look/7", &[own, ("if-none-match", "W/\"v1\"")]).await.status, 304);
    assert_eq!(get("/v1/look/7", &[own, ("if-none-match", tag)]).await.status, 200);
    let seen = backend.calls().pop().expect("a call").metadata;
    assert_eq!(seen["grpcgateway-if-none-match"], tag, "the backend may answer it itself");

    let put = gateway.request(Method::PUT, "/v1/items/7", &[("if-none-match", "*")], "{}").await;
    assert!(put.status == 200 && !put.headers.contains_key("etag"));
    let fault = ("grpc-metadata-transom-fault", "status=5");
    let failed = get("/v1/look/7", &[fault, ("if-none-match", "*")]).await;
    assert!(failed.status == 404 && !failed.headers.contains_key("etag"));
}

#[tokio::test]
async fn nothing_is_tagged_unless_it_is_asked_for() {
    let (gateway, _backend) = shop("").await;
    let answer = gateway.request(Method::GET, "/v1/look/7", &[("if-none-match", "*")], "").await;
    assert!(answer.status == 200 && !answer.headers.contains_key("etag"));
}
