//! Successful answers: JSON with its headers.

use http::header::{ALLOW, CONTENT_TYPE, TRAILER};
use http::{HeaderMap, HeaderValue, Response, StatusCode};

use super::Body;

/// The parts of an answer, success or error, before they become an HTTP response.
#[derive(Debug)]
pub struct Answer {
    /// The HTTP status.
    pub status: StatusCode,
    /// The headers, `Content-Length` not among them; `Content-Type` only where the body is not JSON.
    pub headers: HeaderMap,
    /// The body, JSON as a rule.
    pub body: Body,
    /// Trailers to send after the body; empty unless the client takes trailers.
    pub trailers: HeaderMap,
}

impl Answer {
    /// The HTTP response. HEAD is answered like GET here; that its body stays behind is up to whoever sends it. A
    /// status that has no body gets none, nor what tells of one.
    #[must_use]
    pub fn into_response(self) -> Response<Body> {
        let Self { status, mut headers, mut body, mut trailers } = self;
        if has_body(status) {
            if !body.is_empty() {
                headers.entry(CONTENT_TYPE).or_insert(JSON);
            }
            announce(&trailers, &mut headers);
        } else {
            headers.remove(CONTENT_TYPE);
            body = Body::default();
            trailers.clear();
        }
        let mut response = Response::new(body.with_trailers(trailers));
        *response.status_mut() = status;
        *response.headers_mut() = headers;
        response
    }
}

/// Whether answers of a status have a body (RFC 9110, 6.4.1 and 15.3.6).
fn has_body(status: StatusCode) -> bool {
    !matches!(status, StatusCode::NO_CONTENT | StatusCode::RESET_CONTENT | StatusCode::NOT_MODIFIED)
}

/// 204 for an OPTIONS request to a known path: nothing but `Allow`.
#[must_use]
pub fn no_content(allow: HeaderValue) -> Response<Body> {
    let mut response = Response::new(Body::default());
    *response.status_mut() = StatusCode::NO_CONTENT;
    response.headers_mut().insert(ALLOW, allow);
    response
}

/// Names the trailers to come: HTTP/1.1 sends only those (RFC 9110, 6.6.2).
fn announce(trailers: &HeaderMap, headers: &mut HeaderMap) {
    for name in trailers.keys() {
        headers.append(TRAILER, HeaderValue::from(name.clone()));
    }
}

const JSON: HeaderValue = HeaderValue::from_static("application/json");

#[cfg(test)]
mod tests {
    use super::*;

    fn answer() -> Answer {
        let mut trailers = HeaderMap::new();
        trailers.insert("grpc-trailer-a", HeaderValue::from_static("1"));
        Answer {
            status: StatusCode::OK,
            headers: HeaderMap::new(),
            body: b"{\"a\":1}".to_vec().into(),
            trailers,
        }
    }

    #[test]
    fn an_answer_has_its_type_and_announces_its_trailers() {
        let response = answer().into_response();
        assert_eq!(response.headers()[CONTENT_TYPE], "application/json");
        assert_eq!(response.headers()[TRAILER], "grpc-trailer-a");
        assert_eq!(response.body().len(), 7);
    }

    #[test]
    fn a_status_without_a_body_has_none() {
        for status in [StatusCode::NO_CONTENT, StatusCode::RESET_CONTENT, StatusCode::NOT_MODIFIED] {
            let response = Answer { status, ..answer() }.into_response();
            assert_eq!((response.headers().len(), response.body().len()), (0, 0), "{status}");
            assert!(http_body::Body::is_end_stream(response.body()), "{status}");
        }
    }
}
