//! The steps of one call between its route and its answer, each by itself; their order is in `call`.
//!
//! Request path. A unary call allocates its metadata, its frame and its answer.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use http::request::Parts;
use http::{HeaderMap, StatusCode, header};

use super::duties::FieldSource;
use super::{Peer, Route, Snapshot};
use crate::event::{Caller, EventPlan, Events, Facts};
use crate::metadata::remove_aliases;
use crate::observe::CallRecord;
use crate::policy::authz::Changes;
use crate::policy::{Admitted, Head, Identity};
use crate::protocol;
use crate::ratelimit::{self, Applied};
use crate::status::{Code, Origin, Status};
use crate::transcode::MaskFrom;
use crate::upstream::{Call, Reply, Upstream};

/// One call between its route and its answer.
pub(super) struct Steps<'c> {
    pub(super) snapshot: &'c Arc<Snapshot>,
    pub(super) route: &'c Arc<Route>,
    pub(super) captures: &'c [Cow<'c, str>],
    pub(super) parts: &'c Parts,
    pub(super) peer: &'c Peer,
}

/// What a call leaves for its answer and its record, whatever becomes of it.
#[derive(Default)]
pub(super) struct Kept {
    /// Headers of the answer.
    pub(super) headers: HeaderMap,
    /// The status that the backend wants the answer to have.
    pub(super) status: Option<StatusCode>,
    /// Trailers of the answer.
    pub(super) trailers: HeaderMap,
    /// The request message, as far as the call came.
    pub(super) message: Bytes,
    /// Who made the mask of the message.
    pub(super) mask: MaskFrom,
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
        let Some(policy) = &self.snapshot.policy else { return Ok(Admitted::default()) };
        let mut admitted = policy.identify(&head, &self.route.duties.duties).await?;
        kept.changes = std::mem::take(&mut admitted.answer);
        kept.identity = admitted.identity.take();
        self.route.permit(policy, kept.identity.as_ref(), self.captures)?;
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
        let Self { snapshot, route, parts, .. } = *self;
        let authority = parts.uri.authority().map(http::uri::Authority::as_str);
        let mut metadata = route.metadata.request(&parts.headers, authority, self.peer)?;
        metadata.extend(kept.applied.request.drain());
        remove_aliases(&snapshot.reserved_metadata, &mut metadata);
        if let Some(policy) = &snapshot.policy {
            policy.tell_backend(kept.identity.as_ref(), &parts.headers, &mut metadata);
            admitted.metadata.change_metadata(&mut metadata);
        }
        Ok(metadata)
    }

    /// Whether the caller may act on the account that the message is about.
    pub(super) fn in_account(&self, kept: &Kept) -> Result<(), Status> {
        if self.captured_account().is_some() {
            // It was checked before the body was read.
            return Ok(());
        }
        let policy = self.snapshot.policy.as_ref();
        self.route.in_account(policy, kept.identity.as_ref(), self.captures, &kept.message)
    }

    /// Whether the message keeps the rules of the contract.
    pub(super) fn validate(&self, kept: &Kept) -> Result<(), Status> {
        self.route.validator.as_ref().map_or(Ok(()), |validator| validator.check(&kept.message))
    }

    /// The framed request message that the whole body, the path and the query make.
    pub(super) async fn message<B>(
        &self,
        body: &mut Option<B>,
        kept: &mut Kept,
        record: &mut CallRecord,
    ) -> Result<Bytes, Status>
    where
        B: http_body::Body<Data = Bytes> + Unpin,
    {
        let limits = &self.snapshot.limits;
        let limit = self.route.duties.duties.max_message.unwrap_or(limits.request_body);
        // A body that the rule does not use is read all the same: else a client's disconnect stays unseen.
        let body = match body {
            Some(body) => protocol::read(body, limit, limits.body_timeout).await?,
            None => Bytes::new(),
        };
        record.request_bytes = body.len() as u64;
        self.frame(&body, kept)
    }

    /// The call's response message.
    pub(super) async fn send(
        &self,
        call: Call,
        kept: &mut Kept,
        record: &mut CallRecord,
    ) -> Result<Bytes, Status> {
        let route = self.route;
        let sent = Instant::now();
        let mut reply = match self.announcement(&call, kept) {
            None => route.upstream.unary(call).await,
            Some(announcement) => announced(announcement, Arc::clone(&route.upstream), call).await,
        };
        record.upstream_time = Some(record.upstream_time.unwrap_or_default() + sent.elapsed());
        self.keep(&mut reply, kept);
        reply.outcome
    }

    /// What an answer carries of a backend's reply.
    pub(super) fn keep(&self, reply: &mut Reply, kept: &mut Kept) {
        let answers = &self.route.protocol.answers;
        let first = answers.take_status(&mut reply.metadata);
        kept.status = answers.take_status(&mut reply.trailers).or(first);
        self.route.metadata.answer(&reply.metadata, &mut kept.headers);
        self.keep_trailers(&reply.trailers, kept);
    }

    /// What trailers carry of a backend's, where the client takes them.
    pub(super) fn keep_trailers(&self, trailers: &HeaderMap, kept: &mut Kept) {
        if takes_trailers(&self.parts.headers) {
            kept.trailers = self.route.metadata.trailers(trailers);
        }
    }

    /// What the event of the call will be made of, if it makes one.
    fn announcement(&self, call: &Call, kept: &Kept) -> Option<Announcement> {
        let Self { snapshot, route, captures, parts, .. } = *self;
        let (plan, events) = (route.event.as_ref()?, snapshot.events.as_ref()?);
        let account = route.duties.account.as_ref().and_then(|source| source.text(captures, &kept.message));
        let user_agent = parts.headers.get(header::USER_AGENT).and_then(|value| value.to_str().ok());
        Some(Announcement {
            plan: Arc::clone(plan),
            events: Arc::clone(events),
            request: kept.message.clone(),
            metadata: plan.kept(&call.metadata),
            identity: kept.identity.clone(),
            user_agent: user_agent.unwrap_or_default().to_owned(),
            account: account.map(Cow::into_owned),
        })
    }
}

/// Whether the client said `TE: trailers` (RFC 9110, section 10.1.4).
pub(super) fn takes_trailers(headers: &HeaderMap) -> bool {
    headers
        .get_all(header::TE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .any(|value| value.split(',').any(|coding| coding.trim().eq_ignore_ascii_case("trailers")))
}

/// What the event of a call is made of, but for the reply.
struct Announcement {
    plan: Arc<EventPlan>,
    events: Arc<Events>,
    request: Bytes,
    metadata: HeaderMap,
    identity: Option<Identity>,
    user_agent: String,
    account: Option<String>,
}

impl Announcement {
    /// Makes the event, if the call went well. Never waits.
    fn make(&self, reply: &Reply) {
        let Ok(response) = &reply.outcome else { return };
        let facts = Facts {
            request: &self.request,
            response,
            request_metadata: &self.metadata,
            response_metadata: &reply.metadata,
            response_trailers: &reply.trailers,
        };
        let identity = self.identity.as_ref();
        let caller = Caller {
            actor_id: identity.map_or("", |identity| &*identity.actor_id),
            actor_type: identity.map_or("", |identity| &*identity.actor_type),
            user_agent: &self.user_agent,
        };
        self.events.push(self.plan.build(&facts, &caller, self.account.as_deref()));
    }
}

/// Sends a call that makes an event, to its end: what the backend was asked to change it changes, whether the client
/// waits for the answer or not, and nobody can keep a change out of the events by going away.
async fn announced(announcement: Announcement, upstream: Arc<Upstream>, call: Call) -> Reply {
    let whole = tokio::spawn(async move {
        let reply = upstream.unary(call).await;
        announcement.make(&reply);
        reply
    });
    whole
        .await
        .unwrap_or_else(|_| Reply::failed(Status::new(Code::Internal, "internal error", Origin::Gateway)))
}
