//! Errors as the client reads them: `google.rpc.Status` as JSON or on the wire, with the HTTP status of its code, or the body that
//! another service wrote in its place.

use http::header::{ALLOW, CONTENT_TYPE, WWW_AUTHENTICATE};
use http::{HeaderMap, HeaderValue, Method, StatusCode};

use super::{Answer, AnswerForm, Settings};
use crate::route::{Allowed, Miss, WrongMethod};
use crate::status::{Code, Origin, Status};
use crate::transcode::Plans;
use crate::wire::field::{put_bytes, put_varint};

/// The answer for a status. `headers` are those that the backend's metadata became; `asked` are the request's.
#[must_use]
pub fn error(
    status: &Status,
    mut headers: HeaderMap,
    plans: &Plans,
    settings: &Settings,
    asked: &HeaderMap,
) -> Answer {
    let form = AnswerForm::of(asked, &settings.bodies);
    // Of an answer that was being written when the call failed.
    headers.remove(CONTENT_TYPE);
    let mut bytes = Vec::with_capacity(128);
    match (&status.body, form) {
        (Some(body), _) => {
            headers.insert(CONTENT_TYPE, body.content_type.clone());
            bytes.extend_from_slice(&body.bytes);
        }
        (None, AnswerForm::Json) if settings.answers.error_envelope => {
            bytes.extend_from_slice(b"{\"error\":");
            plans.write_status(status, &mut bytes);
            bytes.push(b'}');
        }
        (None, AnswerForm::Json) => plans.write_status(status, &mut bytes),
        (None, AnswerForm::Protobuf(name)) => {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static(name));
            write_wire(status, &mut bytes);
        }
    }
    for (name, value) in status.headers.iter().flat_map(|headers| headers.iter()) {
        headers.append(name, value.clone());
    }
    let http = status.http_status();
    // A 401 must carry a challenge (RFC 9110, 15.5.2); who made the status may have put a better one.
    if http == StatusCode::UNAUTHORIZED && !headers.contains_key(WWW_AUTHENTICATE) {
        headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    Answer { status: http, headers, body: bytes.into(), trailers: HeaderMap::new() }
}

/// Appends `google.rpc.Status` (`google/rpc/status.proto`).
fn write_wire(status: &Status, out: &mut Vec<u8>) {
    put_varint(1, u64::from(i32::from(status.code).unsigned_abs()), out);
    if !status.message.is_empty() {
        put_bytes(2, status.message.as_bytes(), out);
    }
    for detail in &status.details {
        let mut any = Vec::with_capacity(detail.type_url.len() + detail.value.len() + 8);
        put_bytes(1, detail.type_url.as_bytes(), &mut any);
        put_bytes(2, &detail.value, &mut any);
        put_bytes(3, &any, out);
    }
}

/// The status for a request that no binding takes.
#[must_use]
pub fn of_miss(miss: &Miss) -> Status {
    match miss {
        Miss::Malformed(what) => Status::invalid(what.clone()),
        Miss::NotFound => Status::new(Code::NotFound, "Not Found", Origin::Client),
        Miss::MethodNotAllowed(allowed) => of_wrong_method(allowed),
    }
}

fn of_wrong_method(allowed: &Allowed) -> Status {
    // 501 by its code.
    let status = Status::new(Code::Unimplemented, "Method Not Allowed", Origin::Client);
    match allowed.answer {
        WrongMethod::MethodNotAllowed => {
            status.with_http(StatusCode::METHOD_NOT_ALLOWED).with_header(ALLOW, allow(&allowed.methods))
        }
        WrongMethod::NotImplemented => status,
        WrongMethod::NotFound => of_miss(&Miss::NotFound),
    }
}

/// The methods as an `Allow` header has them.
pub fn allow(methods: &[Method]) -> HeaderValue {
    let list: Vec<_> = methods.iter().map(Method::as_str).collect();
    HeaderValue::try_from(list.join(", ")).unwrap_or(HeaderValue::from_static(""))
}
