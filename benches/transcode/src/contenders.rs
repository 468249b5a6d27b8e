//! Everybody who can do the same work, proved to give the same result. Each writes into a buffer of its own that
//! it keeps.

use std::fmt::Debug;
use std::hint::black_box;
use std::sync::Arc;

use prost::Message;
use prost_reflect::{DynamicMessage, MessageDescriptor};
use serde::Serialize;
use serde::de::{DeserializeOwned, IgnoredAny};
use serde_json::Value;
use transom::transcode::{MessagePlan, Settings, UnsetFields};

use crate::case::{Case, Contender, Direction, Targets};

/// What prost and pbjson generate.
pub trait Static: Message + Default + Serialize + DeserializeOwned + PartialEq + Debug + 'static {}

impl<T: Message + Default + Serialize + DeserializeOwned + PartialEq + Debug + 'static> Static for T {}

/// Both directions for the message that `json` holds.
pub fn of<T: Static>(
    name: &'static str,
    desc: &MessageDescriptor,
    json: &str,
    targets: &Targets,
) -> [Case; 2] {
    let message: T = serde_json::from_str(json).expect("the JSON of a message");
    let [json, wire]: [Arc<[u8]>; 2] = [json.as_bytes().into(), message.encode_to_vec().into()];
    prove(name, desc, &message, &json, &wire);
    [(Direction::Write, writers::<T>(desc, &wire, &json)), (Direction::Read, readers::<T>(desc, &json))].map(
        |(direction, contenders)| Case { name, direction, json: json.len(), targets: *targets, contenders },
    )
}

/// The contenders one by one, so that the proof and the clock look at the same code.
fn writers<T: Static>(desc: &MessageDescriptor, wire: &Arc<[u8]>, json: &Arc<[u8]>) -> Vec<Contender> {
    let [omit, emit] = [UnsetFields::Omit, UnsetFields::Null].map(|unset| plan(desc, unset));
    let validated = Arc::clone(json);
    vec![
        contender("transom", wire, move |wire, out| omit.write_json(wire, out).expect("sound bytes")),
        contender("all fields", wire, move |wire, out| emit.write_json(wire, out).expect("sound bytes")),
        contender("prost-reflect", wire, {
            let desc = desc.clone();
            move |wire, out| reflect_json(&desc, wire, out)
        }),
        contender("pbjson", wire, static_json::<T>),
        contender("validate", &validated, |json, _| validate(json)),
    ]
}

fn readers<T: Static>(desc: &MessageDescriptor, json: &Arc<[u8]>) -> Vec<Contender> {
    let plan = plan(desc, UnsetFields::Omit);
    vec![
        contender("transom", json, move |json, out| plan.write_wire(json, out).expect("sound JSON")),
        contender("prost-reflect", json, {
            let desc = desc.clone();
            move |json, out| reflect_wire(&desc, json, out)
        }),
        contender("pbjson", json, static_wire::<T>),
        contender("validate", json, |json, _| validate(json)),
    ]
}

fn contender(
    name: &'static str,
    input: &Arc<[u8]>,
    work: impl Fn(&[u8], &mut Vec<u8>) + 'static,
) -> Contender {
    let (input, mut out) = (Arc::clone(input), Vec::new());
    Contender {
        name,
        work: Box::new(move || {
            out.clear();
            work(black_box(&input), &mut out);
            black_box(&out);
        }),
    }
}

fn plan(desc: &MessageDescriptor, unset_fields: UnsetFields) -> MessagePlan {
    MessagePlan::compile(desc, &Settings { unset_fields, ..Settings::default() })
}

fn reflect_json(desc: &MessageDescriptor, wire: &[u8], out: &mut Vec<u8>) {
    let message = DynamicMessage::decode(desc.clone(), wire).expect("sound bytes");
    serde_json::to_writer(out, &message).expect("a message with a JSON form");
}

fn reflect_wire(desc: &MessageDescriptor, json: &[u8], out: &mut Vec<u8>) {
    let mut json = serde_json::Deserializer::from_slice(json);
    let message = DynamicMessage::deserialize(desc.clone(), &mut json).expect("sound JSON");
    json.end().expect("nothing after it");
    message.encode(out).expect("a buffer that grows");
}

fn static_json<T: Static>(wire: &[u8], out: &mut Vec<u8>) {
    let message = T::decode(wire).expect("sound bytes");
    serde_json::to_writer(out, &message).expect("a message with a JSON form");
}

fn static_wire<T: Static>(json: &[u8], out: &mut Vec<u8>) {
    let message: T = serde_json::from_slice(json).expect("sound JSON");
    message.encode(out).expect("a buffer that grows");
}

fn validate(json: &[u8]) {
    serde_json::from_slice::<IgnoredAny>(json).expect("sound JSON");
}

/// All write the same JSON value and read the same message.
fn prove<T: Static>(name: &str, desc: &MessageDescriptor, message: &T, json: &[u8], wire: &[u8]) {
    let written = |work: &dyn Fn(&mut Vec<u8>)| {
        let mut out = Vec::new();
        work(&mut out);
        out
    };
    let value = |json: &[u8]| serde_json::from_slice::<Value>(json).expect("JSON");
    let omitting = plan(desc, UnsetFields::Omit);
    let expected = value(&written(&|out| static_json::<T>(wire, out)));
    let ours = written(&|out| omitting.write_json(wire, out).expect("sound bytes"));
    let theirs = written(&|out| reflect_json(desc, wire, out));
    assert_eq!(same(value(&ours)), same(expected.clone()), "{name}: transom's JSON");
    assert_eq!(same(value(&theirs)), same(expected), "{name}: prost-reflect's JSON");

    let read = |wire: &[u8]| T::decode(wire).expect("sound bytes");
    let full = written(&|out| plan(desc, UnsetFields::Null).write_json(wire, out).expect("sound bytes"));
    for json in [json, &ours, &full] {
        assert_eq!(
            read(&written(&|out| omitting.write_wire(json, out).expect("sound JSON"))),
            *message,
            "{name}"
        );
        assert_eq!(read(&written(&|out| reflect_wire(desc, json, out))), *message, "{name}");
        assert_eq!(read(&written(&|out| static_wire::<T>(json, out))), *message, "{name}");
    }
}

/// The same value for what means the same: numbers with a fraction or without, UTC as `Z` or, as pbjson has it,
/// as an offset.
fn same(value: Value) -> Value {
    match value {
        Value::Number(number) => number.as_f64().map_or(Value::Null, Value::from),
        Value::Array(values) => values.into_iter().map(same).collect(),
        Value::Object(fields) => fields.into_iter().map(|(key, value)| (key, same(value))).collect(),
        Value::String(text) => {
            Value::String(text.strip_suffix("+00:00").map_or(text.clone(), |time| format!("{time}Z")))
        }
        value => value,
    }
}
