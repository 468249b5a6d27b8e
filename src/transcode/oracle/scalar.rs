//! Scalars, where JSON, path and query agree: ranges, base64, enum names, and what each kind is called.

use prost::bytes::Bytes;
use prost_reflect::{EnumDescriptor, Kind, Syntax, Value};
use prost_types::EnumValueDescriptorProto;

use crate::transcode::base64;
use crate::transcode::fault::quoted;

/// What a client should have sent, in words.
pub(in crate::transcode) fn expectation(kind: &Kind) -> &'static str {
    match kind {
        Kind::Int32 | Kind::Sint32 | Kind::Sfixed32 => "a signed 32-bit integer",
        Kind::Uint32 | Kind::Fixed32 => "an unsigned 32-bit integer",
        Kind::Int64 | Kind::Sint64 | Kind::Sfixed64 => "a signed 64-bit integer",
        Kind::Uint64 | Kind::Fixed64 => "an unsigned 64-bit integer",
        Kind::Float => "a 32-bit floating point number",
        Kind::Double => "a 64-bit floating point number",
        Kind::Bool => "true or false",
        Kind::String => "a string",
        Kind::Bytes => "base64 text",
        Kind::Enum(_) => "the name or number of an enum value",
        Kind::Message(_) => "an object",
    }
}

/// The integer as a value of an integer kind, when it is in range.
pub(in crate::transcode) fn integer(kind: &Kind, number: i128) -> Option<Value> {
    match kind {
        Kind::Int32 | Kind::Sint32 | Kind::Sfixed32 => number.try_into().ok().map(Value::I32),
        Kind::Uint32 | Kind::Fixed32 => number.try_into().ok().map(Value::U32),
        Kind::Int64 | Kind::Sint64 | Kind::Sfixed64 => number.try_into().ok().map(Value::I64),
        Kind::Uint64 | Kind::Fixed64 => number.try_into().ok().map(Value::U64),
        _ => None,
    }
}

/// The bytes of base64 text.
pub(in crate::transcode) fn bytes(text: &str) -> Option<Bytes> {
    base64::read(text).map(Bytes::from)
}

/// Bytes as padded standard base64.
pub(in crate::transcode) fn base64_text(bytes: &[u8]) -> String {
    let mut text = Vec::new();
    base64::write(bytes, &mut text);
    String::from_utf8_lossy(&text).into_owned()
}

/// The number of the enum value with this name.
pub(in crate::transcode) fn enum_number(desc: &EnumDescriptor, name: &str, any_case: bool) -> Option<i32> {
    let exact = desc.get_value_by_name(name);
    let value = match exact {
        None if any_case => desc.values().find(|value| value.name().eq_ignore_ascii_case(name)),
        exact => exact,
    };
    value.map(|value| value.number())
}

/// The first name that the enum gives a number; with aliases there are more.
pub(in crate::transcode) fn enum_name(desc: &EnumDescriptor, number: i32) -> Option<&str> {
    let values = &desc.enum_descriptor_proto().value;
    values.iter().find(|value| value.number() == number).map(EnumValueDescriptorProto::name)
}

/// Whether the enum holds numbers that it has no name for (proto3) or not (proto2).
pub(in crate::transcode) fn is_open(desc: &EnumDescriptor) -> bool {
    desc.parent_file().syntax() != Syntax::Proto2
}

/// What is wrong with an enum name or number that the enum does not have.
pub(in crate::transcode) fn unknown_enum(desc: &EnumDescriptor, found: &str) -> String {
    let names: Vec<_> =
        desc.enum_descriptor_proto().value.iter().map(EnumValueDescriptorProto::name).collect();
    let (shown, more) = match names.get(..NAMES_SHOWN) {
        Some(first) if names.len() > NAMES_SHOWN => (first, ", ..."),
        _ => (names.as_slice(), ""),
    };
    format!("expected one of {}{more}, found {found}", shown.join(", "))
}

/// As [`unknown_enum`], for a text.
pub(in crate::transcode) fn unknown_enum_name(desc: &EnumDescriptor, name: &str) -> String {
    unknown_enum(desc, &quoted(name))
}

const NAMES_SHOWN: usize = 8;
