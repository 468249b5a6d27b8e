//! What may be set of the client's side of a call, in plain values. Not for how they are written
//! ([`config`](crate::config)).

use std::time::Duration;

use http::{HeaderMap, HeaderName};

use super::StreamForm;

/// What may be set of the client's side of a call. The defaults are the `transom` profile's.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Settings {
    /// Answers and requests that are streams.
    pub streams: StreamSettings,
    /// Bodies of requests and answers.
    pub bodies: BodySettings,
    /// Successful answers.
    pub answers: AnswerSettings,
}

/// What may be set of streams.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StreamSettings {
    /// The form of a stream for a client that asks for none.
    pub form: StreamForm,
    /// Whether a line break follows each chunk of a `google.api.HttpBody` stream.
    pub newline_after_chunks: bool,
    /// How long the head of an answer waits for the backend's initial metadata.
    pub head_wait: Duration,
    /// How long events may be silent before the client is told that they go on; `None`: for ever.
    pub keep_alive: Option<Duration>,
    /// Trailing metadata that HTTP/1.1 clients which take trailers get after a stream: it must be announced before.
    pub trailers: Vec<HeaderName>,
}

impl Default for StreamSettings {
    fn default() -> Self {
        Self {
            form: StreamForm::ResultLines,
            newline_after_chunks: false,
            head_wait: Duration::from_secs(1),
            keep_alive: Some(Duration::from_secs(15)),
            trailers: Vec::new(),
        }
    }
}

/// What may be set of bodies.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BodySettings {
    /// Whether a body of a content type that is not known is refused with 415 (else it is read as JSON).
    pub strict_content_type: bool,
}

/// What may be set of answers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AnswerSettings {
    /// Headers that every answer carries, unless it has them already.
    pub headers: HeaderMap,
}
