//! Message to wire bytes: deterministic (fields by number, map entries by key), negative zeros kept.
//!
//! `prost-reflect` drops a negative zero that has no presence and writes maps in random order, so its own
//! encoder is not used.

use prost::encoding::{self, WireType};
use prost_reflect::{DynamicMessage, Kind, MapKey, Value};

use super::field::Field;

/// Appends the message's wire bytes.
pub(in crate::transcode) fn message(message: &DynamicMessage, out: &mut Vec<u8>) {
    for field in Field::all(message) {
        if field.is_set(message) {
            value(&field, &field.get(message), out);
        }
    }
    for unknown in message.unknown_fields() {
        unknown.encode(out);
    }
}

/// The entries of a map in the order of their keys: numbers by value, strings by bytes, false before true.
pub(in crate::transcode) fn sorted(
    entries: &std::collections::HashMap<MapKey, Value>,
) -> Vec<(&MapKey, &Value)> {
    let mut entries: Vec<_> = entries.iter().collect();
    entries.sort_by_key(|(key, _)| *key);
    entries
}

fn value(field: &Field, value: &Value, out: &mut Vec<u8>) {
    let (number, kind) = (field.number(), field.kind());
    match (value, &kind) {
        (Value::List(items), _) if field.is_packed() => nested(number, out, |out| {
            for item in items {
                bare(&kind, item, out);
            }
        }),
        (Value::List(items), _) => {
            for item in items {
                single(number, &kind, field.is_group(), item, out);
            }
        }
        (Value::Map(entries), Kind::Message(entry)) => {
            let (key_kind, value_kind) =
                (entry.map_entry_key_field().kind(), entry.map_entry_value_field().kind());
            for (key, value) in sorted(entries) {
                nested(number, out, |out| {
                    single(1, &key_kind, false, &Value::from(key.clone()), out);
                    single(2, &value_kind, false, value, out);
                });
            }
        }
        _ => single(number, &kind, field.is_group(), value, out),
    }
}

/// Appends one value with its tag.
fn single(number: u32, kind: &Kind, group: bool, value: &Value, out: &mut Vec<u8>) {
    match value {
        Value::Message(content) if group => {
            encoding::encode_key(number, WireType::StartGroup, out);
            message(content, out);
            encoding::encode_key(number, WireType::EndGroup, out);
        }
        Value::Message(content) => nested(number, out, |out| message(content, out)),
        Value::String(text) => encoding::string::encode(number, text, out),
        Value::Bytes(bytes) => encoding::bytes::encode(number, bytes, out),
        _ => {
            encoding::encode_key(number, kind.wire_type(), out);
            bare(kind, value, out);
        }
    }
}

/// Appends a number without its tag.
fn bare(kind: &Kind, value: &Value, out: &mut Vec<u8>) {
    match (value, kind) {
        (Value::Bool(value), _) => encoding::encode_varint(u64::from(*value), out),
        (Value::F32(value), _) => out.extend(value.to_le_bytes()),
        (Value::F64(value), _) => out.extend(value.to_le_bytes()),
        (Value::I32(value), Kind::Sfixed32) => out.extend(value.to_le_bytes()),
        (Value::I64(value), Kind::Sfixed64) => out.extend(value.to_le_bytes()),
        (Value::U32(value), Kind::Fixed32) => out.extend(value.to_le_bytes()),
        (Value::U64(value), Kind::Fixed64) => out.extend(value.to_le_bytes()),
        (Value::I32(value), Kind::Sint32) => encoding::encode_varint(zigzag(i64::from(*value)), out),
        (Value::I64(value), Kind::Sint64) => encoding::encode_varint(zigzag(*value), out),
        (Value::I32(value) | Value::EnumNumber(value), _) => {
            encoding::encode_varint(i64::from(*value).cast_unsigned(), out);
        }
        (Value::I64(value), _) => encoding::encode_varint(value.cast_unsigned(), out),
        (Value::U32(value), _) => encoding::encode_varint(u64::from(*value), out),
        (Value::U64(value), _) => encoding::encode_varint(*value, out),
        (Value::String(_) | Value::Bytes(_) | Value::Message(_) | Value::List(_) | Value::Map(_), _) => {}
    }
}

/// Small numbers of either sign become small unsigned ones; a 32-bit value gives the same as 64 bits wide.
fn zigzag(value: i64) -> u64 {
    ((value << 1) ^ (value >> 63)).cast_unsigned()
}

/// Appends what `content` appends, with a tag and its length before it.
fn nested(number: u32, out: &mut Vec<u8>, content: impl FnOnce(&mut Vec<u8>)) {
    encoding::encode_key(number, WireType::LengthDelimited, out);
    let start = out.len();
    content(out);
    let mut length = Vec::with_capacity(encoding::encoded_len_varint(u64::MAX));
    encoding::encode_varint(u64::try_from(out.len() - start).unwrap_or(u64::MAX), &mut length);
    out.splice(start..start, length);
}
