//! Tests of the room as a whole: which limits are charged when, and the service over real sockets.

mod service;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use http::HeaderMap;
use prost::Message as _;
use tonic_types::pb;

use super::*;
use crate::problem::Place;
use crate::status::Code;

fn limit(name: &str, per: &[&str], rate: &str, burst: u32) -> LocalSettings {
    LocalSettings {
        name: name.into(),
        per: per.iter().map(|text| text.parse().expect("a source")).collect(),
        methods: Vec::new(),
        rate: rate.parse().expect("a rate"),
        burst,
        anonymous: Anonymous::Share,
        keys: 1000,
        addressing: Addressing::default(),
        place: Place::item(format!("the limit {name}")),
    }
}

fn prepare(local: &[LocalSettings], previous: Option<&RateLimits>) -> RateLimits {
    let mut problems = Problems::new();
    let settings = Settings { local: local.to_vec(), external: None };
    let limits = RateLimits::prepare(&settings, previous, &mut problems);
    assert!(problems.is_empty(), "{problems}");
    limits.expect("limits")
}

/// A caller: its identity and address.
#[derive(Clone, Copy)]
struct Caller(Option<&'static str>, &'static str);

const ANN: Caller = Caller(Some("ann"), "10.0.0.1");
const BOB: Caller = Caller(Some("bob"), "10.0.0.1");

/// Both steps of a call, as the gateway takes them.
async fn made(limits: &MethodLimits, caller: Caller, applied: &mut Applied) -> Result<(), Status> {
    let headers = HeaderMap::new();
    let peer: IpAddr = caller.1.parse().expect("an address");
    let mut call = Call { rpc: "a.B/C", identity: None, account: None, peer: Some(peer), headers: &headers };
    limits.check_early(&call, applied)?;
    call.identity = caller.0;
    limits.check(&call, applied).await
}

/// What a call comes to: `NAME` of the limit that refuses, or nothing; `remaining/limit` of the tightest.
async fn outcome(limits: &MethodLimits, caller: Caller) -> String {
    let mut applied = Applied::default();
    let refused = match made(limits, caller, &mut applied).await {
        Ok(()) => String::new(),
        Err(_) => match &applied.outcome {
            Some(Outcome::Refused(name)) => format!("{name} "),
            other => panic!("{other:?}"),
        },
    };
    match applied.standing {
        Some(standing) => format!("{refused}{}/{}", standing.remaining, standing.limit),
        None => refused,
    }
}

#[tokio::test]
async fn all_limits_are_charged_and_the_tightest_is_told() {
    let limits =
        prepare(&[limit("wide", &["identity"], "5/h", 5), limit("narrow", &["identity"], "2/h", 2)], None);
    let method = limits.of_method("a.B/C");
    for expected in ["1/2", "0/2", "narrow 0/2", "narrow 0/2", "narrow 0/2"] {
        assert_eq!(outcome(&method, ANN).await, expected);
    }
    // What the narrow one refused was charged to the wide one all the same; of two that refuse the longer counts.
    assert_eq!(outcome(&method, ANN).await, "narrow 0/2");
    let wide = prepare(&[limit("wide", &["identity"], "5/h", 5)], Some(&limits));
    assert_eq!(outcome(&wide.of_method("a.B/C"), ANN).await, "wide 0/5");
    assert_eq!(outcome(&method, BOB).await, "1/2");
}

#[tokio::test]
async fn nothing_is_charged_twice_and_what_needs_no_identity_comes_first() {
    let limits = [
        limit("identity", &["identity"], "3/h", 3),
        limit("address", &["address"], "4/h", 4),
        limit("account", &["account", "method"], "100/h", 100),
    ];
    let limits = prepare(&limits, None).of_method("a.B/C");
    assert_eq!((limits.early.len(), limits.late.len()), (1, 2));
    for expected in ["2/3", "1/3", "0/3", "identity 0/3"] {
        assert_eq!(outcome(&limits, ANN).await, expected);
    }
    // The fifth call from that address is refused before anyone is asked who calls.
    assert_eq!(outcome(&limits, BOB).await, "address 0/4");
    assert_eq!(outcome(&limits, Caller(Some("bob"), "10.0.0.2")).await, "2/3");
}

#[tokio::test]
async fn a_limit_is_for_the_methods_that_it_names() {
    let mut of_b = limit("b", &[], "1/h", 1);
    of_b.methods = vec!["a.B/*".into(), "x.Y/Z".into()];
    let limits = prepare(&[of_b.clone(), limit("all", &[], "9/h", 9)], None);
    for (rpc, count) in [("a.B/C", 2), ("a.C/B", 1), ("x.Y/Z", 2), ("x.Y/Zz", 1)] {
        assert_eq!(limits.of_method(rpc).early.len(), count, "{rpc}");
    }
    let only = prepare(&[of_b], None);
    assert!(only.of_method("a.C/B").is_empty());
    let mut problems = Problems::new();
    only.tell_unused(&["a.B/C".to_owned()], &mut problems);
    assert_eq!(problems.to_string().lines().next(), Some("warning: `x.Y/Z` matches no exposed method"));
    assert_eq!(problems.iter().count(), 1);
}

#[tokio::test]
async fn counts_outlive_a_reload_where_the_limit_is_the_same() {
    let [a, b] = [limit("a", &["identity"], "2/h", 2), limit("b", &["address"], "3/h", 3)];
    let first = prepare(&[a.clone(), b.clone()], None);
    assert_eq!(outcome(&first.of_method("a.B/C"), ANN).await, "1/2");
    // In another order, at another place, beside another.
    let moved = LocalSettings { place: Place::item("elsewhere"), ..a.clone() };
    let second = prepare(&[b.clone(), limit("c", &[], "9/h", 9), moved], Some(&first));
    assert_eq!(outcome(&second.of_method("a.B/C"), ANN).await, "0/2");
    // Changed ones begin anew, the others go on.
    let changed = LocalSettings { burst: 1, ..b };
    let third = prepare(&[a, changed], Some(&second));
    assert_eq!(outcome(&third.of_method("a.B/C"), ANN).await, "a 0/2");
    drop((first, second));
    assert_eq!(outcome(&third.of_method("a.B/C"), BOB).await, "b 0/1");
}

#[tokio::test]
async fn a_refusal_says_which_limit_and_how_long() {
    let method = prepare(&[limit("per-caller", &["identity"], "60/m", 1)], None).of_method("a.B/C");
    let mut applied = Applied::default();
    assert!(made(&method, ANN, &mut applied).await.is_ok());
    let status = made(&method, ANN, &mut applied).await.expect_err("used up");
    assert_eq!((status.code, status.http_status().as_u16()), (Code::ResourceExhausted, 429));
    assert_eq!(status.message, "the rate limit `per-caller` is used up");
    assert_eq!(status.headers.as_ref().expect("headers")["retry-after"], "1");
    let [retry, quota] = &status.details[..] else { panic!("{:?}", status.details) };
    assert_eq!(retry.type_url, "type.googleapis.com/google.rpc.RetryInfo");
    let retry = pb::RetryInfo::decode(&retry.value[..]).expect("RetryInfo").retry_delay.expect("a delay");
    let wait = Duration::try_from(retry).expect("a time");
    assert!(wait > Duration::from_millis(1) && wait <= Duration::from_secs(1), "{wait:?}");
    assert_eq!(quota.type_url, "type.googleapis.com/google.rpc.QuotaFailure");
    let quota = pb::QuotaFailure::decode(&quota.value[..]).expect("QuotaFailure");
    assert_eq!(quota.violations[0].subject, "per-caller");
    assert_eq!(quota.violations[0].description, "no more than 60/m with a burst of 1");
    let told = format!("{status:?}");
    assert!(!told.contains("ann"), "who it was is nobody's business: {told}");
    let mut headers = HeaderMap::new();
    applied.write(&mut headers);
    assert_eq!(
        (&headers["ratelimit-limit"], &headers["ratelimit-remaining"]),
        (&"1".parse().expect("1"), &"0".parse().expect("0"))
    );
    assert_eq!(headers["ratelimit-reset"], "1");
}

#[tokio::test]
async fn equal_names_are_told_and_no_limits_are_none() {
    let mut problems = Problems::new();
    assert!(RateLimits::prepare(&Settings::default(), None, &mut problems).is_none());
    assert!(problems.is_empty());
    let local = vec![limit("a", &[], "1/s", 1), limit("a", &[], "2/s", 2)];
    RateLimits::prepare(&Settings { local, external: None }, None, &mut problems);
    assert_eq!(problems.errors(), 1);
    assert!(problems.to_string().contains("two rate limits are named `a`"), "{problems}");
}

#[tokio::test(start_paused = true)]
async fn full_buckets_are_forgotten_by_the_rooms_own_task() {
    let limits = prepare(&[limit("a", &["identity"], "1000000/s", 1)], None);
    let method = limits.of_method("a.B/C");
    let _ = outcome(&method, ANN).await;
    assert_eq!(limits.local[0].len(), 1);
    // The clock of the limit is not that of the paused runtime: a microsecond has passed by now.
    for _ in 0..3 {
        tokio::time::advance(sweep::EVERY).await;
        tokio::task::yield_now().await;
    }
    let end = std::time::Instant::now() + Duration::from_secs(10);
    while limits.local[0].len() > 0 {
        assert!(std::time::Instant::now() < end, "still there");
        tokio::time::advance(sweep::EVERY).await;
        tokio::task::yield_now().await;
    }
    let weak = Arc::downgrade(&limits.local[0]);
    drop((limits, method));
    // A sweep that is under way may hold it for a moment more.
    while weak.upgrade().is_some() {
        assert!(std::time::Instant::now() < end, "the task keeps the limit alive");
        tokio::task::yield_now().await;
    }
}
