//! Fixed calls on the model API, for a tool that counts what they take: `run` beside this file starts this under
//! callgrind.
//!
//! Each case is one call of [`measured`], in the order in which they are named on standard output:
//! `NAME REPEATS ALLOCATIONS`, the last for one message. Set-up is outside of [`measured`], and each case proves
//! first that what it does is right.

#[path = "../support/model.rs"]
mod model;
#[path = "unary.rs"]
mod unary;

use std::borrow::Cow;
use std::hint::black_box;

use allocation_counter::measure;
use prost::Message;
use prost_reflect::DynamicMessage;
use transom::problem::Problems;
use transom::rule::{self, Binding};
use transom::schema;
use transom::transcode::{CallPlan, MessagePlan, Plans, Settings, UnsetFields};
use transom::validate::Validators;

use self::unary::Unary;

const ACCOUNT: &str = "7f3c1f0e-52a9-4d8b-9c61-0b7e4a5d2f10";
const REPEATS: usize = 50;

fn main() {
    let api = Api::load();
    let [get, list, create] = ["GetCluster", "ListClusters", "CreateCluster"].map(|rpc| api.plan(rpc));
    let captures = [ACCOUNT, ACCOUNT].map(Cow::Borrowed);
    let [account] = [Cow::Borrowed(ACCOUNT)];

    case("get/request", |out| get.write_request(&captures, None, b"", out).is_ok());
    api.answer("get/answer", &get, "GetClusterResponse", &model::get());
    let query = Some("page_size=20&cloud_provider_id=aws");
    case("list20/request", |out| list.write_request(std::slice::from_ref(&account), query, b"", out).is_ok());
    api.answer("list20/answer", &list, "ListClustersResponse", &model::list(20));
    let body = model::create();
    case("create/request", |out| {
        create.write_request(std::slice::from_ref(&account), None, black_box(body.as_bytes()), out).is_ok()
    });
    api.answer("create/answer", &create, "CreateClusterResponse", &model::get());
    let (json, reader) = (model::list(20), api.message("ListClustersResponse"));
    case("list20/read", |out| reader.write_wire(black_box(json.as_bytes()), out).is_ok());

    api.validate(
        "get/validate",
        "GetClusterRequest",
        &format!(r#"{{"accountId":"{ACCOUNT}","clusterId":"{ACCOUNT}"}}"#),
    );
    api.validate("create/validate", "CreateClusterRequest", &body);

    let gateway = Unary::start(vec![
        ("GetCluster", api.wire("GetClusterResponse", &model::get())),
        ("ListClusters", api.wire("ListClustersResponse", &model::list(20))),
        ("CreateCluster", api.wire("CreateClusterResponse", &model::get())),
    ]);
    let clusters = format!("/api/cluster/v1/accounts/{ACCOUNT}/clusters");
    let head = "HTTP/1.1\r\nhost: localhost\r\naccept: */*\r\n";
    let call = |name, request| gateway.case(name, request, "\"cloudProviderId\":\"aws\"", REPEATS, measured);
    call("unary/get", format!("GET {clusters}/{ACCOUNT} {head}\r\n"));
    call("unary/list20", format!("GET {clusters}?page_size=20 {head}\r\n"));
    let length = body.len();
    call(
        "unary/create",
        format!(
            "POST {clusters} {head}content-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}"
        ),
    );
}

/// The model API, compiled.
struct Api {
    pool: prost_reflect::DescriptorPool,
    bindings: Vec<Binding>,
    plans: Plans,
    validators: Validators,
}

impl Api {
    fn load() -> Self {
        let mut problems = Problems::new();
        let embedded = schema::Settings { embedded_api: true, ..schema::Settings::default() };
        let schema = schema::load(&embedded, &mut problems).expect("the model API compiles");
        let rules = rule::Settings::default();
        let bindings = rule::read(&schema, &rules, &mut problems);
        let settings = Settings { unset_fields: UnsetFields::Omit, ..Settings::default() };
        let validators = Validators::compile(&schema, &mut problems);
        let plans = Plans::compile(schema.pool(), &settings);
        Self { pool: schema.pool().clone(), bindings, plans, validators }
    }

    fn plan(&self, rpc: &str) -> CallPlan {
        let binding = self.bindings.iter().find(|binding| binding.rpc.name() == rpc).expect("an rpc");
        CallPlan::compile(&self.plans, binding).expect("an rpc of the pool")
    }

    fn desc(&self, name: &str) -> prost_reflect::MessageDescriptor {
        self.pool.get_message_by_name(&format!("qdrant.cloud.cluster.v1.{name}")).expect("a message")
    }

    fn message(&self, name: &str) -> MessagePlan {
        self.plans.message(&self.desc(name)).expect("a message of the pool")
    }

    /// The wire bytes of a message, fields in the order of their numbers, whatever the order in which they are written.
    fn wire(&self, message: &str, json: &str) -> Vec<u8> {
        let mut wire = Vec::new();
        self.message(message).write_wire(json.as_bytes(), &mut wire).expect("JSON of the message");
        DynamicMessage::decode(self.desc(message), wire.as_slice()).expect("a message").encode_to_vec()
    }

    /// Wire bytes to JSON: the bytes are made of `json`, and have to give the same JSON again.
    fn answer(&self, name: &str, plan: &CallPlan, message: &str, json: &str) {
        let wire = self.wire(message, json);
        let mut again = Vec::new();
        plan.write_response(&wire, &mut again).expect("an answer");
        let value = |json: &[u8]| serde_json::from_slice::<serde_json::Value>(json).expect("JSON");
        assert_eq!(value(&again), value(json.as_bytes()), "{name}");
        case(name, |out| plan.write_response(black_box(&wire), out).is_ok());
    }

    /// Whether a request keeps the rules of the contract, which it does.
    fn validate(&self, name: &str, message: &str, json: &str) {
        let validator = self.validators.message(&self.desc(message)).expect("it has rules");
        let mut wire = Vec::new();
        self.message(message).write_wire(json.as_bytes(), &mut wire).expect("JSON of the message");
        case(name, |_| validator.check(black_box(&wire)).is_ok());
    }
}

/// Counts the allocations of one message into a buffer that is large enough, then gives the case to
/// [`measured`].
fn case(name: &str, mut work: impl FnMut(&mut Vec<u8>) -> bool) {
    let mut out = Vec::with_capacity(1 << 20);
    assert!(work(&mut out), "{name}: the call fails");
    out.clear();
    let allocations = measure(|| assert!(work(&mut out), "{name}: the call fails")).count_total;
    println!("{name} {REPEATS} {allocations}");
    measured(&mut || {
        for _ in 0..REPEATS {
            out.clear();
            work(&mut out);
        }
    });
}

/// What is counted; `run` names this function to callgrind.
#[inline(never)]
fn measured(work: &mut dyn FnMut()) {
    work();
}
