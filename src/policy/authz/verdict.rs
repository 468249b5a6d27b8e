//! What an authorizer's answer comes to: the call goes on, with changes and perhaps an identity; it is refused; or
//! the answer is none. Not for asking.

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderValue, StatusCode};
use prost_types::value::Kind;
use prost_types::{Struct, Value};

use super::change::Changes;
use super::message::{CheckResponse, DeniedResponse, HeaderOption, HttpAnswer, OkResponse};
use super::{Given, Verdict};
use crate::policy::{Identity, MetadataNames, Method, Scope, is_carried};
use crate::status::{Body, Code, Origin, Status};

/// What an answer says.
#[derive(Debug)]
pub(super) enum Said {
    /// The call goes on.
    Allowed(Verdict),
    /// It is refused.
    Denied(Status),
    /// The authorizer could not decide; the status is for the client if that refuses calls.
    Failed(&'static str, Option<Status>),
}

/// Reads an answer. As Envoy has it, an answer without a status allows.
pub(super) fn read(
    response: CheckResponse,
    own: Option<&Identity>,
    names: &MetadataNames,
    given: &Given,
) -> Said {
    let code = response.status.map_or(0, |status| status.code);
    match (code, response.http_response) {
        (0, Some(HttpAnswer::Denied(_) | HttpAnswer::Error(_))) => {
            Said::Failed("its answer allows and denies at once", None)
        }
        (0, ok) => {
            let ok = match ok {
                Some(HttpAnswer::Ok(ok)) => ok,
                _ => OkResponse::default(),
            };
            allowed(&ok, response.dynamic_metadata.as_ref(), own, names, given)
        }
        (_, Some(HttpAnswer::Error(error))) => {
            let asked = error.status.as_ref().is_some_and(|status| status.code != 0);
            let shown = (asked || !error.body.is_empty()).then(|| denied(&error));
            Said::Failed("it says that it failed", shown)
        }
        (_, Some(HttpAnswer::Denied(answer))) => Said::Denied(denied(&answer)),
        (_, _) => Said::Denied(denied(&DeniedResponse::default())),
    }
}

fn allowed(
    ok: &OkResponse,
    outer: Option<&Struct>,
    own: Option<&Identity>,
    names: &MetadataNames,
    given: &Given,
) -> Said {
    let told = Told { facts: ok.dynamic_metadata.as_ref().or(outer), headers: &ok.headers };
    let Ok(identity) = told.identity(own, names, given) else {
        return Said::Failed("the actor that it names cannot be told to a backend", None);
    };
    let own_names = [&names.actor_id, &names.actor_type];
    Said::Allowed(Verdict {
        identity,
        metadata: Changes::of_metadata(&ok.headers, &ok.headers_to_remove, &own_names),
        answer: Changes::of_answer(&ok.response_headers_to_add),
        unheeded: !ok.query_parameters_to_set.is_empty() || !ok.query_parameters_to_remove.is_empty(),
    })
}

/// Where an authorizer may say who is calling: `dynamic_metadata`, or the headers that tell the backend.
struct Told<'a> {
    facts: Option<&'a Struct>,
    headers: &'a [HeaderOption],
}

impl Told<'_> {
    /// The identity that comes of it: the one known already with what the authorizer says of it, or a new one.
    fn identity(
        &self,
        own: Option<&Identity>,
        names: &MetadataNames,
        given: &Given,
    ) -> Result<Option<Identity>, ()> {
        let actor_id = self.name("actor_id", names.actor_id.as_str())?;
        let actor_type = self.name("actor_type", names.actor_type.as_str())?;
        let (accounts, permissions) = (self.scope("accounts"), self.scope("permissions"));
        let said = actor_id.is_some() || actor_type.is_some() || accounts.is_some() || permissions.is_some();
        if own.is_none() && actor_id.is_none() || !said {
            return Ok(own.cloned());
        }
        let mut identity = own.cloned().unwrap_or_else(|| given.identity());
        if let Some(actor_id) = actor_id {
            identity.actor_id = actor_id.into();
            identity.method = Method::External;
        }
        if let Some(actor_type) = actor_type {
            identity.actor_type = actor_type.into();
        }
        if let Some(name) = self.fact("name").and_then(text) {
            identity.name = Some(name.into());
        }
        identity.accounts = accounts.unwrap_or(identity.accounts);
        identity.permissions = permissions.unwrap_or(identity.permissions);
        Ok(Some(identity))
    }

    /// A name that backends are told; the headers' word counts where both say something.
    fn name(&self, fact: &str, header: &str) -> Result<Option<&str>, ()> {
        let headers = self.headers.iter().rev().filter_map(|option| option.header.as_ref());
        let header = headers
            .into_iter()
            .find(|one| one.key.eq_ignore_ascii_case(header))
            .map(|one| std::str::from_utf8(one.bytes()).unwrap_or_default());
        match header.or_else(|| self.fact(fact).and_then(text)) {
            None => Ok(None),
            Some(name) if is_carried(name) => Ok(Some(name)),
            Some(_) => Err(()),
        }
    }

    /// A list of texts, or one text with spaces between.
    fn scope(&self, fact: &str) -> Option<Scope> {
        match self.fact(fact)?.kind.as_ref()? {
            Kind::StringValue(list) => Some(Scope::of(list.split_ascii_whitespace())),
            Kind::ListValue(list) => Some(Scope::of(list.values.iter().filter_map(text))),
            // Anything else grants nothing.
            _ => Some(Scope::of([""; 0])),
        }
    }

    fn fact(&self, name: &str) -> Option<&Value> {
        self.facts?.fields.get(name).filter(|value| !matches!(value.kind, None | Some(Kind::NullValue(_))))
    }
}

fn text(value: &Value) -> Option<&str> {
    match &value.kind {
        Some(Kind::StringValue(text)) => Some(text),
        _ => None,
    }
}

/// The answer that an authorizer wrote for the client; 403 where it says nothing.
fn denied(answer: &DeniedResponse) -> Status {
    let written = answer.status.as_ref().map_or(0, |status| status.code);
    let http = u16::try_from(written).ok().filter(|code| (200..600).contains(code));
    let http = http.and_then(|code| StatusCode::from_u16(code).ok()).unwrap_or(StatusCode::FORBIDDEN);
    let mut status = refusal(http);
    let mut headers = HeaderMap::new();
    Changes::of_answer(&answer.headers).change_answer(&mut headers);
    if !headers.is_empty() {
        status.headers = Some(Box::new(headers));
    }
    if answer.body.is_empty() {
        return status;
    }
    let content_type = content_type(&answer.headers);
    status.with_body(Body { content_type, bytes: Bytes::copy_from_slice(answer.body.as_bytes()) })
}

/// A refusal of the authorizer's, in its HTTP status.
pub(super) fn refusal(http: StatusCode) -> Status {
    let code = match http.as_u16() {
        400 => Code::InvalidArgument,
        401 => Code::Unauthenticated,
        404 => Code::NotFound,
        409 => Code::Aborted,
        429 => Code::ResourceExhausted,
        500.. => Code::Unavailable,
        _ => Code::PermissionDenied,
    };
    Status::new(code, "the call is not allowed", Origin::Client).with_http(http)
}

/// What the authorizer says its body is; text, as Envoy has it.
fn content_type(headers: &[HeaderOption]) -> HeaderValue {
    let mut said = headers.iter().filter_map(|option| option.header.as_ref());
    let said = said.rfind(|header| header.key.eq_ignore_ascii_case(CONTENT_TYPE.as_str()));
    let said = said.and_then(|header| HeaderValue::from_bytes(header.bytes()).ok());
    said.unwrap_or(HeaderValue::from_static("text/plain"))
}
