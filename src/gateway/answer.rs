//! The answer of a unary call: an `HttpBody` as it is, or else JSON or protobuf's wire bytes, as the client wants.
//!
//! Request path. Not for what is around the body: that is put together in `call`.

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
        let mut json = Vec::with_capacity(message.len() * 2 + 64);
        route.plan.write_response(message, &mut json)?;
        Ok(json.into())
    }
}

/// What bytes are that nobody has said more of.
const OCTET_STREAM: HeaderValue = HeaderValue::from_static("application/octet-stream");
