//! Which answers are worth compressing: text and protobuf of a known size that is not small. The compressing itself is
//! tower-http's.

use http::Response;
use http::header::CONTENT_TYPE;
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
}

impl Predicate for Worth {
    /// A body of unknown size is a stream: compressed, its messages would wait in the encoder.
    fn should_compress<B: http_body::Body>(&self, response: &Response<B>) -> bool {
        let size = response.body().size_hint().exact();
        let kind = response.headers().get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
        size.is_some_and(|size| size > 0 && size >= self.min) && kind.is_some_and(text_like)
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
