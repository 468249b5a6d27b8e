//! What may be set of the client's side of a call, in plain values. Not for how they are written
//! ([`config`](crate::config)).

use std::time::Duration;

use http::{HeaderMap, HeaderName, StatusCode};

use super::StreamForm;
use crate::transcode::PatchMask;

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
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(clippy::struct_excessive_bools, reason = "each is an option of its own that the user may set")]
pub struct BodySettings {
    /// Whether `application/x-www-form-urlencoded` bodies are read as such.
    pub form: bool,
    /// Whether a posted form is served by the path's GET route where it has none for POST.
    pub form_fallback: bool,
    /// The methods that a posted form may mean by `X-HTTP-Method-Override`; `*` is all of them.
    pub method_override: Vec<String>,
    /// Whether protobuf's wire bytes are read, and answered to whom prefers them.
    pub protobuf: bool,
    /// How a PATCH without a mask is for what its body names; `None`: it is not.
    pub patch_mask: Option<PatchMask>,
    /// Whether a body of a content type that is not known is refused with 415 (else it is read as JSON).
    pub strict_content_type: bool,
}

impl Default for BodySettings {
    fn default() -> Self {
        Self {
            form: true,
            form_fallback: true,
            method_override: Vec::new(),
            protobuf: true,
            patch_mask: Some(PatchMask::default()),
            strict_content_type: false,
        }
    }
}

/// What may be set of answers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AnswerSettings {
    /// Headers that every answer carries, unless it has them already.
    pub headers: HeaderMap,
    /// The status of a success; `None`: 200.
    pub status: Option<StatusCode>,
    /// The status of a success whose message has no fields, where `status` says nothing; `None`: 200.
    pub empty_status: Option<StatusCode>,
    /// The metadata by which a backend names the status of a success.
    pub status_metadata: Option<HeaderName>,
    /// Whether answers to GET are tagged, and a client that has one already is told so.
    pub etag: bool,
    /// Whether the JSON of errors stands in an envelope, `{"error":...}`.
    pub error_envelope: bool,
}

impl AnswerSettings {
    /// The status of a success of which the backend says nothing. `fieldless`: whether its message has no fields.
    #[must_use]
    pub fn success(&self, fieldless: bool) -> StatusCode {
        self.status.or(self.empty_status.filter(|_| fieldless)).unwrap_or(StatusCode::OK)
    }

    /// Takes out of a backend's metadata the status that it names there. What is no status of a final answer counts
    /// as nothing.
    #[must_use]
    pub fn take_status(&self, metadata: &mut HeaderMap) -> Option<StatusCode> {
        let value = metadata.remove(self.status_metadata.as_ref()?)?;
        StatusCode::from_bytes(value.as_bytes()).ok().filter(|status| (200..600).contains(&status.as_u16()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_status_of_a_success() {
        let (created, nothing) = (Some(StatusCode::CREATED), Some(StatusCode::NO_CONTENT));
        for (status, empty_status, fieldless, expected) in [
            (None, None, true, 200),
            (created, None, false, 201),
            (None, nothing, true, 204),
            (None, nothing, false, 200),
            (created, nothing, true, 201),
        ] {
            let settings = AnswerSettings { status, empty_status, ..AnswerSettings::default() };
            assert_eq!(settings.success(fieldless), expected, "{status:?} {empty_status:?}");
        }
    }

    #[test]
    fn a_backend_names_a_status_or_nothing() {
        let name = HeaderName::from_static("x-http-code");
        let settings = AnswerSettings { status_metadata: Some(name.clone()), ..AnswerSettings::default() };
        for (text, expected) in [
            ("201", Some(201)),
            ("302", Some(302)),
            ("599", Some(599)),
            ("101", None),
            ("600", None),
            ("99", None),
            ("abc", None),
            ("", None),
        ] {
            let mut metadata = HeaderMap::new();
            metadata.insert(name.clone(), text.parse().expect("a value"));
            assert_eq!(settings.take_status(&mut metadata).map(|status| status.as_u16()), expected, "{text}");
            assert!(metadata.is_empty(), "it is not for the client");
        }
    }
}
