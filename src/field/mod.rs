//! Values of single fields, found in a message's wire bytes by field path.
//!
//! Not for whole messages as JSON: that is [`transcode`](crate::transcode). Request path: one pass over the message
//! for each step of the path, no allocation but for numbers, lists and messages in pieces.

#![cfg_attr(
    not(test),
    deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)
)]

mod text;

use std::borrow::Cow;

use prost_reflect::{FieldDescriptor, Kind, MessageDescriptor};

use crate::rule::FieldPath;
use crate::wire::field::{Fields, Value};

/// A field path, made ready for finding its field in messages of one type.
#[derive(Debug, Clone)]
pub struct Selector {
    steps: Box<[Step]>,
    field: FieldDescriptor,
}

/// One field of the path.
#[derive(Debug, Clone)]
struct Step {
    number: u32,
    /// The other members of its oneof: one that comes later drops it.
    rivals: Box<[u32]>,
    /// Whether it is a group, delimited by tags.
    group: bool,
}

impl Selector {
    /// Finds the path, written with proto names (`cluster.account_id`), in a message type.
    ///
    /// # Errors
    /// What is wrong with the path, and the cure where there is one.
    pub fn compile(message: &MessageDescriptor, path: &str) -> Result<Self, String> {
        let path = FieldPath::resolve(message, path)?;
        Self::of(&path).ok_or_else(|| "the path is empty".to_owned())
    }

    /// The same for a path that was found already; `None` for an empty one.
    #[must_use]
    pub fn of(path: &FieldPath) -> Option<Self> {
        let field = path.last()?.clone();
        Some(Self { steps: path.0.iter().map(Step::of).collect(), field })
    }

    /// The field at the end of the path.
    #[must_use]
    pub fn field(&self) -> &FieldDescriptor {
        &self.field
    }

    /// Whether [`text`](Self::text) can have anything to say: not for messages and maps.
    #[must_use]
    pub fn has_text(&self) -> bool {
        !matches!(self.field.kind(), Kind::Message(_))
    }

    /// The value as text: numbers in decimal, enums by name, bytes as base64, a list with commas. `None` where it is
    /// not set, or zero and without presence, or the bytes are no message.
    #[must_use]
    pub fn text<'w>(&self, wire: &'w [u8]) -> Option<Cow<'w, str>> {
        let (last, parents) = self.steps.split_last()?;
        match parent(parents, wire)? {
            Cow::Borrowed(message) => self.text_in(last, message),
            Cow::Owned(message) => self.text_in(last, &message).map(|text| Cow::Owned(text.into_owned())),
        }
    }

    fn text_in<'w>(&self, step: &Step, message: &'w [u8]) -> Option<Cow<'w, str>> {
        if self.field.is_list() {
            text::of_list(&self.field, step.values(message)?)
        } else {
            text::of(&self.field, step.last(message)?)
        }
    }
}

impl Step {
    fn of(field: &FieldDescriptor) -> Self {
        Self { number: field.number(), rivals: rivals(field), group: field.is_group() }
    }

    /// Makes one of the values of the field in a message, of which a rival leaves none; `None` when the bytes are no
    /// message.
    fn fold<'w, A: Default>(&self, message: &'w [u8], mut add: impl FnMut(&mut A, Value<'w>)) -> Option<A> {
        let mut all = A::default();
        for field in Fields::of(message) {
            let field = field.ok()?;
            if field.number == self.number {
                add(&mut all, field.value);
            } else if self.rivals.contains(&field.number) {
                all = A::default();
            }
        }
        Some(all)
    }

    /// All values of a list.
    fn values<'w>(&self, message: &'w [u8]) -> Option<Vec<Value<'w>>> {
        self.fold(message, |all: &mut Vec<_>, value| all.push(value))
    }

    /// The last value, which is the one that counts.
    fn last<'w>(&self, message: &'w [u8]) -> Option<Value<'w>> {
        self.fold(message, |last, value| *last = Some(value))?
    }

    /// The bytes of the message in the field, which are copied only where it comes in pieces.
    fn message<'w>(&self, message: &'w [u8]) -> Option<Cow<'w, [u8]>> {
        self.fold(message, |all: &mut Option<Cow<'w, [u8]>>, value| {
            let piece = match value {
                Value::Bytes(bytes) if !self.group => bytes,
                Value::Group(bytes) if self.group => bytes,
                // In another wire type it is another field, and nobody knows it.
                _ => return,
            };
            match all {
                Some(pieces) => pieces.to_mut().extend_from_slice(piece),
                None => *all = Some(Cow::Borrowed(piece)),
            }
        })?
    }
}

/// The numbers of the other members of a field's oneof: one that comes later in a message takes its place.
#[must_use]
pub fn rivals(field: &FieldDescriptor) -> Box<[u32]> {
    let others = field.containing_oneof().map(|oneof| {
        let members = oneof.fields().map(|member| member.number());
        members.filter(|number| *number != field.number()).collect()
    });
    others.unwrap_or_default()
}

/// The message at the end of the steps, its pieces joined, which is how protobuf merges them.
fn parent<'w>(steps: &[Step], wire: &'w [u8]) -> Option<Cow<'w, [u8]>> {
    steps.iter().try_fold(Cow::Borrowed(wire), |message, step| match message {
        Cow::Borrowed(message) => step.message(message),
        Cow::Owned(message) => step.message(&message).map(|inner| Cow::Owned(inner.into_owned())),
    })
}

#[cfg(test)]
mod tests;
