//! A request's path as it is matched: each segment percent-decoded, split only where the raw path is split.
//!
//! Request path. Nothing is allocated for a path without percent escapes. Not for what a capture becomes
//! ([`capture`](super::capture)).

use std::borrow::Cow;

use percent_encoding::percent_decode_str;

use super::{Miss, Unescape};

/// The path of a request.
#[derive(Debug)]
pub(super) struct RequestPath<'p> {
    /// The path that captures are cut from.
    pub raw: Cow<'p, str>,
    /// Whether `raw` has percent escapes that are still to be decoded.
    pub escaped: bool,
    /// The path in [`canonical`] form, where that differs from `raw`.
    canonical: Option<String>,
}

/// Where a path ends when its custom verb is taken off.
pub(super) struct Ends {
    /// In the raw path.
    pub raw: usize,
    /// In the path that is matched.
    pub matched: usize,
}

impl<'p> RequestPath<'p> {
    /// Reads a raw path.
    pub fn read(path: &'p str, unescape: Unescape) -> Result<Self, Miss> {
        if !path.starts_with('/') {
            return Err(Miss::Malformed("the path does not begin with `/`".to_owned()));
        }
        if !path.as_bytes().contains(&b'%') {
            return Ok(Self { raw: path.into(), escaped: false, canonical: None });
        }
        well_formed(path)?;
        if unescape == Unescape::Legacy {
            let raw = percent_decode_str(path).decode_utf8().map_err(|_| not_utf8())?;
            let canonical = raw.contains('%').then(|| raw.replace('%', "%25"));
            return Ok(Self { raw, escaped: false, canonical });
        }
        let raw = match unescape {
            // The digits of an escape have no case (RFC 3986, 2.1).
            Unescape::AllCharacters => path.replace("%2F", "/").replace("%2f", "/").into(),
            _ => Cow::Borrowed(path),
        };
        let canonical = Some(canonical(&raw).ok_or_else(not_utf8)?);
        Ok(Self { raw, escaped: true, canonical })
    }

    /// The path to match, up to `end`.
    pub fn matched(&self, end: usize) -> &str {
        let path = self.canonical.as_deref().unwrap_or(&self.raw);
        path.get(..end).unwrap_or(path)
    }

    /// Whether the last segment has a colon.
    pub fn may_have_verb(&self) -> bool {
        self.raw.bytes().rev().take_while(|byte| *byte != b'/').any(|byte| byte == b':')
    }

    /// Takes a custom verb off the end, with its colon, if something stands before it in the last segment.
    /// The colon itself must not be escaped; the verb may be.
    pub fn without_verb(&self, verb: &Verb) -> Option<Ends> {
        let raw = self.raw.as_bytes();
        let before = if self.escaped {
            verb.text.bytes().rev().try_fold(raw, take_last)?
        } else if verb.text.contains('/') {
            return None;
        } else {
            raw.strip_suffix(verb.text.as_bytes())?
        };
        let before = before.strip_suffix(b":")?;
        if before.ends_with(b"/") {
            return None;
        }
        let matched = match &self.canonical {
            Some(canonical) => canonical.len().checked_sub(verb.canonical_len + 1)?,
            None => before.len(),
        };
        Some(Ends { raw: before.len(), matched })
    }
}

/// A custom verb, percent-decoded.
#[derive(Debug)]
pub(super) struct Verb {
    text: String,
    canonical_len: usize,
}

impl Verb {
    pub fn new(text: String) -> Self {
        let canonical_len = canonical_literal(&text).len();
        Self { text, canonical_len }
    }

    /// How long it is, in bytes.
    pub fn len(&self) -> usize {
        self.text.len()
    }
}

/// Takes the last character, which stands for `byte`, off a well-formed path. A raw `/` stands for no byte of a
/// segment.
fn take_last(path: &[u8], byte: u8) -> Option<&[u8]> {
    match path {
        [head @ .., b'%', high, low] => (hex(*high)? << 4 | hex(*low)? == byte).then_some(head),
        [head @ .., last] => (*last == byte && byte != b'/').then_some(head),
        [] => None,
    }
}

/// A well-formed path decoded, but for the escapes of `/` and of `%`: they are upper-cased. So two segments are
/// equal in this form exactly if they are equal when decoded, and a slash still separates. `None` if the decoded
/// bytes are not UTF-8.
fn canonical(path: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(path.len());
    let mut rest = path.as_bytes();
    while let Some((first, tail)) = rest.split_first() {
        rest = tail;
        let (b'%', [high, low, after @ ..]) = (*first, tail) else {
            bytes.push(*first);
            continue;
        };
        rest = after;
        match hex(*high)? << 4 | hex(*low)? {
            b'/' => bytes.extend(b"%2F"),
            b'%' => bytes.extend(b"%25"),
            byte => bytes.push(byte),
        }
    }
    String::from_utf8(bytes).ok()
}

/// The text of a decoded literal in [`canonical`] form.
pub(super) fn canonical_literal(text: &str) -> String {
    text.replace('%', "%25").replace('/', "%2F")
}

fn well_formed(path: &str) -> Result<(), Miss> {
    for (at, _) in path.match_indices('%') {
        let escape: String = path.get(at..).unwrap_or_default().chars().take(3).collect();
        let is_hex = |c: char| c.is_ascii_hexdigit();
        if escape.len() != 3 || !escape.chars().skip(1).all(is_hex) {
            return Err(Miss::Malformed(format!("`{escape}` in the path is not a percent escape")));
        }
    }
    Ok(())
}

fn not_utf8() -> Miss {
    Miss::Malformed("the path is not UTF-8 when its percent escapes are decoded".to_owned())
}

/// The value of a hexadecimal digit.
pub(super) fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matched(path: &str, unescape: Unescape) -> String {
        match RequestPath::read(path, unescape) {
            Ok(path) => path.matched(usize::MAX).to_owned(),
            Err(Miss::Malformed(what)) => what,
            Err(miss) => panic!("{miss:?}"),
        }
    }

    #[test]
    fn escapes_are_decoded_once_and_slashes_stay() {
        for (path, spec, legacy, all) in [
            ("/a/b", "/a/b", "/a/b", "/a/b"),
            ("/e%63ho", "/echo", "/echo", "/echo"),
            ("/a%2fb", "/a%2Fb", "/a/b", "/a/b"),
            ("/a%252Fb", "/a%252Fb", "/a%252Fb", "/a%252Fb"),
            ("/%25", "/%25", "/%25", "/%25"),
            ("/%c3%A9", "/é", "/é", "/é"),
            ("/é%41", "/éA", "/éA", "/éA"),
        ] {
            assert_eq!(matched(path, Unescape::Spec), spec, "{path}");
            assert_eq!(matched(path, Unescape::AllExceptSlash), spec, "{path}");
            assert_eq!(matched(path, Unescape::Legacy), legacy, "{path}");
            assert_eq!(matched(path, Unescape::AllCharacters), all, "{path}");
        }
    }

    #[test]
    fn what_is_not_a_path_is_told() {
        for unescape in [Unescape::Spec, Unescape::Legacy, Unescape::AllExceptSlash, Unescape::AllCharacters]
        {
            for (path, what) in [
                ("", "the path does not begin with `/`"),
                ("*", "the path does not begin with `/`"),
                ("/%zz", "`%zz` in the path is not a percent escape"),
                ("/a%", "`%` in the path is not a percent escape"),
                ("/a%4", "`%4` in the path is not a percent escape"),
                ("/a%4é", "`%4é` in the path is not a percent escape"),
                ("/%%41", "`%%4` in the path is not a percent escape"),
                ("/%ff%fe", "the path is not UTF-8 when its percent escapes are decoded"),
                ("/%c3/%a9", "the path is not UTF-8 when its percent escapes are decoded"),
            ] {
                assert_eq!(matched(path, unescape), what, "{path} {unescape:?}");
            }
        }
    }

    #[test]
    fn a_verb_is_taken_off_behind_a_plain_colon() {
        for (path, verb, before) in [
            ("/v1/a:go", "go", Some(("/v1/a", "/v1/a"))),
            ("/v1/a:b:go", "go", Some(("/v1/a:b", "/v1/a:b"))),
            ("/v1/a:b:go", "b:go", Some(("/v1/a", "/v1/a"))),
            ("/v1/:go", "go", None),
            ("/v1/ago", "go", None),
            ("/v1/a:gone", "go", None),
            ("/v1/a%3Ago", "go", None),
            ("/v1/a%2Fb:%67o", "go", Some(("/v1/a%2Fb", "/v1/a%2Fb"))),
            ("/v1/%61:go", "go", Some(("/v1/%61", "/v1/a"))),
            ("/v1/a:g%2fo", "g/o", Some(("/v1/a", "/v1/a"))),
            ("/v1/a:g/o", "g/o", None),
            ("/v1/%61:g/o", "g/o", None),
            ("/v1/a:g%25o", "g%o", Some(("/v1/a", "/v1/a"))),
        ] {
            let read = RequestPath::read(path, Unescape::Spec).expect(path);
            let ends = read.without_verb(&Verb::new(verb.to_owned()));
            let found = ends.map(|ends| (&path[..ends.raw], read.matched(ends.matched)));
            assert_eq!(found, before, "{path} {verb}");
        }
    }
}
