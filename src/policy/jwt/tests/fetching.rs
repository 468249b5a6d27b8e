//! Keys that are fetched: rotation, sharing, and an endpoint that hangs or lies.

use futures_util::FutureExt as _;
use futures_util::future::join_all;

use super::super::refusal::{KEY, NO_KEYS};
use super::*;

fn failures(verifier: &Verifier) -> u64 {
    verifier.counts().map(|(_, counts)| counts.failures).sum()
}

fn fetches(verifier: &Verifier) -> u64 {
    verifier.counts().map(|(_, counts)| counts.fetches).sum()
}

#[tokio::test]
async fn the_first_request_waits_for_the_first_keys_and_later_ones_for_nothing() {
    let signer = Signer::new(Algorithm::ES256, "a");
    let served = Served::start(Answer::keys(&[&signer])).await;
    let verifier = served.verifier(|_| {});
    assert_eq!(verify(&verifier, &signer.token(json!({}))).await, Ok("user-1".to_owned()));
    for _ in 0..10 {
        let token = signer.token(json!({}));
        assert!(matches!(verify(&verifier, &token).now_or_never(), Some(Ok(_))), "it waits");
    }
    assert_eq!(served.asked(), 1);
}

#[tokio::test]
async fn a_hundred_tokens_of_a_new_key_are_one_fetch() {
    let (old, new) = (Signer::new(Algorithm::ES256, "old"), Signer::new(Algorithm::ES256, "new"));
    let served = Served::start(Answer::keys(&[&old])).await;
    let verifier = served.verifier(|_| {});
    assert!(verify(&verifier, &old.token(json!({}))).await.is_ok());

    served.now_answers(Answer::keys(&[&old, &new]));
    let tokens: Vec<_> = (0..100).map(|n| new.token(json!({"sub": format!("user-{n}")}))).collect();
    let found = join_all(tokens.iter().map(|token| verify(&verifier, token))).await;
    for (n, found) in found.into_iter().enumerate() {
        assert_eq!(found, Ok(format!("user-{n}")));
    }
    assert_eq!(served.asked(), 2);
}

#[tokio::test]
async fn unknown_keys_cost_one_fetch_in_a_while() {
    let (signer, stranger) = (Signer::new(Algorithm::ES256, "a"), Signer::new(Algorithm::ES256, "b"));
    let served = Served::start(Answer::keys(&[&signer])).await;
    let verifier = served.verifier(|_| {});
    assert!(verify(&verifier, &signer.token(json!({}))).await.is_ok());
    let token = stranger.token(json!({}));
    let found = join_all((0..100).map(|_| verify(&verifier, &token))).await;
    assert!(found.iter().all(|found| *found == Err(KEY)), "{found:?}");
    assert_eq!(served.asked(), 2);
    // And while that is not long ago, none: neither is anybody kept waiting.
    assert_eq!(verify(&verifier, &token).now_or_never(), Some(Err(KEY)));
    assert_eq!(served.asked(), 2);

    let eager = served.verifier(|fetching| fetching.cooldown = Duration::ZERO);
    assert!(verify(&eager, &signer.token(json!({}))).await.is_ok());
    assert_eq!((verify(&eager, &token).await, verify(&eager, &token).await), (Err(KEY), Err(KEY)));
    assert_eq!(served.asked(), 5);
}

#[tokio::test]
async fn keys_that_an_issuer_withdraws_are_forgotten() {
    let (old, new) = (Signer::new(Algorithm::ES256, "old"), Signer::new(Algorithm::ES256, "new"));
    let served = Served::start(Answer::keys(&[&old])).await;
    let verifier = served.verifier(|fetching| fetching.refresh = Duration::from_millis(10));
    let (old, new_token) = (old.token(json!({})), new.token(json!({})));
    assert!(verify(&verifier, &old).await.is_ok());
    served.now_answers(Answer::keys(&[&new]));
    until("the old key is gone", || matches!(verify(&verifier, &old).now_or_never(), Some(Err(KEY)))).await;
    assert!(verify(&verifier, &new_token).await.is_ok());
}

#[tokio::test]
async fn an_endpoint_that_hangs_stalls_nobody() {
    let (signer, stranger) = (Signer::new(Algorithm::ES256, "a"), Signer::new(Algorithm::ES256, "b"));
    let served = Served::start(Answer::keys(&[&signer])).await;
    let verifier = served.verifier(|fetching| {
        fetching.refresh = Duration::from_millis(10);
        fetching.timeout = Duration::from_millis(300);
    });
    let token = signer.token(json!({}));
    assert!(verify(&verifier, &token).await.is_ok());
    served.now_answers(Answer::Never);
    let asked = served.asked();
    until("a refresh hangs", || served.asked() > asked).await;
    assert!(matches!(verify(&verifier, &token).now_or_never(), Some(Ok(_))), "it waits");
    // Who needs a key that is not there waits for that fetch, and no longer than it may take.
    let started = Instant::now();
    assert_eq!(verify(&verifier, &stranger.token(json!({}))).await, Err(KEY));
    assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
    until("it was counted", || failures(&verifier) > 0).await;
    assert!(matches!(verify(&verifier, &token).now_or_never(), Some(Ok(_))), "the old keys are gone");
}

#[tokio::test]
async fn an_endpoint_that_lies_changes_nothing_but_the_count() {
    let signer = Signer::new(Algorithm::ES256, "a");
    let token = signer.token(json!({}));
    let mut enc = signer.jwk();
    enc["use"] = "enc".into();
    let mut other_algorithm = signer.jwk();
    other_algorithm["alg"] = "RS256".into();
    for (what, status, text) in [
        ("HTML", StatusCode::OK, "<html><body>Sign in</body></html>".to_owned()),
        ("a failure", StatusCode::INTERNAL_SERVER_ERROR, set(&[&signer]).to_string()),
        ("a redirect", StatusCode::FOUND, String::new()),
        ("nothing", StatusCode::OK, String::new()),
        ("no keys", StatusCode::OK, json!({"keys": []}).to_string()),
        ("too much", StatusCode::OK, format!("{{\"keys\": [{}]}}", " ".repeat(2 << 20))),
        ("deep", StatusCode::OK, "[".repeat(100_000)),
        ("secrets", StatusCode::OK, json!({"keys": [{"kty": "oct", "k": "AAAA", "kid": "a"}]}).to_string()),
        ("keys for encryption", StatusCode::OK, json!({"keys": [enc]}).to_string()),
        ("another `alg`", StatusCode::OK, json!({"keys": [other_algorithm]}).to_string()),
    ] {
        let served = Served::start(Answer::keys(&[&signer])).await;
        let verifier = served.verifier(|fetching| fetching.refresh = Duration::from_millis(10));
        assert!(verify(&verifier, &token).await.is_ok());
        assert_eq!(failures(&verifier), 0, "{what}");
        served.now_answers(Answer::Text(status, text));
        until(what, || failures(&verifier) >= 2).await;
        assert!(matches!(verify(&verifier, &token).now_or_never(), Some(Ok(_))), "{what}");
        // And when it tells the truth again, all is well.
        served.now_answers(Answer::keys(&[&signer]));
        let (bad, all) = (failures(&verifier), fetches(&verifier));
        until(what, || fetches(&verifier) - all > failures(&verifier) - bad).await;
        assert!(verify(&verifier, &token).await.is_ok(), "{what}");
    }
}

#[tokio::test]
async fn two_keys_of_one_id_are_both_tried() {
    let (one, two) = (Signer::new(Algorithm::ES256, "a"), Signer::new(Algorithm::ES256, "a"));
    let served = Served::start(Answer::keys(&[&one, &two])).await;
    let verifier = served.verifier(|_| {});
    for signer in [&one, &two] {
        assert!(verify(&verifier, &signer.token(json!({}))).await.is_ok());
    }
}

#[tokio::test]
async fn old_keys_are_used_for_a_bounded_time_only() {
    let signer = Signer::new(Algorithm::ES256, "a");
    let served = Served::start(Answer::keys(&[&signer])).await;
    let verifier = served.verifier(|fetching| {
        fetching.refresh = Duration::from_millis(20);
        fetching.keep = Duration::from_millis(200);
    });
    let token = signer.token(json!({}));
    assert!(verify(&verifier, &token).await.is_ok());
    served.now_answers(Answer::Text(StatusCode::BAD_GATEWAY, String::new()));
    let end = Instant::now() + Duration::from_secs(10);
    while verify(&verifier, &token).await != Err(NO_KEYS) {
        assert!(Instant::now() < end, "the old keys are still used");
        sleep(Duration::from_millis(5)).await;
    }
    assert!(failures(&verifier) > 0);
}

#[tokio::test]
async fn without_any_keys_nobody_can_tell() {
    let signer = Signer::new(Algorithm::ES256, "a");
    let token = signer.token(json!({}));
    let served = Served::start(Answer::Never).await;
    let hanging = served.verifier(|fetching| fetching.timeout = Duration::from_millis(50));
    assert_eq!(verify(&hanging, &token).await, Err(NO_KEYS));

    let free = TcpListener::bind("127.0.0.1:0").await.expect("a port").local_addr().expect("an address");
    let mut down = served.settings(|_| {});
    if let Keys::Url { url, .. } = &mut down.keys {
        *url = format!("http://{free}/keys");
    }
    let down = prepare(down, None).expect("a verifier");
    assert_eq!(verify(&down, &token).await, Err(NO_KEYS));
}

#[tokio::test]
async fn a_reload_keeps_the_keys_where_nothing_changed() {
    let signer = Signer::new(Algorithm::ES256, "a");
    let served = Served::start(Answer::keys(&[&signer])).await;
    let first = served.verifier(|_| {});
    let token = signer.token(json!({}));
    assert!(verify(&first, &token).await.is_ok());

    let mut elsewhere = served.settings(|_| {});
    elsewhere.clock_skew = Duration::from_secs(5);
    elsewhere.place = Place::item("identity.jwt[1]");
    let second = prepare(elsewhere, Some(&first)).expect("a verifier");
    drop(first);
    assert!(matches!(verify(&second, &token).now_or_never(), Some(Ok(_))), "the keys are gone");
    assert_eq!(served.asked(), 1);

    let other = served.settings(|fetching| fetching.timeout = Duration::from_secs(4));
    let third = prepare(other, Some(&second)).expect("a verifier");
    assert!(verify(&third, &token).await.is_ok());
    assert_eq!(served.asked(), 2);
}

#[tokio::test]
async fn a_verifier_that_is_dropped_fetches_no_more() {
    let signer = Signer::new(Algorithm::ES256, "a");
    let served = Served::start(Answer::keys(&[&signer])).await;
    let verifier = served.verifier(|fetching| fetching.refresh = Duration::from_millis(5));
    until("it refreshes", || served.asked() > 2).await;
    let running = tokio::runtime::Handle::current().metrics().num_alive_tasks();
    drop(verifier);
    let metrics = tokio::runtime::Handle::current().metrics();
    until("its task has ended", || metrics.num_alive_tasks() < running).await;
    let asked = served.asked();
    let again = served.verifier(|_| {});
    assert!(verify(&again, &signer.token(json!({}))).await.is_ok());
    assert!(served.asked() <= asked + 1, "{} after {asked}", served.asked());
}

#[tokio::test]
async fn what_is_no_url_is_a_problem_that_does_not_repeat_it() {
    for url in ["", "https://", "ftp://id.example.com/keys", "https://me:hunter2@/keys"] {
        let mut settings = Served::start(Answer::Never).await.settings(|_| {});
        if let Keys::Url { url: other, .. } = &mut settings.keys {
            *other = url.to_owned();
        }
        let told = prepare(settings, None).expect_err("problems");
        assert!(told.contains("is not a url that a key set can be fetched from"), "{told}");
        assert!(!told.contains("hunter2"), "{told}");
    }
}

#[tokio::test]
async fn new_contents_of_the_trusted_certificates_are_a_new_fetch() {
    let signer = Signer::new(Algorithm::ES256, "a");
    let served = Served::start(Answer::keys(&[&signer])).await;
    let file = tempfile::NamedTempFile::new().expect("a file");
    std::fs::copy(roots(), &file).expect("written");
    let settings = served.settings(|fetching| fetching.roots = Some(file.path().to_owned()));
    let first = prepare(settings.clone(), None).expect("a verifier");
    let token = signer.token(json!({}));
    assert!(verify(&first, &token).await.is_ok());

    let same = prepare(settings.clone(), Some(&first)).expect("a verifier");
    assert!(matches!(verify(&same, &token).now_or_never(), Some(Ok(_))), "the keys are gone");
    assert_eq!(served.asked(), 1);
    let made = rcgen::generate_simple_self_signed(["y".to_owned()]).expect("a certificate");
    std::fs::write(&file, made.cert.pem()).expect("written");
    let rotated = prepare(settings, Some(&first)).expect("a verifier");
    assert!(verify(&rotated, &token).await.is_ok());
    assert_eq!(served.asked(), 2);
}

#[tokio::test]
async fn where_keys_are_fetched_is_not_shown() {
    let served = Served::start(Answer::Never).await;
    let mut settings = served.settings(|_| {});
    let Keys::Url { url, .. } = &mut settings.keys else { panic!("a url") };
    url.push_str("?client=hunter2");
    let shown = format!("{settings:?} {:?}", prepare(settings.clone(), None).expect("a verifier"));
    assert!(!shown.contains("hunter2"), "{shown}");
}
