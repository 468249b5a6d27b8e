//! What a backend's answer means: its status, its one message, and every way of not being gRPC. Not for
//! HTTP/2 frames (`exchange`) and not for message contents.

use std::borrow::Cow;

use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header, response};
use percent_encoding::percent_decode;
use prost::Message;
use prost_types::Any;

use super::Reply;
use super::exchange::Exchange;
use super::fault;
use crate::metadata::is_reserved;
use crate::status::{Code, Origin, Status, code_of_http};
use crate::units::ByteSize;
use crate::wire::frame::{FrameError, FrameReader};

/// Reads the answer that stands after `head`, a unary one, to its end or to the first fault.
pub(super) async fn read(mut head: response::Parts, mut exchange: Exchange, limit: usize) -> Reply {
    let trailers_only = exchange.ended();
    if let Some(status) = not_grpc(&head) {
        return reply(head.headers, HeaderMap::new(), Err(status));
    }
    if trailers_only {
        let outcome = outcome(Vec::new(), status(&head.headers));
        return reply(HeaderMap::new(), head.headers, outcome);
    }
    let messages = match messages(&mut exchange, limit).await {
        Ok(messages) => messages,
        Err(status) => return reply(head.headers, HeaderMap::new(), Err(status)),
    };
    match exchange.trailers().await {
        Ok(trailers) => {
            let trailers = trailers.unwrap_or_default();
            // Some servers write the status into the head and a body after it.
            let found = status(&trailers).or_else(|| status(&head.headers));
            reply(std::mem::take(&mut head.headers), trailers, outcome(messages, found))
        }
        Err(error) => reply(head.headers, HeaderMap::new(), Err(fault::status(&error))),
    }
}

/// Removes the reserved names.
pub(super) fn strip(headers: &mut HeaderMap) {
    while let Some(name) = headers.keys().find(|name| is_reserved(name.as_str())).cloned() {
        headers.remove(&name);
    }
}

fn reply(mut metadata: HeaderMap, mut trailers: HeaderMap, outcome: Result<Bytes, Status>) -> Reply {
    strip(&mut metadata);
    strip(&mut trailers);
    Reply { metadata, trailers, outcome }
}

/// What is said of an answer that is not gRPC at all; one that has a gRPC status is believed.
pub(super) fn not_grpc(head: &response::Parts) -> Option<Status> {
    if head.headers.contains_key(GRPC_STATUS) {
        return None;
    }
    let number = head.status.as_u16();
    if head.status != StatusCode::OK {
        let message = format!("the backend answered HTTP {number}, not gRPC");
        return Some(Status::new(code_of_http(head.status), message, Origin::Upstream));
    }
    let message = match head.headers.get(header::CONTENT_TYPE).map(HeaderValue::to_str) {
        Some(Ok(kind)) if is_grpc(kind) => return None,
        Some(Ok(kind)) if kind.len() <= LONGEST_TYPE => {
            format!("the backend answered HTTP 200 with content type `{kind}`, not gRPC")
        }
        _ => "the backend answered HTTP 200, but not gRPC".to_owned(),
    };
    Some(Status::new(Code::Unknown, message, Origin::Upstream).with_http(StatusCode::BAD_GATEWAY))
}

fn is_grpc(kind: &str) -> bool {
    let rest = kind.as_bytes().split_at_checked(GRPC.len());
    rest.is_some_and(|(kind, rest)| {
        kind.eq_ignore_ascii_case(GRPC) && matches!(rest.first(), None | Some(b'+' | b';' | b' '))
    })
}

/// The messages up to the trailers; more than one is already a fault.
async fn messages(exchange: &mut Exchange, limit: usize) -> Result<Vec<Bytes>, Status> {
    let mut reader = FrameReader::new(limit);
    let mut found = Vec::with_capacity(1);
    while let Some(chunk) = exchange.chunk().await {
        reader.push(chunk.map_err(|error| fault::status(&error))?);
        while let Some(message) = reader.next().map_err(bad_frame)? {
            if !found.is_empty() {
                return Err(fault::broken("the backend sent more than one message in a unary call"));
            }
            found.push(message);
        }
    }
    reader.finish().map_err(bad_frame)?;
    Ok(found)
}

pub(super) fn bad_frame(error: FrameError) -> Status {
    match error {
        FrameError::TooLarge { limit, .. } => {
            let limit = ByteSize(u64::try_from(limit).unwrap_or(u64::MAX));
            let message = format!("the backend's answer is larger than the limit of {limit}");
            Status::new(Code::ResourceExhausted, message, Origin::Upstream).with_http(StatusCode::BAD_GATEWAY)
        }
        FrameError::Compressed => {
            fault::broken("the backend sent a compressed message, though no compression was offered")
        }
        FrameError::NotGrpc => fault::broken("the backend's answer is not made of gRPC messages"),
        FrameError::Truncated => fault::broken("the backend's answer ended inside a message"),
    }
}

/// Joins messages and status to what the call comes to.
fn outcome(messages: Vec<Bytes>, status: Option<Result<(), Status>>) -> Result<Bytes, Status> {
    match status {
        None => Err(fault::broken("the backend ended the call without a status")),
        Some(Err(status)) => Err(status),
        Some(Ok(())) => messages
            .into_iter()
            .next()
            .ok_or_else(|| fault::broken("the backend ended the call without an answer")),
    }
}

/// The status that headers or trailers carry: `Some(Ok)` for `OK`, `None` when there is none.
pub(super) fn status(headers: &HeaderMap) -> Option<Result<(), Status>> {
    let code = headers.get(GRPC_STATUS)?;
    let code =
        code.to_str().ok().and_then(|code| code.trim().parse().ok()).map_or(Code::Unknown, Code::from_i32);
    if code == Code::Ok {
        return Some(Ok(()));
    }
    let message = headers.get(GRPC_MESSAGE).map_or(Cow::Borrowed(""), |value| text(value.as_bytes()));
    let mut status = Status::new(code, message, Origin::Upstream);
    status.details = headers.get(GRPC_DETAILS).and_then(details).unwrap_or_default();
    Some(Err(status))
}

/// `grpc-message`: percent-encoded UTF-8; what is no valid escape stays as it is.
fn text(value: &[u8]) -> Cow<'_, str> {
    match percent_decode(value).into() {
        Cow::Borrowed(bytes) => String::from_utf8_lossy(bytes),
        Cow::Owned(bytes) => Cow::Owned(String::from_utf8_lossy(&bytes).into_owned()),
    }
}

/// `grpc-status-details-bin`: a `google.rpc.Status` in base64, with or without padding. Details that cannot be
/// read are no reason to hide the status itself.
fn details(value: &HeaderValue) -> Option<Vec<Any>> {
    let bytes = BASE64.decode(value.as_bytes()).ok()?;
    Some(tonic_types::pb::Status::decode(bytes.as_slice()).ok()?.details)
}

const GRPC: &[u8] = b"application/grpc";
/// Where the status of a call stands.
pub(super) const GRPC_STATUS: HeaderName = HeaderName::from_static("grpc-status");
const GRPC_MESSAGE: HeaderName = HeaderName::from_static("grpc-message");
const GRPC_DETAILS: HeaderName = HeaderName::from_static("grpc-status-details-bin");

/// The longest content type that is worth repeating in a message.
const LONGEST_TYPE: usize = 80;

const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);
