//! The text of a field's values. Not for JSON, which quotes and escapes.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use prost::encoding::decode_varint;
use prost_reflect::{FieldDescriptor, Kind};

use crate::wire::field::Value;

/// The text of a field's value; `None` for a zero without presence.
pub(super) fn of<'w>(field: &FieldDescriptor, value: Value<'w>) -> Option<Cow<'w, str>> {
    if !field.supports_presence() && is_zero(value) {
        return None;
    }
    one(&field.kind(), value)
}

/// The text of the values of a list; `None` where there is none.
pub(super) fn of_list<'w>(field: &FieldDescriptor, values: Vec<Value<'w>>) -> Option<Cow<'w, str>> {
    let kind = field.kind();
    let values = values.into_iter().flat_map(|value| unpacked(&kind, value));
    let texts: Vec<_> = values.filter_map(|value| one(&kind, value)).collect();
    (!texts.is_empty()).then(|| Cow::Owned(texts.join(",")))
}

fn is_zero(value: Value<'_>) -> bool {
    match value {
        Value::Varint(number) | Value::Fixed64(number) => number == 0,
        Value::Fixed32(number) => number == 0,
        Value::Bytes(bytes) | Value::Group(bytes) => bytes.is_empty(),
    }
}

#[allow(
    clippy::cast_possible_truncation,
    reason = "protobuf reads the low bits of a varint that is too long"
)]
#[allow(clippy::cast_possible_wrap, clippy::cast_sign_loss, reason = "two's complement, as the wire has it")]
fn one<'w>(kind: &Kind, value: Value<'w>) -> Option<Cow<'w, str>> {
    let text = match (kind, value) {
        (Kind::String, Value::Bytes(bytes)) => return std::str::from_utf8(bytes).ok().map(Cow::Borrowed),
        (Kind::Bytes, Value::Bytes(bytes)) => STANDARD.encode(bytes),
        (Kind::Bool, Value::Varint(number)) => (number != 0).to_string(),
        (Kind::Int32, Value::Varint(number)) => (number as i32).to_string(),
        (Kind::Uint32, Value::Varint(number)) => (number as u32).to_string(),
        (Kind::Sint32, Value::Varint(number)) => zigzag(u64::from(number as u32)).to_string(),
        (Kind::Int64, Value::Varint(number)) | (Kind::Sfixed64, Value::Fixed64(number)) => {
            (number as i64).to_string()
        }
        (Kind::Uint64, Value::Varint(number)) | (Kind::Fixed64, Value::Fixed64(number)) => number.to_string(),
        (Kind::Sint64, Value::Varint(number)) => zigzag(number).to_string(),
        (Kind::Fixed32, Value::Fixed32(number)) => number.to_string(),
        (Kind::Sfixed32, Value::Fixed32(number)) => (number as i32).to_string(),
        (Kind::Float, Value::Fixed32(number)) => f32::from_bits(number).to_string(),
        (Kind::Double, Value::Fixed64(number)) => f64::from_bits(number).to_string(),
        (Kind::Enum(names), Value::Varint(number)) => {
            let number = number as i32;
            match names.get_value(number) {
                Some(value) => value.name().to_owned(),
                None => number.to_string(),
            }
        }
        _ => return None,
    };
    Some(Cow::Owned(text))
}

#[allow(clippy::cast_possible_wrap, reason = "two's complement, as the wire has it")]
fn zigzag(number: u64) -> i64 {
    (number >> 1) as i64 ^ -((number & 1) as i64)
}

/// The values of a list, which may stand packed in one.
fn unpacked<'w>(kind: &Kind, value: Value<'w>) -> Vec<Value<'w>> {
    let Value::Bytes(mut bytes) = value else { return vec![value] };
    match kind {
        Kind::String | Kind::Bytes | Kind::Message(_) => vec![value],
        Kind::Double | Kind::Fixed64 | Kind::Sfixed64 => {
            bytes.as_chunks().0.iter().map(|eight| Value::Fixed64(u64::from_le_bytes(*eight))).collect()
        }
        Kind::Float | Kind::Fixed32 | Kind::Sfixed32 => {
            bytes.as_chunks().0.iter().map(|four| Value::Fixed32(u32::from_le_bytes(*four))).collect()
        }
        _ => {
            let mut values = Vec::new();
            while !bytes.is_empty() {
                let Ok(number) = decode_varint(&mut bytes) else { break };
                values.push(Value::Varint(number));
            }
            values
        }
    }
}
