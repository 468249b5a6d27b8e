//! The messages of one stream in the client's form, gathered until they are sent.

use std::sync::Arc;

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderValue};

use super::super::Route;
use crate::protocol::{Body, StreamForm, StreamWriter};
use crate::status::{self, Status};

/// A stream being written.
pub(super) struct Writing {
    route: Arc<Route>,
    writer: StreamWriter,
    out: Vec<u8>,
    /// A message that is passed on as it is, uncopied.
    whole: Option<Bytes>,
    /// The content type that the first message brought, where messages are passed on as they are.
    kind: Option<HeaderValue>,
}

impl Writing {
    pub(super) fn new(route: &Arc<Route>, form: StreamForm) -> Self {
        let settings = &route.protocol.streams;
        Self {
            route: Arc::clone(route),
            writer: StreamWriter::new(form, settings.newline_after_chunks),
            out: Vec::new(),
            whole: None,
            kind: None,
        }
    }

    /// Adds a message.
    pub(super) fn message(&mut self, message: &Bytes) -> Result<(), Status> {
        let plan = &self.route.plan;
        let Some(raw) = plan.raw_response() else {
            return self.writer.message(&mut self.out, |out| plan.write_response(message, out));
        };
        let (kind, data) = raw.read(message)?;
        self.kind = self.kind.take().or(kind);
        if self.writer.after_chunk().is_empty() {
            self.whole = Some(data).filter(|data| !data.is_empty());
            return Ok(());
        }
        self.writer.message(&mut self.out, |out| {
            out.extend_from_slice(&data);
            Ok(())
        })
    }

    /// Writes the end of a stream that went well.
    pub(super) fn end(&mut self) {
        self.writer.end(&mut self.out);
    }

    /// Writes the end of one that did not; `false` where the form has no way to say so.
    pub(super) fn error(&mut self, status: &Status) -> bool {
        let told = self.writer.form() != StreamForm::Raw;
        if told {
            self.writer.error(&mut self.out, |out| self.route.plan.plans().write_status(status, out));
        }
        told
    }

    /// An error that is the whole answer: in the envelope of the lines that the client expects, where it is that.
    pub(super) fn only_error(mut self, status: Status) -> Status {
        if self.writer.form() != StreamForm::ResultLines || status.body.is_some() {
            return status;
        }
        self.error(&status);
        let body = status::Body { content_type: self.writer.content_type(), bytes: self.out.into() };
        status.with_body(body)
    }

    pub(super) fn keep_alive(&mut self) {
        self.writer.keep_alive(&mut self.out);
    }

    /// Whether the form can say that a silent stream goes on.
    pub(super) fn keeps_alive(&self) -> bool {
        self.writer.form() == StreamForm::Events
    }

    /// The headers of the form.
    pub(super) fn headers(&self, headers: &mut HeaderMap) {
        let kind = self.kind.clone().unwrap_or_else(|| self.writer.content_type());
        headers.insert(CONTENT_TYPE, kind);
        self.writer.headers(headers);
    }

    /// The whole answer of a stream without messages that went well: nothing at all, where the form needs nothing.
    pub(super) fn empty(mut self, headers: &mut HeaderMap) -> Body {
        self.end();
        if !self.out.is_empty() {
            self.headers(headers);
        }
        Body::from(self.out)
    }

    /// The trailers that trailing metadata becomes.
    pub(super) fn trailers(&self, mut metadata: HeaderMap) -> HeaderMap {
        // The status of the answer is out; its metadata is not for the client.
        let _ = self.route.protocol.answers.take_status(&mut metadata);
        self.route.metadata.trailers(&metadata)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.out.is_empty() && self.whole.is_none()
    }

    /// Whether what is gathered should be sent before more is added.
    pub(super) fn is_full(&self) -> bool {
        self.whole.is_some() || self.out.len() >= PIECE
    }

    /// What is gathered, if anything.
    pub(super) fn take(&mut self) -> Option<Bytes> {
        if let Some(whole) = self.whole.take() {
            return Some(whole);
        }
        if self.out.is_empty() {
            return None;
        }
        let next = Vec::with_capacity(self.out.len());
        Some(std::mem::replace(&mut self.out, next).into())
    }
}

/// How many bytes are gathered at most before they are sent.
const PIECE: usize = 32 * 1024;
