//! `google.protobuf.Any`: what it holds is written by the plan of its type, beside `@type`.

use super::index::Pieces;
use super::object::{Stop, Writer, Written};
use super::raw::{Raw, Span};
use crate::transcode::json_text;
use crate::transcode::plan::Message;

impl<'p> Writer<'p, '_, '_> {
    pub(super) fn any(&mut self, plan: &'p Message, pieces: impl Pieces) -> Written {
        let nothing = Span { at: 0, end: 0 };
        let (mut type_url, mut content) = (nothing, nothing);
        self.each(plan, pieces, |writer, place, field, raw| {
            match (place, raw) {
                (0, Raw::Span(text)) => {
                    writer.check(field, raw)?;
                    type_url = text;
                }
                (1, Raw::Span(bytes)) => content = bytes,
                _ => {}
            }
            Ok(())
        })?;
        if type_url.is_empty() && content.is_empty() {
            self.out.extend_from_slice(b"{}");
            return Ok(());
        }
        let wire = self.wire;
        // It was checked when it was read.
        let type_url = std::str::from_utf8(type_url.bytes(wire)).unwrap_or_default();
        self.content(type_url, content)
    }

    /// Writes a detail of a status; what cannot be written is shown as base64.
    pub(super) fn detail(&mut self, type_url: &str) {
        self.lenient = true;
        let whole = Span::whole(self.wire);
        // Lenient writing has an answer to everything.
        let _ = self.content(type_url, whole);
    }

    /// Writes what an `Any` holds: expanded when the pool knows its type, else with its bytes as base64.
    fn content(&mut self, type_url: &str, content: Span) -> Written {
        let name = type_url.rsplit('/').next().unwrap_or_default();
        let Some(index) = self.plans.index_of(name) else {
            self.opaque(type_url, content);
            return Ok(());
        };
        let mark = self.mark();
        let written = self.expanded(type_url, index, content);
        if written.is_err() && self.lenient {
            self.go_back(mark);
            self.opaque(type_url, content);
            return Ok(());
        }
        written.map_err(|stop| match stop {
            Stop::Malformed => Stop::fault("its bytes are not a message of its type"),
            other => other,
        })
    }

    fn expanded(&mut self, type_url: &str, index: u32, content: Span) -> Written {
        let plan = self.plan(index)?;
        self.object(|writer| {
            writer.type_url(type_url);
            if !plan.boxed_in_any {
                return writer.members(plan, content);
            }
            writer.out.extend_from_slice(b",\"value\":");
            writer.message(index, content).map_err(|stop| stop.in_field("value"))
        })
    }

    fn opaque(&mut self, type_url: &str, content: Span) {
        let start = self.out.len();
        self.type_url(type_url);
        self.out.extend_from_slice(b",\"value\":");
        self.base64(content);
        self.out.push(b'}');
        if let Some(comma) = self.out.get_mut(start) {
            *comma = b'{';
        }
    }

    fn type_url(&mut self, type_url: &str) {
        self.out.extend_from_slice(b",\"@type\":");
        json_text::string(type_url, self.out);
    }
}
