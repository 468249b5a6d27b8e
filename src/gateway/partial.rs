//! The step of a partial update: the resource is read, and what the mask names is laid over it.
//!
//! Not for the merge itself ([`patch`](crate::patch)). The read is a call of its own to the backend, with the same
//! metadata and within the same deadline; what it fails with is what the client's call fails with.

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use percent_encoding::percent_decode_str;

use super::steps::{Kept, Steps};
use crate::observe::CallRecord;
use crate::patch::{Patch, PatchPlan, Wanted};
use crate::status::Status;
use crate::transcode::MaskFrom;
use crate::upstream::{Call, Upstream};
use crate::wire::frame;

/// The partial updates of one route.
#[derive(Debug)]
pub(super) struct Partial {
    pub plan: PatchPlan,
    /// The backend that the resource is read from.
    pub upstream: Arc<Upstream>,
}

impl Partial {
    /// What a request asks for, by the mask that the client sent or that its body made.
    pub fn wanted<'p>(&'p self, message: &[u8], mask: MaskFrom) -> Result<Wanted<'p>, Status> {
        match mask {
            MaskFrom::Client => self.plan.wanted(message),
            MaskFrom::Body => self.plan.wanted_of_body(message),
        }
    }
}

impl Steps<'_> {
    /// Makes a call for a part of a resource one for the whole; any other stays as it is.
    pub(super) async fn complete(
        &self,
        mut call: Call,
        kept: &mut Kept,
        record: &mut CallRecord,
    ) -> Result<Call, Status> {
        let Some(partial) = &self.route.partial else { return Ok(call) };
        if self.route.plan.reads_whole_body() && self.parts.uri.query().is_some_and(names_mask) {
            return Err(Status::invalid(MASK_IN_QUERY));
        }
        let message = kept.message.clone();
        call.frame = match partial.wanted(&message, kept.mask)? {
            Wanted::AsItIs => return Ok(call),
            Wanted::Whole => frame::framed(message.len(), |out| partial.plan.without_mask(&message, out))?,
            Wanted::Part(patch) => {
                let started = Instant::now();
                let answer = Box::pin(self.read(partial, &patch, &call, kept, record)).await?;
                call.timeout = call.timeout.map(|timeout| timeout.saturating_sub(started.elapsed()));
                frame::framed(message.len() + answer.len(), |out| patch.merge(&message, &answer, out))?
            }
        };
        kept.message = call.frame.slice(frame::PREFIX.min(call.frame.len())..);
        Ok(call)
    }

    /// What the read method answers, asked in the name of the update's caller.
    async fn read(
        &self,
        partial: &Partial,
        patch: &Patch<'_>,
        update: &Call,
        kept: &mut Kept,
        record: &mut CallRecord,
    ) -> Result<Bytes, Status> {
        let call = Call {
            path: partial.plan.path().clone(),
            metadata: update.metadata.clone(),
            frame: frame::framed(128, |out| patch.write_get(&kept.message, out))?,
            timeout: update.timeout,
        };
        let sent = Instant::now();
        let mut reply = partial.upstream.unary(call).await;
        record.upstream_time = Some(sent.elapsed());
        if reply.outcome.is_err() {
            self.keep(&mut reply, kept);
        }
        reply.outcome
    }
}

/// Whether a query has the mask, which a rule with `body: "*"` does not read: what was meant as a part would be written
/// as the whole.
fn names_mask(query: &str) -> bool {
    let keys = query.split('&').map(|pair| pair.split_once('=').map_or(pair, |(key, _)| key));
    let names =
        |key: &str| matches!(&*percent_decode_str(key).decode_utf8_lossy(), "update_mask" | "updateMask");
    keys.into_iter().any(names)
}

const MASK_IN_QUERY: &str =
    "the body of this method is the whole request: write `updateMask` in the body, not in the query";
