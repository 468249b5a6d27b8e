//! Answers as wire bytes: the whole message as it came, or the field of it that is the answer.
//!
//! Not for writing anything anew: bytes are copied only where the field came in several pieces.

use bytes::Bytes;
use http::StatusCode;

use super::CallPlan;
use super::plan::{Field, Shape};
use crate::status::{Code, Origin, Status};
use crate::wire::field::Fields;

impl CallPlan {
    /// Whether the answer is a message, which alone has a form of its own on the wire.
    #[must_use]
    pub fn answers_message(&self) -> bool {
        match self.part_field() {
            None => self.part.is_none(),
            Some(field) => field.shape == Shape::Single && field.kind.message().is_some(),
        }
    }

    /// The wire bytes of the answer in those of the response message.
    ///
    /// # Errors
    /// 502 for bytes that are no message.
    pub fn answer_wire(&self, wire: &Bytes) -> Result<Bytes, Status> {
        let Some(field) = self.part_field() else { return Ok(wire.clone()) };
        let mut pieces: Vec<&[u8]> = Vec::new();
        for found in Fields::of(wire) {
            let found = found.map_err(|_| not_a_message())?;
            pieces.extend(found.value.message().filter(|_| found.number == field.number));
        }
        Ok(match *pieces {
            [] => Bytes::new(),
            [piece] => wire.slice_ref(piece),
            _ => pieces.concat().into(),
        })
    }

    fn part_field(&self) -> Option<&Field> {
        self.plans.get(self.output)?.fields.get(self.part?)
    }
}

fn not_a_message() -> Status {
    let message = "the backend's answer is not a message of the declared type";
    Status::new(Code::Internal, message, Origin::Upstream).with_http(StatusCode::BAD_GATEWAY)
}
