//! Policies as a whole: who is let in with which credential, and what the others are told.

use std::time::{Duration, SystemTime};

use http::header::WWW_AUTHENTICATE;
use http::{HeaderMap, HeaderValue, Method as HttpMethod, Uri};

use super::{
    ActorSettings, Admitted, CertificateSettings, Head, Identity, KeyHash, KeySettings, Method, Named,
    Policy, Scope, Settings,
};
use crate::duty::Duties;
use crate::metadata::{ClientCertificate, Peer};
use crate::problem::{Place, Problems};
use crate::status::Status;

/// An identity with these rights.
pub(super) fn identity(actor_id: &str, permissions: &[&str], accounts: &[&str]) -> Identity {
    Identity {
        actor_id: actor_id.into(),
        actor_type: "ACTOR_TYPE_MANAGEMENT_KEY".into(),
        accounts: Scope::of(accounts),
        permissions: Scope::of(permissions),
        name: None,
        method: Method::Key,
    }
}

/// A policy that knows nobody.
pub(super) fn policy() -> Policy {
    policy_of(&Settings::default())
}

/// A policy of settings without a fault.
pub(super) fn policy_of(settings: &Settings) -> Policy {
    let mut problems = Problems::new();
    Policy::prepare(settings, None, &mut problems).unwrap_or_else(|| panic!("{problems}"))
}

fn key(text: &str, expires: Option<&str>) -> KeySettings {
    let expires = expires.map(|text| text.parse().expect(text));
    let actor = ActorSettings { actor_id: format!("id-of-{text}"), expires, ..ActorSettings::default() };
    KeySettings { hash: KeyHash::of(text), actor, place: Place::default() }
}

fn known() -> Settings {
    let robot = ActorSettings { actor_id: "robot".to_owned(), ..ActorSettings::default() };
    Settings {
        keys: vec![
            key("good", None),
            key("fresh", Some("2999-01-01T00:00:00Z")),
            key("stale", Some("2020-01-01T00:00:00Z")),
        ],
        key_headers: vec![http::HeaderName::from_static("x-api-key")],
        certificates: vec![CertificateSettings {
            named: Named::subject("CN=robot").expect("a subject"),
            actor: robot,
        }],
        ..Settings::default()
    }
}

/// A peer with a certificate of this subject.
fn peer(subject: &str) -> Peer {
    let expires = SystemTime::now() + Duration::from_mins(1);
    let certificate = ClientCertificate { subject: subject.to_owned(), names: Vec::new(), expires };
    Peer { certificate: Some(certificate), ..Peer::default() }
}

async fn identified(peer: &Peer, headers: &[(&'static str, &str)], public: bool) -> Result<Admitted, Status> {
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        map.append(*name, HeaderValue::from_bytes(value.as_bytes()).expect("a value"));
    }
    let (method, uri) = (HttpMethod::GET, Uri::from_static("/"));
    let head = Head { method: &method, uri: &uri, headers: &map, peer, rpc: "a.B/C", account: None };
    policy_of(&known()).identify(&head, &Duties { authentication: !public, ..Duties::default() }).await
}

#[tokio::test]
async fn callers_are_known_by_key_or_certificate() {
    for (peer, headers, expected, method) in [
        (Peer::default(), &[("authorization", "apikey good")][..], "id-of-good", Method::Key),
        (Peer::default(), &[("authorization", "ApiKey fresh")], "id-of-fresh", Method::Key),
        (Peer::default(), &[("x-api-key", "good")], "id-of-good", Method::Key),
        (peer("CN=robot"), &[], "robot", Method::Certificate),
        (peer("CN=robot"), &[("authorization", "Basic YTpi")], "robot", Method::Certificate),
        // What is sent with the call itself says more than the connection.
        (peer("CN=robot"), &[("authorization", "apikey good")], "id-of-good", Method::Key),
    ] {
        for public in [true, false] {
            let admitted =
                identified(&peer, headers, public).await.unwrap_or_else(|status| panic!("{status:?}"));
            let found = admitted.identity.expect("somebody");
            assert_eq!((&*found.actor_id, found.method), (expected, method), "{headers:?}");
        }
    }
}

#[tokio::test]
async fn a_bad_credential_is_refused_even_where_none_is_needed() {
    let long = format!("apikey {}", "x".repeat(600));
    for (header, value, message) in [
        ("authorization", "apikey stale", "the key has expired"),
        ("authorization", "apikey bad", "the key is not known"),
        ("authorization", "apikey GOOD", "the key is not known"),
        ("authorization", "apikey", "the credential is malformed"),
        ("authorization", "apikey good good", "the credential is malformed"),
        ("authorization", &long, "the credential is malformed"),
        ("x-api-key", "", "the credential is malformed"),
    ] {
        for public in [true, false] {
            for peer in [Peer::default(), peer("CN=robot")] {
                let status = identified(&peer, &[(header, value)], public).await.expect_err(value);
                assert_eq!(
                    (status.http_status().as_u16(), status.message.as_str()),
                    (401, message),
                    "{value}"
                );
                let headers = status.headers.expect("challenges");
                let challenges: Vec<_> = headers.get_all(WWW_AUTHENTICATE).iter().collect();
                assert_eq!(challenges, ["apikey realm=\"api\"", "ClientCertificate"]);
            }
        }
    }
}

#[tokio::test]
async fn who_is_not_known_may_call_what_is_public() {
    let cure = "send `Authorization: apikey KEY`, or connect with a client certificate";
    for (peer, headers, message) in [
        (Peer::default(), &[][..], "this method needs a credential"),
        (
            Peer::default(),
            &[("authorization", "Basic YTpi")],
            "the credential is of a scheme that is not taken here",
        ),
        (peer("CN=stranger"), &[], "the client certificate is not known here"),
    ] {
        let admitted = identified(&peer, headers, true).await.unwrap_or_else(|status| panic!("{status:?}"));
        assert!(admitted.identity.is_none(), "{headers:?}");
        let status = identified(&peer, headers, false).await.expect_err("refused");
        assert_eq!(
            (status.http_status().as_u16(), status.message),
            (401, format!("{message}: {cure}")),
            "{headers:?}"
        );
    }
}

#[tokio::test]
async fn two_credentials_are_one_too_many() {
    for headers in [
        [("authorization", "apikey good"), ("authorization", "apikey good")],
        [("authorization", "apikey good"), ("x-api-key", "good")],
    ] {
        let status = identified(&Peer::default(), &headers, false).await.expect_err("refused");
        assert_eq!(status.http_status(), 400, "{status:?}");
    }
}

#[test]
fn without_any_way_in_a_key_is_asked_for() {
    let status = policy().challenges.missing("this method needs a credential");
    assert_eq!(status.headers.expect("a challenge")[WWW_AUTHENTICATE], "apikey realm=\"api\"");
}

#[test]
fn nothing_of_a_key_is_shown() {
    let shown = format!("{:?} {:?}", known(), policy_of(&known()));
    assert!(shown.contains("id-of-good") && !shown.contains(&KeyHash::of("good").to_string()), "{shown}");
}
