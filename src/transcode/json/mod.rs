//! Wire to JSON in one pass over plans: no message and no tree between them.
//!
//! Fields that come in the order of their numbers, as encoders write them, are written as they are read. A
//! message that has them otherwise is cut back and written by way of an [`index`] of its fields.

mod check;
mod indent;
mod index;
mod known;
mod map;
mod raw;
mod text;
mod value;
mod writer;

use http::StatusCode;
use prost_reflect::MessageDescriptor;

use self::writer::{Stop, Writer};
use super::plan::Plans;
use crate::status::{Code, Origin, Status};

/// As deep as messages may lie in one another on the wire, as in `prost`.
const DEEPEST_WIRE: usize = 100;

/// Writes messages of one type as JSON.
#[derive(Debug, Clone)]
pub(super) struct Answer {
    plans: Plans,
    root: usize,
}

impl Answer {
    pub(super) fn new(plans: &Plans, desc: &MessageDescriptor) -> Self {
        // A type of another pool has no plan, and every answer of it is refused.
        Self { plans: plans.clone(), root: plans.find(desc.full_name()).unwrap_or(usize::MAX) }
    }

    /// Appends the message, or only its field with the number `part`; `out` stays as it was when that fails.
    pub(super) fn write(&self, wire: &[u8], part: Option<u32>, out: &mut Vec<u8>) -> Result<(), Status> {
        let before = out.len();
        let written = if self.plans.settings().indent {
            let mut compact = Vec::new();
            self.compact(wire, part, &mut compact).map(|()| indent::indented(&compact, out))
        } else {
            self.compact(wire, part, out)
        };
        written.map_err(|stop| {
            out.truncate(before);
            into_status(stop)
        })
    }

    fn compact(&self, wire: &[u8], part: Option<u32>, out: &mut Vec<u8>) -> Result<(), Stop> {
        let before = out.len();
        match Writer::new(&self.plans, wire.len(), false, out).root(self.root, part, wire) {
            Err(Stop::Overspent) => {
                out.truncate(before);
                Writer::new(&self.plans, wire.len(), true, out).root(self.root, part, wire)
            }
            written => written,
        }
    }
}

fn into_status(stop: Stop) -> Status {
    match stop {
        Stop::Fault(fault) => fault.into_response_status(),
        _ => Status::new(
            Code::Internal,
            "the backend's answer is not a message of the declared type",
            Origin::Upstream,
        )
        .with_http(StatusCode::BAD_GATEWAY),
    }
}
