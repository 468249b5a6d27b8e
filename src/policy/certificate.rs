//! Which client certificate is whose: by its subject, or by one of its alternative names.
//!
//! Not for whether a certificate is good: the listener verified it before the first request
//! ([`serve`](crate::serve)).

use std::collections::HashMap;
use std::net::IpAddr;

use super::{CertificateSettings, Identity, Method, Named};
use crate::metadata::ClientCertificate;
use crate::units::Moment;

/// The known certificates.
#[derive(Debug, Default)]
pub(super) struct Certificates(HashMap<Named, Known>);

#[derive(Debug)]
struct Known {
    identity: Identity,
    expires: Option<Moment>,
}

impl Certificates {
    pub fn of(settings: &[CertificateSettings]) -> Self {
        let mut known = HashMap::with_capacity(settings.len());
        for one in settings {
            let identity = one.actor.identity(Method::Certificate);
            known.entry(one.named.clone()).or_insert(Known { identity, expires: one.actor.expires });
        }
        Self(known)
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whose certificate it is, the subject looked at first.
    ///
    /// # Errors
    /// Why it is nobody's, for the client to read.
    pub fn identify(&self, shown: &ClientCertificate) -> Result<&Identity, &'static str> {
        let subject = self.0.get(&Named::Subject(shown.subject.as_str().into()));
        let mut names = shown.names.iter();
        let known = subject.or_else(|| names.find_map(|name| self.0.get(&Named::San(name.as_str().into()))));
        let known = known.ok_or("the client certificate is not known here")?;
        if Moment(shown.expires).is_past() || known.expires.is_some_and(Moment::is_past) {
            return Err("the client certificate has expired");
        }
        Ok(&known.identity)
    }
}

impl Named {
    /// A subject as RFC 4514 writes it: what stands between its parts does not matter.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn subject(text: &str) -> Result<Self, String> {
        let mut parts = Vec::new();
        for part in split(text) {
            let (name, value) =
                part.split_once('=').ok_or_else(|| format!("`{part}` is not of the form `NAME=VALUE`"))?;
            let (name, value) = (name.trim(), value.trim_start());
            if name.is_empty() || value.is_empty() {
                return Err(format!("`{part}` is not of the form `NAME=VALUE`"));
            }
            parts.push(format!("{}={value}", name.to_ascii_uppercase()));
        }
        Ok(Self::Subject(parts.join(",").into()))
    }

    /// An alternative name, its kind said in front of it or seen: `URI:`, `DNS:`, `email:`, `IP:`.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn san(text: &str) -> Result<Self, String> {
        let text = text.trim();
        if text.is_empty() {
            return Err("it is empty".to_owned());
        }
        if ["URI:", "DNS:", "email:", "IP:"].iter().any(|kind| text.starts_with(kind)) {
            return Ok(Self::San(text.into()));
        }
        let kind = match text {
            _ if text.contains("://") => "URI",
            _ if text.parse::<IpAddr>().is_ok() => "IP",
            _ if text.contains('@') => "email",
            _ if text.contains(char::is_whitespace) => {
                return Err("it is neither a URI nor a DNS name, nor an email or IP address".to_owned());
            }
            _ => "DNS",
        };
        Ok(Self::San(format!("{kind}:{text}").into()))
    }
}

/// The parts between commas that no backslash stands before, without the spaces around them (but one that is
/// escaped stays).
fn split(subject: &str) -> Vec<String> {
    let (mut parts, mut escaped) = (vec![String::new()], false);
    for c in subject.chars() {
        match (c, escaped) {
            (',', false) => parts.push(String::new()),
            (c, _) => parts.last_mut().into_iter().for_each(|part| part.push(c)),
        }
        escaped = c == '\\' && !escaped;
    }
    let trimmed = parts.iter().map(|part| {
        let end = part.trim_end();
        // `\ ` at the end is a space of the value.
        let slashes = end.len() - end.trim_end_matches('\\').len();
        let kept = end.len() + usize::from(slashes % 2 == 1 && end.len() < part.len());
        part.get(..kept).unwrap_or(end).trim_start().to_owned()
    });
    trimmed.collect()
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use super::super::ActorSettings;
    use super::*;

    #[test]
    fn subjects_are_the_same_however_they_are_spaced() {
        for (text, expected) in [
            ("CN=robot,O=Acme", "CN=robot,O=Acme"),
            ("cn = robot , o = Acme Inc.", "CN=robot,O=Acme Inc."),
            (r"CN=a\,b,O=c", r"CN=a\,b,O=c"),
            (r"CN=a\\,O=c", r"CN=a\\,O=c"),
            (r"CN=a\ ,O=c", r"CN=a\ ,O=c"),
            (r"CN=a\\ ,O=c", r"CN=a\\,O=c"),
            ("CN=a=b", "CN=a=b"),
        ] {
            assert_eq!(Named::subject(text), Ok(Named::Subject(expected.into())), "{text}");
        }
        for text in ["", "robot", "CN=", "=robot", "CN=a,,O=b"] {
            assert!(Named::subject(text).is_err(), "{text}");
        }
    }

    #[test]
    fn alternative_names_have_a_kind() {
        for (text, expected) in [
            ("spiffe://acme/robot", "URI:spiffe://acme/robot"),
            ("robot.acme.test", "DNS:robot.acme.test"),
            ("robot@acme.test", "email:robot@acme.test"),
            ("10.0.0.1", "IP:10.0.0.1"),
            ("::1", "IP:::1"),
            ("URI:urn:robot", "URI:urn:robot"),
        ] {
            assert_eq!(Named::san(text), Ok(Named::San(expected.into())), "{text}");
        }
        assert!(Named::san(" ").is_err() && Named::san("a b").is_err());
    }

    #[test]
    fn a_certificate_is_known_by_either_name_until_it_or_its_entry_expires() {
        let entry = |named: Named, actor: &str, expires: Option<&str>| CertificateSettings {
            named,
            actor: ActorSettings {
                actor_id: actor.to_owned(),
                expires: expires.map(|text| text.parse().expect(text)),
                ..ActorSettings::default()
            },
        };
        let known = Certificates::of(&[
            entry(Named::subject("CN=a").expect("a subject"), "by-subject", None),
            entry(Named::san("spiffe://a").expect("a name"), "by-name", None),
            entry(Named::san("old.test").expect("a name"), "old", Some("2020-01-01T00:00:00Z")),
        ]);
        let later = SystemTime::now() + Duration::from_mins(1);
        for (subject, names, expires, expected) in [
            ("CN=a", &[][..], later, Ok("by-subject")),
            ("CN=a", &["URI:spiffe://a"], later, Ok("by-subject")),
            ("CN=b", &["DNS:x", "URI:spiffe://a"], later, Ok("by-name")),
            ("CN=b", &["DNS:spiffe://a"], later, Err("the client certificate is not known here")),
            ("URI:spiffe://a", &[], later, Err("the client certificate is not known here")),
            ("", &["DNS:old.test"], later, Err("the client certificate has expired")),
            ("CN=a", &[], SystemTime::now(), Err("the client certificate has expired")),
        ] {
            let names = names.iter().map(|name: &&str| (*name).to_owned()).collect();
            let shown = ClientCertificate { subject: subject.to_owned(), names, expires };
            let found = known.identify(&shown).map(|identity| &*identity.actor_id);
            assert_eq!(found, expected, "{shown:?}");
        }
    }
}
