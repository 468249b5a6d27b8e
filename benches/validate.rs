//! What holding a request to the rules of the contract costs, in process: the model API's `GetCluster` (two ids) and
//! `CreateCluster` (2 KiB of JSON, CEL rules among its rules).

#[path = "support/model.rs"]
#[allow(dead_code, reason = "not every bench needs every text")]
mod model;

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use transom::problem::Problems;
use transom::schema::{self, Schema};
use transom::transcode::{Plans, Settings};
use transom::validate::Validators;

const ID: &str = "7f3c1f0e-52a9-4d8b-9c61-0b7e4a5d2f10";

fn load() -> Schema {
    let mut problems = Problems::new();
    let settings = schema::Settings { embedded_api: true, ..schema::Settings::default() };
    schema::load(&settings, &mut problems).unwrap_or_else(|| panic!("{problems}"))
}

fn validate(criterion: &mut Criterion) {
    let schema = load();
    let plans = Plans::compile(schema.pool(), &Settings::default());
    let mut problems = Problems::new();
    let validators = Validators::compile(&schema, &mut problems);
    assert!(!problems.has_errors(), "{problems}");
    let get = format!(r#"{{"accountId": "{ID}", "clusterId": "{ID}"}}"#);
    for (name, json) in [("GetCluster", get), ("CreateCluster", model::create())] {
        let message = format!("qdrant.cloud.cluster.v1.{name}Request");
        let desc = schema.pool().get_message_by_name(&message).expect("in the model API");
        let validator = validators.message(&desc).expect("it has rules");
        let mut wire = Vec::new();
        plans.message(&desc).expect("planned").write_wire(json.as_bytes(), &mut wire).expect("written");
        validator.check(&wire).expect("kept");
        criterion.bench_function(&format!("validate/{name}"), |bencher| {
            bencher.iter(|| validator.check(black_box(&wire)));
        });
    }
    criterion.bench_function("validate/compile", |bencher| {
        bencher.iter(|| Validators::compile(black_box(&schema), &mut Problems::new()));
    });
}

criterion_group!(benches, validate);
criterion_main!(benches);
