//! Plans: what the two directions need to know of each message type, compiled from the descriptors at load.
//!
//! A plan refers to other plans by index into one arena, so recursion costs nothing, and everything that a call
//! writes again and again (keys, enum names, runs of unset fields) is kept as ready text. Nothing here changes
//! after [`Plans::compile`]; all calls share it.

mod build;
mod names;
mod snippet;

use std::collections::HashMap;
use std::mem::{size_of, size_of_val};
use std::sync::Arc;

use prost_reflect::{DescriptorPool, MessageDescriptor};

use self::names::Names;
pub(super) use self::snippet::{Snippet, put_block, put_start};
use super::{MessagePlan, Settings};

/// The plans of all message types of a pool, for one form of JSON. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Plans(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    messages: Vec<Message>,
    enums: Vec<Enum>,
    by_name: HashMap<Box<str>, u32>,
    settings: Settings,
}

impl Plans {
    /// Compiles the plans of every message type of the pool.
    #[must_use]
    pub fn compile(pool: &DescriptorPool, settings: &Settings) -> Self {
        Self(Arc::new(build::all(pool, settings)))
    }

    /// The two directions for whole messages of a type of the pool that these plans were compiled from.
    #[must_use]
    pub fn message(&self, desc: &MessageDescriptor) -> Option<MessagePlan> {
        self.index_of(desc.full_name()).map(|index| MessagePlan::new(self.clone(), index))
    }

    /// How many message types there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.messages.len()
    }

    /// Whether there is no message type at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.messages.is_empty()
    }

    /// The memory that the plans take, in bytes, but for what the allocator adds.
    #[must_use]
    pub fn bytes(&self) -> usize {
        let messages: usize = self.0.messages.iter().map(Message::bytes).sum();
        let enums: usize = self.0.enums.iter().map(Enum::bytes).sum();
        let names: usize = self.0.by_name.keys().map(|name| name.len() + size_of::<(Box<str>, u32)>()).sum();
        messages + enums + names
    }

    pub(super) fn index_of(&self, full_name: &str) -> Option<u32> {
        self.0.by_name.get(full_name).copied()
    }

    #[inline]
    pub(super) fn get(&self, index: u32) -> Option<&Message> {
        self.0.messages.get(index as usize)
    }

    #[inline]
    pub(super) fn enumeration(&self, index: u32) -> Option<&Enum> {
        self.0.enums.get(index as usize)
    }

    pub(super) fn settings(&self) -> &Settings {
        &self.0.settings
    }
}

/// One message type.
#[derive(Debug)]
pub(super) struct Message {
    /// Fields and extensions by number. A field's place is its index here.
    pub(super) fields: Box<[Field]>,
    /// The JSON form of its own, if it has one.
    pub(super) known: Option<WellKnown>,
    /// The places of content type and data, if it is `google.api.HttpBody`.
    pub(super) http_body: Option<HttpBody>,
    /// Whether an `Any` holds it as `"value"` rather than by its fields.
    pub(super) boxed_in_any: bool,
    /// The names of its oneofs that hold more than one field.
    pub(super) oneofs: Box<[Box<str>]>,
    /// Places by number, one more than the place; 0: no field. Numbers beyond it are searched for.
    dense: Box<[u16]>,
    /// Places by JSON key: JSON names, proto names, `[full.name]` of extensions.
    names: Names,
    /// Places by those proto names that are another field's JSON name.
    shadowed: Names,
    /// What each field writes when it is not set, one after the other, and room to read behind it.
    unset: Box<[u8]>,
    /// Without that room.
    unset_len: usize,
}

impl Message {
    /// The place of the field with this number.
    #[inline]
    pub(super) fn place(&self, number: u32) -> Option<usize> {
        match self.dense.get(number as usize) {
            Some(0) => None,
            Some(place) => Some(usize::from(*place) - 1),
            None => self.fields.binary_search_by_key(&number, |field| field.number).ok(),
        }
    }

    /// The place of the field that a JSON key means.
    #[inline]
    pub(super) fn place_of_key(&self, key: &[u8]) -> Option<usize> {
        self.names.find(key)
    }

    /// The place of the field that a name in a query means: proto names go first there.
    pub(super) fn place_of_parameter(&self, name: &[u8]) -> Option<usize> {
        self.shadowed.find(name).or_else(|| self.names.find(name))
    }

    /// Appends what the fields from one place up to another write when none of them is set.
    #[inline]
    pub(super) fn put_unset(&self, from: usize, to: usize, out: &mut Vec<u8>) {
        if from >= to || self.unset_len == 0 {
            return;
        }
        let start =
            |place: usize| self.fields.get(place).map_or(self.unset_len, |field| field.unset as usize);
        let (start, end) = (start(from), start(to));
        put_start(self.unset.get(start..).unwrap_or_default(), end.saturating_sub(start), out);
    }

    fn bytes(&self) -> usize {
        let fields: usize = self
            .fields
            .iter()
            .map(|field| field.key.bytes() + field.name.len() + field.proto_name.len())
            .sum();
        size_of::<Self>()
            + size_of_val(&*self.fields)
            + fields
            + size_of_val(&*self.dense)
            + self.names.bytes()
            + self.shadowed.bytes()
            + self.unset.len()
    }
}

/// One field or extension.
#[derive(Debug)]
pub(super) struct Field {
    pub(super) number: u32,
    /// The tag of one value.
    pub(super) tag: u32,
    /// The same as the wire has it.
    pub(super) wire_tag: WireTag,
    /// The tag of packed values; the tag of one value where there is no such form.
    pub(super) packed_tag: u32,
    /// Whether lists are written packed.
    pub(super) packed: bool,
    pub(super) kind: Kind,
    pub(super) shape: Shape,
    /// Whether it has no presence: zero is the same as unset.
    pub(super) implicit: bool,
    /// The oneof of more than one field that it is a member of.
    pub(super) oneof: Option<u16>,
    /// Whether it has one value and is in no such oneof, so that a value concerns no other.
    pub(super) plain: bool,
    /// Where its text begins among the unset ones.
    unset: u32,
    /// `,"name":`
    pub(super) key: Snippet,
    /// The name as its key has it.
    pub(super) name: Box<str>,
    /// Whether that key means this field when it is read: it may be another's JSON name.
    pub(super) read_as_written: bool,
    /// The name in the proto file.
    pub(super) proto_name: Box<str>,
}

impl Field {
    /// Whether it is one message of this field's type that is `google.api.HttpBody`.
    pub(super) fn http_body(&self, plans: &Plans) -> Option<HttpBody> {
        let message = self.kind.message().filter(|_| self.shape == Shape::Single)?;
        plans.get(message)?.http_body
    }

    /// Whether values may come packed.
    pub(super) fn packable(&self) -> bool {
        self.packed_tag != self.tag
    }
}

/// The bytes of a tag, ready to be written together with a short value.
#[derive(Debug, Clone, Copy)]
pub(super) struct WireTag {
    pub(super) bytes: u64,
    pub(super) len: usize,
}

impl WireTag {
    /// No tag at all.
    pub(super) const NONE: Self = Self { bytes: 0, len: 0 };

    fn new(tag: u32) -> Self {
        let (mut bytes, mut len, mut rest) = (0, 0, u64::from(tag));
        while len == 0 || rest > 0 {
            let more = if rest > 0x7f { 0x80 } else { 0 };
            bytes |= ((rest & 0x7f) | more) << (8 * len);
            (len, rest) = (len + 1, rest >> 7);
        }
        Self { bytes, len }
    }
}

/// How many values a field has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    Single,
    List,
    /// The kind is the message of an entry: key at place 0, value at place 1.
    Map,
}

/// What a value is. Enums and messages are indices into the plans.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Bool,
    Int32,
    Sint32,
    Sfixed32,
    Uint32,
    Fixed32,
    Int64,
    Sint64,
    Sfixed64,
    Uint64,
    Fixed64,
    Float,
    Double,
    String,
    Bytes,
    Enum(u32),
    Message(u32),
    Group(u32),
}

impl Kind {
    /// The message type, if it is one.
    pub(super) fn message(self) -> Option<u32> {
        match self {
            Self::Message(index) | Self::Group(index) => Some(index),
            _ => None,
        }
    }

    /// What a client should have sent, in words.
    pub(super) fn expectation(self) -> &'static str {
        match self {
            Self::Int32 | Self::Sint32 | Self::Sfixed32 => "a signed 32-bit integer",
            Self::Uint32 | Self::Fixed32 => "an unsigned 32-bit integer",
            Self::Int64 | Self::Sint64 | Self::Sfixed64 => "a signed 64-bit integer",
            Self::Uint64 | Self::Fixed64 => "an unsigned 64-bit integer",
            Self::Float => "a 32-bit floating point number",
            Self::Double => "a 64-bit floating point number",
            Self::Bool => "true or false",
            Self::String => "a string",
            Self::Bytes => "base64 text",
            Self::Enum(_) => "the name or number of an enum value",
            Self::Message(_) | Self::Group(_) => "an object",
        }
    }
}

/// A message type with a JSON form of its own, declared as usual.
///
/// `google.protobuf.Empty` is not among them: its JSON, `{}`, is that of any message without fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum WellKnown {
    Any,
    Timestamp,
    Duration,
    FieldMask,
    Struct,
    Value,
    List,
    Wrapper,
}

/// The places of the two fields of `google.api.HttpBody` that make up an HTTP body. Its `extensions` are facts for
/// applications.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct HttpBody {
    pub(super) content_type: usize,
    pub(super) data: usize,
}

/// One enum type.
#[derive(Debug)]
pub(super) struct Enum {
    /// Its values by number, each number once.
    values: Box<[EnumValue]>,
    /// The names and their numbers as they are declared.
    declared: Box<[(Box<str>, i32)]>,
    /// Where among those a name is.
    names: Names,
    /// The same for names in small letters, when settings read them in any case.
    any_case: Option<Names>,
    /// Whether it holds numbers that it has no name for (proto3).
    pub(super) open: bool,
    /// Whether it is `google.protobuf.NullValue`, which JSON writes as `null`.
    pub(super) null: bool,
    /// The value of an unset field.
    pub(super) default: i32,
}

#[derive(Debug)]
struct EnumValue {
    number: i32,
    /// The name in quotes, or the number, as settings have it.
    text: Snippet,
}

impl Enum {
    /// How a number is written in JSON, when the enum has it.
    #[inline]
    pub(super) fn text(&self, number: i32) -> Option<&Snippet> {
        // Most enums count from zero without a gap.
        let near = usize::try_from(number).ok().and_then(|index| self.values.get(index));
        match near {
            Some(value) if value.number == number => Some(&value.text),
            _ => {
                let index = self.values.binary_search_by_key(&number, |value| value.number).ok()?;
                self.values.get(index).map(|value| &value.text)
            }
        }
    }

    /// Whether a number is a value of it; an open one takes any.
    #[inline]
    pub(super) fn takes(&self, number: i32) -> bool {
        self.open || self.text(number).is_some()
    }

    /// The number of the value with exactly this name.
    #[inline]
    pub(super) fn number_of_exactly(&self, name: &[u8]) -> Option<i32> {
        self.declared.get(self.names.find(name)?).map(|(_, number)| *number)
    }

    /// The number of the value with this name.
    pub(super) fn number(&self, name: &[u8]) -> Option<i32> {
        let any_case = || self.any_case.as_ref()?.find(&name.to_ascii_lowercase());
        let index = self.names.find(name).or_else(any_case)?;
        self.declared.get(index).map(|(_, number)| *number)
    }

    /// What is wrong with a name or number that the enum does not have.
    pub(super) fn unknown(&self, found: &str) -> String {
        let names: Vec<_> = self.declared.iter().take(NAMES_SHOWN).map(|(name, _)| &**name).collect();
        let more = if self.declared.len() > NAMES_SHOWN { ", ..." } else { "" };
        format!("expected one of {}{more}, found {found}", names.join(", "))
    }

    fn bytes(&self) -> usize {
        let values: usize = self.values.iter().map(|value| size_of_val(value) + value.text.bytes()).sum();
        let declared: usize = self.declared.iter().map(|entry| entry.0.len() + size_of_val(entry)).sum();
        size_of::<Self>() + values + declared + self.names.bytes()
    }
}

const NAMES_SHOWN: usize = 8;
