//! A webhook: each event is a CloudEvent, posted in structured mode. A 2xx means that it was taken.

use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::header::{CONTENT_TYPE, RETRY_AFTER, USER_AGENT};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, Uri};
use http_body_util::Full;

use super::super::envelope::{Envelope, MEDIA_TYPE};
use super::super::record::Record;
use super::{Delivered, Fault};
use crate::client::HttpClient;
use crate::problem::{Place, Problems};
use crate::units::Secret;

/// An HTTP server that takes CloudEvents.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebhookSettings {
    /// Where events are posted. Its query may hold a secret.
    pub url: Secret,
    /// Headers of each request, whose values may be secrets.
    pub headers: Vec<(String, Secret)>,
    /// PEM file of trusted roots; `None`: the system's.
    pub roots: Option<PathBuf>,
    /// How long an answer may take.
    pub timeout: Duration,
}

/// A webhook that is ready to be called.
pub(in super::super) struct Webhook {
    client: HttpClient,
    url: Uri,
    headers: HeaderMap,
    timeout: Duration,
    envelope: Envelope,
}

/// More of an answer's body than this is not read.
const ANSWER: usize = 64 << 10;

impl Webhook {
    pub fn prepare(settings: &WebhookSettings, envelope: Envelope) -> Result<Self, String> {
        let mut problems = Problems::new();
        let client = HttpClient::prepare(settings.roots.as_deref(), &Place::default(), &mut problems);
        let client = client.ok_or_else(|| {
            problems.iter().map(|problem| problem.what.as_str()).collect::<Vec<_>>().join("; ")
        })?;
        let url = settings.url.reveal().parse().map_err(|_| "the url is none".to_owned())?;
        let mut headers = HeaderMap::new();
        headers.insert(USER_AGENT, HeaderValue::from_static(concat!("transom/", env!("CARGO_PKG_VERSION"))));
        for (name, value) in &settings.headers {
            let known =
                HeaderName::try_from(name.as_str()).ok().zip(HeaderValue::try_from(value.reveal()).ok());
            let (name, mut value) = known.ok_or_else(|| format!("the header `{name}` cannot be sent"))?;
            value.set_sensitive(true);
            headers.insert(name, value);
        }
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE));
        Ok(Self { client, url, headers, timeout: settings.timeout, envelope })
    }

    /// Posts one event after the other, so that they stay in order.
    pub async fn deliver(&mut self, events: &[Record]) -> Delivered {
        let mut taken = 0;
        for event in events {
            if let Err(fault) = self.post(event).await {
                return Delivered { taken, fault: Some(fault) };
            }
            taken += 1;
        }
        Delivered { taken, fault: None }
    }

    async fn post(&self, event: &Record) -> Result<(), Fault> {
        let mut request = Request::new(Full::new(Bytes::from(self.envelope.wrap(event))));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = self.url.clone();
        *request.headers_mut() = self.headers.clone();
        let answer = self.client.send(request, ANSWER, self.timeout).await;
        judge(&answer.map_err(|fault| Fault::of(fault.to_string()))?)
    }
}

/// What an answer means: a server that is busy or broken will take the event later, any other refusal is meant.
fn judge(answer: &Response<Bytes>) -> Result<(), Fault> {
    let status = answer.status();
    if status.is_success() {
        return Ok(());
    }
    let passing = status.is_server_error()
        || matches!(
            status,
            StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_EARLY | StatusCode::TOO_MANY_REQUESTS
        );
    Err(Fault {
        why: format!("it answered {}", status.as_u16()),
        refused: !passing,
        wait: answer.headers().get(RETRY_AFTER).and_then(retry_after),
    })
}

/// `Retry-After`, in seconds or as a date.
fn retry_after(value: &HeaderValue) -> Option<Duration> {
    let text = value.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    date(text)?.duration_since(SystemTime::now()).ok()
}

/// An HTTP date as it is written today: `Sun, 06 Nov 1994 08:49:37 GMT`.
fn date(text: &str) -> Option<SystemTime> {
    let (_, rest) = text.split_once(", ")?;
    let parts: Vec<_> = rest.split([' ', ':']).collect();
    let [day, month, year, hour, minute, second, "GMT"] = parts[..] else { return None };
    let month = 1 + MONTHS.iter().position(|name| *name == month)?;
    let text = format!("{year}-{month:02}-{day}T{hour}:{minute}:{second}Z");
    humantime::parse_rfc3339(&text).ok()
}

const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_taken_passing_or_refused() {
        for (status, expected) in [
            (200, None),
            (202, None),
            (204, None),
            (301, Some(true)),
            (400, Some(true)),
            (401, Some(true)),
            (404, Some(true)),
            (408, Some(false)),
            (410, Some(true)),
            (425, Some(false)),
            (429, Some(false)),
            (500, Some(false)),
            (503, Some(false)),
        ] {
            let mut answer = Response::new(Bytes::new());
            *answer.status_mut() = StatusCode::from_u16(status).expect("a status");
            assert_eq!(judge(&answer).err().map(|fault| fault.refused), expected, "{status}");
        }
    }

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        let of = |text: &'static str| retry_after(&HeaderValue::from_static(text));
        assert_eq!(of("120"), Some(Duration::from_mins(2)));
        assert_eq!(of("soon"), None);
        assert_eq!(of("Sun, 06 Nov 1994 08:49:37 GMT"), None, "it is past");
        let known = date("Sun, 06 Nov 1994 08:49:37 GMT").expect("a date");
        assert_eq!(humantime::format_rfc3339_seconds(known).to_string(), "1994-11-06T08:49:37Z");
        assert!(of("Fri, 01 Jan 2100 00:00:00 GMT").is_some_and(|wait| wait > Duration::from_hours(24)));
    }
}
