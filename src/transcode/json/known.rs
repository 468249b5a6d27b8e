//! The well-known types, written in their own JSON forms.

use super::raw::{self, Raw};
use super::text;
use super::value::utf8;
use super::writer::{Stop, Writer, Written};
use crate::transcode::fault::quoted;
use crate::transcode::known::WellKnown;
use crate::transcode::plan::{Kind, Message};
use crate::transcode::{mask, scalar, time};

impl<'p> Writer<'p, '_> {
    /// Writes a message of a well-known type.
    pub(super) fn well_known(&mut self, known: WellKnown, plan: &'p Message, wire: &[u8]) -> Written {
        match known {
            WellKnown::Any => self.any(plan, wire),
            WellKnown::Timestamp => self.moment(plan, wire, time::write_timestamp, "timestamp"),
            WellKnown::Duration => self.moment(plan, wire, time::write_duration, "duration"),
            WellKnown::FieldMask => self.field_mask(plan, wire),
            WellKnown::Struct | WellKnown::List | WellKnown::Wrapper => self.first_field(plan, wire),
            WellKnown::Value => self.dynamic_value(plan, wire),
        }
    }

    /// The last values of the fields 1 and 2, which are not messages.
    fn two<'w>(&self, plan: &'p Message, wire: &'w [u8]) -> Result<[Option<Raw<'w>>; 2], Stop> {
        let mut two = [None; 2];
        for (place, value) in self.index(plan, wire)? {
            let field = plan.fields.get(place).ok_or(Stop::Malformed)?;
            self.check_value(field, value, self.nesting).map_err(|stop| stop.in_field(&field.name))?;
            if let Some(slot) = usize::try_from(field.number).ok().and_then(|number| two.get_mut(number - 1))
            {
                *slot = Some(value);
            }
        }
        Ok(two)
    }

    #[allow(clippy::cast_possible_truncation, reason = "readers of the wire format drop the high bits")]
    fn moment(
        &mut self,
        plan: &'p Message,
        mut wire: &[u8],
        write: fn(i64, i32) -> Option<String>,
        name: &str,
    ) -> Written {
        let mut two = [0_u64; 2];
        while !wire.is_empty() {
            let (number, wire_type) = raw::tag(&mut wire).ok_or(Stop::Malformed)?;
            let value = raw::value(&mut wire, number, wire_type).ok_or(Stop::Malformed)?;
            let field = plan.position(number).and_then(|place| plan.fields.get(place));
            if field.is_some_and(|field| field.takes(wire_type)) {
                match number {
                    1 => two[0] = value.number(),
                    2 => two[1] = value.number(),
                    _ => {}
                }
            }
        }
        let (seconds, nanos) = (two[0].cast_signed(), two[1] as i32);
        let Some(text) = write(seconds, nanos) else {
            return Err(Stop::fault(format!(
                "{name} out of range ({seconds} seconds and {nanos} nanoseconds)"
            )));
        };
        self.out.push(b'"');
        self.raw(&text);
        self.out.push(b'"');
        Ok(())
    }

    fn field_mask(&mut self, plan: &'p Message, wire: &[u8]) -> Written {
        self.out.push(b'"');
        let mut first = true;
        for (_, path) in self.index(plan, wire)? {
            let path = utf8(path.slice())?;
            let Some(path) = mask::write_path(path) else {
                return Err(Stop::fault(format!("field mask path {} has no JSON form", quoted(path))));
            };
            if !std::mem::take(&mut first) {
                self.out.push(b',');
            }
            self.raw(&path);
        }
        self.out.push(b'"');
        Ok(())
    }

    /// A Struct is its map, a list its values, a wrapper its value: the first field, set or not.
    fn first_field(&mut self, plan: &'p Message, wire: &[u8]) -> Written {
        let found = self.index(plan, wire)?;
        let Some(field) = plan.fields.first() else {
            return Err(Stop::fault("a well-known type is not declared as usual"));
        };
        let end = found.partition_point(|(place, _)| *place == 0);
        self.alone(field, found.get(..end).unwrap_or_default())
    }

    /// Writes whichever JSON value it holds; one that holds none is `null`.
    fn dynamic_value(&mut self, plan: &'p Message, wire: &[u8]) -> Written {
        let found = self.index(plan, wire)?;
        let first = found.first().and_then(|(place, _)| plan.fields.get(*place));
        let Some(field) = first else {
            self.raw("null");
            return Ok(());
        };
        if let (Kind::Double, Some((_, last))) = (&field.kind, found.last())
            && !f64::from_bits(last.number()).is_finite()
        {
            return Err(Stop::fault("a JSON value cannot be NaN or infinite"));
        }
        self.alone(field, &found)
    }

    fn any(&mut self, plan: &'p Message, wire: &[u8]) -> Written {
        let [type_url, content] = self.two(plan, wire)?;
        let type_url = utf8(type_url.map(Raw::slice).unwrap_or_default())?;
        let content = content.map(Raw::slice).unwrap_or_default();
        if type_url.is_empty() && content.is_empty() {
            self.raw("{}");
            return Ok(());
        }
        self.raw("{\"@type\":");
        text::quoted(type_url, self.out);
        let name = type_url.rsplit('/').next().unwrap_or_default();
        if let Some(index) = self.plans.find(name) {
            self.expanded(index, content)?;
        } else {
            self.raw(",\"value\":");
            scalar::append_base64(content, self.out);
        }
        self.out.push(b'}');
        Ok(())
    }

    /// Writes what an `Any` holds behind its `@type`.
    fn expanded(&mut self, index: usize, content: &[u8]) -> Written {
        let plan = self.plan(index)?;
        // The content is a message that is read by itself.
        let around = std::mem::replace(&mut self.nesting, 0);
        let written = if plan.boxed_in_any {
            self.raw(",\"value\":");
            self.message(index, content).map_err(|stop| stop.in_field("value"))
        } else {
            self.nesting = 1;
            self.members(plan, content)
        };
        self.nesting = around;
        written.map_err(|stop| match stop {
            Stop::Malformed => Stop::fault("its bytes are not a message of its type"),
            stop => stop,
        })
    }
}
