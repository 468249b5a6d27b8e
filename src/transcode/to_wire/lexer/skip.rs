//! Values that nobody wants: passed over, but checked, and the `@type` of objects told on the way.

use std::borrow::Cow;

use super::{Lexer, Next};
use crate::transcode::fault::Fault;

impl<'a> Lexer<'a> {
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
}

/// An object (where it began) or a list that [`Lexer::walk`] is in.
struct Level {
    object: Option<usize>,
    first: bool,
}
