//! The well-known types, read from their own JSON forms.

use std::borrow::Cow;
use std::collections::HashMap;

use prost::bytes::Bytes;
use prost_reflect::{DynamicMessage, Kind, MessageDescriptor, Value};

use super::encode;
use super::known::{WellKnown, build, is_boxed_in_any};
use super::read::Reader;
use crate::transcode::fault::{Fault, quoted};
use crate::transcode::mask;
use crate::transcode::time;
use crate::transcode::to_wire::Next;
use crate::transcode::to_wire::{DURATION, TIMESTAMP};

impl<'a> Reader<'a> {
    /// Reads a message of a well-known type.
    pub(in crate::transcode) fn well_known(
        &mut self,
        known: WellKnown,
        desc: &MessageDescriptor,
    ) -> Result<DynamicMessage, Fault> {
        match known {
            WellKnown::Any => self.any(desc),
            WellKnown::Timestamp => self.timestamp(desc),
            WellKnown::Duration => self.duration(desc),
            WellKnown::FieldMask => self.field_mask(desc),
            WellKnown::Struct => self.struct_(desc),
            WellKnown::List => self.list_value(desc),
            WellKnown::Value => self.dynamic_value(desc),
            WellKnown::Wrapper => self.wrapper(desc),
        }
    }

    fn timestamp(&mut self, desc: &MessageDescriptor) -> Result<DynamicMessage, Fault> {
        let time = self.made_of_text(TIMESTAMP, |text| time::read_timestamp(text))?;
        self.moment(desc, time)
    }

    fn duration(&mut self, desc: &MessageDescriptor) -> Result<DynamicMessage, Fault> {
        let time = self.made_of_text(DURATION, time::read_duration)?;
        self.moment(desc, time)
    }

    fn struct_(&mut self, desc: &MessageDescriptor) -> Result<DynamicMessage, Fault> {
        let Kind::Message(entry) = self.kind_of(desc, 1)? else { return Err(self.misshapen()) };
        let fields = self.map(&entry)?;
        self.built(desc, [(1, fields)])
    }

    fn list_value(&mut self, desc: &MessageDescriptor) -> Result<DynamicMessage, Fault> {
        let kind = self.kind_of(desc, 1)?;
        let values = self.list(&kind)?;
        self.built(desc, [(1, values)])
    }

    fn wrapper(&mut self, desc: &MessageDescriptor) -> Result<DynamicMessage, Fault> {
        let kind = self.kind_of(desc, 1)?;
        let Some(value) = self.single(&kind)? else { return Err(self.misshapen()) };
        self.built(desc, [(1, value)])
    }

    fn moment(
        &self,
        desc: &MessageDescriptor,
        (seconds, nanos): (i64, i32),
    ) -> Result<DynamicMessage, Fault> {
        self.built(desc, [(1, Value::I64(seconds)), (2, Value::I32(nanos))])
    }

    fn field_mask(&mut self, desc: &MessageDescriptor) -> Result<DynamicMessage, Fault> {
        let any_spelling = self.settings.any_mask_spelling;
        let paths = self.made_of_text("lowerCamel field paths, separated by commas", |text| {
            if text.is_empty() {
                return Some(Vec::new());
            }
            text.split(',').map(|path| mask::read_path(path, any_spelling).map(Value::String)).collect()
        })?;
        self.built(desc, [(1, Value::List(paths))])
    }

    /// Reads any JSON value as a `google.protobuf.Value`.
    fn dynamic_value(&mut self, desc: &MessageDescriptor) -> Result<DynamicMessage, Fault> {
        let number = match self.json.peek()? {
            Next::Null => 1,
            Next::Number => 2,
            Next::String => 3,
            Next::True | Next::False => 4,
            Next::Object => 5,
            Next::List => 6,
        };
        let kind = self.kind_of(desc, number)?;
        let Some(value) = self.single(&kind)? else { return Err(self.misshapen()) };
        self.built(desc, [(number, value)])
    }

    /// Reads an `Any`: its `@type`, wherever in the object, says what the rest is.
    fn any(&mut self, desc: &MessageDescriptor) -> Result<DynamicMessage, Fault> {
        self.expect(Next::Object, "an object with an \"@type\"")?;
        let start = self.json.token();
        let Some(type_url) = self.type_url(start)? else { return self.empty_any(desc, start) };
        let name = type_url.rsplit('/').next().unwrap_or_default();
        let Some(content) = desc.parent_pool().get_message_by_name(name) else {
            return Err(Fault::at(start, format!("unknown message type {} in \"@type\"", quoted(&type_url))));
        };
        let message =
            if is_boxed_in_any(&content) { self.boxed(&content)? } else { self.object(&content, true)? };
        let mut bytes = Vec::new();
        encode::message(&message, &mut bytes);
        self.built(desc, [(1, Value::String(type_url.into_owned())), (2, Value::Bytes(Bytes::from(bytes)))])
    }

    /// `{}` is an empty `Any`; anything more needs a type.
    fn empty_any(&mut self, desc: &MessageDescriptor, start: usize) -> Result<DynamicMessage, Fault> {
        self.json.open()?;
        match self.json.next_key(&mut true)? {
            None => Ok(DynamicMessage::new(desc.clone())),
            Some(_) => Err(Fault::at(start, "expected an \"@type\" in this object, found none")),
        }
    }

    /// Reads the object of an `Any` that holds a well-known type in its `value`.
    fn boxed(&mut self, content: &MessageDescriptor) -> Result<DynamicMessage, Fault> {
        self.json.open()?;
        let (mut first, mut typed, mut value) = (true, false, None);
        while let Some(key) = self.json.next_key(&mut first)? {
            let start = self.json.token();
            match &*key {
                "@type" if typed => return Err(Fault::at(start, "duplicate \"@type\"")),
                "@type" => {
                    typed = true;
                    self.json.skip()?;
                }
                "value" if value.is_some() => return Err(Fault::at(start, "duplicate \"value\"")),
                "value" => value = Some(self.message(content).map_err(|fault| fault.in_field("value"))?),
                _ => self.unknown_field(start).map_err(|fault| fault.in_field(&key))?,
            }
        }
        match value {
            Some(message) => Ok(message),
            None if WellKnown::of(content).is_none() => Ok(DynamicMessage::new(content.clone())),
            None => {
                Err(Fault::at(self.json.token(), "expected a \"value\" beside this \"@type\", found none"))
            }
        }
    }

    /// The `@type` of the object that begins at `start`.
    fn type_url(&mut self, start: usize) -> Result<Option<Cow<'a, str>>, Fault> {
        if start >= self.types.end {
            let mut ahead = self.json.clone();
            ahead.walk(|object, type_url| {
                self.types.urls.entry(object).or_insert(type_url);
            })?;
            self.types.end = ahead.token() + 1;
        }
        Ok(self.types.urls.remove(&start))
    }

    fn kind_of(&self, desc: &MessageDescriptor, number: u32) -> Result<Kind, Fault> {
        desc.get_field(number).map(|field| field.kind()).ok_or_else(|| self.misshapen())
    }

    fn built<const N: usize>(
        &self,
        desc: &MessageDescriptor,
        fields: [(u32, Value); N],
    ) -> Result<DynamicMessage, Fault> {
        build(desc, fields).ok_or_else(|| self.misshapen())
    }

    /// The pool has a type of a well-known name that is something else.
    fn misshapen(&self) -> Fault {
        Fault::at(self.json.token(), "a well-known type is not declared as usual")
    }
}

/// The `@type` of each object of a stretch of the text, found in one pass over it, so that an `Any` in an
/// `Any` in an `Any` is not looked through again and again.
#[derive(Default)]
pub(in crate::transcode) struct AnyTypes<'a> {
    urls: HashMap<usize, Cow<'a, str>>,
    /// Where the stretch ends.
    end: usize,
}
