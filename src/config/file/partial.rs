//! Partial updates, as they are written.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::patch;

/// How methods whose options say how their resource is read (`options.patch`) update a part of it: the resource is
/// read, what `update_mask` names is laid over it, and the whole is sent without the mask.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct PartialUpdates {
    /// Whether the gateway makes them; if not, requests are sent with their mask.
    pub enabled: bool,
    /// Names of resource fields that hold a version (text, bytes or a whole number). What was read is passed on; an
    /// update that states another is refused with 409.
    pub version_fields: Vec<String>,
}

impl Default for PartialUpdates {
    fn default() -> Self {
        let patch::Settings { enabled, version_fields } = patch::Settings::default();
        Self { enabled, version_fields }
    }
}
