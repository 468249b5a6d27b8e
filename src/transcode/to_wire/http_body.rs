//! Requests whose body is a `google.api.HttpBody`: it comes as it is, not as JSON, and lies in the message where the
//! rule has it.
//!
//! The path wins over it, and over the query both, as ever.

use std::borrow::Cow;

use super::RequestPlan;
use super::object::{Places, Read, Reader};
use super::parts::{Overlay, Part, Source, Texts};
use super::put::{self, Lengths};
use crate::status::Status;
use crate::transcode::fault::Fault;
use crate::transcode::plan::{Message, Plans};

/// A body that is not JSON.
#[derive(Debug, Clone, Copy)]
pub(in crate::transcode) struct RawBody<'r> {
    /// Its media type; none, or an empty one, is left unset.
    pub(in crate::transcode) content_type: Option<&'r str>,
    /// All of it, or a chunk.
    pub(in crate::transcode) data: &'r [u8],
}

impl RequestPlan {
    /// Appends the request message's wire bytes to `out`, which stays as it was when that fails.
    pub(in crate::transcode) fn write_raw(
        &self,
        plans: &Plans,
        captures: &[Cow<'_, str>],
        query: Option<&str>,
        raw: RawBody<'_>,
        out: &mut Vec<u8>,
    ) -> Result<(), Status> {
        let bound = self.bind(plans, captures, query, None, &self.parts)?;
        let texts = Texts { raw: Some(raw), ..self.texts(captures, bound.as_ref()) };
        let parts = bound.as_ref().map_or(&*self.parts, |bound| &bound.parts);
        self.write_parts(plans, texts, parts, out)
    }

    /// Appends the wire bytes of a message that has nothing but one more chunk of the body.
    pub(in crate::transcode) fn write_chunk(
        &self,
        plans: &Plans,
        data: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<(), Status> {
        let body = self.parts.iter().position(|part| part.source() == Source::Body);
        let parts = body.and_then(|body| self.parts.get(body..=body)).unwrap_or_default();
        let raw = Some(RawBody { content_type: None, data });
        self.write_parts(plans, Texts { raw, ..self.texts(&[], None) }, parts, out)
    }

    fn write_parts<'r>(
        &self,
        plans: &Plans,
        texts: Texts<'r>,
        parts: &'r [Part],
        out: &mut Vec<u8>,
    ) -> Result<(), Status> {
        let (start, parts) = (out.len(), Overlay::new(parts));
        let len = texts.raw.map_or(0, |raw| raw.data.len());
        out.reserve(len + ROOM);
        let mut reader = Reader::new(plans, "", texts, out);
        reader.lengths = Lengths::expecting(len);
        let mut write = || {
            let plan = reader.plan(self.input)?;
            match texts.raw {
                Some(raw) if self.reads_whole_body() => reader.raw_members(plan, raw, parts),
                _ => reader.complete(plan, parts, &Places::default()),
            }
        };
        let written = write();
        if written.is_err() {
            out.truncate(start);
        }
        written.map_err(|fault: Fault| fault.into_request_status(&[]))
    }
}

/// For tags, lengths, the content type, and what the path and the query say.
const ROOM: usize = 256;

impl<'p, 'j> Reader<'p, 'j, '_> {
    /// Writes the members of an `HttpBody`, and the parts that lie in it.
    pub(super) fn raw_members(&mut self, plan: &'p Message, raw: RawBody<'_>, parts: Overlay<'j>) -> Read {
        let Some(places) = plan.http_body else { return Err(Fault::new("the body is no `HttpBody`")) };
        let mut visited = Places::default();
        let content_type = raw.content_type.unwrap_or_default().as_bytes();
        for (place, value) in [(places.content_type, content_type), (places.data, raw.data)] {
            let Some(field) = plan.fields.get(place).filter(|_| !value.is_empty()) else { continue };
            let start = self.out.len();
            put::varint(u64::from(field.tag), self.out);
            put::varint(value.len() as u64, self.out);
            self.out.extend_from_slice(value);
            if let Some((index, source)) = parts.capture_at(place, self.texts.paths) {
                visited.insert(place);
                self.decide(start, source, |reader| reader.capture(field, index))?;
            }
        }
        self.complete(plan, parts, &visited)
    }
}
