//! Which proto options say what is asked of the gateway, as it is written.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The full names of the proto options that say what is asked of the gateway for a method. A key that is left out is
/// that of the preset; without a preset the duty has no option.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Options {
    /// The API whose options are read; `null`: only those named here.
    pub preset: Option<Preset>,
    /// `repeated string` on methods: the permissions that let a caller in.
    pub permissions: Option<String>,
    /// `bool` on methods: whether all of them are needed, rather than one.
    pub all_permissions: Option<String>,
    /// `string` on methods: the path of the request field that holds the account; empty: about no account.
    pub account: Option<String>,
    /// The path of the account in requests of methods that do not have that option.
    pub default_account: Option<String>,
    /// `bool` on methods: whether the caller has to be known, as it has to be without the option.
    pub authentication: Option<String>,
    /// Repeated enum on methods: the kinds of caller that may call.
    pub actor_types: Option<String>,
    /// Integer on methods: the largest request in MiB.
    pub max_request_message: Option<String>,
    /// Repeated message on methods, with the string fields `name` and `field_expression`: what the record of a failed
    /// call shows.
    pub log_fields: Option<String>,
    /// `string` on services, or a message with the fields `major`, `minor` and `patch`: the version of the API.
    pub api_version: Option<String>,
    /// Message on methods, shaped like `qdrant.cloud.common.v1.PatchSource`: how a partial update is made.
    pub patch: Option<String>,
    /// Message on methods, shaped like `qdrant.cloud.event.v1.EventOptions`: the event of a successful call.
    pub event: Option<String>,
    /// The header in which answers carry the version of the API; empty: none.
    pub version_header: String,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            preset: None,
            permissions: None,
            all_permissions: None,
            account: None,
            default_account: None,
            authentication: None,
            actor_types: None,
            max_request_message: None,
            log_fields: None,
            api_version: None,
            patch: None,
            event: None,
            version_header: "api-version".to_owned(),
        }
    }
}

/// What of the contract's `buf.validate` rules is held.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Validation {
    /// Whether requests are held to them: 400 with all that is broken.
    pub requests: bool,
    /// Globs over `pkg.Service/Method` of methods that are left out.
    pub except: Vec<String>,
}

/// An API whose options are known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Preset {
    /// The Qdrant Cloud API: `qdrant.cloud.common.v1.*` and `qdrant.cloud.event.v1.event_options`.
    QdrantCloud,
}
