//! A call under way on a connection, and its answer: it tells the connection's [`Phase`](super::phase) how far
//! it has come, leaves out the body of an answer to HEAD, and says `Connection: close` on the last answer.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::header::{CONNECTION, CONTENT_LENGTH};
use http::{HeaderValue, Method, Request, Response, StatusCode, Version};
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

use super::phase::Under;

/// What a request asks of its answer beside the answer itself.
#[derive(Debug, Clone, Copy)]
pub(super) struct Manner {
    /// Without a body (RFC 9110, 9.3.2).
    headless: bool,
    /// Whether the connection can be told by `Connection: close` that it ends.
    pub http1: bool,
}

impl Manner {
    pub fn of<B>(request: &Request<B>) -> Self {
        Self { headless: request.method() == Method::HEAD, http1: request.version() < Version::HTTP_2 }
    }
}

pin_project! {
    /// An answer to come.
    pub(super) struct Answering<F> {
        #[pin]
        answer: F,
        manner: Manner,
        under: Option<Under>,
    }
}

impl<F> Answering<F> {
    pub fn new(answer: F, manner: Manner, under: Under) -> Self {
        Self { answer, manner, under: Some(under) }
    }
}

impl<F, B, E> Future for Answering<F>
where
    F: Future<Output = Result<Response<B>, E>>,
    B: Body,
{
    type Output = Result<Response<Spoken<B>>, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let mut answer = ready!(this.answer.poll(cx))?;
        let mut under = this.under.take();
        if let Some(under) = &mut under {
            under.answered();
        }
        if this.manner.http1 && under.as_ref().is_some_and(Under::closing) {
            answer.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
        }
        let headless = this.manner.headless;
        if headless {
            tell_length(&mut answer);
        }
        Poll::Ready(Ok(answer.map(|body| Spoken { body: (!headless).then_some(body), under })))
    }
}

/// The length that the answer to GET has, where it is known before the body is written.
fn tell_length<B: Body>(answer: &mut Response<B>) {
    let length = answer.body().size_hint().exact().filter(|_| !bodiless(answer.status()));
    if let Some(length) = length {
        answer.headers_mut().entry(CONTENT_LENGTH).or_insert(HeaderValue::from(length));
    }
}

/// Whether an answer must not say a length that is not GET's (RFC 9110, 8.6).
fn bodiless(status: StatusCode) -> bool {
    matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED)
}

pin_project! {
    /// The body of an answer; the call is over when it is dropped.
    pub(super) struct Spoken<B> {
        #[pin]
        body: Option<B>,
        under: Option<Under>,
    }
}

impl<B: Body<Data = Bytes>> Body for Spoken<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        let this = self.project();
        let Some(body) = this.body.as_pin_mut() else { return Poll::Ready(None) };
        let frame = body.poll_frame(cx);
        if let Some(under) = this.under {
            if frame.is_ready() { under.moved() } else { under.waited_for() }
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(B::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.body.as_ref().map_or(SizeHint::with_exact(0), B::size_hint)
    }
}
