//! Field paths, walked down on the wire: to the pieces of a message, and to the values that a read request is made of.
//!
//! Not for a value as text: that is [`field`](crate::field).

use prost_reflect::FieldDescriptor;

use crate::field::rivals;
use crate::rule::FieldPath;
use crate::wire::field::{Fields, Malformed, Value, put_bytes, put_varint};

use prost::encoding::{WireType, encode_key};

/// One field of a path.
#[derive(Debug, Clone)]
pub(super) struct Step {
    pub(super) number: u32,
    pub(super) group: bool,
    /// The other members of its oneof: one that comes later takes its place.
    rivals: Box<[u32]>,
}

impl Step {
    /// The steps of a path.
    pub(super) fn all(path: &FieldPath) -> Box<[Self]> {
        path.0.iter().map(Self::of).collect()
    }

    fn of(field: &FieldDescriptor) -> Self {
        Self { number: field.number(), group: field.is_group(), rivals: rivals(field) }
    }

    /// The values of the field in a message that comes in pieces.
    pub(super) fn values<'w>(&self, message: &[&'w [u8]]) -> Result<Vec<Value<'w>>, Malformed> {
        let mut values = Vec::new();
        for field in message.iter().flat_map(|piece| Fields::of(piece)) {
            let field = field?;
            if field.number == self.number {
                values.push(field.value);
            } else if self.rivals.contains(&field.number) {
                values.clear();
            }
        }
        Ok(values)
    }
}

/// Whether a value is a message, delimited by tags or by its length as the field's are.
pub(super) fn is_message(value: Value<'_>, group: bool) -> bool {
    matches!((group, value), (false, Value::Bytes(_)) | (true, Value::Group(_)))
}

/// Whether the last value of a field says something: none, zero and the empty text do not.
pub(super) fn is_stated(last: Option<&Value<'_>>) -> bool {
    last.is_some_and(|last| match *last {
        Value::Varint(number) | Value::Fixed64(number) => number != 0,
        Value::Fixed32(number) => number != 0,
        Value::Bytes(bytes) | Value::Group(bytes) => !bytes.is_empty(),
    })
}

/// The pieces of the message at the end of a path; none where it is not set.
pub(super) fn pieces<'w>(steps: &[Step], message: &'w [u8]) -> Result<Vec<&'w [u8]>, Malformed> {
    pieces_of(steps, vec![message])
}

/// The same within a message that comes in pieces itself.
pub(super) fn pieces_of<'w>(steps: &[Step], mut pieces: Vec<&'w [u8]>) -> Result<Vec<&'w [u8]>, Malformed> {
    for step in steps {
        let values = step.values(&pieces)?;
        pieces = values
            .into_iter()
            .filter(|value| is_message(*value, step.group))
            .filter_map(Value::message)
            .collect();
    }
    Ok(pieces)
}

/// A value that is carried from one message into another.
#[derive(Debug)]
pub(super) struct Carried {
    from: Box<[Step]>,
    to: Box<[Step]>,
    /// Whether a value that is zero or empty is none.
    implicit: bool,
}

impl Carried {
    pub(super) fn new(from: &FieldPath, to: &FieldPath) -> Self {
        let implicit = from.last().is_some_and(|field| !field.supports_presence() && !field.is_list());
        Self { from: Step::all(from), to: Step::all(to), implicit }
    }

    /// Appends the field as it belongs into the other message; nothing where it is not set.
    pub(super) fn carry(&self, message: &[u8], out: &mut Vec<u8>) -> Result<(), Malformed> {
        let (Some((from, parents)), Some((to, around))) = (self.from.split_last(), self.to.split_last())
        else {
            return Ok(());
        };
        let values = from.values(&pieces(parents, message)?)?;
        let unset = if self.implicit { !is_stated(values.last()) } else { values.is_empty() };
        if unset {
            return Ok(());
        }
        let mut field = Vec::new();
        for value in values {
            put(to.number, value, &mut field);
        }
        for step in around.iter().rev() {
            let inner = std::mem::take(&mut field);
            put(
                step.number,
                if step.group { Value::Group(&inner) } else { Value::Bytes(&inner) },
                &mut field,
            );
        }
        out.append(&mut field);
        Ok(())
    }
}

/// Writes a value under a number.
fn put(number: u32, value: Value<'_>, out: &mut Vec<u8>) {
    match value {
        Value::Varint(value) => put_varint(number, value, out),
        Value::Bytes(bytes) => put_bytes(number, bytes, out),
        Value::Fixed64(value) => {
            encode_key(number, WireType::SixtyFourBit, out);
            out.extend_from_slice(&value.to_le_bytes());
        }
        Value::Fixed32(value) => {
            encode_key(number, WireType::ThirtyTwoBit, out);
            out.extend_from_slice(&value.to_le_bytes());
        }
        Value::Group(content) => {
            encode_key(number, WireType::StartGroup, out);
            out.extend_from_slice(content);
            encode_key(number, WireType::EndGroup, out);
        }
    }
}
