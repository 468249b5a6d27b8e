//! The two directions for one message type, without a binding.

use prost_reflect::MessageDescriptor;

use super::{Plans, Settings, to_json, to_wire};
use crate::status::Status;

/// JSON to wire and wire to JSON for whole messages of one type.
#[derive(Debug, Clone)]
pub struct MessagePlan {
    plans: Plans,
    index: u32,
}

impl MessagePlan {
    /// Prepares both directions for a message type, with plans of its own. For several types of a pool, compile
    /// [`Plans`] once and ask them.
    #[must_use]
    pub fn compile(desc: &MessageDescriptor, settings: &Settings) -> Self {
        let plans = Plans::compile(desc.parent_pool(), settings);
        let index = plans.index_of(desc.full_name()).unwrap_or(u32::MAX);
        Self { plans, index }
    }

    pub(super) fn new(plans: Plans, index: u32) -> Self {
        Self { plans, index }
    }

    /// Appends the wire bytes of the message that `json` holds.
    ///
    /// # Errors
    /// 400 with the JSON path, line and column, and what was expected.
    pub fn write_wire(&self, json: &[u8], out: &mut Vec<u8>) -> Result<(), Status> {
        to_wire::message(&self.plans, self.index, json, out)
    }

    /// Appends the JSON of the message that `wire` holds to `out`, which stays as it was when that fails.
    ///
    /// # Errors
    /// Bytes that are not such a message, or have no JSON form, or too much of it: the backend's fault, 502.
    pub fn write_json(&self, wire: &[u8], out: &mut Vec<u8>) -> Result<(), Status> {
        to_json::write(&self.plans, self.index, None, wire, out)
    }
}
