//! What is known of every message type before its first message comes: fields by number, the text of their keys
//! and defaults, enum names ready to copy. Types refer to one another by index.
//!
//! Not for reading or writing messages ([`json`](super::json)).

mod build;

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

use prost::encoding::WireType;
use prost_reflect::{DescriptorPool, MessageDescriptor};

use super::Settings;
use super::known::WellKnown;

/// The plans of all message types of a pool under the same settings; clones share them.
#[derive(Debug, Clone)]
pub struct Plans(Arc<Arena>);

#[derive(Debug)]
struct Arena {
    types: Vec<Slot>,
    by_name: HashMap<Box<str>, usize>,
    settings: Settings,
}

/// A type, and its plan once it was needed: few of a pool's types are ever answered with.
#[derive(Debug)]
struct Slot {
    desc: MessageDescriptor,
    plan: OnceLock<Message>,
}

impl Plans {
    /// Makes room for the plans of all types of the pool; each is compiled when it is first asked for.
    #[must_use]
    pub fn compile(pool: &DescriptorPool, settings: &Settings) -> Self {
        let types: Vec<_> = pool.all_messages().map(|desc| Slot { desc, plan: OnceLock::new() }).collect();
        let names = types.iter().enumerate();
        let by_name = names.map(|(index, slot)| (slot.desc.full_name().into(), index)).collect();
        Self(Arc::new(Arena { types, by_name, settings: settings.clone() }))
    }

    /// The settings that the plans were compiled for.
    pub(super) fn settings(&self) -> &Settings {
        &self.0.settings
    }

    /// Where the plan of the type with this full name is.
    pub(super) fn find(&self, name: &str) -> Option<usize> {
        self.0.by_name.get(name).copied()
    }

    /// The plan at an index that [`find`](Self::find) gave.
    pub(super) fn get(&self, index: usize) -> Option<&Message> {
        let slot = self.0.types.get(index)?;
        Some(slot.plan.get_or_init(|| build::message(self, &slot.desc)))
    }
}

/// One message type.
#[derive(Debug)]
pub(super) struct Message {
    pub(super) known: Option<WellKnown>,
    /// Whether an `Any` holds it as `"value"`.
    pub(super) boxed_in_any: bool,
    /// By number.
    pub(super) fields: Box<[Field]>,
    /// For small numbers, one more than the place in `fields`; 0 when there is no such field.
    dense: Box<[u16]>,
    /// How many oneofs with more than one member there are.
    pub(super) oneofs: usize,
}

impl Message {
    /// The place of the field with this number.
    pub(super) fn position(&self, number: u32) -> Option<usize> {
        let place = usize::try_from(number).ok()?;
        match self.dense.get(place) {
            Some(one_more) => usize::from(*one_more).checked_sub(1),
            None => self.fields.binary_search_by_key(&number, |field| field.number).ok(),
        }
    }
}

/// One field.
#[derive(Debug)]
pub(super) struct Field {
    pub(super) number: u32,
    pub(super) kind: Kind,
    pub(super) shape: Shape,
    pub(super) presence: bool,
    /// How one value of it is laid out.
    pub(super) wire_type: WireType,
    /// Whether a repeated one may be packed.
    pub(super) packable: bool,
    /// Which of the message's oneofs it is a member of.
    pub(super) oneof: Option<usize>,
    /// The name that its JSON has.
    pub(super) name: Box<str>,
    /// `,"name":`
    pub(super) key: Box<[u8]>,
    /// `,"name":0`, or nothing when it is left out while it is not set.
    pub(super) unset: Box<[u8]>,
    /// The JSON of its default.
    pub(super) default: Box<[u8]>,
}

impl Field {
    /// Whether bytes of this wire type can be values of it.
    pub(super) fn takes(&self, wire_type: WireType) -> bool {
        wire_type == self.wire_type
            || (wire_type == WireType::LengthDelimited && self.packable && self.shape == Shape::List)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    Single,
    List,
    Map,
}

#[derive(Debug)]
pub(super) enum Kind {
    Bool,
    Int32,
    Sint32,
    /// Also `fixed32`.
    Uint32,
    /// Also `sfixed64`.
    Int64,
    Sint64,
    /// Also `fixed64`.
    Uint64,
    Float,
    Double,
    Text,
    Bytes,
    Enum(Enum),
    /// By index; of a map, its entry.
    Message(usize),
}

/// The values of an enum, with the JSON of each.
#[derive(Debug)]
pub(super) struct Enum {
    /// `google.protobuf.NullValue`.
    pub(super) null: bool,
    /// Whether numbers without a name are unknown fields.
    pub(super) closed: bool,
    default: i32,
    /// By number.
    values: Box<[(i32, Box<[u8]>)]>,
}

impl Enum {
    /// The JSON of a value that has a name.
    pub(super) fn text(&self, number: i32) -> Option<&[u8]> {
        // Most enums count up from 0.
        let guess = usize::try_from(number).ok().and_then(|place| self.values.get(place));
        if let Some((_, text)) = guess.filter(|(found, _)| *found == number) {
            return Some(text);
        }
        let place = self.values.binary_search_by_key(&number, |(found, _)| *found).ok()?;
        self.values.get(place).map(|(_, text)| &**text)
    }

    /// Whether a field that does not have this value set looks the same.
    pub(super) fn is_default(&self, number: i32) -> bool {
        self.default == number
    }
}
