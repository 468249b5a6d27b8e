//! What the server makes of a record that is created or changed: times, state, secrets.

use std::time::SystemTime;

use prost_reflect::{DynamicMessage, FieldDescriptor, Kind, MessageDescriptor, ReflectMessage as _, Value};

use super::ident;
use super::resource::Resource;

const TIMESTAMP: &str = "google.protobuf.Timestamp";
const CREATED: [&str; 2] = ["created_at", "create_time"];
const MODIFIED: [&str; 4] = ["last_modified_at", "updated_at", "modified_at", "update_time"];
/// Shown once, in the answer to the creation, and never stored.
const SECRETS: [&str; 3] = ["key", "token", "secret"];
/// Parts of a secret that stay visible.
const HINTS: [&str; 3] = ["prefix", "postfix", "suffix"];

/// Writes the times of creation and of change.
pub(super) fn stamp(record: &mut DynamicMessage) {
    for name in CREATED {
        set_now(record, name);
    }
    touch(record);
}

/// Writes the time of change, also in the parts that tell their own.
pub(super) fn touch(record: &mut DynamicMessage) {
    for name in MODIFIED {
        set_now(record, name);
    }
    for (_, value) in record.fields_mut() {
        if let Value::Message(part) = value {
            for name in MODIFIED {
                set_now(part, name);
            }
        }
    }
}

/// Gives a new record the state of one that is well. What else the state tells (addresses, sizes) is as a
/// sibling's, with the record's own key in it.
pub(super) fn settle(record: &mut DynamicMessage, resource: &Resource, sibling: Option<&DynamicMessage>) {
    let Some(state) = &resource.state else { return };
    if let Some(within) = &state.within {
        let mut part = sibling.map(|sibling| sibling.get_field(within).into_owned());
        if let (Some(part), Some(sibling)) = (&mut part, sibling) {
            rename(part, &key_text(resource, sibling), &key_text(resource, record));
        }
        let part = part.unwrap_or_else(|| Value::default_value(&within.kind()));
        record.set_field(within, part);
    }
    if let Some(settled) = state.settled().filter(|_| state.within.is_some() || state.get(record) == 0) {
        state.set(record, settled);
    }
}

/// Makes the secret of a record that has one; answers the record as it is stored, without the secret.
pub(super) fn mint(record: &mut DynamicMessage) -> DynamicMessage {
    let mut stored = record.clone();
    let Some(field) = SECRETS.into_iter().find_map(|name| text_field(record, name)) else { return stored };
    if record.has_field(&field) {
        return stored;
    }
    let digits = ident::token();
    let secret = if field.name() == "token" { format!("local:v1:{digits}") } else { digits };
    for name in HINTS {
        let Some(hint) = text_field(record, name) else { continue };
        let (start, end) = secret.split_at(secret.len().min(6));
        let shown = if name == "prefix" { start } else { &end[end.len().saturating_sub(6)..] };
        record.set_field(&hint, Value::String(shown.to_owned()));
        stored.set_field(&hint, Value::String(shown.to_owned()));
    }
    record.set_field(&field, Value::String(secret));
    stored
}

/// Takes over what clients may not change: key, creation, visible parts of secrets, a state of its own.
pub(super) fn keep(record: &mut DynamicMessage, old: &DynamicMessage, resource: &Resource) {
    let of = record.descriptor();
    let named = CREATED.into_iter().chain(HINTS).filter_map(|name| of.get_field_by_name(name));
    let within = resource.state.as_ref().and_then(|state| state.within.clone());
    for field in named.chain(resource.key.clone()).chain(within) {
        if old.has_field(&field) {
            record.set_field(&field, old.get_field(&field).into_owned());
        } else {
            record.clear_field(&field);
        }
    }
    if let Some(state) = resource.state.as_ref().filter(|state| state.get(record) == 0) {
        state.set(record, state.get(old));
    }
}

/// The present time, where the field is a `google.protobuf.Timestamp`.
pub(super) fn now(field: &FieldDescriptor) -> Option<Value> {
    let of = field.kind().as_message().filter(|of| of.full_name() == TIMESTAMP)?.clone();
    Some(Value::Message(time_now(of)))
}

fn time_now(timestamp: MessageDescriptor) -> DynamicMessage {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let mut time = DynamicMessage::new(timestamp);
    time.set_field_by_name("seconds", Value::I64(i64::try_from(since.as_secs()).unwrap_or(i64::MAX)));
    // Whole milliseconds: what people expect to read.
    let millis = i32::try_from(since.subsec_millis()).unwrap_or(0);
    time.set_field_by_name("nanos", Value::I32(millis * 1_000_000));
    time
}

fn set_now(record: &mut DynamicMessage, name: &str) {
    let field = record.descriptor().get_field_by_name(name).filter(|field| !field.is_list());
    if let Some((field, now)) = field.and_then(|field| Some((field.clone(), now(&field)?))) {
        record.set_field(&field, now);
    }
}

fn text_field(record: &DynamicMessage, name: &str) -> Option<FieldDescriptor> {
    let field = record.descriptor().get_field_by_name(name)?;
    (field.kind() == Kind::String && !field.is_list()).then_some(field)
}

fn key_text(resource: &Resource, record: &DynamicMessage) -> String {
    let text = |value: Value| value.as_str().map(str::to_owned);
    resource.key_of(record).and_then(text).unwrap_or_default()
}

/// Makes the parts of one record those of another: its key wherever that stands in a text, and all times now.
fn rename(value: &mut Value, from: &str, to: &str) {
    if from.is_empty() {
        return;
    }
    match value {
        Value::String(text) => *text = text.replace(from, to),
        Value::Message(part) if part.descriptor().full_name() == TIMESTAMP => {
            *part = time_now(part.descriptor());
        }
        Value::Message(part) => part.fields_mut().for_each(|(_, value)| rename(value, from, to)),
        Value::List(list) => list.iter_mut().for_each(|value| rename(value, from, to)),
        _ => {}
    }
}
