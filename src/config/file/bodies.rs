//! Bodies, as they are written. Profiles set the defaults of these.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Bodies of requests and answers.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Bodies {
    /// Whether a body of a content type that is not known is refused with 415; else it is read as JSON.
    pub strict_content_type: bool,
}
