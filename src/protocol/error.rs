//! Errors as the client reads them: `google.rpc.Status` as JSON, with the HTTP status of its code, or the body that
//! another service wrote in its place.

use http::header::{ALLOW, CONTENT_TYPE, WWW_AUTHENTICATE};
use http::{HeaderMap, HeaderValue, Method, StatusCode};

use super::Answer;
use crate::route::{Allowed, Miss, WrongMethod};
use crate::status::{Code, Origin, Status};
use crate::transcode::Plans;

/// The answer for a status. `headers` are those that the backend's metadata became.
#[must_use]
pub fn error(status: &Status, mut headers: HeaderMap, plans: &Plans) -> Answer {
    let json = if let Some(body) = &status.body {
        headers.insert(CONTENT_TYPE, body.content_type.clone());
        body.bytes.to_vec()
    } else {
        let mut json = Vec::with_capacity(128);
        plans.write_status(status, &mut json);
        json
    };
    for (name, value) in status.headers.iter().flat_map(|headers| headers.iter()) {
        headers.append(name, value.clone());
    }
    let http = status.http_status();
    // A 401 must carry a challenge (RFC 9110, 15.5.2); who made the status may have put a better one.
    if http == StatusCode::UNAUTHORIZED && !headers.contains_key(WWW_AUTHENTICATE) {
        headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    Answer { status: http, headers, body: json.into(), trailers: HeaderMap::new() }
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
