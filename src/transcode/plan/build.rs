//! Compiling plans from descriptors. Set-up, not request path.

use std::collections::HashMap;

use prost_reflect::{
    DescriptorPool, EnumDescriptor, ExtensionDescriptor, FieldDescriptor, Kind as Declared,
    MessageDescriptor, Syntax,
};

use super::names::Names;
use super::{Enum, EnumValue, Field, HttpBody, Inner, Kind, Message, Shape, Snippet, WellKnown, WireTag};
use crate::transcode::Settings;
use crate::transcode::UnsetFields;
use crate::transcode::json_text;

/// The plans of all message types and enums of the pool.
pub(super) fn all(pool: &DescriptorPool, settings: &Settings) -> Inner {
    let enums: Vec<_> = pool.all_enums().collect();
    let messages: Vec<_> = pool.all_messages().collect();
    let builder = Builder {
        settings,
        enum_indices: indices(enums.iter().map(EnumDescriptor::full_name)),
        message_indices: indices(messages.iter().map(MessageDescriptor::full_name)),
        enums: enums.iter().map(|desc| enumeration(desc, settings)).collect(),
    };
    let compiled = messages.iter().map(|desc| builder.message(desc)).collect();
    Inner {
        messages: compiled,
        by_name: builder.message_indices.iter().map(|(name, index)| (Box::from(*name), *index)).collect(),
        enums: builder.enums,
        settings: settings.clone(),
    }
}

fn indices<'d>(names: impl Iterator<Item = &'d str>) -> HashMap<&'d str, u32> {
    names.zip(0..).collect()
}

struct Builder<'d> {
    settings: &'d Settings,
    enum_indices: HashMap<&'d str, u32>,
    message_indices: HashMap<&'d str, u32>,
    enums: Vec<Enum>,
}

impl Builder<'_> {
    fn message(&self, desc: &MessageDescriptor) -> Message {
        let mut declared: Vec<_> = desc.fields().map(AnyField::Plain).collect();
        declared.extend(desc.extensions().map(AnyField::Extension));
        declared.sort_by_key(AnyField::number);
        let mut oneofs = Vec::new();
        let mut unset = Vec::new();
        let mut fields: Box<[_]> =
            declared.iter().map(|field| self.field(field, &mut oneofs, &mut unset)).collect();
        let unset_len = unset.len();
        unset.resize(if unset_len > 0 { unset_len + 2 * Snippet::SHORT } else { 0 }, 0);
        let json_names = (0..fields.len()).map(|place| (declared_name(&declared, place, true), place));
        let proto_names = (0..fields.len()).map(|place| (declared_name(&declared, place, false), place));
        let names = Names::new(json_names.chain(proto_names.clone()));
        for (field, place) in fields.iter_mut().zip(0..) {
            field.read_as_written = names.find(field.name.as_bytes()) == Some(place);
        }
        let shadowed = proto_names.filter(|(name, place)| names.find(name.as_bytes()) != Some(*place));
        Message {
            dense: dense(&fields),
            shadowed: Names::new(shadowed),
            names,
            known: well_known(desc, &fields),
            http_body: http_body(desc, &fields),
            boxed_in_any: desc.full_name() == "google.protobuf.Empty" || well_known(desc, &fields).is_some(),
            oneofs: oneofs.into(),
            unset_len,
            unset: unset.into(),
            fields,
        }
    }

    /// Compiles a field; its oneof and its unset text join those of the message.
    fn field(&self, field: &AnyField, oneofs: &mut Vec<Box<str>>, unset: &mut Vec<u8>) -> Field {
        let kind = self.kind(field);
        let shape = field.shape();
        let name = field.name(!self.settings.proto_names);
        let mut key = b",".to_vec();
        json_text::string(name, &mut key);
        key.push(b':');
        let start = unset.len();
        if let Some(text) = self.unset_text(field, kind, shape) {
            unset.extend_from_slice(&key);
            unset.extend_from_slice(text);
        }
        let oneof = field.oneof().map(|oneof| place_of(oneofs, &oneof));
        let tag = (field.number() << 3) | wire_type(kind);
        let packable = shape == Shape::List && is_number(kind);
        Field {
            number: field.number(),
            tag,
            wire_tag: WireTag::new(tag),
            packed_tag: if packable { (field.number() << 3) | LENGTH_DELIMITED } else { tag },
            packed: field.is_packed(),
            kind,
            shape,
            // Entries of maps are written whole: some readers expect both fields.
            implicit: shape == Shape::Single && !field.has_presence() && !field.is_of_entry(),
            plain: shape == Shape::Single && oneof.is_none(),
            oneof,
            unset: u32::try_from(start).unwrap_or(u32::MAX),
            key: Snippet::new(&key),
            name: name.into(),
            read_as_written: true,
            proto_name: field.name(false).into(),
        }
    }

    fn kind(&self, field: &AnyField) -> Kind {
        match field.kind() {
            Declared::Bool => Kind::Bool,
            Declared::Int32 => Kind::Int32,
            Declared::Sint32 => Kind::Sint32,
            Declared::Sfixed32 => Kind::Sfixed32,
            Declared::Uint32 => Kind::Uint32,
            Declared::Fixed32 => Kind::Fixed32,
            Declared::Int64 => Kind::Int64,
            Declared::Sint64 => Kind::Sint64,
            Declared::Sfixed64 => Kind::Sfixed64,
            Declared::Uint64 => Kind::Uint64,
            Declared::Fixed64 => Kind::Fixed64,
            Declared::Float => Kind::Float,
            Declared::Double => Kind::Double,
            Declared::String => Kind::String,
            Declared::Bytes => Kind::Bytes,
            Declared::Enum(desc) => Kind::Enum(index(&self.enum_indices, desc.full_name())),
            Declared::Message(desc) if field.is_group() => {
                Kind::Group(index(&self.message_indices, desc.full_name()))
            }
            Declared::Message(desc) => Kind::Message(index(&self.message_indices, desc.full_name())),
        }
    }

    /// What stands for the value of a field that is not set. A member of a oneof, which is what a proto3
    /// `optional` field is too, is left out, and so is an extension.
    fn unset_text(&self, field: &AnyField, kind: Kind, shape: Shape) -> Option<&[u8]> {
        let AnyField::Plain(desc) = field else { return None };
        if field.has_presence() {
            let null = self.settings.unset_fields == UnsetFields::Null && desc.containing_oneof().is_none();
            return null.then_some(b"null");
        }
        if self.settings.unset_fields == UnsetFields::Omit {
            return None;
        }
        match shape {
            Shape::List => Some(b"[]"),
            Shape::Map => Some(b"{}"),
            Shape::Single => Some(self.zero(kind)),
        }
    }

    fn zero(&self, kind: Kind) -> &[u8] {
        match kind {
            Kind::Bool => b"false",
            Kind::String | Kind::Bytes => b"\"\"",
            Kind::Int64 | Kind::Sint64 | Kind::Sfixed64 | Kind::Uint64 | Kind::Fixed64
                if !self.settings.int64_as_numbers =>
            {
                b"\"0\""
            }
            Kind::Enum(index) => {
                let desc = self.enums.get(index as usize);
                desc.and_then(|desc| desc.text(desc.default)).map_or(b"0", Snippet::text)
            }
            _ => b"0",
        }
    }
}

/// An index that is there: a pool holds every type that it refers to.
fn index(indices: &HashMap<&str, u32>, name: &str) -> u32 {
    indices.get(name).copied().unwrap_or(u32::MAX)
}

fn place_of(oneofs: &mut Vec<Box<str>>, name: &str) -> u16 {
    let place = oneofs.iter().position(|known| &**known == name).unwrap_or_else(|| {
        oneofs.push(name.into());
        oneofs.len() - 1
    });
    u16::try_from(place).unwrap_or(u16::MAX)
}

fn declared_name(fields: &[AnyField], place: usize, json: bool) -> &str {
    fields.get(place).map(|field| field.name(json)).unwrap_or_default()
}

/// A table for the numbers that lie close together; protobuf's numbers go up to half a milliard.
fn dense(fields: &[Field]) -> Box<[u16]> {
    let bound = fields.len() * 4 + 64;
    let highest = fields.iter().map(|field| field.number as usize).filter(|number| *number < bound).max();
    let mut dense = vec![0; highest.map_or(0, |highest| highest + 1)];
    for (field, place) in fields.iter().zip(1..=u16::MAX) {
        if let Some(slot) = dense.get_mut(field.number as usize) {
            *slot = place;
        }
    }
    dense.into()
}

fn enumeration(desc: &EnumDescriptor, settings: &Settings) -> Enum {
    let null = desc.full_name() == "google.protobuf.NullValue";
    let mut values: Vec<EnumValue> = Vec::new();
    // The declared order: of aliases, the first name is written.
    for value in &desc.enum_descriptor_proto().value {
        if values.iter().any(|known| known.number == value.number()) {
            continue;
        }
        let mut text = Vec::new();
        if null {
            text.extend_from_slice(b"null");
        } else if settings.enums_as_numbers {
            text.extend_from_slice(itoa::Buffer::new().format(value.number()).as_bytes());
        } else {
            json_text::string(value.name(), &mut text);
        }
        values.push(EnumValue { number: value.number(), text: Snippet::new(&text) });
    }
    values.sort_by_key(|value| value.number);
    let declared: Box<[(Box<str>, i32)]> = desc
        .enum_descriptor_proto()
        .value
        .iter()
        .map(|value| (value.name().into(), value.number()))
        .collect();
    Enum {
        values: values.into(),
        names: Names::new(declared.iter().zip(0..).map(|((name, _), index)| (&**name, index))),
        any_case: settings.case_insensitive_enums.then(|| {
            let names: Vec<_> = declared.iter().map(|(name, _)| name.to_ascii_lowercase()).collect();
            Names::new(names.iter().zip(0..).map(|(name, index)| (&**name, index)))
        }),
        declared,
        open: desc.parent_file().syntax() != Syntax::Proto2,
        null,
        default: desc.default_value().number(),
    }
}

/// Which well-known type the message is; none when it only has the name of one.
fn well_known(desc: &MessageDescriptor, fields: &[Field]) -> Option<WellKnown> {
    let kinds: Vec<_> = fields.iter().map(|field| (field.number, field.shape, field.kind)).collect();
    let known = match (desc.full_name().strip_prefix("google.protobuf.")?, &*kinds) {
        ("Any", [(1, Shape::Single, Kind::String), (2, Shape::Single, Kind::Bytes)]) => WellKnown::Any,
        ("Timestamp", [(1, Shape::Single, Kind::Int64), (2, Shape::Single, Kind::Int32)]) => {
            WellKnown::Timestamp
        }
        ("Duration", [(1, Shape::Single, Kind::Int64), (2, Shape::Single, Kind::Int32)]) => {
            WellKnown::Duration
        }
        ("FieldMask", [(1, Shape::List, Kind::String)]) => WellKnown::FieldMask,
        ("Struct", [(1, Shape::Map, Kind::Message(_))]) => WellKnown::Struct,
        ("ListValue", [(1, Shape::List, Kind::Message(_))]) => WellKnown::List,
        (
            "Value",
            [
                (1, Shape::Single, Kind::Enum(_)),
                (2, Shape::Single, Kind::Double),
                (3, Shape::Single, Kind::String),
                (4, Shape::Single, Kind::Bool),
                (5, Shape::Single, Kind::Message(_)),
                (6, Shape::Single, Kind::Message(_)),
            ],
        ) => WellKnown::Value,
        ("DoubleValue", [(1, Shape::Single, Kind::Double)])
        | ("FloatValue", [(1, Shape::Single, Kind::Float)])
        | ("Int64Value", [(1, Shape::Single, Kind::Int64)])
        | ("UInt64Value", [(1, Shape::Single, Kind::Uint64)])
        | ("Int32Value", [(1, Shape::Single, Kind::Int32)])
        | ("UInt32Value", [(1, Shape::Single, Kind::Uint32)])
        | ("BoolValue", [(1, Shape::Single, Kind::Bool)])
        | ("StringValue", [(1, Shape::Single, Kind::String)])
        | ("BytesValue", [(1, Shape::Single, Kind::Bytes)]) => WellKnown::Wrapper,
        _ => return None,
    };
    Some(known)
}

/// Where the body is in a `google.api.HttpBody`; nowhere when the message only has the name of one.
fn http_body(desc: &MessageDescriptor, fields: &[Field]) -> Option<HttpBody> {
    let place = |number, kind| {
        let declared = (number, Shape::Single, kind);
        fields.iter().position(|field| (field.number, field.shape, field.kind) == declared)
    };
    let (content_type, data) = (place(1, Kind::String)?, place(2, Kind::Bytes)?);
    (desc.full_name() == "google.api.HttpBody").then_some(HttpBody { content_type, data })
}

const LENGTH_DELIMITED: u32 = 2;

/// Section "Message Structure" of the protobuf encoding guide.
fn wire_type(kind: Kind) -> u32 {
    match kind {
        Kind::Sfixed64 | Kind::Fixed64 | Kind::Double => 1,
        Kind::String | Kind::Bytes | Kind::Message(_) => LENGTH_DELIMITED,
        Kind::Group(_) => 3,
        Kind::Sfixed32 | Kind::Fixed32 | Kind::Float => 5,
        _ => 0,
    }
}

fn is_number(kind: Kind) -> bool {
    !matches!(kind, Kind::String | Kind::Bytes | Kind::Message(_) | Kind::Group(_))
}

/// A field or an extension, behind one face.
enum AnyField {
    Plain(FieldDescriptor),
    Extension(ExtensionDescriptor),
}

/// Asks the descriptor that is inside.
macro_rules! ask {
    ($field:expr, $descriptor:ident => $answer:expr) => {
        match $field {
            AnyField::Plain($descriptor) => $answer,
            AnyField::Extension($descriptor) => $answer,
        }
    };
}

impl AnyField {
    fn number(&self) -> u32 {
        ask!(self, desc => desc.number())
    }

    fn kind(&self) -> Declared {
        ask!(self, desc => desc.kind())
    }

    fn is_group(&self) -> bool {
        ask!(self, desc => desc.is_group())
    }

    fn is_packed(&self) -> bool {
        ask!(self, desc => desc.is_packed())
    }

    fn has_presence(&self) -> bool {
        ask!(self, desc => desc.supports_presence())
    }

    fn is_of_entry(&self) -> bool {
        match self {
            Self::Plain(desc) => desc.parent_message().is_map_entry(),
            Self::Extension(_) => false,
        }
    }

    fn shape(&self) -> Shape {
        match (ask!(self, desc => desc.is_map()), ask!(self, desc => desc.is_list())) {
            (true, _) => Shape::Map,
            (_, true) => Shape::List,
            _ => Shape::Single,
        }
    }

    /// The name in JSON, or in the proto file.
    fn name(&self, json: bool) -> &str {
        match self {
            Self::Plain(desc) if !json => desc.name(),
            Self::Plain(desc) => desc.json_name(),
            Self::Extension(desc) => desc.json_name(),
        }
    }

    /// The oneof that holds other fields too.
    fn oneof(&self) -> Option<String> {
        let Self::Plain(desc) = self else { return None };
        let oneof = desc.containing_oneof()?;
        (oneof.fields().len() > 1).then(|| oneof.name().to_owned())
    }
}
