//! The tokens of one JSON text (RFC 8259), pulled one at a time by whoever knows what should come next.
//!
//! It knows grammar, nesting depth and positions; it does not know messages. Nothing is recursive here, so a
//! text nested ten thousand deep costs no stack. The text was found to be UTF-8 before.
#![allow(clippy::inline_always, reason = "tokens are part of the loop over an object's members")]

mod refusal;
mod skip;
mod string;
#[cfg(test)]
mod tests;

use std::borrow::Cow;

use crate::transcode::fault::Fault;
use crate::transcode::number;

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

    /// What is left of the text, from a value that [`peek`](Self::peek) has seen on.
    #[inline(always)]
    pub(in crate::transcode) fn rest(&self) -> &'a [u8] {
        self.text.get(self.at..).unwrap_or_default()
    }

    /// Goes on by so many bytes of [`rest`](Self::rest).
    #[inline]
    pub(in crate::transcode) fn advance(&mut self, bytes: usize) {
        self.at += bytes;
    }

    /// The whole text.
    #[inline(always)]
    pub(in crate::transcode) fn text(&self) -> &'a [u8] {
        self.text
    }

    /// How far it has come.
    #[inline(always)]
    pub(in crate::transcode) fn at(&self) -> usize {
        self.at
    }

    /// Goes to a place of the text that somebody else has read up to.
    #[inline(always)]
    pub(in crate::transcode) fn go_to(&mut self, at: usize) {
        self.at = at;
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

    /// Nothing but white space may follow.
    pub(in crate::transcode) fn end(&mut self) -> Result<(), Fault> {
        match self.next_byte() {
            None => Ok(()),
            Some(_) => Err(self.unexpected("the end of the JSON text")),
        }
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
}
