//! The tokens of one JSON text (RFC 8259), pulled one at a time by whoever knows what should come next.
//!
//! It knows grammar, nesting depth and positions; it does not know messages. Nothing is recursive here, so a
//! text nested ten thousand deep costs no stack. The text was found to be UTF-8 before.
#![allow(clippy::inline_always, reason = "tokens are part of the loop over an object's members")]

use std::borrow::Cow;

use crate::transcode::fault::{Fault, clip, quoted};
use crate::transcode::json_text::plain_run;
use crate::transcode::number;
use crate::transcode::plan::Snippet;

/// A place in a JSON text.
#[derive(Debug, Clone)]
pub(in crate::transcode) struct Lexer<'a> {
    text: &'a [u8],
    at: usize,
    /// Where the token that was read last began.
    token: usize,
    depth: usize,
    max_depth: usize,
}

/// What kind of value comes next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::transcode) enum Next {
    Object,
    List,
    String,
    Number,
    True,
    False,
    Null,
}

impl<'a> Lexer<'a> {
    /// Starts at the beginning of a text whose objects and lists may nest `max_depth` deep.
    pub(in crate::transcode) fn new(text: &'a str, max_depth: usize) -> Self {
        Self { text: text.as_bytes(), at: 0, token: 0, depth: 0, max_depth }
    }

    /// Where the token that was read or looked at last began.
    pub(in crate::transcode) fn token(&self) -> usize {
        self.token
    }

    /// The kind of the value that comes next.
    #[inline]
    pub(in crate::transcode) fn peek(&mut self) -> Result<Next, Fault> {
        match self.next_byte() {
            Some(b'{') => Ok(Next::Object),
            Some(b'[') => Ok(Next::List),
            Some(b'"') => Ok(Next::String),
            Some(b'-' | b'0'..=b'9') => Ok(Next::Number),
            Some(_) => self.peek_word(),
            None => Err(self.unexpected("a value")),
        }
    }

    /// Whether the next value begins with this byte.
    #[inline(always)]
    pub(in crate::transcode) fn next_is(&mut self, byte: u8) -> bool {
        self.next_byte() == Some(byte)
    }

    /// Reads `true`, `false` or `null`, which [`peek`](Self::peek) has seen.
    #[inline]
    pub(in crate::transcode) fn word(&mut self) {
        self.at += if self.text.get(self.at) == Some(&b'f') { b"false".len() } else { b"true".len() };
    }

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

    /// The fault of a string with a control character at a place, or without an end.
    #[cold]
    fn unended(&self, control: bool, at: usize) -> Fault {
        if control {
            return Fault::at(at, "control character in a string; it must be escaped");
        }
        Fault::at(self.token, "string without a closing quote")
    }

    /// Reads the string that comes next and appends what it says.
    pub(in crate::transcode) fn escaped_string(&mut self, out: &mut Vec<u8>) -> Result<(), Fault> {
        self.at += 1;
        loop {
            let rest = self.rest();
            let len = plain_run(rest);
            out.extend_from_slice(rest.get(..len).unwrap_or_default());
            self.at += len;
            match rest.get(len) {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(());
                }
                Some(b'\\') => {
                    let character = self.escape()?;
                    out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
                }
                other => return Err(self.unended(other.is_some(), self.at)),
            }
        }
    }

    /// What is left of the text, from a value that [`peek`](Self::peek) has seen on.
    #[inline(always)]
    pub(in crate::transcode) fn rest(&self) -> &'a [u8] {
        self.text.get(self.at..).unwrap_or_default()
    }

    /// The string at a place of the text, for messages.
    pub(in crate::transcode) fn string_at(&self, at: usize) -> String {
        let mut there = Self { at, ..self.clone() };
        there.string().map(Cow::into_owned).unwrap_or_default()
    }

    /// Goes on by so many bytes of [`rest`](Self::rest).
    #[inline]
    pub(in crate::transcode) fn advance(&mut self, bytes: usize) {
        self.at += bytes;
    }

    /// Reads a number and gives its text.
    pub(in crate::transcode) fn number(&mut self) -> Result<&'a str, Fault> {
        self.next_byte();
        let rest = self.rest();
        let number = number::prefix(rest).and_then(|length| rest.get(..length));
        let number = number.and_then(|number| std::str::from_utf8(number).ok());
        let number = number.ok_or_else(|| Fault::at(self.at, "malformed number"))?;
        self.at += number.len();
        Ok(number)
    }

    /// Enters the object or list that [`peek`](Self::peek) has seen.
    #[inline]
    pub(in crate::transcode) fn open(&mut self) -> Result<(), Fault> {
        if self.depth >= self.max_depth {
            return Err(Fault::at(self.at, format!("nested deeper than {} levels", self.max_depth)));
        }
        self.depth += 1;
        self.at += 1;
        Ok(())
    }

    /// The next key of the object that was entered, its colon read; `None` when the object ends.
    pub(in crate::transcode) fn next_key(&mut self, first: &mut bool) -> Result<Option<Cow<'a, str>>, Fault> {
        if !self.goes_on(first)? {
            return Ok(None);
        }
        let start = self.token;
        let key = self.string()?;
        self.colon()?;
        self.token = start;
        Ok(Some(key))
    }

    /// Whether the object that was entered has one more key, which then comes next.
    #[inline(always)]
    pub(in crate::transcode) fn goes_on(&mut self, first: &mut bool) -> Result<bool, Fault> {
        if self.closes(b'}', first)? {
            return Ok(false);
        }
        if self.next_byte() != Some(b'"') {
            return Err(self.unexpected("a field name in double quotes"));
        }
        Ok(true)
    }

    /// Reads the key that comes next with its colon when it is exactly this: `,"name":`, where the comma does not
    /// count.
    #[inline(always)]
    pub(in crate::transcode) fn is_key(&mut self, key: &Snippet) -> bool {
        // Something stands before any key: a brace, a comma, white space.
        let found = self.at > 0 && key.is_at(self.text.get(self.at - 1..).unwrap_or_default());
        if found {
            self.at += key.len() - 1;
        }
        found
    }

    /// Reads the key that comes next with its colon.
    pub(in crate::transcode) fn key(&mut self) -> Result<Cow<'a, [u8]>, Fault> {
        let start = self.token;
        let key = self.bytes()?;
        self.colon()?;
        self.token = start;
        Ok(key)
    }

    #[inline]
    fn colon(&mut self) -> Result<(), Fault> {
        if self.next_byte() != Some(b':') {
            return Err(self.unexpected("`:`"));
        }
        self.at += 1;
        Ok(())
    }

    /// Whether the list that was entered has one more element, which then comes next.
    pub(in crate::transcode) fn next_element(&mut self, first: &mut bool) -> Result<bool, Fault> {
        Ok(!self.closes(b']', first)?)
    }

    /// Passes over one value, however deep, checking that it is well-formed.
    pub(in crate::transcode) fn skip(&mut self) -> Result<(), Fault> {
        self.walk(|_, _| ())
    }

    /// As [`skip`](Self::skip), telling the place and the `@type` of every object that has one.
    pub(in crate::transcode) fn walk(
        &mut self,
        mut found: impl FnMut(usize, Cow<'a, str>),
    ) -> Result<(), Fault> {
        let mut open = Vec::new();
        loop {
            if let Some(level) = self.step()? {
                open.push(level);
            }
            loop {
                let Some(level) = open.last_mut() else { return Ok(()) };
                if self.next_in(level, &mut found)? {
                    break;
                }
                open.pop();
            }
        }
    }

    /// Nothing but white space may follow.
    pub(in crate::transcode) fn end(&mut self) -> Result<(), Fault> {
        match self.next_byte() {
            None => Ok(()),
            Some(_) => Err(self.unexpected("the end of the JSON text")),
        }
    }

    /// The fault of a value that is not `expected`, or the fault in that value's own text.
    pub(in crate::transcode) fn mismatch(&mut self, expected: &str) -> Fault {
        match self.describe() {
            Ok((at, found)) => Fault::at(at, format!("expected {expected}, found {found}")),
            Err(fault) => fault,
        }
    }

    fn describe(&mut self) -> Result<(usize, String), Fault> {
        let found = match self.peek()? {
            Next::Object => "an object".to_owned(),
            Next::List => "a list".to_owned(),
            Next::String => format!("string {}", quoted(&self.clone().string()?)),
            Next::Number => format!("number {}", clip(self.clone().number()?)),
            Next::True => "true".to_owned(),
            Next::False => "false".to_owned(),
            Next::Null => "null".to_owned(),
        };
        Ok((self.token, found))
    }

    #[inline(never)]
    fn peek_word(&mut self) -> Result<Next, Fault> {
        let rest = self.rest();
        let length = rest.iter().take_while(|byte| byte.is_ascii_alphanumeric()).count();
        match rest.get(..length) {
            Some(b"true") => Ok(Next::True),
            Some(b"false") => Ok(Next::False),
            Some(b"null") => Ok(Next::Null),
            _ => Err(self.unexpected("a value")),
        }
    }

    /// Reads one scalar, or the opening of an object or list.
    fn step(&mut self) -> Result<Option<Level>, Fault> {
        let next = self.peek()?;
        let object = self.token;
        match next {
            Next::Object => {
                self.open()?;
                return Ok(Some(Level { object: Some(object), first: true }));
            }
            Next::List => {
                self.open()?;
                return Ok(Some(Level { object: None, first: true }));
            }
            Next::String => drop(self.string()?),
            Next::Number => drop(self.number()?),
            Next::True | Next::False | Next::Null => self.word(),
        }
        Ok(None)
    }

    /// Goes to the next value inside an open object or list; false when it ends.
    fn next_in(
        &mut self,
        level: &mut Level,
        found: &mut impl FnMut(usize, Cow<'a, str>),
    ) -> Result<bool, Fault> {
        let Some(object) = level.object else { return self.next_element(&mut level.first) };
        let Some(key) = self.next_key(&mut level.first)? else { return Ok(false) };
        if key == "@type" && self.peek()? == Next::String {
            found(object, self.clone().string()?);
        }
        Ok(true)
    }

    /// Whether the object or list ends here; reads the comma before all but the first of its parts.
    #[inline(always)]
    fn closes(&mut self, closing: u8, first: &mut bool) -> Result<bool, Fault> {
        let next = self.next_byte();
        if next == Some(closing) {
            self.at += 1;
            self.depth = self.depth.saturating_sub(1);
            return Ok(true);
        }
        if *first {
            *first = false;
            return Ok(false);
        }
        if next != Some(b',') {
            return Err(self.unexpected(if closing == b'}' { "`,` or `}`" } else { "`,` or `]`" }));
        }
        self.at += 1;
        Ok(false)
    }

    /// Reads one escape, from its backslash on.
    fn escape(&mut self) -> Result<char, Fault> {
        let start = self.at;
        let bad = || Fault::at(start, "invalid escape in a string");
        self.at += 2;
        let character = match self.text.get(start + 1) {
            Some(b'"') => '"',
            Some(b'\\') => '\\',
            Some(b'/') => '/',
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => return self.unicode().ok_or_else(bad),
            _ => return Err(bad()),
        };
        Ok(character)
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

    /// The first byte after white space, which becomes the current token.
    #[inline(always)]
    fn next_byte(&mut self) -> Option<u8> {
        match self.text.get(self.at) {
            Some(byte) if *byte > b' ' => {
                self.token = self.at;
                Some(*byte)
            }
            _ => self.after_white(),
        }
    }

    #[inline(never)]
    fn after_white(&mut self) -> Option<u8> {
        let white =
            self.rest().iter().take_while(|byte| matches!(byte, b' ' | b'\t' | b'\n' | b'\r')).count();
        self.at += white;
        self.token = self.at;
        self.text.get(self.at).copied()
    }

    #[cold]
    fn unexpected(&self, expected: &str) -> Fault {
        match String::from_utf8_lossy(self.rest().get(..4).unwrap_or(self.rest())).chars().next() {
            None => Fault::at(self.at, format!("expected {expected}, found the end of the JSON text")),
            Some(found) => {
                let found = quoted(found.encode_utf8(&mut [0; 4]));
                Fault::at(self.at, format!("expected {expected}, found unexpected character {found}"))
            }
        }
    }
}

/// The text that bytes of the JSON text are.
fn text_of(bytes: &[u8]) -> Cow<'_, str> {
    simdutf8::basic::from_utf8(bytes).map_or_else(|_| String::from_utf8_lossy(bytes), Cow::Borrowed)
}

/// An object (where it began) or a list that [`Lexer::walk`] is in.
struct Level {
    object: Option<usize>,
    first: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn skip(text: &str) -> Result<(), Fault> {
        let mut lexer = Lexer::new(text, 100);
        lexer.skip()?;
        lexer.end()
    }

    #[test]
    fn well_formed_texts_are_passed_over() {
        for good in
            ["1", " \t\r\n{ } ", "[]", r#"{"a":[1,-2.5e7,{"b":null}],"c":true}"#, r#""\ud83d\ude00\/\"""#]
        {
            assert_eq!(skip(good), Ok(()), "{good}");
        }
    }

    #[test]
    fn malformed_texts_are_refused() {
        let bad = [
            "",
            " ",
            "{",
            "[",
            "[1,]",
            "{\"a\":1,}",
            "{,}",
            "[,]",
            "{a:1}",
            "{'a':1}",
            "{\"a\"}",
            "{\"a\":}",
            "[1 2]",
            "{\"a\":1 \"b\":2}",
            "nul",
            "nulll",
            "True",
            "NaN",
            "Infinity",
            "01",
            "1.",
            "-",
            "+1",
            "1 2",
            "{} x",
            "[]]",
            "}",
            "]",
            "\u{feff}{}",
            "// x\n1",
            "1 // x",
            "\"a",
            "\"\\x\"",
            "\"\\u12\"",
            "\"\\ud800\"",
            "\"\\udc00\"",
            "\"\\ud800\\u0041\"",
            "\"\t\"",
            "\"\n\"",
            "[1}",
            "{\"a\":1]",
            "\"\\u+123\"",
        ];
        for text in bad {
            assert!(skip(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn strings_are_unescaped() {
        let text = r#""a\"\\\/\b\f\n\r\t\u0041\u00e4\ud83d\ude00é""#;
        assert_eq!(Lexer::new(text, 1).string().expect("a string"), "a\"\\/\u{8}\u{c}\n\r\tAä😀é");
    }

    #[test]
    fn depth_is_limited_without_recursion() {
        let deep = format!("{}{}", "[".repeat(1_000_000), "]".repeat(1_000_000));
        assert!(skip(&deep).is_err());
        assert_eq!(Lexer::new(&deep, usize::MAX).skip(), Ok(()));
        assert_eq!(skip(&format!("{}{}", "[".repeat(100), "]".repeat(100))), Ok(()));
    }

    #[test]
    fn every_type_is_found_with_its_place() {
        let mut found = Vec::new();
        let text = r#"{"x":[{"@type":"b"}], "@type":"a", "y":{"@type":1}}"#;
        Lexer::new(text, 9).walk(|at, name| found.push((at, name))).expect("well-formed");
        assert_eq!(found, [(6, Cow::Borrowed("b")), (0, Cow::Borrowed("a"))]);
    }
}
