//! The fields of a message, one after the other as the wire has them (protobuf encoding guide, "Message
//! Structure"), and how to write one. Nothing is copied.
//!
//! Not for the two directions of transcoding, which have a quicker reader and writer of their own.

#![cfg_attr(
    not(test),
    deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)
)]

use bytes::Buf as _;
use prost::encoding::{
    DecodeContext, WireType, decode_key, decode_varint, encode_key, encode_varint, skip_field,
};

/// The bytes are no message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the bytes are not a protobuf message")]
pub struct Malformed;

/// One field as the wire has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Field<'w> {
    /// Its number.
    pub number: u32,
    /// Its value.
    pub value: Value<'w>,
    /// Tag and value as they stand, to be copied.
    pub whole: &'w [u8],
}

/// A value as the wire has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Value<'w> {
    /// Wire type 0.
    Varint(u64),
    /// Wire type 1.
    Fixed64(u64),
    /// Wire type 2: text, bytes, a message, packed numbers.
    Bytes(&'w [u8]),
    /// Wire types 3 and 4: what stands between the two tags.
    Group(&'w [u8]),
    /// Wire type 5.
    Fixed32(u32),
}

impl<'w> Value<'w> {
    /// The bytes of a message, be it delimited by its length or by tags.
    #[must_use]
    pub fn message(self) -> Option<&'w [u8]> {
        match self {
            Self::Bytes(bytes) | Self::Group(bytes) => Some(bytes),
            _ => None,
        }
    }
}

/// Reads the fields of a message. After an error nothing more comes.
#[derive(Debug, Clone)]
pub struct Fields<'w> {
    rest: &'w [u8],
}

impl<'w> Fields<'w> {
    /// The fields of the message with these bytes.
    #[must_use]
    pub fn of(message: &'w [u8]) -> Self {
        Self { rest: message }
    }

    fn read(&mut self) -> Result<Field<'w>, Malformed> {
        let start = self.rest;
        let mut rest = start;
        let (number, kind) = decode_key(&mut rest).map_err(|_| Malformed)?;
        let value = match kind {
            WireType::Varint => Value::Varint(decode_varint(&mut rest).map_err(|_| Malformed)?),
            WireType::SixtyFourBit => Value::Fixed64(rest.try_get_u64_le().map_err(|_| Malformed)?),
            WireType::ThirtyTwoBit => Value::Fixed32(rest.try_get_u32_le().map_err(|_| Malformed)?),
            WireType::LengthDelimited => {
                let len = decode_varint(&mut rest).map_err(|_| Malformed)?;
                let len = usize::try_from(len).map_err(|_| Malformed)?;
                let (bytes, after) = rest.split_at_checked(len).ok_or(Malformed)?;
                rest = after;
                Value::Bytes(bytes)
            }
            WireType::StartGroup => Value::Group(group(number, &mut rest)?),
            WireType::EndGroup => return Err(Malformed),
        };
        self.rest = rest;
        let whole = start.get(..start.len() - rest.len()).unwrap_or_default();
        Ok(Field { number, value, whole })
    }
}

/// What stands before the end tag of a group, which is passed over.
fn group<'w>(number: u32, rest: &mut &'w [u8]) -> Result<&'w [u8], Malformed> {
    let start = *rest;
    loop {
        let before = start.len() - rest.len();
        let (inner, kind) = decode_key(rest).map_err(|_| Malformed)?;
        if kind == WireType::EndGroup {
            return if inner == number { start.get(..before).ok_or(Malformed) } else { Err(Malformed) };
        }
        skip_field(kind, inner, rest, DecodeContext::default()).map_err(|_| Malformed)?;
    }
}

impl<'w> Iterator for Fields<'w> {
    type Item = Result<Field<'w>, Malformed>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let field = self.read();
        if field.is_err() {
            self.rest = &[];
        }
        Some(field)
    }
}

/// Writes a varint field.
pub fn put_varint(number: u32, value: u64, out: &mut Vec<u8>) {
    encode_key(number, WireType::Varint, out);
    encode_varint(value, out);
}

/// Writes a length-delimited field: text, bytes or a message.
pub fn put_bytes(number: u32, value: &[u8], out: &mut Vec<u8>) {
    encode_key(number, WireType::LengthDelimited, out);
    encode_varint(value.len() as u64, out);
    out.extend_from_slice(value);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(wire: &[u8]) -> Result<Vec<(u32, Value<'_>)>, Malformed> {
        Fields::of(wire).map(|field| field.map(|field| (field.number, field.value))).collect()
    }

    #[test]
    fn each_wire_type_is_read() {
        let mut wire = Vec::new();
        put_varint(1, 300, &mut wire);
        put_bytes(2, b"text", &mut wire);
        wire.extend([0x1d, 1, 0, 0, 0, 0x21, 2, 0, 0, 0, 0, 0, 0, 0]);
        wire.extend([0x2b, 0x08, 7, 0x33, 0x34, 0x2c]);
        let expected = [
            (1, Value::Varint(300)),
            (2, Value::Bytes(b"text")),
            (3, Value::Fixed32(1)),
            (4, Value::Fixed64(2)),
            (5, Value::Group(&[0x08, 7, 0x33, 0x34])),
        ];
        assert_eq!(fields(&wire), Ok(expected.to_vec()));
        let copied: Vec<u8> = Fields::of(&wire).flatten().flat_map(|field| field.whole.to_vec()).collect();
        assert_eq!(copied, wire);
    }

    #[test]
    fn bytes_that_are_no_message_are_refused() {
        let cases: &[&[u8]] = &[
            &[0x08],
            &[0x00, 0x01],
            &[0x12, 5, b'a'],
            &[0x1d, 0],
            &[0x21, 0],
            &[0x2b, 0x08, 1],
            &[0x2b, 0x34],
            &[0x2c],
            &[0x0f],
            &[0x12, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01],
        ];
        for case in cases {
            assert_eq!(fields(case), Err(Malformed), "{case:x?}");
        }
        let deep: Vec<u8> = std::iter::repeat_n(0x2b, 10_000).collect();
        assert_eq!(fields(&deep), Err(Malformed), "groups in groups have an end");
    }
}
