//! The parts of one call, in process: finding a binding, writing the message, writing the answer. Each part
//! first proves that its result is right.

use std::borrow::Cow;
use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use http::Method;
use transom::problem::Problems;
use transom::route::{RouteTable, Settings, Ties, Unescape};
use transom::rule::{self, Binding};
use transom::schema::{self, Schema};
use transom::transcode::{CallPlan, Plans, Settings as Json};

const ACCOUNT: &str = "7f3c1f0e-52a9-4d8b-9c61-0b7e4a5d2f10";

/// The model API, compiled.
struct Api {
    bindings: Vec<Binding>,
    table: RouteTable,
}

impl Api {
    fn load() -> Self {
        let mut problems = Problems::new();
        let embedded = schema::Settings { embedded_api: true, ..schema::Settings::default() };
        let schema: Schema = schema::load(&embedded, &mut problems).expect("the model API compiles");
        let rules = rule::Settings {
            services: Vec::new(),
            files: Vec::new(),
            unbound_methods: false,
            delete_body: false,
        };
        let bindings = rule::read(&schema, &rules, &mut problems);
        let settings = Settings {
            empty_captures: false,
            ties: Ties::LastWins,
            unescape: Unescape::Spec,
            head_as_get: true,
        };
        let table = RouteTable::build(&bindings, &settings, &mut problems);
        assert!(!problems.has_errors(), "{problems}");
        Self { bindings, table }
    }

    fn plan(&self, rpc: &str) -> CallPlan {
        let binding = self.bindings.iter().find(|binding| binding.rpc.name() == rpc).expect("an rpc");
        let plans = Plans::compile(binding.rpc.parent_pool(), &Json::default());
        CallPlan::compile(&plans, binding).expect("an rpc of the pool")
    }
}

/// The body of a request that creates a cluster.
fn cluster() -> String {
    format!(
        r#"{{"cluster":{{"name":"product-search","accountId":"{ACCOUNT}","cloudProviderId":"aws",
        "cloudProviderRegionId":"eu-central-1","labels":[{{"key":"team","value":"shop"}}],
        "configuration":{{"numberOfNodes":3,"version":"v1.15.4","packageId":"{ACCOUNT}",
        "databaseConfiguration":{{"collection":{{"replicationFactor":2}}}},
        "serviceType":"CLUSTER_SERVICE_TYPE_CLUSTER_IP","reservedCpuPercentage":20}},
        "createdAt":"2026-01-02T03:04:05.678Z"}}}}"#
    )
}

/// The message of that request, as the backend gets it.
fn create_message(api: &Api) -> Vec<u8> {
    let mut message = Vec::new();
    let captures = [Cow::Borrowed(ACCOUNT)];
    api.plan("CreateCluster")
        .write_request(&captures, None, cluster().as_bytes(), &mut message)
        .expect("a request");
    message
}

/// A list of `count` clusters, as the backend sends it: field 1 of the answer is a cluster, as in the request.
fn list_message(api: &Api, count: usize) -> Vec<u8> {
    create_message(api).repeat(count)
}

fn routes(c: &mut Criterion) {
    let api = Api::load();
    let mut group = c.benchmark_group("route");
    for (name, path, rpc) in [
        ("first", "/api/iam/v1/users/me".to_owned(), "GetAuthenticatedUser"),
        ("captures", format!("/api/cluster/v1/accounts/{ACCOUNT}/clusters/{ACCOUNT}"), "GetCluster"),
    ] {
        let found = api.table.find(&Method::GET, &path).expect("a route");
        assert_eq!(api.bindings[found.binding].rpc.name(), rpc);
        group.bench_function(name, |b| {
            b.iter(|| {
                api.table.find(black_box(&Method::GET), black_box(&path)).map(|found| found.binding).ok()
            });
        });
    }
    assert!(api.table.find(&Method::GET, "/api/nothing").is_err());
    group.bench_function("miss", |b| {
        b.iter(|| api.table.find(&Method::GET, black_box("/api/nothing")).is_err());
    });
    group.finish();
}

fn requests(c: &mut Criterion) {
    let api = Api::load();
    let plan = api.plan("CreateCluster");
    let (body, captures) = (cluster(), [Cow::Borrowed(ACCOUNT)]);
    // What was written reads back as the cluster that was sent.
    let mut json = Vec::new();
    api.plan("ListClusters").write_response(&create_message(&api), &mut json).expect("an answer");
    assert!(String::from_utf8_lossy(&json).contains("product-search"));
    let mut group = c.benchmark_group("request");
    group.throughput(Throughput::Bytes(body.len() as u64));
    let mut message = Vec::new();
    group.bench_function("create", |b| {
        b.iter(|| {
            message.clear();
            plan.write_request(&captures, None, black_box(body.as_bytes()), &mut message).is_ok()
        });
    });
    group.finish();
}

fn answers(c: &mut Criterion) {
    let api = Api::load();
    let plan = api.plan("ListClusters");
    let mut group = c.benchmark_group("answer");
    for count in [1, 20, 200] {
        let message = list_message(&api, count);
        let mut json = Vec::new();
        plan.write_response(&message, &mut json).expect("an answer");
        let items: serde_json::Value = serde_json::from_slice(&json).expect("JSON");
        assert_eq!(items["items"].as_array().map(Vec::len), Some(count));
        assert_eq!(items["items"][0]["name"], "product-search");
        group.throughput(Throughput::Bytes(json.len() as u64));
        group.bench_function(format!("list{count}"), |b| {
            b.iter(|| {
                json.clear();
                plan.write_response(black_box(&message), &mut json).is_ok()
            });
        });
    }
    group.finish();
}

criterion_group!(parts, routes, requests, answers);
criterion_main!(parts);
