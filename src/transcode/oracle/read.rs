//! JSON text to message, driven by the descriptor: the proto3 JSON mapping of the protobuf documentation,
//! read strictly.
//!
//! Well-known types have their own forms ([`read_known`](super::read_known)). Not for query parameters and
//! captures: those are no JSON.

use std::collections::{HashMap, HashSet};

use prost_reflect::{
    DynamicMessage, EnumDescriptor, FieldDescriptor, Kind, MapKey, MessageDescriptor, Value,
};

use super::field::Field;
use super::known::{WellKnown, is_null_value, takes_null};
use super::read_known::AnyTypes;
use super::scalar;
use crate::status::Status;
use crate::transcode::fault::{Fault, clip, quoted};
use crate::transcode::number;
use crate::transcode::to_wire::{Lexer, Next};
use crate::transcode::{DEEPEST, Settings};

/// Reads a body that is a whole message.
pub(in crate::transcode) fn message(
    body: &[u8],
    desc: &MessageDescriptor,
    settings: &Settings,
) -> Result<DynamicMessage, Status> {
    read(body, settings, |reader| reader.message(desc)).map_err(|fault| fault.into_request_status(body))
}

/// Reads a body that is the value of one field; `None` when it is an unknown enum name that is to be dropped.
pub(in crate::transcode) fn field(
    body: &[u8],
    field: &FieldDescriptor,
    settings: &Settings,
) -> Result<Option<Value>, Status> {
    read(body, settings, |reader| reader.value(&Field::Plain(field.clone())))
        .map_err(|fault| fault.into_request_status(body))
}

/// Reads a JSON text that stands in a query parameter.
pub(in crate::transcode) fn parameter(
    text: &str,
    desc: &MessageDescriptor,
    settings: &Settings,
) -> Result<DynamicMessage, Fault> {
    read(text.as_bytes(), settings, |reader| reader.message(desc))
}

fn read<T>(
    body: &[u8],
    settings: &Settings,
    value: impl FnOnce(&mut Reader<'_>) -> Result<T, Fault>,
) -> Result<T, Fault> {
    let text = std::str::from_utf8(body)
        .map_err(|error| Fault::at(error.valid_up_to(), "the text is not valid UTF-8"))?;
    let json = Lexer::new(text, settings.max_depth.min(DEEPEST));
    let mut reader = Reader { json, settings, types: AnyTypes::default() };
    let value = value(&mut reader)?;
    reader.json.end()?;
    Ok(value)
}

/// Reads values of known types off one JSON text.
pub(in crate::transcode) struct Reader<'a> {
    pub(in crate::transcode) json: Lexer<'a>,
    pub(in crate::transcode) settings: &'a Settings,
    pub(in crate::transcode) types: AnyTypes<'a>,
}

impl Reader<'_> {
    /// Reads a message in the JSON form of its type.
    pub(in crate::transcode) fn message(
        &mut self,
        desc: &MessageDescriptor,
    ) -> Result<DynamicMessage, Fault> {
        match WellKnown::of(desc) {
            Some(known) => self.well_known(known, desc),
            None => self.object(desc, false),
        }
    }

    /// Reads an object of the message's fields. In an `Any` the key `@type` is not a field.
    pub(in crate::transcode) fn object(
        &mut self,
        desc: &MessageDescriptor,
        in_any: bool,
    ) -> Result<DynamicMessage, Fault> {
        self.expect(Next::Object, "an object")?;
        self.json.open()?;
        let mut message = DynamicMessage::new(desc.clone());
        let mut seen = Seen::default();
        let mut first = true;
        while let Some(key) = self.json.next_key(&mut first)? {
            let start = self.json.token();
            if in_any && key == "@type" {
                seen.type_url(start)?;
                self.json.skip()?;
                continue;
            }
            match Field::of_key(desc, &key) {
                Some(field) => self.member(&mut message, &field, &mut seen, start),
                None => self.unknown_field(start),
            }
            .map_err(|fault| fault.in_field(&key))?;
        }
        Ok(message)
    }

    /// Reads a list, map, or single value; `None` when it is dropped.
    fn value(&mut self, field: &Field) -> Result<Option<Value>, Fault> {
        match field.kind() {
            Kind::Message(entry) if field.is_map() => self.map(&entry).map(Some),
            kind if field.is_list() => self.list(&kind).map(Some),
            kind => self.single(&kind),
        }
    }

    /// Reads a list of values of one kind.
    pub(in crate::transcode) fn list(&mut self, kind: &Kind) -> Result<Value, Fault> {
        self.expect(Next::List, "a list")?;
        self.json.open()?;
        let mut items = Vec::new();
        let mut first = true;
        let mut index = 0;
        while self.json.next_element(&mut first)? {
            items.extend(self.single(kind).map_err(|fault| fault.in_element(index))?);
            index += 1;
        }
        Ok(Value::List(items))
    }

    /// Reads an object as a map whose entry type is `entry`.
    pub(in crate::transcode) fn map(&mut self, entry: &MessageDescriptor) -> Result<Value, Fault> {
        self.expect(Next::Object, "an object")?;
        self.json.open()?;
        let (key_kind, value_kind) =
            (entry.map_entry_key_field().kind(), entry.map_entry_value_field().kind());
        let mut entries = HashMap::new();
        let mut first = true;
        while let Some(text) = self.json.next_key(&mut first)? {
            let start = self.json.token();
            let key = map_key(&key_kind, &text).ok_or_else(|| bad_key(start, &key_kind, &text))?;
            if entries.contains_key(&key) {
                return Err(Fault::at(start, "the map has this key twice").in_entry(&text));
            }
            if let Some(value) = self.single(&value_kind).map_err(|fault| fault.in_entry(&text))? {
                entries.insert(key, value);
            }
        }
        Ok(Value::Map(entries))
    }

    /// Reads one value that is neither list nor map; `None` when it is an unknown enum name to be dropped.
    pub(in crate::transcode) fn single(&mut self, kind: &Kind) -> Result<Option<Value>, Fault> {
        match kind {
            Kind::Message(desc) => self.message(desc).map(|message| Some(Value::Message(message))),
            Kind::Enum(desc) => self.enum_value(desc),
            scalar => self.scalar(scalar).map(Some),
        }
    }

    fn scalar(&mut self, kind: &Kind) -> Result<Value, Fault> {
        match kind {
            Kind::Bool => self.bool(),
            Kind::String => self.text(kind).map(Value::String),
            Kind::Bytes => self.bytes(),
            Kind::Float => self.float(kind, number::float, f32::INFINITY, f32::NAN).map(Value::F32),
            Kind::Double => self.float(kind, number::double, f64::INFINITY, f64::NAN).map(Value::F64),
            _ => self.integer(kind),
        }
    }

    /// Reads a string that something is to be made of.
    pub(in crate::transcode) fn made_of_text<T>(
        &mut self,
        expected: &str,
        make: impl FnOnce(&str) -> Option<T>,
    ) -> Result<T, Fault> {
        self.expect(Next::String, expected)?;
        let text = self.json.string()?;
        make(&text).ok_or_else(|| {
            Fault::at(self.json.token(), format!("expected {expected}, found string {}", quoted(&text)))
        })
    }

    /// The next value must be of this kind.
    pub(in crate::transcode) fn expect(&mut self, next: Next, expected: &str) -> Result<(), Fault> {
        if self.json.peek()? == next { Ok(()) } else { Err(self.json.mismatch(expected)) }
    }

    /// A key that the message does not have: its value is passed over, or refused.
    pub(in crate::transcode) fn unknown_field(&mut self, start: usize) -> Result<(), Fault> {
        if self.settings.refuse_unknown_fields {
            return Err(Fault::at(start, "the message has no such field"));
        }
        self.json.skip()
    }

    /// Reads one member of an object into the message.
    fn member(
        &mut self,
        message: &mut DynamicMessage,
        field: &Field,
        seen: &mut Seen,
        start: usize,
    ) -> Result<(), Fault> {
        seen.field(field, start)?;
        if self.json.peek()? == Next::Null
            && !(takes_null(&field.kind()) && !field.is_list() && !field.is_map())
        {
            self.json.word();
            return Ok(());
        }
        // A value that is dropped is as good as a member that did not come.
        let Some(value) = self.value(field)? else { return Ok(()) };
        seen.oneof(field, start)?;
        if field.set(message, value) { Ok(()) } else { Err(Fault::at(start, "the field cannot be set")) }
    }

    fn enum_value(&mut self, desc: &EnumDescriptor) -> Result<Option<Value>, Fault> {
        match self.json.peek()? {
            Next::Null if is_null_value(desc) => {
                self.json.word();
                Ok(Some(Value::EnumNumber(0)))
            }
            Next::String => self.enum_name(desc),
            Next::Number => self.enum_number(desc),
            _ => Err(self.json.mismatch(scalar::expectation(&Kind::Enum(desc.clone())))),
        }
    }

    fn enum_name(&mut self, desc: &EnumDescriptor) -> Result<Option<Value>, Fault> {
        let name = self.json.string()?;
        match scalar::enum_number(desc, &name, self.settings.case_insensitive_enums) {
            Some(number) => Ok(Some(Value::EnumNumber(number))),
            None if !self.settings.refuse_unknown_enums => Ok(None),
            None => Err(Fault::at(self.json.token(), scalar::unknown_enum_name(desc, &name))),
        }
    }

    /// Any number will do for an open enum; a closed one takes its own only.
    fn enum_number(&mut self, desc: &EnumDescriptor) -> Result<Option<Value>, Fault> {
        let text = self.json.number()?;
        let number = number::integer(text).and_then(|number| i32::try_from(number).ok());
        match number {
            Some(number) if scalar::is_open(desc) || desc.get_value(number).is_some() => {
                Ok(Some(Value::EnumNumber(number)))
            }
            Some(_) if !self.settings.refuse_unknown_enums => Ok(None),
            _ => Err(Fault::at(self.json.token(), scalar::unknown_enum(desc, &clip(text)))),
        }
    }

    fn bool(&mut self) -> Result<Value, Fault> {
        let value = match self.json.peek()? {
            Next::True => true,
            Next::False => false,
            _ => return Err(self.json.mismatch(scalar::expectation(&Kind::Bool))),
        };
        self.json.word();
        Ok(Value::Bool(value))
    }

    fn text(&mut self, kind: &Kind) -> Result<String, Fault> {
        self.expect(Next::String, scalar::expectation(kind))?;
        self.json.string().map(std::borrow::Cow::into_owned)
    }

    fn bytes(&mut self) -> Result<Value, Fault> {
        self.made_of_text(scalar::expectation(&Kind::Bytes), scalar::bytes).map(Value::Bytes)
    }

    /// Reads an integer: a number, or a string that is one, without a fraction and in range.
    fn integer(&mut self, kind: &Kind) -> Result<Value, Fault> {
        self.numeric(kind, |text| {
            let number = if number::is_number(text) { number::integer(text) } else { None };
            number.and_then(|number| scalar::integer(kind, number))
        })
    }

    /// Reads a float: a number, a string that is one, or the three names of what JSON has no number for.
    fn float<T: Copy + std::ops::Neg<Output = T>>(
        &mut self,
        kind: &Kind,
        finite: fn(&str) -> Option<T>,
        infinity: T,
        nan: T,
    ) -> Result<T, Fault> {
        self.numeric(kind, |text| match text {
            "NaN" => Some(nan),
            "Infinity" => Some(infinity),
            "-Infinity" => Some(-infinity),
            _ if number::is_number(text) => finite(text),
            _ => None,
        })
    }

    fn numeric<T>(&mut self, kind: &Kind, make: impl FnOnce(&str) -> Option<T>) -> Result<T, Fault> {
        let expected = scalar::expectation(kind);
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

/// Which fields and oneofs an object has set so far.
#[derive(Default)]
struct Seen {
    fields: HashSet<u32>,
    oneofs: HashSet<String>,
    type_url: bool,
}

impl Seen {
    /// A field may come once, in whichever spelling, even as `null`.
    fn field(&mut self, field: &Field, start: usize) -> Result<(), Fault> {
        if self.fields.insert(field.number()) {
            return Ok(());
        }
        Err(Fault::at(start, "duplicate field: the object has it twice, perhaps in two spellings"))
    }

    /// One member of a oneof may come.
    fn oneof(&mut self, field: &Field, start: usize) -> Result<(), Fault> {
        let Some(oneof) = field.oneof() else { return Ok(()) };
        if self.oneofs.contains(oneof.name()) {
            let what = format!("another field of oneof {} is set already", quoted(oneof.name()));
            return Err(Fault::at(start, what));
        }
        self.oneofs.insert(oneof.name().to_owned());
        Ok(())
    }

    fn type_url(&mut self, start: usize) -> Result<(), Fault> {
        if std::mem::replace(&mut self.type_url, true) {
            return Err(Fault::at(start, "duplicate \"@type\""));
        }
        Ok(())
    }
}

/// A map key of this kind; JSON has them as strings, all.
pub(in crate::transcode) fn map_key(kind: &Kind, text: &str) -> Option<MapKey> {
    match kind {
        Kind::String => return Some(MapKey::String(text.to_owned())),
        Kind::Bool => return text.parse().ok().map(MapKey::Bool),
        _ => {}
    }
    // No fraction and no exponent: 1 and 1.0 would be two spellings of one key.
    let plain = number::is_number(text) && !text.contains(['.', 'e', 'E']);
    match scalar::integer(kind, number::integer(text).filter(|_| plain)?)? {
        Value::I32(key) => Some(MapKey::I32(key)),
        Value::I64(key) => Some(MapKey::I64(key)),
        Value::U32(key) => Some(MapKey::U32(key)),
        Value::U64(key) => Some(MapKey::U64(key)),
        _ => None,
    }
}

fn bad_key(start: usize, kind: &Kind, found: &str) -> Fault {
    let expected = scalar::expectation(kind);
    Fault::at(start, format!("expected {expected} as map key, found {}", quoted(found)))
}
