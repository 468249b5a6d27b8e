//! The client's half of a streaming call: JSON texts, or pieces of a raw body, become messages as they come.
//!
//! Holds one piece of the body and one message. The backend's pace is the client's: nothing more is read while a
//! message waits to be sent.

use std::borrow::Cow;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::StatusCode;
use http::header::CONTENT_TYPE;
use http_body_util::BodyExt as _;
use tokio::task::yield_now;
use tokio::time::timeout;

use super::super::steps::{Kept, Steps};
use super::super::{Route, Snapshot};
use crate::policy::Identity;
use crate::protocol::JsonSplitter;
use crate::status::{Code, Origin, Status};
use crate::units::Period;
use crate::upstream::{Gone, Sending};
use crate::wire::frame;

/// What becomes the request messages of one call.
pub(super) struct Upload<B> {
    snapshot: Arc<Snapshot>,
    route: Arc<Route>,
    body: Option<B>,
    /// What is part of the first message only.
    first: Option<First>,
    identity: Option<Identity>,
    read: Arc<AtomicU64>,
    /// How long the client may pause; `None`: as long as it likes.
    pause: Option<Duration>,
}

/// What the first message holds beside the body.
struct First {
    captures: Vec<Cow<'static, str>>,
    query: Option<String>,
    content_type: Option<String>,
}

impl<B> Upload<B>
where
    B: http_body::Body<Data = Bytes> + Send + Unpin + 'static,
{
    pub(super) fn of(steps: &Steps<'_>, kept: &Kept, body: Option<B>) -> Self {
        let captures = steps.captures.iter().map(|text| Cow::Owned(text.clone().into_owned())).collect();
        let content_type = steps.parts.headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
        // In a conversation the client may have to wait for the backend's word before it says its own.
        let conversation = steps.route.streams.is_some_and(|streams| streams.server);
        Self {
            snapshot: Arc::clone(steps.snapshot),
            route: Arc::clone(steps.route),
            body,
            first: Some(First {
                captures,
                query: steps.parts.uri.query().map(str::to_owned),
                content_type: content_type.map(str::to_owned),
            }),
            identity: kept.identity.clone(),
            read: Arc::default(),
            pause: (!conversation).then_some(steps.snapshot.limits.body_timeout),
        }
    }

    /// How many bytes of the body were read, counted on.
    pub(super) fn read(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.read)
    }

    /// Sends all messages, or as many as the backend takes. What is wrong with the client's stream ends the call.
    pub(super) async fn run(mut self, mut sending: Sending) {
        let sent = if self.route.plan.raw_request().is_some() {
            self.pieces(&mut sending).await
        } else {
            self.texts(&mut sending).await
        };
        match sent {
            Ok(Ok(())) => sending.finish(),
            // The backend has ended the call, and says why.
            Ok(Err(Gone)) => {}
            Err(fault) => sending.fail(fault),
        }
    }

    /// Each JSON text of the body is a message.
    async fn texts(&mut self, sending: &mut Sending) -> Result<Result<(), Gone>, Status> {
        let mut splitter = JsonSplitter::new(self.limit());
        while let Some(piece) = self.piece().await? {
            splitter.push(piece);
            while let Some(text) = splitter.next()? {
                if self.numbered(splitter.number(), &text, sending).await?.is_err() {
                    return Ok(Err(Gone));
                }
            }
        }
        if let Some(text) = splitter.finish()?
            && self.numbered(splitter.number(), &text, sending).await?.is_err()
        {
            return Ok(Err(Gone));
        }
        // Nothing is lost: what path and query say is a message where the body has none.
        match &self.first {
            Some(First { captures, query, .. })
                if !captures.is_empty() || (query.is_some() && !self.route.plan.reads_whole_body()) =>
            {
                self.text(b"", sending).await
            }
            _ => Ok(Ok(())),
        }
    }

    /// Each piece of the body is the data of a message.
    async fn pieces(&mut self, sending: &mut Sending) -> Result<Result<(), Gone>, Status> {
        // A message is never too large, however the body is cut on its way.
        let limits = [self.limit(), self.route.upstream.settings().max_request_message];
        let most = limits.into_iter().min().unwrap_or(PIECE).saturating_sub(ROOM).clamp(1, PIECE);
        while let Some(mut piece) = self.piece().await? {
            while !piece.is_empty() {
                let part = piece.split_to(piece.len().min(most));
                if self.raw(&part, sending).await?.is_err() {
                    return Ok(Err(Gone));
                }
            }
        }
        if self.first.is_some() { self.raw(b"", sending).await } else { Ok(Ok(())) }
    }

    /// The next piece of the body; `None` at its end.
    async fn piece(&mut self) -> Result<Option<Bytes>, Status> {
        let Some(body) = &mut self.body else { return Ok(None) };
        loop {
            let next = async { body.frame().await.map(|frame| frame.map_err(drop)) };
            let frame = match self.pause {
                Some(pause) => timeout(pause, next).await.map_err(|_| too_late(pause))?,
                None => next.await,
            };
            let piece = match frame {
                None => return Ok(None),
                Some(Err(())) => return Err(Status::invalid(BROKEN)),
                Some(Ok(frame)) => frame.into_data(),
            };
            // What is no data is trailers.
            let Ok(piece) = piece else { continue };
            self.read.fetch_add(piece.len() as u64, Ordering::Relaxed);
            // A body that is always ready, decompressed above all, must not keep a worker from others.
            yield_now().await;
            return Ok(Some(piece));
        }
    }

    /// The same as [`text`](Self::text), whose fault tells which message has it.
    async fn numbered(
        &mut self,
        number: u64,
        json: &[u8],
        sending: &mut Sending,
    ) -> Result<Result<(), Gone>, Status> {
        self.text(json, sending).await.map_err(|mut fault| {
            fault.message = format!("message {number}: {}", fault.message);
            fault
        })
    }

    async fn text(&mut self, json: &[u8], sending: &mut Sending) -> Result<Result<(), Gone>, Status> {
        let plan = &self.route.plan;
        let first = self.first.take();
        let framed = frame::framed(json.len() + 128, |out| match &first {
            Some(First { captures, query, .. }) => plan.write_request(captures, query.as_deref(), json, out),
            None => plan.write_later_request(json, out),
        })?;
        self.send(framed, first, sending).await
    }

    async fn raw(&mut self, data: &[u8], sending: &mut Sending) -> Result<Result<(), Gone>, Status> {
        let Some(raw) = self.route.plan.raw_request() else { return Ok(Ok(())) };
        let first = self.first.take();
        let framed = frame::framed(data.len() + 128, |out| match &first {
            Some(First { captures, query, content_type }) => {
                raw.write(captures, query.as_deref(), content_type.as_deref(), data, out)
            }
            None => raw.write_chunk(data, out),
        })?;
        self.send(framed, first, sending).await
    }

    /// Sends a message once it has been held to everything that the whole request of a unary call is held to.
    async fn send(
        &mut self,
        framed: Bytes,
        first: Option<First>,
        sending: &mut Sending,
    ) -> Result<Result<(), Gone>, Status> {
        let message = framed.slice(frame::PREFIX.min(framed.len())..);
        self.route.duties.admit(message.len())?;
        self.route.upstream.admit(message.len())?;
        let (policy, identity) = (self.snapshot.policy.as_ref(), self.identity.as_ref());
        match &first {
            Some(First { captures, .. }) => self.route.in_account(policy, identity, captures, &message)?,
            None => self.route.later_in_account(policy, identity, &message)?,
        }
        if let Some(validator) = &self.route.validator {
            validator.check(&message)?;
        }
        Ok(sending.send(framed).await)
    }

    fn limit(&self) -> usize {
        self.route.duties.duties.max_message.unwrap_or(self.snapshot.limits.request_body)
    }
}

fn too_late(pause: Duration) -> Status {
    let message = format!("nothing came of the request body for {}", Period(pause));
    Status::new(Code::DeadlineExceeded, message, Origin::Client).with_http(StatusCode::REQUEST_TIMEOUT)
}

/// The most bytes of a raw body that become one message.
const PIECE: usize = 64 * 1024;

/// What a message has beside them: the content type, and what path and query say.
const ROOM: usize = 1024;

const BROKEN: &str = "the request body broke off or could not be decompressed";
