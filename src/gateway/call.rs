//! The steps of one call, in their order: find the binding, see who calls and whether they may, write the message,
//! complete and check it, send it, write the answer.
//!
//! Request path. Each step belongs to a room (`steps` calls them); here is only their order.

use std::borrow::Cow;
use std::sync::Arc;

use bytes::Bytes;
use http::request::Parts;
use http::{HeaderMap, Request, Response};

use super::find::Refusal;
use super::steps::{Kept, Steps};
use super::{Peer, Route, Snapshot};
use crate::metadata;
use crate::observe::CallRecord;
use crate::policy::Identity;
use crate::protocol::{self, Answer, Body};
use crate::ratelimit::Outcome;
use crate::status::{Code, Origin, Status};
use crate::transcode::Plans;
use crate::upstream::{Call, Opening};

impl Snapshot {
    /// Serves one request, filling in the record. Never fails: every error is an answer. Dropping the future
    /// cancels the call at the backend. A body that is needed for longer than the answer's head is taken out of the
    /// request.
    pub async fn call<B>(
        self: &Arc<Self>,
        request: Request<&mut Option<B>>,
        peer: &Peer,
        record: &mut CallRecord,
    ) -> Response<Body>
    where
        B: http_body::Body<Data = Bytes> + Send + Unpin + 'static,
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
            Err(Refusal::Health(health)) => Box::pin(self.tell(health, &parts, record)).await.into_response(),
            Err(Refusal::Options(allow)) => protocol::no_content(allow),
            Err(Refusal::Status(status)) => {
                Self::error(&status, HeaderMap::new(), &self.common(), &parts.headers, record).into_response()
            }
        };
        record.http_status = response.status();
        record.response_bytes = response.body().len() as u64;
        response
    }

    /// The steps behind the route, for success and failure alike.
    async fn answer<B>(
        self: &Arc<Self>,
        route: &Arc<Route>,
        captures: &[Cow<'_, str>],
        parts: &Parts,
        body: &mut Option<B>,
        peer: &Peer,
        record: &mut CallRecord,
    ) -> Answer
    where
        B: http_body::Body<Data = Bytes> + Send + Unpin + 'static,
    {
        let steps = Steps { snapshot: self, route, captures, parts, peer };
        let mut kept = Kept::default();
        let outcome = steps.all(body, &mut kept, record).await;
        record.caller = kept.identity.as_ref().map(Identity::told);
        let answers = &route.protocol.answers;
        let mut answer = match outcome {
            Ok(body) => {
                let status = kept.status.unwrap_or_else(|| answers.success(route.fieldless));
                Answer { status, headers: kept.headers, body, trailers: HeaderMap::new() }
            }
            Err(status) => {
                record.shown = route.duties.shown(captures, &kept.message);
                let way = (route.plan.plans(), &*route.protocol);
                Self::error(&status, kept.headers, &way, &parts.headers, record)
            }
        };
        if let (Some(name), Some(version)) = (&self.version_header, &route.duties.api_version) {
            answer.headers.insert(name.clone(), version.clone());
        }
        for (name, value) in &answers.headers {
            answer.headers.entry(name).or_insert_with(|| value.clone());
        }
        kept.applied.write(&mut answer.headers);
        record.rate_limit = kept.applied.outcome.as_ref().map(Outcome::told);
        kept.changes.change_answer(&mut answer.headers);
        answer.trailers = kept.trailers;
        if answers.etag {
            answer.revalidate(&parts.method, &parts.headers);
        }
        answer
    }

    /// How answers are written that are about no method.
    pub(super) fn common(&self) -> (&Plans, &protocol::Settings) {
        (&self.common_plans, &self.protocol)
    }

    pub(super) fn error(
        status: &Status,
        headers: HeaderMap,
        (plans, settings): &(&Plans, &protocol::Settings),
        asked: &HeaderMap,
        record: &mut CallRecord,
    ) -> Answer {
        record.code = status.code;
        record.origin = Some(status.origin);
        let let_in = !matches!(status.code, Code::Unauthenticated | Code::PermissionDenied);
        if !let_in && status.origin != Origin::Upstream {
            record.refusal = Some(status.message.clone());
        }
        protocol::error(status, headers, plans, settings, asked)
    }
}

impl Steps<'_> {
    /// The steps behind the route, in their order.
    async fn all<B>(
        &self,
        body: &mut Option<B>,
        kept: &mut Kept,
        record: &mut CallRecord,
    ) -> Result<Body, Status>
    where
        B: http_body::Body<Data = Bytes> + Send + Unpin + 'static,
    {
        let Self { route, parts, .. } = *self;
        route.limits.check_early(&self.limited(None), &mut kept.applied)?;
        let admitted = self.admit(kept).await?;
        route.limits.check(&self.limited(kept.identity.as_ref()), &mut kept.applied).await?;
        let metadata = self.metadata(&admitted, kept)?;
        let timeout = route.deadlines.of(metadata::timeout(&parts.headers)?);
        if let Some(streams) = route.streams {
            let opening = Opening { path: route.path.clone(), metadata, timeout };
            // In a box, as whatever few calls need, so that the others do not carry the room for it.
            return Box::pin(self.stream(streams, body, opening, kept, record)).await;
        }
        let frame = self.message(body, kept, record).await?;
        self.in_account(kept)?;
        let call = Call { path: route.path.clone(), metadata, frame, timeout };
        let call = self.complete(call, kept, record).await?;
        self.validate(kept)?;
        let message = self.send(call, kept, record).await?;
        self.written(&message, kept)
    }
}
