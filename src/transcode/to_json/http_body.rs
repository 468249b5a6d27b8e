//! Answers that are a `google.api.HttpBody`: not JSON, but what lies in it, found where it is.

use super::index::{Found, Pieces};
use super::object::{Stop, Writer};
use super::raw::{Raw, Span};
use super::refusal;
use crate::status::Status;
use crate::transcode::plan::{Message, Plans};

/// Where content type and data of an answer lie in its wire bytes; empty when it has none.
///
/// # Errors
/// Bytes that are not such a message: the backend's fault, 502.
pub(in crate::transcode) fn raw(
    plans: &Plans,
    root: u32,
    part: Option<usize>,
    wire: &[u8],
) -> Result<[(usize, usize); 2], Status> {
    let mut nothing = Vec::new();
    let found = Writer::new(plans, wire, true, &mut nothing).http_body(root, part);
    found.map(|spans| spans.map(|span| (span.at, span.end))).map_err(|stop| refusal(stop, plans))
}

impl<'p> Writer<'p, '_, '_> {
    /// Content type and data of the whole answer, or of one of its fields.
    fn http_body(&mut self, root: u32, part: Option<usize>) -> Result<[Span; 2], Stop> {
        let (plan, whole) = (self.plan(root)?, Span::whole(self.wire));
        let Some(place) = part else { return self.last_of(plan, whole) };
        let field = plan.fields.get(place).ok_or(Stop::Malformed)?;
        let message = self.plan(field.kind.message().ok_or(Stop::Malformed)?)?;
        let pieces: Found = self.values_of(plan, place, whole)?;
        self.last_of(message, pieces)
    }

    /// Of a message that comes in pieces, the last value of each field counts.
    fn last_of(&mut self, plan: &'p Message, pieces: impl Pieces) -> Result<[Span; 2], Stop> {
        let places = plan.http_body.ok_or(Stop::Malformed)?;
        let all = self.index(plan, pieces)?;
        let mut spans = [Span { at: 0, end: 0 }; 2];
        let mut start = all.start();
        while let Some((place, run)) = self.run(start, all.end()) {
            start = run.end();
            let [content_type, data] = &mut spans;
            let span = if place == places.content_type {
                content_type
            } else if place == places.data {
                data
            } else {
                continue;
            };
            if let Some(Raw::Span(last)) = run.last(&self.found) {
                *span = last;
            }
        }
        Ok(spans)
    }
}
