//! The answer of a unary call: an `HttpBody` as it is, or else JSON or protobuf's wire bytes, as the client wants.
//!
//! Request path. Not for what is around the body: that is put together in `call`.

use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use http::HeaderValue;
use http::header::{ACCEPT, CONTENT_TYPE, VARY};

use super::steps::{Kept, Steps};
use crate::protocol::{AnswerForm, Body};
use crate::status::Status;

impl Steps<'_> {
    /// The body of the answer that a response message is.
    pub(super) fn written(&self, message: &Bytes, kept: &mut Kept) -> Result<Body, Status> {
        let route = self.route;
        if let Some(raw) = route.plan.raw_response() {
            let (content_type, data) = raw.read(message)?;
            kept.headers.insert(CONTENT_TYPE, content_type.unwrap_or(OCTET_STREAM));
            return Ok(data.into());
        }
        let answers_message = route.plan.answers_message();
        if route.protocol.bodies.protobuf && answers_message {
            kept.headers.append(VARY, HeaderValue::from_name(ACCEPT));
        }
        if let AnswerForm::Protobuf(name) = AnswerForm::of(&self.parts.headers, &route.protocol.bodies)
            && answers_message
        {
            let wire = route.plan.answer_wire(message)?;
            kept.headers.insert(CONTENT_TYPE, HeaderValue::from_static(name));
            return Ok(wire.into());
        }
        let mut json = Vec::with_capacity(route.room.of(message.len()));
        route.plan.write_response(message, &mut json)?;
        route.room.took(json.len());
        Ok(json.into())
    }
}

/// How much room the JSON of an answer gets: what the last answer of its method took, for most are alike, so that it is
/// neither moved while it grows nor much too large.
#[derive(Debug, Default)]
pub(super) struct Room(AtomicUsize);

impl Room {
    /// For a message of so many bytes on the wire.
    fn of(&self, wire: usize) -> usize {
        let last = self.0.load(Ordering::Relaxed);
        // One long answer must not make every short one after it long.
        (last + last / 8).clamp(wire * 2 + 64, wire * 4 + 1024)
    }

    fn took(&self, json: usize) {
        // Answers of about the same length leave it alone: it is one for all threads.
        if self.0.load(Ordering::Relaxed).abs_diff(json) > json / 16 {
            self.0.store(json, Ordering::Relaxed);
        }
    }
}

/// What bytes are that nobody has said more of.
const OCTET_STREAM: HeaderValue = HeaderValue::from_static("application/octet-stream");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_answer_says_how_much_room_the_next_one_gets() {
        let room = Room::default();
        assert_eq!(room.of(100), 264, "nothing is known yet");
        room.took(400);
        assert_eq!(room.of(100), 450);
        room.took(410);
        assert_eq!(room.of(100), 450, "about the same");
        room.took(10_000_000);
        assert_eq!(room.of(100), 1424, "a long one does not make a short one long");
        room.took(10);
        assert_eq!(room.of(100), 264);
    }
}
