//! The answers of calls that are refused: 429 with `Retry-After`, `google.rpc.RetryInfo` and
//! `google.rpc.QuotaFailure`. They name limits, never callers.

use std::time::Duration;

use http::header::RETRY_AFTER;
use prost::Message;
use prost_types::Any;
use tonic_types::pb::{QuotaFailure, RetryInfo, quota_failure::Violation};

use super::local::LocalSettings;
use super::standing::seconds;
use crate::status::{Code, Origin, Status};

/// A local limit is used up until `wait` has passed.
pub(super) fn used_up(limit: &LocalSettings, wait: Duration) -> Status {
    let description = format!("no more than {} with a burst of {}", limit.rate, limit.burst);
    let violations = vec![violation(limit.name.to_string(), description)];
    exhausted(format!("the rate limit `{}` is used up", limit.name), Some(wait), violations)
}

/// The external service says that limits are used up.
pub(super) fn used_up_outside(wait: Option<Duration>, violations: Vec<Violation>) -> Status {
    exhausted("the rate limit is used up".to_owned(), wait, violations)
}

/// The external service could not be asked, and no call goes on without.
pub(super) fn unasked() -> Status {
    Status::new(Code::Unavailable, "the rate limit cannot be checked at the moment", Origin::Gateway)
}

fn exhausted(message: String, wait: Option<Duration>, violations: Vec<Violation>) -> Status {
    let mut status = Status::new(Code::ResourceExhausted, message, Origin::Gateway);
    if let Some(wait) = wait {
        status = status.with_header(RETRY_AFTER, seconds(wait));
        let delay = prost_types::Duration::try_from(wait).ok();
        status.details.push(any("google.rpc.RetryInfo", &RetryInfo { retry_delay: delay }));
    }
    if !violations.is_empty() {
        status.details.push(any("google.rpc.QuotaFailure", &QuotaFailure { violations }));
    }
    status
}

/// A limit that is used up, in Google's words.
pub(super) fn violation(subject: String, description: String) -> Violation {
    Violation { subject, description, ..Violation::default() }
}

fn any(name: &str, message: &impl Message) -> Any {
    Any { type_url: format!("type.googleapis.com/{name}"), value: message.encode_to_vec() }
}
