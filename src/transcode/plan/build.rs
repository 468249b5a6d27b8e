//! Plans from descriptors and settings.

use prost_reflect::{EnumDescriptor, Kind as Declared, MessageDescriptor};

use super::{Enum, Field, Kind, Message, Plans, Shape};
use crate::transcode::field::Field as Described;
use crate::transcode::known::{WellKnown, is_boxed_in_any, is_null_value};
use crate::transcode::print::Printer;
use crate::transcode::write::Writer;
use crate::transcode::{Settings, UnsetFields, scalar};

/// Field numbers below this one are looked up in a table.
const DENSE: u32 = 512;

/// The plan of one type.
pub(super) fn message(plans: &Plans, desc: &MessageDescriptor) -> Message {
    let extensions = desc.extensions().map(Described::Extension);
    let mut described: Vec<_> = desc.fields().map(Described::Plain).chain(extensions).collect();
    described.sort_by_key(Described::number);
    described.dedup_by_key(|field| field.number());
    let fields: Box<[_]> = described.iter().map(|field| self::field(plans, desc, field)).collect();
    Message {
        known: WellKnown::of(desc),
        boxed_in_any: is_boxed_in_any(desc),
        dense: dense(&fields),
        fields,
        oneofs: desc.oneofs().len(),
    }
}

fn dense(fields: &[Field]) -> Box<[u16]> {
    let small = |field: &&Field| field.number < DENSE;
    let length = fields.iter().filter(small).map(|field| field.number as usize + 1).max().unwrap_or(0);
    let mut table = vec![0; length];
    for (place, field) in fields.iter().enumerate() {
        if let (Some(slot), Ok(one_more)) = (table.get_mut(field.number as usize), u16::try_from(place + 1)) {
            *slot = one_more;
        }
    }
    table.into()
}

fn field(plans: &Plans, desc: &MessageDescriptor, field: &Described) -> Field {
    let settings = Settings { indent: false, ..plans.settings().clone() };
    let name = field.key(settings.proto_names);
    let key = key(name);
    let default = default(field, &settings);
    let extension = matches!(field, Described::Extension(_));
    let unset = match settings.unset_fields {
        UnsetFields::Null if field.has_presence() && field.oneof().is_none() => Some(&b"null"[..]),
        UnsetFields::Null | UnsetFields::Zero if !field.has_presence() => Some(&*default),
        _ => None,
    };
    let unset = unset.filter(|_| !extension).map(|text| [&*key, text].concat()).unwrap_or_default();
    let declared = field.kind();
    Field {
        number: field.number(),
        kind: kind(plans, &declared),
        shape: match () {
            () if field.is_map() => Shape::Map,
            () if field.is_list() => Shape::List,
            () => Shape::Single,
        },
        presence: field.has_presence(),
        wire_type: if field.is_group() {
            prost::encoding::WireType::StartGroup
        } else {
            declared.wire_type()
        },
        packable: !matches!(declared, Declared::String | Declared::Bytes | Declared::Message(_)),
        oneof: field.oneof().and_then(|oneof| desc.oneofs().position(|one| one == oneof)),
        name: name.into(),
        key: key.into(),
        unset: unset.into(),
        default,
    }
}

/// `,"name":`
fn key(name: &str) -> Vec<u8> {
    let mut key = vec![b','];
    Printer::new(&mut key, false).string(name);
    key.push(b':');
    key
}

/// The JSON of a field that holds its default; nothing for a message, which is written when it is needed.
fn default(field: &Described, settings: &Settings) -> Box<[u8]> {
    let value = match field {
        Described::Plain(desc) => desc.default_value(),
        Described::Extension(desc) => desc.default_value(),
    };
    let mut text = Vec::new();
    if value.as_message().is_none() {
        // Only messages can be without a JSON form.
        let _ = Writer::new(&mut text, settings).value(field, &value);
    }
    text.into()
}

fn kind(plans: &Plans, declared: &Declared) -> Kind {
    match declared {
        Declared::Bool => Kind::Bool,
        Declared::Int32 | Declared::Sfixed32 => Kind::Int32,
        Declared::Sint32 => Kind::Sint32,
        Declared::Uint32 | Declared::Fixed32 => Kind::Uint32,
        Declared::Int64 | Declared::Sfixed64 => Kind::Int64,
        Declared::Sint64 => Kind::Sint64,
        Declared::Uint64 | Declared::Fixed64 => Kind::Uint64,
        Declared::Float => Kind::Float,
        Declared::Double => Kind::Double,
        Declared::String => Kind::Text,
        Declared::Bytes => Kind::Bytes,
        Declared::Enum(desc) => Kind::Enum(self::values(desc, plans.settings())),
        // Every type that a field names is in the field's pool.
        Declared::Message(desc) => Kind::Message(plans.find(desc.full_name()).unwrap_or(usize::MAX)),
    }
}

fn values(desc: &EnumDescriptor, settings: &Settings) -> Enum {
    let mut numbers: Vec<_> = desc.values().map(|value| value.number()).collect();
    numbers.sort_unstable();
    numbers.dedup();
    let text = |number: i32| {
        let mut text = Vec::new();
        let mut json = Printer::new(&mut text, false);
        match scalar::enum_name(desc, number) {
            Some(name) if !settings.enums_as_numbers => json.string(name),
            _ => json.raw(itoa::Buffer::new().format(number)),
        }
        (number, text.into())
    };
    Enum {
        null: is_null_value(desc),
        closed: !scalar::is_open(desc),
        default: desc.default_value().number(),
        values: numbers.into_iter().map(text).collect(),
    }
}
