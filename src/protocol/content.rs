//! What a request's body is, by its `Content-Type`, and which form its answer is to have, by its `Accept`.
//!
//! Not for reading bodies nor for writing answers ([`transcode`](crate::transcode)), and not for streams.

use http::header::{ACCEPT, CONTENT_TYPE};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};

use super::BodySettings;
use super::accept::Accept;
use crate::status::{Code, Origin, Status};
use crate::transcode::{CallPlan, RequestBody};

/// What a request's body is, by its `Content-Type`; parameters such as a charset make no difference.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Json,
    /// `application/x-www-form-urlencoded`
    Form,
    /// One of the names of protobuf's wire format.
    Protobuf,
    Other,
}

impl Kind {
    fn of(headers: &HeaderMap) -> Self {
        let Some(value) = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()) else {
            return Self::Other;
        };
        if value == JSON {
            return Self::Json;
        }
        let essence = value.split(';').next().unwrap_or_default().trim_matches([' ', '\t']);
        let is = |name: &str| essence.eq_ignore_ascii_case(name);
        let suffix = essence.len().checked_sub(JSON_SUFFIX.len()).and_then(|at| essence.get(at..));
        if is(JSON)
            || is("text/json")
            || suffix.is_some_and(|suffix| suffix.eq_ignore_ascii_case(JSON_SUFFIX))
        {
            Self::Json
        } else if is(FORM) {
            Self::Form
        } else if PROTOBUF.iter().any(|name| is(name)) {
            Self::Protobuf
        } else {
            Self::Other
        }
    }
}

/// What the bytes of a request's body are. `method` is the one that the request was sent with.
///
/// # Errors
/// 415, where settings are strict, for a content type that is not read.
pub fn request_body<'b>(
    method: &Method,
    headers: &HeaderMap,
    settings: &BodySettings,
    plan: &CallPlan,
    body: &'b [u8],
) -> Result<RequestBody<'b>, Status> {
    if body.is_empty() {
        return Ok(empty(headers, settings, plan));
    }
    match Kind::of(headers) {
        Kind::Form if settings.form && is_form(method, plan, body) => Ok(RequestBody::Form(body)),
        Kind::Protobuf if settings.protobuf && plan.reads_body() => Ok(RequestBody::Wire(body)),
        kind if settings.strict_content_type && plan.reads_body() && !settings.reads(kind) => {
            Err(unsupported(method, settings))
        }
        _ => Ok(RequestBody::Json(body)),
    }
}

/// Whether a request stream of JSON texts may have its content type.
///
/// # Errors
/// 415 for protobuf, and where settings are strict for whatever is not JSON, lines of it, or a sequence.
pub fn check_texts(method: &Method, headers: &HeaderMap, settings: &BodySettings) -> Result<(), Status> {
    let value = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let essence = value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let texts = Kind::of(headers) == Kind::Json
        || essence == "application/json-seq"
        || (essence.starts_with("application/") && (essence.contains("ndjson") || essence.contains("jsonl")));
    let known_other = settings.protobuf && Kind::of(headers) == Kind::Protobuf;
    if texts || !(settings.strict_content_type || known_other) {
        Ok(())
    } else {
        Err(unsupported(method, settings))
    }
}

/// An empty body says the least of its kind: nothing of it is a default of its fields.
fn empty<'b>(headers: &HeaderMap, settings: &BodySettings, plan: &CallPlan) -> RequestBody<'b> {
    let wire = settings.protobuf && plan.takes_message() && Kind::of(headers) == Kind::Protobuf;
    if wire { RequestBody::Wire(&[]) } else { RequestBody::Json(&[]) }
}

/// Whether what calls itself a form is one. `curl -d '{...}'` calls JSON a form; but no form begins like that, for
/// what writes forms escapes these characters.
fn is_form(method: &Method, plan: &CallPlan, body: &[u8]) -> bool {
    let takes = plan.takes_message() || !plan.reads_body() && takes_forms(method);
    let first = body.iter().find(|byte| !byte.is_ascii_whitespace());
    takes && !first.is_some_and(|first| matches!(first, b'{' | b'[' | b'"'))
}

/// Whether forms are read with this method where a rule has no body.
fn takes_forms(method: &Method) -> bool {
    [Method::POST, Method::PUT, Method::PATCH].contains(method)
}

/// Whether a request is a form that was sent with POST, which may stand for a GET that is too long for a target.
#[must_use]
pub fn is_posted_form(method: &Method, headers: &HeaderMap) -> bool {
    *method == Method::POST && Kind::of(headers) == Kind::Form
}

/// The method that a posted form says is meant in its place.
#[must_use]
pub fn meant_method(method: &Method, headers: &HeaderMap) -> Option<Method> {
    let meant = headers.get(OVERRIDE).filter(|_| is_posted_form(method, headers))?;
    Method::from_bytes(&meant.as_bytes().to_ascii_uppercase()).ok()
}

/// The form that a client wants its answers in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AnswerForm {
    /// JSON.
    Json,
    /// Wire bytes, by the name that the client has for them.
    Protobuf(&'static str),
}

impl AnswerForm {
    /// The form that a request asks for: what its `Accept` wants most, and where that does not decide, the form of
    /// its own body.
    #[must_use]
    pub fn of(headers: &HeaderMap, settings: &BodySettings) -> Self {
        if !settings.protobuf {
            return Self::Json;
        }
        let sent = Kind::of(headers);
        // What most clients say is not worth a list.
        if sent != Kind::Protobuf && headers.get_all(ACCEPT).iter().all(|line| line == JSON || line == "*/*")
        {
            return Self::Json;
        }
        let [first, others @ ..] = PROTOBUF.map(|name| (Self::Protobuf(name), name));
        let json = (Self::Json, JSON);
        let offers = match sent {
            Kind::Protobuf => [first, others[0], others[1], json],
            _ => [json, first, others[0], others[1]],
        };
        let parted = offers.map(|(_, name)| name.split_once('/').unwrap_or_default());
        let chosen = Accept::of(headers).choose(&parted).and_then(|index| offers.get(index));
        chosen.map_or(Self::Json, |(form, _)| *form)
    }
}

impl BodySettings {
    fn reads(&self, kind: Kind) -> bool {
        match kind {
            Kind::Json => true,
            Kind::Form => self.form,
            Kind::Protobuf => self.protobuf,
            Kind::Other => false,
        }
    }

    /// Whether a posted form may stand for a request of this method.
    #[must_use]
    pub fn overrides(&self, method: &Method) -> bool {
        self.method_override.iter().any(|allowed| allowed == "*" || allowed == method.as_str())
    }
}

/// 415, saying what would be read (RFC 9110, 15.5.16; RFC 5789, 2.2).
fn unsupported(method: &Method, settings: &BodySettings) -> Status {
    let mut read = vec![JSON];
    read.extend(Some(FORM).filter(|_| settings.form));
    read.extend(PROTOBUF.first().filter(|_| settings.protobuf));
    let list = read.join(", ");
    let name = match *method {
        Method::POST => HeaderName::from_static("accept-post"),
        Method::PATCH => HeaderName::from_static("accept-patch"),
        _ => ACCEPT,
    };
    let value = HeaderValue::try_from(&list).unwrap_or(HeaderValue::from_static(JSON));
    let message = format!("the Content-Type is not one that is read here: send {list}");
    Status::new(Code::InvalidArgument, message, Origin::Client)
        .with_http(StatusCode::UNSUPPORTED_MEDIA_TYPE)
        .with_header(name, value)
}

const JSON: &str = "application/json";
const JSON_SUFFIX: &str = "+json";
const FORM: &str = "application/x-www-form-urlencoded";
const PROTOBUF: [&str; 3] =
    ["application/x-protobuf", "application/protobuf", "application/vnd.google.protobuf"];
const OVERRIDE: HeaderName = HeaderName::from_static("x-http-method-override");

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(HeaderName, &'static str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (name.clone(), HeaderValue::from_static(value))).collect()
    }

    #[test]
    fn content_types_are_told_apart_whatever_their_parameters() {
        for (value, kind) in [
            ("application/json", Kind::Json),
            ("Application/JSON ; charset=utf-8", Kind::Json),
            ("application/merge-patch+JSON", Kind::Json),
            ("text/json", Kind::Json),
            ("application/x-www-form-urlencoded;charset=UTF-8", Kind::Form),
            ("application/protobuf; proto=a.B", Kind::Protobuf),
            ("application/x-protobuf", Kind::Protobuf),
            ("application/vnd.google.protobuf", Kind::Protobuf),
            ("application/jsonx", Kind::Other),
            ("json", Kind::Other),
            ("+jso\u{f6}n", Kind::Other),
            ("", Kind::Other),
        ] {
            let value = HeaderValue::from_bytes(value.as_bytes()).expect("a header value");
            let headers: HeaderMap = [(CONTENT_TYPE, value.clone())].into_iter().collect();
            assert_eq!(Kind::of(&headers), kind, "{value:?}");
        }
        assert_eq!(Kind::of(&HeaderMap::new()), Kind::Other);
    }

    #[test]
    fn the_answer_has_the_form_that_is_wanted_most() {
        let settings = BodySettings::default();
        let protobuf = |name| AnswerForm::Protobuf(name);
        for (accept, sent, form) in [
            ("", "application/json", AnswerForm::Json),
            ("", "application/x-protobuf", protobuf("application/x-protobuf")),
            ("*/*", "application/protobuf", protobuf("application/x-protobuf")),
            ("*/*", "text/plain", AnswerForm::Json),
            ("application/json", "application/x-protobuf", AnswerForm::Json),
            ("application/x-protobuf, */*", "", protobuf("application/x-protobuf")),
            ("application/vnd.google.protobuf", "", protobuf("application/vnd.google.protobuf")),
            ("application/x-protobuf;q=0.5, application/json;q=0.4", "", protobuf("application/x-protobuf")),
            ("application/x-protobuf;q=0.5, application/*;q=0.6", "", AnswerForm::Json),
            ("application/json, application/x-protobuf", "", AnswerForm::Json),
            (
                "application/json, application/x-protobuf",
                "application/protobuf",
                protobuf("application/x-protobuf"),
            ),
            ("text/html", "", AnswerForm::Json),
            ("application/x-protobuf;q=0", "application/x-protobuf", AnswerForm::Json),
        ] {
            let mut headers = headers(&[(CONTENT_TYPE, sent), (ACCEPT, accept)]);
            if accept.is_empty() {
                headers.remove(ACCEPT);
            }
            assert_eq!(AnswerForm::of(&headers, &settings), form, "{accept:?} {sent:?}");
        }
        let without = BodySettings { protobuf: false, ..settings };
        let headers = headers(&[(ACCEPT, "application/x-protobuf")]);
        assert_eq!(AnswerForm::of(&headers, &without), AnswerForm::Json);
    }

    #[test]
    fn only_a_posted_form_means_another_method() {
        let meant = |method, content, name| {
            meant_method(&method, &headers(&[(CONTENT_TYPE, content), (OVERRIDE, name)]))
        };
        assert_eq!(meant(Method::POST, FORM, "get"), Some(Method::GET));
        assert_eq!(meant(Method::POST, FORM, "a b"), None);
        assert_eq!(meant(Method::POST, JSON, "GET"), None);
        assert_eq!(meant(Method::PUT, FORM, "GET"), None);
        let settings = |list: &[&str]| BodySettings {
            method_override: list.iter().map(|one| (*one).to_owned()).collect(),
            ..BodySettings::default()
        };
        assert!(settings(&["GET"]).overrides(&Method::GET) && settings(&["*"]).overrides(&Method::DELETE));
        assert!(!settings(&["GET"]).overrides(&Method::PUT) && !settings(&[]).overrides(&Method::GET));
    }
}
