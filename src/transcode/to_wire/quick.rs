//! Members as most clients write them: no white space, no escapes, plain short numbers, the fields in the order of
//! the proto file.
//!
//! Everything here only looks ahead in the text and says where what it knows ends. Whatever it does not know (and
//! whatever is wrong) is left to [`object`](super::object) and [`value`](super::value), which know all of JSON.
#![allow(clippy::inline_always, reason = "they are part of the loop over an object's members")]

use super::object::Reader;
use super::put;
use crate::transcode::json_text::plain_run;
use crate::transcode::number::{self, Float};
use crate::transcode::plan::{Field, Kind, Message, Snippet, WellKnown};
use crate::transcode::time;

/// So many fields are compared with a key before it is looked up.
const NEAR: usize = 4;

/// The place of the field whose key comes next, when it is one of those from `expected` on, and where its value
/// begins. Clients write fields in the order of the proto file, more often than not, and leave some out.
#[inline(always)]
pub(super) fn key(
    plan: &Message,
    expected: usize,
    text: &[u8],
    at: usize,
    first: bool,
) -> Option<(usize, usize)> {
    // A key has its comma before it, or the brace.
    let start = if first { at.wrapping_sub(1) } else { at };
    let block = text.get(start..)?.first_chunk::<{ Snippet::SHORT }>()?;
    if !first && block.first() != Some(&b',') {
        return None;
    }
    let fields = plan.fields.get(expected..)?.iter().zip(expected..).take(NEAR);
    for (field, place) in fields {
        if field.key.begins(block) {
            return field.read_as_written.then(|| (place, start + field.key.len()));
        }
    }
    None
}

/// The text of a string without escapes at the beginning.
#[inline(always)]
fn string(rest: &[u8]) -> Option<(&[u8], usize)> {
    let (b'"', inside) = rest.split_first()? else { return None };
    let len = plain_run(inside);
    (inside.get(len) == Some(&b'"')).then_some((inside, len))
}

impl Reader<'_, '_, '_> {
    /// Reads the single value that begins at a place of the text and writes it with its tag, unless it is as good as
    /// not set: where the value ends. `None`, with nothing read or written, when it is not one of the usual.
    #[inline(always)]
    pub(super) fn quick_value(&mut self, field: &Field, text: &[u8], at: usize) -> Option<usize> {
        let rest = text.get(at..)?;
        match field.kind {
            Kind::String => {
                let (from, len) = string(rest)?;
                if len > 0 || !field.implicit {
                    put::tagged_text(field.wire_tag, from, len, self.out);
                }
                Some(at + len + 2)
            }
            Kind::Bool => {
                let (value, len) = match rest {
                    [b't', b'r', b'u', b'e', after, ..] if ends(*after) => (1, 4),
                    [b'f', b'a', b'l', b's', b'e', after, ..] if ends(*after) => (0, 5),
                    _ => return None,
                };
                if value > 0 || !field.implicit {
                    put::tagged_varint(field.wire_tag, value, self.out);
                }
                Some(at + len)
            }
            Kind::Enum(index) => {
                let (from, len) = string(rest)?;
                let number = self.plans.enumeration(index)?.number_of_exactly(from.get(..len)?)?;
                if number != 0 || !field.implicit {
                    put::tagged_varint(field.wire_tag, i64::from(number).cast_unsigned(), self.out);
                }
                Some(at + len + 2)
            }
            Kind::Float => {
                let (float, len) = float::<f32>(rest)?;
                if float.to_bits() != 0 || !field.implicit {
                    put::tagged_block(field.wire_tag, float.to_le_bytes(), self.out);
                }
                Some(at + len)
            }
            Kind::Double => {
                let (double, len) = float::<f64>(rest)?;
                if double.to_bits() != 0 || !field.implicit {
                    put::tagged_block(field.wire_tag, double.to_le_bytes(), self.out);
                }
                Some(at + len)
            }
            Kind::Message(index) => {
                if self.deeper == 0 || self.plans.get(index)?.known != Some(WellKnown::Timestamp) {
                    return None;
                }
                let (from, len) = string(rest)?;
                let time = time::read_timestamp(from.get(..len)?)?;
                put::varint(u64::from(field.tag), self.out);
                let length = self.lengths.open(index, self.out);
                self.moment(time);
                self.lengths.close(length, self.out);
                Some(at + len + 2)
            }
            Kind::Bytes | Kind::Group(_) => None,
            kind => {
                let (number, len) = integer(rest)?;
                let bits = put::bits(kind, i128::from(number))?;
                if bits != 0 || !field.implicit {
                    put::tagged_integer(kind, field.wire_tag, bits, self.out);
                }
                Some(at + len)
            }
        }
    }
}

impl Reader<'_, '_, '_> {
    /// Reads and writes elements of the list that was entered as long as they are the usual; says how many.
    #[inline(always)]
    pub(super) fn quick_elements(&mut self, field: &Field, first: &mut bool) -> usize {
        let (text, mut at, mut count) = (self.json.text(), self.json.at(), 0);
        loop {
            // An element has a comma before it, or the bracket.
            let start = match text.get(at) {
                Some(b',') if !*first => at + 1,
                Some(_) if *first => at,
                _ => break,
            };
            let Some(end) = self.quick_value(field, text, start) else { break };
            (*first, at) = (false, end);
            count += 1;
        }
        self.json.go_to(at);
        count
    }
}

/// Whether a value without quotes ends before this byte.
#[inline(always)]
fn ends(byte: u8) -> bool {
    matches!(byte, b',' | b'}' | b']')
}

/// A plain integer, in quotes or not.
#[inline(always)]
fn integer(rest: &[u8]) -> Option<(i64, usize)> {
    if let [b'"', inside @ ..] = rest {
        let (number, len) = number::plain_integer(inside)?;
        return (inside.get(len) == Some(&b'"')).then_some((number, len + 2));
    }
    let (number, len) = number::plain_integer(rest)?;
    rest.get(len).is_some_and(|byte| ends(*byte)).then_some((number, len))
}

/// A number that is not in quotes.
#[inline(always)]
fn float<T: Float>(rest: &[u8]) -> Option<(T, usize)> {
    let (number, len) = number::leading_float(rest)?;
    rest.get(len).is_some_and(|byte| ends(*byte)).then_some((number, len))
}
