//! Scalars, read from JSON and written as the wire has them, without a tag.
#![allow(clippy::inline_always, reason = "they are part of the loop over an object's members")]

use super::lexer::Next;
use super::object::{Read, Reader};
use super::put;
use crate::transcode::base64;
use crate::transcode::fault::{Fault, clip, quoted};
use crate::transcode::number;
use crate::transcode::plan::{Enum, Kind};

impl<'p> Reader<'p, '_, '_> {
    /// Reads a scalar or enum; false when it is an enum value that is to be dropped, and nothing was written.
    #[inline(always)]
    pub(super) fn scalar(&mut self, kind: Kind) -> Read<bool> {
        match kind {
            Kind::String => self.text(kind)?,
            Kind::Bool => self.bool(kind)?,
            Kind::Bytes => self.base64(kind)?,
            Kind::Float => {
                let float: f32 = self.float(kind)?;
                self.out.extend_from_slice(&float.to_le_bytes());
            }
            Kind::Double => {
                let double: f64 = self.float(kind)?;
                self.out.extend_from_slice(&double.to_le_bytes());
            }
            Kind::Enum(index) => return self.enum_value(kind, index),
            _ => self.integer(kind)?,
        }
        Ok(true)
    }

    /// Reads a string that something is to be made of.
    pub(super) fn made_of_text<T>(
        &mut self,
        expected: &str,
        make: impl FnOnce(&str) -> Option<T>,
    ) -> Read<T> {
        self.expect(Next::String, expected)?;
        let token = self.json.token();
        let text = self.json.string()?;
        make(&text)
            .ok_or_else(|| Fault::at(token, format!("expected {expected}, found string {}", quoted(&text))))
    }

    #[inline(always)]
    fn text(&mut self, kind: Kind) -> Read {
        if !self.json.next_is(b'"') {
            return Err(self.json.mismatch(kind.expectation()));
        }
        let from = self.json.rest().get(1..).unwrap_or_default();
        if let Some(plain) = self.json.plain_string()? {
            put::delimited(from, plain.len(), self.out);
            return Ok(());
        }
        let length = self.lengths.open(0, self.out);
        self.json.escaped_string(self.out)?;
        self.lengths.close(length, self.out);
        Ok(())
    }

    #[inline(never)]
    fn base64(&mut self, kind: Kind) -> Read {
        let bytes = self.made_of_text(kind.expectation(), base64::read)?;
        put::delimited(&bytes, bytes.len(), self.out);
        Ok(())
    }

    fn bool(&mut self, kind: Kind) -> Read {
        let value = match self.json.peek()? {
            Next::True => 1,
            Next::False => 0,
            _ => return Err(self.json.mismatch(kind.expectation())),
        };
        self.json.word();
        self.out.push(value);
        Ok(())
    }

    #[inline(never)]
    fn enum_value(&mut self, kind: Kind, index: u32) -> Read<bool> {
        let plans = self.plans;
        let desc = plans.enumeration(index).ok_or_else(|| Fault::new("a type that is not in the pool"))?;
        match self.json.peek()? {
            Next::Null if desc.null => {
                self.json.word();
                self.out.push(0);
                Ok(true)
            }
            Next::String => self.enum_name(desc),
            Next::Number => self.enum_number(desc),
            _ => Err(self.json.mismatch(kind.expectation())),
        }
    }

    fn enum_name(&mut self, desc: &'p Enum) -> Read<bool> {
        let token = self.json.token();
        let name = self.json.bytes()?;
        let settings = self.plans.settings();
        match desc.number(&name) {
            Some(number) => put::enumeration(number, self.out),
            None if !settings.refuse_unknown_enums => return Ok(false),
            None => return Err(Fault::at(token, desc.unknown(&quoted(&String::from_utf8_lossy(&name))))),
        }
        Ok(true)
    }

    /// Any number will do for an open enum; a closed one takes its own only.
    fn enum_number(&mut self, desc: &'p Enum) -> Read<bool> {
        let text = self.json.number()?;
        let number = number::integer(text).and_then(|number| i32::try_from(number).ok());
        match number {
            Some(number) if desc.takes(number) => put::enumeration(number, self.out),
            Some(_) if !self.plans.settings().refuse_unknown_enums => return Ok(false),
            _ => return Err(Fault::at(self.json.token(), desc.unknown(&clip(text)))),
        }
        Ok(true)
    }

    /// Reads an integer: a number, or a string that is one, without a fraction and in range.
    #[inline(never)]
    fn integer(&mut self, kind: Kind) -> Read {
        self.json.peek()?;
        let plain = number::plain_integer(self.json.rest());
        let plain = plain.and_then(|(number, len)| Some((put::bits(kind, i128::from(number))?, len)));
        let bits = if let Some((bits, len)) = plain {
            self.json.advance(len);
            bits
        } else {
            self.numeric(kind, |text| {
                let number = if number::is_number(text) { number::integer(text) } else { None };
                number.and_then(|number| put::bits(kind, number))
            })?
        };
        put::integer(kind, bits, self.out);
        Ok(())
    }

    /// Reads a float: a number, a string that is one, or the three names of what JSON has no number for.
    #[inline(never)]
    fn float<T: number::Float>(&mut self, kind: Kind) -> Read<T> {
        self.json.peek()?;
        if let Some((number, len)) = number::leading_float(self.json.rest()) {
            self.json.advance(len);
            return Ok(number);
        }
        self.numeric(kind, |text| match text {
            "NaN" => Some(T::NOT_A_NUMBER),
            "Infinity" => Some(T::WITHOUT_END),
            "-Infinity" => Some(-T::WITHOUT_END),
            _ if number::is_number(text) => number::finite(text),
            _ => None,
        })
    }

    #[cold]
    fn numeric<T>(&mut self, kind: Kind, make: impl FnOnce(&str) -> Option<T>) -> Read<T> {
        let expected = kind.expectation();
        match self.json.peek()? {
            Next::Number => {
                let text = self.json.number()?;
                make(text).ok_or_else(|| {
                    let found = clip(text);
                    Fault::at(self.json.token(), format!("expected {expected}, found number {found}"))
                })
            }
            Next::String => self.made_of_text(expected, make),
            _ => Err(self.json.mismatch(expected)),
        }
    }
}
