//! Where a request carries its credential: exactly one place, or the request is refused.
//!
//! Not for whether the credential is good.

use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderName, HeaderValue};

use crate::status::Status;

/// The headers that may carry a credential.
#[derive(Debug)]
pub(super) struct Places {
    /// The `Authorization` scheme of keys.
    pub key_scheme: Box<str>,
    /// Headers that carry nothing but a key.
    pub key_headers: Box<[HeaderName]>,
}

/// A credential as it was sent.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Credential<'h> {
    /// None.
    Missing,
    /// A management key.
    Key(&'h str),
    /// `Authorization` of another scheme: a token, or something that only others understand.
    Other { scheme: &'h str, text: &'h str },
    /// There is one, and it cannot be one.
    Malformed,
}

impl Places {
    /// Every header that a credential may come in.
    pub fn names(&self) -> impl Iterator<Item = &HeaderName> {
        std::iter::once(&AUTHORIZATION).chain(&self.key_headers)
    }

    /// The credential of a request.
    ///
    /// # Errors
    /// 400 when there are several: which of them counts would be anybody's guess, and another's on the way to the
    /// backend.
    pub fn find<'h>(&self, headers: &'h HeaderMap) -> Result<Credential<'h>, Status> {
        let mut found = Credential::Missing;
        let sent = self.names().flat_map(|name| headers.get_all(name).iter().map(move |value| (name, value)));
        for (name, value) in sent {
            if found != Credential::Missing {
                return Err(Status::invalid(
                    "the request carries more than one credential: send one, in one header",
                ));
            }
            found = if name == AUTHORIZATION { self.of_scheme(value) } else { key(value.to_str().ok()) };
        }
        Ok(found)
    }

    /// `scheme SP credential` (RFC 9110, section 11.4); the scheme's case does not matter.
    fn of_scheme<'h>(&self, value: &'h HeaderValue) -> Credential<'h> {
        let Ok(text) = value.to_str() else { return Credential::Malformed };
        let (scheme, text) = text.trim_ascii().split_once(' ').unwrap_or((text.trim_ascii(), ""));
        if scheme.eq_ignore_ascii_case(&self.key_scheme) {
            return key(Some(text));
        }
        if scheme.is_empty() {
            return Credential::Malformed;
        }
        Credential::Other { scheme, text: text.trim_ascii() }
    }
}

/// A key: visible characters only, and not too many of them.
fn key(text: Option<&str>) -> Credential<'_> {
    match text.map(str::trim_ascii) {
        Some(key) if is_key(key) => Credential::Key(key),
        _ => Credential::Malformed,
    }
}

/// Whether a text can be a key at all.
#[must_use]
pub fn is_key(text: &str) -> bool {
    (1..=LONGEST_KEY).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic())
}

/// Longer ones are not hashed.
const LONGEST_KEY: usize = 512;

#[cfg(test)]
mod tests {
    use super::*;

    fn found(headers: &[(&'static str, &str)]) -> Result<String, String> {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, HeaderValue::from_bytes(value.as_bytes()).expect("a value"));
        }
        let places = Places {
            key_scheme: "apikey".into(),
            key_headers: [HeaderName::from_static("x-api-key")].into(),
        };
        let found = places.find(&map).map_err(|status| status.message);
        found.map(|credential| format!("{credential:?}"))
    }

    #[test]
    fn a_credential_is_found_wherever_it_may_be() {
        let long = "x".repeat(513);
        for (name, value, expected) in [
            ("authorization", "apikey k", "Key(\"k\")"),
            ("authorization", "APIKEY   k ", "Key(\"k\")"),
            ("x-api-key", "k", "Key(\"k\")"),
            ("x-other", "k", "Missing"),
            ("authorization", "Bearer a.b", "Other { scheme: \"Bearer\", text: \"a.b\" }"),
            ("authorization", "Basic", "Other { scheme: \"Basic\", text: \"\" }"),
            ("authorization", "", "Malformed"),
            ("authorization", "apikey", "Malformed"),
            ("authorization", "apikey ", "Malformed"),
            ("authorization", "apikey a b", "Malformed"),
            ("authorization", "apikey caf\u{e9}", "Malformed"),
            ("authorization", "apikey a, Bearer b", "Malformed"),
            ("x-api-key", "", "Malformed"),
            ("x-api-key", &long, "Malformed"),
        ] {
            assert_eq!(found(&[(name, value)]).as_deref(), Ok(expected), "{name}: {value}");
        }
    }

    #[test]
    fn two_credentials_are_refused_be_they_the_same() {
        for headers in [
            [("authorization", "apikey k"), ("authorization", "apikey k")],
            [("authorization", "Bearer t"), ("x-api-key", "k")],
            [("x-api-key", "k"), ("x-api-key", "")],
            [("authorization", ""), ("authorization", "apikey k")],
        ] {
            let told = found(&headers).expect_err("refused");
            assert!(told.contains("more than one credential"), "{told}");
        }
    }
}
