//! What rate limits cost a call, in process: charging a caller that is known, and writing the headers.

use std::hint::black_box;
use std::time::Duration;

use criterion::{Criterion, criterion_group, criterion_main};
use futures_util::FutureExt as _;
use http::{HeaderMap, HeaderValue};
use transom::problem::{Place, Problems};
use transom::ratelimit::{
    Addressing, Anonymous, Applied, Call, LocalSettings, MethodLimits, RateLimits, Settings,
};
use transom::units::Rate;

const RPC: &str = "qdrant.cloud.cluster.v1.ClusterService/GetCluster";
const ACTOR: &str = "7f3c1f0e-52a9-4d8b-9c61-0b7e4a5d2f10";

/// A limit that lets everything through.
fn wide(name: &str, per: &[&str]) -> LocalSettings {
    LocalSettings {
        name: name.into(),
        per: per.iter().map(|text| text.parse().expect("a source")).collect(),
        methods: Vec::new(),
        rate: Rate { calls: u32::MAX, period: Duration::from_secs(1) },
        burst: u32::MAX,
        anonymous: Anonymous::Share,
        keys: 100_000,
        addressing: Addressing::default(),
        place: Place::default(),
    }
}

/// The limits of one method. Must be called within a runtime.
fn limits(local: Vec<LocalSettings>) -> (RateLimits, MethodLimits) {
    let mut problems = Problems::new();
    let limits = RateLimits::prepare(&Settings { local, external: None }, None, &mut problems);
    let limits = limits.unwrap_or_else(|| panic!("{problems}"));
    let method = limits.of_method(RPC);
    (limits, method)
}

/// Both steps of a call, as the gateway takes them.
fn charge(limits: &MethodLimits, call: &Call<'_>) -> Applied {
    let mut applied = Applied::default();
    limits.check_early(call, &mut applied).expect("let through");
    limits.check(call, &mut applied).now_or_never().expect("asks nobody").expect("let through");
    applied
}

fn rate_limits(criterion: &mut Criterion) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
    let _inside = runtime.enter();
    let mut headers = HeaderMap::new();
    headers.insert("x-tenant", HeaderValue::from_static("red"));
    let peer = Some("2001:db8::7".parse().expect("an address"));
    let call = Call { rpc: RPC, identity: Some(ACTOR), account: Some(ACTOR), peer, headers: &headers };
    for (name, local) in [
        ("identity", vec![wide("a", &["identity"])]),
        ("address", vec![wide("a", &["address"])]),
        ("header", vec![wide("a", &["header:x-tenant"])]),
        ("identity and method", vec![wide("a", &["identity", "method"])]),
        (
            "three limits",
            vec![wide("a", &["identity"]), wide("b", &["address"]), wide("c", &["account", "method"])],
        ),
    ] {
        let (_kept, limits) = limits(local);
        assert!(charge(&limits, &call).standing.is_some(), "{name}: a limit applies");
        criterion.bench_function(&format!("charge by {name}"), |bencher| {
            bencher.iter(|| charge(black_box(&limits), black_box(&call)));
        });
    }
    let none = MethodLimits::default();
    criterion.bench_function("charge where nothing is limited", |bencher| {
        bencher.iter(|| charge(black_box(&none), black_box(&call)));
    });
    let (_kept, limits) = limits(vec![wide("a", &["identity"])]);
    let applied = charge(&limits, &call);
    criterion.bench_function("write the headers", |bencher| {
        bencher.iter(|| {
            let mut answer = HeaderMap::with_capacity(8);
            black_box(&applied).write(&mut answer);
            answer
        });
    });
}

criterion_group!(benches, rate_limits);
criterion_main!(benches);
