//! JSON to wire and wire to JSON: a request's captures, query and body become one gRPC message, a gRPC
//! message becomes an answer's JSON.
//!
//! Not for HTTP ([`protocol`](crate::protocol)) and not for finding the binding ([`route`](crate::route)).

mod base64;
mod fault;
mod http_body;
mod json_text;
mod mask;
mod message;
mod number;
#[cfg(test)]
mod oracle;
mod part;
mod plan;
#[cfg(test)]
mod tests;
mod time;
mod to_json;
mod to_wire;

use std::borrow::Cow;

pub use self::http_body::{RawRequest, RawResponse};
pub use self::message::MessagePlan;
pub use self::plan::Plans;
use self::to_wire::RequestPlan;
use crate::rule::{Binding, HttpMethod};
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
    /// Whether a field mask in JSON may be written as in the proto file too (`foo_bar`), and as `*`.
    pub any_mask_spelling: bool,
    /// Whether a query parameter that the message does not have is an error (else it is ignored).
    pub refuse_unknown_query: bool,
    /// Whether a body or query value for a field that the path sets is an error (else the path wins).
    pub refuse_path_conflicts: bool,
    /// Query parameters that are never bound, such as `key` or `alt`.
    pub ignored_query: Vec<String>,
    /// What parts the values of a repeated field in a captured text.
    pub path_lists: char,
    /// How deep JSON and messages may nest; at most [`DEEPEST`].
    pub max_depth: usize,
    /// How long the JSON of an answer may be, in bytes.
    pub max_json: usize,
    /// How many parameters a query and a form may have together.
    pub max_parameters: usize,
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
            any_mask_spelling: true,
            refuse_unknown_query: false,
            refuse_path_conflicts: false,
            ignored_query: Vec::new(),
            path_lists: ',',
            max_depth: 100,
            max_json: 64 * 1024 * 1024,
            max_parameters: 300_000,
        }
    }
}

/// The body of a request, by what its bytes are.
#[derive(Debug, Clone, Copy)]
pub enum RequestBody<'b> {
    /// JSON text.
    Json(&'b [u8]),
    /// The pairs of a form: fields of the body's message, or where the rule has no body, as good as a query's.
    Form(&'b [u8]),
    /// The wire bytes of the message that the body is.
    Wire(&'b [u8]),
}

/// How a PATCH that comes without a mask is for what its body names.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PatchMask {
    /// Whether paths go on into `google.protobuf.Struct` and `Value`, by the user's keys.
    pub into_structs: bool,
    /// Whether a key that the message does not have is an error, even where such keys are ignored.
    pub refuse_unknown: bool,
}

/// Who said what a request changes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum MaskFrom {
    /// The client did, if anybody: by a mask.
    #[default]
    Client,
    /// The mask was filled in with what the body names, be it nothing.
    Body,
}

/// The two directions for one binding, prepared at load.
#[derive(Debug, Clone)]
pub struct CallPlan {
    plans: Plans,
    request: RequestPlan,
    /// The messages of a request stream behind the first, where there are such.
    later: Option<RequestPlan>,
    output: u32,
    /// The place of the field that is the answer; none: all of the message is.
    part: Option<usize>,
}

impl CallPlan {
    /// Prepares both directions for a binding; `None` when the plans are of another pool.
    #[must_use]
    pub fn compile(plans: &Plans, binding: &Binding) -> Option<Self> {
        let input = plans.index_of(binding.rpc.input().full_name())?;
        let output = plans.index_of(binding.rpc.output().full_name())?;
        let place = |number| plans.get(output).and_then(|plan| plan.place(number));
        Some(Self {
            plans: plans.clone(),
            request: RequestPlan::compile(plans, input, &binding.body, &binding.variables),
            later: binding
                .rpc
                .is_client_streaming()
                .then(|| RequestPlan::compile(plans, input, &binding.body, &[])),
            output,
            part: binding.response_body.as_ref().and_then(|field| place(field.number())),
        })
    }

    /// The plans that it was prepared of.
    #[must_use]
    pub fn plans(&self) -> &Plans {
        &self.plans
    }

    /// Has the bodies of a PATCH fill in the only mask of the request, where a field of it is the body.
    #[must_use]
    pub fn with_patch_mask(mut self, binding: &Binding, mask: PatchMask) -> Self {
        if matches!(&binding.method, HttpMethod::Exact(method) if *method == http::Method::PATCH) {
            self.request.fill_mask(&self.plans, mask);
        }
        self
    }

    /// Whether the request's body is read at all.
    #[must_use]
    pub fn reads_body(&self) -> bool {
        self.request.reads_body()
    }

    /// Whether the body is a message, which forms and wire bytes can say.
    #[must_use]
    pub fn takes_message(&self) -> bool {
        self.request.takes_message()
    }

    /// Whether the body is the whole request, so that no query parameter is read.
    #[must_use]
    pub fn reads_whole_body(&self) -> bool {
        self.request.reads_whole_body()
    }

    /// Appends the request message's wire bytes (no frame prefix) to `out` (precedence: path, then body, then
    /// query). `captures` are decoded, in the order of the binding's variables. `query` is raw, without the question
    /// mark. An empty or white body is an empty message.
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
        self.write_request_of(captures, query, RequestBody::Json(body), out).map(drop)
    }

    /// The same for a body of any kind; says who made the request's mask.
    ///
    /// # Errors
    /// As [`write_request`](Self::write_request); 415 where the body is no message and only JSON can say it.
    pub fn write_request_of(
        &self,
        captures: &[Cow<'_, str>],
        query: Option<&str>,
        body: RequestBody<'_>,
        out: &mut Vec<u8>,
    ) -> Result<MaskFrom, Status> {
        self.request.write(&self.plans, captures, query, body, out)
    }

    /// The same for a message of a request stream behind the first: nothing but the body is in it.
    ///
    /// # Errors
    /// As for [`write_request`](Self::write_request).
    pub fn write_later_request(&self, body: &[u8], out: &mut Vec<u8>) -> Result<(), Status> {
        let later = self.later.as_ref().unwrap_or(&self.request);
        later.write(&self.plans, &[], None, RequestBody::Json(body), out).map(drop)
    }

    /// Appends the answer's JSON for the response message's wire bytes to `out`, which stays as it was when
    /// that fails.
    ///
    /// # Errors
    /// Bytes that are not such a message, or have no JSON form, or too much of it: the backend's fault, 502.
    pub fn write_response(&self, wire: &[u8], out: &mut Vec<u8>) -> Result<(), Status> {
        to_json::write(&self.plans, self.output, self.part, wire, out)
    }
}

impl Plans {
    /// Appends a status as `google.rpc.Status` JSON: `{"code":5,"message":"...","details":[...]}`. Details whose
    /// type the pool knows are expanded with `@type`; others are `{"@type":...,"value":base64}`. Never fails.
    pub fn write_status(&self, status: &Status, out: &mut Vec<u8>) {
        to_json::status(self, status, out);
    }
}
