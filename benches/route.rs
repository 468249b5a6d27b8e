//! Finding a binding among those of the model API, in process. Each lookup first proves that its result is right.

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use http::Method;
use transom::problem::Problems;
use transom::route::{RouteTable, Settings};
use transom::rule::{self, Binding};
use transom::schema::{self, Schema};

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
            repeated_rules: false,
        };
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

criterion_group!(route, routes);
criterion_main!(route);
