//! Wire bytes to message.

use prost::DecodeError;
use prost_reflect::{DynamicMessage, MessageDescriptor};

use super::closed;

/// Decodes messages of one type.
#[derive(Debug, Clone)]
pub(super) struct Decoder {
    desc: MessageDescriptor,
    has_closed_enums: bool,
}

impl Decoder {
    pub(super) fn new(desc: &MessageDescriptor) -> Self {
        Self { desc: desc.clone(), has_closed_enums: closed::occurs_in(desc) }
    }

    /// Decodes a message.
    pub(super) fn message(&self, wire: &[u8]) -> Result<DynamicMessage, DecodeError> {
        let known = if self.has_closed_enums { closed::without_unknown(&self.desc, wire) } else { None };
        DynamicMessage::decode(self.desc.clone(), known.as_deref().unwrap_or(wire))
    }
}
