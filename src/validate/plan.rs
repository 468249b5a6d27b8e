//! What there is to check of each message type, compiled from its options.
//!
//! Plans refer to each other by index into one arena, so that recursion costs nothing. A type that has no rule, and
//! none below it, has no plan.

use std::collections::HashMap;
use std::sync::Arc;

use prost_reflect::{FieldDescriptor, MessageDescriptor};

use super::expression::{self, Environment};
use super::kind::Kind;
use super::read::{Found, Raw, Shape, Slot};
use super::rule::{AnyTest, BytesTest, EnumTest, MaskTest, NumberTest, Rule, TextTest, TimeTest};

/// The plans of all message types.
#[derive(Debug)]
pub(super) struct Plans {
    pub(super) messages: Vec<Option<Message>>,
    pub(super) by_name: HashMap<Box<str>, u32>,
    pub(super) environment: Arc<Environment>,
}

impl Plans {
    pub(super) fn get(&self, index: u32) -> Option<&Message> {
        self.messages.get(index as usize)?.as_ref()
    }
}

/// One message type.
#[derive(Debug)]
pub(super) struct Message {
    pub(super) desc: MessageDescriptor,
    /// The fields that rules ask for, and those that share a oneof with them, in order of their numbers.
    pub(super) slots: Box<[Slot]>,
    /// Rules on the whole message.
    pub(super) rules: Box<[expression::Rule]>,
    pub(super) choices: Box<[Choice]>,
    pub(super) oneofs: Box<[Oneof]>,
    pub(super) fields: Box<[Field]>,
}

/// Fields of which at most one may be set, without a real oneof.
#[derive(Debug)]
pub(super) struct Choice {
    /// Their slots, and whether they have presence.
    pub(super) members: Box<[(usize, bool)]>,
    pub(super) required: bool,
    /// Their names as texts show them: `a, b`.
    pub(super) names: Box<str>,
}

/// A oneof of which one member has to be set.
#[derive(Debug)]
pub(super) struct Oneof {
    pub(super) name: Box<str>,
    pub(super) slots: Box<[usize]>,
}

/// One field.
#[derive(Debug)]
pub(super) struct Field {
    pub(super) slot: usize,
    pub(super) name: Box<str>,
    /// Whether zero and unset are two things.
    pub(super) presence: bool,
    pub(super) required: bool,
    /// Whether an unset field is left alone.
    pub(super) skips_unset: bool,
    pub(super) content: Content,
}

/// What there is to check of a field's value.
#[derive(Debug)]
pub(super) enum Content {
    Single(Value),
    List(List),
    Map(Box<Map>),
}

/// A list.
#[derive(Debug)]
pub(super) struct List {
    pub(super) desc: FieldDescriptor,
    pub(super) kind: Kind,
    pub(super) expressions: Box<[expression::Rule]>,
    pub(super) rules: Box<[Rule<SizeTest>]>,
    pub(super) items: Option<Value>,
}

/// A map.
#[derive(Debug)]
pub(super) struct Map {
    pub(super) desc: FieldDescriptor,
    pub(super) expressions: Box<[expression::Rule]>,
    pub(super) rules: Box<[Rule<SizeTest>]>,
    /// Key and value of an entry.
    pub(super) entry: [Slot; 2],
    pub(super) keys: Option<Value>,
    pub(super) values: Option<Value>,
}

/// What there is to check of one value: a field's, an item's, a key's.
#[derive(Debug)]
pub(super) struct Value {
    pub(super) desc: FieldDescriptor,
    /// Whether a zero value is left alone.
    pub(super) skips_zero: bool,
    pub(super) expressions: Box<[expression::Rule]>,
    pub(super) check: Check,
    /// The plan of the message that it is.
    pub(super) message: Option<u32>,
}

/// The standard rules, by what they look at.
#[derive(Debug)]
pub(super) enum Check {
    Nothing,
    Int(Box<[Rule<NumberTest<i64>>]>),
    Uint(Box<[Rule<NumberTest<u64>>]>),
    Float(Box<[Rule<NumberTest<f64>>]>),
    Bool(Rule<bool>),
    Enum(Box<[Rule<EnumTest>]>),
    Text(Box<[Rule<TextTest>]>),
    Bytes(Box<[Rule<BytesTest>]>),
    Any(Box<[Rule<AnyTest>]>),
    Time(Box<[Rule<TimeTest>]>),
    Mask(Box<[Rule<MaskTest>]>),
    /// The value of a wrapper message, which stands in its field 1.
    Wrapped(Box<[Slot; 1]>, Box<Check>),
}

impl Check {
    pub(super) fn is_nothing(&self) -> bool {
        matches!(self, Self::Nothing)
    }
}

/// How many items or entries there have to be.
#[derive(Debug, Clone, Copy)]
pub(super) enum SizeTest {
    Least(u64),
    Most(u64),
    Unique,
}

/// Whether a message has a field: for one without presence, whether it differs from zero.
pub(super) fn is_set(slot: &Slot, presence: bool, found: &Found<'_>) -> bool {
    match found {
        Found::Nothing => false,
        Found::One(_) if slot.shape != Shape::Single || presence => true,
        Found::One(raw) => !is_zero(*raw),
        Found::Many(values) => !values.is_empty(),
    }
}

pub(super) fn is_zero(raw: Raw<'_>) -> bool {
    matches!(raw, Raw::Number(0) | Raw::Bytes(b""))
}
