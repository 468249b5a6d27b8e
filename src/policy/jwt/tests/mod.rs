//! Tokens signed with real keys, verified with keys from a real endpoint.

mod challenged;
mod fetching;
mod tokens;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{EncodingKey, Header, encode};
use rcgen::KeyPair;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use super::*;

const ISSUER: &str = "https://id.example.com/";
const AUDIENCE: &str = "https://api.example.com";

/// A key pair of an issuer.
struct Signer {
    id: Option<&'static str>,
    algorithm: Algorithm,
    key: EncodingKey,
}

impl Signer {
    fn new(algorithm: Algorithm, id: &'static str) -> Self {
        let made = |kind| KeyPair::generate_for(kind).expect("a key pair");
        let key = match algorithm {
            Algorithm::ES256 => {
                EncodingKey::from_ec_der(&made(&rcgen::PKCS_ECDSA_P256_SHA256).serialize_der())
            }
            Algorithm::ES384 => {
                EncodingKey::from_ec_der(&made(&rcgen::PKCS_ECDSA_P384_SHA384).serialize_der())
            }
            Algorithm::EdDSA => EncodingKey::from_ed_der(&first_version(&made(&rcgen::PKCS_ED25519))),
            _ => {
                let pem = made(&rcgen::PKCS_RSA_SHA256).serialize_pem();
                EncodingKey::from_rsa_pem(pem.as_bytes()).expect("an RSA key")
            }
        };
        Self { id: Some(id), algorithm, key }
    }

    /// The public half, as a set has it.
    fn jwk(&self) -> Value {
        let jwk = Jwk::from_encoding_key(&self.key, self.algorithm).expect("a public key");
        let mut jwk = serde_json::to_value(jwk).expect("JSON");
        if let Some(id) = self.id {
            jwk["kid"] = id.into();
        }
        jwk["use"] = "sig".into();
        jwk
    }

    /// A token that says this, and where it does not say otherwise what a good one says.
    fn token(&self, said: Value) -> String {
        let mut header = Header::new(self.algorithm);
        header.kid = self.id.map(str::to_owned);
        self.with_header(&header, said)
    }

    fn with_header(&self, header: &Header, said: Value) -> String {
        let mut claims = json!({"iss": ISSUER, "aud": AUDIENCE, "sub": "user-1", "exp": now() + 300});
        let Value::Object(said) = said else { panic!("claims are an object") };
        for (name, value) in said {
            claims[name.as_str()] = value;
        }
        if let Value::Object(claims) = &mut claims {
            claims.retain(|_, value| !value.is_null());
        }
        encode(header, &claims, &self.key).expect("a signature")
    }
}

/// A key in the first version of PKCS #8 (RFC 5958), which alone the library finds a public key of: the second one
/// without the public key behind.
fn first_version(pair: &KeyPair) -> Vec<u8> {
    let mut der = pair.serialize_der();
    assert_eq!((der.len(), &der[..5]), (83, &[0x30, 81, 2, 1, 1][..]), "the second version");
    (der[1], der[4]) = (46, 0);
    der.truncate(48);
    der
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs()
}

fn set(signers: &[&Signer]) -> Value {
    json!({"keys": signers.iter().map(|signer| signer.jwk()).collect::<Vec<_>>()})
}

fn settings(keys: Keys) -> Settings {
    Settings {
        issuer: ISSUER.to_owned(),
        audiences: Some(vec!["other".to_owned(), AUDIENCE.to_owned()]),
        keys,
        algorithms: Vec::new(),
        clock_skew: Duration::from_mins(1),
        claims: Claims {
            actor: "sub".to_owned(),
            actor_type: None,
            name: None,
            accounts: Some("accounts".to_owned()),
            permissions: Some("scope".to_owned()),
            default_type: "ACTOR_TYPE_USER".to_owned(),
            granted_accounts: Vec::new(),
            granted_permissions: Vec::new(),
        },
        place: Place::item("identity.jwt[0]"),
    }
}

fn prepare(settings: Settings, previous: Option<&Verifier>) -> Result<Verifier, String> {
    let mut problems = Problems::new();
    let verifier = Verifier::prepare(&[settings], previous, &mut problems);
    verifier.ok_or_else(|| problems.to_string())
}

/// A verifier with a set in a file.
fn with_file(keys: &Value, change: impl FnOnce(&mut Settings)) -> Verifier {
    let file = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(&file, keys.to_string()).expect("written");
    let mut settings = settings(Keys::File(file.path().to_owned()));
    change(&mut settings);
    prepare(settings, None).expect("a verifier")
}

/// What the endpoint does when it is asked.
#[derive(Clone)]
enum Answer {
    Text(StatusCode, String),
    Never,
}

impl Answer {
    fn keys(signers: &[&Signer]) -> Self {
        Self::Text(StatusCode::OK, set(signers).to_string())
    }
}

/// An endpoint over a real socket that counts how often it is asked.
struct Served {
    url: String,
    asked: Arc<AtomicUsize>,
    answer: watch::Sender<Answer>,
    _connections: JoinSet<()>,
}

impl Served {
    async fn start(answer: Answer) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let url = format!("http://{}/keys", listener.local_addr().expect("an address"));
        let asked = Arc::new(AtomicUsize::new(0));
        let (answer, answers) = watch::channel(answer);
        let mut tasks = JoinSet::new();
        tasks.spawn(Self::accept(listener, Arc::clone(&asked), answers));
        Self { url, asked, answer, _connections: tasks }
    }

    async fn accept(listener: TcpListener, asked: Arc<AtomicUsize>, answers: watch::Receiver<Answer>) {
        let mut connections = JoinSet::new();
        while let Ok((socket, _)) = listener.accept().await {
            let (asked, answers) = (Arc::clone(&asked), answers.clone());
            let service = service_fn(move |request: Request<Incoming>| {
                assert_eq!(request.uri().path(), "/keys");
                asked.fetch_add(1, Ordering::SeqCst);
                let answer = answers.borrow().clone();
                async move {
                    match answer {
                        Answer::Never => std::future::pending().await,
                        Answer::Text(status, text) => {
                            let mut response = Response::new(Full::new(Bytes::from(text)));
                            *response.status_mut() = status;
                            Ok::<_, std::convert::Infallible>(response)
                        }
                    }
                }
            });
            connections.spawn(async move {
                // A client that goes away is no failure of the endpoint.
                let _ = http1::Builder::new().serve_connection(TokioIo::new(socket), service).await;
            });
        }
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }

    fn now_answers(&self, answer: Answer) {
        self.answer.send_replace(answer);
    }

    /// A verifier that fetches here.
    fn settings(&self, change: impl FnOnce(&mut Fetching)) -> Settings {
        let roots = roots();
        let mut fetching = Fetching {
            refresh: Duration::from_mins(10),
            timeout: Duration::from_secs(5),
            cooldown: Duration::from_mins(10),
            keep: Duration::from_mins(10),
            roots: Some(roots),
        };
        change(&mut fetching);
        settings(Keys::Url { url: self.url.clone(), fetching })
    }

    fn verifier(&self, change: impl FnOnce(&mut Fetching)) -> Verifier {
        prepare(self.settings(change), None).expect("a verifier")
    }
}

/// A file of trusted certificates, so that none of the system's are needed.
fn roots() -> PathBuf {
    use std::sync::OnceLock;
    static FILE: OnceLock<tempfile::TempPath> = OnceLock::new();
    let file = FILE.get_or_init(|| {
        let made = rcgen::generate_simple_self_signed(["x".to_owned()]).expect("a certificate");
        let file = tempfile::NamedTempFile::new().expect("a file");
        std::fs::write(&file, made.cert.pem()).expect("written");
        file.into_temp_path()
    });
    file.to_path_buf()
}

/// Looks again and again until it is so; fails after ten seconds.
async fn until(what: &str, mut found: impl FnMut() -> bool) {
    let end = Instant::now() + Duration::from_secs(10);
    while !found() {
        assert!(Instant::now() < end, "still not so: {what}");
        sleep(Duration::from_millis(2)).await;
    }
}

/// What becomes of a token: who its bearer is, or why it is refused.
async fn verify(verifier: &Verifier, token: &str) -> Result<String, Refusal> {
    verifier.verify(token).await.map(|identity| identity.actor_id.to_string())
}
