//! The text of one path variable or query parameter, written as a value of a field's kind.
//!
//! These texts are no JSON: booleans have Go's spellings, durations Go's syntax too, field masks either
//! spelling of names. Which field a text is for is decided in [`parts`](super::parts) and
//! [`query`](super::query).

use super::known::TIMESTAMP;
use super::object::{Read, Reader};
use super::pairs::Parameter;
use super::parts::{Overlay, Source as PartSource, Texts};
use super::put;
use crate::transcode::base64;
use crate::transcode::fault::{Fault, quoted};
use crate::transcode::mask;
use crate::transcode::plan::{Enum, Field, Kind, Message, WellKnown};
use crate::transcode::time;

/// Where a text comes from, which decides a few finer points.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::transcode) enum Source {
    /// A path variable: no leading zeros in integers (they could be meant as octal), and quotes around
    /// timestamps and durations are tolerated.
    Path,
    /// A query parameter.
    Query,
}

type Written = Result<(), String>;

impl<'p> Reader<'p, '_, '_> {
    /// Writes a text as a value with its tag, but for a value that is as good as not set.
    pub(super) fn tagged_text(&mut self, field: &'p Field, text: &str, source: Source) -> Written {
        let start = self.out.len();
        put::varint(u64::from(field.tag), self.out);
        let value = self.out.len();
        self.text_value(field.kind, text, source)?;
        if field.implicit && self.out.get(value..).unwrap_or_default().iter().all(|byte| *byte == 0) {
            self.out.truncate(start);
        }
        Ok(())
    }

    /// Writes texts as the elements of a repeated field.
    pub(super) fn text_list<'t>(
        &mut self,
        field: &'p Field,
        mut texts: impl Iterator<Item = &'t str>,
        source: Source,
    ) -> Written {
        if !field.packed {
            return texts.try_for_each(|text| self.tagged_text(field, text, source));
        }
        put::varint(u64::from(field.packed_tag), self.out);
        let length = self.lengths.open(field.number, self.out);
        for text in texts {
            self.text_value(field.kind, text, source)?;
        }
        self.lengths.close(length, self.out);
        Ok(())
    }

    /// Writes the value of a singular field that a parameter has.
    pub(super) fn parameter(&mut self, field: &'p Field, parameter: &Parameter<'_>) -> Written {
        self.check_text_form(field)?;
        if parameter.bracket().is_some() {
            return Err(format!("{} is neither a list nor a map", quoted(&field.proto_name)));
        }
        self.tagged_text(field, &parameter.text, Source::Query)
    }

    /// `field=v`, `field[]=v` and `field[7]=v` all append to a list.
    pub(super) fn parameter_list<'t>(
        &mut self,
        field: &'p Field,
        parameters: impl Iterator<Item = (PartSource, &'t Parameter<'t>)>,
    ) -> Read {
        let packed = field.packed.then(|| {
            put::varint(u64::from(field.packed_tag), self.out);
            self.lengths.open(field.number, self.out)
        });
        for (source, parameter) in parameters {
            self.element(field, parameter).map_err(|what| self.fault_of(Some(source), &what))?;
        }
        if let Some(length) = packed {
            self.lengths.close(length, self.out);
        }
        Ok(())
    }

    fn element(&mut self, field: &'p Field, parameter: &Parameter<'_>) -> Written {
        self.check_text_form(field)?;
        if let Some(index) =
            parameter.bracket().filter(|index| !index.bytes().all(|byte| byte.is_ascii_digit()))
        {
            return Err(format!("expected a list index in the brackets, found {}", quoted(index)));
        }
        if field.packed {
            return self.text_value(field.kind, &parameter.text, Source::Query);
        }
        self.tagged_text(field, &parameter.text, Source::Query)
    }

    /// `field[key]=v` adds an entry to a map.
    pub(super) fn parameter_map<'t>(
        &mut self,
        field: &'p Field,
        parameters: impl Iterator<Item = (PartSource, &'t Parameter<'t>)>,
    ) -> Read {
        let (index, plan) = self.entry_plan(field)?;
        let mut keys = std::collections::HashSet::new();
        for (source, parameter) in parameters {
            let written = self.text_entry(field, index, plan, parameter).and_then(|key| {
                let new = keys.insert(key);
                if new { Ok(()) } else { Err("the map has this key twice".to_owned()) }
            });
            written.map_err(|what| self.fault_of(Some(source), &what))?;
        }
        Ok(())
    }

    /// Writes an entry and gives its key as the wire has it.
    fn text_entry(
        &mut self,
        field: &'p Field,
        index: u32,
        plan: &'p Message,
        parameter: &Parameter<'_>,
    ) -> Result<Vec<u8>, String> {
        let [key, value, ..] = &*plan.fields else { return Err("a map without entries".to_owned()) };
        let Some(bracket) = parameter.bracket() else {
            let name = &field.proto_name;
            return Err(format!("{} is a map: write {name}[key]=value", quoted(name)));
        };
        put::varint(u64::from(field.tag), self.out);
        let length = self.lengths.open(index, self.out);
        let start = self.out.len();
        put::varint(u64::from(key.tag), self.out);
        self.text_value(key.kind, bracket, Source::Query)?;
        let key = self.out.get(start..).unwrap_or_default().to_vec();
        put::varint(u64::from(value.tag), self.out);
        self.text_value(value.kind, &parameter.text, Source::Query)?;
        self.lengths.close(length, self.out);
        Ok(key)
    }

    /// Only well-known types can be given as one text.
    fn check_text_form(&self, field: &Field) -> Written {
        let plan = field.kind.message().and_then(|index| self.plans.get(index));
        if plan.is_some_and(|plan| matches!(plan.known, None | Some(WellKnown::Any))) {
            return Err("a message cannot be given as text; name one of its fields".to_owned());
        }
        Ok(())
    }

    /// Writes a text as a value of a kind without its tag, or says what was expected and found.
    fn text_value(&mut self, kind: Kind, text: &str, source: Source) -> Written {
        let expected = || expected(kind.expectation(), text);
        match kind {
            Kind::Message(index) | Kind::Group(index) => return self.text_message(index, text, source),
            Kind::Enum(index) => {
                let desc = self.plans.enumeration(index).ok_or_else(expected)?;
                put::enumeration(enum_number(desc, text)?, self.out);
            }
            Kind::Bool => self.out.push(u8::from(bool(text).ok_or_else(expected)?)),
            Kind::String => put::delimited(text.as_bytes(), text.len(), self.out),
            Kind::Bytes => {
                let bytes = base64::read(text).ok_or_else(expected)?;
                put::delimited(&bytes, bytes.len(), self.out);
            }
            Kind::Float => {
                let float = text.parse().ok().filter(|v: &f32| is_float(text, v.is_infinite()));
                self.out.extend_from_slice(&float.ok_or_else(expected)?.to_le_bytes());
            }
            Kind::Double => {
                let double = text.parse().ok().filter(|v: &f64| is_float(text, v.is_infinite()));
                self.out.extend_from_slice(&double.ok_or_else(expected)?.to_le_bytes());
            }
            _ => {
                let signed = !matches!(kind, Kind::Uint32 | Kind::Fixed32 | Kind::Uint64 | Kind::Fixed64);
                let bits = integer(signed, text, source).and_then(|number| put::bits(kind, number));
                put::integer(kind, bits.ok_or_else(expected)?, self.out);
            }
        }
        Ok(())
    }

    fn text_message(&mut self, index: u32, text: &str, source: Source) -> Written {
        let plan = self.plans.get(index).filter(|plan| !matches!(plan.known, None | Some(WellKnown::Any)));
        let (Some(plan), Some(known)) = (plan, plan.and_then(|plan| plan.known)) else {
            return Err("a message cannot be given as text".to_owned());
        };
        let length = self.lengths.open(index, self.out);
        match known {
            WellKnown::Timestamp => {
                let time =
                    time::read_timestamp(unquoted(text, source)).ok_or_else(|| expected(TIMESTAMP, text))?;
                self.moment(time);
            }
            WellKnown::Duration => {
                let plain = unquoted(text, source);
                let time = time::read_duration(plain).or_else(|| time::read_go_duration(plain));
                self.moment(time.ok_or_else(|| expected("a duration such as 1.5s or 1h30m", text))?);
            }
            // In the spelling of the wire, empty paths left out.
            WellKnown::FieldMask => {
                for path in text.split(',').filter(|path| !path.is_empty()) {
                    self.mask_path(&mask::snake(path));
                }
            }
            WellKnown::Wrapper => {
                if let Some(field) = plan.fields.first() {
                    self.tagged_text(field, text, source)?;
                }
            }
            WellKnown::Struct | WellKnown::Value | WellKnown::List | WellKnown::Any => {
                self.json_text(index, text)
                    .map_err(|fault| format!("expected JSON text: {}", fault.what()))?;
            }
        }
        self.lengths.close(length, self.out);
        Ok(())
    }

    /// Reads a JSON text that stands in a parameter.
    fn json_text(&mut self, index: u32, text: &str) -> Result<(), Fault> {
        let mut reader = Reader::new(self.plans, text, Texts::default(), self.out);
        reader.message(index, Overlay::NONE)?;
        reader.json.end()
    }

    /// Whether two texts say the same of a field.
    pub(super) fn agree(&mut self, field: &'p Field, path: &str, query: &str) -> bool {
        let start = self.out.len();
        let mut written = |text: &str, source| {
            let outcome = self.text_value(field.kind, text, source);
            outcome.map(|()| self.out.split_off(start))
        };
        let (one, other) = (written(path, Source::Path), written(query, Source::Query));
        self.out.truncate(start);
        one.is_ok_and(|one| other.is_ok_and(|other| one == other))
    }
}

pub(in crate::transcode) fn expected(what: &str, found: &str) -> String {
    format!("expected {what}, found {}", quoted(found))
}

/// Go's `strconv.ParseBool`.
pub(in crate::transcode) fn bool(text: &str) -> Option<bool> {
    match text {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Some(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Some(false),
        _ => None,
    }
}

/// A number out of range would become infinite; only `inf` and `infinity` may be.
pub(in crate::transcode) fn is_float(text: &str, infinite: bool) -> bool {
    !infinite || text.ends_with(|last: char| last.is_ascii_alphabetic())
}

/// Decimal digits with an optional sign (a plus only where a minus could be).
pub(in crate::transcode) fn integer(signed: bool, text: &str, source: Source) -> Option<i128> {
    let (negative, digits) = match text.as_bytes().split_first()? {
        (b'-', digits) if signed => (true, digits),
        (b'+', digits) if signed => (false, digits),
        _ => (false, text.as_bytes()),
    };
    let zeros = digits.iter().take_while(|digit| **digit == b'0').count();
    let led_by_zero = zeros > 0 && digits.len() > 1;
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) || (led_by_zero && source == Source::Path)
    {
        return None;
    }
    if digits.len() - zeros > MOST_DIGITS {
        return None;
    }
    let value = digits.iter().fold(0_i128, |value, digit| value * 10 + i128::from(digit & 0xf));
    Some(if negative { -value } else { value })
}

/// More digits than any 64-bit integer has.
const MOST_DIGITS: usize = 20;

/// A name, or a number that the enum has.
fn enum_number(desc: &Enum, text: &str) -> Result<i32, String> {
    let by_number = || {
        let number = integer(true, text, Source::Path).and_then(|number| i32::try_from(number).ok());
        number.filter(|number| desc.text(*number).is_some())
    };
    desc.number(text.as_bytes()).or_else(by_number).ok_or_else(|| desc.unknown(&quoted(text)))
}

pub(in crate::transcode) fn unquoted(text: &str, source: Source) -> &str {
    let inner = text.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    inner.filter(|_| source == Source::Path).unwrap_or(text)
}
