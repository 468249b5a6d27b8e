//! A route lookup that hits allocates nothing, neither does transcoding into a buffer that is large enough, and
//! neither does finding out whose key a request brings or charging its rate limits: counted by an
//! allocator that counts.

use allocation_counter::measure;
use futures_util::FutureExt as _;
use http::{HeaderMap, HeaderValue, Method, Uri};
use transom::duty::Duties;
use transom::metadata::Peer;
use transom::policy::{self, ActorSettings, Head, KeyHash, KeySettings, Policy, new_key};
use transom::problem::Place;
use transom::problem::Problems;
use transom::ratelimit::{self, Addressing, Anonymous, Applied, LocalSettings, RateLimits};
use transom::route::{RouteTable, Settings, Ties};
use transom::rule::{self, Binding, HttpMethod, PathTemplate, Segment};
use transom::schema;
use transom::transcode::{CallPlan, Plans, Settings as Json, UnsetFields};

/// The bindings of the model API.
fn model_api() -> Vec<Binding> {
    let mut problems = Problems::new();
    let source = schema::Settings { embedded_api: true, ..schema::Settings::default() };
    let schema = schema::load(&source, &mut problems).expect("the model API loads");
    let rules = rule::Settings::default();
    rule::read(&schema, &rules, &mut problems)
}

fn table(bindings: &[Binding]) -> RouteTable {
    let settings = Settings { ties: Ties::Refuse, ..Settings::default() };
    let mut problems = Problems::new();
    let table = RouteTable::build(bindings, &settings, &mut problems);
    assert!(problems.is_empty(), "{problems}");
    table
}

/// Allocations while a request is matched and all of its variables are captured. It must hit the binding.
fn allocations(table: &RouteTable, method: &Method, path: &str, binding: usize) -> u64 {
    let mut hit = None;
    let counted = measure(|| {
        if let Ok(found) = table.find(method, path) {
            hit = Some((found.binding, found.captures().all(|text| text.is_ok())));
        }
    });
    assert_eq!(hit, Some((binding, true)), "{path}");
    counted.count_total
}

#[test]
fn the_counter_counts() {
    assert_eq!(measure(|| drop(std::hint::black_box(vec![7_u8; 100]))).count_total, 1);
    let rules = model_api();
    let table = table(&rules);
    // A miss names the methods that are allowed, and that takes memory.
    let counted = measure(|| drop(table.find(&Method::TRACE, "/api/cluster/v1/accounts/a/clusters")));
    assert!(counted.count_total > 0);
}

#[test]
fn a_hit_on_any_binding_of_the_model_api_allocates_nothing() {
    let bindings = model_api();
    assert_eq!(bindings.len(), 152);
    let table = table(&bindings);
    for (index, binding) in bindings.iter().enumerate() {
        let HttpMethod::Exact(method) = &binding.method else { panic!("no rule is for any method") };
        let mut path: String = binding
            .template
            .segments
            .iter()
            .map(|segment| match segment {
                Segment::Literal(text) => format!("/{text}"),
                Segment::One | Segment::Many => "/0b3c9a4e-1d8e-4f3c-9b52-7f2f6f1f9d11".to_owned(),
            })
            .collect();
        if let Some(verb) = &binding.template.verb {
            path = format!("{path}:{verb}");
        }
        assert_eq!(allocations(&table, method, &path, index), 0, "{binding}");
    }
}

#[test]
fn a_hit_on_any_form_of_template_allocates_nothing() {
    let requests = [
        ("/v1/items/me", "/v1/items/me"),
        ("/v1/items/{a}", "/v1/items/7"),
        ("/v1/items/{a}/me/{b}", "/v1/items/me/me/you"),
        ("/v1/items/{a}/x/{b}/{c}", "/v1/items/me/x/1/2"),
        ("/v1/{a}/{b}/{c}/{d}/{e}/{f}", "/v1/1/2/3/4/5/6"),
        (
            "/v1/{name=projects/*/locations/*/clusters/*/pools/*}",
            "/v1/projects/1/locations/2/clusters/3/pools/4",
        ),
        ("/v1/{name=projects/*/locations/*}:go", "/v1/projects/1/locations/2:go"),
        ("/v1/items/{a}:stop", "/v1/items/urn:x:stop"),
        ("/v2/{name=**}", "/v2/a/b/c"),
        ("/v2/{name=**}/tail/{x}", "/v2/a/b/c/tail/1"),
        ("/v2/a/{x}", "/v2/a/1"),
        ("/v2/a/b", "/v2/a/b"),
        ("/{any=**}", "/v3"),
    ];
    let Some(like) = model_api().pop() else { panic!("the model API has bindings") };
    let bindings: Vec<_> = requests
        .iter()
        .map(|(template, _)| {
            let template: PathTemplate = template.parse().expect(template);
            Binding { method: HttpMethod::Exact(Method::GET), template, ..like.clone() }
        })
        .collect();
    let table = table(&bindings);
    for (index, (template, path)) in requests.iter().enumerate() {
        assert_eq!(allocations(&table, &Method::GET, path, index), 0, "{template}");
        assert_eq!(allocations(&table, &Method::HEAD, path, index), 0, "{template}");
    }
}

/// As many routes as are asked for.
#[path = "../benches/support/routes.rs"]
mod many;

#[test]
fn a_hit_among_many_routes_allocates_nothing() {
    let Some(like) = model_api().pop() else { panic!("the model API has bindings") };
    for count in [10, 10_000] {
        let table = table(&many::bindings(&like, count));
        for (method, path, binding) in many::requests(count) {
            assert_eq!(allocations(&table, &method, &path, binding), 0, "{path} among {count}");
        }
    }
}

/// Clusters as JSON: what lists, creations and answers are made of.
#[path = "../benches/support/model.rs"]
mod model;

#[test]
fn transcoding_into_a_large_buffer_allocates_next_to_nothing() {
    let bindings = model_api();
    let settings = Json { unset_fields: UnsetFields::Omit, ..Json::default() };
    let pool = bindings[0].rpc.parent_pool();
    let (plans, captures) = (Plans::compile(pool, &settings), [std::borrow::Cow::Borrowed("a")]);
    let call = |rpc: &str| {
        let binding = bindings.iter().find(|binding| binding.rpc.name() == rpc).expect("an rpc");
        CallPlan::compile(&plans, binding).expect("a binding of the pool")
    };
    let mut out = Vec::with_capacity(1 << 20);
    let body = model::create();
    let create = call("CreateCluster");
    let counted =
        measure(|| create.write_request(&captures, None, body.as_bytes(), &mut out).expect("a request"));
    assert_eq!(counted.count_total, 0, "a request");
    for (rpc, message, json) in [
        ("GetCluster", "GetClusterResponse", model::get()),
        ("ListClusters", "ListClustersResponse", model::list(20)),
        ("ListClusters", "ListClustersResponse", model::list(200)),
    ] {
        let desc =
            pool.get_message_by_name(&format!("qdrant.cloud.cluster.v1.{message}")).expect("a message");
        let (plan, call) = (plans.message(&desc).expect("a message of the pool"), call(rpc));
        let mut wire = Vec::with_capacity(1 << 20);
        let counted = measure(|| plan.write_wire(json.as_bytes(), &mut wire).expect("JSON of the message"));
        assert_eq!(counted.count_total, 0, "{message} to wire");
        out.clear();
        let counted = measure(|| call.write_response(&wire, &mut out).expect("an answer"));
        assert_eq!(counted.count_total, 0, "{message} to JSON");
        assert_eq!(String::from_utf8_lossy(&out), json);
    }
}

#[test]
fn a_key_is_known_and_permitted_without_an_allocation() {
    let key = new_key();
    let texts = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
    let actor = ActorSettings {
        actor_id: "ci".to_owned(),
        accounts: texts(&["one", "two"]),
        permissions: texts(&["read:clusters", "write:clusters"]),
        ..ActorSettings::default()
    };
    let keys = vec![KeySettings { hash: KeyHash::of(&key), actor, place: Place::default() }];
    let settings = policy::Settings { keys, ..policy::Settings::default() };
    let policy = Policy::prepare(&settings, None, &mut Problems::new()).expect("a policy");
    let duties = Duties { permissions: texts(&["write:clusters"]), ..Duties::default() };
    let mut headers = HeaderMap::new();
    headers.insert("authorization", HeaderValue::try_from(format!("apikey {key}")).expect("a value"));
    let (uri, peer) = (Uri::from_static("/"), Peer::default());
    let head =
        Head { method: &Method::GET, uri: &uri, headers: &headers, peer: &peer, rpc: "a.B/C", account: None };
    let mut verdict = None;
    let counted = measure(|| {
        let admitted = policy.identify(&head, &duties).now_or_never().and_then(Result::ok);
        let identity = admitted.and_then(|admitted| admitted.identity);
        verdict = identity.map(|identity| {
            policy.permit(&identity, &duties).is_ok() && policy.in_account(&identity, "two").is_ok()
        });
    });
    assert_eq!((verdict, counted.count_total), (Some(true), 0));
}

#[test]
fn a_rate_limit_charges_a_known_caller_without_an_allocation() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
    let _inside = runtime.enter();
    let limit = |name: &str, per: &[&str]| LocalSettings {
        name: name.into(),
        per: per.iter().map(|text| text.parse().expect("a source")).collect(),
        methods: Vec::new(),
        rate: "1000/h".parse().expect("a rate"),
        burst: 1000,
        anonymous: Anonymous::Share,
        keys: 1000,
        addressing: Addressing { hops: 1, ipv6_prefix: 64 },
        place: Place::default(),
    };
    let local = vec![
        limit("identity", &["identity"]),
        limit("address", &["address"]),
        limit("header", &["header:x-tenant"]),
        limit("several", &["account", "method", "identity"]),
    ];
    let settings = ratelimit::Settings { local, external: None };
    let limits = RateLimits::prepare(&settings, None, &mut Problems::new()).expect("limits");
    let method = limits.of_method("a.B/C");
    let mut headers = HeaderMap::new();
    headers.insert("x-tenant", HeaderValue::from_static("red"));
    headers.insert("x-forwarded-for", HeaderValue::from_static("9.9.9.9, 2001:db8::7"));
    let (identity, account) = (Some("ann"), Some("one"));
    let call = ratelimit::Call { rpc: "a.B/C", identity, account, peer: None, headers: &headers };
    let charge = || {
        let mut applied = Applied::default();
        method.check_early(&call, &mut applied).expect("let through");
        method.check(&call, &mut applied).now_or_never().expect("asks nobody").expect("let through");
        applied.standing.map(|standing| standing.remaining)
    };
    assert_eq!(charge(), Some(999), "the first makes the buckets");
    let mut remaining = None;
    let counted = measure(|| remaining = charge());
    assert_eq!((remaining, counted.count_total), (Some(998), 0));
}
