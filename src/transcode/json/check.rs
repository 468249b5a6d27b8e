//! Whether values that are not written could have been read: a malformed message is refused wherever it is.

use super::DEEPEST_WIRE;
use super::raw::{self, Raw};
use super::value::utf8;
use super::writer::{Stop, Writer, Written};
use crate::transcode::plan::{Field, Kind, Message, Shape};

impl<'p> Writer<'p, '_> {
    /// Checks the content of a message that lies in `nesting` others.
    pub(super) fn check_message(&self, plan: &'p Message, mut wire: &[u8], nesting: usize) -> Written {
        if nesting > DEEPEST_WIRE {
            return Err(Stop::Malformed);
        }
        while !wire.is_empty() {
            let (number, wire_type) = raw::tag(&mut wire).ok_or(Stop::Malformed)?;
            let value = raw::value(&mut wire, number, wire_type).ok_or(Stop::Malformed)?;
            let field = plan.position(number).and_then(|place| plan.fields.get(place));
            if let Some(field) = field.filter(|field| field.takes(wire_type)) {
                self.check_value(field, value, nesting + 1).map_err(|stop| stop.in_field(&field.name))?;
            }
        }
        Ok(())
    }

    /// Checks one value of a field; `nesting` messages lie around it.
    pub(super) fn check_value(&self, field: &'p Field, value: Raw<'_>, nesting: usize) -> Written {
        match (&field.kind, value) {
            (Kind::Text, Raw::Slice(text)) => utf8(text).map(|_| ()),
            (Kind::Message(index), Raw::Slice(content)) => {
                // An entry is no message of its own.
                let nesting = if field.shape == Shape::Map { nesting.saturating_sub(1) } else { nesting };
                self.check_message(self.plan(*index)?, content, nesting)
            }
            (_, Raw::Slice(mut packed)) if field.packable => {
                while !packed.is_empty() {
                    raw::value(&mut packed, field.number, field.wire_type).ok_or(Stop::Malformed)?;
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }
}
