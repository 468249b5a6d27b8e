//! The first step of a call: which binding it is for, and what its path holds. Request path.

use std::borrow::Cow;
use std::sync::Arc;

use http::request::Parts;
use http::{Method, StatusCode};

use super::health::Health;
use super::{Route, Snapshot};
use crate::protocol::{self, BodySettings};
use crate::route::{Match, Miss, WrongMethod};
use crate::status::{Code, Origin, Status};
use crate::units::ByteSize;

impl Snapshot {
    /// The binding and its decoded captures.
    pub(super) fn find<'p>(&self, parts: &'p Parts) -> Result<(&Arc<Route>, Vec<Cow<'p, str>>), Refusal<'_>> {
        let target = parts.uri.path_and_query().map_or(0, |target| target.as_str().len());
        if target > self.limits.uri {
            return Err(uri_too_long(self.limits.uri).into());
        }
        if let Some(health) = self.health.as_ref().filter(|health| health.is_asked(parts)) {
            return Err(Refusal::Health(health));
        }
        let found = match self.look_up(parts) {
            Ok(found) => found,
            Err(miss) => {
                let miss = match &self.health {
                    Some(health) => health.widen(miss, parts),
                    None => miss,
                };
                return Err(Refusal::of(miss, &parts.method));
            }
        };
        let Some(route) = self.routes.get(found.binding) else {
            return Err(protocol::of_miss(&Miss::NotFound).into());
        };
        let mut captures = Vec::with_capacity(route.captures);
        for capture in found.captures() {
            captures.push(capture?);
        }
        Ok((route, captures))
    }

    /// What the table has for a request. A posted form may mean another method: it says which, or the path has none for
    /// POST, and a GET that is too long for a target is meant.
    fn look_up<'t, 'p>(&'t self, parts: &'p Parts) -> Result<Match<'t, 'p>, Miss> {
        let (method, path) = (&parts.method, parts.uri.path());
        let allowed = |found: &Match<'_, '_>, allows: &dyn Fn(&BodySettings) -> bool| {
            self.routes.get(found.binding).is_some_and(|route| allows(&route.protocol.bodies))
        };
        if let Some(meant) = protocol::meant_method(method, &parts.headers)
            && let Ok(found) = self.table.find(&meant, path)
            && allowed(&found, &|bodies| bodies.overrides(&meant))
        {
            return Ok(found);
        }
        match self.table.find(method, path) {
            Err(Miss::MethodNotAllowed(methods)) if protocol::is_posted_form(method, &parts.headers) => {
                let found = self.table.find(&Method::GET, path).ok();
                let found =
                    found.filter(|found| allowed(found, &|bodies| bodies.form && bodies.form_fallback));
                found.ok_or(Miss::MethodNotAllowed(methods))
            }
            found => found,
        }
    }
}

/// Why a request is answered before a call is made.
pub(super) enum Refusal<'s> {
    /// It is no call, but asks for the health of a backend.
    Health(&'s Health),
    /// OPTIONS on a known path: what is allowed there.
    Options(http::HeaderValue),
    Status(Status),
}

impl Refusal<'_> {
    fn of(miss: Miss, method: &Method) -> Self {
        match miss {
            Miss::MethodNotAllowed(mut allowed)
                if method == Method::OPTIONS && allowed.answer == WrongMethod::MethodNotAllowed =>
            {
                allowed.methods.push(Method::OPTIONS);
                Self::Options(protocol::allow(&allowed.methods))
            }
            miss => Self::Status(protocol::of_miss(&miss)),
        }
    }
}

impl From<Status> for Refusal<'_> {
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
