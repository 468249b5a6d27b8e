//! Finding a binding among those of the model API, and among 10 to 15,000, in process. Each lookup first proves that
//! its result is right.

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use http::Method;
use transom::problem::Problems;
use transom::route::{RouteTable, Settings};
use transom::rule::{self, Binding};
use transom::schema::{self, Schema};

#[path = "support/routes.rs"]
mod many;

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
        let rules = rule::Settings::default();
        let bindings = rule::read(&schema, &rules, &mut problems);
        let table = RouteTable::build(&bindings, &Settings::default(), &mut problems);
        assert!(!problems.has_errors(), "{problems}");
        Self { bindings, table }
    }
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

/// Ten lookups, one for each method of a service, among more and more routes.
fn among_many(c: &mut Criterion) {
    let like = Api::load().bindings.pop().expect("the model API has bindings");
    let mut group = c.benchmark_group("route/ten_among");
    for count in [10, 100, 1000, 10_000, 15_000] {
        let mut problems = Problems::new();
        let table = RouteTable::build(&many::bindings(&like, count), &Settings::default(), &mut problems);
        assert!(problems.is_empty(), "{problems}");
        let requests = many::requests(count);
        let find = |method: &Method, path: &str| table.find(method, path).map(|found| found.binding).ok();
        for (method, path, binding) in &requests {
            assert_eq!(find(method, path), Some(*binding), "{path}");
        }
        group.bench_function(count.to_string(), |b| {
            b.iter(|| {
                for (method, path, _) in &requests {
                    black_box(find(black_box(method), black_box(path)));
                }
            });
        });
    }
    group.finish();
}

criterion_group!(route, routes, among_many);
criterion_main!(route);
