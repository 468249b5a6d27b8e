//! Wire bytes taken apart: tags and the values behind them, not yet of any kind.

use prost::encoding::{self, DecodeContext, WireType};

/// A value as it lies on the wire.
#[derive(Debug, Clone, Copy)]
pub(super) enum Raw<'w> {
    /// A varint, or 32 or 64 bits.
    Number(u64),
    /// Text, bytes, a packed list, or the fields of a message or group.
    Slice(&'w [u8]),
}

impl<'w> Raw<'w> {
    pub(super) fn number(self) -> u64 {
        match self {
            Self::Number(number) => number,
            Self::Slice(_) => 0,
        }
    }

    pub(super) fn slice(self) -> &'w [u8] {
        match self {
            Self::Number(_) => &[],
            Self::Slice(slice) => slice,
        }
    }
}

/// Takes a varint.
#[inline]
pub(super) fn varint(wire: &mut &[u8]) -> Option<u64> {
    match wire.split_first() {
        Some((byte, rest)) if *byte < 0x80 => {
            *wire = rest;
            Some(u64::from(*byte))
        }
        _ => encoding::decode_varint(wire).ok(),
    }
}

/// Takes a tag.
#[inline]
pub(super) fn tag(wire: &mut &[u8]) -> Option<(u32, WireType)> {
    let key = u32::try_from(varint(wire)?).ok()?;
    let wire_type = WireType::try_from(u64::from(key & 7)).ok()?;
    (key >> 3 > 0).then_some((key >> 3, wire_type))
}

/// Takes the value behind a tag.
#[inline]
pub(super) fn value<'w>(wire: &mut &'w [u8], number: u32, wire_type: WireType) -> Option<Raw<'w>> {
    match wire_type {
        WireType::Varint => varint(wire).map(Raw::Number),
        WireType::ThirtyTwoBit => {
            let (bits, rest) = wire.split_first_chunk()?;
            *wire = rest;
            Some(Raw::Number(u64::from(u32::from_le_bytes(*bits))))
        }
        WireType::SixtyFourBit => {
            let (bits, rest) = wire.split_first_chunk()?;
            *wire = rest;
            Some(Raw::Number(u64::from_le_bytes(*bits)))
        }
        WireType::LengthDelimited => {
            let length = usize::try_from(varint(wire)?).ok()?;
            let (slice, rest) = wire.split_at_checked(length)?;
            *wire = rest;
            Some(Raw::Slice(slice))
        }
        WireType::StartGroup => group(wire, number).map(Raw::Slice),
        WireType::EndGroup => None,
    }
}

/// Takes the fields of a group, and the tag that ends it.
fn group<'w>(wire: &mut &'w [u8], number: u32) -> Option<&'w [u8]> {
    let start = *wire;
    loop {
        let length = start.len() - wire.len();
        let (inner, wire_type) = tag(wire)?;
        if wire_type == WireType::EndGroup {
            return (inner == number).then(|| start.get(..length))?;
        }
        encoding::skip_field(wire_type, inner, wire, DecodeContext::default()).ok()?;
    }
}
