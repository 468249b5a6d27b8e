//! Strings and their escapes (RFC 8259, section 7).
#![allow(clippy::inline_always, reason = "tokens are part of the loop over an object's members")]

use std::borrow::Cow;

use super::Lexer;
use crate::transcode::fault::Fault;
use crate::transcode::json_text::{plain_run, put_plain};

impl<'a> Lexer<'a> {
    /// Reads a string.
    pub(in crate::transcode) fn string(&mut self) -> Result<Cow<'a, str>, Fault> {
        Ok(match self.bytes()? {
            Cow::Borrowed(bytes) => text_of(bytes),
            Cow::Owned(bytes) => Cow::Owned(String::from_utf8_lossy(&bytes).into_owned()),
        })
    }

    /// Reads a string as bytes, which are UTF-8.
    #[inline]
    pub(in crate::transcode) fn bytes(&mut self) -> Result<Cow<'a, [u8]>, Fault> {
        if let Some(plain) = self.plain_string()? {
            return Ok(Cow::Borrowed(plain));
        }
        let mut text = Vec::new();
        self.escaped_string(&mut text)?;
        Ok(Cow::Owned(text))
    }

    /// Reads a string when it has no escape; else stays before it.
    #[inline(always)]
    pub(in crate::transcode) fn plain_string(&mut self) -> Result<Option<&'a [u8]>, Fault> {
        if self.next_byte() != Some(b'"') {
            return Err(self.unexpected("a string"));
        }
        let rest = self.text.get(self.at + 1..).unwrap_or_default();
        let len = plain_run(rest);
        match rest.get(len) {
            Some(b'"') => {
                self.at += len + 2;
                Ok(rest.get(..len))
            }
            Some(b'\\') => Ok(None),
            other => Err(self.unended(other.is_some(), self.at + 1 + len)),
        }
    }

    /// Reads the string that comes next and appends what it says.
    pub(in crate::transcode) fn escaped_string(&mut self, out: &mut Vec<u8>) -> Result<(), Fault> {
        self.at += 1;
        loop {
            let rest = self.rest();
            let len = put_plain(rest, out);
            self.at += len;
            match rest.get(len) {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(());
                }
                Some(b'\\') => {
                    if let Some(byte) = rest.get(len + 1).and_then(|byte| short_escape(*byte)) {
                        out.push(byte);
                        self.at += 2;
                    } else {
                        let character = self.escape()?;
                        out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
                    }
                }
                other => return Err(self.unended(other.is_some(), self.at)),
            }
        }
    }

    /// The string at a place of the text, for messages.
    pub(in crate::transcode) fn string_at(&self, at: usize) -> String {
        let mut there = Self { at, ..self.clone() };
        there.string().map(Cow::into_owned).unwrap_or_default()
    }

    /// The fault of a string with a control character at a place, or without an end.
    #[cold]
    fn unended(&self, control: bool, at: usize) -> Fault {
        if control {
            return Fault::at(at, "control character in a string; it must be escaped");
        }
        Fault::at(self.token, "string without a closing quote")
    }

    /// Reads one escape of a character's number, from its backslash on.
    fn escape(&mut self) -> Result<char, Fault> {
        let start = self.at;
        let bad = || Fault::at(start, "invalid escape in a string");
        self.at += 2;
        match self.text.get(start + 1) {
            Some(b'u') => self.unicode().ok_or_else(bad),
            _ => Err(bad()),
        }
    }

    /// Reads what follows `\u`: four hex digits, or two such escapes that make a surrogate pair.
    fn unicode(&mut self) -> Option<char> {
        let first = self.four_hex()?;
        if !(0xd800..0xdc00).contains(&first) {
            return char::from_u32(first);
        }
        if !self.rest().starts_with(b"\\u") {
            return None;
        }
        self.at += 2;
        let second = self.four_hex().filter(|low| (0xdc00..0xe000).contains(low))?;
        char::from_u32(0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00))
    }

    fn four_hex(&mut self) -> Option<u32> {
        let digits = self.rest().get(..4)?;
        if !digits.iter().all(u8::is_ascii_hexdigit) {
            return None;
        }
        self.at += 4;
        u32::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
    }
}

/// What a backslash and one byte stand for.
#[inline]
fn short_escape(byte: u8) -> Option<u8> {
    Some(match byte {
        b'"' | b'\\' | b'/' => byte,
        b'b' => 0x8,
        b'f' => 0xc,
        b'n' => b'\n',
        b'r' => b'\r',
        b't' => b'\t',
        _ => return None,
    })
}

/// The text that bytes of the JSON text are.
fn text_of(bytes: &[u8]) -> Cow<'_, str> {
    simdutf8::basic::from_utf8(bytes).map_or_else(|_| String::from_utf8_lossy(bytes), Cow::Borrowed)
}
