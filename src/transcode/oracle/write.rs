//! Message to JSON text, deterministic: fields in number order, map keys sorted, numbers in shortest form.
//!
//! Well-known types have their own forms ([`write_known`](super::write_known)).

use prost_reflect::{DynamicMessage, EnumDescriptor, FieldDescriptor, Kind, MapKey, ReflectMessage, Value};

use super::encode::sorted;
use super::field::Field;
use super::known::{WellKnown, is_null_value};
use super::print::Printer;
use super::scalar;
use crate::transcode::fault::Fault;
use crate::transcode::{DEEPEST, Settings, UnsetFields};

/// Appends a whole message.
pub(in crate::transcode) fn message(
    message: &DynamicMessage,
    settings: &Settings,
    out: &mut Vec<u8>,
) -> Result<(), Fault> {
    all_or_nothing(out, |out| Writer::new(out, settings).message(message))
}

/// Appends the value of one field: its zero, `[]`, `{}` or `null` when it is not set.
pub(in crate::transcode) fn field(
    message: &DynamicMessage,
    field: &FieldDescriptor,
    settings: &Settings,
    out: &mut Vec<u8>,
) -> Result<(), Fault> {
    let field = Field::Plain(field.clone());
    all_or_nothing(out, |out| {
        let mut writer = Writer::new(out, settings);
        if field.has_presence() && !field.is_set(message) {
            writer.json.raw("null");
            return Ok(());
        }
        writer
            .value(&field, &field.get(message))
            .map_err(|fault| fault.in_field(field.key(settings.proto_names)))
    })
}

/// A failure leaves the buffer as it was.
fn all_or_nothing(
    out: &mut Vec<u8>,
    write: impl FnOnce(&mut Vec<u8>) -> Result<(), Fault>,
) -> Result<(), Fault> {
    let before = out.len();
    write(out).inspect_err(|_| out.truncate(before))
}

/// Writes values of known types.
pub(in crate::transcode) struct Writer<'a> {
    pub(in crate::transcode) json: Printer<'a>,
    pub(in crate::transcode) settings: &'a Settings,
    /// Whether what an `Any` holds is shown as base64 when it cannot be written, rather than refused.
    pub(in crate::transcode) lenient: bool,
    depth: usize,
}

impl<'a> Writer<'a> {
    pub(in crate::transcode) fn new(out: &'a mut Vec<u8>, settings: &'a Settings) -> Self {
        Self { json: Printer::new(out, settings.indent), settings, lenient: false, depth: 0 }
    }

    /// Writes a message in the JSON form of its type.
    pub(in crate::transcode) fn message(&mut self, message: &DynamicMessage) -> Result<(), Fault> {
        let deepest = self.settings.max_depth.min(DEEPEST);
        if self.depth >= deepest {
            return Err(Fault::new(format!("nested deeper than {deepest} messages")));
        }
        self.depth += 1;
        let written = if let Some(known) = WellKnown::of(&message.descriptor()) {
            self.well_known(known, message)
        } else {
            self.json.open(b'{');
            self.fields(message).map(|()| self.json.close(b'}'))
        };
        self.depth -= 1;
        written
    }

    /// Writes the members of a message's object.
    pub(in crate::transcode) fn fields(&mut self, message: &DynamicMessage) -> Result<(), Fault> {
        for field in Field::all(message) {
            let key = field.key(self.settings.proto_names);
            if field.is_set(message) || self.shows_zero(&field) {
                self.json.key(key);
                self.value(&field, &field.get(message)).map_err(|fault| fault.in_field(key))?;
            } else if self.shows_null(&field) {
                self.json.key(key);
                self.json.raw("null");
            }
        }
        Ok(())
    }

    /// Whether a field without presence is written though it is not set.
    fn shows_zero(&self, field: &Field) -> bool {
        !field.has_presence() && self.settings.unset_fields != UnsetFields::Omit
    }

    /// Whether an unset field with presence is written as `null`: messages and proto2 scalars, but no member
    /// of a oneof, which is what a proto3 `optional` field is too.
    fn shows_null(&self, field: &Field) -> bool {
        self.settings.unset_fields == UnsetFields::Null && field.oneof().is_none()
    }

    /// Writes the value of a field: a list, a map, or a single value.
    pub(in crate::transcode) fn value(&mut self, field: &Field, value: &Value) -> Result<(), Fault> {
        let kind = field.kind();
        match value {
            Value::List(items) => self.list(&kind, items),
            Value::Map(entries) => {
                let Kind::Message(entry) = &kind else { return Ok(()) };
                self.map(&entry.map_entry_value_field().kind(), entries)
            }
            single => self.single(&kind, single),
        }
    }

    pub(in crate::transcode) fn list(&mut self, kind: &Kind, items: &[Value]) -> Result<(), Fault> {
        self.json.open(b'[');
        for (index, item) in items.iter().enumerate() {
            self.json.element();
            self.single(kind, item).map_err(|fault| fault.in_element(index))?;
        }
        self.json.close(b']');
        Ok(())
    }

    pub(in crate::transcode) fn map(
        &mut self,
        kind: &Kind,
        entries: &std::collections::HashMap<MapKey, Value>,
    ) -> Result<(), Fault> {
        self.json.open(b'{');
        for (key, value) in sorted(entries) {
            let mut digits = itoa::Buffer::new();
            let key = match key {
                MapKey::Bool(true) => "true",
                MapKey::Bool(false) => "false",
                MapKey::I32(key) => digits.format(*key),
                MapKey::I64(key) => digits.format(*key),
                MapKey::U32(key) => digits.format(*key),
                MapKey::U64(key) => digits.format(*key),
                MapKey::String(key) => key,
            };
            self.json.key(key);
            self.single(kind, value).map_err(|fault| fault.in_entry(key))?;
        }
        self.json.close(b'}');
        Ok(())
    }

    /// Writes one value that is neither list nor map.
    pub(in crate::transcode) fn single(&mut self, kind: &Kind, value: &Value) -> Result<(), Fault> {
        match value {
            Value::Message(message) => return self.message(message),
            Value::Bool(true) => self.json.raw("true"),
            Value::Bool(false) => self.json.raw("false"),
            Value::I32(number) => self.json.raw(itoa::Buffer::new().format(*number)),
            Value::U32(number) => self.json.raw(itoa::Buffer::new().format(*number)),
            Value::I64(number) => self.wide(itoa::Buffer::new().format(*number)),
            Value::U64(number) => self.wide(itoa::Buffer::new().format(*number)),
            Value::F32(number) => self.float(*number, f64::from(*number)),
            Value::F64(number) => self.float(*number, *number),
            Value::String(text) => self.json.string(text),
            Value::Bytes(bytes) => self.json.string(&scalar::base64_text(bytes)),
            Value::EnumNumber(number) => {
                if let Kind::Enum(desc) = kind {
                    self.enum_value(desc, *number);
                }
            }
            Value::List(_) | Value::Map(_) => return Err(Fault::new("a list within a list")),
        }
        Ok(())
    }

    /// A 64-bit integer: a string by default, since JSON readers may hold numbers as doubles.
    fn wide(&mut self, digits: &str) {
        if self.settings.int64_as_numbers { self.json.raw(digits) } else { self.json.string(digits) }
    }

    /// The shortest number that reads back as the same, in its own width; names for what is no number.
    fn float(&mut self, number: impl zmij::Float, class: f64) {
        if class.is_nan() {
            self.json.string("NaN");
        } else if class.is_infinite() {
            self.json.string(if class > 0.0 { "Infinity" } else { "-Infinity" });
        } else {
            let mut buffer = zmij::Buffer::new();
            let text = buffer.format_finite(number);
            self.json.raw(text.strip_suffix(".0").unwrap_or(text));
        }
    }

    fn enum_value(&mut self, desc: &EnumDescriptor, number: i32) {
        if is_null_value(desc) {
            return self.json.raw("null");
        }
        match scalar::enum_name(desc, number) {
            Some(name) if !self.settings.enums_as_numbers => self.json.string(name),
            _ => self.json.raw(itoa::Buffer::new().format(number)),
        }
    }
}
