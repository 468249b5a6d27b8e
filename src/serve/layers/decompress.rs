//! Reading compressed request bodies. A request without `Content-Encoding` passes by; only the body of its
//! answer gets a box, so that it is of one type with the others.
//!
//! What comes out counts against the limit on request bodies, which the gateway keeps while it reads. A coding
//! that is not read stays in the headers, and the innermost service answers 415.

use std::task::{Context, Poll};

use futures_util::TryFutureExt as _;
use futures_util::future::{Either, MapOk};
use http::header::CONTENT_ENCODING;
use http::{HeaderMap, HeaderValue, Request, Response};
use http_body_util::BodyExt as _;
use tower::Service;
use tower_http::decompression::RequestDecompression;

use super::body::Boxed;
use crate::serve::call::Recorded;

/// The codings that are read.
pub(super) const CODINGS: &str = "gzip, br, zstd";

/// Decompresses the bodies of requests that are compressed, when that is enabled.
#[derive(Debug, Clone)]
pub(in crate::serve) struct Decompress<S> {
    inner: S,
    enabled: bool,
}

impl<S> Decompress<S> {
    pub fn new(inner: S, enabled: bool) -> Self {
        Self { inner, enabled }
    }
}

impl<S, B> Service<Request<B>> for Decompress<S>
where
    S: Service<Request<B>, Response = Response<Recorded>> + Clone,
    RequestDecompression<S>: Service<Request<B>, Response = Response<Boxed>, Error = S::Error>,
{
    type Response = Response<Boxed>;
    type Error = S::Error;
    type Future = Either<
        MapOk<S::Future, fn(Response<Recorded>) -> Response<Boxed>>,
        <RequestDecompression<S> as Service<Request<B>>>::Future,
    >;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        if self.enabled && one_coding(request.headers_mut()) {
            let layer = RequestDecompression::new(self.inner.clone());
            Either::Right(layer.pass_through_unaccepted(true).call(request))
        } else {
            Either::Left(self.inner.call(request).map_ok(boxed))
        }
    }
}

fn boxed(response: Response<Recorded>) -> Response<Boxed> {
    response.map(|body| Boxed::new(body.map_err(Into::into)))
}

/// Whether there is exactly one coding, which is then written as the layer knows it: codings are
/// case-insensitive, and it would read the first of several and forget the others.
fn one_coding(headers: &mut HeaderMap) -> bool {
    let mut codings = headers.get_all(CONTENT_ENCODING).iter();
    let (Some(coding), None) = (codings.next(), codings.next()) else { return false };
    if let Some(known) =
        CODINGS.split(", ").find(|known| coding.as_bytes().eq_ignore_ascii_case(known.as_bytes()))
    {
        headers.insert(CONTENT_ENCODING, HeaderValue::from_static(known));
    }
    true
}
