//! Answers as no sound server gives them, made of sound ones.

use std::time::Duration;

use bytes::{BufMut as _, Bytes, BytesMut};
use futures_util::{StreamExt as _, stream};
use h2::Reason;
use http::header::CONTENT_TYPE;
use http::response::Parts;
use http::{HeaderMap, HeaderValue, Response, StatusCode};
use http_body::Frame;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Full, StreamBody};
use prost::encoding::{WireType, encode_key, encode_varint};
use tonic::codegen::StdError;

use super::fault::{Faults, Shape};

/// The body of every answer.
pub(super) type Body = UnsyncBoxBody<Bytes, StdError>;

/// How long half an answer stands before its stream is reset.
pub(super) const BEFORE_BREAK: Duration = Duration::from_millis(20);

/// What is no gRPC frame.
pub(super) const GARBAGE: &[u8] = b"this is no gRPC message";

/// The headers that tell the outcome of a call.
const OUTCOME: [&str; 3] = ["grpc-status", "grpc-message", "grpc-status-details-bin"];

pub(super) fn plain(answer: Response<tonic::body::Body>) -> Response<Body> {
    answer.map(|body| body.map_err(Into::into).boxed_unsync())
}

/// Makes a sound answer to a unary call into what the faults ask for.
#[allow(clippy::disallowed_methods, reason = "the body was made here, of one message that is in memory")]
pub(super) async fn distort(answer: Response<tonic::body::Body>, faults: &Faults) -> Response<Body> {
    if faults.shape.is_none() && faults.headers.is_empty() && faults.trailers.is_empty() {
        return plain(answer);
    }
    let (mut parts, body) = answer.into_parts();
    let Ok(body) = body.collect().await else { return Response::from_parts(parts, Body::default()) };
    let mut trailers = body.trailers().cloned();
    let message = body.to_bytes();
    append(&mut parts.headers, &faults.headers);
    if matches!(faults.shape, Some(Shape::Late | Shape::AfterMessage)) && trailers.is_none() {
        trailers = Some(take_outcome(&mut parts.headers));
    }
    append(trailers.as_mut().unwrap_or(&mut parts.headers), &faults.trailers);
    match faults.shape {
        None => whole(parts, message, trailers),
        Some(shape) => shaped(parts, message, trailers, shape),
    }
}

fn shaped(parts: Parts, message: Bytes, trailers: Option<HeaderMap>, shape: Shape) -> Response<Body> {
    let half = message.slice(..message.len() / 2);
    match shape {
        Shape::Late => whole(parts, message, trailers),
        Shape::AfterMessage => {
            let empty = Bytes::from_static(&[0; 5]);
            whole(parts, if message.is_empty() { empty } else { message }, trailers)
        }
        Shape::Break(reason) => broken(parts, half, reason),
        Shape::NoTrailers => whole(parts, message, None),
        Shape::NoMessage => whole(parts, Bytes::new(), trailers),
        Shape::TwoMessages => whole(parts, [&message[..], &message].concat().into(), trailers),
        Shape::Truncate => whole(parts, half, trailers),
        Shape::Garbage => whole(parts, Bytes::from_static(GARBAGE), trailers),
        Shape::Html(code) => page(code),
    }
}

/// Headers alone end their stream: they are trailers too.
fn whole(parts: Parts, message: Bytes, trailers: Option<HeaderMap>) -> Response<Body> {
    if message.is_empty() && trailers.is_none() {
        return Response::from_parts(parts, Body::default());
    }
    let message = (!message.is_empty()).then(|| Frame::data(message));
    let frames: Vec<Result<_, StdError>> =
        message.into_iter().chain(trailers.map(Frame::trailers)).map(Ok).collect();
    Response::from_parts(parts, StreamBody::new(stream::iter(frames)).boxed_unsync())
}

fn broken(parts: Parts, half: Bytes, reason: Reason) -> Response<Body> {
    let failure = async move {
        // A reset throws away what waits to be sent: headers and data need a moment to be on their way.
        tokio::time::sleep(BEFORE_BREAK).await;
        Err(h2::Error::from(reason).into())
    };
    let frames = stream::iter([Ok(Frame::data(half))]).chain(stream::once(failure));
    Response::from_parts(parts, StreamBody::new(frames).boxed_unsync())
}

pub(super) fn page(code: StatusCode) -> Response<Body> {
    let text = format!("<html><body><h1>{code}</h1></body></html>");
    let mut response = Response::new(Full::from(text).map_err(|never| match never {}).boxed_unsync());
    *response.status_mut() = code;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/html"));
    response
}

fn take_outcome(headers: &mut HeaderMap) -> HeaderMap {
    let mut outcome = HeaderMap::new();
    for name in OUTCOME {
        if let Some(value) = headers.remove(name) {
            outcome.insert(name, value);
        }
    }
    outcome
}

pub(super) fn append(headers: &mut HeaderMap, more: &HeaderMap) {
    for (name, value) in more {
        headers.append(name, value.clone());
    }
}

/// The message, longer by at least `bytes`: a field that nobody knows is added.
pub(super) fn grown(message: Bytes, bytes: usize) -> Bytes {
    const UNKNOWN_FIELD: u32 = 536_870_911;
    if bytes == 0 {
        return message;
    }
    let mut grown = BytesMut::with_capacity(message.len() + bytes + 16);
    grown.put(message);
    encode_key(UNKNOWN_FIELD, WireType::LengthDelimited, &mut grown);
    encode_varint(bytes as u64, &mut grown);
    grown.put_bytes(b'.', bytes);
    grown.freeze()
}
