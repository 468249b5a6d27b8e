//! The steps of one call: find the binding, see who calls and whether they may, write the message, send it, write
//! the answer.
//!
//! Request path. Each step belongs to a room; here is only their order. A unary call allocates its metadata,
//! its frame and its answer.

use std::borrow::Cow;
use std::time::Instant;

use bytes::Bytes;
use http::request::Parts;
use http::{HeaderMap, Method, Request, Response, StatusCode, header};

use super::duties::FieldSource;
use super::{Peer, Route, Snapshot};
use crate::event::{Caller, Facts};
use crate::metadata;
use crate::observe::CallRecord;
use crate::policy::authz::Changes;
use crate::policy::{Admitted, Head, Identity};
use crate::protocol::{self, Answer, Body};
use crate::ratelimit::{self, Applied, Outcome};
use crate::route::Miss;
use crate::status::{Code, Origin, Status};
use crate::units::ByteSize;
use crate::upstream::{Call, Reply};
use crate::wire::frame;

impl Snapshot {
    /// Serves one request, filling in the record. Never fails: every error is an answer. Dropping the future
    /// cancels the call at the backend.
    pub async fn call<B>(&self, request: Request<B>, peer: &Peer, record: &mut CallRecord) -> Response<Body>
    where
        B: http_body::Body<Data = Bytes>,
    {
        record.generation = self.generation;
        let (parts, body) = request.into_parts();
        let response = match self.find(&parts) {
            Ok((route, captures)) => {
                record.route = Some(route.template.clone());
                record.rpc = Some(route.rpc.clone());
                record.upstream = Some(route.upstream_name.clone());
                let answer = self.answer(route, &captures, &parts, body, peer, record).await;
                answer.into_response()
            }
            Err(Refusal::Options(allow)) => protocol::no_content(allow),
            Err(Refusal::Status(status)) => self.error(&status, HeaderMap::new(), record).into_response(),
        };
        record.http_status = response.status();
        record.response_bytes = response.body().len() as u64;
        response
    }

    /// Steps 1 to 3: the binding and its decoded captures.
    fn find<'p>(&self, parts: &'p Parts) -> Result<(&Route, Vec<Cow<'p, str>>), Refusal> {
        let target = parts.uri.path_and_query().map_or(0, |target| target.as_str().len());
        if target > self.limits.uri {
            return Err(uri_too_long(self.limits.uri).into());
        }
        let found = match self.table.find(&parts.method, parts.uri.path()) {
            Ok(found) => found,
            Err(miss) => return Err(Refusal::of(miss, &parts.method)),
        };
        let Some(route) = self.routes.get(found.binding) else {
            return Err(protocol::of_miss(&Miss::NotFound).into());
        };
        route.serves()?;
        let captures =
            (0..route.captures).map(|variable| found.capture(variable)).collect::<Result<_, _>>()?;
        Ok((route, captures))
    }

    /// Steps 4 to 10, for success and failure alike.
    async fn answer<B>(
        &self,
        route: &Route,
        captures: &[Cow<'_, str>],
        parts: &Parts,
        body: B,
        peer: &Peer,
        record: &mut CallRecord,
    ) -> Answer
    where
        B: http_body::Body<Data = Bytes>,
    {
        let steps = Steps { snapshot: self, route, captures, parts, peer };
        let mut kept = Kept::default();
        let mut answer = match steps.all(body, &mut kept, record).await {
            Ok(json) => {
                Answer { status: StatusCode::OK, headers: kept.headers, json, trailers: HeaderMap::new() }
            }
            Err(status) => {
                record.shown = route.duties.shown(captures, &kept.message);
                self.error(&status, kept.headers, record)
            }
        };
        if let (Some(name), Some(version)) = (&self.version_header, &route.duties.api_version) {
            answer.headers.insert(name.clone(), version.clone());
        }
        kept.applied.write(&mut answer.headers);
        record.rate_limit = kept.applied.outcome.as_ref().map(Outcome::told);
        kept.changes.change_answer(&mut answer.headers);
        answer.trailers = kept.trailers;
        answer
    }

    fn error(&self, status: &Status, headers: HeaderMap, record: &mut CallRecord) -> Answer {
        record.code = status.code;
        record.origin = Some(status.origin);
        protocol::error(status, headers, &self.plans)
    }
}

/// One call between its route and its answer.
pub(super) struct Steps<'c> {
    snapshot: &'c Snapshot,
    pub(super) route: &'c Route,
    captures: &'c [Cow<'c, str>],
    parts: &'c Parts,
    peer: &'c Peer,
}

/// What a call leaves for its answer and its record, whatever becomes of it.
#[derive(Default)]
pub(super) struct Kept {
    /// Headers of the answer.
    headers: HeaderMap,
    /// Trailers of the answer.
    trailers: HeaderMap,
    /// The request message, as far as the call came.
    pub(super) message: Bytes,
    /// Who is calling, where it was asked.
    identity: Option<Identity>,
    /// What the rate limits came to.
    applied: Applied,
    /// What an authorizer changes of the answer.
    changes: Changes,
}

impl Steps<'_> {
    async fn all<B>(&self, body: B, kept: &mut Kept, record: &mut CallRecord) -> Result<Vec<u8>, Status>
    where
        B: http_body::Body<Data = Bytes>,
    {
        let call = self.prepare(body, kept, record).await?;
        let call = self.complete(call, kept, record).await?;
        if let Some(validator) = &self.route.validator {
            validator.check(&kept.message)?;
        }
        self.send(call, kept, record).await
    }

    /// Steps 4 to 7: everything that is decided before anything is sent.
    async fn prepare<B>(&self, body: B, kept: &mut Kept, record: &mut CallRecord) -> Result<Call, Status>
    where
        B: http_body::Body<Data = Bytes>,
    {
        let Self { snapshot, route, parts, .. } = *self;
        route.limits.check_early(&self.limited(kept.identity.as_ref()), &mut kept.applied)?;
        let admitted = self.admit(kept).await?;
        route.limits.check(&self.limited(kept.identity.as_ref()), &mut kept.applied).await?;
        let authority = parts.uri.authority().map(http::uri::Authority::as_str);
        let mut metadata = snapshot.metadata.request(&parts.headers, authority, self.peer)?;
        metadata.extend(kept.applied.request.drain());
        self.tell(&admitted, kept, &mut metadata);
        let wish = metadata::timeout(&parts.headers)?;
        // A body that the rule does not use is read all the same: else a client's disconnect stays unseen.
        let limit = route.duties.duties.max_message.unwrap_or(snapshot.limits.request_body);
        let body = protocol::read(body, limit, snapshot.limits.body_timeout).await?;
        record.request_bytes = body.len() as u64;
        let frame = self.frame(&body, kept)?;
        let identity = kept.identity.as_ref();
        route.in_account(snapshot.policy.as_ref(), identity, self.captures, &kept.message)?;
        Ok(Call { path: route.path.clone(), metadata, frame, timeout: route.deadlines.of(wish) })
    }

    /// Who is calling, and whether they may, as far as it can be told before the body is read.
    async fn admit(&self, kept: &mut Kept) -> Result<Admitted, Status> {
        let (method, uri, headers) = (&self.parts.method, &self.parts.uri, &self.parts.headers);
        let account = self.captured_account();
        let head = Head { method, uri, headers, peer: self.peer, rpc: &self.route.rpc, account };
        let mut admitted = self.route.admit(self.snapshot.policy.as_ref(), &head, self.captures).await?;
        kept.changes = std::mem::take(&mut admitted.answer);
        kept.identity.clone_from(&admitted.identity);
        Ok(admitted)
    }

    /// What rate limits may look at.
    fn limited<'l>(&'l self, identity: Option<&'l Identity>) -> ratelimit::Call<'l> {
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

    /// What the backend is told of the caller, and what an authorizer changes of it.
    fn tell(&self, admitted: &Admitted, kept: &Kept, metadata: &mut HeaderMap) {
        let Some(policy) = &self.snapshot.policy else { return };
        policy.tell_backend(kept.identity.as_ref(), &self.parts.headers, metadata);
        admitted.metadata.change_metadata(metadata);
    }

    /// The framed request message.
    fn frame(&self, body: &[u8], kept: &mut Kept) -> Result<Bytes, Status> {
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

    /// Steps 8 to 10: the answer's JSON.
    async fn send(&self, call: Call, kept: &mut Kept, record: &mut CallRecord) -> Result<Vec<u8>, Status> {
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

impl Route {
    /// Whether calls of the method are made at all.
    pub(super) fn serves(&self) -> Result<(), Status> {
        if self.streaming {
            let message = "this method streams, which is not supported yet";
            return Err(Status::new(Code::Unimplemented, message, Origin::Gateway));
        }
        Ok(())
    }
}

/// Why a request is answered before a call is made.
enum Refusal {
    /// OPTIONS on a known path: what is allowed there.
    Options(http::HeaderValue),
    Status(Status),
}

impl Refusal {
    fn of(miss: Miss, method: &Method) -> Self {
        match miss {
            Miss::MethodNotAllowed(mut methods) if method == Method::OPTIONS => {
                methods.push(Method::OPTIONS);
                Self::Options(protocol::allow(&methods))
            }
            miss => Self::Status(protocol::of_miss(&miss)),
        }
    }
}

impl From<Status> for Refusal {
    fn from(status: Status) -> Self {
        Self::Status(status)
    }
}

fn uri_too_long(limit: usize) -> Status {
    let limit = ByteSize(limit as u64);
    Status::new(
        Code::InvalidArgument,
        format!("the request target is longer than the limit of {limit}"),
        Origin::Client,
    )
    .with_http(StatusCode::URI_TOO_LONG)
}

/// Whether the client said `TE: trailers` (RFC 9110, section 10.1.4).
fn takes_trailers(headers: &HeaderMap) -> bool {
    headers
        .get_all(header::TE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .any(|value| value.split(',').any(|coding| coding.trim().eq_ignore_ascii_case("trailers")))
}
