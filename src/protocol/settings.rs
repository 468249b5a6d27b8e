//! What may be set of the client's side of a call, in plain values. Not for how they are written
//! ([`config`](crate::config)).

use http::HeaderMap;

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
}

impl Default for StreamSettings {
    fn default() -> Self {
        Self { form: StreamForm::ResultLines, newline_after_chunks: false }
    }
}

/// How the messages of a stream are written to the client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StreamForm {
    /// `{"result":...}`, one a line.
    ResultLines,
    /// The bare messages, one a line.
    Lines,
    /// Server-Sent Events.
    Events,
    /// One JSON array.
    Array,
    /// The data of `google.api.HttpBody` messages, as it is.
    Raw,
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
