//! Whether values that are not written could have been read: a malformed message is refused wherever it is.
//!
//! Of a client, a known field of another wire type is refused too: it is an unknown field to whoever knows the type, but
//! who looks at the bytes alone, for an account or a mask, could take it for the field.

use super::object::{Stop, Writer, Written, known_field};
use super::raw::{Raw, Span};
use crate::transcode::DEEPEST;
use crate::transcode::fault::Fault;
use crate::transcode::json_text::NotUtf8;
use crate::transcode::plan::{Field, Kind};

/// What becomes of a known field's number with a wire type that is not its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Foreign {
    Unknown,
    Refused,
}

impl<'p> Writer<'p, '_, '_> {
    /// Checks one value of a field.
    pub(super) fn check(&self, field: &'p Field, value: Raw) -> Written {
        self.check_value(field, value, DEEPEST, Foreign::Unknown)
    }

    /// Checks the whole message.
    pub(super) fn check_root(&self, root: u32) -> Written {
        let depth = self.plans.settings().max_depth.min(DEEPEST);
        self.check_message(root, Span::whole(self.wire), depth, Foreign::Refused)
    }

    fn check_value(&self, field: &'p Field, value: Raw, depth: usize, foreign: Foreign) -> Written {
        match (field.kind, value) {
            (Kind::String, Raw::Span(text)) => {
                simdutf8::basic::from_utf8(text.bytes(self.wire)).map(drop).map_err(|_| NotUtf8.into())
            }
            (Kind::Message(index) | Kind::Group(index), Raw::Span(content)) => {
                self.check_message(index, content, depth, foreign)
            }
            (_, Raw::Span(mut packed)) if field.packable() => {
                while !packed.is_empty() {
                    packed.value(self.wire, field.tag)?;
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn check_message(&self, index: u32, mut span: Span, depth: usize, foreign: Foreign) -> Written {
        let depth = depth.checked_sub(1).ok_or(Stop::Malformed)?;
        let plan = self.plan(index)?;
        while !span.is_empty() {
            let tag = span.tag(self.wire)?;
            let value = span.value(self.wire, tag)?;
            if let Some((_, field)) = known_field(plan, tag) {
                self.check_value(field, value, depth, foreign).map_err(|stop| stop.in_field(&field.name))?;
            } else if let (Foreign::Refused, Some(field)) =
                (foreign, plan.place(tag >> 3).and_then(|place| plan.fields.get(place)))
            {
                let fault = Fault::new("the bytes have it in another wire type than its own");
                return Err(Stop::Fault(fault).in_field(&field.name));
            }
        }
        Ok(())
    }
}
