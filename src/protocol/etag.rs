//! Weak entity tags: 304 for a client that has the answer already (RFC 9110, 8.8.3 and 13.1.2).
//!
//! Not for saving the backend work: the call is made all the same, only the body stays behind. Costs one pass over the
//! body, where it is switched on.

use std::hash::{DefaultHasher, Hasher as _};

use http::header::{ETAG, IF_NONE_MATCH};
use http::{HeaderMap, HeaderValue, Method, StatusCode};

use super::{Answer, Body};

impl Answer {
    /// Tags the answer to a GET or HEAD that went well, unless the backend tagged it, and makes it a 304 where the
    /// request, whose headers these are, says that the client has it.
    pub fn revalidate(&mut self, method: &Method, asked: &HeaderMap) {
        if self.status != StatusCode::OK || !matches!(*method, Method::GET | Method::HEAD) {
            return;
        }
        if !self.headers.contains_key(ETAG) {
            let Some(tag) = self.body.bytes().and_then(tag_of) else { return };
            self.headers.insert(ETAG, tag);
        }
        let known = self.headers.get(ETAG).is_some_and(|tag| has(asked, tag.as_bytes()));
        if known && !self.body.is_stream() {
            self.status = StatusCode::NOT_MODIFIED;
            self.body = Body::default();
        }
    }
}

/// The tag of a body: its length and a hash. What it is hashed with may be another in another release, which costs a
/// client one answer.
fn tag_of(body: &[u8]) -> Option<HeaderValue> {
    let mut hasher = DefaultHasher::new();
    hasher.write(body);
    HeaderValue::try_from(format!("W/\"{:x}-{:016x}\"", body.len(), hasher.finish())).ok()
}

/// Whether `If-None-Match` names a tag, by the weak comparison, or any.
fn has(asked: &HeaderMap, tag: &[u8]) -> bool {
    let lists = asked.get_all(IF_NONE_MATCH).iter();
    lists.into_iter().any(|list| names(list.as_bytes(), opaque(tag)))
}

/// A tag without the sign of weakness.
fn opaque(tag: &[u8]) -> &[u8] {
    tag.strip_prefix(b"W/").unwrap_or(tag)
}

/// Whether a list of tags has this one. A tag may have commas in it; what is no tag ends the list.
fn names(list: &[u8], tag: &[u8]) -> bool {
    let mut rest = list.trim_ascii();
    if rest == b"*" {
        return true;
    }
    loop {
        rest = rest.trim_ascii_start();
        if let Some(behind) = rest.strip_prefix(b",") {
            rest = behind;
            continue;
        }
        let Some(inner) = opaque(rest).strip_prefix(b"\"") else { return false };
        let Some(end) = inner.iter().position(|byte| *byte == b'"') else { return false };
        let (found, behind) = inner.split_at(end);
        let ours = tag.strip_prefix(b"\"").and_then(|tag| tag.strip_suffix(b"\""));
        if ours == Some(found) {
            return true;
        }
        rest = behind.get(1..).unwrap_or_default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(tag: Option<&'static str>) -> Answer {
        let mut headers = HeaderMap::new();
        headers.extend(tag.map(|tag| (ETAG, HeaderValue::from_static(tag))));
        Answer {
            status: StatusCode::OK,
            headers,
            body: b"{\"a\":1}".to_vec().into(),
            trailers: HeaderMap::new(),
        }
    }

    #[test]
    fn lists_of_tags_are_compared_weakly() {
        for (list, tag, expected) in [
            ("\"a\"", "\"a\"", true),
            ("W/\"a\"", "\"a\"", true),
            ("\"a\"", "W/\"a\"", true),
            ("\"b\", W/\"a\"", "\"a\"", true),
            ("\"b\",\"a\"", "\"a\"", true),
            (" , \"a\" ,", "\"a\"", true),
            ("\"x,\\\", \"a,b\"", "\"a,b\"", true),
            ("*", "\"a\"", true),
            (" * ", "\"a\"", true),
            ("\"*\"", "\"a\"", false),
            ("*, \"b\"", "\"a\"", false),
            ("\"b\"", "\"a\"", false),
            ("a", "\"a\"", false),
            ("\"a", "\"a\"", false),
            ("w/\"a\"", "\"a\"", false),
            ("\"ab\"", "\"a\"", false),
            ("", "\"a\"", false),
        ] {
            assert_eq!(names(list.as_bytes(), opaque(tag.as_bytes())), expected, "{list} for {tag}");
        }
    }

    #[test]
    fn the_same_body_has_the_same_tag() {
        let tagged = |bytes: &[u8]| tag_of(bytes).expect("a tag");
        assert_eq!(tagged(b"{}"), tagged(b"{}"));
        assert_ne!(tagged(b"{}"), tagged(b"[]"));
        let mut first = answer(None);
        first.revalidate(&Method::GET, &HeaderMap::new());
        assert_eq!((first.status, first.body.len()), (StatusCode::OK, 7));
        let mut asked = HeaderMap::new();
        asked.insert(IF_NONE_MATCH, first.headers[ETAG].clone());
        for (method, tag, expected) in [
            (Method::GET, None, 304),
            (Method::HEAD, None, 304),
            (Method::POST, None, 200),
            (Method::GET, Some("\"of the backend\""), 200),
        ] {
            let mut again = answer(tag);
            again.revalidate(&method, &asked);
            assert_eq!(again.status, expected, "{method} {tag:?}");
            assert_eq!(again.body.is_empty(), expected == 304);
        }
    }
}
