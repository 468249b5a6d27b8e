//! The two directions for one message type, without a binding.

use std::sync::Arc;

use prost_reflect::MessageDescriptor;

use super::decode::Decoder;
use super::fault::Fault;
use super::{Settings, encode, read, write};
use crate::status::Status;

/// JSON to wire and wire to JSON for whole messages of one type.
#[derive(Debug, Clone)]
pub struct MessagePlan {
    desc: MessageDescriptor,
    decoder: Decoder,
    settings: Arc<Settings>,
}

impl MessagePlan {
    /// Prepares both directions for a message type.
    #[must_use]
    pub fn compile(desc: &MessageDescriptor, settings: &Settings) -> Self {
        Self { desc: desc.clone(), decoder: Decoder::new(desc), settings: Arc::new(settings.clone()) }
    }

    /// Appends the wire bytes of the message that `json` holds.
    ///
    /// # Errors
    /// 400 with the JSON path, line and column, and what was expected.
    pub fn write_wire(&self, json: &[u8], out: &mut Vec<u8>) -> Result<(), Status> {
        encode::message(&read::message(json, &self.desc, &self.settings)?, out);
        Ok(())
    }

    /// Appends the JSON of the message that `wire` holds to `out`, which stays as it was when that fails.
    ///
    /// # Errors
    /// Bytes that are not such a message, or have no JSON form: the backend's fault, 502.
    pub fn write_json(&self, wire: &[u8], out: &mut Vec<u8>) -> Result<(), Status> {
        let message = self.decoder.answer(wire)?;
        write::message(&message, &self.settings, out).map_err(Fault::into_response_status)
    }
}
