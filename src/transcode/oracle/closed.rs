//! Takes out of wire bytes the numbers that a closed enum (proto2) does not name.
//!
//! To a reader of protobuf they are unknown fields: an earlier value stays, a list goes without them, and so
//! does a map without their whole entries. `prost-reflect` keeps them as values.

use std::collections::HashSet;

use prost::encoding::{self, DecodeContext, WireType};
use prost_reflect::{EnumDescriptor, Kind, MessageDescriptor};

use super::field::Field;
use super::scalar;
use crate::transcode::DEEPEST;

/// Whether a message of this type has a field of a closed enum, at any depth.
pub(in crate::transcode) fn occurs_in(desc: &MessageDescriptor) -> bool {
    let mut seen = HashSet::new();
    let mut waiting = vec![desc.clone()];
    while let Some(desc) = waiting.pop() {
        if !seen.insert(desc.full_name().to_owned()) {
            continue;
        }
        for kind in desc.fields().map(|field| field.kind()).chain(desc.extensions().map(|field| field.kind()))
        {
            match kind {
                Kind::Enum(desc) if !scalar::is_open(&desc) => return true,
                Kind::Message(inner) => waiting.push(inner),
                _ => {}
            }
        }
    }
    false
}

/// The same message without them; `None` when the bytes are malformed, which decoding them will tell too.
pub(in crate::transcode) fn without_unknown(desc: &MessageDescriptor, mut wire: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(wire.len());
    fields(desc, &mut wire, None, DEEPEST, &mut out)?;
    Some(out)
}

/// Copies fields up to the end, or up to the tag that ends the group.
fn fields(
    desc: &MessageDescriptor,
    wire: &mut &[u8],
    group: Option<u32>,
    depth: usize,
    out: &mut Vec<u8>,
) -> Option<()> {
    let depth = depth.checked_sub(1)?;
    while !wire.is_empty() {
        let (number, wire_type) = encoding::decode_key(wire).ok()?;
        if wire_type == WireType::EndGroup {
            return (group == Some(number)).then_some(());
        }
        let field = Field::of_number(desc, number);
        match (field.as_ref().map(Field::kind), wire_type) {
            (Some(Kind::Enum(desc)), WireType::Varint) if !scalar::is_open(&desc) => {
                let value = encoding::decode_varint(wire).ok()?;
                if names(&desc, value) {
                    encoding::encode_key(number, wire_type, out);
                    encoding::encode_varint(value, out);
                }
            }
            (Some(Kind::Enum(desc)), WireType::LengthDelimited) if !scalar::is_open(&desc) => {
                nested(number, &packed(&desc, content(wire)?)?, out);
            }
            (Some(Kind::Message(inner)), WireType::LengthDelimited) => {
                let mut content = content(wire)?;
                let length = content.len();
                let mut kept = Vec::with_capacity(length);
                fields(&inner, &mut content, None, depth, &mut kept)?;
                if kept.len() == length || !is_enum_entry(&inner) {
                    nested(number, &kept, out);
                }
            }
            (Some(Kind::Message(inner)), WireType::StartGroup) => {
                encoding::encode_key(number, WireType::StartGroup, out);
                fields(&inner, wire, Some(number), depth, out)?;
                encoding::encode_key(number, WireType::EndGroup, out);
            }
            _ => {
                encoding::encode_key(number, wire_type, out);
                let before = *wire;
                encoding::skip_field(wire_type, number, wire, DecodeContext::default()).ok()?;
                out.extend(before.get(..before.len() - wire.len())?);
            }
        }
    }
    group.is_none().then_some(())
}

fn packed(desc: &EnumDescriptor, mut values: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(values.len());
    while !values.is_empty() {
        let value = encoding::decode_varint(&mut values).ok()?;
        if names(desc, value) {
            encoding::encode_varint(value, &mut out);
        }
    }
    Some(out)
}

/// Whether the enum has a name for the number; of a varint, 32 bits count.
fn names(desc: &EnumDescriptor, value: u64) -> bool {
    u32::try_from(value & u64::from(u32::MAX))
        .is_ok_and(|value| desc.get_value(value.cast_signed()).is_some())
}

/// Whether the message is the entry of a map whose values are of a closed enum.
fn is_enum_entry(desc: &MessageDescriptor) -> bool {
    desc.is_map_entry()
        && matches!(desc.map_entry_value_field().kind(), Kind::Enum(desc) if !scalar::is_open(&desc))
}

fn content<'w>(wire: &mut &'w [u8]) -> Option<&'w [u8]> {
    let length = usize::try_from(encoding::decode_varint(wire).ok()?).ok()?;
    let (content, rest) = wire.split_at_checked(length)?;
    *wire = rest;
    Some(content)
}

fn nested(number: u32, content: &[u8], out: &mut Vec<u8>) {
    encoding::encode_key(number, WireType::LengthDelimited, out);
    encoding::encode_varint(u64::try_from(content.len()).unwrap_or(u64::MAX), out);
    out.extend(content);
}
