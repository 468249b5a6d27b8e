//! The 401: what is wrong, and which credentials would do. Set up once; a refusal is an error path and may format.

use http::HeaderValue;
use http::header::WWW_AUTHENTICATE;

use crate::status::{Code, Origin, Status};

/// What a caller may prove itself by, as challenges (RFC 9110, section 11.6.1) and in words.
#[derive(Debug)]
pub(super) struct Challenges {
    values: Vec<HeaderValue>,
    bearer: bool,
    /// "send `Authorization: apikey KEY`"
    cure: String,
}

/// The ways to prove an identity that are configured.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ways<'w> {
    /// The `Authorization` scheme of keys, where there are keys.
    pub keys: Option<&'w str>,
    /// Whether tokens are taken.
    pub tokens: bool,
    /// Whether client certificates are.
    pub certificates: bool,
}

impl Challenges {
    pub fn of(ways: Ways<'_>) -> Self {
        let (mut values, mut cures) = (Vec::new(), Vec::new());
        if let Some(scheme) = ways.keys {
            values.extend(HeaderValue::try_from(format!("{scheme} {REALM}")));
            cures.push(format!("send `Authorization: {scheme} KEY`"));
        }
        if ways.tokens {
            cures.push("send `Authorization: Bearer TOKEN`".to_owned());
        }
        if ways.certificates {
            // No scheme is registered for it, and a 401 without a challenge is none.
            values.push(HeaderValue::from_static("ClientCertificate"));
            cures.push("connect with a client certificate".to_owned());
        }
        Self { values, bearer: ways.tokens, cure: cures.join(", or ") }
    }

    /// No credential was sent, or none that is understood here.
    pub fn missing(&self, what: &str) -> Status {
        let message = if self.cure.is_empty() { what.to_owned() } else { format!("{what}: {}", self.cure) };
        self.refuse(&message, None)
    }

    /// The credential is no good.
    pub fn bad(&self, what: &str) -> Status {
        self.refuse(what, None)
    }

    /// The token is no good (RFC 6750, section 3.1). `why` has no quotes in it and nothing of the token.
    pub fn bad_token(&self, why: &str) -> Status {
        self.refuse(why, Some(why))
    }

    fn refuse(&self, message: &str, bad_token: Option<&str>) -> Status {
        let mut status = Status::new(Code::Unauthenticated, message, Origin::Client);
        if self.bearer {
            let fault =
                bad_token.map(|why| format!(", error=\"invalid_token\", error_description=\"{why}\""));
            let challenge = format!("Bearer {REALM}{}", fault.unwrap_or_default());
            if let Ok(challenge) = HeaderValue::try_from(challenge) {
                status = status.with_header(WWW_AUTHENTICATE, challenge);
            }
        }
        self.values.iter().fold(status, |status, value| status.with_header(WWW_AUTHENTICATE, value.clone()))
    }
}

/// RFC 6750 wants one parameter at least; it says nothing of the inside.
const REALM: &str = "realm=\"api\"";

#[cfg(test)]
mod tests {
    use super::*;

    fn told(status: &Status) -> (Vec<String>, &str) {
        assert_eq!(status.http_status(), 401);
        let headers = status.headers.as_ref().expect("headers").get_all(WWW_AUTHENTICATE);
        let challenges = headers.iter().map(|value| value.to_str().expect("text").to_owned());
        (challenges.collect(), &status.message)
    }

    #[test]
    fn every_configured_way_is_a_challenge_of_its_own() {
        let all = Challenges::of(Ways { keys: Some("apikey"), tokens: true, certificates: true });
        let (challenges, message) = {
            let status = all.missing("this method needs a credential");
            let (challenges, message) = told(&status);
            (challenges, message.to_owned())
        };
        assert_eq!(challenges, ["Bearer realm=\"api\"", "apikey realm=\"api\"", "ClientCertificate"]);
        assert_eq!(
            message,
            "this method needs a credential: send `Authorization: apikey KEY`, or send `Authorization: Bearer TOKEN`, \
             or connect with a client certificate"
        );
        let keys = Challenges::of(Ways { keys: Some("apikey"), tokens: false, certificates: false });
        assert_eq!(told(&keys.bad("no")), (vec!["apikey realm=\"api\"".to_owned()], "no"));
    }

    #[test]
    fn a_bad_token_is_told_as_the_rfc_has_it() {
        let tokens = Challenges::of(Ways { keys: None, tokens: true, certificates: false });
        let expected =
            "Bearer realm=\"api\", error=\"invalid_token\", error_description=\"the token has expired\"";
        let status = tokens.bad_token("the token has expired");
        assert_eq!(told(&status), (vec![expected.to_owned()], "the token has expired"));
    }
}
