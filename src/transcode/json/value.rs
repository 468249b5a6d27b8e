//! Single values: numbers, texts, enums, messages.

use super::raw::Raw;
use super::text;
use super::writer::{Stop, Writer, Written};
use crate::transcode::plan::{Enum, Field, Kind, Shape};
use crate::transcode::scalar;

impl Field {
    /// Whether the value counts as an unknown field: a number that a closed enum has no name for.
    #[inline]
    pub(super) fn is_unknown(&self, value: Raw<'_>) -> bool {
        match (&self.kind, value) {
            (Kind::Enum(desc), Raw::Number(number)) => desc.closed && desc.text(low(number)).is_none(),
            _ => false,
        }
    }

    /// Whether the value is the same as none. A negative zero is not, though it equals zero.
    #[inline]
    pub(super) fn is_default(&self, value: Raw<'_>) -> bool {
        if self.presence || self.shape != Shape::Single {
            return false;
        }
        match (&self.kind, value) {
            (Kind::Enum(desc), Raw::Number(number)) => desc.is_default(low(number)),
            (Kind::Int32 | Kind::Sint32 | Kind::Uint32, Raw::Number(number)) => low(number) == 0,
            (_, Raw::Number(number)) => number == 0,
            (Kind::Message(_), _) => false,
            (_, Raw::Slice(slice)) => slice.is_empty(),
        }
    }
}

/// The low 32 bits, all that counts of a varint for the small kinds.
#[allow(clippy::cast_possible_truncation, reason = "readers of the wire format drop the high bits")]
fn low(number: u64) -> i32 {
    number as i32
}

/// A text, when it is UTF-8.
pub(super) fn utf8(bytes: &[u8]) -> Result<&str, Stop> {
    std::str::from_utf8(bytes).map_err(|_| Stop::fault("not valid UTF-8"))
}

/// The 32-bit signed number of a value of one of the signed kinds, and likewise below.
pub(super) fn signed(kind: &Kind, number: u64) -> i64 {
    match kind {
        Kind::Int32 => i64::from(low(number)),
        Kind::Sint32 => {
            let bits = low(number).cast_unsigned();
            i64::from((bits >> 1).cast_signed() ^ -(bits & 1).cast_signed())
        }
        Kind::Sint64 => (number >> 1).cast_signed() ^ -(number & 1).cast_signed(),
        _ => number.cast_signed(),
    }
}

pub(super) fn unsigned(kind: &Kind, number: u64) -> u64 {
    match kind {
        Kind::Uint32 => u64::from(low(number).cast_unsigned()),
        _ => number,
    }
}

impl<'p> Writer<'p, '_> {
    /// Writes one value that is neither list nor map.
    #[inline]
    pub(super) fn single(&mut self, kind: &'p Kind, value: Raw<'_>) -> Written {
        let number = value.number();
        match kind {
            Kind::Message(index) => return self.message(*index, value.slice()),
            Kind::Text => text::quoted(utf8(value.slice())?, self.out),
            Kind::Bytes => scalar::append_base64(value.slice(), self.out),
            Kind::Bool => self.raw(if number == 0 { "false" } else { "true" }),
            Kind::Int32 | Kind::Sint32 => self.raw(itoa::Buffer::new().format(signed(kind, number))),
            Kind::Uint32 => self.raw(itoa::Buffer::new().format(unsigned(kind, number))),
            Kind::Int64 | Kind::Sint64 => self.wide(itoa::Buffer::new().format(signed(kind, number))),
            Kind::Uint64 => self.wide(itoa::Buffer::new().format(number)),
            Kind::Float => {
                let float = f32::from_bits(low(number).cast_unsigned());
                self.float(float, f64::from(float));
            }
            Kind::Double => self.float(f64::from_bits(number), f64::from_bits(number)),
            Kind::Enum(desc) => self.enum_value(desc, low(number)),
        }
        Ok(())
    }

    #[inline]
    pub(super) fn raw(&mut self, json: &str) {
        self.out.extend_from_slice(json.as_bytes());
    }

    /// A 64-bit integer: a string by default, since JSON readers may hold numbers as doubles.
    fn wide(&mut self, digits: &str) {
        if self.plans.settings().int64_as_numbers {
            return self.raw(digits);
        }
        self.out.push(b'"');
        self.raw(digits);
        self.out.push(b'"');
    }

    /// The shortest number that reads back as the same, in its own width; names for what is no number.
    fn float(&mut self, number: impl zmij::Float, class: f64) {
        if class.is_nan() {
            self.raw("\"NaN\"");
        } else if class.is_infinite() {
            self.raw(if class > 0.0 { "\"Infinity\"" } else { "\"-Infinity\"" });
        } else {
            let mut buffer = zmij::Buffer::new();
            let text = buffer.format_finite(number);
            self.raw(text.strip_suffix(".0").unwrap_or(text));
        }
    }

    fn enum_value(&mut self, desc: &Enum, number: i32) {
        match desc.text(number) {
            _ if desc.null => self.raw("null"),
            Some(text) => self.out.extend_from_slice(text),
            None => self.raw(itoa::Buffer::new().format(number)),
        }
    }
}
