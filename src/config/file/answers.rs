//! Answers, as they are written. Profiles set the defaults of these.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Answers of calls.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Answers {
    /// Headers that every answer carries, unless it has them already.
    pub headers: BTreeMap<String, String>,
}
