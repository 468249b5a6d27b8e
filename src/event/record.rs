//! An event as the queue keeps it: what sinks need of it beside its JSON, and that JSON.

use prost::Message as _;

use super::plan::Event;

/// An event in the queue's file.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub(super) struct Record {
    /// A UUID.
    #[prost(string, tag = "1")]
    pub id: String,
    /// When it was made, as RFC 3339 has it.
    #[prost(string, tag = "2")]
    pub time: String,
    /// `pkg.Service/Method`.
    #[prost(string, tag = "3")]
    pub rpc: String,
    /// `created`, `updated`, `deleted`, `action`.
    #[prost(string, tag = "4")]
    pub event_type: String,
    /// `cluster`.
    #[prost(string, tag = "5")]
    pub resource_type: String,
    /// The name of the action, if it is one; else the same as the event type.
    #[prost(string, tag = "6")]
    pub action: String,
    /// The account in which it was made; empty: none.
    #[prost(string, tag = "7")]
    pub account: String,
    /// The path of the resource.
    #[prost(string, tag = "8")]
    pub resource: String,
    /// The event as JSON.
    #[prost(bytes = "vec", tag = "9")]
    pub json: Vec<u8>,
}

/// Writes an event as its record.
///
/// # Errors
/// When it has no JSON form.
pub(super) fn encode(event: &Event) -> Result<Vec<u8>, String> {
    let mut json = Vec::with_capacity(event.wire.len() * 3);
    event.kind.json.write_json(&event.wire, &mut json).map_err(|status| status.message)?;
    let record = Record {
        id: event.id.clone(),
        time: humantime::format_rfc3339_micros(event.time).to_string(),
        rpc: event.kind.rpc.to_string(),
        event_type: event.kind.event_type.to_string(),
        resource_type: event.kind.resource_type.to_string(),
        action: event.kind.action.to_string(),
        account: event.account.clone(),
        resource: event.resource.clone(),
        json,
    };
    Ok(record.encode_to_vec())
}

/// Reads a record; `None` when it is none.
pub(super) fn decode(bytes: &[u8]) -> Option<Record> {
    Record::decode(bytes).ok()
}
