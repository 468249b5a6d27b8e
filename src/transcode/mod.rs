//! JSON to wire and wire to JSON: a request's captures, query and body become one gRPC message, a gRPC
//! message becomes an answer's JSON.
//!
//! Not for HTTP ([`protocol`](crate::protocol)) and not for finding the binding ([`route`](crate::route)).

use std::borrow::Cow;

use prost_reflect::DescriptorPool;

use crate::rule::Binding;
use crate::status::Status;

/// How JSON is read and written. The defaults are the `transom` profile's.
#[derive(Debug, Clone, PartialEq, Eq)]
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
    /// How deep JSON and messages may nest.
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

/// The two directions for one binding, prepared at load.
#[derive(Debug, Clone)]
pub struct CallPlan {}

impl CallPlan {
    /// Prepares both directions for a binding.
    #[must_use]
    pub fn compile(_binding: &Binding, _settings: &Settings) -> Self {
        todo!()
    }

    /// Whether the request's body is read at all.
    #[must_use]
    pub fn reads_body(&self) -> bool {
        todo!()
    }

    /// Appends the request message's wire bytes (no frame prefix) to `out`: body first, then captures, then
    /// query (precedence: path, then body, then query). `captures` are decoded, in the order of the binding's variables. `query` is raw, without
    /// the question mark. An empty or white body is an empty message.
    ///
    /// # Errors
    /// 400 with the JSON path, line and column, or the parameter, and what was expected.
    pub fn write_request(
        &self,
        _captures: &[Cow<'_, str>],
        _query: Option<&str>,
        _body: &[u8],
        _out: &mut Vec<u8>,
    ) -> Result<(), Status> {
        todo!()
    }

    /// Appends the answer's JSON for the response message's wire bytes to `out`.
    ///
    /// # Errors
    /// Bytes that are not such a message: the backend's fault, 502.
    pub fn write_response(&self, _wire: &[u8], _out: &mut Vec<u8>) -> Result<(), Status> {
        todo!()
    }
}

/// Appends a status as `google.rpc.Status` JSON: `{"code":5,"message":"...","details":[...]}`. Details whose
/// type the pool knows are expanded with `@type`; others are `{"@type":...,"value":base64}`. Never fails.
pub fn write_status(_status: &Status, _pool: &DescriptorPool, _settings: &Settings, _out: &mut Vec<u8>) {
    todo!()
}
