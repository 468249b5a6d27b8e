//! The body of a request: whether it was read to its end, after which alone another request can follow it on an
//! HTTP/1.1 connection, and reading the rest of one that nobody asked for.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;
use tokio::time::timeout;

use super::phase::Phase;

/// The longest rest that is read to keep the connection: more is dearer than another connection.
const REST: u64 = 64 * 1024;

/// How long the answer waits for it.
const REST_TIME: Duration = Duration::from_millis(500);

pin_project! {
    /// A body that knows whether it was read to its end.
    pub(super) struct Asked<B> {
        #[pin]
        body: B,
        ended: bool,
        phase: Option<Arc<Phase>>,
    }
}

impl<B: Body> Asked<B> {
    /// `phase` is told, where it is that of an HTTP/1.1 connection.
    pub fn new(body: B, phase: Option<&Arc<Phase>>) -> Self {
        let ended = body.is_end_stream();
        if let Some(phase) = phase {
            phase.set_unread(!ended);
        }
        Self { body, ended, phase: phase.filter(|_| !ended).cloned() }
    }
}

impl<B: Body<Data = Bytes>> Asked<B> {
    /// Reads what is left, if it is little and comes soon, so that the connection can go on.
    pub async fn discard(mut self: Pin<&mut Self>) {
        if self.ended || self.size_hint().lower() > REST {
            return;
        }
        let rest = async {
            let mut left = REST;
            while let Some(Ok(frame)) = poll_fn(|cx| self.as_mut().poll_frame(cx)).await {
                let read = frame.data_ref().map_or(0, |bytes| bytes.len() as u64);
                let Some(less) = left.checked_sub(read) else { return };
                left = less;
            }
        };
        timeout(REST_TIME, rest).await.ok();
    }
}

impl<B: Body> Body for Asked<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        let mut this = self.project();
        let frame = ready!(this.body.as_mut().poll_frame(cx));
        if frame.is_none() || this.body.is_end_stream() {
            *this.ended = true;
            if let Some(phase) = this.phase.take() {
                phase.set_unread(false);
            }
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.ended
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
