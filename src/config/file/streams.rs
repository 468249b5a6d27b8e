//! Streams, as they are written. Profiles set the defaults of these.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::units::Period;

/// Requests and answers that are streams.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Streams {
    /// The form of a stream for a client whose `Accept` names none.
    pub form: StreamForm,
    /// Whether a line break follows each chunk of a `google.api.HttpBody` stream.
    pub newline_after_chunks: bool,
    /// How long the head of an answer waits for the backend's initial metadata; then it goes out without.
    pub head_wait: Period,
    /// How long events may be silent before a comment tells the client that they go on; `null`: for ever.
    pub keep_alive: Option<Period>,
    /// Trailing metadata that an HTTP/1.1 client which sends `TE: trailers` gets after a stream; over HTTP/2 it gets
    /// all.
    pub trailers: Vec<String>,
}

impl Default for Streams {
    fn default() -> Self {
        Self {
            form: StreamForm::ResultLines,
            newline_after_chunks: false,
            head_wait: Period(Duration::from_secs(1)),
            keep_alive: Some(Period(Duration::from_secs(15))),
            trailers: Vec::new(),
        }
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
    /// A JSON text sequence (RFC 7464).
    Sequence,
}
