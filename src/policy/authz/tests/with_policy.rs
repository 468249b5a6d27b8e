//! An authorizer beside own credentials, and instead of them.

use super::*;
use crate::duty::Duties;
use crate::policy::{self, ActorSettings, Admitted, KeyHash, KeySettings, Policy};

fn policy(external: Settings, key: bool) -> Policy {
    let actor = ActorSettings { actor_id: "robot".to_owned(), ..ActorSettings::default() };
    let proved_here = key;
    let key = key.then(|| KeySettings { hash: KeyHash::of("good"), actor, place: Place::default() });
    let settings = policy::Settings {
        keys: key.into_iter().collect(),
        external: Some(external),
        proved_here,
        ..policy::Settings::default()
    };
    let mut problems = Problems::new();
    Policy::prepare(&settings, None, &mut problems).unwrap_or_else(|| panic!("{problems}"))
}

async fn identify(
    policy: &Policy,
    headers: &[(&'static str, &'static str)],
    authentication: bool,
) -> Result<Admitted, Status> {
    let duties = Duties { authentication, ..Duties::default() };
    policy.identify(&Asker::new(headers).head(), &duties).await
}

const GOOD: &[(&str, &str)] = &[("authorization", "apikey good")];
const BAD: &[(&str, &str)] = &[("authorization", "apikey bad")];

#[tokio::test]
async fn an_authorizer_alone_decides_on_any_credential() {
    let served = Served::start(allows(OkResponse::default())).await;
    let policy = policy(served.settings(), false);
    for headers in [GOOD, BAD, &[], &[("authorization", "Bearer t")]] {
        for authentication in [true, false] {
            let admitted = identify(&policy, headers, authentication).await.expect("allowed");
            let identity = admitted.identity.expect("somebody");
            assert_eq!((&*identity.actor_id, identity.method), ("", Method::External), "{headers:?}");
            let mut metadata = HeaderMap::new();
            policy.tell_backend(Some(&identity), &HeaderMap::new(), &mut metadata);
            assert!(!metadata.contains_key("qc-actor-id"), "nobody has a name of no letters");
        }
    }
    served.answer.send_replace(Answer::Says(says(16, Some(HttpAnswer::Denied(denies(401, Vec::new(), ""))))));
    let status = identify(&policy, GOOD, true).await.expect_err("refused");
    assert_eq!(status.http_status(), StatusCode::UNAUTHORIZED);
    // Two credentials are ambiguous for whoever decides.
    let twice = [("authorization", "Bearer a"), ("authorization", "Bearer b")];
    assert_eq!(identify(&policy, &twice, true).await.expect_err("refused").http_status(), 400);
}

#[tokio::test]
async fn keys_that_are_all_withdrawn_leave_nobody_to_the_authorizer() {
    let served = Served::start(allows(OkResponse::default())).await;
    let settings = policy::Settings { external: Some(served.settings()), ..policy::Settings::default() };
    let policy = Policy::prepare(&settings, None, &mut Problems::new()).expect("a policy");
    assert_eq!(identify(&policy, GOOD, true).await.expect_err("refused").http_status(), 401);
    assert_eq!(served.times_asked(), 0);
}

#[tokio::test]
async fn own_credentials_come_first_and_the_authorizer_may_refuse_them_still() {
    let served = Served::start(allows(OkResponse::default())).await;
    let policy = policy(served.settings(), true);
    for headers in [BAD, &[]] {
        assert_eq!(identify(&policy, headers, true).await.expect_err("refused").http_status(), 401);
    }
    assert_eq!(served.times_asked(), 0, "nobody asks about who is not known");
    let identity = identify(&policy, GOOD, true).await.expect("allowed").identity.expect("somebody");
    assert_eq!((&*identity.actor_id, identity.method), ("robot", Method::Key));
    assert!(identify(&policy, &[], false).await.expect("public").identity.is_none());
    served.answer.send_replace(Answer::Says(says(7, None)));
    for authentication in [true, false] {
        assert_eq!(identify(&policy, GOOD, authentication).await.expect_err("refused").http_status(), 403);
    }
}
