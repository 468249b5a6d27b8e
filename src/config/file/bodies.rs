//! Bodies, as they are written. Profiles set the defaults of these.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Strictness;

/// Bodies of requests and answers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[allow(clippy::struct_excessive_bools, reason = "each is a switch of its own in the config file")]
pub struct Bodies {
    /// Whether `application/x-www-form-urlencoded` bodies are read as forms; else they are read as JSON.
    pub form: bool,
    /// Whether a form that is posted to a path that has a GET route and none for POST is served by that.
    pub form_fallback: bool,
    /// The methods that a posted form may mean by `X-HTTP-Method-Override`, such as `GET`; `*` is all of them.
    pub method_override: Vec<String>,
    /// Whether protobuf bodies are read, and protobuf is answered to clients whose `Accept` prefers it.
    pub protobuf: bool,
    /// Whether a PATCH that comes without a field mask gets one of what its body names.
    pub patch_mask: bool,
    /// Whether that mask goes on into `google.protobuf.Struct` and `Value`, by the user's keys.
    pub patch_mask_into_structs: bool,
    /// A key of the body that the mask cannot name: left out, or refused with 400.
    pub patch_mask_unknown_fields: Strictness,
    /// Whether a body of a content type that is not known is refused with 415; else it is read as JSON.
    pub strict_content_type: bool,
}

impl Default for Bodies {
    fn default() -> Self {
        Self {
            form: true,
            form_fallback: true,
            method_override: Vec::new(),
            protobuf: true,
            patch_mask: true,
            patch_mask_into_structs: false,
            patch_mask_unknown_fields: Strictness::Refuse,
            strict_content_type: false,
        }
    }
}
