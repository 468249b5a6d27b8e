//! Both halves of a streaming call with its backend, read together: what ends the one ends the other. Not for what
//! messages say.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Instant;

use bytes::Bytes;
use http::HeaderMap;
use tokio::task::JoinHandle;

use super::upload::Upload;
use crate::observe::CallRecord;
use crate::status::{Code, Origin, Status};
use crate::upstream::{End, Receiving, Sending};

/// A call under way. Dropping it cancels the call.
pub(super) struct Exchange {
    /// What is still being sent. What is wrong with it ends the answer.
    request: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
    receiving: Receiving,
    /// How the call ended, once it has.
    end: Option<End>,
    /// Bytes read of the request's body.
    read: Arc<AtomicU64>,
    since: Instant,
}

impl Exchange {
    /// A call of one request message.
    pub(super) fn sending(message: Bytes, mut sending: Sending, receiving: Receiving) -> Self {
        let request = async move {
            // A backend that takes no more says why in its answer.
            if sending.send(message).await.is_ok() {
                sending.finish();
            }
        };
        Self::new(Box::pin(request), receiving, Arc::default())
    }

    /// A call whose request messages come with the client's body. They are sent by a task of their own, because the
    /// client may take no answer before it has sent them all.
    pub(super) fn uploading<B>(upload: Upload<B>, sending: Sending, receiving: Receiving) -> Self
    where
        B: http_body::Body<Data = Bytes> + Send + Unpin + 'static,
    {
        let read = upload.read();
        Self::new(Box::pin(Task(tokio::spawn(upload.run(sending)))), receiving, read)
    }

    fn new(
        request: Pin<Box<dyn Future<Output = ()> + Send>>,
        receiving: Receiving,
        read: Arc<AtomicU64>,
    ) -> Self {
        Self { request: Some(request), receiving, end: None, read, since: Instant::now() }
    }

    /// The backend's initial metadata; `None` when the call ended without.
    pub(super) async fn head(&mut self) -> Option<HeaderMap> {
        poll_fn(|cx| self.poll_head(cx)).await
    }

    /// The next message; `None` when the call has ended.
    pub(super) async fn message(&mut self) -> Option<Bytes> {
        poll_fn(|cx| self.poll_message(cx)).await
    }

    /// Like [`head`](Self::head).
    fn poll_head(&mut self, cx: &mut Context<'_>) -> Poll<Option<HeaderMap>> {
        self.poll_request(cx);
        if self.end.is_some() {
            return Poll::Ready(None);
        }
        match ready!(self.receiving.poll_head(cx)) {
            Ok(metadata) => Poll::Ready(Some(metadata)),
            Err(end) => {
                self.end = Some(end);
                Poll::Ready(None)
            }
        }
    }

    /// Like [`message`](Self::message).
    pub(super) fn poll_message(&mut self, cx: &mut Context<'_>) -> Poll<Option<Bytes>> {
        self.poll_request(cx);
        if self.end.is_some() {
            return Poll::Ready(None);
        }
        let message = ready!(self.receiving.poll_message(cx));
        if message.is_none() {
            self.end = Some(self.receiving.end());
        }
        Poll::Ready(message)
    }

    fn poll_request(&mut self, cx: &mut Context<'_>) {
        if self.request.as_mut().is_some_and(|request| request.as_mut().poll(cx).is_ready()) {
            self.request = None;
        }
    }

    /// Ends the call by a fault in what was received.
    pub(super) fn fail(&mut self, fault: Status) {
        self.end = Some(End { metadata: HeaderMap::new(), outcome: Err(fault) });
    }

    /// How the call ended, which [`message`](Self::message) or [`head`](Self::head) told.
    pub(super) fn ended(&self) -> Option<&End> {
        self.end.as_ref()
    }

    /// The same, for good.
    pub(super) fn into_end(self) -> End {
        self.end.unwrap_or_else(|| End { metadata: HeaderMap::new(), outcome: Err(broken()) })
    }

    /// Writes down what is known of the call by now.
    pub(super) fn record(&self, record: &mut CallRecord) {
        record.upstream_time = Some(self.since.elapsed());
        record.request_bytes = record.request_bytes.max(self.read.load(Ordering::Relaxed));
        if let Some(End { outcome: Err(status), .. }) = &self.end {
            (record.code, record.origin) = (status.code, Some(status.origin));
        }
    }
}

/// A task that ends when nobody waits for it any more.
struct Task(JoinHandle<()>);

impl Future for Task {
    type Output = ();

    /// One that panicked has told so, and has given the call up.
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        Pin::new(&mut self.0).poll(cx).map(drop)
    }
}

impl Drop for Task {
    fn drop(&mut self) {
        self.0.abort();
    }
}

fn broken() -> Status {
    Status::new(Code::Internal, "internal error", Origin::Gateway)
}
