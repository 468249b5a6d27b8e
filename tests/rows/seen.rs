//! A request message as the backend got it, as plain JSON of what is set: proto names, well-known types as the
//! messages they are, bytes in base64. Made without the gateway's own transcoding, which is what it is to judge.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use prost_reflect::{DescriptorPool, DynamicMessage, Kind, MapKey, Value as Field};
use serde_json::{Map, Value, json};
use transom::demo::SeenCall;

/// The message of a call; a text of what is wrong where it is none.
pub fn message(call: &SeenCall, pool: &DescriptorPool) -> Value {
    let mut names = call.path.trim_start_matches('/').split('/');
    let (service, method) = (names.next().unwrap_or_default(), names.next().unwrap_or_default());
    let input = pool
        .get_service_by_name(service)
        .and_then(|service| service.methods().find(|one| one.name() == method))
        .map(|method| method.input());
    let Some(input) = input else { return json!(format!("no such method: {}", call.path)) };
    match DynamicMessage::decode(input, call.message.clone()) {
        Ok(message) => object(&message),
        Err(error) => json!(format!("not a message: {error}")),
    }
}

fn object(message: &DynamicMessage) -> Value {
    let fields = message.fields().map(|(field, value)| {
        let names = match field.kind() {
            Kind::Enum(names) => Some(names),
            Kind::Message(entry) if field.is_map() => match entry.map_entry_value_field().kind() {
                Kind::Enum(names) => Some(names),
                _ => None,
            },
            _ => None,
        };
        let named = |value: &Field| plain(value, names.as_ref());
        (field.name().to_owned(), named(value))
    });
    Value::Object(fields.collect::<Map<_, _>>())
}

fn plain(value: &Field, names: Option<&prost_reflect::EnumDescriptor>) -> Value {
    match value {
        Field::Bool(value) => json!(value),
        Field::I32(value) => json!(value),
        Field::I64(value) => json!(value),
        Field::U32(value) => json!(value),
        Field::U64(value) => json!(value),
        Field::F32(value) => number(f64::from(*value)),
        Field::F64(value) => number(*value),
        Field::String(value) => json!(value),
        Field::Bytes(value) => json!(STANDARD.encode(value)),
        Field::EnumNumber(number) => {
            let name = names.and_then(|names| names.get_value(*number));
            name.map_or(json!(number), |name| json!(name.name()))
        }
        Field::Message(message) => object(message),
        Field::List(values) => values.iter().map(|value| plain(value, names)).collect(),
        Field::Map(entries) => {
            let entries = entries.iter().map(|(key, value)| (text(key), plain(value, names)));
            Value::Object(entries.collect())
        }
    }
}

/// A number, or the name of what JSON has no number for.
fn number(value: f64) -> Value {
    if value.is_finite() { json!(value) } else { json!(value.to_string()) }
}

fn text(key: &MapKey) -> String {
    match key {
        MapKey::Bool(key) => key.to_string(),
        MapKey::I32(key) => key.to_string(),
        MapKey::I64(key) => key.to_string(),
        MapKey::U32(key) => key.to_string(),
        MapKey::U64(key) => key.to_string(),
        MapKey::String(key) => key.clone(),
    }
}
