//! Wire bytes, written: tags, varints, and lengths that are known only afterwards.
#![allow(clippy::inline_always, reason = "what is written is known when the caller is compiled")]

use crate::transcode::plan::{Kind, WireTag, put_block, put_start};

/// Appends a varint.
#[inline]
pub(super) fn varint(number: u64, out: &mut Vec<u8>) {
    match u8::try_from(number) {
        Ok(byte) if byte < 0x80 => out.push(byte),
        _ => long_varint(number, out),
    }
}

fn long_varint(mut number: u64, out: &mut Vec<u8>) {
    let mut block = [0; 10];
    let mut len = 0;
    for byte in &mut block {
        len += 1;
        *byte = low_seven(number);
        number >>= 7;
        if number == 0 {
            break;
        }
        *byte |= 0x80;
    }
    put_block(&block, len, out);
}

#[allow(clippy::cast_possible_truncation, reason = "seven bits")]
fn low_seven(number: u64) -> u8 {
    (number & 0x7f) as u8
}

/// Appends a text or bytes with its length before it. `from` begins with it; what is behind is only room to read in.
#[inline]
pub(super) fn delimited(from: &[u8], len: usize, out: &mut Vec<u8>) {
    varint(len as u64, out);
    put_start(from, len, out);
}

/// Appends a text with its tag and length before it. `from` begins with it; what is behind is only room to read in.
#[inline(always)]
pub(super) fn tagged_text(tag: WireTag, from: &[u8], len: usize, out: &mut Vec<u8>) {
    if len < 0x80 {
        head(tag, len as u64, out);
        put_start(from, len, out);
    } else {
        put_block(&tag.bytes.to_le_bytes(), tag.len, out);
        delimited(from, len, out);
    }
}

/// Appends a tag and a varint.
#[inline(always)]
pub(super) fn tagged_varint(tag: WireTag, number: u64, out: &mut Vec<u8>) {
    if number < 0x80 {
        head(tag, number, out);
    } else {
        put_block(&tag.bytes.to_le_bytes(), tag.len, out);
        long_varint(number, out);
    }
}

/// Appends a tag and an integer of a kind.
#[inline(always)]
pub(super) fn tagged_integer(kind: Kind, tag: WireTag, bits: u64, out: &mut Vec<u8>) {
    match kind {
        Kind::Sfixed32 | Kind::Fixed32 | Kind::Sfixed64 | Kind::Fixed64 => {
            put_block(&tag.bytes.to_le_bytes(), tag.len, out);
            integer(kind, bits, out);
        }
        _ => tagged_varint(tag, bits, out),
    }
}

/// Appends a tag and a block behind it.
#[inline(always)]
pub(super) fn tagged_block<const N: usize>(tag: WireTag, block: [u8; N], out: &mut Vec<u8>) {
    put_block(&tag.bytes.to_le_bytes(), tag.len, out);
    out.extend_from_slice(&block);
}

/// Appends a tag and what is one byte behind it.
#[inline(always)]
fn head(tag: WireTag, byte: u64, out: &mut Vec<u8>) {
    // A tag is five bytes at most.
    put_block(&(tag.bytes | (byte << (8 * tag.len))).to_le_bytes(), tag.len + 1, out);
}

/// How many bytes a varint takes.
fn width(number: usize) -> usize {
    let bits = usize::BITS - (number | 1).leading_zeros();
    bits.div_ceil(7) as usize
}

/// The places of lengths are made before the lengths are known, as wide as messages of the same type turned out to
/// be before; only when that is wrong is the message moved.
#[derive(Debug)]
pub(super) struct Lengths {
    widths: [u8; Self::SLOTS],
}

/// A length that is to be filled in.
#[derive(Debug, Clone, Copy)]
pub(super) struct Length {
    start: usize,
    width: usize,
    slot: usize,
}

impl Default for Lengths {
    fn default() -> Self {
        Self { widths: [1; Self::SLOTS] }
    }
}

impl Lengths {
    const SLOTS: usize = 64;

    /// The same where most of what is written are this many bytes, which then need not be moved.
    pub(super) fn expecting(bytes: usize) -> Self {
        Self { widths: [u8::try_from(width(bytes)).unwrap_or(1); Self::SLOTS] }
    }

    /// Leaves room for the length of something of this type.
    #[inline]
    pub(super) fn open(&self, of: u32, out: &mut Vec<u8>) -> Length {
        let slot = of as usize % Self::SLOTS;
        let width = self.widths.get(slot).map_or(1, |width| usize::from(*width));
        let length = Length { start: out.len(), width, slot };
        put_block(&[0; 10], width, out);
        length
    }

    /// Writes a tag and leaves room for the length of something of this type.
    #[inline(always)]
    pub(super) fn open_tagged(&self, tag: WireTag, of: u32, out: &mut Vec<u8>) -> Length {
        let slot = of as usize % Self::SLOTS;
        let width = self.widths.get(slot).map_or(1, |width| usize::from(*width));
        let length = Length { start: out.len() + tag.len, width, slot };
        // A tag and a length are five bytes at most, each.
        put_block(&u128::from(tag.bytes).to_le_bytes(), tag.len + width, out);
        length
    }

    /// Fills the length in: everything since is counted.
    #[inline]
    pub(super) fn close(&mut self, length: Length, out: &mut Vec<u8>) {
        let from = length.start + length.width;
        let len = out.len().saturating_sub(from);
        match (u8::try_from(len), out.get_mut(length.start)) {
            (Ok(len), Some(place)) if len < 0x80 && length.width == 1 => *place = len,
            _ => self.close_long(length, len, out),
        }
    }

    #[inline(never)]
    fn close_long(&mut self, length: Length, len: usize, out: &mut Vec<u8>) {
        let needed = width(len);
        if needed != length.width {
            self.widen(length, needed, out);
        }
        fill(out.get_mut(length.start..length.start + needed).unwrap_or_default(), len);
    }

    #[cold]
    fn widen(&mut self, length: Length, needed: usize, out: &mut Vec<u8>) {
        let from = length.start + length.width;
        let end = out.len();
        let to = length.start + needed;
        if needed > length.width {
            out.resize(end + needed - length.width, 0);
        }
        out.copy_within(from..end, to);
        out.truncate(to + end - from);
        if let Some(width) = self.widths.get_mut(length.slot) {
            *width = u8::try_from(needed).unwrap_or(1);
        }
    }
}

#[inline]
fn fill(place: &mut [u8], len: usize) {
    let mut rest = len as u64;
    let last = place.len().saturating_sub(1);
    for (index, byte) in place.iter_mut().enumerate() {
        *byte = low_seven(rest) | if index < last { 0x80 } else { 0 };
        rest >>= 7;
    }
}

/// The bits that the wire has for an integer of a kind; `None` when it is out of range.
#[inline]
pub(super) fn bits(kind: Kind, number: i128) -> Option<u64> {
    let signed = |number: i128| i64::try_from(number).ok();
    let bits = match kind {
        Kind::Int32 => i64::from(i32::try_from(number).ok()?).cast_unsigned(),
        Kind::Sint32 => zigzag(i64::from(i32::try_from(number).ok()?)),
        Kind::Sfixed32 => u64::from(i32::try_from(number).ok()?.cast_unsigned()),
        Kind::Uint32 | Kind::Fixed32 => u64::from(u32::try_from(number).ok()?),
        Kind::Int64 | Kind::Sfixed64 => signed(number)?.cast_unsigned(),
        Kind::Sint64 => zigzag(signed(number)?),
        Kind::Uint64 | Kind::Fixed64 => u64::try_from(number).ok()?,
        _ => return None,
    };
    Some(bits)
}

/// Appends an integer of a kind without its tag.
#[inline]
pub(super) fn integer(kind: Kind, bits: u64, out: &mut Vec<u8>) {
    match kind {
        Kind::Sfixed32 | Kind::Fixed32 => {
            out.extend_from_slice(bits.to_le_bytes().get(..4).unwrap_or_default());
        }
        Kind::Sfixed64 | Kind::Fixed64 => out.extend_from_slice(&bits.to_le_bytes()),
        _ => varint(bits, out),
    }
}

/// The number of an enum value.
#[inline]
pub(super) fn enumeration(number: i32, out: &mut Vec<u8>) {
    varint(i64::from(number).cast_unsigned(), out);
}

/// Small numbers of either sign become small unsigned ones; a 32-bit value gives the same as 64 bits wide.
fn zigzag(value: i64) -> u64 {
    ((value << 1) ^ (value >> 63)).cast_unsigned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_as_short_as_can_be() {
        let mut lengths = Lengths::default();
        for len in [0, 1, 127, 128, 1, 16_383, 16_384, 2_097_152, 128, 0] {
            let mut out = b"before".to_vec();
            let place = lengths.open(7, &mut out);
            out.extend(std::iter::repeat_n(b'x', len));
            lengths.close(place, &mut out);
            let mut expected = b"before".to_vec();
            prost::encoding::bytes::encode(1, &vec![b'x'; len], &mut expected);
            expected.remove(6);
            assert!(out == expected, "{len}");
        }
    }

    #[test]
    fn an_expected_length_is_not_moved_and_another_is_right_all_the_same() {
        for (expected, found) in [(300, 300), (300, 3), (3, 300), (0, 0), (5_000_000, 1)] {
            let mut lengths = Lengths::expecting(expected);
            let mut out = Vec::new();
            let place = lengths.open(1, &mut out);
            let room = out.len();
            out.extend(std::iter::repeat_n(b'x', found));
            lengths.close(place, &mut out);
            assert_eq!(out.len() - found, width(found));
            assert_eq!(room, width(expected));
        }
    }

    #[test]
    fn varints_are_as_short_as_can_be() {
        for number in [0, 1, 127, 128, 300, 1 << 14, 1 << 21, u64::from(u32::MAX), u64::MAX] {
            let (mut out, mut expected) = (Vec::new(), Vec::new());
            varint(number, &mut out);
            prost::encoding::encode_varint(number, &mut expected);
            assert_eq!(out, expected, "{number}");
        }
    }
}
