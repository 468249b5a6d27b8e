//! What each method's options, or the config, ask of a gateway: who may call, what is recorded, how a part of a
//! resource is updated.
//!
//! Not for doing it: [`policy`](crate::policy), [`patch`](crate::patch), [`event`](crate::event) and the steps of
//! a call do.

mod options;
mod read;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::problem::{Place, Problems};
use crate::rule::{Binding, FieldPath};
use crate::schema::Schema;

pub use self::options::Options;

/// Which options mean what, and what the config says of single methods.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Settings {
    /// The options that are read.
    pub options: Options,
    /// What the config says of methods. Each key counts from the first entry that matches the method and has it,
    /// and wins over the method's option.
    pub methods: Vec<MethodSettings>,
}

/// What the config says of the methods that a glob names; `None`: nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MethodSettings {
    /// A glob over `pkg.Service/Method`.
    pub methods: String,
    /// Whether the caller has to be known.
    pub authentication: Option<bool>,
    /// The permissions that let a caller in.
    pub permissions: Option<Vec<String>>,
    /// Whether all of them are needed.
    pub all_permissions: Option<bool>,
    /// The path of the request field that holds the account; empty: about no account.
    pub account: Option<String>,
    /// The kinds of caller that may call, by the names of the enum's values.
    pub actor_types: Option<Vec<String>>,
    /// The largest request message in bytes.
    pub max_message: Option<usize>,
    /// Names in the record, and the paths of the request fields shown there.
    pub log_fields: Option<BTreeMap<String, String>>,
    /// The version of the API.
    pub api_version: Option<String>,
    /// Where it was written.
    pub place: Place,
}

/// What is asked of a gateway for one method.
#[derive(Debug, Clone, PartialEq)]
pub struct Duties {
    /// Whether the caller has to be known. Has to be, unless something says otherwise.
    pub authentication: bool,
    /// The permissions that let a caller in; empty: whoever is known.
    pub permissions: Vec<String>,
    /// Whether all of them are needed, rather than one.
    pub all_permissions: bool,
    /// The request field that holds the account; `None`: the call is about no account.
    pub account: Option<FieldPath>,
    /// The kinds of caller that may call, by the names of the enum's values; empty: all.
    pub actor_types: Vec<String>,
    /// The largest request message, in bytes.
    pub max_message: Option<usize>,
    /// Names in the record of a failed call, and the request fields shown there.
    pub log_fields: Vec<(String, FieldPath)>,
    /// The version of the API, `1.0.0`.
    pub api_version: Option<String>,
    /// How the present state of a resource is read, before a part of it is changed.
    pub patch: Option<PatchSource>,
    /// The event that tells of a successful call.
    pub event: Option<EventOptions>,
}

impl Default for Duties {
    /// What is asked for a method that nothing says anything about.
    fn default() -> Self {
        Self {
            authentication: true,
            permissions: Vec::new(),
            all_permissions: false,
            account: None,
            actor_types: Vec::new(),
            max_message: None,
            log_fields: Vec::new(),
            api_version: None,
            patch: None,
            event: None,
        }
    }
}

/// How the present state of a resource is read, before a part of it is changed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PatchSource {
    /// The method that reads the resource, `/pkg.Service/GetThing`.
    pub get_method: String,
    /// From the path of a field of the read request to the path of the field of the write request that has its value.
    pub field_mapping: BTreeMap<String, String>,
    /// The path of the field of the read answer that holds the resource.
    pub response_field: String,
    /// The path of the field of the write request that takes the resource.
    pub request_field: String,
}

/// The event that tells of a successful call. Expressions begin with `req.`, `resp.`, `req-md.` or `resp-md.`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EventOptions {
    /// The number of the event type, an enum of the API's own.
    pub event_type: i32,
    /// The kind of resource, `cluster`.
    pub resource_type: String,
    /// Whether only the resource's status was changed.
    pub status_only: bool,
    /// The expression of the resource's id.
    pub resource_id_field: String,
    /// The resource's URL, with expressions in braces.
    pub resource_url_template: String,
    /// What was done, where the event type does not say it.
    pub action_type: Option<String>,
    /// Names and expressions of further values.
    pub additional_context: BTreeMap<String, String>,
}

/// The duties of each binding's method, in the order of the bindings, every problem told.
pub fn read(
    schema: &Schema,
    bindings: &[Binding],
    settings: &Settings,
    problems: &mut Problems,
) -> Vec<Arc<Duties>> {
    read::all(schema, bindings, settings, problems)
}
