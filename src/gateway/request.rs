//! The request message of a unary call: its body, whatever form it comes in, its captures and its query.
//!
//! Request path. Not for reading the body off the connection ([`protocol`](crate::protocol)).

use std::borrow::Cow;

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::request::Parts;

use super::steps::{Kept, Steps};
use super::{Route, Snapshot};
use crate::protocol;
use crate::rule::{Binding, Body};
use crate::status::Status;
use crate::transcode::MaskFrom;
use crate::wire::frame;

impl Steps<'_> {
    /// The framed request message.
    pub(super) fn frame(&self, body: &Bytes, kept: &mut Kept) -> Result<Bytes, Status> {
        let framed = frame::framed(body.len() + ROOM, |out| {
            kept.mask = self.route.write_request(self.parts, self.captures, body, out)?;
            Ok::<_, Status>(())
        })?;
        kept.message = framed.slice(frame::PREFIX..);
        self.route.duties.admit(kept.message.len())?;
        Ok(framed)
    }
}

/// For what the path and the query say, and what is around it all.
const ROOM: usize = 256;

impl Route {
    /// Has the bodies of a PATCH make its mask, where settings say so. A mask is for the resource: where the gateway
    /// keeps it, the body must be just that.
    pub(super) fn with_patch_mask(mut self, binding: &Binding) -> Self {
        let source = self.duties.duties.patch.as_ref().filter(|_| self.partial.is_some());
        let is_resource = match (&binding.body, source) {
            (Body::Field(body), Some(source)) => body.to_string() == source.request_field,
            _ => true,
        };
        if let Some(mask) = self.protocol.bodies.patch_mask.filter(|_| is_resource) {
            self.plan = self.plan.with_patch_mask(binding, mask);
        }
        self
    }

    /// Appends the wire bytes of the message that a request becomes; says who made its mask.
    fn write_request(
        &self,
        parts: &Parts,
        captures: &[Cow<'_, str>],
        body: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<MaskFrom, Status> {
        let (plan, query) = (&self.plan, parts.uri.query());
        if let Some(raw) = plan.raw_request() {
            let content_type = parts.headers.get(CONTENT_TYPE).map(|value| str::from_utf8(value.as_bytes()));
            raw.write(captures, query, content_type.and_then(Result::ok), body, out)?;
            return Ok(MaskFrom::Client);
        }
        let bodies = &self.protocol.bodies;
        let body = protocol::request_body(&parts.method, &parts.headers, bodies, plan, body)?;
        plan.write_request_of(captures, query, body, out)
    }
}

impl Snapshot {
    /// Appends the wire bytes of the message that a request to a binding, by its index, becomes; says who made its
    /// mask.
    ///
    /// # Errors
    /// 400 for what cannot be read, 415 for a content type that is not read.
    pub fn write_request(
        &self,
        binding: usize,
        parts: &Parts,
        captures: &[Cow<'_, str>],
        body: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<MaskFrom, Status> {
        let route = self.routes.get(binding);
        route.map_or(Ok(MaskFrom::Client), |route| route.write_request(parts, captures, body, out))
    }
}
