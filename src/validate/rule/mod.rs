//! The standard rules as tests of a value: one struct for each rule that a proto file sets, with its id and its
//! text ready.
//!
//! Not for which rule stands on which field ([`plan`](super::plan)) nor for reading rules out of options
//! ([`build`](super::build)).

mod bytes;
mod number;
mod text;
mod time;

pub(super) use bytes::{BytesTest, contains};
pub(super) use number::{Bound, Number, NumberTest, Range};
pub(super) use text::TextTest;
pub(super) use time::{Moment, TimeTest, duration_text, timestamp_text};

/// One rule.
#[derive(Debug, Clone)]
pub(super) struct Rule<T> {
    /// Its name for programs, such as `string.min_len`.
    pub(super) id: Box<str>,
    /// What a client reads when it is broken.
    pub(super) text: Box<str>,
    pub(super) test: T,
}

impl<T> Rule<T> {
    pub(super) fn new(id: impl Into<Box<str>>, text: impl Into<Box<str>>, test: T) -> Self {
        Self { id: id.into(), text: text.into(), test }
    }
}

/// What an enum's number has to be.
#[derive(Debug, Clone)]
pub(super) enum EnumTest {
    Const(i32),
    In(Box<[i32]>),
    NotIn(Box<[i32]>),
}

impl EnumTest {
    pub(super) fn holds(&self, number: i64) -> bool {
        let among = |numbers: &[i32]| numbers.iter().any(|one| i64::from(*one) == number);
        match self {
            Self::Const(one) => i64::from(*one) == number,
            Self::In(numbers) => among(numbers),
            Self::NotIn(numbers) => !among(numbers),
        }
    }
}

/// What the type URL of an `Any` has to be.
#[derive(Debug, Clone)]
pub(super) enum AnyTest {
    In(Box<[Box<str>]>),
    NotIn(Box<[Box<str>]>),
}

impl AnyTest {
    pub(super) fn holds(&self, url: &[u8]) -> bool {
        let among = |urls: &[Box<str>]| urls.iter().any(|one| one.as_bytes() == url);
        match self {
            Self::In(urls) => among(urls),
            Self::NotIn(urls) => !among(urls),
        }
    }
}

/// Which paths a field mask may hold.
#[derive(Debug, Clone)]
pub(super) enum MaskTest {
    Const(Box<[Box<str>]>),
    In(Box<[Box<str>]>),
    NotIn(Box<[Box<str>]>),
}

impl MaskTest {
    pub(super) fn holds(&self, paths: &[&[u8]]) -> bool {
        let below = |path: &[u8], one: &str| {
            path.strip_prefix(one.as_bytes()).is_some_and(|rest| rest.is_empty() || rest.starts_with(b"."))
        };
        let among = |path: &&[u8], known: &[Box<str>]| known.iter().any(|one| below(path, one));
        match self {
            Self::Const(known) => {
                known.len() == paths.len()
                    && known.iter().zip(paths).all(|(one, path)| one.as_bytes() == *path)
            }
            Self::In(known) => paths.iter().all(|path| among(path, known)),
            Self::NotIn(known) => !paths.iter().any(|path| among(path, known)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn masks_hold_paths_and_what_lies_below() {
        let only = MaskTest::In(["a".into(), "b.c".into()].into());
        assert!(only.holds(&[b"a", b"a.x", b"b.c"]) && only.holds(&[]));
        assert!(!only.holds(&[b"b"]) && !only.holds(&[b"ab"]));
        let never = MaskTest::NotIn(["a".into()].into());
        assert!(never.holds(&[b"b"]) && !never.holds(&[b"b", b"a.x"]));
    }
}
