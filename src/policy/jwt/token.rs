//! What a token says of itself before anything of it is believed: enough to find issuer and key.
//!
//! Not for verifying: nothing read here is true yet.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde::de::IgnoredAny;

use super::Algorithm;
use super::refusal::{ALGORITHM, CRITICAL, Refusal, SHAPE, TOO_LONG, UNREADABLE};

/// A token as it came, with what finds its key.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Token<'t> {
    /// The whole of it.
    pub(super) text: &'t str,
    /// `iss`.
    pub(super) issuer: String,
    /// `alg`.
    pub(super) algorithm: Algorithm,
    /// `kid`.
    pub(super) key: Option<String>,
}

#[derive(Deserialize)]
struct Header<'a> {
    #[serde(borrow)]
    alg: Cow<'a, str>,
    #[serde(default)]
    kid: Option<String>,
    #[serde(default)]
    crit: Option<IgnoredAny>,
}

#[derive(Deserialize)]
struct Payload {
    iss: String,
}

impl<'t> Token<'t> {
    /// Reads a token, refusing what cannot be one: too long, not of three parts, not base64 of JSON, without
    /// issuer, of an algorithm that is none, or with demands that nobody here knows.
    pub(super) fn read(text: &'t str) -> Result<Self, Refusal> {
        if text.len() > LONGEST {
            return Err(TOO_LONG);
        }
        let mut parts = text.split('.');
        let (header, payload) = match (parts.next(), parts.next(), parts.next(), parts.next()) {
            (Some(header), Some(payload), Some(_), None) => (decoded(header)?, decoded(payload)?),
            _ => return Err(SHAPE),
        };
        let header: Header = serde_json::from_slice(&header).map_err(|_| UNREADABLE)?;
        if header.crit.is_some() {
            return Err(CRITICAL);
        }
        let algorithm = header.alg.parse().map_err(|_| ALGORITHM)?;
        let payload: Payload = serde_json::from_slice(&payload).map_err(|_| UNREADABLE)?;
        Ok(Self { text, issuer: payload.iss, algorithm, key: header.kid })
    }
}

fn decoded(part: &str) -> Result<Vec<u8>, Refusal> {
    URL_SAFE_NO_PAD.decode(part).map_err(|_| UNREADABLE)
}

/// The longest token in bytes: more than any header that usual servers take.
const LONGEST: usize = 32 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    fn token(header: &str, payload: &str) -> String {
        format!("{}.{}.c2ln", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(payload))
    }

    #[test]
    fn what_finds_the_key_is_read() {
        let text = token(r#"{"alg":"ES256","kid":"a\"b"}"#, r#"{"iss":"https://id","exp":1}"#);
        let read = Token::read(&text).expect("a token");
        assert_eq!(
            (read.issuer.as_str(), read.algorithm, read.key.as_deref()),
            ("https://id", Algorithm::ES256, Some("a\"b"))
        );
    }

    #[test]
    fn what_cannot_be_a_token_is_refused_at_once() {
        let good = r#"{"iss":"i"}"#;
        let cases = [
            (String::new(), SHAPE),
            ("a.b".to_owned(), SHAPE),
            ("a.b.c.d.e".to_owned(), SHAPE),
            ("..".to_owned(), UNREADABLE),
            ("!.!.!".to_owned(), UNREADABLE),
            (format!("{}=.a.b", URL_SAFE_NO_PAD.encode(r#"{"alg":"RS256"}"#)), UNREADABLE),
            ("a".repeat(LONGEST + 1), TOO_LONG),
            (token("[]", good), UNREADABLE),
            (token(r#"{"alg":"none"}"#, good), ALGORITHM),
            (token(r#"{"alg":"None"}"#, good), ALGORITHM),
            (token(r#"{"alg":"ES256K"}"#, good), ALGORITHM),
            (token(r#"{"alg":null}"#, good), UNREADABLE),
            (token(r#"{"alg":"RS256","alg":"HS256"}"#, good), UNREADABLE),
            (token(r#"{"alg":"RS256","kid":7}"#, good), UNREADABLE),
            (token(r#"{"alg":"RS256","crit":["b64"],"b64":false}"#, good), CRITICAL),
            (token(r#"{"alg":"RS256"}"#, "{}"), UNREADABLE),
            (token(r#"{"alg":"RS256"}"#, r#"{"iss":["i"]}"#), UNREADABLE),
            (token(r#"{"alg":"RS256"}"#, r#"{"iss":"i","iss":"j"}"#), UNREADABLE),
            (token(r#"{"alg":"RS256"}"#, &"[".repeat(10_000)), UNREADABLE),
        ];
        for (text, expected) in cases {
            assert_eq!(Token::read(&text).map(drop), Err(expected), "{text:.80}");
        }
    }
}
