//! Members as most clients write them: no white space, no escapes, plain short numbers, the fields in the order of
//! the proto file.
//!
//! Everything here only looks ahead in the text and says where what it knows ends. Whatever it does not know (and
//! whatever is wrong) is left to [`object`](super::object) and [`value`](super::value), which know all of JSON.
#![allow(clippy::inline_always, reason = "they are part of the loop over an object's members")]

use super::object::{Read, Reader};
use super::parts::Overlay;
use super::put;
use crate::transcode::fault::Fault;
use crate::transcode::json_text::plain_run;
use crate::transcode::number::{self, Float};
use crate::transcode::plan::{Field, Kind, Message, Snippet, WellKnown, WireTag};
use crate::transcode::time;

/// So many fields are compared with a key before it is looked up.
const NEAR: usize = 4;

/// The field whose key comes next and its place, when it is one of those from `expected` on, and where its value
/// begins. Before a key, at `at`, stands the byte `before`. Clients write fields in the order of the proto file, more
/// often than not, and leave some out.
#[inline(always)]
pub(super) fn key<'p>(
    plan: &'p Message,
    expected: usize,
    text: &[u8],
    at: usize,
    before: u8,
) -> Option<(usize, &'p Field, usize)> {
    let block = text.get(at..)?.first_chunk::<{ Snippet::SHORT }>()?;
    if block.first() != Some(&before) {
        return None;
    }
    let fields = plan.fields.get(expected..)?.iter().zip(expected..).take(NEAR);
    for (field, place) in fields {
        if field.key.begins(block) {
            return field.read_as_written.then(|| (place, field, at + field.key.len()));
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

/// Where a value ends, or what is wrong in it; no fault, and nothing read or written, when it is not one of the usual.
type Ended = Result<usize, Option<Fault>>;

impl<'p, 'j> Reader<'p, 'j, '_> {
    /// Reads the single value that begins at a place of the text and writes it with this tag, unless it is as good
    /// as not set.
    #[inline(always)]
    pub(super) fn quick_value(&mut self, field: &'p Field, tag: WireTag, text: &'j [u8], at: usize) -> Ended {
        match field.kind {
            Kind::Message(index) => self.quick_message(index, tag, text, at),
            kind => self.quick_scalar(field.implicit, kind, tag, text, at).ok_or(None),
        }
    }

    #[inline(always)]
    fn quick_scalar(
        &mut self,
        implicit: bool,
        kind: Kind,
        tag: WireTag,
        text: &[u8],
        at: usize,
    ) -> Option<usize> {
        let rest = text.get(at..)?;
        match kind {
            Kind::String => {
                let (from, len) = string(rest)?;
                if len > 0 || !implicit {
                    put::tagged_text(tag, from, len, self.out);
                }
                Some(at + len + 2)
            }
            Kind::Bool => {
                let (value, len) = match rest {
                    [b't', b'r', b'u', b'e', after, ..] if ends(*after) => (1, 4),
                    [b'f', b'a', b'l', b's', b'e', after, ..] if ends(*after) => (0, 5),
                    _ => return None,
                };
                if value > 0 || !implicit {
                    put::tagged_varint(tag, value, self.out);
                }
                Some(at + len)
            }
            Kind::Enum(index) => {
                let (from, len) = string(rest)?;
                let number = self.plans.enumeration(index)?.number_of_exactly(from.get(..len)?)?;
                if number != 0 || !implicit {
                    put::tagged_varint(tag, i64::from(number).cast_unsigned(), self.out);
                }
                Some(at + len + 2)
            }
            Kind::Float => {
                let (float, len) = float::<f32>(rest)?;
                if float.to_bits() != 0 || !implicit {
                    put::tagged_block(tag, float.to_le_bytes(), self.out);
                }
                Some(at + len)
            }
            Kind::Double => {
                let (double, len) = float::<f64>(rest)?;
                if double.to_bits() != 0 || !implicit {
                    put::tagged_block(tag, double.to_le_bytes(), self.out);
                }
                Some(at + len)
            }
            Kind::Bytes | Kind::Message(_) | Kind::Group(_) => None,
            kind => {
                let (number, len) = integer(rest)?;
                let bits = put::bits(kind, i128::from(number))?;
                if bits != 0 || !implicit {
                    put::tagged_integer(kind, tag, bits, self.out);
                }
                Some(at + len)
            }
        }
    }

    /// An object of fields, or a timestamp.
    #[inline(always)]
    fn quick_message(&mut self, index: u32, tag: WireTag, text: &'j [u8], at: usize) -> Ended {
        let plan = self.plans.get(index).ok_or(None)?;
        let deeper = self.deeper.checked_sub(1).ok_or(None)?;
        match plan.known {
            None if text.get(at) == Some(&b'{') => {
                let length = self.lengths.open_tagged(tag, index, self.out);
                self.json.go_to(at);
                self.json.open()?;
                self.deeper = deeper;
                self.members(plan, false, Overlay::NONE)?;
                self.deeper += 1;
                self.lengths.close(length, self.out);
                Ok(self.json.at())
            }
            Some(WellKnown::Timestamp) => {
                let (from, len) = text.get(at..).and_then(string).ok_or(None)?;
                let time = from.get(..len).and_then(time::read_timestamp).ok_or(None)?;
                let length = self.lengths.open_tagged(tag, index, self.out);
                self.moment(time);
                self.lengths.close(length, self.out);
                Ok(at + len + 2)
            }
            _ => Err(None),
        }
    }

    /// Reads and writes elements of the list that was entered as long as they are the usual, each with this tag.
    #[inline(always)]
    pub(super) fn quick_elements(
        &mut self,
        field: &'p Field,
        tag: WireTag,
        first: &mut bool,
        index: &mut usize,
    ) -> Read {
        let (text, mut at) = (self.json.text(), self.json.at());
        loop {
            // An element has a comma before it, or the bracket.
            let start = match text.get(at) {
                Some(b',') if !*first => at + 1,
                Some(_) if *first => at,
                _ => break,
            };
            match self.quick_value(field, tag, text, start) {
                Ok(end) => (*first, at) = (false, end),
                Err(Some(fault)) => return Err(fault.in_element(*index)),
                Err(None) => break,
            }
            *index += 1;
        }
        self.json.go_to(at);
        Ok(())
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
