//! The well-known types: those messages whose JSON is not an object of their fields.
//!
//! `google.protobuf.Empty` is not among them: its JSON, `{}`, is that of any message without fields.

use prost_reflect::{DynamicMessage, EnumDescriptor, Kind, MessageDescriptor, Value};

/// A message type with a JSON form of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::transcode) enum WellKnown {
    Any,
    Timestamp,
    Duration,
    FieldMask,
    Struct,
    Value,
    List,
    Wrapper,
}

impl WellKnown {
    /// Which well-known type the message is, if any.
    pub(in crate::transcode) fn of(desc: &MessageDescriptor) -> Option<Self> {
        let known = match desc.full_name().strip_prefix("google.protobuf.")? {
            "Any" => Self::Any,
            "Timestamp" => Self::Timestamp,
            "Duration" => Self::Duration,
            "FieldMask" => Self::FieldMask,
            "Struct" => Self::Struct,
            "Value" => Self::Value,
            "ListValue" => Self::List,
            "DoubleValue" | "FloatValue" | "Int64Value" | "UInt64Value" | "Int32Value" | "UInt32Value"
            | "BoolValue" | "StringValue" | "BytesValue" => Self::Wrapper,
            _ => return None,
        };
        Some(known)
    }
}

/// Whether JSON `null` is a value of this kind, not the absence of one.
pub(in crate::transcode) fn takes_null(kind: &Kind) -> bool {
    match kind {
        Kind::Message(desc) => WellKnown::of(desc) == Some(WellKnown::Value),
        Kind::Enum(desc) => is_null_value(desc),
        _ => false,
    }
}

/// Whether the enum is `google.protobuf.NullValue`, which JSON writes as `null`.
pub(in crate::transcode) fn is_null_value(desc: &EnumDescriptor) -> bool {
    desc.full_name() == "google.protobuf.NullValue"
}

/// Whether an `Any` holds this message as `"value"` rather than by its fields.
pub(in crate::transcode) fn is_boxed_in_any(desc: &MessageDescriptor) -> bool {
    WellKnown::of(desc).is_some() || desc.full_name() == "google.protobuf.Empty"
}

/// The `seconds` and `nanos` of a Timestamp or Duration.
pub(in crate::transcode) fn seconds_and_nanos(message: &DynamicMessage) -> (i64, i32) {
    let seconds = message.get_field_by_number(1).and_then(|value| value.as_i64());
    let nanos = message.get_field_by_number(2).and_then(|value| value.as_i32());
    (seconds.unwrap_or_default(), nanos.unwrap_or_default())
}

/// A message with these fields, by number; `None` when the type has no such fields.
pub(in crate::transcode) fn build<const N: usize>(
    desc: &MessageDescriptor,
    fields: [(u32, Value); N],
) -> Option<DynamicMessage> {
    let mut message = DynamicMessage::new(desc.clone());
    for (number, value) in fields {
        message.try_set_field_by_number(number, value).ok()?;
    }
    Some(message)
}
