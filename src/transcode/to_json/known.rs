//! The well-known types, written in their own JSON forms.

use super::index::Pieces;
use super::object::{Stop, Writer, Written, known_field};
use super::raw::Raw;
use super::value::low;
use crate::transcode::fault::quoted;
use crate::transcode::mask;
use crate::transcode::plan::{Field, Kind, Message, WellKnown};
use crate::transcode::time::{self, Text};

impl<'p> Writer<'p, '_, '_> {
    /// Writes a message of a well-known type.
    pub(super) fn well_known(&mut self, known: WellKnown, plan: &'p Message, pieces: impl Pieces) -> Written {
        match known {
            WellKnown::Any => self.any(plan, pieces),
            WellKnown::Timestamp => self.moment(plan, pieces, time::write_timestamp, "timestamp"),
            WellKnown::Duration => self.moment(plan, pieces, time::write_duration, "duration"),
            WellKnown::FieldMask => self.field_mask(plan, pieces),
            WellKnown::Struct => self.only_field(plan, pieces, Self::entries),
            WellKnown::List => self.only_field(plan, pieces, Self::elements),
            WellKnown::Wrapper => self.wrapper(plan, pieces),
            WellKnown::Value => self.dynamic_value(plan, pieces),
        }
    }

    /// Goes over the known fields in the order of the wire.
    pub(super) fn each(
        &mut self,
        plan: &'p Message,
        mut pieces: impl Pieces,
        mut field: impl FnMut(&mut Self, usize, &'p Field, Raw) -> Written,
    ) -> Written {
        while let Some(mut piece) = pieces.pop(&self.found) {
            while !piece.is_empty() {
                let tag = piece.tag(self.wire)?;
                let raw = piece.value(self.wire, tag)?;
                if let Some((place, known)) = known_field(plan, tag) {
                    field(self, place, known, raw)?;
                }
            }
        }
        Ok(())
    }

    fn moment(
        &mut self,
        plan: &'p Message,
        pieces: impl Pieces,
        write: fn(i64, i32) -> Option<Text>,
        name: &str,
    ) -> Written {
        let (mut seconds, mut nanos) = (0, 0);
        self.each(plan, pieces, |_, place, _, raw| {
            match (place, raw) {
                (0, Raw::Number(number)) => seconds = number.cast_signed(),
                (1, Raw::Number(number)) => nanos = low(number).cast_signed(),
                _ => {}
            }
            Ok(())
        })?;
        let Some(text) = write(seconds, nanos) else {
            return Err(Stop::fault(format!(
                "{name} out of range ({seconds} seconds and {nanos} nanoseconds)"
            )));
        };
        text.put_quoted(self.out);
        Ok(())
    }

    fn field_mask(&mut self, plan: &'p Message, pieces: impl Pieces) -> Written {
        self.out.push(b'"');
        let start = self.out.len();
        self.each(plan, pieces, |writer, _, _, raw| {
            let Raw::Span(path) = raw else { return Ok(()) };
            let path =
                std::str::from_utf8(path.bytes(writer.wire)).map_err(|_| Stop::fault("not valid UTF-8"))?;
            if writer.out.len() > start {
                writer.out.push(b',');
            }
            let Some(path) = mask::write_path(path) else {
                return Err(Stop::fault(format!("field mask path {} has no JSON form", quoted(path))));
            };
            writer.out.extend_from_slice(path.as_bytes());
            Ok(())
        })?;
        self.out.push(b'"');
        Ok(())
    }

    /// A Struct is its map, a list its values, set or not.
    fn only_field<P: Pieces>(
        &mut self,
        plan: &'p Message,
        pieces: P,
        write: fn(&mut Self, &'p Field, super::index::Found) -> Written,
    ) -> Written {
        let field = plan.fields.first().ok_or(Stop::Malformed)?;
        let values = self.index(plan, pieces)?;
        write(self, field, values)?;
        self.drop_found(values.start());
        Ok(())
    }

    /// A wrapper is its value, set or not.
    fn wrapper(&mut self, plan: &'p Message, pieces: impl Pieces) -> Written {
        let field = plan.fields.first().ok_or(Stop::Malformed)?;
        let mut value = super::index::zero(field.kind);
        self.each(plan, pieces, |writer, _, _, raw| {
            let overridden = std::mem::replace(&mut value, raw);
            writer.check(field, overridden)
        })?;
        self.single(field.kind, value)
    }

    /// Writes whichever JSON value it holds; one that holds none is `null`.
    fn dynamic_value(&mut self, plan: &'p Message, pieces: impl Pieces) -> Written {
        let values = self.index(plan, pieces)?;
        // Its fields are all of one oneof, so there is at most one left.
        let Some((place, run)) = self.run(values.start(), values.end()) else {
            self.out.extend_from_slice(b"null");
            return Ok(());
        };
        let field = plan.fields.get(place).ok_or(Stop::Malformed)?;
        if let (Kind::Double, Some(Raw::Number(bits))) = (field.kind, run.last(&self.found))
            && !f64::from_bits(bits).is_finite()
        {
            return Err(Stop::fault("a JSON value cannot be NaN or infinite"));
        }
        self.merged(field.kind, run)?;
        self.drop_found(values.start());
        Ok(())
    }
}
