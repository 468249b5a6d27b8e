//! A limit that is kept elsewhere, for many gateways together: Envoy's rate limit service, asked before a call is
//! made.
//!
//! Its answer may be late or none at all: then calls go on or are refused, by config. A call costs the question
//! (its descriptors, a frame) and the wait.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::RETRY_AFTER;
use http::{HeaderMap, HeaderName, HeaderValue};

use super::address::Addressing;
use super::key::{Call, Source};
use super::refusal;
use super::rls::{Code, Descriptor, DescriptorStatus, Entry, Request, Response, SHOULD_RATE_LIMIT, Unit};
use super::standing::{Applied, Outcome, Standing};
use crate::metadata;
use crate::problem::{Place, Problems};
use crate::status::{Body, Status};
use crate::upstream;

/// A rate limit service and what it is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceSettings {
    /// Where it is.
    pub upstream: upstream::Settings,
    /// The domain of the limits, as the service's own configuration names it.
    pub domain: String,
    /// How long to wait for an answer.
    pub timeout: Duration,
    /// What happens to a call when there is none.
    pub on_failure: OnFailure,
    /// What it is told of a call.
    pub descriptors: Vec<DescriptorSettings>,
    /// How addresses are found.
    pub addressing: Addressing,
}

/// What happens to a call when the service does not answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnFailure {
    /// It goes on.
    Allow,
    /// It is refused with 503.
    Deny,
}

/// One descriptor: entries in order. It is left out for a call that lacks the value of one of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DescriptorSettings {
    /// Globs of the methods that it is for, `pkg.Service/Method`; empty: all.
    pub methods: Vec<String>,
    /// Keys and where their values come from.
    pub entries: Vec<(String, Value)>,
    /// Where it was written.
    pub place: Place,
}

/// The value of a descriptor's entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// Read out of the call.
    From(Source),
    /// Always the same.
    Text(String),
}

/// A rate limit service, ready to be asked.
#[derive(Debug)]
pub(super) struct Service {
    settings: ServiceSettings,
    link: Arc<upstream::Service>,
}

impl Service {
    /// Prepares a service, keeping the connections of an earlier generation where they are the same. Must be
    /// called within a tokio runtime.
    pub(super) fn prepare(
        settings: &ServiceSettings,
        previous: Option<&Self>,
        problems: &mut Problems,
    ) -> Option<Self> {
        let kept = previous.map(|previous| &previous.link);
        let link = upstream::Service::prepare(&settings.upstream, kept, problems)?;
        Some(Self { settings: settings.clone(), link })
    }

    /// Its settings.
    pub(super) fn settings(&self) -> &ServiceSettings {
        &self.settings
    }

    /// Asks whether a call may be made.
    pub(super) async fn ask(
        &self,
        descriptors: &[DescriptorSettings],
        call: &Call<'_>,
        applied: &mut Applied,
    ) -> Result<(), Status> {
        let addressing = self.settings.addressing;
        let told: Vec<_> = descriptors.iter().filter_map(|one| one.describe(call, addressing)).collect();
        if told.is_empty() {
            return Ok(());
        }
        let request = Request { domain: self.settings.domain.clone(), descriptors: told };
        match self.answer(&request, call.headers).await {
            Ok(response) => {
                if self.link.answers() {
                    tracing::info!("the rate limit service answers again");
                }
                judge(&request, &response, applied)
            }
            Err(why) => {
                if self.link.fails() {
                    tracing::warn!(reason = why, "the rate limit service does not answer");
                }
                self.unasked(applied)
            }
        }
    }

    /// The service's answer, or why there is none, for the log.
    async fn answer(&self, request: &Request, headers: &HeaderMap) -> Result<Response, String> {
        let (metadata, timeout) = (metadata::correlation(headers), self.settings.timeout);
        let response: Response = self.link.ask(SHOULD_RATE_LIMIT, request, metadata, timeout).await?;
        if response.overall_code() == Code::Unknown {
            return Err("its answer says neither yes nor no".to_owned());
        }
        Ok(response)
    }

    fn unasked(&self, applied: &mut Applied) -> Result<(), Status> {
        match self.settings.on_failure {
            OnFailure::Allow => {
                applied.outcome = Some(Outcome::UnaskedAllowed);
                Ok(())
            }
            OnFailure::Deny => {
                applied.outcome = Some(Outcome::UnaskedDenied);
                Err(refusal::unasked())
            }
        }
    }
}

impl DescriptorSettings {
    fn describe(&self, call: &Call<'_>, addressing: Addressing) -> Option<Descriptor> {
        let entries = self.entries.iter().map(|(key, value)| {
            let value = match value {
                Value::Text(text) => text.clone(),
                // The service does not take empty values.
                Value::From(source) => {
                    source.text(call, addressing).filter(|text| !text.is_empty())?.into_owned()
                }
            };
            Some(Entry { key: key.clone(), value })
        });
        Some(Descriptor { entries: entries.collect::<Option<_>>()? })
    }
}

/// What the service's answer means for the call.
fn judge(request: &Request, response: &Response, applied: &mut Applied) -> Result<(), Status> {
    response.statuses.iter().filter_map(standing).for_each(|standing| applied.note(standing));
    applied.answer = headers(&response.response_headers_to_add);
    if response.overall_code() != Code::OverLimit {
        applied.request = headers(&response.request_headers_to_add);
        return Ok(());
    }
    applied.outcome = Some(Outcome::RefusedOutside);
    let used_up = || {
        response.statuses.iter().zip(&request.descriptors).filter(|(one, _)| one.code() == Code::OverLimit)
    };
    let wait = used_up().filter_map(|(one, _)| reset(one)).max();
    let violations = used_up().map(|(one, descriptor)| violation(one, descriptor)).collect();
    let mut status = refusal::used_up_outside(wait, violations);
    if applied.answer.contains_key(RETRY_AFTER) {
        status.headers = None;
    }
    if !response.raw_body.is_empty() {
        status = status.with_body(raw_body(response));
    }
    Err(status)
}

fn standing(status: &DescriptorStatus) -> Option<Standing> {
    Some(Standing {
        limit: status.current_limit.as_ref()?.requests_per_unit,
        remaining: status.limit_remaining,
        reset: reset(status).unwrap_or_default(),
        refused: status.code() == Code::OverLimit,
    })
}

fn reset(status: &DescriptorStatus) -> Option<Duration> {
    status.duration_until_reset.and_then(|time| time.try_into().ok())
}

/// A limit that is used up, by its name, or by the keys (never the values) that it is for.
fn violation(
    status: &DescriptorStatus,
    descriptor: &Descriptor,
) -> tonic_types::pb::quota_failure::Violation {
    let keys: Vec<_> = descriptor.entries.iter().map(|entry| entry.key.as_str()).collect();
    let Some(limit) = &status.current_limit else { return refusal::violation(keys.join(" "), String::new()) };
    let subject = if limit.name.is_empty() { keys.join(" ") } else { limit.name.clone() };
    let unit = match limit.unit() {
        Unit::Unknown => "",
        Unit::Second => " a second",
        Unit::Minute => " a minute",
        Unit::Hour => " an hour",
        Unit::Day => " a day",
        Unit::Month => " a month",
        Unit::Year => " a year",
    };
    refusal::violation(subject, format!("no more than {}{unit}", limit.requests_per_unit))
}

/// The headers that may be set for another: none that belong to the connection or to gRPC.
fn headers(listed: &[super::rls::HeaderValue]) -> HeaderMap {
    let pairs = listed.iter().filter_map(|header| {
        let name = HeaderName::try_from(header.key.as_str()).ok()?;
        (!metadata::is_reserved(name.as_str())).then_some((name, header.value()?))
    });
    pairs.collect()
}

impl super::rls::HeaderValue {
    fn value(&self) -> Option<HeaderValue> {
        let bytes = if self.value.is_empty() { self.raw_value.as_ref() } else { self.value.as_bytes() };
        HeaderValue::from_bytes(bytes).ok()
    }
}

/// The body of a refusal, of the type that the service names.
fn raw_body(response: &Response) -> Body {
    let mut named = response.response_headers_to_add.iter();
    let named = named.find(|header| header.key.eq_ignore_ascii_case("content-type"));
    Body {
        content_type: named.and_then(super::rls::HeaderValue::value).unwrap_or(PLAIN),
        bytes: Bytes::clone(&response.raw_body),
    }
}

const PLAIN: HeaderValue = HeaderValue::from_static("text/plain");
