//! What an authorizer is asked, and what its answers do.

use super::*;
use crate::metadata::ClientCertificate;
use crate::status::Code;

#[tokio::test]
async fn a_request_is_described_as_envoy_does() {
    let served = Served::start(allows(OkResponse::default())).await;
    let mut settings = served.settings();
    settings.context = BTreeMap::from([("zone".to_owned(), "a".to_owned())]);
    settings.headers = vec!["*".to_owned(), "!X-Secret".to_owned()];
    let mut asker = Asker::new(&[
        ("host", "api.example.com"),
        ("authorization", "Bearer t"),
        ("x-request-id", "id-1"),
        ("traceparent", "00-1-2-01"),
        ("accept", "a/b"),
        ("accept", "c/d"),
        ("cookie", "a=1"),
        ("cookie", "b=2"),
        ("content-length", "12"),
        ("x-secret", "s"),
        ("qc-actor-id", "root"),
        ("grpc-metadata-qc-actor-id", "root"),
    ]);
    asker.headers.insert("x-odd", HeaderValue::from_bytes(b"a\xff").expect("a value"));
    asker.peer = Peer {
        address: Some("[::ffff:10.0.0.7]:4711".parse().expect("an address")),
        tls: true,
        ..Peer::default()
    };
    prepare(&settings, None).check(&asker.head(), Some(&robot())).await.expect("allowed");

    let (question, metadata) = served.last();
    assert_eq!(metadata["x-request-id"], "id-1");
    assert_eq!(metadata["traceparent"], "00-1-2-01");
    let attributes = question.attributes.expect("attributes");
    let address = attributes.source.and_then(|source| source.address?.socket_address).expect("an address");
    assert_eq!((address.address.as_str(), address.port_value), ("10.0.0.7", Some(4711)));
    let context: Vec<_> = attributes.context_extensions.iter().map(|(k, v)| format!("{k}={v}")).collect();
    assert_eq!(
        context,
        [
            "account=acme",
            "actor_id=robot",
            "actor_type=ACTOR_TYPE_SERVICE_ACCOUNT",
            "rpc=acme.v1.Library/GetShelf",
            "zone=a"
        ]
    );
    let request = attributes.request.expect("a request");
    assert!(request.time.is_some_and(|time| time.seconds > 1_700_000_000));
    let http = request.http.expect("HTTP");
    assert_eq!(
        (http.id.as_str(), http.method.as_str(), http.path.as_str(), http.host.as_str()),
        ("id-1", "GET", "/v1/shelves/1?page=2", "api.example.com")
    );
    assert_eq!((http.scheme.as_str(), http.size, http.protocol.as_str()), ("https", 12, "HTTP/1.1"));
    let headers: Vec<_> = http.headers.iter().map(|(k, v)| format!("{k}: {v}")).collect();
    assert_eq!(
        headers,
        [
            ":authority: api.example.com",
            ":method: GET",
            ":path: /v1/shelves/1?page=2",
            ":scheme: https",
            "accept: a/b,c/d",
            "authorization: Bearer t",
            "content-length: 12",
            "cookie: a=1; b=2",
            "qc-actor-id: robot",
            "qc-actor-type: ACTOR_TYPE_SERVICE_ACCOUNT",
            "traceparent: 00-1-2-01",
            "x-odd: a!",
            "x-request-id: id-1",
        ]
    );
}

#[tokio::test]
async fn only_what_is_configured_is_sent() {
    let served = Served::start(allows(OkResponse::default())).await;
    let settings = Settings {
        headers: vec!["x-tenant".to_owned(), ":path".to_owned()],
        forward_identity: false,
        ..served.settings()
    };
    let mut asker = Asker::new(&[("x-tenant", "t"), ("authorization", "Bearer t")]);
    asker.uri = Uri::from_static("http://api.example.com/v1/x");
    let certificate = ClientCertificate {
        subject: "CN=robot".to_owned(),
        names: vec!["DNS:robot.acme".to_owned(), "URI:spiffe://acme/robot".to_owned()],
        expires: std::time::SystemTime::now(),
    };
    asker.peer.certificate = Some(certificate);
    prepare(&settings, None).check(&asker.head(), Some(&robot())).await.expect("allowed");
    let attributes = served.last().0.attributes.expect("attributes");
    assert_eq!(attributes.source.expect("a source").principal, "spiffe://acme/robot");
    assert_eq!(attributes.context_extensions.keys().collect::<Vec<_>>(), ["account", "rpc"]);
    let http = attributes.request.and_then(|request| request.http).expect("HTTP");
    assert_eq!((http.size, http.protocol.as_str(), http.host.as_str()), (-1, "HTTP/2", "api.example.com"));
    assert_eq!(http.headers.keys().collect::<Vec<_>>(), [":path", "x-tenant"]);
}

#[tokio::test]
async fn an_allowed_call_goes_on_with_changes() {
    let answer = OkResponse {
        headers: vec![header("x-user", "ada"), header("grpc-timeout", "1H")],
        headers_to_remove: vec!["authorization".to_owned()],
        response_headers_to_add: vec![header("x-decided-by", "opa")],
        query_parameters_to_set: vec![Header { key: "a".to_owned(), ..Header::default() }],
        ..OkResponse::default()
    };
    let served = Served::start(allows(answer)).await;
    let verdict = check(&served.authorizer(), Some(&robot())).await.expect("allowed");
    let mut metadata = HeaderMap::new();
    metadata.insert("x-user", HeaderValue::from_static("root"));
    metadata.insert("grpcgateway-authorization", HeaderValue::from_static("Bearer t"));
    verdict.metadata.change_metadata(&mut metadata);
    assert_eq!((metadata.len(), metadata["x-user"].as_bytes()), (1, &b"ada"[..]));
    let mut headers = HeaderMap::new();
    verdict.answer.change_answer(&mut headers);
    assert_eq!(headers["x-decided-by"], "opa");
    assert_eq!(verdict.identity, Some(robot()), "what was known stays");
}

#[tokio::test]
async fn an_empty_answer_allows_as_envoy_has_it() {
    let served = Served::start(Answer::Bytes(b"")).await;
    let verdict = check(&served.authorizer(), None).await.expect("allowed");
    assert!(verdict.identity.is_none() && verdict.metadata.is_empty() && verdict.answer.is_empty());
}

#[tokio::test]
async fn an_authorizer_may_say_who_is_calling() {
    let named = OkResponse {
        headers: vec![header("Qc-Actor-Id", "user-1"), header("qc-actor-type", "ACTOR_TYPE_USER")],
        ..OkResponse::default()
    };
    let described = |own| CheckResponse {
        dynamic_metadata: Some(facts(&[
            ("actor_id", text("user-2")),
            ("name", text("Ada")),
            ("accounts", list(&["one", "two"])),
            ("permissions", text("read:x write:x")),
        ])),
        ..says(0, own)
    };
    let served = Served::start(allows(named)).await;
    let authorizer = served.authorizer();
    let verdict = check(&authorizer, None).await.expect("allowed");
    assert!(verdict.metadata.is_empty(), "the gateway tells the backend itself");
    let identity = verdict.identity.expect("somebody");
    assert_eq!((&*identity.actor_id, &*identity.actor_type), ("user-1", "ACTOR_TYPE_USER"));
    assert_eq!(
        (identity.method, identity.accounts, identity.permissions),
        (Method::External, Scope::All, Scope::All)
    );

    served.answer.send_replace(Answer::Says(described(None)));
    let identity = check(&authorizer, None).await.expect("allowed").identity.expect("somebody");
    assert_eq!((&*identity.actor_id, identity.name.as_deref()), ("user-2", Some("Ada")));
    assert!(identity.accounts.holds("two") && !identity.accounts.holds("three"));
    assert!(identity.permissions.holds("write:x") && !identity.permissions.holds("delete:x"));

    // The deprecated field counts in place of the other; what it does not say stays as it was.
    let old =
        OkResponse { dynamic_metadata: Some(facts(&[("accounts", list(&[]))])), ..OkResponse::default() };
    served.answer.send_replace(Answer::Says(described(Some(HttpAnswer::Ok(old)))));
    let identity = check(&authorizer, Some(&robot())).await.expect("allowed").identity.expect("somebody");
    assert_eq!((&*identity.actor_id, identity.method), ("robot", Method::Key));
    assert!(!identity.accounts.holds("one") && identity.permissions.holds("read:x"));
}

#[tokio::test]
async fn an_actor_that_no_backend_can_be_told_is_no_answer() {
    let named = OkResponse { headers: vec![header("qc-actor-id", "a\nb")], ..OkResponse::default() };
    let served = Served::start(allows(named)).await;
    let authorizer = served.authorizer();
    assert_eq!(check(&authorizer, None).await.expect_err("undecided").http_status(), StatusCode::FORBIDDEN);
    assert_eq!(authorizer.counts(), Counts { checks: 1, denials: 0, failures: 1 });
}

#[tokio::test]
async fn a_refusal_is_answered_as_the_authorizer_wrote_it() {
    let challenge = header("www-authenticate", "Bearer realm=\"acme\"");
    let json =
        vec![header("content-type", "application/json"), challenge.clone(), header("x-why", "expired")];
    for (code, answer, http, body, kind) in [
        (7, denies(0, Vec::new(), ""), 403, None, Code::PermissionDenied),
        (16, denies(401, vec![challenge], ""), 401, None, Code::Unauthenticated),
        (
            16,
            denies(401, json, "{\"a\":1}"),
            401,
            Some(("application/json", "{\"a\":1}")),
            Code::Unauthenticated,
        ),
        (7, denies(404, Vec::new(), "no"), 404, Some(("text/plain", "no")), Code::NotFound),
        (8, denies(429, Vec::new(), ""), 429, None, Code::ResourceExhausted),
        (14, denies(503, Vec::new(), ""), 503, None, Code::Unavailable),
        (7, denies(302, vec![header("location", "https://login")], ""), 302, None, Code::PermissionDenied),
        (7, denies(100, Vec::new(), ""), 403, None, Code::PermissionDenied),
        (7, denies(99_999, Vec::new(), ""), 403, None, Code::PermissionDenied),
        (7, denies(-1, Vec::new(), ""), 403, None, Code::PermissionDenied),
    ] {
        let served = Served::start(Answer::Says(says(code, Some(HttpAnswer::Denied(answer.clone()))))).await;
        let authorizer = served.authorizer();
        let status = check(&authorizer, None).await.expect_err("refused");
        assert_eq!((status.http_status().as_u16(), status.code), (http, kind), "{answer:?}");
        let found =
            status.body.as_ref().map(|body| (body.content_type.to_str().expect("text"), &*body.bytes));
        assert_eq!(found, body.map(|(kind, text)| (kind, text.as_bytes())), "{answer:?}");
        let headers = status.headers.unwrap_or_default();
        for option in answer.headers.iter().filter_map(|option| option.header.as_ref()) {
            if option.key != "content-type" {
                assert_eq!(headers[option.key.as_str()], option.value, "{answer:?}");
            }
        }
        assert_eq!(authorizer.counts(), Counts { checks: 1, denials: 1, failures: 0 });
    }
    let served = Served::start(Answer::Says(says(7, None))).await;
    let status = check(&served.authorizer(), None).await.expect_err("refused");
    assert_eq!(
        (status.http_status(), status.message.as_str()),
        (StatusCode::FORBIDDEN, "the call is not allowed")
    );
}
