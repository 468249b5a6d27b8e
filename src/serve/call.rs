//! The innermost service: begins the record of a call, has it served, and finishes the record with the last
//! byte of the answer. Request path.

use std::convert::Infallible;
use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::header::{ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_TYPE, EXPECT};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Version};
use http_body::{Frame, SizeHint};
use tower::Service;

use super::asked::Asked;
use super::layers::panic::caught;
use super::{Gateway, host};
use crate::gateway::Peer;
use crate::protocol::{Body, Broken};
use crate::status::{Code, Origin};
use crate::telemetry::{Call, Cut, Recorder};

/// Serves calls on one snapshot.
#[derive(Debug)]
pub struct Innermost<G> {
    shared: Arc<Shared<G>>,
}

#[derive(Debug)]
struct Shared<G> {
    gateway: Arc<G>,
    recorder: Recorder,
    /// What `Accept-Encoding` says when a body's coding is not one that is read.
    codings: HeaderValue,
}

impl<G> Innermost<G> {
    pub(super) fn new(gateway: Arc<G>, recorder: Recorder, codings: &'static str) -> Self {
        let codings = HeaderValue::from_static(codings);
        Self { shared: Arc::new(Shared { gateway, recorder, codings }) }
    }

    /// Serves a request, even one that panics.
    pub(super) async fn answer<B>(&self, request: Request<B>, peer: &Peer) -> Response<Recorded>
    where
        G: Gateway,
        B: http_body::Body<Data = Bytes> + Send + Unpin + 'static,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>> + Send,
    {
        let answer = pin!(self.shared.answer(request, peer));
        caught(answer, |fault| fault.map(Recorded::finished)).await
    }
}

// Not derived: a derived one would ask the gateway to be `Clone`.
impl<G> Clone for Innermost<G> {
    fn clone(&self) -> Self {
        Self { shared: Arc::clone(&self.shared) }
    }
}

impl<G, B> Service<Request<B>> for Innermost<G>
where
    G: Gateway,
    B: http_body::Body<Data = Bytes> + Send + Unpin + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>> + Send,
{
    type Response = Response<Recorded>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        let calls = self.clone();
        Box::pin(async move {
            let peer = request.extensions_mut().remove::<Arc<Peer>>().unwrap_or_default();
            Ok(calls.answer(request, &peer).await)
        })
    }
}

impl<G: Gateway> Shared<G> {
    async fn answer<B>(&self, mut request: Request<B>, peer: &Peer) -> Response<Recorded>
    where
        B: http_body::Body<Data = Bytes> + Send + Unpin + 'static,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>> + Send,
    {
        let headless = *request.method() == Method::HEAD;
        let http2 = request.version() == Version::HTTP_2;

        let mut call = self.recorder.begin(&mut request, peer.address);
        let refusal = self.refusal(&request);
        // A client that asks first whether to send its body has none to be read.
        let asks = request.headers().contains_key(EXPECT);
        let (parts, body) = request.into_parts();
        let mut body = Some(Asked::new(body, None));
        let response = match call.record() {
            Some(record) => {
                record.generation = self.gateway.generation();
                if let Some(refusal) = refusal {
                    record.code = Code::InvalidArgument;
                    record.origin = Some(Origin::Client);
                    refusal
                } else {
                    let request = Request::from_parts(parts, &mut body);
                    self.gateway.call(request, peer, record).await
                }
            }
            None => internal_error(),
        };
        if let Some(body) = &mut body
            && !http2
            && !asks
            && response.status() != StatusCode::REQUEST_TIMEOUT
        {
            Pin::new(body).discard().await;
        }
        call.answered(response.status());
        response.map(|body| Recorded::new(if http2 { body.for_http2() } else { body }, call, headless))
    }

    /// The answer to a request that no gateway may serve.
    fn refusal<B>(&self, request: &Request<B>) -> Option<Response<Body>> {
        if let Some(message) = host::fault(request) {
            return Some(status(StatusCode::BAD_REQUEST, Code::InvalidArgument, message));
        }
        coded(request.headers()).then(|| self.unsupported_coding())
    }

    fn unsupported_coding(&self) -> Response<Body> {
        let message = "the request body's Content-Encoding is not supported";
        let mut response = status(StatusCode::UNSUPPORTED_MEDIA_TYPE, Code::InvalidArgument, message);
        response.headers_mut().insert(ACCEPT_ENCODING, self.codings.clone());
        response
    }
}

/// Whether the body is still in some coding, after the layers have removed those that they read.
fn coded(headers: &HeaderMap) -> bool {
    headers
        .get_all(CONTENT_ENCODING)
        .iter()
        .any(|coding| !coding.as_bytes().eq_ignore_ascii_case(b"identity"))
}

/// A `google.rpc.Status` answer of a fixed message.
fn status(http: StatusCode, code: Code, message: &'static str) -> Response<Body> {
    let body = serde_json::json!({ "code": i32::from(code), "message": message, "details": [] });
    let mut response = Response::new(Body::from(body.to_string().into_bytes()));
    *response.status_mut() = http;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

/// The answer to a fault of our own, which says nothing of the inside.
pub(super) fn internal_error() -> Response<Body> {
    status(StatusCode::INTERNAL_SERVER_ERROR, Code::Internal, "internal error")
}

/// An answer's body that finishes the call's record with its last byte, or as cut off when it is dropped
/// before.
pub struct Recorded {
    body: Body,
    call: Call,
    sent: u64,
    /// Comes when the call is about to be cut.
    cut: Option<Cut>,
}

impl Recorded {
    fn new(body: Body, call: Call, headless: bool) -> Self {
        // A stream that is cut can still say so.
        let cut = if body.is_stream() { call.cut() } else { None };
        let mut recorded = Self { body, call, sent: 0, cut };
        // Nobody reads the body of an answer to HEAD, nor an empty one.
        if headless || http_body::Body::is_end_stream(&recorded.body) {
            recorded.finish();
        }
        recorded
    }

    /// The body of an answer to a call that was written down already.
    fn finished(body: Body) -> Self {
        Self { body, call: Call::finished(), sent: 0, cut: None }
    }

    fn count(&mut self, frame: &Frame<Bytes>) {
        self.sent += frame.data_ref().map_or(0, |bytes| bytes.len() as u64);
        if let Some(record) = self.call.record() {
            record.response_bytes = self.sent;
        }
    }

    fn finish(&mut self) {
        if let Some(record) = self.call.record() {
            record.response_bytes = self.sent;
            self.body.record(record);
        }
        self.call.finish();
    }
}

impl Drop for Recorded {
    /// A stream that its client left: what it was until then is known.
    fn drop(&mut self) {
        if let Some(record) = self.call.record() {
            self.body.record(record);
        }
    }
}

impl http_body::Body for Recorded {
    type Data = Bytes;
    type Error = Broken;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Broken>>> {
        if self.cut.as_mut().is_some_and(|cut| cut.as_mut().poll(cx).is_ready()) {
            self.cut = None;
            self.body.stop();
        }
        let frame = ready!(Pin::new(&mut self.body).poll_frame(cx));
        if let Some(Ok(frame)) = &frame {
            self.count(frame);
        }
        // hyper asks for nothing behind trailers.
        let last = !matches!(&frame, Some(Ok(frame)) if !frame.is_trailers());
        if last || self.is_end_stream() {
            self.finish();
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        http_body::Body::is_end_stream(&self.body)
    }

    fn size_hint(&self) -> SizeHint {
        http_body::Body::size_hint(&self.body)
    }
}
