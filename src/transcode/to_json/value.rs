//! Single values: numbers in their shortest form, strings, base64, enum names.
#![allow(clippy::inline_always, reason = "they are part of the loop over a message's fields")]

use super::object::{Stop, Writer, Written};
use super::raw::{Raw, Span};
use crate::transcode::base64;
use crate::transcode::json_text;
use crate::transcode::plan::Kind;

impl Writer<'_, '_, '_> {
    /// Writes one value that is neither list nor map.
    #[inline(always)]
    pub(super) fn single(&mut self, kind: Kind, raw: Raw) -> Written {
        match raw {
            Raw::Span(span) => match kind {
                Kind::String => self.text(span),
                Kind::Message(index) | Kind::Group(index) => self.message(index, span),
                Kind::Bytes => {
                    self.base64(span);
                    Ok(())
                }
                _ => Err(Stop::Malformed),
            },
            Raw::Number(number) => {
                self.number(kind, number);
                Ok(())
            }
        }
    }

    /// Writes a string.
    #[inline(always)]
    pub(super) fn text(&mut self, span: Span) -> Written {
        let from = self.wire.get(span.at..).unwrap_or_default();
        Ok(json_text::string_of(from, span.len(), self.out)?)
    }

    /// Writes bytes as padded standard base64.
    pub(super) fn base64(&mut self, span: Span) {
        self.out.push(b'"');
        base64::write(span.bytes(self.wire), self.out);
        self.out.push(b'"');
    }

    fn number(&mut self, kind: Kind, number: u64) {
        match kind {
            Kind::Bool => self.out.extend_from_slice(if number == 0 { b"false" } else { &b"true"[..] }),
            Kind::Int32 | Kind::Sfixed32 => self.digits(low(number).cast_signed()),
            Kind::Sint32 => self.digits(unzigzag(u64::from(low(number)))),
            Kind::Uint32 | Kind::Fixed32 => self.digits(low(number)),
            Kind::Int64 | Kind::Sfixed64 => self.wide(number.cast_signed()),
            Kind::Sint64 => self.wide(unzigzag(number)),
            Kind::Uint64 | Kind::Fixed64 => self.wide(number),
            Kind::Float => {
                let float = f32::from_bits(low(number));
                self.float(float, f64::from(float));
            }
            Kind::Double => {
                let double = f64::from_bits(number);
                self.float(double, double);
            }
            Kind::Enum(index) => self.enum_value(index, low(number).cast_signed()),
            Kind::String | Kind::Bytes | Kind::Message(_) | Kind::Group(_) => {}
        }
    }

    #[inline]
    fn digits(&mut self, number: impl itoa::Integer) {
        self.out.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
    }

    /// A 64-bit integer: a string by default, since JSON readers may hold numbers as doubles.
    #[inline]
    fn wide(&mut self, number: impl itoa::Integer) {
        if !self.quotes_wide {
            return self.digits(number);
        }
        self.out.push(b'"');
        self.digits(number);
        self.out.push(b'"');
    }

    /// The shortest number that reads back as the same, in its own width; names for what is no number.
    fn float(&mut self, number: impl zmij::Float, class: f64) {
        if class.is_nan() {
            self.out.extend_from_slice(b"\"NaN\"");
        } else if class.is_infinite() {
            self.out.extend_from_slice(if class > 0.0 { b"\"Infinity\"" } else { &b"\"-Infinity\""[..] });
        } else {
            let mut buffer = zmij::Buffer::new();
            let text = buffer.format_finite(number);
            self.out.extend_from_slice(text.strip_suffix(".0").unwrap_or(text).as_bytes());
        }
    }

    #[inline]
    fn enum_value(&mut self, index: u32, number: i32) {
        let desc = self.plans.enumeration(index);
        match desc.and_then(|desc| desc.text(number)) {
            Some(text) => text.put(self.out),
            None if desc.is_some_and(|desc| desc.null) => self.out.extend_from_slice(b"null"),
            None => self.digits(number),
        }
    }

    /// Whether the enum has the number, or takes any.
    #[inline]
    pub(super) fn enum_takes(&self, index: u32, number: u64) -> bool {
        self.plans.enumeration(index).is_none_or(|desc| desc.open || desc.takes(low(number).cast_signed()))
    }

    pub(super) fn enum_default(&self, index: u32) -> u64 {
        let default = self.plans.enumeration(index).map_or(0, |desc| desc.default);
        u64::from(default.cast_unsigned())
    }
}

/// The lower 32 bits, which are all that counts of a 32-bit value.
#[allow(clippy::cast_possible_truncation, reason = "that is what it is for")]
#[inline]
pub(super) fn low(number: u64) -> u32 {
    number as u32
}

/// Small numbers of either sign were small unsigned ones.
#[inline]
pub(super) fn unzigzag(number: u64) -> i64 {
    (number >> 1).cast_signed() ^ -(number & 1).cast_signed()
}
