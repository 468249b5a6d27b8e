//! Which headers pass, and under which names: lists, globs, renames, profiles, trailers, lengths.

use http::{HeaderMap, Method};

use crate::support::{Client, Script, Scripted, request, shop, shop_files};

/// Asks the backend for metadata in its answer.
fn answering(metadata: &'static str) -> (&'static str, &'static str) {
    ("grpc-metadata-transom-answer-header", metadata)
}

fn values<'m>(metadata: &'m HeaderMap, name: &str) -> Vec<&'m str> {
    metadata.get_all(name).iter().map(|value| value.to_str().expect("text")).collect()
}

#[tokio::test]
async fn lists_and_renames_decide_what_the_backend_sees() {
    let rules = "metadata: {forward_request: ['X-Team-*', X-One], drop_request: [cookie, 'x-internal-*', \
                 x-team-secret], rename_request: {X-Tenant: tenant-id, Referer: came-from}}";
    let (gateway, backend) = shop(rules).await;
    let headers = [
        ("accept", "application/json"),
        ("cookie", "session=1"),
        ("x-team-name", "red"),
        ("x-team-secret", "red"),
        ("x-one", "1"),
        ("x-two", "2"),
        ("x-tenant", "acme"),
        ("referer", "/from"),
        ("grpc-metadata-tenant-id", "evil"),
        ("grpc-metadata-tenant_id", "evil"),
        ("grpc-metadata-x_internal_id", "evil"),
        ("grpc-metadata-x_one", "evil"),
        ("grpc-metadata-color", "blue"),
    ];
    assert_eq!(gateway.request(Method::GET, "/v1/look/7", &headers, "").await.status, 200);
    let seen = backend.calls().pop().expect("a call").metadata;
    for (name, expected) in [
        ("grpcgateway-accept", &["application/json"][..]),
        ("grpcgateway-cookie", &[]),
        ("cookie", &[]),
        ("x-team-name", &["red"]),
        ("x-team-secret", &[]),
        ("x-one", &["1"]),
        ("x_one", &[]),
        ("x-two", &[]),
        ("tenant-id", &["acme"]),
        ("tenant_id", &[]),
        ("x-tenant", &[]),
        ("came-from", &["/from"]),
        ("grpcgateway-referer", &[]),
        ("x_internal_id", &[]),
        ("color", &["blue"]),
    ] {
        assert_eq!(values(&seen, name), expected, "{name}");
    }
}

#[tokio::test]
async fn lists_and_renames_decide_what_the_client_sees() {
    let rules = "metadata: {forward_response: ['x-*', etag], drop_response: ['x-secret*'], \
                 rename_response: {http-location: Location}}";
    let (gateway, _backend) = shop(rules).await;
    let headers = [
        answering("x-cost=3"),
        answering("x-secret-cost=1"),
        answering("etag=\"v1\""),
        answering("http-location=/there"),
        answering("location=/plain"),
        answering("blob-bin=AQI"),
        ("grpc-metadata-transom-answer-trailer", "x-secret-end=1"),
        ("grpc-metadata-transom-answer-trailer", "x-end=1"),
        ("te", "trailers"),
    ];
    let answer = gateway.request(Method::GET, "/v1/look/7", &headers, "").await;
    assert_eq!(answer.status, 200);
    for (name, expected) in [
        ("x-cost", &["3"][..]),
        ("grpc-metadata-x-cost", &[]),
        ("x-secret-cost", &[]),
        ("grpc-metadata-x-secret-cost", &[]),
        ("etag", &["\"v1\""]),
        ("location", &["/there"]),
        ("grpc-metadata-location", &["/plain"]),
        ("grpc-metadata-http-location", &[]),
        ("grpc-metadata-blob-bin", &["AQI"]),
        ("trailer", &["grpc-trailer-x-end"]),
        ("content-type", &["application/json"]),
    ] {
        assert_eq!(values(&answer.headers, name), expected, "{name}");
    }
    assert_eq!(values(&answer.trailers, "grpc-trailer-x-end"), ["1"]);
    assert_eq!(answer.trailers.len(), 1);
}

#[tokio::test]
async fn each_profile_names_headers_its_way() {
    let names = ["location", "grpc-metadata-location", "foo", "grpc-metadata-foo"];
    for (profile, answered, seen) in [
        ("transom", [true, false, false, true], [true, false]),
        ("grpc-gateway", [false, true, false, true], [true, false]),
        ("envoy", [true, false, true, false], [false, true]),
        ("canonical", [true, false, false, true], [true, false]),
    ] {
        let (gateway, backend) = shop(&format!("profile: {profile}")).await;
        let headers = [answering("location=/x"), answering("foo=1"), ("x-any", "1"), ("accept", "a/b, */*")];
        let answer = gateway.request(Method::GET, "/v1/look/7", &headers, "").await;
        assert_eq!(names.map(|name| answer.headers.contains_key(name)), answered, "{profile}");
        assert_eq!(answer.header("content-type"), "application/json", "{profile}");
        let call = backend.calls().pop().expect("a call").metadata;
        let found = ["grpcgateway-accept", "x-any"].map(|name| call.contains_key(name));
        assert_eq!(found, seen, "{profile}");
    }
}

#[tokio::test]
async fn errors_have_metadata_and_trailers_too() {
    let backend = Scripted::start(Script {
        head: &[("color", "blue")],
        trailers: &[("grpc-status", "5"), ("grpc-message", "gone"), ("cost", "3")],
        ..Script::default()
    })
    .await;
    let gateway = shop_files().upstream(backend.address).start().await;
    let http2 = Client::Http2(gateway.address().to_owned());
    for (client, te, trailed) in [
        (gateway.client(), &[("te", "trailers")][..], true),
        (gateway.client(), &[("te", "gzip, Trailers"), ("te", "deflate")], true),
        (gateway.client(), &[("te", "deflate"), ("te", "trailers")], true),
        (gateway.client(), &[("te", "gzip")], false),
        (gateway.client(), &[], false),
        (http2.clone(), &[("te", "trailers")], true),
        (http2, &[], false),
    ] {
        let answer = client.send(request(Method::GET, "/v1/look/7", te, "")).await;
        assert_eq!(answer.error(), (404, "gone".to_owned()));
        assert_eq!(answer.header("grpc-metadata-color"), "blue");
        assert!(!answer.headers.contains_key("grpc-metadata-cost"), "{te:?}");
        assert_eq!(answer.header("trailer"), if trailed { "grpc-trailer-cost" } else { "" }, "{te:?}");
        let trailers = values(&answer.trailers, "grpc-trailer-cost");
        assert_eq!(trailers, if trailed { &["3"][..] } else { &[] }, "{client:?} {te:?}");
        assert_eq!(answer.trailers.len(), usize::from(trailed), "neither status nor message");
    }
}

#[tokio::test]
async fn answers_say_their_length() {
    let (gateway, _backend) = shop("").await;
    let long = format!("/v1/look/7?path={}", "x".repeat(5000));
    for target in ["/v1/look/7", long.as_str(), "/v1/look/7?price=dear", "/nowhere"] {
        let answer = gateway.get(target).await;
        assert_eq!(answer.header("content-length"), answer.body.len().to_string(), "{target:.40}");
        assert!(!answer.headers.contains_key("transfer-encoding"), "{target:.40}");
        let head = gateway.request(Method::HEAD, target, &[], "").await;
        assert_eq!(head.header("content-length"), answer.header("content-length"), "{target:.40}");
        assert!(head.body.is_empty());
    }
}

#[tokio::test]
async fn a_client_may_shorten_its_deadline_but_not_lengthen_it() {
    let (gateway, _backend) = shop("upstream_max_timeout: 200ms").await;
    let hang = ("grpc-metadata-transom-fault", "hang");
    for timeout in ["50m", "20000u", "0S", "99999999999999999999H"] {
        let answer = gateway.request(Method::GET, "/v1/look/7", &[hang, ("grpc-timeout", timeout)], "").await;
        assert_eq!((answer.status.as_u16(), &answer.json()["code"]), (504, &4.into()), "{timeout}");
    }
    for timeout in ["-1S", "1", "S", "1s", "1.5S", ""] {
        let answer = gateway.request(Method::GET, "/v1/look/7", &[("grpc-timeout", timeout)], "").await;
        assert_eq!((answer.status.as_u16(), &answer.json()["code"]), (400, &3.into()), "{timeout}");
    }
}
