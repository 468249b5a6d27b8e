//! An authorizer that allows with changes, refuses with a page of its own, is down, hangs.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use bytes::Bytes;
use h2::server::{SendResponse, handshake};
use http::{HeaderValue, Response};
use prost::Message;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::*;
use crate::support::{request, until};

/// `CheckRequest`, and in it what these tests look at.
#[derive(Clone, PartialEq, Message)]
struct CheckRequest {
    #[prost(message, optional, tag = "1")]
    attributes: Option<Attributes>,
}

#[derive(Clone, PartialEq, Message)]
struct Attributes {
    #[prost(message, optional, tag = "4")]
    request: Option<Asked>,
    #[prost(map = "string, string", tag = "10")]
    context_extensions: HashMap<String, String>,
}

#[derive(Clone, PartialEq, Message)]
struct Asked {
    #[prost(message, optional, tag = "2")]
    http: Option<Http>,
}

#[derive(Clone, PartialEq, Message)]
struct Http {
    #[prost(string, tag = "2")]
    method: String,
    #[prost(map = "string, string", tag = "3")]
    headers: HashMap<String, String>,
    #[prost(string, tag = "4")]
    path: String,
}

/// `CheckResponse`.
#[derive(Clone, PartialEq, Message)]
struct CheckResponse {
    #[prost(message, optional, tag = "1")]
    status: Option<Number>,
    #[prost(message, optional, tag = "2")]
    denied: Option<Denied>,
    #[prost(message, optional, tag = "3")]
    ok: Option<Allowed>,
}

/// A message of one number: `google.rpc.Status`, `HttpStatus`.
#[derive(Clone, PartialEq, Message)]
struct Number {
    #[prost(int32, tag = "1")]
    code: i32,
}

#[derive(Clone, PartialEq, Message)]
struct Denied {
    #[prost(message, optional, tag = "1")]
    status: Option<Number>,
    #[prost(message, repeated, tag = "2")]
    headers: Vec<HeaderOption>,
    #[prost(string, tag = "3")]
    body: String,
}

#[derive(Clone, PartialEq, Message)]
struct Allowed {
    #[prost(message, repeated, tag = "2")]
    headers: Vec<HeaderOption>,
    #[prost(string, repeated, tag = "5")]
    headers_to_remove: Vec<String>,
    #[prost(message, repeated, tag = "6")]
    response_headers_to_add: Vec<HeaderOption>,
}

#[derive(Clone, PartialEq, Message)]
struct HeaderOption {
    #[prost(message, optional, tag = "1")]
    header: Option<Pair>,
}

#[derive(Clone, PartialEq, Message)]
struct Pair {
    #[prost(string, tag = "1")]
    key: String,
    #[prost(string, tag = "2")]
    value: String,
}

fn header(key: &str, value: &str) -> HeaderOption {
    HeaderOption { header: Some(Pair { key: key.to_owned(), value: value.to_owned() }) }
}

fn allows(ok: Allowed) -> CheckResponse {
    CheckResponse { status: Some(Number { code: 0 }), ok: Some(ok), denied: None }
}

fn denies(code: i32, denied: Denied) -> CheckResponse {
    CheckResponse { status: Some(Number { code }), denied: Some(denied), ok: None }
}

/// An authorizer that answers this, or nothing.
struct Served {
    address: SocketAddr,
    answer: watch::Sender<Option<CheckResponse>>,
    asked: Arc<Mutex<Vec<Attributes>>>,
    _tasks: JoinSet<()>,
}

impl Served {
    async fn start(answer: Option<CheckResponse>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("an address");
        let (answer, answers) = watch::channel(answer);
        let asked = Arc::new(Mutex::new(Vec::new()));
        let mut tasks = JoinSet::new();
        let asks = Arc::clone(&asked);
        tasks.spawn(async move {
            let mut open = JoinSet::new();
            while let Ok((socket, _)) = listener.accept().await {
                let (answers, asked) = (answers.clone(), Arc::clone(&asks));
                open.spawn(async move {
                    let Ok(mut connection) = handshake(socket).await else { return };
                    while let Some(Ok((request, respond))) = connection.accept().await {
                        let answer = answers.borrow().clone();
                        tokio::spawn(serve(request.into_body(), respond, answer, Arc::clone(&asked)));
                    }
                });
            }
        });
        Self { address, answer, asked, _tasks: tasks }
    }

    fn last(&self) -> Attributes {
        self.asked.lock().expect("no panic").last().cloned().expect("a question")
    }

    fn identity(&self, more: &str) -> String {
        format!("  external:\n    url: http://{}\n    timeout: 5s\n{more}", self.address)
    }
}

async fn serve(
    mut body: h2::RecvStream,
    mut respond: SendResponse<Bytes>,
    answer: Option<CheckResponse>,
    asked: Arc<Mutex<Vec<Attributes>>>,
) {
    let mut bytes = Vec::new();
    while let Some(Ok(chunk)) = body.data().await {
        let _ = body.flow_control().release_capacity(chunk.len());
        bytes.extend_from_slice(&chunk);
    }
    let question = CheckRequest::decode(&bytes[5..]).expect("a question");
    asked.lock().expect("no panic").push(question.attributes.expect("attributes"));
    let Some(answer) = answer else { return std::future::pending().await };
    let head = Response::builder().header("content-type", "application/grpc").body(()).expect("a head");
    let Ok(mut body) = respond.send_response(head, false) else { return };
    let message = answer.encode_to_vec();
    let length = u32::try_from(message.len()).expect("a short one").to_be_bytes();
    let _ = body.send_data([&[0], &length[..], &message].concat().into(), false);
    let mut trailers = HeaderMap::new();
    trailers.insert("grpc-status", HeaderValue::from_static("0"));
    let _ = body.send_trailers(trailers);
}

#[tokio::test]
async fn an_allowed_call_carries_what_the_authorizer_says() {
    let served = Served::start(Some(allows(Allowed {
        headers: vec![header("qc-actor-id", "user-7"), header("x-tenant", "acme")],
        headers_to_remove: vec!["accept-language".to_owned(), "authorization".to_owned()],
        response_headers_to_add: vec![header("x-decided-by", "opa")],
    })))
    .await;
    let backend = backend().await;
    let gateway = gateway(&backend, &served.identity("")).start().await;
    let headers = [
        ("authorization", "Bearer opaque"),
        ("accept-language", "eo"),
        ("qc-actor-id", "root"),
        ("grpc-metadata-x-tenant", "other"),
        ("grpc-metadata-qc-actor-id", "root"),
    ];
    let answer = gateway.request(Method::GET, CLUSTERS, &headers, "").await;
    assert_eq!((answer.status.as_u16(), answer.header("x-decided-by")), (200, "opa"), "{}", answer.text());
    let metadata = seen(&backend);
    for (name, expected) in [
        ("qc-actor-id", "user-7"),
        ("qc-actor-type", "ACTOR_TYPE_USER"),
        ("x-tenant", "acme"),
        ("grpcgateway-accept-language", ""),
        ("authorization", ""),
    ] {
        assert_eq!(text(&metadata, name), expected, "{name}");
        assert!(metadata.get_all(name).iter().count() <= 1, "{name}");
    }
    let asked = served.last();
    assert_eq!(asked.context_extensions["account"], ACCOUNT);
    assert_eq!(asked.context_extensions["rpc"], "qdrant.cloud.cluster.v1.ClusterService/ListClusters");
    let http = asked.request.and_then(|request| request.http).expect("HTTP");
    assert_eq!((http.method.as_str(), http.path.as_str()), ("GET", CLUSTERS));
    assert_eq!(http.headers["authorization"], "Bearer opaque");
    assert!(
        !http.headers.contains_key("qc-actor-id") && !http.headers.contains_key("grpc-metadata-qc-actor-id")
    );
}

#[tokio::test]
async fn a_refusal_is_the_authorizers_own() {
    let page = Denied {
        status: Some(Number { code: 401 }),
        headers: vec![header("www-authenticate", "Acme realm=\"x\""), header("content-type", "text/html")],
        body: "<p>sign in</p>".to_owned(),
    };
    let served = Served::start(Some(denies(16, page))).await;
    let backend = backend().await;
    let gateway = gateway(&backend, &served.identity("")).start().await;
    let answer = get(&gateway, CLUSTERS, Some("Bearer opaque")).await;
    assert_eq!((answer.status.as_u16(), answer.text().as_str()), (401, "<p>sign in</p>"));
    assert_eq!(answer.header("content-type"), "text/html");
    assert_eq!(answer.header("www-authenticate"), "Acme realm=\"x\"");
    served.answer.send_replace(Some(denies(7, Denied::default())));
    let answer = get(&gateway, CLUSTERS, None).await;
    assert_eq!(answer.error(), (403, "the call is not allowed".to_owned()));
    assert!(backend.calls().is_empty(), "the backend was called");
}

#[tokio::test]
async fn an_authorizer_that_hangs_or_is_down_is_not_waited_for() {
    let served = Served::start(None).await;
    let backend = backend().await;
    let quick = |more: &str| format!("  external:\n    url: http://{}\n{more}", served.address);
    let closed = gateway(&backend, &quick("")).start().await;
    let status = "    failure_status: 503\n";
    let unavailable = gateway(&backend, &quick(status)).start().await;
    let open = gateway(&backend, &quick("    on_failure: allow\n")).start().await;
    for (gateway, expected) in [(&closed, 403), (&unavailable, 503), (&open, 200)] {
        let started = Instant::now();
        let answer = get(gateway, CLUSTERS, None).await;
        assert_eq!(answer.status, expected, "{}", answer.text());
        assert!(started.elapsed().as_secs() < 5, "{:?}", started.elapsed());
        let told = async || gateway.events("the authorizer does not decide").next();
        until("the log", told).await;
    }
    let metrics = closed.admin().send(request(Method::GET, "/metrics", &[], "")).await.text();
    assert!(metrics.contains("transom_authorizer_checks_total{outcome=\"failed\"} 1"), "{metrics}");
    drop(served);
    for (gateway, expected) in [(&closed, 403), (&unavailable, 503), (&open, 200)] {
        let status =
            async || Some(get(gateway, CLUSTERS, None).await.status).filter(|status| *status == expected);
        until("the same when it is down", status).await;
    }
}

#[tokio::test]
async fn own_keys_come_before_the_authorizer() {
    let served = Served::start(Some(allows(Allowed::default()))).await;
    let backend = backend().await;
    let hash = transom::policy::KeyHash::of("good");
    let keys = format!(
        "  keys: [{{hash: '{hash}', actor_id: robot, accounts: ['*'], permissions: ['read:clusters']}}]\n"
    );
    let gateway = gateway(&backend, &(keys + &served.identity(""))).start().await;
    assert_eq!(get(&gateway, CLUSTERS, Some("apikey bad")).await.status, 401);
    assert!(served.asked.lock().expect("no panic").is_empty(), "nobody asks about who is not known");
    let answer = get(&gateway, CLUSTERS, Some("apikey good")).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(served.last().context_extensions["actor_id"], "robot");
    served.answer.send_replace(Some(denies(7, Denied::default())));
    assert_eq!(get(&gateway, CLUSTERS, Some("apikey good")).await.status, 403);
}
