//! Wire bytes, read in place: tags, varints, values (protobuf encoding guide, "Message Structure").
//!
//! What is read for every field is inlined by force, so that values stay in registers on their way to the writer.
#![allow(
    clippy::inline_always,
    reason = "a value is a few instructions; returning it through memory costs more"
)]

/// A stretch of the wire bytes that is read from its beginning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) at: usize,
    pub(super) end: usize,
}

/// One value as the wire has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Raw {
    /// A varint or a fixed number.
    Number(u64),
    /// What is delimited by a length or by the tags of a group.
    Span(Span),
}

/// The bytes are no message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Malformed;

pub(super) const VARINT: u32 = 0;
pub(super) const FIXED64: u32 = 1;
pub(super) const LENGTH_DELIMITED: u32 = 2;
pub(super) const START_GROUP: u32 = 3;
pub(super) const END_GROUP: u32 = 4;
pub(super) const FIXED32: u32 = 5;

/// How deep groups that are passed over may nest.
const DEEPEST_GROUP: usize = 100;

impl Span {
    pub(super) fn whole(wire: &[u8]) -> Self {
        Self { at: 0, end: wire.len() }
    }

    #[inline(always)]
    pub(super) fn len(self) -> usize {
        self.end.saturating_sub(self.at)
    }

    #[inline(always)]
    pub(super) fn is_empty(self) -> bool {
        self.at >= self.end
    }

    #[inline(always)]
    pub(super) fn bytes(self, wire: &[u8]) -> &[u8] {
        wire.get(self.at..self.end).unwrap_or_default()
    }

    /// Reads the tag of a field: its number and wire type.
    #[inline(always)]
    pub(super) fn tag(&mut self, wire: &[u8]) -> Result<u32, Malformed> {
        let tag = u32::try_from(self.varint(wire)?).map_err(|_| Malformed)?;
        if tag < 8 { Err(Malformed) } else { Ok(tag) }
    }

    #[inline(always)]
    pub(super) fn varint(&mut self, wire: &[u8]) -> Result<u64, Malformed> {
        match self.bytes(wire) {
            [first, ..] if *first < 0x80 => {
                self.at += 1;
                Ok(u64::from(*first))
            }
            [first, second, ..] if *second < 0x80 => {
                self.at += 2;
                Ok(u64::from(*first & 0x7f) | (u64::from(*second) << 7))
            }
            rest => self.long_varint(rest),
        }
    }

    #[cold]
    #[inline(never)]
    fn long_varint(&mut self, rest: &[u8]) -> Result<u64, Malformed> {
        let mut value = 0;
        for (index, byte) in rest.iter().enumerate().take(10) {
            // The tenth byte has room for one more bit.
            if index == 9 && *byte > 1 {
                return Err(Malformed);
            }
            value |= u64::from(byte & 0x7f) << (7 * index);
            if *byte < 0x80 {
                self.at += index + 1;
                return Ok(value);
            }
        }
        Err(Malformed)
    }

    #[inline(always)]
    fn fixed<const N: usize>(&mut self, wire: &[u8]) -> Result<[u8; N], Malformed> {
        let bytes = self.bytes(wire).first_chunk().ok_or(Malformed)?;
        self.at += N;
        Ok(*bytes)
    }

    /// Reads what a length stands before.
    #[inline(always)]
    pub(super) fn delimited(&mut self, wire: &[u8]) -> Result<Self, Malformed> {
        let len = usize::try_from(self.varint(wire)?).map_err(|_| Malformed)?;
        if len > self.len() {
            return Err(Malformed);
        }
        let inner = Self { at: self.at, end: self.at + len };
        self.at = inner.end;
        Ok(inner)
    }

    /// Reads the value behind a tag.
    #[inline(always)]
    pub(super) fn value(&mut self, wire: &[u8], tag: u32) -> Result<Raw, Malformed> {
        match tag & 7 {
            VARINT => self.varint(wire).map(Raw::Number),
            LENGTH_DELIMITED => self.delimited(wire).map(Raw::Span),
            FIXED64 => self.fixed(wire).map(|bytes| Raw::Number(u64::from_le_bytes(bytes))),
            FIXED32 => self.fixed(wire).map(|bytes| Raw::Number(u64::from(u32::from_le_bytes(bytes)))),
            START_GROUP => self.group(wire, tag >> 3).map(Raw::Span),
            _ => Err(Malformed),
        }
    }

    /// Reads to the end of the group of this number, whose first tag was read.
    #[cold]
    #[inline(never)]
    fn group(&mut self, wire: &[u8], number: u32) -> Result<Self, Malformed> {
        let start = self.at;
        let mut open = vec![number];
        loop {
            let end = self.at;
            let tag = self.tag(wire)?;
            match tag & 7 {
                START_GROUP if open.len() < DEEPEST_GROUP => open.push(tag >> 3),
                END_GROUP if open.last() == Some(&(tag >> 3)) => {
                    open.pop();
                    if open.is_empty() {
                        return Ok(Self { at: start, end });
                    }
                }
                START_GROUP | END_GROUP => return Err(Malformed),
                _ => drop(self.value(wire, tag)?),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn varint(wire: &[u8]) -> Result<(u64, usize), Malformed> {
        let mut span = Span::whole(wire);
        span.varint(wire).map(|value| (value, span.at))
    }

    #[test]
    fn varints_are_at_most_ten_bytes() {
        let cases: [(&[u8], _); 9] = [
            (&[0], Ok((0, 1))),
            (&[0x7f, 1], Ok((127, 1))),
            (&[0x96, 1], Ok((150, 2))),
            (&[0x80, 0x80, 0], Ok((0, 3))),
            (&[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1], Ok((u64::MAX, 10))),
            (&[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2], Err(Malformed)),
            (&[0x80; 11], Err(Malformed)),
            (&[0x80], Err(Malformed)),
            (&[], Err(Malformed)),
        ];
        for (wire, expected) in cases {
            assert_eq!(varint(wire), expected, "{wire:x?}");
        }
    }

    #[test]
    fn groups_end_with_their_own_tag() {
        // Field 1: a group with field 2 = 5 and another group of number 1.
        let wire = [0x10, 5, 0x0b, 0x0c, 0x0c, 0x10];
        let mut span = Span::whole(&wire);
        assert_eq!(span.value(&wire, 0x0b), Ok(Raw::Span(Span { at: 0, end: 4 })));
        assert_eq!(span.at, 5);
        for bad in [&[0x14][..], &[0x10], &[0x0b, 0x14, 0x0c], &[]] {
            assert_eq!(Span::whole(bad).value(bad, 0x0b), Err(Malformed), "{bad:x?}");
        }
        let deep = [0x0b].repeat(1_000_000);
        assert_eq!(Span::whole(&deep).value(&deep, 0x0b), Err(Malformed));
    }

    #[test]
    fn a_value_ends_within_its_message() {
        let wire = [3, b'a', b'b', b'c', 9];
        let mut short = Span { at: 0, end: 3 };
        assert_eq!(short.value(&wire, 2), Err(Malformed));
        let mut long = Span::whole(&wire);
        assert_eq!(long.value(&wire, 2), Ok(Raw::Span(Span { at: 1, end: 4 })));
        assert_eq!(long.value(&wire, 5), Err(Malformed));
        assert_eq!(long.value(&wire, 7), Err(Malformed));
    }
}
