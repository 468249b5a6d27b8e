//! The events of the model API, each method's against its line in the table of facts; and what cannot be compiled.

use std::collections::{BTreeMap, BTreeSet};

use http::{HeaderName, HeaderValue};
use prost::Message as _;
use prost_reflect::{DynamicMessage, Kind, MessageDescriptor, MethodDescriptor, ReflectMessage as _, Value};
use serde_json::Value as Json;

use super::*;

/// A request or response in which what an expression names has a value that tells where it stood.
struct Sample {
    message: DynamicMessage,
    source: &'static str,
}

impl Sample {
    fn new(desc: MessageDescriptor, source: &'static str) -> Self {
        Self { message: DynamicMessage::new(desc), source }
    }

    /// Sets the field at a path; gives the text that an event should have for it.
    fn set(&mut self, path: &str) -> String {
        let value = format!("{}.{path} é/{{}}", self.source);
        let mut message = &mut self.message;
        let mut steps = path.split('.').peekable();
        while let Some(step) = steps.next() {
            let field = message.descriptor().get_field_by_name(step).unwrap_or_else(|| panic!("{path}"));
            if steps.peek().is_some() {
                message = message.get_field_mut(&field).as_message_mut().expect("a message");
                continue;
            }
            let (value, text) = match field.kind() {
                Kind::Enum(words) => {
                    let word = words.values().nth(1).expect("a second word");
                    (Value::EnumNumber(word.number()), word.name().to_owned())
                }
                Kind::String if field.is_list() => {
                    let two = ["one", "two"].map(|text| Value::String(text.to_owned()));
                    (Value::List(two.to_vec()), "one,two".to_owned())
                }
                Kind::String => (Value::String(value.clone()), value),
                other => panic!("{path} is {other:?}"),
            };
            message.set_field(&field, value);
            return text;
        }
        panic!("{path} is empty");
    }
}

/// What an expression of a method is worth, by the expression.
#[derive(Default)]
struct Expected {
    values: BTreeMap<String, String>,
}

impl Expected {
    /// A template with the values in it, each escaped as RFC 3986 has it.
    fn path(&self, template: &str) -> String {
        let mut path = template.to_owned();
        for (expression, value) in &self.values {
            let escaped: String = value.bytes().map(escaped).collect();
            path = path.replace(&format!("{{{expression}}}"), &escaped);
        }
        path
    }
}

fn escaped(byte: u8) -> String {
    match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => char::from(byte).to_string(),
        other => format!("%{other:02X}"),
    }
}

/// The methods of the facts that make events.
fn table() -> Vec<(MethodDescriptor, Json)> {
    let facts: Json =
        serde_json::from_str(include_str!("../../../tests/facts/qdrant-cloud-api.json")).expect("JSON");
    let mut found = Vec::new();
    for (service, about) in facts["services"].as_object().expect("services") {
        let desc = POOL.get_service_by_name(service).expect("a service");
        for (name, method) in about["methods"].as_object().expect("methods") {
            let desc = desc.methods().find(|method| method.name() == name).expect("a method");
            found.extend(event_of(method).map(|event| (desc, event)));
        }
    }
    found
}

fn event_of(method: &Json) -> Option<Json> {
    let keys = ["event_options", "event"];
    keys.iter().map(|key| &method[*key]).find(|event| event.is_object()).cloned()
}

fn text(json: &Json) -> String {
    json.as_str().unwrap_or_default().to_owned()
}

fn context(event: &Json) -> BTreeMap<String, String> {
    let entries = event["additional_context_fields"].as_object().into_iter().flatten();
    entries.map(|(name, expression)| (name.clone(), text(expression))).collect()
}

fn options(event: &Json) -> EventOptions {
    let types = POOL.get_enum_by_name("qdrant.cloud.event.v1.EventType").expect("the enum");
    let event_type = types.get_value_by_name(&text(&event["event_type"])).expect("a type").number();
    EventOptions {
        event_type,
        resource_type: text(&event["resource_type"]),
        status_only: event["status_only"] == true,
        resource_id_field: text(&event["resource_id_field"]),
        resource_url_template: text(&event["resource_url_template"]),
        action_type: event["action_type"].as_str().map(str::to_owned),
        additional_context: context(event),
    }
}

fn expressions(event: &Json) -> BTreeSet<String> {
    let template = text(&event["resource_url_template"]);
    let inner = template
        .split('{')
        .skip(1)
        .filter_map(|rest| rest.split_once('}'))
        .map(|(inner, _)| inner.to_owned());
    inner.chain([text(&event["resource_id_field"])]).chain(context(event).into_values()).collect()
}

fn field(event: &DynamicMessage, name: &str) -> String {
    let value = event.get_field_by_name(name).expect("a field").into_owned();
    match value {
        Value::String(text) => text,
        Value::EnumNumber(number) => {
            let desc = event.descriptor().get_field_by_name(name).expect("a field");
            desc.kind().as_enum().expect("an enum").get_value(number).expect("a value").name().to_owned()
        }
        Value::Bool(switch) => switch.to_string(),
        other => panic!("{name} is {other:?}"),
    }
}

fn decoded(event: &Event) -> DynamicMessage {
    let desc = POOL.get_message_by_name("qdrant.cloud.event.v1.Event").expect("the message");
    DynamicMessage::decode(desc, event.wire()).expect("an event")
}

#[test]
fn each_method_of_the_model_api_makes_the_event_that_its_facts_say() {
    let table = table();
    assert_eq!(table.len(), 65);
    for (method, fact) in table {
        let name = format!("{}/{}", method.parent_service().full_name(), method.name());
        let mut problems = Problems::new();
        let plan = EventPlan::compile(&MESSAGE, &options(&fact), &method, &Place::default(), &mut problems);
        let plan = plan.unwrap_or_else(|| panic!("{name}: {problems}"));

        let (mut request, mut response) =
            (Sample::new(method.input(), "req"), Sample::new(method.output(), "resp"));
        let (mut sent, mut came) = (HeaderMap::new(), HeaderMap::new());
        let mut expected = Expected::default();
        for expression in expressions(&fact) {
            let (source, path) = expression.split_once('.').expect("a source");
            let metadata = |to: &mut HeaderMap| {
                let value = format!("{expression} +");
                let name = HeaderName::try_from(path).expect("a name");
                to.insert(name, HeaderValue::try_from(&value).expect("a value"));
                value
            };
            let value = match source {
                "req" => request.set(path),
                "resp" => response.set(path),
                "req-md" => metadata(&mut sent),
                "resp-md" => metadata(&mut came),
                other => panic!("{name}: {other}"),
            };
            expected.values.insert(expression, value);
        }
        sent.insert("authorization", HeaderValue::from_static("apikey hunter2"));
        let kept = plan.kept(&sent);
        assert!(!kept.contains_key("authorization"), "{name}");
        let (request, response) = (request.message.encode_to_vec(), response.message.encode_to_vec());
        let nothing = HeaderMap::new();
        let facts = Facts {
            request: &request,
            response: &response,
            request_metadata: &kept,
            response_metadata: &came,
            response_trailers: &nothing,
        };
        let caller =
            Caller { actor_id: "who", actor_type: "ACTOR_TYPE_MANAGEMENT_KEY", user_agent: "curl/8" };
        let event = plan.build(&facts, &caller, Some("account"));
        assert!(event.is_complete(), "{name}");

        let event = decoded(&event);
        assert!(uuid::Uuid::parse_str(&field(&event, "id")).is_ok(), "{name}");
        for key in ["event_type", "resource_type"] {
            assert_eq!(field(&event, key), text(&fact[key]), "{name} {key}");
        }
        assert_eq!(field(&event, "action_type"), text(&fact["action_type"]), "{name}");
        assert_eq!(event.has_field_by_name("action_type"), fact["action_type"].is_string(), "{name}");
        assert_eq!(field(&event, "status_only"), "false", "{name}");
        assert_eq!(field(&event, "source_rpc"), format!("/{name}"));
        assert_eq!(field(&event, "account_id"), "account", "{name}");
        assert_eq!(
            field(&event, "resource_id"),
            expected.values[&text(&fact["resource_id_field"])],
            "{name}"
        );
        let path = expected.path(&text(&fact["resource_url_template"]));
        assert_eq!(field(&event, "resource_url"), path, "{name}");
        assert!(!path.contains(['{', ' ']), "{path}");
        let held = event.get_field_by_name("additional_context").expect("a field").into_owned();
        let held: BTreeMap<_, _> = held
            .as_map()
            .expect("a map")
            .iter()
            .map(|(key, value)| {
                (key.as_str().expect("text").to_owned(), value.as_str().expect("text").to_owned())
            })
            .collect();
        let wanted: BTreeMap<_, _> =
            context(&fact).into_iter().map(|(key, value)| (key, expected.values[&value].clone())).collect();
        assert_eq!(held, wanted, "{name}");
        let caller = event.get_field_by_name("caller").expect("a field").into_owned();
        let caller = caller.as_message().expect("a message");
        assert_eq!(field(caller, "actor_id"), "who");
        assert_eq!(field(caller, "actor_type"), "ACTOR_TYPE_MANAGEMENT_KEY");
        assert_eq!(field(caller, "user_agent"), "curl/8");
    }
}

#[test]
fn what_is_not_known_is_left_out_and_has_a_dash_in_the_path() {
    let (method, fact) =
        table().into_iter().find(|(method, _)| method.name() == "RestoreBackup").expect("one");
    let plan =
        EventPlan::compile(&MESSAGE, &options(&fact), &method, &Place::default(), &mut Problems::new());
    let nothing = HeaderMap::new();
    let facts = Facts {
        request: &[],
        response: &[],
        request_metadata: &nothing,
        response_metadata: &nothing,
        response_trailers: &nothing,
    };
    let user_agent = "ü".repeat(600);
    let event =
        plan.expect("a plan").build(&facts, &Caller { user_agent: &user_agent, ..Caller::default() }, None);
    assert!(!event.is_complete());
    let event = decoded(&event);
    assert_eq!(field(&event, "resource_url"), "/accounts/-/clusters/-/backups/-");
    for name in ["resource_id", "account_id", "additional_context"] {
        assert!(!event.has_field_by_name(name), "{name}");
    }
    let caller = event.get_field_by_name("caller").expect("a field").into_owned();
    let caller = caller.as_message().expect("a message");
    assert_eq!(field(caller, "actor_type"), "ACTOR_TYPE_UNSPECIFIED");
    assert_eq!(field(caller, "user_agent").chars().count(), 512);
}

#[test]
fn a_value_of_any_length_makes_an_event_of_bounded_size() {
    let cluster = "ü".repeat(2 << 20);
    let mut request = Vec::new();
    crate::wire::field::put_bytes(2, cluster.as_bytes(), &mut request);
    let method = POOL.get_service_by_name("qdrant.cloud.cluster.v1.ClusterService").expect("the service");
    let method = method.methods().find(|method| method.name() == "DeleteCluster").expect("the method");
    let context = |expression: &str| BTreeMap::from([("of".to_owned(), expression.to_owned())]);
    let nothing = HeaderMap::new();
    let facts = Facts {
        request: &request,
        response: &[],
        request_metadata: &nothing,
        response_metadata: &nothing,
        response_trailers: &nothing,
    };
    let options = EventOptions {
        resource_id_field: "req.cluster_id".into(),
        resource_url_template: "/clusters/{req.cluster_id}".into(),
        additional_context: context("req.cluster_id"),
        ..EventOptions::default()
    };
    let plan = EventPlan::compile(&MESSAGE, &options, &method, &Place::default(), &mut Problems::new());
    let caller = Caller { actor_id: &cluster, ..Caller::default() };
    let event = plan.expect("a plan").build(&facts, &caller, Some(&cluster));
    let message = decoded(&event);
    for name in ["resource_id", "account_id"] {
        assert_eq!(field(&message, name), "ü".repeat(2048), "{name}");
    }
    assert_eq!(field(&message, "resource_url"), format!("/clusters/{}", "%C3%BC".repeat(2048)));
    let length = event.wire.len() + event.account.len() + event.resource.len();
    assert!(length < 48 << 10, "{length}");
}

#[test]
fn trailing_metadata_is_looked_at_after_the_initial() {
    let (method, fact) =
        table().into_iter().find(|(method, _)| method.name() == "DeleteBackup").expect("one");
    let plan =
        EventPlan::compile(&MESSAGE, &options(&fact), &method, &Place::default(), &mut Problems::new());
    let plan = plan.expect("a plan");
    let name = fact["additional_context_fields"].as_object().expect("a map").values().next().expect("one");
    let name = HeaderName::try_from(text(name).strip_prefix("resp-md.").expect("metadata")).expect("a name");
    let of = |value: &'static str| HeaderMap::from_iter([(name.clone(), HeaderValue::from_static(value))]);
    let (initial, trailing, nothing) = (of("first"), of("last"), HeaderMap::new());
    for (initial, trailing, expected) in
        [(&initial, &trailing, "/first/"), (&nothing, &trailing, "/last/"), (&nothing, &nothing, "/-/")]
    {
        let facts = Facts {
            request: &[],
            response: &[],
            request_metadata: &nothing,
            response_metadata: initial,
            response_trailers: trailing,
        };
        let path = field(&decoded(&plan.build(&facts, &Caller::default(), None)), "resource_url");
        assert!(path.contains(expected), "{path}");
    }
}

#[test]
fn what_an_expression_cannot_name_is_a_problem_with_its_cure() {
    let (method, fact) =
        table().into_iter().find(|(method, _)| method.name() == "DeleteCluster").expect("one");
    for (change, told) in [
        (("resource_id_field", "req.cluster"), "`req.cluster`: "),
        (("resource_id_field", "resp.cluster_id"), "`resp.cluster_id`: "),
        (("resource_id_field", "cluster_id"), "`cluster_id`: it does not say where the value comes from"),
        (("resource_id_field", "req-md.a b"), "`a b` is not the name of metadata"),
        (("resource_url_template", "/a/{req.cluster_id"), "has a `{` without a `}`"),
        (("resource_url_template", "/a/{req.}"), "`req.`: "),
        (("event_type", "EVENT_TYPE_UPDATED"), ""),
    ] {
        let mut fact = fact.clone();
        fact[change.0] = change.1.into();
        let mut problems = Problems::new();
        let place = Place::file("cluster.proto").at(3, 4);
        let plan = EventPlan::compile(&MESSAGE, &options(&fact), &method, &place, &mut problems);
        assert_eq!(plan.is_some(), told.is_empty(), "{change:?}: {problems}");
        let text = problems.to_string();
        assert!(text.contains(told), "{change:?}: {text}");
        if !told.is_empty() {
            for part in [
                "the event of `qdrant.cloud.cluster.v1.ClusterService/DeleteCluster`",
                change.0,
                "cluster.proto:3:4",
                "= help: ",
            ] {
                assert!(text.contains(part), "{part} in {text}");
            }
        }
    }
    let mut problems = Problems::new();
    let options =
        EventOptions { event_type: 99, resource_url_template: "/".into(), ..EventOptions::default() };
    assert!(EventPlan::compile(&MESSAGE, &options, &method, &Place::default(), &mut problems).is_none());
    assert!(problems.to_string().contains("has no event type 99"), "{problems}");
}

/// The message `E` of a proto file, and its JSON.
fn message(fields: &str) -> (MessageDescriptor, transcode::MessagePlan) {
    let folder = tempfile::tempdir().expect("a folder");
    let text = format!("syntax = \"proto3\"; package p; {fields}");
    std::fs::write(folder.path().join("e.proto"), text).expect("written");
    let settings = schema::Settings { protos: vec![folder.path().to_owned()], ..schema::Settings::default() };
    let mut problems = Problems::new();
    let schema = schema::load(&settings, &mut problems).unwrap_or_else(|| panic!("{problems}"));
    let desc = schema.pool().get_message_by_name("p.E").expect("the message");
    let json = transcode::MessagePlan::compile(&desc, &transcode::Settings::default());
    (desc, json)
}

#[test]
fn a_foreign_message_takes_what_it_has_fields_for() {
    let (desc, json) = message(
        "message E { string resource_url = 9; string source_rpc = 2; string created_at = 3; string event_type = 4; \
         W caller = 5; } message W { string actor_type = 3; string actor_id = 2; }",
    );
    let mut problems = Problems::new();
    let message = EventMessage::compile(&desc, json, &mut problems).unwrap_or_else(|| panic!("{problems}"));
    let (method, fact) =
        table().into_iter().find(|(method, _)| method.name() == "DeleteCluster").expect("one");
    let plan = EventPlan::compile(&message, &options(&fact), &method, &Place::default(), &mut problems);
    let nothing = HeaderMap::new();
    let facts = Facts {
        request: &[],
        response: &[],
        request_metadata: &nothing,
        response_metadata: &nothing,
        response_trailers: &nothing,
    };
    let caller = Caller { actor_id: "me", actor_type: "robot", user_agent: "x" };
    let event = plan.expect("a plan").build(&facts, &caller, Some("a"));
    let record = record::decode(&record::encode(&event).expect("encoded")).expect("decoded");
    let mut json: Json = serde_json::from_slice(&record.json).expect("JSON");
    let created = json["createdAt"].take();
    assert!(humantime::parse_rfc3339(created.as_str().expect("text")).is_ok());
    let expected = serde_json::json!({
        "resourceUrl": "/accounts/-/clusters/-",
        "sourceRpc": "/qdrant.cloud.cluster.v1.ClusterService/DeleteCluster",
        "createdAt": null, "eventType": "3", "caller": {"actorType": "robot", "actorId": "me"},
    });
    assert_eq!(json, expected);
}

#[test]
fn a_message_that_is_no_event_is_a_problem() {
    for (fields, told) in [
        ("message E { string name = 1; }", "`p.E` has none of the fields of an event"),
        ("message E { string id = 1; repeated string account_id = 2; }", "`p.E.account_id` is not a string"),
        (
            "message E { string id = 1; int32 created_at = 2; }",
            "`p.E.created_at` is not a `google.protobuf.Timestamp`",
        ),
        ("message E { string id = 1; string caller = 2; }", "`p.E.caller` is not a message"),
        (
            "message E { string id = 1; map<string, int32> additional_context = 2; }",
            "is not a `map<string, string>`",
        ),
    ] {
        let (desc, json) = message(fields);
        let mut problems = Problems::new();
        assert!(EventMessage::compile(&desc, json, &mut problems).is_none(), "{fields}");
        assert!(problems.to_string().contains(told), "{fields}: {problems}");
    }
}
