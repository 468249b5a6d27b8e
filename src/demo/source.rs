//! The messages of a stream's answer: of its requests, which are read only when they are needed. Not for how they
//! are sent and what goes wrong with them: [`stream`](super::stream).

use std::future::pending;

use bytes::Bytes;
use http::HeaderMap;
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use prost_reflect::MessageDescriptor;
use tonic::Status;

use super::calls::Ticket;
use super::download::{Download, Upload, is_body};
use super::fault::Shape;
use super::service::{LARGEST_REQUEST, Wishes};
use super::stream::{Streaming, pause};
use crate::wire::frame::{FrameError, FrameReader};

/// Where answers come from.
pub(super) struct Source {
    pub(super) streaming: Streaming,
    input: MessageDescriptor,
    requests: Requests,
    made: Option<Made>,
    received: usize,
    received_bytes: Option<usize>,
}

/// What was made of the requests before the first answer.
enum Made {
    Request(Bytes),
    Download(Download),
}

impl Source {
    pub(super) fn new(streaming: Streaming, input: MessageDescriptor, body: Incoming) -> Self {
        let requests = Requests { body, reader: FrameReader::new(LARGEST_REQUEST) };
        Self { streaming, input, requests, made: None, received: 0, received_bytes: None }
    }

    /// Reads what has to be there before the first answer.
    pub(super) async fn begin(&mut self, wishes: &Wishes, ticket: Option<&Ticket>) -> Result<(), Status> {
        self.made = match self.streaming {
            Streaming::Echo | Streaming::Unknown => None,
            Streaming::Collect => Some(Made::Request(self.collect(wishes, ticket).await?)),
            Streaming::Repeat | Streaming::Download => {
                let request = self.read(wishes, ticket).await?;
                let request = request.ok_or_else(|| Status::internal("there is no request message"))?;
                Some(match self.streaming {
                    Streaming::Download => Made::Download(Download::new(&self.input, &request)),
                    _ => Made::Request(request),
                })
            }
        };
        Ok(())
    }

    /// Whether so many answers are all.
    pub(super) fn is_enough(&self, answered: usize, wishes: &Wishes) -> bool {
        match self.streaming {
            Streaming::Collect => answered == 1,
            Streaming::Echo => wishes.steering.messages.is_some_and(|messages| answered >= messages),
            _ => answered >= wishes.steering.messages.unwrap_or(3),
        }
    }

    pub(super) async fn next(
        &mut self,
        wishes: &Wishes,
        ticket: Option<&Ticket>,
    ) -> Result<Option<Bytes>, Status> {
        match &mut self.made {
            Some(Made::Request(request)) => Ok(Some(request.clone())),
            Some(Made::Download(download)) => Ok(Some(download.chunk(wishes.steering.bytes))),
            None => self.read(wishes, ticket).await,
        }
    }

    /// All requests in one: the last, or the data of all.
    async fn collect(&mut self, wishes: &Wishes, ticket: Option<&Ticket>) -> Result<Bytes, Status> {
        let (mut last, mut upload) = (Bytes::new(), Upload::default());
        while self.received < wishes.steering.messages.unwrap_or(usize::MAX) {
            fail_after(self.received, wishes)?;
            let Some(request) = self.read(wishes, ticket).await? else { break };
            if is_body(&self.input) {
                upload.push(&request);
            }
            last = request;
        }
        if let Some(failure) = &wishes.faults.failure
            && wishes.faults.shape != Some(Shape::AfterMessage)
        {
            return Err(failure.status());
        }
        if !is_body(&self.input) {
            return Ok(last);
        }
        self.received_bytes = Some(upload.len);
        Ok(upload.joined())
    }

    async fn read(&mut self, wishes: &Wishes, ticket: Option<&Ticket>) -> Result<Option<Bytes>, Status> {
        pause(wishes.steering.read_wait).await;
        let request = self.requests.next().await?;
        if let (Some(request), Some(ticket)) = (&request, ticket) {
            self.received += 1;
            ticket.message(request);
        }
        Ok(request)
    }

    /// How much came in, where that is the answer.
    pub(super) fn counts(&self) -> HeaderMap {
        let mut counts = HeaderMap::new();
        if self.streaming == Streaming::Collect {
            counts.insert("transom-received", self.received.into());
        }
        if let Some(bytes) = self.received_bytes {
            counts.insert("transom-received-bytes", bytes.into());
        }
        counts
    }
}

/// Fails where faults strike after so many requests.
fn fail_after(received: usize, wishes: &Wishes) -> Result<(), Status> {
    match (&wishes.faults.failure, wishes.steering.fail_after) {
        (Some(failure), Some(after)) if received >= after => Err(failure.status()),
        _ => Ok(()),
    }
}

/// The messages of a request, read only when they are asked for.
struct Requests {
    body: Incoming,
    reader: FrameReader,
}

impl Requests {
    async fn next(&mut self) -> Result<Option<Bytes>, Status> {
        loop {
            if let Some(message) = self.reader.next().map_err(broken)? {
                return Ok(Some(message));
            }
            match self.body.frame().await {
                None => return self.reader.finish().map_err(broken).map(|()| None),
                // Nobody waits any more: the call is dropped as soon as the connection notices it too.
                Some(Err(_)) => return pending().await,
                Some(Ok(frame)) => {
                    if let Ok(chunk) = frame.into_data() {
                        self.reader.push(chunk);
                    }
                }
            }
        }
    }
}

fn broken(fault: FrameError) -> Status {
    Status::internal(format!("the request is broken: {fault}"))
}
