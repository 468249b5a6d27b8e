//! How one call looks in the access log: the fields and their order, as JSON and as text.
//!
//! Runs on the access log's own thread, never on the request path.

use std::borrow::Cow;
use std::fmt::{self, Write as _};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use serde::{Serialize, Serializer};

use super::LogFormat;
use crate::observe::CallRecord;
use crate::status::code_name;

/// A call that ended.
#[derive(Debug)]
pub(super) struct Finished {
    pub record: CallRecord,
    /// When it ended.
    pub time: SystemTime,
    /// From the request's head to the last byte of the answer.
    pub duration: Duration,
}

/// One record of the access log. Durations are in seconds.
#[derive(Serialize)]
struct Line<'c> {
    time: String,
    #[serde(skip_serializing_if = "str::is_empty")]
    request_id: &'c str,
    #[serde(skip_serializing_if = "str::is_empty")]
    trace_id: &'c str,
    #[serde(skip_serializing_if = "Option::is_none")]
    peer: Option<SocketAddr>,
    method: &'c str,
    path: &'c str,
    status: u16,
    grpc_code: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    route: Option<&'c str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rpc: Option<&'c str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    upstream: Option<&'c str>,
    duration: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    upstream_duration: Option<f64>,
    bytes_in: u64,
    bytes_out: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    origin: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rate_limit: Option<&'c str>,
    generation: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    actor_id: Option<&'c str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    actor: Option<&'c str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    credential: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    refusal: Option<&'c str>,
    #[serde(flatten)]
    shown: Shown<'c>,
}

/// What the call shows of its request.
struct Shown<'c>(&'c [(Arc<str>, String)]);

impl Serialize for Shown<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, value)| (name, value)))
    }
}

impl Finished {
    fn line(&self) -> Line<'_> {
        let record = &self.record;
        Line {
            time: humantime::format_rfc3339_micros(self.time).to_string(),
            request_id: &record.request_id,
            trace_id: &record.trace_id,
            peer: record.peer,
            method: record.method.as_str(),
            path: &record.path,
            status: record.http_status.as_u16(),
            grpc_code: code_name(record.code),
            route: record.route.as_deref(),
            rpc: record.rpc.as_deref(),
            upstream: record.upstream.as_deref(),
            duration: seconds(self.duration),
            upstream_duration: record.upstream_time.map(seconds),
            bytes_in: record.request_bytes,
            bytes_out: record.response_bytes,
            origin: record.origin.map(crate::status::Origin::as_str),
            rate_limit: record.rate_limit.as_ref().map(|(limit, _)| &**limit),
            generation: record.generation,
            actor_id: record.caller.as_ref().map(|caller| &*caller.actor_id),
            actor: record.caller.as_ref().and_then(|caller| caller.name.as_deref()),
            credential: record.caller.as_ref().map(|caller| caller.credential),
            refusal: record.refusal.as_deref(),
            shown: Shown(&record.shown),
        }
    }

    /// Appends the record and a line break.
    pub fn write(&self, format: LogFormat, out: &mut Vec<u8>) {
        let line = self.line();
        match format {
            LogFormat::Json => {
                let begin = out.len();
                if serde_json::to_writer(&mut *out, &line).is_err() {
                    out.truncate(begin);
                    return;
                }
            }
            LogFormat::Text => out.extend_from_slice(line.to_string().as_bytes()),
        }
        out.push(b'\n');
    }
}

/// Whole microseconds, so that JSON shows no more digits than were measured.
#[allow(clippy::cast_precision_loss, reason = "exact up to 285 years")]
fn seconds(duration: Duration) -> f64 {
    duration.as_micros() as f64 / 1e6
}

impl fmt::Display for Line<'_> {
    /// `TIME STATUS METHOD PATH DURATION CODE` and then what else is known as `name=value`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (method, path) = (plain(self.method), plain(self.path));
        let Self { time, status, duration, grpc_code, .. } = self;
        write!(f, "{time} {status} {method} {path} {:.3}ms {grpc_code}", duration * 1e3)?;
        let named = [
            ("rpc", self.rpc),
            ("route", self.route),
            ("upstream", self.upstream),
            ("rate_limit", self.rate_limit),
        ];
        for (name, value) in named {
            if let Some(value) = value {
                write!(f, " {name}={}", plain(value))?;
            }
        }
        if let Some(upstream) = self.upstream_duration {
            write!(f, " upstream_duration={:.3}ms", upstream * 1e3)?;
        }
        if let Some(origin) = self.origin {
            write!(f, " origin={origin}")?;
        }
        write!(f, " in={} out={}", self.bytes_in, self.bytes_out)?;
        if let Some(peer) = self.peer {
            write!(f, " peer={peer}")?;
        }
        for (name, value) in [("request_id", self.request_id), ("trace_id", self.trace_id)] {
            if !value.is_empty() {
                write!(f, " {name}={}", plain(value))?;
            }
        }
        for (name, value) in [
            ("actor_id", self.actor_id),
            ("actor", self.actor),
            ("credential", self.credential),
            ("refusal", self.refusal),
        ] {
            if let Some(value) = value {
                write!(f, " {name}={}", plain(value))?;
            }
        }
        for (name, value) in self.shown.0 {
            write!(f, " {name}={}", plain(value))?;
        }
        write!(f, " generation={}", self.generation)
    }
}

/// The text with control characters and spaces escaped, so that a value stays one word on one line.
fn plain(text: &str) -> Cow<'_, str> {
    let odd = |c: char| c.is_control() || c.is_whitespace();
    if !text.contains(odd) {
        return Cow::Borrowed(text);
    }
    let mut escaped = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        if odd(c) {
            write!(escaped, "{}", c.escape_unicode()).unwrap_or_default();
        } else {
            escaped.push(c);
        }
    }
    Cow::Owned(escaped)
}

#[cfg(test)]
mod tests {
    use http::{Method, StatusCode};

    use super::*;
    use crate::status::{Code, Origin};

    fn finished() -> Finished {
        let mut record = CallRecord::begin(Method::GET, "/v1/a\nb\u{1b}", "127.0.0.1:9".parse().ok());
        record.request_id = "r1".into();
        record.route = Some("/v1/{id}".into());
        record.rpc = Some("p.S/Get".into());
        record.upstream = Some("main".into());
        record.upstream_time = Some(Duration::from_micros(250));
        record.http_status = StatusCode::NOT_FOUND;
        record.code = Code::NotFound;
        record.origin = Some(Origin::Upstream);
        record.response_bytes = 7;
        record.generation = 3;
        record.rate_limit = Some(("per-caller".into(), "refused"));
        Finished { record, time: SystemTime::UNIX_EPOCH, duration: Duration::from_micros(1500) }
    }

    #[test]
    fn json_has_every_field_and_stays_on_one_line() {
        let mut out = Vec::new();
        finished().write(LogFormat::Json, &mut out);
        let text = String::from_utf8(out).expect("UTF-8");
        assert_eq!(text.matches('\n').count(), 1);
        assert_eq!(
            serde_json::from_str::<serde_json::Value>(&text).expect("JSON"),
            serde_json::json!({
                "time": "1970-01-01T00:00:00.000000Z", "request_id": "r1", "peer": "127.0.0.1:9",
                "method": "GET", "path": "/v1/a\nb\u{1b}", "status": 404, "grpc_code": "NOT_FOUND",
                "route": "/v1/{id}", "rpc": "p.S/Get", "upstream": "main", "duration": 0.0015,
                "upstream_duration": 0.00025, "bytes_in": 0, "bytes_out": 7, "origin": "upstream",
                "generation": 3, "rate_limit": "per-caller",
            })
        );
    }

    #[test]
    fn text_is_one_line_with_control_characters_escaped() {
        let mut out = Vec::new();
        finished().write(LogFormat::Text, &mut out);
        assert_eq!(
            String::from_utf8(out).expect("UTF-8"),
            "1970-01-01T00:00:00.000000Z 404 GET /v1/a\\u{a}b\\u{1b} 1.500ms NOT_FOUND rpc=p.S/Get \
             route=/v1/{id} upstream=main rate_limit=per-caller upstream_duration=0.250ms origin=upstream in=0 out=7 \
             peer=127.0.0.1:9 request_id=r1 generation=3\n"
        );
    }
}
