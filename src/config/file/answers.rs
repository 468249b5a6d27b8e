//! Answers, as they are written. Profiles set the defaults of these.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Answers of calls.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Answers {
    /// Headers that every answer carries, be it an error, unless it has them already.
    pub headers: BTreeMap<String, String>,
    /// The HTTP status of a success, 200 to 299; `null`: 200.
    pub status: Option<u16>,
    /// The HTTP status of a success whose message type has no fields, such as `google.protobuf.Empty`, where
    /// `status` says nothing: 204 for an answer without a body; `null`: 200.
    pub empty_status: Option<u16>,
    /// Metadata by which a backend names the HTTP status of a success, 200 to 599, such as `x-http-code`: it is
    /// not answered itself; `null`: none.
    pub status_metadata: Option<String>,
    /// Whether answers to GET get a weak `ETag`, unless the backend sends one, and `If-None-Match` is answered with
    /// 304.
    pub etag: bool,
    /// Whether error bodies are `{"error": ...}` around the `google.rpc.Status`, as in streams.
    pub error_envelope: bool,
}
