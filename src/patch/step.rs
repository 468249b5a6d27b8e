//! Field paths, walked down on the wire: to the pieces of a message, and to the values that a read request is made of.
//!
//! Not for a value as text: that is [`field`](crate::field).

use prost_reflect::FieldDescriptor;

use super::shape::Form;
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
        let rivals = field.containing_oneof().map(|oneof| {
            let others = oneof.fields().map(|member| member.number());
            others.filter(|number| *number != field.number()).collect()
        });
        Self { number: field.number(), group: field.is_group(), rivals: rivals.unwrap_or_default() }
    }

    /// Whether a value is a message as this field has them.
    pub(super) fn fits(&self, value: Value<'_>) -> bool {
        matches!((self.group, value), (false, Value::Bytes(_)) | (true, Value::Group(_)))
    }

    /// The values of the field in a message that comes in pieces.
    fn values<'w>(&self, message: &[&'w [u8]]) -> Result<Vec<Value<'w>>, Malformed> {
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

/// Whether a value is a message as the field has them.
pub(super) fn fits(form: Form, value: Value<'_>) -> bool {
    match form {
        Form::Message { group, .. } => {
            matches!((group, value), (false, Value::Bytes(_)) | (true, Value::Group(_)))
        }
        Form::Scalar | Form::List | Form::Map => false,
    }
}

/// The pieces of the message at the end of a path; none where it is not set.
pub(super) fn pieces<'w>(steps: &[Step], message: &'w [u8]) -> Result<Vec<&'w [u8]>, Malformed> {
    let mut pieces = vec![message];
    for step in steps {
        let values = step.values(&pieces)?;
        pieces = values.into_iter().filter(|value| step.fits(*value)).filter_map(Value::message).collect();
    }
    Ok(pieces)
}

/// A value that is carried from one message into another.
#[derive(Debug)]
pub(super) struct Carried {
    pub(super) from: Box<[Step]>,
    pub(super) to: Box<[Step]>,
}

impl Carried {
    /// Appends the field as it belongs into the other message; nothing where it is not set.
    pub(super) fn carry(&self, message: &[u8], out: &mut Vec<u8>) -> Result<(), Malformed> {
        let (Some((from, parents)), Some((to, around))) = (self.from.split_last(), self.to.split_last())
        else {
            return Ok(());
        };
        let values = from.values(&pieces(parents, message)?)?;
        if values.is_empty() {
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
