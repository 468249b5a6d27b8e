//! Tokens, with keys from an endpoint that rotates, hangs and lies, or from a file.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD as URL_SAFE_NO_PAD;
use bytes::Bytes;
use futures_util::future::join_all;
use http::{Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::*;
use crate::support::{request, until};

const ISSUER: &str = "https://id.example.com/";

struct Signer {
    id: &'static str,
    key: EncodingKey,
}

impl Signer {
    fn new(id: &'static str) -> Self {
        let pair = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).expect("a key pair");
        Self { id, key: EncodingKey::from_ec_der(&pair.serialize_der()) }
    }

    fn jwk(&self) -> Value {
        let jwk = Jwk::from_encoding_key(&self.key, Algorithm::ES256).expect("a public key");
        let mut jwk = serde_json::to_value(jwk).expect("JSON");
        jwk["kid"] = self.id.into();
        jwk
    }

    /// `Bearer TOKEN` with these permissions, that expires in so many seconds.
    fn bearer(&self, permissions: &str, expires: i64) -> String {
        self.bearer_with(permissions, expires, &json!({}))
    }

    /// The same with these claims besides.
    fn bearer_with(&self, permissions: &str, expires: i64, more: &Value) -> String {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs();
        let mut claims = json!({
            "iss": ISSUER, "aud": "api", "sub": "user-1", "exp": now.cast_signed() + expires,
            "org": {"accounts": [ACCOUNT]}, "scope": permissions,
        });
        for (name, value) in more.as_object().expect("claims") {
            claims[name] = value.clone();
        }
        let mut header = Header::new(Algorithm::ES256);
        header.kid = Some(self.id.to_owned());
        format!("Bearer {}", encode(&header, &claims, &self.key).expect("a signature"))
    }
}

fn set(signers: &[&Signer]) -> String {
    json!({"keys": signers.iter().map(|signer| signer.jwk()).collect::<Vec<_>>()}).to_string()
}

/// An endpoint that answers this, or nothing, and counts.
struct Served {
    url: String,
    asked: Arc<AtomicUsize>,
    answer: watch::Sender<Option<(u16, String)>>,
    _tasks: JoinSet<()>,
}

impl Served {
    async fn start(keys: String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let url = format!("http://{}/keys?client=hunter2", listener.local_addr().expect("an address"));
        let asked = Arc::new(AtomicUsize::new(0));
        let (answer, answers) = watch::channel(Some((200, keys)));
        let mut tasks = JoinSet::new();
        let count = Arc::clone(&asked);
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((socket, _)) = listener.accept().await {
                let (count, answers) = (Arc::clone(&count), answers.clone());
                let service = service_fn(move |_: Request<Incoming>| {
                    count.fetch_add(1, Ordering::SeqCst);
                    let answer = answers.borrow().clone();
                    async move {
                        let Some((status, text)) = answer else { return std::future::pending().await };
                        let mut response = Response::new(Full::new(Bytes::from(text)));
                        *response.status_mut() = StatusCode::from_u16(status).expect("a status");
                        Ok::<_, std::convert::Infallible>(response)
                    }
                });
                connections.spawn(async move {
                    let _ = http1::Builder::new().serve_connection(TokioIo::new(socket), service).await;
                });
            }
        });
        Self { url, asked, answer, _tasks: tasks }
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

fn identity(jwks: &str, more: &str) -> String {
    format!(
        "  jwt:\n    - issuer: {ISSUER}\n      audiences: [api]\n      jwks: '{jwks}'\n      \
         claims: {{accounts: org.accounts, permissions: scope}}\n{more}"
    )
}

#[tokio::test]
async fn a_token_says_who_calls_and_what_they_may() {
    let signer = Signer::new("a");
    let served = Served::start(set(&[&signer])).await;
    let backend = backend().await;
    let gateway = gateway(&backend, &identity(&served.url, ""))
        .config("telemetry: {format: json, level: trace}")
        .start()
        .await;
    let good = signer.bearer("read:users read:clusters", 300);
    let answer = get(&gateway, CLUSTERS, Some(&good)).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let metadata = seen(&backend);
    assert_eq!(
        (text(&metadata, "qc-actor-id"), text(&metadata, "qc-actor-type")),
        ("user-1", "ACTOR_TYPE_USER")
    );
    assert_eq!(text(&metadata, "authorization"), "", "the token goes no further");

    let poor = get(&gateway, CLUSTERS, Some(&signer.bearer("read:users", 300))).await;
    assert_eq!(poor.error(), (403, "the caller lacks the permission `read:clusters`".to_owned()));
    let other = CLUSTERS.replace("00a/", "00b/");
    let elsewhere = get(&gateway, &other, Some(&good)).await;
    assert_eq!(elsewhere.status, 403, "{}", elsewhere.text());

    let expired = signer.bearer("read:clusters", -300);
    let forged = Signer::new("a").bearer("read:clusters", 300);
    for (what, bearer, why) in [
        ("expired", &*expired, "the token has expired"),
        ("forged", &forged, "the token's signature is wrong"),
        ("no token", "Bearer a.b", "the token is not a signed JWT of three parts"),
        ("nothing", "Bearer", "the token is not a signed JWT of three parts"),
    ] {
        for target in [CLUSTERS, PUBLIC] {
            let answer = get(&gateway, target, Some(bearer)).await;
            assert_eq!(answer.error(), (401, why.to_owned()), "{what}");
            let challenge =
                format!("Bearer realm=\"api\", error=\"invalid_token\", error_description=\"{why}\"");
            assert_eq!(answer.header("www-authenticate"), challenge, "{what}");
        }
    }
    let twice = [("authorization", &*good), ("authorization", &*good)];
    assert_eq!(gateway.request(Method::GET, CLUSTERS, &twice, "").await.status, 400);
    assert_eq!(get(&gateway, CLUSTERS, None).await.header("www-authenticate"), "Bearer realm=\"api\"");
    assert_eq!(get(&gateway, PUBLIC, None).await.status, 200);

    let shown = gateway.admin().send(request(Method::GET, "/config", &[], "")).await.text();
    assert!(shown.contains("jwt:"), "{shown}");
    let everything = [gateway.output().join("\n"), shown].concat();
    for secret in [&good[7..], &expired[7..], &forged[7..], "hunter2"] {
        assert!(!everything.contains(secret), "{secret} is shown");
    }
}

#[tokio::test]
async fn a_token_that_proves_nothing_is_refused_and_reaches_nobody() {
    let signer = Signer::new("a");
    let served = Served::start(set(&[&signer])).await;
    let backend = backend().await;
    let gateway = gateway(&backend, &identity(&served.url, "")).start().await;
    let good = signer.bearer("read:clusters", 300);
    let mut parts = good.strip_prefix("Bearer ").expect("a bearer").split('.');
    let (header, payload) = (parts.next().expect("a header"), parts.next().expect("a payload"));
    let headed = |header: Value, signature: &str| {
        format!("Bearer {}.{payload}.{signature}", URL_SAFE_NO_PAD.encode(header.to_string()))
    };
    let with = |more: Value| signer.bearer_with("read:clusters", 300, &more);
    let algorithm = "the token's algorithm is not accepted";
    let audience = "the token is for another audience";
    let lacks = "the token lacks a claim that is needed, or it is malformed";
    for (bearer, why) in [
        (headed(json!({"alg": "none"}), ""), algorithm),
        (headed(json!({"alg": "None", "kid": "a"}), ""), algorithm),
        (headed(json!({"alg": "none"}), "c2ln"), algorithm),
        (headed(json!({"alg": "HS256", "kid": "a"}), "c2ln"), algorithm),
        (format!("Bearer {header}.{payload}."), "the token's signature is wrong"),
        (format!("Bearer {header}.{payload}"), "the token is not a signed JWT of three parts"),
        (with(json!({"aud": "other"})), audience),
        (with(json!({"aud": ["other", "api2"]})), audience),
        (with(json!({"aud": null})), audience),
        (with(json!({"iss": "https://evil.example.com/"})), "the token's issuer is not trusted"),
        (with(json!({"exp": 1})), "the token has expired"),
        (with(json!({"exp": null})), lacks),
        (with(json!({"nbf": 32_503_680_000_u64})), "the token is not valid yet"),
    ] {
        for target in [CLUSTERS, PUBLIC] {
            let answer = get(&gateway, target, Some(&bearer)).await;
            assert_eq!(answer.error(), (401, why.to_owned()), "{bearer}");
            let challenge =
                format!("Bearer realm=\"api\", error=\"invalid_token\", error_description=\"{why}\"");
            assert_eq!(answer.header("www-authenticate"), challenge, "{bearer}");
        }
    }
    assert!(backend.calls().is_empty(), "the backend was called");
    // What is refused above is so for what it says: the same token as it was made is taken.
    assert_eq!(get(&gateway, CLUSTERS, Some(&good)).await.status, 200);
    // A token for no account in particular is for none.
    let nowhere = with(json!({"org": {"accounts": [""]}}));
    assert_eq!(get(&gateway, CLUSTERS, Some(&nowhere)).await.status, 403);
}

#[tokio::test]
async fn keys_that_rotate_cost_one_fetch_for_all_who_come() {
    let (old, new) = (Signer::new("old"), Signer::new("new"));
    let served = Served::start(set(&[&old])).await;
    let backend = backend().await;
    let gateway = gateway(&backend, &identity(&served.url, "")).start().await;
    assert_eq!(get(&gateway, CLUSTERS, Some(&old.bearer("read:clusters", 300))).await.status, 200);
    assert_eq!(served.asked(), 1);
    served.answer.send_replace(Some((200, set(&[&old, &new]))));
    let bearer = new.bearer("read:clusters", 300);
    let answers = join_all((0..100).map(|_| get(&gateway, CLUSTERS, Some(&bearer)))).await;
    for answer in answers {
        assert_eq!(answer.status, 200, "{}", answer.text());
    }
    assert_eq!(served.asked(), 2);
}

#[tokio::test]
async fn an_endpoint_that_hangs_or_lies_stalls_no_call() {
    let signer = Signer::new("a");
    let served = Served::start(set(&[&signer])).await;
    let backend = backend().await;
    let often = "      refresh: 50ms\n      timeout: 500ms\n";
    let gateway = gateway(&backend, &identity(&served.url, often)).start().await;
    let bearer = signer.bearer("read:clusters", 300);
    assert_eq!(get(&gateway, CLUSTERS, Some(&bearer)).await.status, 200);
    for answer in [None, Some((200, "<html>".to_owned())), Some((500, String::new()))] {
        served.answer.send_replace(answer.clone());
        let asked = served.asked();
        until("a fetch", async || (served.asked() > asked).then_some(())).await;
        let started = Instant::now();
        assert_eq!(get(&gateway, CLUSTERS, Some(&bearer)).await.status, 200, "{answer:?}");
        assert!(started.elapsed().as_secs() < 5, "{:?}", started.elapsed());
    }
    let told = async || gateway.events("the keys of an issuer cannot be fetched").next();
    assert_eq!(until("the log", told).await["fields"]["issuer"], ISSUER);
    let metrics = gateway.admin().send(request(Method::GET, "/metrics", &[], "")).await.text();
    let failed = format!("transom_jwks_fetches_total{{issuer=\"{ISSUER}\",outcome=\"failed\"}}");
    let line = metrics.lines().find_map(|line| line.strip_prefix(&*failed));
    let count = line.unwrap_or_else(|| panic!("{failed} is not in\n{metrics}"));
    assert!(count.trim().parse::<u32>().expect("a count") > 0, "{count}");
}

#[tokio::test]
async fn a_file_of_keys_is_read_again_when_it_changes() {
    let (first, second) = (Signer::new("1"), Signer::new("2"));
    let backend = backend().await;
    let gateway =
        gateway(&backend, &identity("keys.json", "")).file("keys.json", set(&[&first])).start().await;
    let status = async |signer: &Signer| {
        get(&gateway, CLUSTERS, Some(&signer.bearer("read:clusters", 300))).await.status.as_u16()
    };
    assert_eq!((status(&first).await, status(&second).await), (200, 401));
    gateway.write("keys.json", set(&[&second]));
    until("the second key", async || (status(&second).await == 200).then_some(())).await;
    assert_eq!(status(&first).await, 401);
    // A file that is broken changes nothing.
    gateway.write("keys.json", "<html>");
    until("the refusal", async || gateway.output().into_iter().find(|line| line.contains("not a key set")))
        .await;
    assert_eq!(status(&second).await, 200);
}

#[tokio::test]
async fn a_reload_keeps_the_keys_that_were_fetched() {
    let signer = Signer::new("a");
    let served = Served::start(set(&[&signer])).await;
    let backend = backend().await;
    let gateway = gateway(&backend, &identity(&served.url, "")).start().await;
    let bearer = signer.bearer("read:clusters", 300);
    assert_eq!(get(&gateway, CLUSTERS, Some(&bearer)).await.status, 200);
    served.answer.send_replace(None);
    let reloaded = gateway.admin().send(request(Method::POST, "/reload", &[], "")).await;
    assert_eq!(reloaded.status, 200, "{}", reloaded.text());
    assert_eq!(get(&gateway, CLUSTERS, Some(&bearer)).await.status, 200);
    assert_eq!(served.asked(), 1);
}
