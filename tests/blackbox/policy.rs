//! Who may call what: the model API's whole permission table over real sockets, bad credentials, what the backend
//! is told, and client certificates.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use http::{Method, StatusCode};
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedKey, DistinguishedName, DnType, ExtendedKeyUsagePurpose,
    IsCa, Issuer, KeyPair, SanType, generate_simple_self_signed,
};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};
use transom::demo::{Backend, Options, SeenCall};
use transom::policy::{KeyHash, new_key};

use crate::support::{Answer, Gateway, GatewayBuilder, Session, http1, model_pool, request, until};

const ACCOUNT: &str = "00000000-0000-4000-8000-00000000000a";
const OTHER: &str = "00000000-0000-4000-8000-00000000000b";
/// What every other variable is filled with: a text and a number.
const ANYTHING: &str = "7";
const KINDS: [&str; 3] = ["ACTOR_TYPE_USER", "ACTOR_TYPE_MANAGEMENT_KEY", "ACTOR_TYPE_SERVICE_ACCOUNT"];

/// A backend that remembers its last call.
async fn backend() -> Backend {
    let options = Options { remembered_calls: 1, ..Options::default() };
    Backend::start_with(model_pool(), ([127, 0, 0, 1], 0).into(), options).await.expect("started")
}

/// A gateway of the model API with its options read, and this `identity` section.
fn gateway(backend: &Backend, identity: &str) -> GatewayBuilder {
    let gateway = GatewayBuilder::new().model_api().upstream(backend.address());
    gateway.config("options: {preset: qdrant-cloud}").config(&format!("identity:\n{identity}"))
}

/// An entry for a file of keys; the key's own text is its actor's id.
fn entry(
    key: &str,
    kind: &str,
    account: &str,
    permissions: impl IntoIterator<Item = impl Into<Value>>,
) -> Value {
    let permissions: Vec<Value> = permissions.into_iter().map(Into::into).collect();
    json!({
        "hash": KeyHash::of(key).to_string(), "actor_id": key, "actor_type": kind, "accounts": [account],
        "permissions": permissions,
    })
}

fn last(backend: &Backend) -> Option<SeenCall> {
    backend.calls().pop()
}

fn text<'c>(call: &'c SeenCall, name: &str) -> &'c str {
    call.metadata.get(name).map_or("", |value| value.to_str().expect("text"))
}

// The table

/// A method as the table of facts has it.
struct Rule {
    rpc: String,
    verb: Method,
    path: String,
    public: bool,
    permissions: Vec<String>,
    all: bool,
    kinds: Vec<String>,
    /// Whether the method is about an account.
    account: bool,
}

/// What must become of a call.
enum Verdict {
    /// It reaches the backend, in the name of the key's owner.
    Let,
    /// It does not; the answer's message has these words.
    Refused(u16, Vec<String>),
}

fn rules() -> Vec<Rule> {
    let facts: Value = serde_json::from_str(include_str!("../facts/qdrant-cloud-api.json")).expect("JSON");
    let mut rules = Vec::new();
    for (service, about) in facts["services"].as_object().expect("services") {
        for (method, about) in about["methods"].as_object().expect("methods") {
            let texts = |key: &str| -> Vec<String> {
                let listed = about[key].as_array().into_iter().flatten();
                listed.filter_map(Value::as_str).filter(|text| !text.is_empty()).map(str::to_owned).collect()
            };
            let public = about["requires_authentication"] == json!(false);
            let expression = about["account_id_expression"].as_str().unwrap_or("account_id");
            let account = !public && !expression.is_empty();
            rules.push(Rule {
                rpc: format!("/{service}/{method}"),
                verb: about["http"]["verb"].as_str().expect("a verb").parse().expect("a verb"),
                path: filled(about["http"]["path"].as_str().expect("a path"), account.then_some(expression)),
                public,
                permissions: texts("permissions"),
                all: about["requires_all_permissions"] == json!(true),
                kinds: texts("supported_actor_types"),
                account,
            });
        }
    }
    rules
}

/// A path with every variable filled, that of the account with the account.
fn filled(path: &str, account: Option<&str>) -> String {
    let mut parts = path.split(['{', '}']);
    let mut filled = parts.next().unwrap_or_default().to_owned();
    let mut found = false;
    while let (Some(variable), Some(rest)) = (parts.next(), parts.next()) {
        let is_account = account == Some(variable);
        found |= is_account;
        filled += if is_account { ACCOUNT } else { ANYTHING };
        filled += rest;
    }
    assert_eq!(found, account.is_some(), "{path} holds the account {account:?}");
    filled
}

/// Every key that a rule is tried with, and what must come of it. Keys are made on the way.
fn cases(
    rule: &Rule,
    every: &BTreeSet<String>,
    keys: &mut BTreeMap<String, Value>,
) -> Vec<(Option<String>, Verdict)> {
    let fit = rule.kinds.first().map_or(KINDS[1], String::as_str).to_owned();
    let mut key = |name: String, kind: &str, account: &str, without: &dyn Fn(&String) -> bool| {
        let made = || entry(&name, kind, account, every.iter().filter(|one| !without(one)).cloned());
        keys.entry(name.clone()).or_insert_with(made);
        Some(name)
    };
    let refused = |code, words: &[&str]| {
        if rule.public {
            return Verdict::Let;
        }
        Verdict::Refused(code, words.iter().map(|word| format!("`{word}`")).collect())
    };
    let missing =
        if rule.public { Verdict::Let } else { Verdict::Refused(401, vec!["needs a credential".to_owned()]) };
    let mut cases = vec![
        (None, missing),
        (Some("unknown".to_owned()), Verdict::Refused(401, vec!["the key is not known".to_owned()])),
    ];
    for kind in KINDS {
        let fits = rule.kinds.is_empty() || rule.kinds.iter().any(|one| one == kind);
        let verdict = if fits { Verdict::Let } else { refused(403, &[kind, &fit]) };
        cases.push((key(format!("all-{kind}"), kind, ACCOUNT, &|_| false), verdict));
    }
    let away = if rule.account { refused(403, &[ACCOUNT]) } else { Verdict::Let };
    cases.push((key(format!("away-{fit}"), &fit, OTHER, &|_| false), away));
    for lost in &rule.permissions {
        let needed = rule.all || rule.permissions.len() == 1;
        let verdict = if needed { refused(403, &[lost]) } else { Verdict::Let };
        cases.push((key(format!("but-{lost}-{fit}"), &fit, ACCOUNT, &|one| one == lost), verdict));
    }
    if !rule.permissions.is_empty() {
        let words: Vec<&str> = rule.permissions.iter().map(String::as_str).collect();
        let name = format!("but-{}-{fit}", rule.permissions.join("-"));
        let key = key(name, &fit, ACCOUNT, &|one| rule.permissions.contains(one));
        cases.push((key, refused(403, &words)));
    }
    cases
}

#[tokio::test]
async fn the_whole_permission_table_holds_method_by_method() {
    let rules = rules();
    assert_eq!(rules.len(), 152);
    assert_eq!(rules.iter().filter(|rule| rule.public).count(), 7);
    let every: BTreeSet<_> = rules.iter().flat_map(|rule| rule.permissions.clone()).collect();
    let mut keys = BTreeMap::new();
    let table: Vec<_> = rules.iter().map(|rule| (rule, cases(rule, &every, &mut keys))).collect();
    let file = json!({ "keys": keys.into_values().collect::<Vec<_>>() });

    let backend = backend().await;
    let gateway =
        gateway(&backend, "  key_files: [keys.json]").file("keys.json", file.to_string()).start().await;
    let mut session = Session::http2(gateway.address()).await;
    let (mut faults, mut tried) = (Vec::new(), 0);
    for (rule, cases) in table {
        for (key, verdict) in cases {
            let credential = key.as_deref().map(|key| format!("apikey {key}"));
            let headers: Vec<_> = credential.iter().map(|text| ("authorization", text.as_str())).collect();
            let sent = request(rule.verb.clone(), &rule.path, &headers, "{}");
            let answer = session.send(sent).await.expect("an answer");
            tried += 1;
            if let Some(fault) = fault(rule, key.as_deref(), &verdict, &answer, last(&backend)) {
                faults.push(format!("{} with {key:?}: {fault}", rule.rpc));
            }
        }
    }
    assert!(faults.is_empty(), "{} of {tried}:\n{}", faults.len(), faults.join("\n"));
    assert!(tried > 152 * 6, "{tried} calls");
}

/// What is not as it must be.
fn fault(
    rule: &Rule,
    key: Option<&str>,
    verdict: &Verdict,
    answer: &Answer,
    seen: Option<SeenCall>,
) -> Option<String> {
    let name = key.unwrap_or_default();
    let reached = seen.is_some_and(|call| call.path == rule.rpc && text(&call, "qc-actor-id") == name);
    let told = || format!("{} {}", answer.status, answer.text());
    match verdict {
        Verdict::Let if [401, 403].contains(&answer.status.as_u16()) => Some(format!("refused: {}", told())),
        Verdict::Let if !reached => Some(format!("the backend saw nothing: {}", told())),
        Verdict::Refused(code, _) if answer.status.as_u16() != *code => {
            Some(format!("not {code}: {}", told()))
        }
        Verdict::Refused(..) if reached && key.is_some() => Some("the backend was called".to_owned()),
        Verdict::Refused(_, words) if words.iter().any(|word| !answer.text().contains(word)) => {
            Some(format!("{words:?} are not named: {}", told()))
        }
        Verdict::Refused(401, _) if !answer.headers.contains_key("www-authenticate") => {
            Some("no challenge".to_owned())
        }
        _ => None,
    }
}

// Credentials

/// A method that needs a permission, and one that is public.
const CLUSTERS: &str = "/api/cluster/v1/accounts/00000000-0000-4000-8000-00000000000a/clusters";
const PUBLIC: &str = "/api/booking/v1/packages";

fn good_and_stale(good: &str) -> String {
    let mut stale = entry("stale", KINDS[1], "*", ["*"]);
    stale["expires"] = json!("2020-01-01T00:00:00Z");
    json!({ "keys": [entry(good, KINDS[1], "*", ["*"]), stale] }).to_string()
}

async fn one_key(good: &str, more: &str) -> (Gateway, Backend) {
    let backend = backend().await;
    let identity = format!("  key_files: [keys.json]\n  key_headers: [X-Api-Key]\n{more}");
    let gateway = gateway(&backend, &identity).file("keys.json", good_and_stale(good)).start().await;
    (gateway, backend)
}

#[tokio::test]
async fn bad_credentials_are_refused_on_public_methods_too() {
    let good = new_key();
    let (gateway, backend) = one_key(&good, "").await;
    let good = format!("apikey {good}");
    let stale = ("authorization", "apikey stale");
    for (headers, code) in [
        (&[("authorization", good.as_str())][..], 200),
        (&[("authorization", good.as_str()), ("authorization", good.as_str())], 400),
        (&[("authorization", good.as_str()), ("x-api-key", "stale")], 400),
        (&[("x-api-key", &good[7..])], 200),
        (&[stale], 401),
        (&[("authorization", "apikey unknown")], 401),
        (&[("authorization", "apikey")], 401),
        (&[("authorization", "apikey two words")], 401),
        (&[("authorization", "")], 401),
    ] {
        for target in [CLUSTERS, PUBLIC] {
            let answer = gateway.request(Method::GET, target, headers, "").await;
            assert_eq!(answer.status, code, "{headers:?} {target}: {}", answer.text());
            let expected = if code == 401 { "apikey realm=\"api\"" } else { "" };
            assert_eq!(answer.header("www-authenticate"), expected, "{headers:?}");
            assert!(
                !answer.text().contains("stale") && !answer.text().contains("unknown"),
                "{}",
                answer.text()
            );
        }
    }
    // None, or one of another kind, is for public methods only.
    for headers in [&[][..], &[("authorization", "Basic YTpi")]] {
        for (target, code) in [(CLUSTERS, 401), (PUBLIC, 200)] {
            let answer = gateway.request(Method::GET, target, headers, "").await;
            assert_eq!(answer.status, code, "{headers:?} {target}: {}", answer.text());
        }
    }
    let seen = last(&backend).expect("a call");
    assert_eq!(
        (text(&seen, "qc-actor-id"), text(&seen, "authorization")),
        ("", ""),
        "nobody, and no credential"
    );
}

#[tokio::test]
async fn the_backend_hears_of_the_caller_from_the_gateway_alone() {
    let (gateway, backend) = one_key("good", "metadata:\n  forward_request: [qc-actor-id]\n").await;
    let headers = [
        ("authorization", "apikey good"),
        ("user-agent", "robot/1"),
        ("qc-actor-id", "root"),
        ("grpc-metadata-qc-actor-id", "root"),
        ("grpc-metadata-qc-actor-type", "ACTOR_TYPE_USER"),
        ("grpc-metadata-qc-user-agent", "forged"),
        ("grpc-metadata-authorization", "apikey other"),
        ("Grpc-Metadata-Qc_Actor_Id", "root"),
        ("Grpc-Metadata-Qc-Actor_Type", "ACTOR_TYPE_USER"),
        ("Grpc-Metadata-Grpcgateway_Authorization", "apikey other"),
    ];
    assert_eq!(gateway.request(Method::GET, CLUSTERS, &headers, "").await.status, 200);
    let seen = last(&backend).expect("a call");
    for (name, expected) in [
        ("qc-actor-id", "good"),
        ("qc-actor-type", "ACTOR_TYPE_MANAGEMENT_KEY"),
        ("qc-user-agent", "robot/1"),
    ] {
        let values: Vec<_> = seen.metadata.get_all(name).iter().collect();
        assert_eq!(values, [expected], "{name}");
    }
    assert_eq!((text(&seen, "authorization"), text(&seen, "grpcgateway-authorization")), ("", ""));
    let folded: Vec<_> = seen.metadata.keys().filter(|name| name.as_str().contains('_')).collect();
    assert!(folded.is_empty(), "{folded:?}");
    assert_eq!(gateway.request(Method::GET, PUBLIC, &headers[2..], "").await.status, 200);
    let seen = last(&backend).expect("a call");
    assert_eq!((text(&seen, "qc-actor-id"), text(&seen, "qc-actor-type")), ("", ""), "nobody is nobody");
}

#[tokio::test]
async fn the_credential_is_forwarded_or_replaced_where_that_is_configured() {
    for (credential, expected) in
        [("forward", "apikey good"), ("{replace: Bearer internal}", "Bearer internal")]
    {
        let (gateway, backend) = one_key("good", &format!("  credential: {credential}")).await;
        let answer = gateway.request(Method::GET, CLUSTERS, &[("authorization", "apikey good")], "").await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        let seen = last(&backend).expect("a call");
        for name in ["authorization", "grpcgateway-authorization"] {
            assert_eq!(text(&seen, name), expected, "{name}");
        }
    }
}

#[tokio::test]
async fn the_credential_that_is_forwarded_is_the_one_that_was_judged() {
    let (gateway, backend) = one_key("good", "  credential: forward").await;
    let smuggled = [("grpc-metadata-x-api-key", "other"), ("grpc-metadata-x_api_key", "other")];
    for (name, value, expected) in [
        ("authorization", "apikey good", ["apikey good", "apikey good", ""]),
        ("x-api-key", "good", ["", "", "good"]),
    ] {
        let headers =
            [(name, value), smuggled[0], smuggled[1], ("grpcgateway-authorization", "apikey other")];
        let answer = gateway.request(Method::GET, CLUSTERS, &headers, "").await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        let seen = last(&backend).expect("a call");
        let names = ["authorization", "grpcgateway-authorization", "x-api-key"];
        assert_eq!(names.map(|name| text(&seen, name)), expected, "{name}");
        let others = seen.metadata.values().filter(|value| value.as_bytes().ends_with(b"other")).count();
        assert_eq!(others, 0, "{:?}", seen.metadata);
    }
}

#[tokio::test]
async fn a_refusal_says_what_is_missing_and_a_key_is_shown_nowhere() {
    let (good, poor) = (new_key(), new_key());
    let backend = backend().await;
    let keys = json!({ "keys": [
        entry(&good, KINDS[1], "*", ["*"]),
        { "hash": KeyHash::of(&poor).to_string(), "actor_id": "poor", "accounts": ["*"], "permissions": ["read:users"] },
    ] });
    let identity =
        "  key_files: [keys.json]\n  key_headers: [X-Api-Key]\n  credential: {replace: Bearer hunter2}";
    let gateway = gateway(&backend, identity)
        .config("telemetry: {format: json, level: trace}")
        .file(
            "keys.json",
            keys.to_string().replace(&format!("\"actor_id\":\"{good}\""), "\"actor_id\":\"good\""),
        )
        .start()
        .await;
    let answer = gateway.request(Method::GET, CLUSTERS, &[("x-api-key", &poor)], "").await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN);
    let error = answer.json();
    assert_eq!(error["code"], 7);
    assert_eq!(error["message"], "the caller lacks the permission `read:clusters`");
    let detail = &error["details"][0];
    assert_eq!(detail["@type"], "type.googleapis.com/google.rpc.ErrorInfo");
    assert_eq!(
        (&detail["reason"], &detail["metadata"]["permissions"]),
        (&json!("PERMISSION_DENIED"), &json!("read:clusters"))
    );

    let credential = format!("apikey {good}");
    assert_eq!(
        gateway.request(Method::GET, CLUSTERS, &[("authorization", &credential)], "").await.status,
        200
    );
    let wrong =
        gateway.request(Method::GET, CLUSTERS, &[("authorization", &format!("{credential}x"))], "").await;
    assert_eq!(wrong.status, 401);
    let shown = gateway.admin().send(request(Method::GET, "/config", &[], "")).await;
    assert!(shown.text().contains("credential:"), "{}", shown.text());
    until("three records", async || (gateway.output().len() >= 3).then_some(())).await;
    let everything = [gateway.output().join("\n"), shown.text(), wrong.text(), answer.text()].concat();
    for secret in [&*good, &*poor, "hunter2", &KeyHash::of(&poor).to_string()[7..]] {
        assert!(!everything.contains(secret), "{secret} is shown");
    }
}

#[tokio::test]
async fn a_key_is_known_as_soon_as_its_file_has_it_and_not_longer() {
    let (gateway, _backend) = one_key("first", "reload: {debounce: 20ms}\n").await;
    let status = async |key: &str| {
        let credential = format!("apikey {key}");
        gateway.request(Method::GET, CLUSTERS, &[("authorization", &credential)], "").await.status.as_u16()
    };
    assert_eq!((status("first").await, status("second").await), (200, 401));
    gateway.write("keys.json", good_and_stale("second"));
    until("the second key", async || (status("second").await == 200).then_some(())).await;
    assert_eq!(status("first").await, 401);
    // A file that is broken changes nothing.
    gateway.write("keys.json", "keys: [{hash: second}]");
    until("the refusal", async || {
        gateway.output().iter().find(|line| line.contains("not reloaded")).cloned()
    })
    .await;
    assert_eq!(status("second").await, 200);
}

// Client certificates

/// Who issues certificates, in PEM form, and the means to.
struct Authority {
    pem: String,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, "An authority");
        let key = KeyPair::generate().expect("a key");
        let pem = params.self_signed(&key).expect("a certificate").pem();
        Self { pem, issuer: Issuer::new(params, key) }
    }

    /// A client's chain and key.
    fn client(
        &self,
        name: &str,
        uri: Option<&str>,
    ) -> (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>) {
        let mut params = CertificateParams::default();
        params.distinguished_name = DistinguishedName::new();
        params.distinguished_name.push(DnType::OrganizationName, "Acme");
        params.distinguished_name.push(DnType::CommonName, name);
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        params.subject_alt_names =
            uri.map(|uri| SanType::URI(uri.try_into().expect("text"))).into_iter().collect();
        let key = KeyPair::generate().expect("a key");
        let certificate = params.signed_by(&key, &self.issuer).expect("a certificate");
        (vec![certificate.der().clone()], PrivateKeyDer::try_from(key.serialize_der()).expect("a key"))
    }
}

type Shown = Option<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>)>;

/// One request over a TLS connection on which the client shows a certificate, or none; an error is a connection
/// that was refused.
async fn over_tls(
    gateway: &Gateway,
    root: &str,
    shown: Shown,
    headers: &[(&str, &str)],
) -> Result<Answer, String> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(root.as_bytes()).expect("a certificate")).expect("a root");
    let config = ClientConfig::builder().with_root_certificates(roots);
    let config = match shown {
        Some((chain, key)) => config.with_client_auth_cert(chain, key).expect("they fit"),
        None => config.with_no_client_auth(),
    };
    let stream = TcpStream::connect(gateway.address()).await.map_err(|error| error.to_string())?;
    let name = ServerName::try_from("localhost").expect("a name");
    let stream = TlsConnector::from(Arc::new(config))
        .connect(name, stream)
        .await
        .map_err(|error| error.to_string())?;
    http1(stream, request(Method::GET, CLUSTERS, headers, "")).await
}

#[tokio::test]
async fn clients_are_known_by_their_certificates() {
    let (authority, stranger) = (Authority::new(), Authority::new());
    let CertifiedKey { cert, signing_key } =
        generate_simple_self_signed(vec!["localhost".to_owned()]).expect("a certificate");
    let root = cert.pem();
    let identity = format!(
        "  keys: [{}]\n  certificates:\n    - {{subject: 'CN=robot, O=Acme', actor_id: by-subject, accounts: ['*'], permissions: ['*']}}\n    \
         - {{san: 'spiffe://acme/ci', actor_id: by-name, accounts: ['*'], permissions: [read:users]}}",
        entry("good", KINDS[1], "*", ["*"])
    );
    let start = async |backend: &Backend, mode: &str| {
        let builder = gateway(backend, &identity)
            .file("cert.pem", &root)
            .file("key.pem", signing_key.serialize_pem())
            .file("clients.pem", &authority.pem)
            .config("reload: {debounce: 20ms}");
        let tls = format!("certificate: cert.pem, key: key.pem, client_roots: clients.pem{mode}");
        builder.config(&format!("listen: {{address: '127.0.0.1:0', tls: {{{tls}}}}}")).start().await
    };
    let backend = backend().await;
    let optional = start(&backend, ", client_certificate: optional").await;
    let robot = || Some(authority.client("robot", None));
    let key = ("authorization", "apikey good");
    for (shown, headers, code, who) in [
        (robot(), &[][..], 200, "by-subject"),
        (Some(authority.client("other", Some("spiffe://acme/ci"))), &[], 403, ""),
        (Some(authority.client("other", Some("spiffe://acme/else"))), &[], 401, ""),
        (None, &[], 401, ""),
        (None, &[key], 200, "good"),
        (robot(), &[key], 200, "good"),
        (robot(), &[("authorization", "apikey bad")], 401, ""),
    ] {
        let answer = over_tls(&optional, &root, shown, headers).await.expect("a connection");
        assert_eq!(answer.status, code, "{headers:?}: {}", answer.text());
        if code == 200 {
            assert_eq!(text(&last(&backend).expect("a call"), "qc-actor-id"), who);
        }
        if code == 401 {
            let challenges: Vec<_> = answer.headers.get_all("www-authenticate").iter().collect();
            assert_eq!(challenges, ["apikey realm=\"api\"", "ClientCertificate"]);
        }
    }
    assert!(
        over_tls(&optional, &root, Some(stranger.client("robot", None)), &[]).await.is_err(),
        "not its issuer"
    );

    let required = start(&backend, "").await;
    assert!(over_tls(&required, &root, None, &[key]).await.is_err(), "no certificate");
    assert_eq!(over_tls(&required, &root, robot(), &[]).await.expect("a connection").status, 200);
    // New roots count for the next connection.
    required.write("clients.pem", &stranger.pem);
    until("the new roots", async || {
        over_tls(&required, &root, Some(stranger.client("robot", None)), &[]).await.ok()
    })
    .await;
    assert!(over_tls(&required, &root, robot(), &[]).await.is_err(), "the old roots are gone");
}
