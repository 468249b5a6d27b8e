//! A route's duties made ready: where its account and the fields of its record are found, what its answers carry.

use std::borrow::Cow;
use std::sync::Arc;

use http::HeaderValue;

use crate::duty::Duties;
use crate::field::Selector;
use crate::rule::{Binding, FieldPath};
use crate::status::{Code, Origin, Status};
use crate::units::ByteSize;

/// The duties of one route.
#[derive(Debug)]
pub(super) struct RouteDuties {
    pub duties: Arc<Duties>,
    /// Where the account is found that the call is about.
    pub account: Option<FieldSource>,
    /// Where the messages of a request stream behind the first may name another.
    later_account: Option<Selector>,
    /// The version of the API, as answers carry it.
    pub api_version: Option<HeaderValue>,
    log_fields: Box<[(Arc<str>, FieldSource)]>,
}

/// Where a request's field is found.
#[derive(Debug)]
pub(super) enum FieldSource {
    /// In the path, by the index of its variable: known before the body is read.
    Capture(usize),
    /// In the message.
    Message(Selector),
}

impl FieldSource {
    fn of(path: &FieldPath, binding: &Binding) -> Option<Self> {
        match binding.variables.iter().position(|variable| variable == path) {
            Some(variable) => Some(Self::Capture(variable)),
            None => Selector::of(path).map(Self::Message),
        }
    }

    /// The text of the field, as far as it is known: `message` is empty before the body was read. `None`: it is not set.
    pub fn text<'c>(&self, captures: &'c [Cow<'_, str>], message: &'c [u8]) -> Option<Cow<'c, str>> {
        match self {
            Self::Capture(variable) => captures.get(*variable).map(|text| Cow::Borrowed(&**text)),
            Self::Message(selector) => selector.text(message),
        }
    }
}

impl RouteDuties {
    pub fn of(duties: Arc<Duties>, binding: &Binding) -> Self {
        let shown = duties.log_fields.iter().filter_map(|(name, path)| {
            Some((format!("request.{name}").into(), FieldSource::of(path, binding)?))
        });
        Self {
            log_fields: shown.collect(),
            account: duties.account.as_ref().and_then(|path| FieldSource::of(path, binding)),
            later_account: duties.account.as_ref().and_then(Selector::of),
            api_version: duties.api_version.as_ref().and_then(|version| HeaderValue::try_from(version).ok()),
            duties,
        }
    }

    /// Whether a request message of so many bytes may be sent.
    ///
    /// # Errors
    /// 413 when it is larger than the method's own limit.
    pub fn admit(&self, message: usize) -> Result<(), Status> {
        match self.duties.max_message.filter(|limit| message > *limit) {
            None => Ok(()),
            Some(limit) => Err(too_large(limit)),
        }
    }

    /// The account that a message of a request stream behind the first names for itself, if it does.
    pub fn named_later<'m>(&self, message: &'m [u8]) -> Option<Cow<'m, str>> {
        self.later_account.as_ref()?.text(message).filter(|account| !account.is_empty())
    }

    /// What the record of a failed call shows of its request.
    pub fn shown(&self, captures: &[Cow<'_, str>], message: &[u8]) -> Vec<(Arc<str>, String)> {
        let shown = self.log_fields.iter().filter_map(|(name, source)| {
            let text = source.text(captures, message).filter(|text| !text.is_empty())?;
            Some((Arc::clone(name), text.chars().take(SHOWN).collect()))
        });
        shown.collect()
    }
}

/// How many characters of a field the record shows.
const SHOWN: usize = 256;

fn too_large(limit: usize) -> Status {
    let limit = ByteSize(u64::try_from(limit).unwrap_or(u64::MAX));
    let message = format!("the request message is larger than the method's limit of {limit}");
    Status::new(Code::ResourceExhausted, message, Origin::Client)
        .with_http(http::StatusCode::PAYLOAD_TOO_LARGE)
}
