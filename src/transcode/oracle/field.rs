//! A field of a message, ordinary or extension, behind one face, and the questions that transcoding asks.

use std::borrow::Cow;

use prost_reflect::{
    DynamicMessage, ExtensionDescriptor, FieldDescriptor, Kind, MessageDescriptor, OneofDescriptor,
    ReflectMessage, Value,
};

/// A field or an extension of a message.
#[derive(Debug, Clone)]
pub(in crate::transcode) enum Field {
    Plain(FieldDescriptor),
    Extension(ExtensionDescriptor),
}

/// Asks the descriptor that is inside.
macro_rules! ask {
    ($field:expr, $descriptor:ident => $answer:expr) => {
        match $field {
            Field::Plain($descriptor) => $answer,
            Field::Extension($descriptor) => $answer,
        }
    };
}

impl Field {
    /// The field that a JSON key means: JSON name, proto name, or `[full.name]` of an extension.
    pub(in crate::transcode) fn of_key(desc: &MessageDescriptor, key: &str) -> Option<Self> {
        if key.starts_with('[') {
            return desc.get_extension_by_json_name(key).map(Self::Extension);
        }
        desc.get_field_by_json_name(key).or_else(|| desc.get_field_by_name(key)).map(Self::Plain)
    }

    /// The field that has this number on the wire.
    pub(in crate::transcode) fn of_number(desc: &MessageDescriptor, number: u32) -> Option<Self> {
        let plain = desc.get_field(number).map(Self::Plain);
        plain.or_else(|| desc.get_extension(number).map(Self::Extension))
    }

    /// The message's own fields and those extensions that are set, by number.
    pub(in crate::transcode) fn all(message: &DynamicMessage) -> Vec<Self> {
        let desc = message.descriptor();
        let mut fields: Vec<_> = desc.fields().map(Self::Plain).collect();
        fields.extend(message.extensions().map(|(extension, _)| Self::Extension(extension)));
        fields.sort_by_key(Self::number);
        fields
    }

    pub(in crate::transcode) fn number(&self) -> u32 {
        ask!(self, desc => desc.number())
    }

    pub(in crate::transcode) fn kind(&self) -> Kind {
        ask!(self, desc => desc.kind())
    }

    pub(in crate::transcode) fn is_list(&self) -> bool {
        ask!(self, desc => desc.is_list())
    }

    pub(in crate::transcode) fn is_map(&self) -> bool {
        ask!(self, desc => desc.is_map())
    }

    pub(in crate::transcode) fn is_group(&self) -> bool {
        ask!(self, desc => desc.is_group())
    }

    pub(in crate::transcode) fn is_packed(&self) -> bool {
        ask!(self, desc => desc.is_packed())
    }

    pub(in crate::transcode) fn has_presence(&self) -> bool {
        ask!(self, desc => desc.supports_presence())
    }

    /// The name in JSON: lowerCamel, or as in the proto file.
    pub(in crate::transcode) fn key(&self, proto_names: bool) -> &str {
        match self {
            Self::Plain(desc) if proto_names => desc.name(),
            Self::Plain(desc) => desc.json_name(),
            Self::Extension(desc) => desc.json_name(),
        }
    }

    /// The oneof that the field is a member of; a proto3 `optional` field is in one by itself.
    pub(in crate::transcode) fn oneof(&self) -> Option<OneofDescriptor> {
        match self {
            Self::Plain(desc) => desc.containing_oneof(),
            Self::Extension(_) => None,
        }
    }

    /// The value, or the default when it is not set.
    pub(in crate::transcode) fn get<'m>(&self, message: &'m DynamicMessage) -> Cow<'m, Value> {
        match self {
            Self::Plain(desc) => message.get_field(desc),
            Self::Extension(desc) => message.get_extension(desc),
        }
    }

    /// Whether the value is on the wire. A negative zero is not the default, though it equals it.
    pub(in crate::transcode) fn is_set(&self, message: &DynamicMessage) -> bool {
        let set = match self {
            Self::Plain(desc) => message.has_field(desc),
            Self::Extension(desc) => message.has_extension(desc),
        };
        set || (!self.has_presence()
            && matches!(self.kind(), Kind::Float | Kind::Double)
            && match *self.get(message) {
                Value::F32(value) => value.is_sign_negative(),
                Value::F64(value) => value.is_sign_negative(),
                _ => false,
            })
    }

    /// Sets the value; false when it is not of the field's type.
    #[must_use]
    pub(in crate::transcode) fn set(&self, message: &mut DynamicMessage, value: Value) -> bool {
        match self {
            Self::Plain(desc) => message.try_set_field(desc, value).is_ok(),
            Self::Extension(desc) => {
                let valid = value.is_valid_for_extension(desc);
                if valid {
                    message.set_extension(desc, value);
                }
                valid
            }
        }
    }
}

/// The oneof of the field, when another of its members is set already.
pub(in crate::transcode) fn oneof_conflict(
    message: &DynamicMessage,
    field: &FieldDescriptor,
) -> Option<OneofDescriptor> {
    let oneof = field.containing_oneof()?;
    let taken = oneof.fields().any(|other| other.number() != field.number() && message.has_field(&other));
    taken.then_some(oneof)
}
