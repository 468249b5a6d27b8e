//! JSON to wire and wire to JSON: a request's captures, query and body become one gRPC message, a gRPC
//! message becomes an answer's JSON.
//!
//! Not for HTTP ([`protocol`](crate::protocol)) and not for finding the binding ([`route`](crate::route)).

mod closed;
mod decode;
mod encode;
mod fault;
mod field;
mod known;
mod lexer;
mod mask;
mod message;
mod number;
mod parameter;
mod path;
mod print;
mod query;
mod read;
mod read_known;
mod scalar;
#[cfg(test)]
mod tests;
mod time;
mod write;
mod write_known;

use std::borrow::Cow;
use std::sync::Arc;

use prost_reflect::{DescriptorPool, DynamicMessage, FieldDescriptor, MessageDescriptor};

use self::decode::Decoder;
pub use self::message::MessagePlan;
use crate::rule::{Binding, Body, FieldPath};
use crate::status::Status;

/// How JSON is read and written. The defaults are the `transom` profile's.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(clippy::struct_excessive_bools, reason = "each is an option of its own that the user may set")]
pub struct Settings {
    /// How fields that are not set are written.
    pub unset_fields: UnsetFields,
    /// Whether answers use the names of the proto file rather than lowerCamel JSON names.
    pub proto_names: bool,
    /// Whether enums are written as numbers.
    pub enums_as_numbers: bool,
    /// Whether 64-bit integers are written as JSON numbers rather than strings.
    pub int64_as_numbers: bool,
    /// Whether answers are indented by two spaces.
    pub indent: bool,
    /// Whether a JSON field that the message does not have is an error (else it is ignored).
    pub refuse_unknown_fields: bool,
    /// Whether an enum name that the enum does not have is an error (else the field is left unset, the list
    /// element or map entry dropped).
    pub refuse_unknown_enums: bool,
    /// Whether enum names are read without regard to case.
    pub case_insensitive_enums: bool,
    /// Whether a query parameter that the message does not have is an error (else it is ignored).
    pub refuse_unknown_query: bool,
    /// Whether a body or query value for a field that the path sets is an error (else the path wins).
    pub refuse_path_conflicts: bool,
    /// Query parameters that are never bound, such as `key` or `alt`.
    pub ignored_query: Vec<String>,
    /// How deep JSON and messages may nest; at most [`DEEPEST`].
    pub max_depth: usize,
}

/// How fields that are not set are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UnsetFields {
    /// Zero scalars, `[]`, `{}`, and `null` for unset messages: grpc-gateway's `EmitUnpopulated`.
    Null,
    /// Zero scalars, `[]` and `{}`; unset messages are left out: protobuf's "always print without presence".
    Zero,
    /// Left out.
    Omit,
}

/// How deep JSON and messages may nest whatever the settings say: both directions are recursive, and a thread's
/// stack has an end.
pub const DEEPEST: usize = 200;

impl Default for Settings {
    fn default() -> Self {
        Self {
            unset_fields: UnsetFields::Null,
            proto_names: false,
            enums_as_numbers: false,
            int64_as_numbers: false,
            indent: false,
            refuse_unknown_fields: false,
            refuse_unknown_enums: true,
            case_insensitive_enums: false,
            refuse_unknown_query: false,
            refuse_path_conflicts: false,
            ignored_query: Vec::new(),
            max_depth: 100,
        }
    }
}

/// The two directions for one binding, prepared at load.
#[derive(Debug, Clone)]
pub struct CallPlan {
    input: MessageDescriptor,
    output: Decoder,
    body: Body,
    variables: Vec<FieldPath>,
    response_body: Option<FieldDescriptor>,
    settings: Arc<Settings>,
}

impl CallPlan {
    /// Prepares both directions for a binding.
    #[must_use]
    pub fn compile(binding: &Binding, settings: &Settings) -> Self {
        Self {
            input: binding.rpc.input(),
            output: Decoder::new(&binding.rpc.output()),
            body: binding.body.clone(),
            variables: binding.variables.clone(),
            response_body: binding.response_body.clone(),
            settings: Arc::new(settings.clone()),
        }
    }

    /// Whether the request's body is read at all.
    #[must_use]
    pub fn reads_body(&self) -> bool {
        self.body != Body::None
    }

    /// Appends the request message's wire bytes (no frame prefix) to `out`: body first, then captures, then
    /// query (precedence: path, then body, then query). `captures` are decoded, in the order of the binding's
    /// variables. `query` is raw, without the question mark. An empty or white body is an empty message.
    ///
    /// # Errors
    /// 400 with the JSON path, line and column, or the parameter, and what was expected.
    pub fn write_request(
        &self,
        captures: &[Cow<'_, str>],
        query: Option<&str>,
        body: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<(), Status> {
        let mut message = self.read_body(body)?;
        path::bind(&mut message, &self.variables, captures, &self.settings)?;
        if let Some(query) = query {
            self.bind_query(&mut message, query)?;
        }
        encode::message(&message, out);
        Ok(())
    }

    /// Appends the answer's JSON for the response message's wire bytes to `out`, which stays as it was when
    /// that fails.
    ///
    /// # Errors
    /// Bytes that are not such a message, or have no JSON form: the backend's fault, 502.
    pub fn write_response(&self, wire: &[u8], out: &mut Vec<u8>) -> Result<(), Status> {
        let message = self.output.answer(wire)?;
        match &self.response_body {
            None => write::message(&message, &self.settings, out),
            Some(field) => write::field(&message, field, &self.settings, out),
        }
        .map_err(fault::Fault::into_response_status)
    }

    fn read_body(&self, body: &[u8]) -> Result<DynamicMessage, Status> {
        let white = body.iter().all(|byte| matches!(byte, b' ' | b'\t' | b'\n' | b'\r'));
        match &self.body {
            Body::Whole if !white => read::message(body, &self.input, &self.settings),
            Body::Field(field) => self.read_field(field, body, white),
            Body::Whole | Body::None => Ok(DynamicMessage::new(self.input.clone())),
        }
    }

    /// A message with the body as one of its fields. An empty body leaves a message field present and empty,
    /// any other field unset.
    fn read_field(&self, path: &FieldPath, body: &[u8], white: bool) -> Result<DynamicMessage, Status> {
        let mut message = DynamicMessage::new(self.input.clone());
        let Some((field, parents)) = path.0.split_last() else { return Ok(message) };
        let value = if white {
            let single = field.kind().as_message().is_some() && !field.is_list() && !field.is_map();
            single.then(|| field.default_value())
        } else {
            read::field(body, field, &self.settings)?
        };
        if let Some(value) = value {
            let parent = path::enter(&mut message, parents).map_err(Status::invalid)?;
            let set = parent.try_set_field(field, value);
            set.map_err(|_| Status::invalid("request body: the field cannot be set"))?;
        }
        Ok(message)
    }

    fn bind_query(&self, message: &mut DynamicMessage, query: &str) -> Result<(), Status> {
        let body = match &self.body {
            Body::Whole if self.settings.refuse_unknown_query => {
                return query::refuse_all(query, &self.settings);
            }
            Body::Whole => return Ok(()),
            Body::Field(field) => Some(field),
            Body::None => None,
        };
        let taken = query::Taken { variables: &self.variables, body };
        query::bind(message, query, taken, &self.settings)
    }
}

/// Appends a message as JSON, as an answer would show it.
///
/// # Errors
/// A message that has no JSON form (a timestamp out of range): 502, as if it were an answer.
pub fn write_message(message: &DynamicMessage, settings: &Settings, out: &mut Vec<u8>) -> Result<(), Status> {
    write::message(message, settings, out).map_err(fault::Fault::into_response_status)
}

/// Appends a status as `google.rpc.Status` JSON: `{"code":5,"message":"...","details":[...]}`. Details whose
/// type the pool knows are expanded with `@type`; others are `{"@type":...,"value":base64}`. Never fails.
pub fn write_status(status: &Status, pool: &DescriptorPool, settings: &Settings, out: &mut Vec<u8>) {
    write_known::status(status, pool, settings, out);
}
