//! Wire bytes to message, and, when that fails, which field was to blame.

use http::StatusCode;
use prost::DecodeError;
use prost::encoding::{self, DecodeContext, WireType};
use prost_reflect::{DynamicMessage, Kind, MessageDescriptor};

use super::closed;
use crate::status::{Code, Origin, Status};
use crate::transcode::fault::Fault;

/// Decodes messages of one type.
#[derive(Debug, Clone)]
pub(in crate::transcode) struct Decoder {
    desc: MessageDescriptor,
    has_closed_enums: bool,
}

impl Decoder {
    pub(in crate::transcode) fn new(desc: &MessageDescriptor) -> Self {
        Self { desc: desc.clone(), has_closed_enums: closed::occurs_in(desc) }
    }

    /// Decodes an answer; bytes that are no such message are the backend's fault: 502.
    pub(in crate::transcode) fn answer(&self, wire: &[u8]) -> Result<DynamicMessage, Status> {
        self.message(wire).map_err(|_| match bad_text(&self.desc, wire, DEEPEST) {
            Some(fault) => fault.into_response_status(),
            None => Status::new(
                Code::Internal,
                "the backend's answer is not a message of the declared type",
                Origin::Upstream,
            )
            .with_http(StatusCode::BAD_GATEWAY),
        })
    }

    /// Decodes a message.
    pub(in crate::transcode) fn message(&self, wire: &[u8]) -> Result<DynamicMessage, DecodeError> {
        let known = if self.has_closed_enums { closed::without_unknown(&self.desc, wire) } else { None };
        DynamicMessage::decode(self.desc.clone(), known.as_deref().unwrap_or(wire))
    }
}

/// As deep as `prost` follows messages.
const DEEPEST: usize = 100;

/// The first string field whose bytes are not UTF-8, the one fault that can be told field by field.
fn bad_text(desc: &MessageDescriptor, mut wire: &[u8], depth: usize) -> Option<Fault> {
    let depth = depth.checked_sub(1)?;
    while !wire.is_empty() {
        let (number, wire_type) = encoding::decode_key(&mut wire).ok()?;
        if wire_type != WireType::LengthDelimited {
            encoding::skip_field(wire_type, number, &mut wire, DecodeContext::default()).ok()?;
            continue;
        }
        let length = usize::try_from(encoding::decode_varint(&mut wire).ok()?).ok()?;
        let (content, rest) = wire.split_at_checked(length)?;
        wire = rest;
        let Some(field) = desc.get_field(number) else { continue };
        let fault = match field.kind() {
            Kind::String if std::str::from_utf8(content).is_err() => Some(Fault::new("not valid UTF-8")),
            Kind::Message(inner) => bad_text(&inner, content, depth),
            _ => None,
        };
        if let Some(fault) = fault {
            return Some(fault.in_field(field.json_name()));
        }
    }
    None
}
