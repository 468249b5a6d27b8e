//! How often someone may call: 429 and its headers, reloads, a limit that is kept elsewhere.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Response};
use prost::Message;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use transom::policy::KeyHash;

use crate::support::{Answer, Client, Gateway, request, shop, until};

/// One call of a tenant, from an address behind one proxy.
async fn look(client: &Client, tenant: &str, address: &str) -> Answer {
    let headers = [("x-tenant", tenant), ("x-forwarded-for", address)];
    client.send(request(Method::GET, "/v1/look/7", &headers, "")).await
}

/// Status, limit, remaining and reset of an answer.
fn told(answer: &Answer) -> (u16, &str, &str, &str) {
    let header = |name| answer.header(name);
    (
        answer.status.as_u16(),
        header("ratelimit-limit"),
        header("ratelimit-remaining"),
        header("ratelimit-reset"),
    )
}

#[tokio::test]
async fn a_limit_that_is_used_up_is_429_with_what_there_is_to_know() {
    let (gateway, backend) =
        shop("rate_limits: {local: [{name: per-tenant, per: 'header:x-tenant', rate: 2/h}]}").await;
    let clients = [
        (gateway.client(), "a tenant of HTTP/1.1"),
        (Client::Http2(gateway.address().to_owned()), "a tenant of HTTP/2"),
    ];
    for (client, tenant) in clients {
        assert_eq!(told(&look(&client, tenant, "").await), (200, "2", "1", "1800"), "{tenant}");
        assert_eq!(told(&look(&client, tenant, "").await), (200, "2", "0", "3600"), "{tenant}");
        let before = backend.calls().len();
        let refused = look(&client, tenant, "").await;
        assert_eq!(backend.calls().len(), before, "the backend hears nothing of it");
        let wait: u64 = refused.header("retry-after").parse().expect("seconds");
        assert!((1..=1800).contains(&wait), "{wait}");
        assert_eq!(told(&refused), (429, "2", "0", refused.header("retry-after")), "{tenant}");
        let json = refused.json();
        assert_eq!(
            (json["code"].as_i64(), json["message"].as_str()),
            (Some(8), Some("the rate limit `per-tenant` is used up"))
        );
        assert_eq!(json["details"][0]["@type"], "type.googleapis.com/google.rpc.RetryInfo");
        let delay = json["details"][0]["retryDelay"].as_str().expect("a delay").trim_end_matches('s');
        let delay: f64 = delay.parse().expect("seconds");
        // `Retry-After` is the same, in whole seconds and rounded up.
        assert_eq!(delay.ceil().to_string(), wait.to_string(), "{delay} of {wait}");
        assert_eq!(json["details"][1]["@type"], "type.googleapis.com/google.rpc.QuotaFailure");
        assert_eq!(json["details"][1]["violations"][0]["subject"], "per-tenant");
        assert!(!refused.text().contains(tenant), "{}", refused.text());
    }
    counted(&gateway, "limit=\"per-tenant\",outcome=\"refused\"} 2").await;
    let line = "the access log to name the limit";
    until(line, async || {
        gateway.output().iter().any(|line| line.contains("\"rate_limit\":\"per-tenant\"")).then_some(())
    })
    .await;
}

/// Waits until the metrics count so.
async fn counted(gateway: &Gateway, labels: &str) {
    until(labels, async || {
        let metrics = gateway.admin().send(request(Method::GET, "/metrics", &[], "")).await.text();
        metrics.contains(&format!("transom_rate_limits_total{{{labels}")).then_some(())
    })
    .await;
}

#[tokio::test]
async fn callers_and_addresses_have_limits_of_their_own_and_the_tightest_is_told() {
    let limits = "rate_limits:\n  forwarded_hops: 1\n  local:\n    \
                  - {name: per-tenant, per: 'header:x-tenant', rate: 3/h}\n    \
                  - {name: per-address, per: address, rate: 4/h}";
    let (gateway, _backend) = shop(limits).await;
    let client = gateway.client();
    for (tenant, address, expected) in [
        ("a", "1.1.1.1", (200, "3", "2", "1200")),
        ("a", "1.1.1.1", (200, "3", "1", "2400")),
        ("b", "1.1.1.1", (200, "4", "1", "2700")),
        ("c", "6.6.6.6, 1.1.1.1", (200, "4", "0", "3600")),
    ] {
        assert_eq!(told(&look(&client, tenant, address).await), expected, "{tenant} from {address}");
    }
    let refused = look(&client, "d", "1.1.1.1").await;
    assert_eq!(refused.error(), (429, "the rate limit `per-address` is used up".into()));
    assert_eq!(
        told(&look(&client, "d", "2001:db8::1").await),
        (200, "3", "1", "2400"),
        "the refused one counts"
    );
    assert_eq!(told(&look(&client, "a", "2001:db8::2").await), (200, "3", "0", "3600"));
    let refused = look(&client, "a", "2001:db8::3").await;
    assert_eq!(refused.error(), (429, "the rate limit `per-tenant` is used up".into()));
    // An answer that is an error for another reason tells where one stands too.
    let headers = [("x-tenant", "e"), ("x-forwarded-for", "2.2.2.2"), ("grpc-timeout", "nonsense")];
    let faulty = client.send(request(Method::GET, "/v1/look/7", &headers, "")).await;
    assert_eq!(told(&faulty), (400, "3", "2", "1200"));
    // What no method takes is not limited.
    assert_eq!(told(&gateway.get("/nowhere").await), (404, "", "", ""));
}

#[tokio::test]
async fn known_callers_are_told_apart_and_those_who_guess_are_limited_by_address() {
    let key = |actor: &str| {
        let hash = KeyHash::of(&format!("key-of-{actor}"));
        format!("{{hash: '{hash}', actor_id: {actor}, accounts: ['*'], permissions: ['*']}}")
    };
    let limits = format!(
        "identity: {{keys: [{}, {}]}}\nrate_limits:\n  local:\n    - {{name: per-caller, per: [identity, method], \
         rate: 2/h}}\n    - {{name: per-address, per: address, rate: 7/h}}",
        key("ann"),
        key("bob")
    );
    let (gateway, _backend) = shop(&limits).await;
    let called = async |key: &str, target: &str| {
        let credential = format!("apikey key-of-{key}");
        gateway.request(Method::GET, target, &[("authorization", &credential)], "").await
    };
    for (key, target, expected) in [
        ("ann", "/v1/look/7", (200, "2", "1")),
        ("ann", "/v1/files/x", (200, "2", "0")), // another path of the same method
        ("ann", "/v1/look/7", (429, "2", "0")),
        ("bob", "/v1/look/7", (200, "2", "1")),
        ("ann", "/v1/items/me", (200, "2", "1")),
        // Who is not known is charged to the address all the same, and told so.
        ("nobody", "/v1/look/7", (401, "7", "1")),
        ("nobody", "/v1/look/7", (401, "7", "0")),
        ("nobody", "/v1/look/7", (429, "7", "0")),
        ("bob", "/v1/look/7", (429, "7", "0")),
    ] {
        let answer = called(key, target).await;
        let (status, limit, remaining, _) = told(&answer);
        assert_eq!((status, limit, remaining), expected, "{key} {target}: {}", answer.text());
        assert!(status != 429 || !answer.text().contains(key), "{}", answer.text());
    }
}

#[tokio::test]
async fn counts_survive_a_reload_that_leaves_the_limit_alone() {
    let limits =
        "reload: {watch: false}\nrate_limits: {local: [{name: a, per: 'header:x-tenant', rate: 3/h}]}";
    let (gateway, _backend) = shop(limits).await;
    let config = std::fs::read_to_string(gateway.file("transom.yaml")).expect("the config");
    let client = gateway.client();
    assert_eq!(told(&look(&client, "t", "").await).2, "2");
    let reloaded = async |config: String| {
        gateway.write("transom.yaml", config);
        let answer = gateway.admin().send(request(Method::POST, "/reload", &[], "")).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
    };
    let more = "rate_limits: {local: [{name: b, rate: 100/s, methods: ['no.Such/*']}, ";
    let moved = config.replace("rate_limits: {local: [", more);
    assert_ne!(moved, config);
    reloaded(format!("json: {{unset_fields: omit}}\n{moved}")).await;
    let answer = look(&client, "t", "").await;
    assert_eq!(answer.text(), r#"{"id":"7"}"#, "the reload was applied");
    assert_eq!(told(&answer).2, "1", "and the count went on");
    reloaded(config.replace("rate: 3/h", "rate: 9/h")).await;
    assert_eq!(told(&look(&client, "t", "").await), (200, "9", "8", "400"), "another limit begins anew");
}

/// A response of the rate limit service, as far as it is needed.
#[derive(Clone, PartialEq, Message)]
struct RateLimitResponse {
    #[prost(int32, tag = "1")]
    overall_code: i32,
    #[prost(message, repeated, tag = "3")]
    response_headers_to_add: Vec<Header>,
    #[prost(message, repeated, tag = "4")]
    request_headers_to_add: Vec<Header>,
    #[prost(string, tag = "5")]
    raw_body: String,
}

#[derive(Clone, PartialEq, Message)]
struct Header {
    #[prost(string, tag = "1")]
    key: String,
    #[prost(string, tag = "2")]
    value: String,
}

fn header(key: &str, value: &str) -> Header {
    Header { key: key.into(), value: value.into() }
}

/// A rate limit service that gives one answer to every question, and keeps the questions.
struct Service {
    address: SocketAddr,
    answer: Arc<Mutex<RateLimitResponse>>,
    asked: Arc<Mutex<Vec<Bytes>>>,
    task: JoinHandle<()>,
}

impl Service {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("bound");
        let answer =
            Arc::new(Mutex::new(RateLimitResponse { overall_code: 1, ..RateLimitResponse::default() }));
        let asked = Arc::new(Mutex::new(Vec::new()));
        let task = tokio::spawn(serve(listener, Arc::clone(&answer), Arc::clone(&asked)));
        Self { address, answer, asked, task }
    }

    fn answers(&self, answer: RateLimitResponse) {
        *self.answer.lock().expect("not poisoned") = answer;
    }
}

async fn serve(listener: TcpListener, answer: Arc<Mutex<RateLimitResponse>>, asked: Arc<Mutex<Vec<Bytes>>>) {
    let mut connections = tokio::task::JoinSet::new();
    while let Ok((socket, _)) = listener.accept().await {
        let (answer, asked) = (Arc::clone(&answer), Arc::clone(&asked));
        connections.spawn(async move {
            let Ok(mut connection) = h2::server::handshake(socket).await else { return };
            while let Some(Ok((request, mut respond))) = connection.accept().await {
                let (answer, asked) = (Arc::clone(&answer), Arc::clone(&asked));
                tokio::spawn(async move {
                    let mut body = request.into_body();
                    let mut question = Vec::new();
                    while let Some(Ok(chunk)) = body.data().await {
                        question.extend_from_slice(&chunk);
                    }
                    asked.lock().expect("not poisoned").push(question.into());
                    let message = answer.lock().expect("not poisoned").encode_to_vec();
                    let head = Response::builder().header("content-type", "application/grpc");
                    let mut stream =
                        respond.send_response(head.body(()).expect("a head"), false).expect("sent");
                    let length = u32::try_from(message.len()).expect("short").to_be_bytes();
                    let frame = [&[0], &length[..], &message].concat();
                    stream.send_data(frame.into(), false).expect("sent");
                    let mut trailers = HeaderMap::new();
                    trailers.insert("grpc-status", HeaderValue::from_static("0"));
                    stream.send_trailers(trailers).expect("sent");
                });
            }
        });
    }
}

#[tokio::test]
async fn a_service_elsewhere_says_yes_no_or_nothing() {
    let service = Service::start().await;
    let config = format!(
        "reload: {{watch: false}}\nrate_limits:\n  external:\n    url: http://{}\n    domain: shops\n    timeout: 5s\n    \
         descriptors: [{{entries: [{{key: zone, text: eu}}, {{key: tenant, from: 'header:x-tenant'}}]}}]",
        service.address
    );
    let (gateway, backend) = shop(&config).await;
    let client = gateway.client();

    service.answers(RateLimitResponse {
        overall_code: 1,
        response_headers_to_add: vec![header("x-plan", "gold")],
        request_headers_to_add: vec![header("x-bucket", "17")],
        ..RateLimitResponse::default()
    });
    let answer = look(&client, "red", "").await;
    assert_eq!((answer.status.as_u16(), answer.header("x-plan")), (200, "gold"));
    assert_eq!(backend.calls().pop().expect("a call").metadata["x-bucket"], "17");
    let question = service.asked.lock().expect("not poisoned").pop().expect("a question");
    let expected = b"\x0a\x05shops\x12\x1b\x0a\x0a\x0a\x04zone\x12\x02eu\x0a\x0d\x0a\x06tenant\x12\x03red";
    assert_eq!(&question[5..], expected);

    service.answers(RateLimitResponse {
        overall_code: 2,
        response_headers_to_add: vec![header("retry-after", "7"), header("x-plan", "free")],
        raw_body: "slow down".into(),
        ..RateLimitResponse::default()
    });
    let answer = look(&client, "red", "").await;
    assert_eq!((answer.status.as_u16(), answer.text().as_str()), (429, "slow down"));
    assert_eq!(answer.header("content-type"), "text/plain");
    assert_eq!((answer.header("retry-after"), answer.header("x-plan")), ("7", "free"));
    counted(&gateway, "limit=\"external\",outcome=\"refused\"} 1").await;

    // It dies: calls go on, or are refused, as the config has it; that it does not answer is told once.
    service.task.abort();
    until("calls to go on without it", async || (look(&client, "red", "").await.status == 200).then_some(()))
        .await;
    assert_eq!(look(&client, "red", "").await.status, 200);
    counted(&gateway, "limit=\"external\",outcome=\"unasked_allowed\"} 2").await;
    assert_eq!(gateway.events("the rate limit service does not answer").count(), 1);
    let config = std::fs::read_to_string(gateway.file("transom.yaml")).expect("the config");
    gateway.write("transom.yaml", config.replace("domain: shops", "domain: shops\n    on_failure: deny"));
    assert_eq!(gateway.admin().send(request(Method::POST, "/reload", &[], "")).await.status, 200);
    let refused = look(&client, "red", "").await;
    assert_eq!(refused.error(), (503, "the rate limit cannot be checked at the moment".into()));
    assert_eq!(refused.json()["code"], 14);
    counted(&gateway, "limit=\"external\",outcome=\"unasked_denied\"} 1").await;
}

#[tokio::test]
async fn a_service_that_hangs_costs_a_call_its_timeout_and_no_more() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("bound");
    let config = format!(
        "rate_limits: {{external: {{url: 'http://{address}', domain: a, timeout: 60ms, \
         descriptors: [{{entries: [{{key: api, text: shop}}]}}]}}}}"
    );
    let (gateway, _backend) = shop(&config).await;
    let began = std::time::Instant::now();
    assert_eq!(gateway.get("/v1/look/7").await.status, 200);
    assert!(began.elapsed() >= Duration::from_millis(60), "it was waited for");
    assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
    counted(&gateway, "limit=\"external\",outcome=\"unasked_allowed\"} 1").await;
}
