//! Scalars, where JSON, path and query agree: ranges, base64, enum names, and what each kind is called.

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use prost::bytes::Bytes;
use prost_reflect::{EnumDescriptor, Kind, Syntax, Value};
use prost_types::EnumValueDescriptorProto;

use super::fault::quoted;

/// What a client should have sent, in words.
pub(super) fn expectation(kind: &Kind) -> &'static str {
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
pub(super) fn integer(kind: &Kind, number: i128) -> Option<Value> {
    match kind {
        Kind::Int32 | Kind::Sint32 | Kind::Sfixed32 => number.try_into().ok().map(Value::I32),
        Kind::Uint32 | Kind::Fixed32 => number.try_into().ok().map(Value::U32),
        Kind::Int64 | Kind::Sint64 | Kind::Sfixed64 => number.try_into().ok().map(Value::I64),
        Kind::Uint64 | Kind::Fixed64 => number.try_into().ok().map(Value::U64),
        _ => None,
    }
}

/// The bytes of base64 text in the standard or the URL-safe alphabet, padded or not.
pub(super) fn bytes(text: &str) -> Option<Bytes> {
    let engine = if text.contains(['-', '_']) { &URL_SAFE } else { &STANDARD };
    // A lone trailing character encodes nothing; padding where none belongs is garbage.
    let padded = text.ends_with('=');
    if padded && !text.len().is_multiple_of(4) {
        return None;
    }
    engine.decode(text).ok().map(Bytes::from)
}

/// Bytes as padded standard base64.
pub(super) fn base64_text(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

/// The number of the enum value with this name.
pub(super) fn enum_number(desc: &EnumDescriptor, name: &str, any_case: bool) -> Option<i32> {
    let exact = desc.get_value_by_name(name);
    let value = match exact {
        None if any_case => desc.values().find(|value| value.name().eq_ignore_ascii_case(name)),
        exact => exact,
    };
    value.map(|value| value.number())
}

/// The first name that the enum gives a number; with aliases there are more.
pub(super) fn enum_name(desc: &EnumDescriptor, number: i32) -> Option<&str> {
    let values = &desc.enum_descriptor_proto().value;
    values.iter().find(|value| value.number() == number).map(EnumValueDescriptorProto::name)
}

/// Whether the enum holds numbers that it has no name for (proto3) or not (proto2).
pub(super) fn is_open(desc: &EnumDescriptor) -> bool {
    desc.parent_file().syntax() != Syntax::Proto2
}

/// What is wrong with an enum name or number that the enum does not have.
pub(super) fn unknown_enum(desc: &EnumDescriptor, found: &str) -> String {
    let names: Vec<_> =
        desc.enum_descriptor_proto().value.iter().map(EnumValueDescriptorProto::name).collect();
    let (shown, more) = match names.get(..NAMES_SHOWN) {
        Some(first) if names.len() > NAMES_SHOWN => (first, ", ..."),
        _ => (names.as_slice(), ""),
    };
    format!("expected one of {}{more}, found {found}", shown.join(", "))
}

/// As [`unknown_enum`], for a text.
pub(super) fn unknown_enum_name(desc: &EnumDescriptor, name: &str) -> String {
    unknown_enum(desc, &quoted(name))
}

const NAMES_SHOWN: usize = 8;

/// Padding is optional, and so are zeros in the bits that the last character has to spare (as in other
/// protobuf implementations).
const LENIENT: GeneralPurposeConfig = GeneralPurposeConfig::new()
    .with_decode_padding_mode(DecodePaddingMode::Indifferent)
    .with_decode_allow_trailing_bits(true);
const STANDARD: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, LENIENT);
const URL_SAFE: GeneralPurpose = GeneralPurpose::new(&alphabet::URL_SAFE, LENIENT);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_is_read_in_both_alphabets_padded_or_not() {
        let good: [(&str, &[u8]); 9] = [
            ("", b""),
            ("AQI=", b"\x01\x02"),
            ("AQI", b"\x01\x02"),
            ("AQ==", b"\x01"),
            ("AQ", b"\x01"),
            ("-_8=", b"\xfb\xff"),
            ("+/8", b"\xfb\xff"),
            ("-_", b"\xfb"),
            ("AQID", b"\x01\x02\x03"),
        ];
        for (text, expected) in good {
            assert_eq!(bytes(text).as_deref(), Some(expected), "{text}");
        }
        for bad in ["A", "AQ=", "AQI==", "AQID=", "+_8=", "AQ I", "AQI=\n", "AQ==AQ==", "=", "====", "ä"] {
            assert_eq!(bytes(bad), None, "{bad:?}");
        }
    }
}
