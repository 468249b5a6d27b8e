//! Reading a message's fields out of its wire bytes: which value of a field counts, by protobuf's own rules.
//!
//! One pass over the bytes, whatever they are: the last of several values wins, messages in pieces are kept as
//! pieces, lists come packed or not, and a later member of a oneof drops the earlier ones. Not for what the values
//! mean: that is a [`Kind`](super::kind::Kind)'s.

use std::borrow::Cow;

use prost::encoding::decode_varint;

use super::kind::{Form, Kind};
use crate::wire::field::{Fields, Malformed, Value};

/// One value as it stands on the wire.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Raw<'w> {
    /// A number, already in the form that its kind gives it ([`Kind::number`]).
    Number(u64),
    /// Text, bytes, or the content of a message.
    Bytes(&'w [u8]),
}

impl<'w> Raw<'w> {
    pub(super) fn number(self) -> u64 {
        match self {
            Self::Number(number) => number,
            Self::Bytes(_) => 0,
        }
    }

    pub(super) fn bytes(self) -> &'w [u8] {
        match self {
            Self::Number(_) => &[],
            Self::Bytes(bytes) => bytes,
        }
    }
}

/// How many values a field has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    Single,
    List,
    /// Each value is the message of an entry: key 1, value 2.
    Map,
}

/// What the reader has to know of a field.
#[derive(Debug, Clone)]
pub(super) struct Slot {
    pub(super) number: u32,
    pub(super) kind: Kind,
    pub(super) shape: Shape,
    /// The oneof of more than one field that it is a member of.
    pub(super) oneof: Option<u32>,
    /// The numbers of a closed enum: others are no value of the field.
    pub(super) closed: Option<Box<[i32]>>,
}

/// What a message has of one field.
#[derive(Debug, Clone, Default)]
pub(super) enum Found<'w> {
    #[default]
    Nothing,
    One(Raw<'w>),
    /// The values of a list or the entries of a map, or the pieces of a message.
    Many(Vec<Raw<'w>>),
}

impl<'w> Found<'w> {
    pub(super) fn is_nothing(&self) -> bool {
        matches!(self, Self::Nothing)
    }

    /// All values, in their order.
    pub(super) fn all(&self) -> &[Raw<'w>] {
        match self {
            Self::Nothing => &[],
            Self::One(raw) => std::slice::from_ref(raw),
            Self::Many(values) => values,
        }
    }

    /// A message's content, its pieces joined: protobuf merges a message by reading one after the other.
    pub(super) fn message(&self) -> Cow<'w, [u8]> {
        match self.all() {
            [] => Cow::Borrowed(&[]),
            [one] => Cow::Borrowed(one.bytes()),
            pieces => Cow::Owned(pieces.iter().flat_map(|piece| piece.bytes()).copied().collect()),
        }
    }

    fn add(&mut self, raw: Raw<'w>, keeps: bool) {
        *self = match std::mem::take(self) {
            Self::One(first) if keeps => Self::Many(vec![first, raw]),
            Self::Many(mut values) if keeps => {
                values.push(raw);
                Self::Many(values)
            }
            _ => Self::One(raw),
        };
    }
}

/// The values of the fields in `slots`, which are in order of their numbers, each at its slot's place.
pub(super) fn fields<'w>(slots: &[Slot], wire: &'w [u8]) -> Result<Vec<Found<'w>>, Malformed> {
    let mut found = vec![Found::Nothing; slots.len()];
    for field in Fields::of(wire) {
        let field = field?;
        if let Some(place) = place_of(slots, field.number) {
            take(slots, place, field.value, &mut found)?;
        }
    }
    Ok(found)
}

fn place_of(slots: &[Slot], number: u32) -> Option<usize> {
    // Most messages count their fields from one without a gap.
    let near = (number as usize).checked_sub(1)?;
    match slots.get(near) {
        Some(slot) if slot.number == number => Some(near),
        _ => slots.binary_search_by_key(&number, |slot| slot.number).ok(),
    }
}

/// Puts one occurrence of a field where it belongs; one of another wire type is an unknown field.
fn take<'w>(
    slots: &[Slot],
    place: usize,
    value: Value<'w>,
    found: &mut [Found<'w>],
) -> Result<(), Malformed> {
    let Some(slot) = slots.get(place) else { return Ok(()) };
    let (form, raw) = raw(value);
    let list = slot.shape == Shape::List;
    if form == Form::Bytes && list && slot.kind.form() != Form::Bytes && slot.kind.is_number() {
        return packed(slot, raw.bytes(), found.get_mut(place));
    }
    if form != slot.kind.form() {
        return Ok(());
    }
    let Some(raw) = slot.accept(raw) else { return Ok(()) };
    if slot.oneof.is_some() {
        for (other, earlier) in slots.iter().zip(&mut *found) {
            if other.oneof == slot.oneof && other.number != slot.number {
                *earlier = Found::Nothing;
            }
        }
    }
    if let Some(found) = found.get_mut(place) {
        found.add(raw, slot.shape != Shape::Single || slot.kind.is_message());
    }
    Ok(())
}

impl Slot {
    /// The value in its kind's form; nothing for a number that a closed enum does not have.
    fn accept<'w>(&self, raw: Raw<'w>) -> Option<Raw<'w>> {
        let Raw::Number(bits) = raw else { return Some(raw) };
        let number = self.kind.number(bits);
        let open = self
            .closed
            .as_ref()
            .is_none_or(|known| known.iter().any(|one| Kind::int(number) == i64::from(*one)));
        open.then_some(Raw::Number(number))
    }
}

fn packed<'w>(slot: &Slot, mut rest: &'w [u8], found: Option<&mut Found<'w>>) -> Result<(), Malformed> {
    let Some(found) = found else { return Ok(()) };
    while !rest.is_empty() {
        let bits = match slot.kind.form() {
            Form::Fixed32 => take_array(&mut rest).map(u32::from_le_bytes)?.into(),
            Form::Fixed64 => take_array(&mut rest).map(u64::from_le_bytes)?,
            _ => decode_varint(&mut rest).map_err(|_| Malformed)?,
        };
        if let Some(raw) = slot.accept(Raw::Number(bits)) {
            found.add(raw, true);
        }
    }
    Ok(())
}

fn take_array<const N: usize>(rest: &mut &[u8]) -> Result<[u8; N], Malformed> {
    let (bytes, after) = rest.split_first_chunk().ok_or(Malformed)?;
    *rest = after;
    Ok(*bytes)
}

fn raw(value: Value<'_>) -> (Form, Raw<'_>) {
    match value {
        Value::Varint(number) => (Form::Varint, Raw::Number(number)),
        Value::Fixed64(bits) => (Form::Fixed64, Raw::Number(bits)),
        Value::Fixed32(bits) => (Form::Fixed32, Raw::Number(bits.into())),
        Value::Bytes(bytes) => (Form::Bytes, Raw::Bytes(bytes)),
        Value::Group(bytes) => (Form::Group, Raw::Bytes(bytes)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use prost::encoding::{WireType, encode_key, encode_varint};

    fn slot(number: u32, kind: Kind, shape: Shape) -> Slot {
        Slot { number, kind, shape, oneof: None, closed: None }
    }

    fn varint(number: u32, value: u64, out: &mut Vec<u8>) {
        encode_key(number, WireType::Varint, out);
        encode_varint(value, out);
    }

    fn bytes(number: u32, value: &[u8], out: &mut Vec<u8>) {
        encode_key(number, WireType::LengthDelimited, out);
        encode_varint(value.len() as u64, out);
        out.extend_from_slice(value);
    }

    #[test]
    fn the_last_value_wins_and_pieces_are_kept() {
        let slots = [slot(1, Kind::Int32, Shape::Single), slot(2, Kind::Message, Shape::Single)];
        let mut wire = Vec::new();
        varint(1, 1, &mut wire);
        bytes(2, b"ab", &mut wire);
        varint(1, (-2_i64).cast_unsigned(), &mut wire);
        bytes(2, b"cd", &mut wire);
        let found = fields(&slots, &wire).expect("it is well-formed");
        assert_eq!(found[0].all(), [Raw::Number((-2_i64).cast_unsigned())]);
        assert_eq!(&*found[1].message(), b"abcd");
    }

    #[test]
    fn lists_come_packed_single_and_mixed() {
        let slots = [slot(3, Kind::Sint64, Shape::List)];
        let mut wire = Vec::new();
        bytes(3, &[0, 1, 2], &mut wire);
        varint(3, 3, &mut wire);
        let found = fields(&slots, &wire).expect("it is well-formed");
        let numbers: Vec<_> = found[0].all().iter().map(|raw| Kind::int(raw.number())).collect();
        assert_eq!(numbers, [0, -1, 1, -2]);
    }

    #[test]
    fn a_later_member_of_a_oneof_drops_the_earlier() {
        let member = |number| Slot { oneof: Some(0), ..slot(number, Kind::String, Shape::Single) };
        let mut wire = Vec::new();
        bytes(1, b"a", &mut wire);
        bytes(2, b"b", &mut wire);
        let found = fields(&[member(1), member(2)], &wire).expect("it is well-formed");
        assert!(found[0].is_nothing());
        assert_eq!(found[1].all(), [Raw::Bytes(b"b")]);
    }

    #[test]
    fn groups_end_where_they_began() {
        let slots = [slot(4, Kind::Group, Shape::Single)];
        let mut wire = Vec::new();
        encode_key(4, WireType::StartGroup, &mut wire);
        encode_key(9, WireType::StartGroup, &mut wire);
        encode_key(9, WireType::EndGroup, &mut wire);
        varint(1, 7, &mut wire);
        encode_key(4, WireType::EndGroup, &mut wire);
        let found = fields(&slots, &wire).expect("it is well-formed");
        assert_eq!(found[0].message().len(), 4);
        assert_eq!(fields(&slots, &wire[..wire.len() - 1]).err(), Some(Malformed));
    }

    #[test]
    fn no_bytes_are_a_panic() {
        let slots = [slot(1, Kind::Double, Shape::List), slot(2, Kind::Message, Shape::Map)];
        for first in 0..=u8::MAX {
            for second in [0, 1, 0x7f, 0x80, 0xff] {
                drop(fields(&slots, &[first, second, second, 1, 2, 3]));
            }
        }
    }
}
