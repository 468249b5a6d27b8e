//! The text of one path variable or query parameter, made into a value of a field's kind.
//!
//! These texts are no JSON: booleans have Go's spellings, durations Go's syntax too, field masks either
//! spelling of names. Which field a text is for is decided in [`path`](super::path) and
//! [`query`](super::query).

use prost_reflect::{EnumDescriptor, Kind, MapKey, MessageDescriptor, Value};

use super::known::{WellKnown, build};
use super::read;
use super::scalar;
use crate::transcode::Settings;
use crate::transcode::mask;
use crate::transcode::time;
use crate::transcode::to_wire::{self, TIMESTAMP, TextSource as Source, bool, expected, is_float, unquoted};

/// Makes a value of the kind, or says what was expected and found.
pub(in crate::transcode) fn value(
    kind: &Kind,
    text: &str,
    source: Source,
    settings: &Settings,
) -> Result<Value, String> {
    let value = match kind {
        Kind::Message(desc) => return message(desc, text, source, settings),
        Kind::Enum(desc) => return enum_value(desc, text, settings),
        Kind::Bool => bool(text).map(Value::Bool),
        Kind::String => Some(Value::String(text.to_owned())),
        Kind::Bytes => scalar::bytes(text).map(Value::Bytes),
        Kind::Float => text.parse().ok().filter(|v: &f32| is_float(text, v.is_infinite())).map(Value::F32),
        Kind::Double => text.parse().ok().filter(|v: &f64| is_float(text, v.is_infinite())).map(Value::F64),
        _ => integer(kind, text, source),
    };
    value.ok_or_else(|| expected(scalar::expectation(kind), text))
}

/// Makes a map key of the kind, or says what was expected and found.
pub(in crate::transcode) fn map_key(kind: &Kind, text: &str, settings: &Settings) -> Result<MapKey, String> {
    match value(kind, text, Source::Query, settings)? {
        Value::Bool(key) => Ok(MapKey::Bool(key)),
        Value::I32(key) => Ok(MapKey::I32(key)),
        Value::I64(key) => Ok(MapKey::I64(key)),
        Value::U32(key) => Ok(MapKey::U32(key)),
        Value::U64(key) => Ok(MapKey::U64(key)),
        Value::String(key) => Ok(MapKey::String(key)),
        _ => Err(expected("a map key", text)),
    }
}

/// Whether a message of this type can be given as one text.
pub(in crate::transcode) fn has_text_form(desc: &MessageDescriptor) -> bool {
    !matches!(WellKnown::of(desc), None | Some(WellKnown::Any))
}

fn integer(kind: &Kind, text: &str, source: Source) -> Option<Value> {
    let signed = !matches!(kind, Kind::Uint32 | Kind::Fixed32 | Kind::Uint64 | Kind::Fixed64);
    scalar::integer(kind, to_wire::integer(signed, text, source)?)
}

/// A name, or a number that the enum has.
fn enum_value(desc: &EnumDescriptor, text: &str, settings: &Settings) -> Result<Value, String> {
    let by_name = scalar::enum_number(desc, text, settings.case_insensitive_enums);
    let by_number = || match integer(&Kind::Int32, text, Source::Path) {
        Some(Value::I32(number)) => desc.get_value(number).map(|value| value.number()),
        _ => None,
    };
    let number = by_name.or_else(by_number);
    number.map(Value::EnumNumber).ok_or_else(|| scalar::unknown_enum_name(desc, text))
}

fn message(
    desc: &MessageDescriptor,
    text: &str,
    source: Source,
    settings: &Settings,
) -> Result<Value, String> {
    let known = WellKnown::of(desc).filter(|_| has_text_form(desc));
    let Some(known) = known else { return Err("a message cannot be given as text".to_owned()) };
    let built = match known {
        WellKnown::Timestamp => {
            let time =
                time::read_timestamp(unquoted(text, source)).ok_or_else(|| expected(TIMESTAMP, text))?;
            moment(desc, time)
        }
        WellKnown::Duration => {
            let plain = unquoted(text, source);
            let time = time::read_duration(plain).or_else(|| time::read_go_duration(plain));
            moment(desc, time.ok_or_else(|| expected("a duration such as 1.5s or 1h30m", text))?)
        }
        WellKnown::FieldMask => build(desc, [(1, mask_paths(text))]),
        WellKnown::Wrapper => {
            let Some(field) = desc.get_field(1) else { return Err(MISSHAPEN.to_owned()) };
            build(desc, [(1, value(&field.kind(), text, source, settings)?)])
        }
        WellKnown::Struct | WellKnown::Value | WellKnown::List | WellKnown::Any => {
            let message = read::parameter(text, desc, settings);
            Some(message.map_err(|fault| format!("expected JSON text: {}", fault.what()))?)
        }
    };
    built.map(Value::Message).ok_or_else(|| MISSHAPEN.to_owned())
}

fn moment(desc: &MessageDescriptor, (seconds, nanos): (i64, i32)) -> Option<prost_reflect::DynamicMessage> {
    build(desc, [(1, Value::I64(seconds)), (2, Value::I32(nanos))])
}

/// The paths of a mask in the spelling of the wire, empty ones left out.
fn mask_paths(text: &str) -> Value {
    let paths = text.split(',').filter(|path| !path.is_empty());
    Value::List(paths.map(|path| Value::String(mask::snake(path))).collect())
}

const MISSHAPEN: &str = "a well-known type is not declared as usual";
