//! What broken streams and broken promises of a backend mean to the client: h2 errors made into a status, and
//! whether a call may be sent again. Nothing of the error's own text is shown.

use h2::{Error, Reason};
use http::StatusCode;

use super::connection::MAX_HEADERS;
use crate::status::{Code, Origin, Status};
use crate::units::ByteSize;

/// Whether the backend says that it has not looked at the call, so that sending it again does nothing twice
/// (RFC 9113, section 8.7): the stream was refused, or is beyond the last one that a GOAWAY promises to process.
pub(super) fn unprocessed(error: &Error) -> bool {
    let refused = error.is_reset() && error.reason() == Some(Reason::REFUSED_STREAM);
    error.is_remote() && (refused || error.is_go_away())
}

/// The status of a call whose stream broke, as the gRPC project's `PROTOCOL-HTTP2.md` maps it.
pub(super) fn status(error: &Error) -> Status {
    if error.is_reset() && error.is_remote() {
        return reset(error.reason().unwrap_or(Reason::INTERNAL_ERROR));
    }
    if error.is_remote() {
        return Status::unavailable("the backend is closing its connections");
    }
    if error.is_io() {
        return Status::unavailable("the connection to the backend broke off");
    }
    let limit = ByteSize(u64::from(MAX_HEADERS));
    broken(format!("the backend's answer is not valid HTTP/2, or its metadata is larger than {limit}"))
}

/// The backend breaks the rules of gRPC: `INTERNAL`, shown as 502 since it is not our own fault.
#[must_use]
pub fn broken(message: impl Into<String>) -> Status {
    Status::new(Code::Internal, message, Origin::Upstream).with_http(StatusCode::BAD_GATEWAY)
}

fn reset(reason: Reason) -> Status {
    match reason {
        Reason::REFUSED_STREAM => Status::unavailable("the backend refuses calls"),
        // Not 499: it was not the client who cancelled.
        Reason::CANCEL => Status::new(Code::Cancelled, "the backend cancelled the call", Origin::Upstream)
            .with_http(StatusCode::BAD_GATEWAY),
        Reason::ENHANCE_YOUR_CALM => {
            Status::new(Code::ResourceExhausted, "the backend is overloaded", Origin::Upstream)
        }
        Reason::INADEQUATE_SECURITY => Status::new(
            Code::PermissionDenied,
            "the backend asks for a more secure connection",
            Origin::Upstream,
        ),
        _ => broken("the backend broke off the call"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resets_map_as_grpc_has_it() {
        for (reason, code, http) in [
            (Reason::NO_ERROR, Code::Internal, 502),
            (Reason::PROTOCOL_ERROR, Code::Internal, 502),
            (Reason::INTERNAL_ERROR, Code::Internal, 502),
            (Reason::REFUSED_STREAM, Code::Unavailable, 503),
            (Reason::CANCEL, Code::Cancelled, 502),
            (Reason::ENHANCE_YOUR_CALM, Code::ResourceExhausted, 429),
            (Reason::INADEQUATE_SECURITY, Code::PermissionDenied, 403),
        ] {
            let status = reset(reason);
            assert_eq!((status.code, status.http_status().as_u16()), (code, http), "{reason:?}");
        }
    }

    #[test]
    fn nothing_is_sent_twice_unless_the_peer_says_so() {
        // An error made here stands for one of ours; those of the peer are met over real sockets.
        assert!(!unprocessed(&Error::from(Reason::REFUSED_STREAM)));
    }
}
