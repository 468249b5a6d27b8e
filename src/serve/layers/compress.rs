//! Which answers are worth compressing: text and protobuf of a known size that is not small. The compressing itself is
//! tower-http's.

use http::header::{ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_RANGE, CONTENT_TYPE, VARY};
use http::{HeaderMap, HeaderValue, Response};
use tower_http::compression::Predicate;

/// Answers of a text-like content type or of protobuf, of at least so many bytes.
#[derive(Debug, Clone)]
pub(in crate::serve) struct Worth {
    min: u64,
}

impl Worth {
    pub fn of(min: u16) -> Self {
        Self { min: min.into() }
    }

    /// Tells caches that an answer would have been another for a client that takes codings, as the layer does.
    pub(super) fn tell<B: http_body::Body>(&self, response: &mut Response<B>) {
        let headers = response.headers();
        let coded = headers.contains_key(CONTENT_ENCODING) || headers.contains_key(CONTENT_RANGE);
        let is_told = |vary: &HeaderValue| {
            vary.to_str().is_ok_and(|vary| vary.to_ascii_lowercase().contains("accept-encoding"))
        };
        if !coded && self.should_compress(response) && !headers.get_all(VARY).iter().any(is_told) {
            response.headers_mut().append(VARY, HeaderValue::from_name(ACCEPT_ENCODING));
        }
    }
}

impl Predicate for Worth {
    /// A body of unknown size is a stream: compressed, its messages would wait in the encoder.
    fn should_compress<B: http_body::Body>(&self, response: &Response<B>) -> bool {
        let size = response.body().size_hint().exact();
        let kind = response.headers().get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
        size.is_some_and(|size| size > 0 && size >= self.min) && kind.is_some_and(text_like)
    }
}

/// Forgets that a client does not take bodies as they are: the answer to a call that was made is not withheld, nor
/// called another (RFC 9110, 12.5.3, lets it be sent all the same).
pub(super) fn take_identity(headers: &mut HeaderMap) {
    let refuses = |coding: &str| {
        let (name, weight) = coding.split_once(';').unwrap_or((coding, ""));
        let weight = weight.trim().strip_prefix("q=").and_then(|weight| weight.parse::<f32>().ok());
        matches!(name.trim(), "identity" | "*") && weight == Some(0.0)
    };
    let said = || {
        let lines = headers.get_all(ACCEPT_ENCODING).iter().filter_map(|line| line.to_str().ok());
        lines.flat_map(|line| line.split(','))
    };
    if said().any(refuses) {
        let kept: Vec<_> = said().filter(|coding| !refuses(coding)).map(str::trim).collect();
        if let Ok(kept) = HeaderValue::try_from(kept.join(", ")) {
            headers.insert(ACCEPT_ENCODING, kept);
        }
    }
}

fn text_like(kind: &str) -> bool {
    let essence = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    match essence.split_once('/') {
        Some(("text", subtype)) => subtype != "event-stream",
        Some(("application", subtype)) => {
            matches!(subtype, "json" | "xml" | "javascript" | "x-ndjson" | "yaml" | "wasm")
                || matches!(subtype, "x-protobuf" | "protobuf" | "vnd.google.protobuf")
                || subtype.ends_with("+json")
                || subtype.ends_with("+xml")
        }
        Some(("image", subtype)) => subtype == "svg+xml",
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::Body;

    #[test]
    fn bodies_as_they_are_cannot_be_refused() {
        for (sent, kept) in [
            ("identity;q=0", ""),
            ("gzip, *;q=0", "gzip"),
            ("br;q=0.5, identity; q=0.000", "br;q=0.5"),
            ("gzip, identity;q=0.1", "gzip, identity;q=0.1"),
            ("gzip", "gzip"),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(ACCEPT_ENCODING, sent.parse().expect("a value"));
            take_identity(&mut headers);
            assert_eq!(headers[ACCEPT_ENCODING], kept, "{sent}");
        }
    }

    #[test]
    fn caches_are_told_once_and_only_of_what_would_be_compressed() {
        for (headers, size, expected) in [
            (vec![], 100, vec!["accept-encoding"]),
            (vec![], 99, vec![]),
            (vec![(VARY, "origin")], 100, vec!["origin", "accept-encoding"]),
            (vec![(VARY, "Origin, Accept-Encoding")], 100, vec!["Origin, Accept-Encoding"]),
            (vec![(CONTENT_ENCODING, "br")], 100, vec![]),
            (vec![(CONTENT_RANGE, "bytes 0-1/2")], 100, vec![]),
        ] {
            let mut response = Response::new(Body::from(vec![b' '; size]));
            response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
            for (name, value) in &headers {
                response.headers_mut().append(name, HeaderValue::from_static(value));
            }
            Worth::of(100).tell(&mut response);
            assert_eq!(response.headers().get_all(VARY).iter().collect::<Vec<_>>(), expected, "{headers:?}");
        }
    }

    #[test]
    fn only_text_that_is_not_small_is_compressed() {
        for (kind, size, worth) in [
            ("application/json", 100, true),
            ("Application/JSON; charset=utf-8", 100, true),
            ("application/problem+json", 100, true),
            ("text/html", 100, true),
            ("application/json", 99, false),
            ("application/json", 0, false),
            ("text/event-stream", 100, false),
            ("application/x-protobuf", 100, true),
            ("image/png", 100, false),
            ("image/svg+xml", 100, true),
            ("application/grpc", 100, false),
            ("application/octet-stream", 100, false),
            ("", 100, false),
        ] {
            let mut response = Response::new(Body::from(vec![b' '; size]));
            response.headers_mut().insert(CONTENT_TYPE, kind.parse().expect("a header value"));
            assert_eq!(Worth::of(100).should_compress(&response), worth, "{kind} of {size}");
        }
    }
}
