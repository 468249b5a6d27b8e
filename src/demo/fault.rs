//! Faults that a call asks for in its metadata. Reading them only: [`distort`](super::distort) makes them.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};
use bytes::Bytes;
use h2::Reason;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use percent_encoding::percent_decode_str;
use prost::Message as _;
use tonic::{Code, Status};
use tonic_types::pb;

use crate::units::{ByteSize, Period};

/// What is to go wrong, and what is to be added.
#[derive(Debug, Default)]
pub(super) struct Faults {
    pub(super) wait: Option<Wait>,
    pub(super) failure: Option<Failure>,
    pub(super) reset: Option<Reason>,
    pub(super) oversize: usize,
    pub(super) shape: Option<Shape>,
    pub(super) goaway: bool,
    pub(super) headers: HeaderMap,
    pub(super) trailers: HeaderMap,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wait {
    For(Duration),
    Forever,
}

/// A status to fail with.
#[derive(Debug, Default, Clone, PartialEq)]
pub(super) struct Failure {
    code: Option<i32>,
    message: Option<String>,
    details: Option<Details>,
}

#[derive(Debug, Clone, PartialEq)]
enum Details {
    BadRequest,
    Given(pb::Status),
}

/// A form of answer that no sound server gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    Late,
    AfterMessage,
    Break(Reason),
    NoTrailers,
    NoMessage,
    TwoMessages,
    Truncate,
    Garbage,
    Html(StatusCode),
}

/// The most bytes that an answer may be told to grow by.
const LARGEST_OVERSIZE: u64 = 256 << 20;

const BASE64: GeneralPurpose = GeneralPurpose::new(
    &base64::alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

impl Faults {
    /// Reads the metadata of a call.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT` for a fault that is not known, so that a test never passes by a slip of the pen.
    pub(super) fn read(metadata: &HeaderMap) -> Result<Self, Status> {
        let mut faults = Self::default();
        for value in metadata.get_all("transom-fault") {
            let text = value.to_str().map_err(|_| unknown("a value that is not ASCII"))?;
            for fault in text.split(';').map(str::trim).filter(|fault| !fault.is_empty()) {
                let (name, value) =
                    fault.split_once('=').map_or((fault, None), |(name, value)| (name, Some(value)));
                faults.add(name.trim(), value).ok_or_else(|| unknown(fault))?;
            }
        }
        for value in metadata.get_all("transom-answer-header") {
            let (name, value) = pair(value).ok_or_else(|| unknown("transom-answer-header"))?;
            faults.headers.append(name, value);
        }
        for value in metadata.get_all("transom-answer-trailer") {
            let (name, value) = pair(value).ok_or_else(|| unknown("transom-answer-trailer"))?;
            faults.trailers.append(name, value);
        }
        if metadata.contains_key("transom-echo-metadata") {
            faults.echo(metadata);
        }
        Ok(faults)
    }

    fn add(&mut self, name: &str, value: Option<&str>) -> Option<()> {
        match (name, value) {
            ("delay", Some(period)) => self.wait = Some(Wait::For(period.parse::<Period>().ok()?.0)),
            ("hang", None) => self.wait = Some(Wait::Forever),
            ("status", Some(code)) => {
                self.failure().code = Some(code.parse().ok().filter(|code| is_failure(*code))?);
            }
            ("message", Some(text)) => {
                self.failure().message = Some(percent_decode_str(text).decode_utf8().ok()?.into_owned());
            }
            ("details", Some(details)) => self.failure().details = Some(Details::read(details)?),
            ("reset", reason) => self.reset = Some(read_reason(reason)?),
            ("oversize", Some(size)) => {
                let size = size.parse::<ByteSize>().ok().filter(|size| size.0 <= LARGEST_OVERSIZE)?;
                self.oversize = size.bytes();
            }
            ("goaway", None) => self.goaway = true,
            _ => self.shape = Some(Shape::read(name, value)?),
        }
        Some(())
    }

    fn failure(&mut self) -> &mut Failure {
        self.failure.get_or_insert_default()
    }

    fn echo(&mut self, metadata: &HeaderMap) {
        for (name, value) in metadata {
            if let Ok(name) = HeaderName::try_from(format!("echo-{name}")) {
                self.headers.append(&name, value.clone());
                self.trailers.append(name, value.clone());
            }
        }
    }
}

impl Shape {
    fn read(name: &str, value: Option<&str>) -> Option<Self> {
        Some(match (name, value) {
            ("late", None) => Self::Late,
            ("after-message", None) => Self::AfterMessage,
            ("break", reason) => Self::Break(read_reason(reason)?),
            ("no-trailers", None) => Self::NoTrailers,
            ("no-message", None) => Self::NoMessage,
            ("two-messages", None) => Self::TwoMessages,
            ("truncate", None) => Self::Truncate,
            ("garbage", None) => Self::Garbage,
            ("html", None) => Self::Html(StatusCode::OK),
            ("html", Some(code)) => Self::Html(code.parse().ok()?),
            _ => return None,
        })
    }
}

impl Failure {
    pub(super) fn status(&self) -> Status {
        let given = match &self.details {
            None => pb::Status::default(),
            Some(Details::Given(status)) => status.clone(),
            Some(Details::BadRequest) => bad_request(),
        };
        let code =
            self.code.or(Some(given.code)).filter(|code| is_failure(*code)).unwrap_or(Code::Unknown as i32);
        let message = self.message.clone().unwrap_or_else(|| given.message.clone());
        if self.details.is_none() {
            return Status::new(code.into(), message);
        }
        let details = pb::Status { code, message: message.clone(), details: given.details };
        Status::with_details(code.into(), message, Bytes::from(details.encode_to_vec()))
    }
}

impl Details {
    fn read(text: &str) -> Option<Self> {
        if text == "bad-request" {
            return Some(Self::BadRequest);
        }
        let bytes = BASE64.decode(text).ok()?;
        pb::Status::decode(bytes.as_slice()).ok().map(Self::Given)
    }
}

/// A status with a detail that everyone knows and one that nobody does.
fn bad_request() -> pb::Status {
    let violation = pb::bad_request::FieldViolation {
        field: "cluster.name".to_owned(),
        description: "must not be empty".to_owned(),
        ..Default::default()
    };
    let known = pb::BadRequest { field_violations: vec![violation] };
    let any = |name: &str, value| prost_types::Any { type_url: format!("type.googleapis.com/{name}"), value };
    pb::Status {
        code: Code::InvalidArgument as i32,
        message: "the request is not valid".to_owned(),
        details: vec![
            any("google.rpc.BadRequest", known.encode_to_vec()),
            any("transom.demo.Unheard", vec![8, 42]),
        ],
    }
}

fn is_failure(code: i32) -> bool {
    (1..=16).contains(&code)
}

fn read_reason(name: Option<&str>) -> Option<Reason> {
    Some(match name.unwrap_or("INTERNAL_ERROR") {
        "NO_ERROR" => Reason::NO_ERROR,
        "PROTOCOL_ERROR" => Reason::PROTOCOL_ERROR,
        "INTERNAL_ERROR" => Reason::INTERNAL_ERROR,
        "REFUSED_STREAM" => Reason::REFUSED_STREAM,
        "CANCEL" => Reason::CANCEL,
        "ENHANCE_YOUR_CALM" => Reason::ENHANCE_YOUR_CALM,
        "INADEQUATE_SECURITY" => Reason::INADEQUATE_SECURITY,
        _ => return None,
    })
}

fn pair(value: &HeaderValue) -> Option<(HeaderName, HeaderValue)> {
    let at = value.as_bytes().iter().position(|byte| *byte == b'=')?;
    let (name, value) = value.as_bytes().split_at(at);
    let value = value.get(1..)?;
    Some((HeaderName::from_bytes(name).ok()?, HeaderValue::from_bytes(value).ok()?))
}

fn unknown(fault: &str) -> Status {
    Status::invalid_argument(format!("the demo backend knows no fault `{fault}`"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(fault: &'static str) -> Result<Faults, Status> {
        let mut metadata = HeaderMap::new();
        metadata.insert("transom-fault", HeaderValue::from_static(fault));
        Faults::read(&metadata)
    }

    #[test]
    fn faults_read() {
        assert_eq!(read("delay=200ms").expect("known").wait, Some(Wait::For(Duration::from_millis(200))));
        assert_eq!(read("hang").expect("known").wait, Some(Wait::Forever));
        assert_eq!(read("reset").expect("known").reset, Some(Reason::INTERNAL_ERROR));
        assert_eq!(read("reset=REFUSED_STREAM").expect("known").reset, Some(Reason::REFUSED_STREAM));
        assert_eq!(read("oversize=2KiB").expect("known").oversize, 2048);
        assert_eq!(
            read("html=503").expect("known").shape,
            Some(Shape::Html(StatusCode::SERVICE_UNAVAILABLE))
        );
        let both = read("status=5; late").expect("known");
        assert_eq!((both.failure.and_then(|failure| failure.code), both.shape), (Some(5), Some(Shape::Late)));
    }

    #[test]
    fn unknown_faults_are_told() {
        for fault in [
            "dealy=1s",
            "delay",
            "delay=soon",
            "status=0",
            "status=99",
            "reset=WHY",
            "oversize=9GiB",
            "details=%",
        ] {
            let status = read(fault).expect_err(fault);
            assert_eq!(status.message(), format!("the demo backend knows no fault `{fault}`"));
        }
    }

    #[test]
    fn failures_become_statuses() {
        let status = |fault| read(fault).expect("known").failure.expect("a failure").status();
        let plain = status("status=5;message=caf%C3%A9%3B%20closed");
        assert_eq!((plain.code(), plain.message()), (Code::NotFound, "café; closed"));
        assert!(plain.details().is_empty());
        let detailed = status("details=bad-request;status=9");
        let details = pb::Status::decode(detailed.details()).expect("a status");
        assert_eq!((detailed.code(), details.code, details.details.len()), (Code::FailedPrecondition, 9, 2));
        let given = status("details=CAcSBG5vcGU");
        assert_eq!(given.code(), Code::PermissionDenied);
    }
}
