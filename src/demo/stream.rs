//! Streaming calls of the embedded backend: messages are read, made and sent one by one, and go wrong as the call
//! asks for. Not for what its metadata says: [`steering`](super::steering) and [`fault`](super::fault).

use std::collections::VecDeque;
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream::unfold;
use h2::Reason;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderValue, Request, Response};
use http_body::Frame;
use http_body_util::{BodyExt as _, StreamBody};
use hyper::body::Incoming;
use prost_reflect::MethodDescriptor;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep, timeout_at};
use tonic::Status;
use tonic::codegen::StdError;

use super::answer::unimplemented;
use super::calls::Ticket;
use super::distort::{BEFORE_BREAK, Body, GARBAGE, append, grown, page, plain};
use super::download::is_body;
use super::fault::Shape;
use super::method::Method;
use super::service::{Wishes, deadline_exceeded, wait};
use super::source::Source;
use crate::wire::frame;

/// What a streaming method does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Streaming {
    /// One request, some answers: the request again and again.
    Repeat,
    /// One request, some answers: chunks.
    Download,
    /// Some requests, one answer.
    Collect,
    /// As they come.
    Echo,
    Unknown,
}

impl Streaming {
    /// What a method does by its types.
    pub(super) fn of(method: &MethodDescriptor) -> Self {
        let same = method.input() == method.output();
        match (method.is_client_streaming(), method.is_server_streaming()) {
            (false, true) if is_body(&method.output()) => Self::Download,
            (false, true) if same => Self::Repeat,
            (true, false) if same => Self::Collect,
            (true, true) if same => Self::Echo,
            _ => Self::Unknown,
        }
    }
}

/// Answers a streaming call; an error resets its stream. `leaving` closes the connection once it is over.
pub(super) async fn answer(
    streaming: Streaming,
    method: &Method,
    request: Request<Incoming>,
    wishes: Wishes,
    ticket: Ticket,
    timeout: Option<Duration>,
    leaving: &Notify,
) -> Result<Response<Body>, h2::Error> {
    if wishes.faults.goaway {
        leaving.notify_one();
    }
    if let Some(reason) = wishes.faults.reset {
        return Err(reason.into());
    }
    if let Some(Shape::Html(code)) = wishes.faults.shape {
        return Ok(page(code));
    }
    if streaming == Streaming::Unknown {
        return Ok(plain(unimplemented().into_http()));
    }
    let deadline = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
    let source = Source::new(streaming, method.input.clone(), request.into_body());
    let call = Call { source, wishes, ticket: Some(ticket), deadline, answered: 0, next: VecDeque::new() };
    Ok(call.respond().await)
}

/// A running call.
struct Call {
    source: Source,
    wishes: Wishes,
    /// `None` once it is over.
    ticket: Option<Ticket>,
    deadline: Option<Instant>,
    /// How many answers were made.
    answered: usize,
    /// What comes next, where that is known.
    next: VecDeque<Step>,
}

/// The next part of an answer.
enum Step {
    Piece(Bytes),
    Break(Reason),
    End(Result<(), Status>),
}

impl Call {
    async fn respond(mut self) -> Response<Body> {
        pause(self.wishes.steering.head_wait).await;
        let mut response = Response::new(Body::default());
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
        append(response.headers_mut(), &self.wishes.faults.headers);
        if !self.wishes.steering.head {
            let first = self.step().await;
            append(response.headers_mut(), &self.source.counts());
            if let (Step::End(Err(status)), false) = (&first, self.wishes.faults.shape == Some(Shape::Late)) {
                append(response.headers_mut(), &self.trailers(Err(status.clone())));
                self.complete();
                return response;
            }
            self.next.push_front(first);
        }
        *response.body_mut() = StreamBody::new(unfold(self, Self::frame)).boxed_unsync();
        response
    }

    async fn frame(mut self) -> Option<(Result<Frame<Bytes>, StdError>, Self)> {
        self.ticket.as_ref()?;
        let step = match self.next.pop_front() {
            Some(step) => step,
            None => self.step().await,
        };
        let frame = match step {
            Step::Piece(piece) => Ok(Frame::data(piece)),
            Step::Break(reason) => {
                // A reset throws away what waits to be sent.
                sleep(BEFORE_BREAK).await;
                self.complete();
                Err(h2::Error::from(reason).into())
            }
            Step::End(outcome) => {
                self.complete();
                if self.wishes.faults.shape == Some(Shape::NoTrailers) {
                    return None;
                }
                Ok(Frame::trailers(self.trailers(outcome)))
            }
        };
        Some((frame, self))
    }

    fn complete(&mut self) {
        if let Some(ticket) = self.ticket.take() {
            ticket.complete();
        }
    }

    fn trailers(&self, outcome: Result<(), Status>) -> HeaderMap {
        let mut trailers = self.wishes.faults.trailers.clone();
        if self.wishes.steering.head {
            append(&mut trailers, &self.source.counts());
        }
        let status = outcome.err().unwrap_or_else(|| Status::ok(""));
        // Fails only for a message that is no header value, which tonic encodes.
        let _ = status.add_header(&mut trailers);
        trailers
    }

    async fn step(&mut self) -> Step {
        let Some(deadline) = self.deadline else {
            return self.make().await.unwrap_or_else(|status| Step::End(Err(status)));
        };
        let made = timeout_at(deadline, self.make()).await.unwrap_or_else(|_| Err(deadline_exceeded()));
        made.unwrap_or_else(|status| Step::End(Err(status)))
    }

    /// Makes the next answer, or what a fault makes of it.
    async fn make(&mut self) -> Result<Step, Status> {
        let (at, shape) = (self.answered, self.wishes.faults.shape);
        let many = self.source.streaming != Streaming::Collect;
        if at == 0 {
            self.source.begin(&self.wishes, self.ticket.as_ref()).await?;
            wait(self.wishes.faults.wait).await;
        } else {
            pause(self.wishes.steering.every).await;
        }
        let strikes = |otherwise| !many || at >= self.wishes.steering.fail_after.unwrap_or(otherwise);
        if let Some(failure) = &self.wishes.faults.failure
            && shape != Some(Shape::AfterMessage)
            && many
            && strikes(0)
        {
            return Err(failure.status());
        }
        let enough = shape == Some(Shape::NoMessage) || self.source.is_enough(at, &self.wishes);
        let message =
            if enough { None } else { self.source.next(&self.wishes, self.ticket.as_ref()).await? };
        let Some(message) = message else {
            return match &self.wishes.faults.failure {
                Some(failure) if shape == Some(Shape::AfterMessage) => Err(failure.status()),
                _ => Ok(Step::End(Ok(()))),
            };
        };
        self.answered += 1;
        if let Some(ticket) = &self.ticket {
            ticket.answered();
        }
        let message = framed(&grown(message, self.wishes.faults.oversize));
        let half = || message.slice(..message.len() / 2);
        let (piece, next) = match shape {
            Some(Shape::TwoMessages) => ([&message[..], &message].concat().into(), None),
            Some(Shape::Break(reason)) if strikes(1) => (half(), Some(Step::Break(reason))),
            Some(Shape::Truncate) if strikes(1) => (half(), Some(Step::End(Ok(())))),
            Some(Shape::Garbage) if strikes(1) => (Bytes::from_static(GARBAGE), Some(Step::End(Ok(())))),
            _ => (message, None),
        };
        self.next.extend(next);
        Ok(Step::Piece(piece))
    }
}

/// Waits, but for no time at all not even a tick of the clock.
pub(super) async fn pause(period: Duration) {
    if !period.is_zero() {
        sleep(period).await;
    }
}

fn framed(message: &[u8]) -> Bytes {
    [&frame::prefix(message.len())[..], message].concat().into()
}
