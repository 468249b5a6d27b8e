//! The well-known types, read from their own JSON forms.

use std::borrow::Cow;
use std::collections::HashMap;

use super::lexer::Next;
use super::object::{Read, Reader};
use super::parts::Overlay;
use super::put;
use crate::transcode::fault::{Fault, quoted};
use crate::transcode::mask;
use crate::transcode::plan::{Field, Message, WellKnown};
use crate::transcode::time;

impl<'p, 'j> Reader<'p, 'j, '_> {
    /// Reads a message of a well-known type, without tag and length.
    pub(super) fn well_known(&mut self, known: WellKnown, plan: &'p Message) -> Read {
        match known {
            WellKnown::Any => self.any(),
            WellKnown::Timestamp => {
                let time = self.made_of_text(TIMESTAMP, |text| time::read_timestamp(text))?;
                self.moment(time);
                Ok(())
            }
            WellKnown::Duration => {
                let time = self.made_of_text(DURATION, time::read_duration)?;
                self.moment(time);
                Ok(())
            }
            WellKnown::FieldMask => self.field_mask(),
            WellKnown::Struct => self.map(self.at(plan, 0)?),
            WellKnown::List => self.list(self.at(plan, 0)?),
            WellKnown::Wrapper => self.tagged(self.at(plan, 0)?, Overlay::NONE).map(drop),
            WellKnown::Value => self.dynamic_value(plan),
        }
    }

    /// Writes the fields of a Timestamp or Duration.
    pub(super) fn moment(&mut self, (seconds, nanos): (i64, i32)) {
        for (tag, number) in [(0x08, seconds), (0x10, i64::from(nanos))] {
            if number != 0 {
                self.out.push(tag);
                put::varint(number.cast_unsigned(), self.out);
            }
        }
    }

    /// Writes one path of a field mask.
    pub(super) fn mask_path(&mut self, path: &str) {
        self.out.push(FIRST_DELIMITED);
        put::delimited(path.as_bytes(), path.len(), self.out);
    }

    fn field_mask(&mut self) -> Read {
        let any_spelling = self.plans.settings().any_mask_spelling;
        let paths = self.made_of_text("lowerCamel field paths, separated by commas", |text| {
            if text.is_empty() {
                return Some(Vec::new());
            }
            text.split(',').map(|path| mask::read_path(path, any_spelling)).collect::<Option<Vec<_>>>()
        })?;
        for path in paths {
            self.mask_path(&path);
        }
        Ok(())
    }

    /// Reads any JSON value as a `google.protobuf.Value`.
    fn dynamic_value(&mut self, plan: &'p Message) -> Read {
        let place = match self.json.peek()? {
            Next::Null => 0,
            Next::Number => 1,
            Next::String => 2,
            Next::True | Next::False => 3,
            Next::Object => 4,
            Next::List => 5,
        };
        self.tagged(self.at(plan, place)?, Overlay::NONE).map(drop)
    }

    /// Reads an `Any`: its `@type`, wherever in the object, says what the rest is.
    fn any(&mut self) -> Read {
        self.expect(Next::Object, "an object with an \"@type\"")?;
        let start = self.json.token();
        let Some(type_url) = self.type_url(start)? else { return self.empty_any(start) };
        let name = type_url.rsplit('/').next().unwrap_or_default();
        let Some(index) = self.plans.index_of(name) else {
            return Err(Fault::at(start, format!("unknown message type {} in \"@type\"", quoted(&type_url))));
        };
        let plan = self.plan(index)?;
        self.out.push(FIRST_DELIMITED);
        put::delimited(type_url.as_bytes(), type_url.len(), self.out);
        let content = self.out.len();
        self.out.push(SECOND_DELIMITED);
        let length = self.lengths.open(index, self.out);
        let begin = self.out.len();
        if plan.boxed_in_any {
            self.boxed(index, plan)?;
        } else {
            self.object(plan, true, Overlay::NONE)?;
        }
        if self.out.len() == begin {
            self.out.truncate(content);
        } else {
            self.lengths.close(length, self.out);
        }
        Ok(())
    }

    /// `{}` is an empty `Any`; anything more needs a type.
    fn empty_any(&mut self, start: usize) -> Read {
        self.json.open()?;
        if self.json.goes_on(&mut true)? {
            return Err(Fault::at(start, "expected an \"@type\" in this object, found none"));
        }
        Ok(())
    }

    /// Reads the object of an `Any` that holds a well-known type in its `value`.
    fn boxed(&mut self, index: u32, plan: &'p Message) -> Read {
        self.json.open()?;
        let (mut first, mut typed, mut valued) = (true, false, false);
        while let Some(key) = self.json.next_key(&mut first)? {
            let start = self.json.token();
            match &*key {
                "@type" if typed => return Err(Fault::at(start, "duplicate \"@type\"")),
                "@type" => {
                    typed = true;
                    self.json.skip()?;
                }
                "value" if valued => return Err(Fault::at(start, "duplicate \"value\"")),
                "value" => {
                    valued = true;
                    self.message(index, Overlay::NONE).map_err(|fault| fault.in_field("value"))?;
                }
                _ => self.unknown_field(start).map_err(|fault| fault.in_field(&key))?,
            }
        }
        // An Empty has nothing to show.
        if valued || plan.known.is_none() {
            return Ok(());
        }
        Err(Fault::at(self.json.token(), "expected a \"value\" beside this \"@type\", found none"))
    }

    /// The `@type` of the object that begins at `start`.
    fn type_url(&mut self, start: usize) -> Read<Option<Cow<'j, str>>> {
        if start >= self.types.end {
            let mut ahead = self.json.clone();
            ahead.walk(|object, type_url| {
                self.types.urls.entry(object).or_insert(type_url);
            })?;
            self.types.end = ahead.token() + 1;
        }
        Ok(self.types.urls.remove(&start))
    }

    fn at(&self, plan: &'p Message, place: usize) -> Read<&'p Field> {
        plan.fields
            .get(place)
            .ok_or_else(|| Fault::at(self.json.token(), "a well-known type is not declared as usual"))
    }
}

/// The `@type` of each object of a stretch of the text, found in one pass over it, so that an `Any` in an
/// `Any` in an `Any` is not looked through again and again.
#[derive(Default)]
pub(super) struct AnyTypes<'a> {
    urls: HashMap<usize, Cow<'a, str>>,
    /// Where the stretch ends.
    end: usize,
}

/// The tags of fields 1 and 2 that have a length.
const FIRST_DELIMITED: u8 = 0x0a;
const SECOND_DELIMITED: u8 = 0x12;

pub(in crate::transcode) const TIMESTAMP: &str = "an RFC 3339 timestamp such as 2026-01-31T12:00:00Z";
pub(in crate::transcode) const DURATION: &str = "a duration in seconds such as 1.5s";
