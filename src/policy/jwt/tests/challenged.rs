//! What a client is answered whose token is not taken.

use http::header::WWW_AUTHENTICATE;
use http::{HeaderMap, HeaderValue, Method as HttpMethod, Uri};

use super::*;
use crate::duty::Duties;
use crate::metadata::Peer;
use crate::policy::{self, Head, Method, Policy};
use crate::status::Status;

async fn identify(
    settings: Settings,
    authorization: &[String],
    authentication: bool,
) -> Result<Identity, Status> {
    let settings = policy::Settings { jwt: vec![settings], ..policy::Settings::default() };
    let mut problems = Problems::new();
    let policy = Policy::prepare(&settings, None, &mut problems).unwrap_or_else(|| panic!("{problems}"));
    let mut headers = HeaderMap::new();
    for value in authorization {
        headers.append("authorization", HeaderValue::try_from(value).expect("a value"));
    }
    let (method, uri, peer) = (HttpMethod::GET, Uri::from_static("/"), Peer::default());
    let head =
        Head { method: &method, uri: &uri, headers: &headers, peer: &peer, rpc: "a.B/C", account: None };
    let duties = Duties { authentication, ..Duties::default() };
    policy.identify(&head, &duties).await.map(|admitted| admitted.identity.expect("somebody"))
}

#[tokio::test]
async fn a_token_is_taken_or_challenged() {
    let signer = Signer::new(Algorithm::ES256, "a");
    let file = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(&file, set(&[&signer]).to_string()).expect("written");
    let settings = || settings(Keys::File(file.path().to_owned()));

    let good = format!("bearer {}", signer.token(json!({})));
    let identity = identify(settings(), std::slice::from_ref(&good), true).await.expect("somebody");
    assert_eq!((&*identity.actor_id, identity.method), ("user-1", Method::Jwt));

    let expired = format!("Bearer {}", signer.token(json!({"exp": 1})));
    // A bad token is refused where none is needed, too.
    for authentication in [true, false] {
        let status =
            identify(settings(), std::slice::from_ref(&expired), authentication).await.expect_err("refused");
        assert_eq!(
            (status.http_status(), status.message.as_str()),
            (StatusCode::UNAUTHORIZED, "the token has expired")
        );
        assert_eq!(
            status.headers.expect("a challenge")[WWW_AUTHENTICATE],
            "Bearer realm=\"api\", error=\"invalid_token\", error_description=\"the token has expired\""
        );
    }
    let status = identify(settings(), &[], true).await.expect_err("refused");
    assert_eq!(status.headers.expect("a challenge")[WWW_AUTHENTICATE], "Bearer realm=\"api\"");
    let status = identify(settings(), &[good.clone(), good], true).await.expect_err("refused");
    assert_eq!(status.http_status(), StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn keys_that_cannot_be_had_are_not_the_clients_fault() {
    let signer = Signer::new(Algorithm::ES256, "a");
    let served = Served::start(Answer::Text(StatusCode::NOT_FOUND, String::new())).await;
    let bearer = format!("Bearer {}", signer.token(json!({})));
    let status = identify(served.settings(|_| {}), &[bearer], true).await.expect_err("refused");
    assert_eq!(status.http_status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(status.message, "the keys of the token's issuer cannot be had at the moment");
}
