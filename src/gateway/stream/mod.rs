//! A call that streams: how it is opened, and when and how its answer begins.
//!
//! Not for the messages themselves: [`upload`] sends those of the client, [`flow`] writes those of the backend. Both
//! go on after the answer's head is out, so they own what they need.
//!
//! The head goes out as soon as the backend's initial metadata is there, or after a short wait without it; a call that
//! fails before that is answered by the HTTP status of its error. What fails later is told in the stream.

mod exchange;
mod flow;
mod upload;
mod writing;

use std::time::Duration;

use bytes::Bytes;
use http::header::TRAILER;
use http::{HeaderMap, HeaderValue};
use tokio::time::timeout;

use self::exchange::Exchange;
use self::flow::Flow;
use self::upload::Upload;
use self::writing::Writing;
use super::steps::{Kept, Steps, takes_trailers};
use crate::observe::CallRecord;
use crate::protocol::{self, Body, StreamForm};
use crate::status::Status;
use crate::upstream::{self, End, Opening, Reply};

/// Which halves of a method's calls are streams.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Streams {
    /// The request.
    pub client: bool,
    /// The answer.
    pub server: bool,
}

impl Streams {
    /// Those of a method; `None`: it is unary.
    pub(super) fn of(rpc: &prost_reflect::MethodDescriptor) -> Option<Self> {
        let streams = Self { client: rpc.is_client_streaming(), server: rpc.is_server_streaming() };
        (streams.client || streams.server).then_some(streams)
    }
}

impl Steps<'_> {
    /// Makes a call that streams; gives its answer's body.
    pub(super) async fn stream<B>(
        &self,
        streams: Streams,
        body: &mut Option<B>,
        opening: Opening,
        kept: &mut Kept,
        record: &mut CallRecord,
    ) -> Result<Body, Status>
    where
        B: http_body::Body<Data = Bytes> + Send + Unpin + 'static,
    {
        let upstream = &self.route.upstream;
        let exchange = if streams.client {
            if self.route.plan.raw_request().is_none() && self.route.plan.reads_body() {
                let bodies = &self.route.protocol.bodies;
                protocol::check_texts(&self.parts.method, &self.parts.headers, bodies)?;
            }
            let upload = Upload::of(self, kept, body.take());
            let (sending, receiving) = upstream.open(opening).await?;
            Exchange::uploading(upload, sending, receiving)
        } else {
            let message = self.message(body, kept, record).await?;
            self.in_account(kept)?;
            self.validate(kept)?;
            upstream.admit(kept.message.len())?;
            let (sending, receiving) = upstream.open(opening).await?;
            Exchange::sending(message, sending, receiving)
        };
        if streams.server {
            self.begin(exchange, kept, record).await
        } else {
            self.conclude(exchange, kept, record).await
        }
    }

    /// The answer of a call whose answer is one message.
    async fn conclude(
        &self,
        mut exchange: Exchange,
        kept: &mut Kept,
        record: &mut CallRecord,
    ) -> Result<Body, Status> {
        let metadata = exchange.head().await.unwrap_or_default();
        let message = exchange.message().await;
        let more = message.is_some() && exchange.message().await.is_some();
        exchange.record(record);
        let End { metadata: trailers, outcome } = exchange.into_end();
        let outcome = match message {
            _ if more => Err(upstream::broken("the backend sent more than one message where one was due")),
            Some(message) => outcome.map(|()| message),
            None => outcome.and(Err(upstream::broken("the backend ended the call without an answer"))),
        };
        let mut reply = Reply { metadata, trailers, outcome };
        self.keep(&mut reply, kept);
        self.written(&reply.outcome?, kept)
    }

    /// Waits until the answer of a stream can begin, and begins it.
    async fn begin(
        &self,
        mut exchange: Exchange,
        kept: &mut Kept,
        record: &mut CallRecord,
    ) -> Result<Body, Status> {
        let raw = self.route.plan.raw_response().is_some();
        let wait = self.route.protocol.streams.head_wait;
        // Only the first message tells the content type of what is passed on as it is.
        let mut head = if raw { Ok(exchange.head().await) } else { timeout(wait, exchange.head()).await };
        if let Ok(Some(metadata)) = &mut head {
            kept.status = self.route.protocol.answers.take_status(metadata);
            self.route.metadata.answer(metadata, &mut kept.headers);
        }
        let first = match &head {
            Err(_) => None,
            Ok(_) if raw => Some(exchange.message().await),
            // What follows the head at once, an error above all, is still told by the status.
            Ok(_) => timeout(AT_ONCE, exchange.message()).await.ok(),
        };
        let mut writing = Writing::new(self.route, self.form(raw));
        match first {
            Some(None) => {
                exchange.record(record);
                let End { mut metadata, outcome } = exchange.into_end();
                kept.status = self.route.protocol.answers.take_status(&mut metadata).or(kept.status);
                self.keep_trailers(&metadata, kept);
                return match outcome {
                    Ok(()) => Ok(writing.empty(&mut kept.headers)),
                    Err(status) => Err(writing.only_error(status)),
                };
            }
            Some(Some(message)) => writing.message(&message)?,
            None => {}
        }
        writing.headers(&mut kept.headers);
        let takes_trailers = takes_trailers(&self.parts.headers);
        if takes_trailers {
            self.announce_trailers(&mut kept.headers);
        }
        let keep_alive = self.route.protocol.streams.keep_alive;
        Ok(Body::streamed(Flow::new(exchange, writing, keep_alive, takes_trailers)))
    }

    /// How the client gets the messages.
    fn form(&self, raw: bool) -> StreamForm {
        if raw {
            return StreamForm::Raw;
        }
        protocol::stream_form(&self.parts.headers, self.route.protocol.streams.form)
    }

    /// HTTP/1.1 sends only trailers that were announced (RFC 9110, 6.6.2), and those of a stream come after its head:
    /// these are the ones that config names.
    fn announce_trailers(&self, headers: &mut HeaderMap) {
        for name in &self.route.protocol.streams.trailers {
            headers.append(TRAILER, HeaderValue::from(name.clone()));
        }
    }
}

/// How long the first message, or the end, may follow the backend's initial metadata and count as having come with it.
const AT_ONCE: Duration = Duration::from_millis(5);
