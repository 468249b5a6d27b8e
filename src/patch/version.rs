//! Which version of a resource an update was made from: a lost update is told, not made.
//!
//! Not for keeping versions: the backend does, and checks the one that is forwarded to it.

use prost_reflect::{Cardinality, Kind, MessageDescriptor};

use crate::status::{Code, Origin, Status};
use crate::wire::field::{Fields, Malformed, Value};

/// A resource's field that holds its version.
#[derive(Debug)]
pub(super) struct Version {
    number: u32,
    pub(super) name: Box<str>,
}

impl Version {
    /// The fields of a resource that have one of these names and a type that a version can have.
    pub(super) fn all(resource: &MessageDescriptor, names: &[String]) -> Vec<Self> {
        let fields = names.iter().filter_map(|name| resource.get_field_by_name(name));
        let fitting = fields.filter(|field| {
            let kind = field.kind();
            let text = matches!(kind, Kind::String | Kind::Bytes);
            let number = matches!(kind, Kind::Int32 | Kind::Int64 | Kind::Uint32 | Kind::Uint64);
            (text || number) && field.cardinality() != Cardinality::Repeated
        });
        fitting.map(|field| Self { number: field.number(), name: field.name().into() }).collect()
    }

    /// The version that a message states: not an empty one, nor zero.
    pub(super) fn of<'w>(&self, message: &[&'w [u8]]) -> Result<Option<Value<'w>>, Malformed> {
        let mut last = None;
        for field in message.iter().flat_map(|piece| Fields::of(piece)) {
            let field = field?;
            if field.number == self.number {
                last = Some(field.value);
            }
        }
        Ok(last.filter(|value| !matches!(value, Value::Bytes([]) | Value::Varint(0))))
    }

    /// The answer to an update that was made from another version than the one there is.
    pub(super) fn conflict(&self, resource: &str) -> Status {
        let message = format!(
            "`{resource}` was changed in the meantime: its `{name}` is no longer the one in the request; read it \
             again and repeat the update",
            name = self.name
        );
        Status::new(Code::Aborted, message, Origin::Client)
    }
}
