//! Values of protobuf fields as CEL values.

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;
use cel::ExecutionError;
use cel::common::types::{
    CelBool, CelBytes, CelDouble, CelDuration, CelInt, CelList, CelMap, CelMapKey, CelNull, CelString,
    CelTimestamp, CelUInt,
};
use cel::common::value::Val;
use chrono::{DateTime, TimeDelta};
use prost::Message as _;
use prost_reflect::{
    DynamicMessage, FieldDescriptor, Kind as Declared, MapKey, MessageDescriptor, ReflectMessage as _, Value,
};

use super::super::build::slot_of;
use super::super::kind::Kind;
use super::super::read::{Found, Raw, Slot, fields};
use super::super::rule::Moment;
use super::message::{Message, Shapes};

type Made = Result<Box<dyn Val>, ExecutionError>;

pub(super) fn list<'w>(shapes: &Arc<Shapes>, kind: &Declared, items: impl Iterator<Item = Raw<'w>>) -> Made {
    let items = items.map(|item| single(shapes, kind, item)).collect::<Result<Vec<_>, _>>()?;
    Ok(Box::new(CelList::from(items)))
}

/// A map out of its entries; the last of those with the same key counts.
pub(super) fn map<'w>(shapes: &Arc<Shapes>, kind: &Declared, entries: impl Iterator<Item = Raw<'w>>) -> Made {
    let Declared::Message(entry) = kind else { return Ok(Box::new(CelNull)) };
    let (key_desc, value_desc) = (entry.map_entry_key_field(), entry.map_entry_value_field());
    let slots = [slot_of(&key_desc), slot_of(&value_desc)];
    let mut made = HashMap::new();
    for raw in entries {
        let found = read(&slots, raw.bytes())?;
        let mut found = found.iter();
        let key = of_found(shapes, &key_desc, found.next())?;
        let value = of_found(shapes, &value_desc, found.next())?;
        made.insert(CelMapKey::try_from(key)?, value);
    }
    Ok(Box::new(CelMap::from(made)))
}

fn of_found(shapes: &Arc<Shapes>, desc: &FieldDescriptor, found: Option<&Found<'_>>) -> Made {
    match found {
        Some(Found::One(raw)) => single(shapes, &desc.kind(), *raw),
        Some(pieces @ Found::Many(_)) => single(shapes, &desc.kind(), Raw::Bytes(&pieces.message())),
        Some(Found::Nothing) | None => zero(shapes, &desc.kind()),
    }
}

/// One value of a kind.
pub(super) fn single(shapes: &Arc<Shapes>, kind: &Declared, raw: Raw<'_>) -> Made {
    let number = raw.number();
    Ok(match kind {
        Declared::Bool => Box::new(CelBool::from(number != 0)),
        Declared::Float | Declared::Double => Box::new(CelDouble::from(Kind::float(number))),
        Declared::Uint32 | Declared::Fixed32 | Declared::Uint64 | Declared::Fixed64 => {
            Box::new(CelUInt::from(number))
        }
        Declared::String => Box::new(CelString::from(String::from_utf8_lossy(raw.bytes()).into_owned())),
        Declared::Bytes => Box::new(CelBytes::from(raw.bytes().to_vec())),
        Declared::Message(desc) => message(shapes, desc, raw.bytes())?,
        _ => Box::new(CelInt::from(Kind::int(number))),
    })
}

/// What a field that is not set is.
pub(super) fn unset(shapes: &Arc<Shapes>, desc: &FieldDescriptor) -> Made {
    match desc.kind() {
        Declared::Message(message)
            if is_wrapper(&message) || NULL_WHEN_UNSET.contains(&message.full_name()) =>
        {
            Ok(Box::new(CelNull))
        }
        kind @ Declared::Message(_) => zero(shapes, &kind),
        _ => constant(shapes, &desc.default_value()),
    }
}

fn zero(shapes: &Arc<Shapes>, kind: &Declared) -> Made {
    let none = if Kind::declared(kind, false).is_number() { Raw::Number(0) } else { Raw::Bytes(&[]) };
    single(shapes, kind, none)
}

/// A message; the well-known types are what CEL has for them.
fn message(shapes: &Arc<Shapes>, desc: &MessageDescriptor, wire: &[u8]) -> Made {
    if is_wrapper(desc) {
        return match desc.get_field(1) {
            Some(field) => of_found(shapes, &field, read(&[slot_of(&field)], wire)?.first()),
            None => Ok(Box::new(CelNull)),
        };
    }
    match desc.full_name() {
        "google.protobuf.Timestamp" => Ok(Box::new(timestamp(nanos(desc, wire)?)?)),
        "google.protobuf.Duration" => Ok(Box::new(duration(nanos(desc, wire)?)?)),
        "google.protobuf.Struct" | "google.protobuf.ListValue" => inside(shapes, desc, wire),
        "google.protobuf.Value" => dynamic(shapes, desc, wire),
        "google.protobuf.Any" => any(shapes, desc, wire),
        _ => plain(shapes, desc, wire),
    }
}

fn plain(shapes: &Arc<Shapes>, desc: &MessageDescriptor, wire: &[u8]) -> Made {
    let shape = shapes.find(desc.full_name()).ok_or_else(|| ExecutionError::no_such_key(desc.full_name()))?;
    Ok(Box::new(Message::new(shape, shapes, Bytes::copy_from_slice(wire))))
}

/// The only field of a `Struct` or a `ListValue`.
fn inside(shapes: &Arc<Shapes>, desc: &MessageDescriptor, wire: &[u8]) -> Made {
    let Some(field) = desc.get_field(1) else { return plain(shapes, desc, wire) };
    let found = read(&[slot_of(&field)], wire)?;
    let all = found.first().map(Found::all).unwrap_or_default().iter().copied();
    if field.is_map() { map(shapes, &field.kind(), all) } else { list(shapes, &field.kind(), all) }
}

fn dynamic(shapes: &Arc<Shapes>, desc: &MessageDescriptor, wire: &[u8]) -> Made {
    let declared: Vec<_> = desc.fields().collect();
    let slots: Vec<_> = declared.iter().map(slot_of).collect();
    let found = read(&slots, wire)?;
    let set = declared.iter().zip(&found).find(|(_, found)| !found.is_nothing());
    match set {
        Some((field, found)) if field.number() != 1 => of_found(shapes, field, Some(found)),
        _ => Ok(Box::new(CelNull)),
    }
}

/// What is in an `Any`, if its type is known.
fn any(shapes: &Arc<Shapes>, desc: &MessageDescriptor, wire: &[u8]) -> Made {
    let (Some(url), Some(content)) = (desc.get_field(1), desc.get_field(2)) else {
        return plain(shapes, desc, wire);
    };
    let found = read(&[slot_of(&url), slot_of(&content)], wire)?;
    let mut parts = found.iter().map(|found| found.all().first().copied().unwrap_or(Raw::Bytes(&[])).bytes());
    let (url, content) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    let name = std::str::from_utf8(url).ok().and_then(|url| url.rsplit('/').next());
    match name.and_then(|name| shapes.find(name)) {
        Some(shape) => Ok(Box::new(Message::new(shape, shapes, Bytes::copy_from_slice(content)))),
        None => plain(shapes, desc, wire),
    }
}

fn read<'w>(slots: &[Slot], wire: &'w [u8]) -> Result<Vec<Found<'w>>, ExecutionError> {
    fields(slots, wire).map_err(|_| ExecutionError::function_error("read", "the message is malformed"))
}

fn nanos(desc: &MessageDescriptor, wire: &[u8]) -> Result<Moment, ExecutionError> {
    let (Some(seconds), Some(nanos)) = (desc.get_field(1), desc.get_field(2)) else { return Ok(0) };
    let found = read(&[slot_of(&seconds), slot_of(&nanos)], wire)?;
    let mut numbers = found.iter().map(|found| found.all().first().map_or(0, |raw| Kind::int(raw.number())));
    let (seconds, nanos) = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
    Ok(Moment::from(seconds) * NANOS + Moment::from(nanos))
}

/// A point in time, if the calendar has it.
pub(super) fn timestamp(time: Moment) -> Result<CelTimestamp, ExecutionError> {
    let seconds =
        i64::try_from(time.div_euclid(NANOS)).ok().filter(|seconds| (FIRST..=LAST).contains(seconds));
    let nanos = u32::try_from(time.rem_euclid(NANOS)).ok();
    let made = seconds.zip(nanos).and_then(|(seconds, nanos)| DateTime::from_timestamp(seconds, nanos));
    let made =
        made.ok_or_else(|| ExecutionError::function_error("timestamp", "it is beyond the years 1 to 9999"))?;
    Ok(made.fixed_offset().into())
}

fn duration(span: Moment) -> Result<CelDuration, ExecutionError> {
    let seconds = i64::try_from(span.div_euclid(NANOS)).ok();
    let nanos = u32::try_from(span.rem_euclid(NANOS)).ok();
    let made = seconds.zip(nanos).and_then(|(seconds, nanos)| TimeDelta::new(seconds, nanos));
    Ok(made.ok_or_else(|| ExecutionError::function_error("duration", "it is too long"))?.into())
}

/// A value that an option holds or a field falls back to.
pub(super) fn constant(shapes: &Arc<Shapes>, value: &Value) -> Made {
    Ok(match value {
        Value::Bool(value) => Box::new(CelBool::from(*value)),
        Value::I32(number) | Value::EnumNumber(number) => Box::new(CelInt::from(i64::from(*number))),
        Value::I64(number) => Box::new(CelInt::from(*number)),
        Value::U32(number) => Box::new(CelUInt::from(u64::from(*number))),
        Value::U64(number) => Box::new(CelUInt::from(*number)),
        Value::F32(number) => Box::new(CelDouble::from(f64::from(*number))),
        Value::F64(number) => Box::new(CelDouble::from(*number)),
        Value::String(text) => Box::new(CelString::from(text.clone())),
        Value::Bytes(bytes) => Box::new(CelBytes::from(bytes.to_vec())),
        Value::Message(inner) => message(shapes, &inner.descriptor(), &encoded(inner))?,
        Value::List(items) => {
            let items = items.iter().map(|item| constant(shapes, item)).collect::<Result<Vec<_>, _>>()?;
            Box::new(CelList::from(items))
        }
        Value::Map(entries) => {
            let entry = |(key, value): (&MapKey, &Value)| {
                let key = constant(shapes, &key.clone().into())?;
                Ok((CelMapKey::try_from(key)?, constant(shapes, value)?))
            };
            Box::new(CelMap::from(
                entries.iter().map(entry).collect::<Result<HashMap<_, _>, ExecutionError>>()?,
            ))
        }
    })
}

fn encoded(message: &DynamicMessage) -> Vec<u8> {
    message.encode_to_vec()
}

fn is_wrapper(desc: &MessageDescriptor) -> bool {
    super::super::build::wrapped_kind(desc).is_some()
}

const NULL_WHEN_UNSET: [&str; 2] = ["google.protobuf.Value", "google.protobuf.Any"];
const NANOS: Moment = 1_000_000_000;
/// The first and the last second that protobuf's timestamps have.
const FIRST: i64 = -62_135_596_800;
const LAST: i64 = 253_402_300_799;
