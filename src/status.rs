//! The outcome of a call while serving: gRPC codes, their HTTP statuses, and [`Status`], the one error
//! word of the request path.
//!
//! Not for set-up faults (those are a [`Problem`](crate::problem::Problem)) and not for writing a status
//! as JSON (that needs descriptors: [`transcode`](crate::transcode)).

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use prost_types::Any;
pub use tonic::Code;

/// Who is to blame for a [`Status`]: it decides what is logged and counted, never what the client reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Origin {
    /// The request was wrong.
    Client,
    /// transom itself, or a limit it keeps.
    Gateway,
    /// The backend answered so, or could not be reached.
    Upstream,
}

impl Origin {
    /// The word used in logs and metric labels.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Client => "client",
            Self::Gateway => "gateway",
            Self::Upstream => "upstream",
        }
    }
}

/// A failed call: a gRPC status, who caused it, and how HTTP shows it.
///
/// `message` is read by the client: nothing of the inside (addresses, type names, debug text) belongs there.
#[derive(Debug, Clone)]
pub struct Status {
    /// The gRPC code; never [`Code::Ok`].
    pub code: Code,
    /// What is wrong, for the client to read.
    pub message: String,
    /// `google.rpc.Status.details`, as they came or were made.
    pub details: Vec<Any>,
    /// Who caused it.
    pub origin: Origin,
    /// The HTTP status where it is not the one that [`http_status`] gives for the code (405, 413, 414, ...).
    pub http: Option<StatusCode>,
    /// HTTP headers that belong to this answer (`Allow`, `WWW-Authenticate`, `Retry-After`).
    pub headers: Option<Box<HeaderMap>>,
    /// A body that another service wrote for the client, answered in place of this status as JSON.
    pub body: Option<Box<Body>>,
}

/// A body that is answered as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Body {
    /// Its `Content-Type`.
    pub content_type: HeaderValue,
    /// The body.
    pub bytes: Bytes,
}

impl Status {
    /// A status of the given code, message and origin.
    #[must_use]
    pub fn new(code: Code, message: impl Into<String>, origin: Origin) -> Self {
        Self {
            code,
            message: message.into(),
            details: Vec::new(),
            origin,
            http: None,
            headers: None,
            body: None,
        }
    }

    /// The request is wrong: `INVALID_ARGUMENT`, 400.
    #[must_use]
    pub fn invalid(message: impl Into<String>) -> Self {
        Self::new(Code::InvalidArgument, message, Origin::Client)
    }

    /// The backend could not be reached or broke off: `UNAVAILABLE`, 503.
    #[must_use]
    pub fn unavailable(message: impl Into<String>) -> Self {
        Self::new(Code::Unavailable, message, Origin::Upstream)
    }

    /// The deadline passed: `DEADLINE_EXCEEDED`, 504.
    #[must_use]
    pub fn deadline_exceeded() -> Self {
        Self::new(Code::DeadlineExceeded, "the deadline passed before the backend answered", Origin::Upstream)
    }

    /// The same status shown as another HTTP status.
    #[must_use]
    pub fn with_http(mut self, http: StatusCode) -> Self {
        self.http = Some(http);
        self
    }

    /// The same status with one more HTTP header in its answer.
    #[must_use]
    pub fn with_header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.get_or_insert_with(Box::default).append(name, value);
        self
    }

    /// The same status with a body of its own.
    #[must_use]
    pub fn with_body(mut self, body: Body) -> Self {
        self.body = Some(Box::new(body));
        self
    }

    /// The HTTP status of the answer.
    #[must_use]
    pub fn http_status(&self) -> StatusCode {
        self.http.unwrap_or_else(|| http_status(self.code))
    }
}

/// The HTTP status of a gRPC code, as `google/rpc/code.proto` and grpc-gateway have it.
#[must_use]
pub fn http_status(code: Code) -> StatusCode {
    match code {
        Code::Ok => StatusCode::OK,
        Code::Cancelled => CLIENT_CLOSED_REQUEST,
        Code::InvalidArgument | Code::FailedPrecondition | Code::OutOfRange => StatusCode::BAD_REQUEST,
        Code::DeadlineExceeded => StatusCode::GATEWAY_TIMEOUT,
        Code::NotFound => StatusCode::NOT_FOUND,
        Code::AlreadyExists | Code::Aborted => StatusCode::CONFLICT,
        Code::PermissionDenied => StatusCode::FORBIDDEN,
        Code::Unauthenticated => StatusCode::UNAUTHORIZED,
        Code::ResourceExhausted => StatusCode::TOO_MANY_REQUESTS,
        Code::Unimplemented => StatusCode::NOT_IMPLEMENTED,
        Code::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        Code::Unknown | Code::Internal | Code::DataLoss => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

/// The gRPC code for an HTTP answer that is not gRPC at all, as the gRPC project's
/// `http-grpc-status-mapping.md` has it.
#[must_use]
pub fn code_of_http(status: StatusCode) -> Code {
    match status.as_u16() {
        400 => Code::Internal,
        401 => Code::Unauthenticated,
        403 => Code::PermissionDenied,
        404 => Code::Unimplemented,
        429 | 502 | 503 | 504 => Code::Unavailable,
        _ => Code::Unknown,
    }
}

/// The name of a code as `google.rpc.Code` spells it.
#[must_use]
pub fn code_name(code: Code) -> &'static str {
    match code {
        Code::Ok => "OK",
        Code::Cancelled => "CANCELLED",
        Code::Unknown => "UNKNOWN",
        Code::InvalidArgument => "INVALID_ARGUMENT",
        Code::DeadlineExceeded => "DEADLINE_EXCEEDED",
        Code::NotFound => "NOT_FOUND",
        Code::AlreadyExists => "ALREADY_EXISTS",
        Code::PermissionDenied => "PERMISSION_DENIED",
        Code::ResourceExhausted => "RESOURCE_EXHAUSTED",
        Code::FailedPrecondition => "FAILED_PRECONDITION",
        Code::Aborted => "ABORTED",
        Code::OutOfRange => "OUT_OF_RANGE",
        Code::Unimplemented => "UNIMPLEMENTED",
        Code::Internal => "INTERNAL",
        Code::Unavailable => "UNAVAILABLE",
        Code::DataLoss => "DATA_LOSS",
        Code::Unauthenticated => "UNAUTHENTICATED",
    }
}

/// 499: the client went away before the answer. Not registered with IANA, but what grpc-gateway, nginx and
/// Envoy write for `CANCELLED`.
pub const CLIENT_CLOSED_REQUEST: StatusCode = match StatusCode::from_u16(499) {
    Ok(status) => status,
    Err(_) => StatusCode::BAD_REQUEST,
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_has_its_http_status_and_name() {
        let expected = [
            (200, "OK"),
            (499, "CANCELLED"),
            (500, "UNKNOWN"),
            (400, "INVALID_ARGUMENT"),
            (504, "DEADLINE_EXCEEDED"),
            (404, "NOT_FOUND"),
            (409, "ALREADY_EXISTS"),
            (403, "PERMISSION_DENIED"),
            (429, "RESOURCE_EXHAUSTED"),
            (400, "FAILED_PRECONDITION"),
            (409, "ABORTED"),
            (400, "OUT_OF_RANGE"),
            (501, "UNIMPLEMENTED"),
            (500, "INTERNAL"),
            (503, "UNAVAILABLE"),
            (500, "DATA_LOSS"),
            (401, "UNAUTHENTICATED"),
        ];
        for (number, (status, name)) in expected.into_iter().enumerate() {
            let code = Code::from_i32(i32::try_from(number).expect("a small number"));
            assert_eq!((http_status(code).as_u16(), code_name(code)), (status, name), "code {number}");
        }
    }

    #[test]
    fn an_http_override_wins_over_the_table() {
        let status = Status::new(Code::Unimplemented, "Method Not Allowed", Origin::Client);
        assert_eq!(status.http_status(), StatusCode::NOT_IMPLEMENTED);
        assert_eq!(
            status.with_http(StatusCode::METHOD_NOT_ALLOWED).http_status(),
            StatusCode::METHOD_NOT_ALLOWED
        );
    }
}
