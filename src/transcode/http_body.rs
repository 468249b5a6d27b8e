//! Calls that carry `google.api.HttpBody`: a body that is no JSON, up or down, whole or in chunks.
//!
//! Only where it is the body of the request (`*` or a field) or of the answer (all of it or the `response_body`). An
//! `HttpBody` anywhere else is a message like any other.

use std::borrow::Cow;

use bytes::Bytes;
use http::HeaderValue;

use super::to_wire::RawBody;
use super::{CallPlan, to_json};
use crate::status::Status;

/// The requests of a binding whose body is an `HttpBody`.
#[derive(Debug, Clone, Copy)]
pub struct RawRequest<'p> {
    plan: &'p CallPlan,
}

/// The answers of a binding that are an `HttpBody`.
#[derive(Debug, Clone, Copy)]
pub struct RawResponse<'p> {
    plan: &'p CallPlan,
}

impl CallPlan {
    /// How requests are written whose body is an `HttpBody`; `None` when it is JSON.
    #[must_use]
    pub fn raw_request(&self) -> Option<RawRequest<'_>> {
        self.request.reads_raw_body().then_some(RawRequest { plan: self })
    }

    /// How answers are read that are an `HttpBody`; `None` when they are JSON.
    #[must_use]
    pub fn raw_response(&self) -> Option<RawResponse<'_>> {
        let output = self.plans.get(self.output)?;
        let found = match self.part {
            None => output.http_body,
            Some(place) => output.fields.get(place)?.http_body(&self.plans),
        };
        found.map(|_| RawResponse { plan: self })
    }
}

impl RawRequest<'_> {
    /// Appends the wire bytes (no frame prefix) of the request message, or of a stream's first one, to `out`, which
    /// stays as it was when that fails: captures, query and `content_type` as they are, `data` as it came. The path
    /// wins over the body, and both over the query.
    ///
    /// # Errors
    /// 400 with the variable or the parameter, and what was expected.
    pub fn write(
        &self,
        captures: &[Cow<'_, str>],
        query: Option<&str>,
        content_type: Option<&str>,
        data: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<(), Status> {
        let raw = RawBody { content_type, data };
        self.plan.request.write_raw(&self.plan.plans, captures, query, raw, out)
    }

    /// Appends the wire bytes of a later message of a stream: it has nothing but `data`.
    ///
    /// # Errors
    /// None for a plan that was compiled from a sound binding.
    pub fn write_chunk(&self, data: &[u8], out: &mut Vec<u8>) -> Result<(), Status> {
        self.plan.request.write_chunk(&self.plan.plans, data, out)
    }
}

impl RawResponse<'_> {
    /// The content type of an answer, or of a stream's message, and its data, which is not copied. No content type:
    /// there is none, or none that a header can hold; `application/octet-stream` stands in for it.
    ///
    /// # Errors
    /// Bytes that are not such a message: the backend's fault, 502.
    pub fn read(&self, wire: &Bytes) -> Result<(Option<HeaderValue>, Bytes), Status> {
        let CallPlan { plans, output, part, .. } = self.plan;
        let [content_type, data] =
            to_json::raw(plans, *output, *part, wire)?.map(|(start, end)| wire.slice(start..end));
        Ok((media_type(&content_type), data))
    }
}

/// A content type as a header has it: visible ASCII, no white space around it.
fn media_type(text: &Bytes) -> Option<HeaderValue> {
    let trimmed = text.trim_ascii();
    let value = HeaderValue::from_maybe_shared(text.slice_ref(trimmed)).ok()?;
    (!value.is_empty() && value.to_str().is_ok()).then_some(value)
}
