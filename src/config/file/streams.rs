//! Streams, as they are written. Profiles set the defaults of these.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Requests and answers that are streams.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Streams {
    /// The form of a stream for a client whose `Accept` names none.
    pub form: StreamForm,
    /// Whether a line break follows each chunk of a `google.api.HttpBody` stream.
    pub newline_after_chunks: bool,
}

impl Default for Streams {
    fn default() -> Self {
        Self { form: StreamForm::ResultLines, newline_after_chunks: false }
    }
}

/// How the messages of a stream are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum StreamForm {
    /// `{"result":...}`, one a line.
    ResultLines,
    /// The bare messages, one a line.
    Lines,
    /// Server-Sent Events.
    Events,
    /// One JSON array.
    Array,
}
