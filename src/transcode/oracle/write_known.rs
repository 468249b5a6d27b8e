//! The well-known types, written in their own JSON forms, and `google.rpc.Status`.

use prost_reflect::{DescriptorPool, DynamicMessage, Kind, ReflectMessage, Value};

use super::decode::Decoder;
use super::known::{WellKnown, is_boxed_in_any, seconds_and_nanos};
use super::scalar;
use super::write::Writer;
use crate::transcode::fault::{Fault, quoted};
use crate::transcode::mask;
use crate::transcode::time;

impl Writer<'_> {
    /// Writes a message of a well-known type.
    pub(in crate::transcode) fn well_known(
        &mut self,
        known: WellKnown,
        message: &DynamicMessage,
    ) -> Result<(), Fault> {
        match known {
            WellKnown::Any => self.any(message),
            WellKnown::Timestamp => self.moment(message, time::write_timestamp, "timestamp"),
            WellKnown::Duration => self.moment(message, time::write_duration, "duration"),
            WellKnown::FieldMask => self.field_mask(message),
            WellKnown::Struct | WellKnown::List | WellKnown::Wrapper => self.first_field(message),
            WellKnown::Value => self.dynamic_value(message),
        }
    }

    fn moment(
        &mut self,
        message: &DynamicMessage,
        write: fn(i64, i32) -> Option<time::Text>,
        name: &str,
    ) -> Result<(), Fault> {
        let (seconds, nanos) = seconds_and_nanos(message);
        let Some(text) = write(seconds, nanos) else {
            return Err(Fault::new(format!(
                "{name} out of range ({seconds} seconds and {nanos} nanoseconds)"
            )));
        };
        let mut quoted = Vec::new();
        text.put_quoted(&mut quoted);
        self.json.raw(&String::from_utf8_lossy(&quoted));
        Ok(())
    }

    fn field_mask(&mut self, message: &DynamicMessage) -> Result<(), Fault> {
        let paths = message.get_field_by_number(1);
        let paths = paths.as_deref().and_then(Value::as_list).unwrap_or_default();
        let mut text = String::new();
        for (index, path) in paths.iter().filter_map(Value::as_str).enumerate() {
            let Some(path) = mask::write_path(path) else {
                return Err(Fault::new(format!("field mask path {} has no JSON form", quoted(path))));
            };
            if index > 0 {
                text.push(',');
            }
            text.push_str(&path);
        }
        self.json.string(&text);
        Ok(())
    }

    /// A Struct is its map, a list its values, a wrapper its value: the first field, set or not.
    fn first_field(&mut self, message: &DynamicMessage) -> Result<(), Fault> {
        let desc = message.descriptor();
        let Some(field) = desc.get_field(1) else { return Err(Fault::new(MISSHAPEN)) };
        let kind = field.kind();
        match (&*message.get_field(&field), &kind) {
            (Value::Map(entries), Kind::Message(entry)) => {
                self.map(&entry.map_entry_value_field().kind(), entries)
            }
            (Value::List(items), _) => self.list(&kind, items),
            (single, _) => self.single(&kind, single),
        }
    }

    /// Writes whichever JSON value it holds; one that holds none is `null`.
    fn dynamic_value(&mut self, message: &DynamicMessage) -> Result<(), Fault> {
        let Some((field, value)) = message.fields().next() else {
            self.json.raw("null");
            return Ok(());
        };
        if value.as_f64().is_some_and(|number| !number.is_finite()) {
            return Err(Fault::new("a JSON value cannot be NaN or infinite"));
        }
        self.single(&field.kind(), value)
    }

    fn any(&mut self, message: &DynamicMessage) -> Result<(), Fault> {
        let type_url = message.get_field_by_number(1);
        let type_url = type_url.as_deref().and_then(Value::as_str).unwrap_or_default();
        let content = message.get_field_by_number(2);
        let content = content.as_deref().and_then(Value::as_bytes).map(|bytes| &**bytes).unwrap_or_default();
        if type_url.is_empty() && content.is_empty() {
            self.json.raw("{}");
            return Ok(());
        }
        self.any_content(message.descriptor().parent_pool(), type_url, content)
    }

    /// Writes an `Any`: expanded when the pool knows its type, else with its bytes as base64.
    fn any_content(&mut self, pool: &DescriptorPool, type_url: &str, bytes: &[u8]) -> Result<(), Fault> {
        let name = type_url.rsplit('/').next().unwrap_or_default();
        let Some(desc) = pool.get_message_by_name(name) else {
            self.opaque(type_url, bytes);
            return Ok(());
        };
        let mark = self.json.mark();
        let written = match Decoder::new(&desc).message(bytes) {
            Ok(content) => self.expanded(type_url, &content),
            Err(_) => Err(Fault::new("its bytes are not a message of its type")),
        };
        if written.is_err() && self.lenient {
            self.json.back_to(mark);
            self.opaque(type_url, bytes);
            return Ok(());
        }
        written
    }

    fn expanded(&mut self, type_url: &str, content: &DynamicMessage) -> Result<(), Fault> {
        self.json.open(b'{');
        self.json.key("@type");
        self.json.string(type_url);
        if is_boxed_in_any(&content.descriptor()) {
            self.json.key("value");
            self.message(content).map_err(|fault| fault.in_field("value"))?;
        } else {
            self.fields(content)?;
        }
        self.json.close(b'}');
        Ok(())
    }

    fn opaque(&mut self, type_url: &str, bytes: &[u8]) {
        self.json.open(b'{');
        self.json.key("@type");
        self.json.string(type_url);
        self.json.key("value");
        self.json.string(&scalar::base64_text(bytes));
        self.json.close(b'}');
    }
}

const MISSHAPEN: &str = "a well-known type is not declared as usual";
