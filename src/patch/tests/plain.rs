//! The same merge over whole messages, plainly: what the one on the wire is held to.

use prost_reflect::{DynamicMessage, FieldDescriptor, Kind, MessageDescriptor, ReflectMessage as _, Value};

/// The fields of a dotted path of proto or JSON names.
pub(super) fn fields(desc: &MessageDescriptor, path: &str) -> Vec<FieldDescriptor> {
    let mut desc = Some(desc.clone());
    let mut fields = Vec::new();
    for name in path.split('.') {
        let within = desc.take().expect("a message");
        let named = within.get_field_by_name(name).or_else(|| within.get_field_by_json_name(name));
        let field = named.expect("a field");
        desc = field.kind().as_message().cloned();
        fields.push(field);
    }
    fields
}

/// The message at the end of a path; `None` when it is not set.
pub(super) fn find(message: &DynamicMessage, path: &str) -> Option<DynamicMessage> {
    fields(&message.descriptor(), path).iter().try_fold(message.clone(), |message, field| {
        message.has_field(field).then(|| message.get_field(field).as_message().expect("a message").clone())
    })
}

/// Sets the message at the end of a path.
pub(super) fn put(message: &mut DynamicMessage, path: &[FieldDescriptor], value: Value) {
    let (first, rest) = path.split_first().expect("a path");
    if rest.is_empty() {
        message.set_field(first, value);
    } else {
        put(message.get_field_mut(first).as_message_mut().expect("a message"), rest, value);
    }
}

/// `old` with what the paths name as in `new`, and what is kept as `new` states it.
pub(super) fn merge(
    old: &DynamicMessage,
    new: &DynamicMessage,
    paths: &[String],
    kept: &[String],
) -> DynamicMessage {
    let mut merged = old.clone();
    let kept: Vec<_> = kept.iter().map(|path| fields(&old.descriptor(), path)).collect();
    for path in paths {
        let path = fields(&old.descriptor(), path);
        if !kept.contains(&path) {
            lay(&mut merged, Some(new), &path);
        }
    }
    for path in kept {
        if stated(new, &path) {
            lay(&mut merged, Some(new), &path);
        }
    }
    merged
}

fn lay(merged: &mut DynamicMessage, new: Option<&DynamicMessage>, path: &[FieldDescriptor]) {
    let (first, rest) = path.split_first().expect("a path");
    let set = new.filter(|new| new.has_field(first));
    if !rest.is_empty() {
        if set.is_none() && !merged.has_field(first) {
            return;
        }
        let inner = set.map(|new| new.get_field(first).into_owned());
        let inner = inner.as_ref().map(|inner| inner.as_message().expect("a message"));
        lay(merged.get_field_mut(first).as_message_mut().expect("a message"), inner, rest);
    } else if let Some(new) = set {
        merged.set_field(first, new.get_field(first).into_owned());
    } else {
        merged.clear_field(first);
    }
}

fn stated(new: &DynamicMessage, path: &[FieldDescriptor]) -> bool {
    let (first, rest) = path.split_first().expect("a path");
    if !new.has_field(first) {
        return false;
    }
    let value = new.get_field(first);
    match value.as_message() {
        Some(inner) if !rest.is_empty() => stated(inner, rest),
        _ => !value.is_default(&first.kind()),
    }
}

/// Whether two messages are the same, unknown fields included. NaN is NaN.
pub(super) fn same(one: &DynamicMessage, other: &DynamicMessage) -> bool {
    let fields =
        one.descriptor().fields().all(|field| match (one.has_field(&field), other.has_field(&field)) {
            (true, true) => same_value(&one.get_field(&field), &other.get_field(&field)),
            (one, other) => one == other,
        });
    let extensions = |message: &DynamicMessage| {
        message.extensions().map(|(desc, value)| (desc.number(), value.clone())).collect::<Vec<_>>()
    };
    let (ours, theirs) = (extensions(one), extensions(other));
    let extended = ours.len() == theirs.len()
        && ours.iter().zip(&theirs).all(|(one, other)| one.0 == other.0 && same_value(&one.1, &other.1));
    fields && extended && one.unknown_fields().eq(other.unknown_fields())
}

#[allow(clippy::float_cmp, reason = "the very same number is meant")]
fn same_value(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::F32(one), Value::F32(other)) => one == other || one.is_nan() && other.is_nan(),
        (Value::F64(one), Value::F64(other)) => one == other || one.is_nan() && other.is_nan(),
        (Value::Message(one), Value::Message(other)) => same(one, other),
        (Value::List(one), Value::List(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(one, other)| same_value(one, other))
        }
        (Value::Map(one), Value::Map(other)) => {
            let has = |(key, value)| other.get(key).is_some_and(|other| same_value(value, other));
            one.len() == other.len() && one.iter().all(has)
        }
        (one, other) => one == other,
    }
}

/// Whether a mask may go through a field.
pub(super) fn is_passable(field: &FieldDescriptor) -> bool {
    !field.is_list() && !field.is_map() && matches!(field.kind(), Kind::Message(_))
}
