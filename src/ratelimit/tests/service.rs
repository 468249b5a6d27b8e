//! A rate limit service over real sockets: one that answers, refuses, fails, lies, hangs, is not there.

use std::future::Future;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use h2::server::{SendResponse, handshake};
use http::Response as Head;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::super::rls::{
    Code as Answered, DescriptorStatus, HeaderValue, RateLimit, Request, Response, Unit,
};
use super::*;
use crate::upstream;
use crate::wire::frame;

/// What a service does with a question.
#[derive(Clone)]
enum Script {
    Answer(Response),
    Bytes(&'static [u8]),
    Fail(&'static str),
    Hang,
}

/// A rate limit service on a free port, and what it was asked.
struct Service {
    address: SocketAddr,
    script: Arc<Mutex<Script>>,
    asked: Arc<Mutex<Vec<Request>>>,
    /// How many connections were opened.
    connections: Arc<AtomicUsize>,
    task: JoinHandle<()>,
}

impl Drop for Service {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Service {
    async fn start(script: Script) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        Self::on(listener, script)
    }

    fn on(listener: TcpListener, script: Script) -> Self {
        let address = listener.local_addr().expect("bound");
        let (script, asked) = (Arc::new(Mutex::new(script)), Arc::default());
        let (does, seen) = (Arc::clone(&script), Arc::clone(&asked));
        let connections = Arc::new(AtomicUsize::new(0));
        let opened = Arc::clone(&connections);
        let task = tokio::spawn(async move {
            let mut connections = tokio::task::JoinSet::new();
            while let Ok((socket, _)) = listener.accept().await {
                opened.fetch_add(1, Ordering::SeqCst);
                let (does, seen) = (Arc::clone(&does), Arc::clone(&seen));
                connections.spawn(async move {
                    let Ok(mut connection) = handshake(socket).await else { return };
                    while let Some(Ok((request, respond))) = connection.accept().await {
                        tokio::spawn(answer(request, respond, Arc::clone(&does), Arc::clone(&seen)));
                    }
                });
            }
        });
        Self { address, script, asked, connections, task }
    }

    fn does(&self, script: Script) {
        *self.script.lock().expect("not poisoned") = script;
    }

    fn asked(&self) -> Vec<Request> {
        self.asked.lock().expect("not poisoned").clone()
    }
}

async fn answer(
    request: http::Request<h2::RecvStream>,
    mut respond: SendResponse<Bytes>,
    script: Arc<Mutex<Script>>,
    asked: Arc<Mutex<Vec<Request>>>,
) {
    assert_eq!(request.uri().path(), "/envoy.service.ratelimit.v3.RateLimitService/ShouldRateLimit");
    let mut body = request.into_body();
    let mut bytes = Vec::new();
    while let Some(Ok(chunk)) = body.data().await {
        bytes.extend_from_slice(&chunk);
    }
    asked.lock().expect("not poisoned").push(Request::decode(&bytes[frame::PREFIX..]).expect("a question"));
    let script = script.lock().expect("not poisoned").clone();
    let head = Head::builder().header("content-type", "application/grpc");
    let message = match script {
        Script::Hang => return std::future::pending().await,
        Script::Fail(code) => {
            let head = head.header("grpc-status", code).header("grpc-message", "secret inside");
            let _ = respond.send_response(head.body(()).expect("a head"), true);
            return;
        }
        Script::Answer(response) => response.encode_to_vec(),
        Script::Bytes(bytes) => bytes.to_vec(),
    };
    let Ok(mut stream) = respond.send_response(head.body(()).expect("a head"), false) else { return };
    let _ = stream.send_data([&frame::prefix(message.len())[..], &message].concat().into(), false);
    let mut trailers = HeaderMap::new();
    trailers.insert("grpc-status", http::HeaderValue::from_static("0"));
    let _ = stream.send_trailers(trailers);
}

fn descriptor(entries: &[(&str, &str)]) -> DescriptorSettings {
    let entries = entries.iter().map(|(key, value)| {
        let source = value.strip_prefix('$').map(|source| Value::From(source.parse().expect("a source")));
        ((*key).to_owned(), source.unwrap_or_else(|| Value::Text((*value).to_owned())))
    });
    DescriptorSettings { methods: Vec::new(), entries: entries.collect(), place: Place::item("a descriptor") }
}

fn settings(address: SocketAddr, on_failure: OnFailure, descriptors: &[DescriptorSettings]) -> Settings {
    let upstream = upstream::Settings {
        name: "rate-limits".to_owned(),
        url: format!("http://{address}"),
        tls: upstream::TlsSettings::default(),
        deadlines: upstream::Deadlines::default(),
        connect_timeout: Duration::from_secs(5),
        connections: 1,
        keepalive: None,
        max_request_message: 65_536,
        max_response_message: 65_536,
        stream_window: 256 << 10,
        place: Place::item("rate_limits.external"),
    };
    Settings {
        local: Vec::new(),
        external: Some(ServiceSettings {
            upstream,
            domain: "gateway".to_owned(),
            timeout: Duration::from_secs(5),
            on_failure,
            descriptors: descriptors.to_vec(),
            addressing: Addressing::default(),
        }),
    }
}

fn limits(settings: &Settings, previous: Option<&RateLimits>) -> RateLimits {
    let mut problems = Problems::new();
    let limits = RateLimits::prepare(settings, previous, &mut problems);
    limits.unwrap_or_else(|| panic!("{problems}"))
}

/// Asks about a call of `ann`, for tenant `red`.
async fn ask(limits: &RateLimits, applied: &mut Applied) -> Result<(), Status> {
    let mut headers = HeaderMap::new();
    headers.insert("x-tenant", http::HeaderValue::from_static("red"));
    let call = Call {
        rpc: "a.B/C",
        identity: Some("ann"),
        account: None,
        peer: Some("2001:db8::7".parse().expect("an address")),
        headers: &headers,
    };
    soon(limits.of_method(call.rpc).check(&call, applied)).await
}

async fn soon<T>(what: impl Future<Output = T>) -> T {
    timeout(Duration::from_secs(10), what).await.expect("within ten seconds")
}

fn header(key: &str, value: &str) -> HeaderValue {
    HeaderValue { key: key.to_owned(), value: value.to_owned(), raw_value: Bytes::new() }
}

fn status(code: Answered, limit: u32, remaining: u32, seconds: i64) -> DescriptorStatus {
    DescriptorStatus {
        code: code.into(),
        current_limit: Some(RateLimit {
            requests_per_unit: limit,
            unit: Unit::Minute.into(),
            name: "per-user".into(),
        }),
        limit_remaining: remaining,
        duration_until_reset: Some(prost_types::Duration { seconds, nanos: 0 }),
    }
}

fn response(code: Answered, statuses: Vec<DescriptorStatus>) -> Response {
    Response { overall_code: code.into(), statuses, ..Response::default() }
}

#[tokio::test]
async fn the_service_is_told_what_is_configured_in_order() {
    let service = Service::start(Script::Answer(response(Answered::Ok, Vec::new()))).await;
    let descriptors = [
        descriptor(&[("zone", "eu"), ("user", "$identity"), ("api", "$method")]),
        descriptor(&[("remote_address", "$address")]),
        descriptor(&[("tenant", "$header:x-tenant")]),
        // Left out: the call has no account, and not this header.
        descriptor(&[("user", "$identity"), ("account", "$account")]),
        descriptor(&[("plan", "$header:x-plan")]),
        DescriptorSettings { methods: vec!["other.*".into()], ..descriptor(&[("a", "b")]) },
    ];
    let limits = limits(&settings(service.address, OnFailure::Deny, &descriptors), None);
    ask(&limits, &mut Applied::default()).await.expect("let through");
    let asked = service.asked();
    assert_eq!(asked.len(), 1);
    assert_eq!(asked[0].domain, "gateway");
    let told = asked[0].descriptors.iter().map(|one| {
        let entries = one.entries.iter().map(|entry| format!("{}={}", entry.key, entry.value));
        entries.collect::<Vec<_>>().join(" ")
    });
    assert_eq!(
        told.collect::<Vec<_>>(),
        ["zone=eu user=ann api=a.B/C", "remote_address=2001:db8::/64", "tenant=red"]
    );
}

#[tokio::test]
async fn a_call_without_a_descriptor_is_not_asked_about() {
    let service = Service::start(Script::Fail("13")).await;
    let descriptors = [descriptor(&[("account", "$account")])];
    let limits = limits(&settings(service.address, OnFailure::Deny, &descriptors), None);
    ask(&limits, &mut Applied::default()).await.expect("nothing to ask");
    assert!(service.asked().is_empty());
}

#[tokio::test]
async fn a_yes_brings_headers_for_both_sides() {
    let mut yes = response(
        Answered::Ok,
        vec![status(Answered::Ok, 100, 40, 30), status(Answered::Ok, 50, 7, 20), DescriptorStatus::default()],
    );
    yes.response_headers_to_add = vec![
        header("x-plan", "gold"),
        header("grpc-status", "0"),
        header("Content-Length", "7"),
        header("no good", "x"),
        HeaderValue { raw_value: Bytes::from_static(b"raw"), ..header("x-raw", "") },
    ];
    yes.request_headers_to_add = vec![header("x-bucket", "7"), header("te", "gzip")];
    let service = Service::start(Script::Answer(yes)).await;
    let limits = limits(&settings(service.address, OnFailure::Deny, &[descriptor(&[("a", "b")])]), None);
    let mut applied = Applied::default();
    ask(&limits, &mut applied).await.expect("let through");
    let mut headers = HeaderMap::new();
    applied.write(&mut headers);
    let mut told: Vec<_> =
        headers.iter().map(|(name, value)| format!("{name}: {}", value.to_str().expect("text"))).collect();
    told.sort();
    let expected = [
        "ratelimit-limit: 50",
        "ratelimit-remaining: 7",
        "ratelimit-reset: 20",
        "x-plan: gold",
        "x-raw: raw",
    ];
    assert_eq!(told, expected);
    assert_eq!(applied.request.len(), 1);
    assert_eq!(applied.request["x-bucket"], "7");
    assert_eq!(applied.outcome, None);
}

#[tokio::test]
async fn a_no_is_a_429_with_their_headers_and_body() {
    let mut no = response(
        Answered::OverLimit,
        vec![status(Answered::Ok, 100, 3, 30), status(Answered::OverLimit, 10, 0, 12)],
    );
    no.response_headers_to_add = vec![header("x-plan", "free")];
    let service = Service::start(Script::Answer(no.clone())).await;
    let descriptors = [descriptor(&[("a", "b")]), descriptor(&[("user", "$identity")])];
    let limits = limits(&settings(service.address, OnFailure::Allow, &descriptors), None);
    let mut applied = Applied::default();
    let refused = ask(&limits, &mut applied).await.expect_err("over the limit");
    assert_eq!((refused.code, refused.http_status().as_u16()), (Code::ResourceExhausted, 429));
    assert_eq!(refused.headers.as_ref().expect("headers")["retry-after"], "12");
    assert_eq!(applied.outcome, Some(Outcome::RefusedOutside));
    assert_eq!(applied.standing.expect("told").limit, 10);
    assert_eq!(applied.answer["x-plan"], "free");
    let quota = pb::QuotaFailure::decode(&refused.details[1].value[..]).expect("QuotaFailure");
    assert_eq!(quota.violations.len(), 1);
    assert_eq!(quota.violations[0].subject, "per-user");
    assert_eq!(quota.violations[0].description, "no more than 10 a minute");
    assert_eq!(refused.body, None);

    // A body and a Retry-After of theirs win.
    no.raw_body = Bytes::from_static(b"<p>slow down</p>");
    no.response_headers_to_add = vec![header("Content-Type", "text/html"), header("Retry-After", "99")];
    service.does(Script::Answer(no));
    let mut applied = Applied::default();
    let refused = ask(&limits, &mut applied).await.expect_err("over the limit");
    let body = refused.body.expect("a body");
    assert_eq!(
        (body.content_type.to_str().expect("text"), &body.bytes[..]),
        ("text/html", &b"<p>slow down</p>"[..])
    );
    let mut headers = HeaderMap::new();
    applied.write(&mut headers);
    assert!(refused.headers.is_none());
    assert_eq!(headers["retry-after"], "99");
}

#[tokio::test]
async fn a_no_without_particulars_is_a_429_all_the_same() {
    let service = Service::start(Script::Answer(response(Answered::OverLimit, Vec::new()))).await;
    let limits = limits(&settings(service.address, OnFailure::Allow, &[descriptor(&[("a", "b")])]), None);
    let mut applied = Applied::default();
    let refused = ask(&limits, &mut applied).await.expect_err("over the limit");
    assert_eq!((refused.http_status().as_u16(), refused.details.len()), (429, 0));
    assert!(refused.headers.is_none() && applied.standing.is_none());
}

/// Asks a service that fails, under both rules.
async fn fails(service: &Service, wait: Duration) {
    for on_failure in [OnFailure::Allow, OnFailure::Deny] {
        let mut settings = settings(service.address, on_failure, &[descriptor(&[("a", "b")])]);
        settings.external.as_mut().expect("a service").timeout = wait;
        let limits = limits(&settings, None);
        let mut applied = Applied::default();
        let outcome = ask(&limits, &mut applied).await;
        match on_failure {
            OnFailure::Allow => {
                outcome.expect("let through");
                assert_eq!(applied.outcome, Some(Outcome::UnaskedAllowed));
            }
            OnFailure::Deny => {
                let refused = outcome.expect_err("refused");
                assert_eq!((refused.code, refused.http_status().as_u16()), (Code::Unavailable, 503));
                assert_eq!(refused.message, "the rate limit cannot be checked at the moment");
                assert_eq!(applied.outcome, Some(Outcome::UnaskedDenied));
            }
        }
    }
}

#[tokio::test]
async fn no_answer_is_judged_by_the_config() {
    const LONG: Duration = Duration::from_secs(5);
    let service = Service::start(Script::Fail("13")).await;
    fails(&service, LONG).await;
    service.does(Script::Bytes(b"\xff\xff"));
    fails(&service, LONG).await;
    service.does(Script::Answer(response(Answered::Unknown, Vec::new())));
    fails(&service, LONG).await;
    service.does(Script::Hang);
    fails(&service, Duration::from_millis(50)).await;
}

#[tokio::test]
async fn a_service_that_is_not_there_is_no_answer_and_one_that_comes_back_is_asked() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("bound");
    drop(listener);
    let limits = limits(&settings(address, OnFailure::Deny, &[descriptor(&[("a", "b")])]), None);
    let refused = ask(&limits, &mut Applied::default()).await.expect_err("nobody there");
    assert_eq!(refused.code, Code::Unavailable);
    let listener = TcpListener::bind(address).await.expect("the same port");
    let service = Service::on(listener, Script::Answer(response(Answered::Ok, Vec::new())));
    let end = tokio::time::Instant::now() + Duration::from_secs(10);
    while ask(&limits, &mut Applied::default()).await.is_err() {
        assert!(tokio::time::Instant::now() < end, "still not asked");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    assert!(!service.asked().is_empty());
}

#[tokio::test]
async fn a_local_refusal_asks_nobody() {
    let service = Service::start(Script::Answer(response(Answered::Ok, Vec::new()))).await;
    let mut settings = settings(service.address, OnFailure::Deny, &[descriptor(&[("a", "b")])]);
    settings.local = vec![limit("one", &["identity"], "1/h", 1)];
    let limits = limits(&settings, None);
    ask(&limits, &mut Applied::default()).await.expect("the first");
    ask(&limits, &mut Applied::default()).await.expect_err("the second");
    assert_eq!(service.asked().len(), 1);
}

#[tokio::test]
async fn a_reload_keeps_the_connection_unless_it_goes_elsewhere() {
    let service = Service::start(Script::Answer(response(Answered::Ok, Vec::new()))).await;
    let before = settings(service.address, OnFailure::Deny, &[descriptor(&[("a", "b")])]);
    let first = limits(&before, None);
    ask(&first, &mut Applied::default()).await.expect("asked");
    let mut after = settings(service.address, OnFailure::Allow, &[descriptor(&[("a", "c")])]);
    let second = limits(&after, Some(&first));
    drop(first);
    ask(&second, &mut Applied::default()).await.expect("asked");
    assert_eq!(service.connections.load(Ordering::SeqCst), 1);
    assert_eq!(service.asked()[1].descriptors[0].entries[0].value, "c", "what is asked follows the reload");
    after.external.as_mut().expect("a service").upstream.connect_timeout = Duration::from_secs(4);
    let third = limits(&after, Some(&second));
    ask(&third, &mut Applied::default()).await.expect("asked");
    assert_eq!(service.connections.load(Ordering::SeqCst), 2);
}
