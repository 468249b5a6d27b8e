//! Rules on bytes.

use regex::Regex;

/// What bytes have to be.
#[derive(Debug, Clone)]
pub(in super::super) enum BytesTest {
    Const(Box<[u8]>),
    Len(u64),
    MinLen(u64),
    MaxLen(u64),
    Pattern(Regex),
    Prefix(Box<[u8]>),
    Suffix(Box<[u8]>),
    Contains(Box<[u8]>),
    In(Box<[Box<[u8]>]>),
    NotIn(Box<[Box<[u8]>]>),
    NotEmpty,
    /// One of some lengths, or none: a rule of its own tells of that.
    Lengths(&'static [usize]),
}

impl BytesTest {
    pub(in super::super) fn holds(&self, bytes: &[u8]) -> bool {
        let length = bytes.len() as u64;
        let among = |known: &[Box<[u8]>]| known.iter().any(|one| **one == *bytes);
        match self {
            Self::Const(one) => **one == *bytes,
            Self::Len(len) => length == *len,
            Self::MinLen(least) => length >= *least,
            Self::MaxLen(most) => length <= *most,
            // Bytes that are no text match nothing.
            Self::Pattern(pattern) => std::str::from_utf8(bytes).is_ok_and(|text| pattern.is_match(text)),
            Self::Prefix(prefix) => bytes.starts_with(prefix),
            Self::Suffix(suffix) => bytes.ends_with(suffix),
            Self::Contains(part) => contains(bytes, part),
            Self::In(known) => among(known),
            Self::NotIn(known) => !among(known),
            Self::NotEmpty => !bytes.is_empty(),
            Self::Lengths(lengths) => bytes.is_empty() || lengths.contains(&bytes.len()),
        }
    }
}

/// Whether `part` stands anywhere in `bytes`.
pub(in super::super) fn contains(bytes: &[u8], part: &[u8]) -> bool {
    part.is_empty() || bytes.windows(part.len()).any(|window| window == part)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_want_text() {
        let pattern = BytesTest::Pattern(Regex::new("^a.$").expect("it is an expression"));
        assert!(pattern.holds(b"ab") && !pattern.holds(b"a\xff") && !pattern.holds(b"b"));
        assert!(BytesTest::Contains([1, 2].into()).holds(&[0, 1, 2]) && contains(b"", b""));
    }
}
