//! The steps of one call between its route and its answer, each by itself; their order is in `call`.
//!
//! Request path. A unary call allocates its metadata, its frame and its answer.

use std::borrow::Cow;
use std::time::Instant;

use bytes::Bytes;
use http::request::Parts;
use http::{HeaderMap, header};

use super::duties::FieldSource;
use super::{Peer, Route, Snapshot};
use crate::event::{Caller, Facts};
use crate::observe::CallRecord;
use crate::policy::authz::Changes;
use crate::policy::{Admitted, Head, Identity};
use crate::ratelimit::{self, Applied};
use crate::status::Status;
use crate::upstream::{Call, Reply};
use crate::wire::frame;

/// One call between its route and its answer.
pub(super) struct Steps<'c> {
    pub(super) snapshot: &'c Snapshot,
    pub(super) route: &'c Route,
    pub(super) captures: &'c [Cow<'c, str>],
    pub(super) parts: &'c Parts,
    pub(super) peer: &'c Peer,
}

/// What a call leaves for its answer and its record, whatever becomes of it.
#[derive(Default)]
pub(super) struct Kept {
    /// Headers of the answer.
    pub(super) headers: HeaderMap,
    /// Trailers of the answer.
    pub(super) trailers: HeaderMap,
    /// The request message, as far as the call came.
    pub(super) message: Bytes,
    /// Who is calling, where it was asked.
    pub(super) identity: Option<Identity>,
    /// What the rate limits came to.
    pub(super) applied: Applied,
    /// What an authorizer changes of the answer.
    pub(super) changes: Changes,
}

impl Steps<'_> {
    /// Who is calling, and whether they may, as far as it can be told before the body is read.
    pub(super) async fn admit(&self, kept: &mut Kept) -> Result<Admitted, Status> {
        let (method, uri, headers) = (&self.parts.method, &self.parts.uri, &self.parts.headers);
        let account = self.captured_account();
        let head = Head { method, uri, headers, peer: self.peer, rpc: &self.route.rpc, account };
        let mut admitted = self.route.admit(self.snapshot.policy.as_ref(), &head, self.captures).await?;
        kept.changes = std::mem::take(&mut admitted.answer);
        kept.identity.clone_from(&admitted.identity);
        Ok(admitted)
    }

    /// What rate limits may look at.
    pub(super) fn limited<'l>(&'l self, identity: Option<&'l Identity>) -> ratelimit::Call<'l> {
        ratelimit::Call {
            rpc: &self.route.rpc,
            identity: identity.map(|identity| &*identity.actor_id).filter(|name| !name.is_empty()),
            account: self.captured_account(),
            peer: self.peer.address.map(|address| address.ip()),
            headers: &self.parts.headers,
        }
    }

    /// The account that the call is about, where the path holds it.
    fn captured_account(&self) -> Option<&str> {
        match &self.route.duties.account {
            Some(FieldSource::Capture(variable)) => self.captures.get(*variable).map(|text| &**text),
            _ => None,
        }
    }

    /// What the backend is told: the client's metadata, what a rate limit service adds, who the caller is, and what an
    /// authorizer changes of it all.
    pub(super) fn metadata(&self, admitted: &Admitted, kept: &mut Kept) -> Result<HeaderMap, Status> {
        let Self { snapshot, parts, .. } = *self;
        let authority = parts.uri.authority().map(http::uri::Authority::as_str);
        let mut metadata = snapshot.metadata.request(&parts.headers, authority, self.peer)?;
        metadata.extend(kept.applied.request.drain());
        if let Some(policy) = &snapshot.policy {
            policy.tell_backend(kept.identity.as_ref(), &parts.headers, &mut metadata);
            admitted.metadata.change_metadata(&mut metadata);
        }
        Ok(metadata)
    }

    /// Whether the caller may act on the account that the message is about.
    pub(super) fn in_account(&self, kept: &Kept) -> Result<(), Status> {
        let policy = self.snapshot.policy.as_ref();
        self.route.in_account(policy, kept.identity.as_ref(), self.captures, &kept.message)
    }

    /// Whether the message keeps the rules of the contract.
    pub(super) fn validate(&self, kept: &Kept) -> Result<(), Status> {
        self.route.validator.as_ref().map_or(Ok(()), |validator| validator.check(&kept.message))
    }

    /// The framed request message.
    pub(super) fn frame(&self, body: &[u8], kept: &mut Kept) -> Result<Bytes, Status> {
        let plan = &self.route.plan;
        let body = if plan.reads_body() { body } else { &[] };
        let mut framed = Vec::with_capacity(frame::PREFIX + body.len() + 128);
        framed.extend_from_slice(&frame::prefix(0));
        plan.write_request(self.captures, self.parts.uri.query(), body, &mut framed)?;
        let len = framed.len() - frame::PREFIX;
        if let Some(place) = framed.first_chunk_mut() {
            *place = frame::prefix(len);
        }
        let framed = Bytes::from(framed);
        kept.message = framed.slice(frame::PREFIX..);
        self.route.duties.admit(len)?;
        Ok(framed)
    }

    /// The call's answer as JSON.
    pub(super) async fn send(
        &self,
        call: Call,
        kept: &mut Kept,
        record: &mut CallRecord,
    ) -> Result<Vec<u8>, Status> {
        let route = self.route;
        let told = route.event.as_ref().map(|plan| plan.kept(&call.metadata));
        let sent = Instant::now();
        let reply = route.upstream.unary(call).await;
        record.upstream_time = Some(record.upstream_time.unwrap_or_default() + sent.elapsed());
        self.keep(&reply, kept);
        let message = reply.outcome?;
        if let Some(told) = told {
            // Now: what was changed is changed, whatever becomes of the answer.
            let facts = Facts {
                request: &kept.message,
                response: &message,
                request_metadata: &told,
                response_metadata: &reply.metadata,
                response_trailers: &reply.trailers,
            };
            self.announce(facts, kept.identity.as_ref());
        }
        let mut json = Vec::with_capacity(message.len() * 2 + 64);
        route.plan.write_response(&message, &mut json)?;
        Ok(json)
    }

    /// What an answer carries of a backend's reply.
    pub(super) fn keep(&self, reply: &Reply, kept: &mut Kept) {
        self.snapshot.metadata.answer(&reply.metadata, &mut kept.headers);
        if takes_trailers(&self.parts.headers) {
            kept.trailers = self.snapshot.metadata.trailers(&reply.trailers);
        }
    }

    /// Makes the event of a call that went well. Never waits.
    fn announce(&self, facts: Facts<'_>, identity: Option<&Identity>) {
        let Self { snapshot, route, captures, parts, .. } = *self;
        let (Some(plan), Some(events)) = (&route.event, &snapshot.events) else { return };
        let user_agent = parts.headers.get(header::USER_AGENT).and_then(|value| value.to_str().ok());
        let caller = Caller {
            actor_id: identity.map_or("", |identity| &*identity.actor_id),
            actor_type: identity.map_or("", |identity| &*identity.actor_type),
            user_agent: user_agent.unwrap_or_default(),
        };
        let account = route.duties.account.as_ref().and_then(|source| source.text(captures, facts.request));
        events.push(plan.build(&facts, &caller, account.as_deref()));
    }
}

/// Whether the client said `TE: trailers` (RFC 9110, section 10.1.4).
fn takes_trailers(headers: &HeaderMap) -> bool {
    headers
        .get_all(header::TE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .any(|value| value.split(',').any(|coding| coding.trim().eq_ignore_ascii_case("trailers")))
}
