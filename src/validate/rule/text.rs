//! Rules on strings.

use regex::Regex;

/// What a string has to be. Lengths are in characters.
#[derive(Debug, Clone)]
pub(in super::super) enum TextTest {
    Const(Box<str>),
    Len(u64),
    MinLen(u64),
    MaxLen(u64),
    LenBytes(u64),
    MinBytes(u64),
    MaxBytes(u64),
    Pattern(Regex),
    Prefix(Box<str>),
    Suffix(Box<str>),
    Contains(Box<str>),
    NotContains(Box<str>),
    In(Box<[Box<str>]>),
    NotIn(Box<[Box<str>]>),
    NotEmpty,
    /// A well-known format.
    Known(fn(&str) -> bool),
    /// The same, where a rule of its own tells of an empty string.
    KnownOrEmpty(fn(&str) -> bool),
}

impl TextTest {
    pub(in super::super) fn holds(&self, text: &str) -> bool {
        let among = |texts: &[Box<str>]| texts.iter().any(|one| **one == *text);
        match self {
            Self::Const(one) => **one == *text,
            Self::Len(len) => characters(text) == *len,
            Self::MinLen(least) => characters(text) >= *least,
            Self::MaxLen(most) => characters(text) <= *most,
            Self::LenBytes(len) => text.len() as u64 == *len,
            Self::MinBytes(least) => text.len() as u64 >= *least,
            Self::MaxBytes(most) => text.len() as u64 <= *most,
            Self::Pattern(pattern) => pattern.is_match(text),
            Self::Prefix(prefix) => text.starts_with(&**prefix),
            Self::Suffix(suffix) => text.ends_with(&**suffix),
            Self::Contains(part) => text.contains(&**part),
            Self::NotContains(part) => !text.contains(&**part),
            Self::In(texts) => among(texts),
            Self::NotIn(texts) => !among(texts),
            Self::NotEmpty => !text.is_empty(),
            Self::Known(format) => format(text),
            Self::KnownOrEmpty(format) => text.is_empty() || format(text),
        }
    }
}

fn characters(text: &str) -> u64 {
    text.chars().count() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_counted_in_characters_and_in_bytes() {
        assert!(TextTest::Len(2).holds("äö") && TextTest::LenBytes(4).holds("äö"));
        assert!(TextTest::MaxLen(1).holds("😀") && !TextTest::MaxBytes(3).holds("😀"));
        assert!(!TextTest::MinLen(2).holds("😀") && TextTest::MinBytes(4).holds("😀"));
    }
}
