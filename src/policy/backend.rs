//! What the backend is told of the caller: names that only the gateway sets, and what becomes of the credential.
//!
//! Request path: allocates the values of an identity.

use http::header::{AUTHORIZATION, USER_AGENT};
use http::{HeaderMap, HeaderName, HeaderValue};

use super::{CredentialUse, Identity, Policy, Settings};
use crate::problem::{Place, Problem, Problems};
use crate::units::Secret;

/// The metadata by which a backend knows the caller, ready to be written.
#[derive(Debug)]
pub(super) struct Telling {
    actor_id: HeaderName,
    actor_type: HeaderName,
    user_agent: HeaderName,
    credential: Fate,
    /// Every name that a credential may come under.
    carriers: Vec<HeaderName>,
}

/// What becomes of the caller's credential.
#[derive(Debug)]
enum Fate {
    Forward,
    Strip,
    Replace(HeaderValue),
}

impl Telling {
    /// Prepares it, telling a replacement that no header can carry.
    pub fn prepare(settings: &Settings, problems: &mut Problems) -> Option<Self> {
        let credential = match &settings.credential {
            CredentialUse::Forward => Fate::Forward,
            CredentialUse::Strip => Fate::Strip,
            CredentialUse::Replace(secret) => Fate::Replace(replacement(secret, problems)?),
        };
        let names = &settings.metadata;
        let carriers = [AUTHORIZATION, FORWARDED].into_iter().chain(settings.key_headers.iter().cloned());
        Some(Self {
            actor_id: names.actor_id.clone(),
            actor_type: names.actor_type.clone(),
            user_agent: names.user_agent.clone(),
            credential,
            carriers: carriers.collect(),
        })
    }
}

/// The header value of a replacement; told, without showing it, when it is none.
fn replacement(secret: &Secret, problems: &mut Problems) -> Option<HeaderValue> {
    let Ok(mut value) = HeaderValue::try_from(secret.reveal()) else {
        let what = "the replacement has characters that a header cannot carry";
        let help = "write visible ASCII characters, such as `Bearer ...`";
        problems.push(Problem::error(Place::item("identity.credential"), what).help(help));
        return None;
    };
    value.set_sensitive(true);
    Some(value)
}

impl Policy {
    /// Puts into a call's metadata who the caller is, and takes out what a client may have put there under the
    /// same names; does with the credential what is configured. `headers` are the request's.
    pub fn tell_backend(&self, identity: Option<&Identity>, headers: &HeaderMap, metadata: &mut HeaderMap) {
        let telling = &self.telling;
        set(
            metadata,
            &telling.actor_id,
            identity.and_then(|known| HeaderValue::try_from(&*known.actor_id).ok()),
        );
        set(
            metadata,
            &telling.actor_type,
            identity.and_then(|known| HeaderValue::try_from(&*known.actor_type).ok()),
        );
        set(metadata, &telling.user_agent, headers.get(USER_AGENT).and_then(user_agent));
        match &telling.credential {
            Fate::Forward => return,
            Fate::Strip | Fate::Replace(_) => {
                telling.carriers.iter().for_each(|name| drop(metadata.remove(name)));
            }
        }
        if let Fate::Replace(value) = &telling.credential {
            metadata.insert(AUTHORIZATION, value.clone());
            metadata.insert(FORWARDED, value.clone());
        }
    }
}

/// Sets a name to the gateway's own value or to nothing: never to what a client sent.
fn set(metadata: &mut HeaderMap, name: &HeaderName, value: Option<HeaderValue>) {
    match value.filter(|value| !value.is_empty()) {
        Some(value) => drop(metadata.insert(name, value)),
        None => drop(metadata.remove(name)),
    }
}

/// What the client says it is, where gRPC can carry it, and no more than backends keep.
fn user_agent(value: &HeaderValue) -> Option<HeaderValue> {
    let text = value.to_str().ok().filter(|text| text.bytes().all(|byte| (0x20..=0x7e).contains(&byte)))?;
    match text.get(..LONGEST_USER_AGENT) {
        Some(cut) if cut.len() < text.len() => HeaderValue::try_from(cut.trim_end()).ok(),
        _ => Some(value.clone()),
    }
}

/// The longest `user_agent` that the model API's `Caller` takes.
const LONGEST_USER_AGENT: usize = 512;

/// Under which name `Authorization` is forwarded beside its own.
const FORWARDED: HeaderName = HeaderName::from_static("grpcgateway-authorization");

#[cfg(test)]
mod tests {
    use super::super::tests::{identity, policy_of};
    use super::*;
    use crate::metadata::{self, Peer, Rules};

    /// The metadata of a request that passed the header rules, without the forwarded address.
    fn told(
        credential: CredentialUse,
        known: Option<&Identity>,
        headers: &[(&'static str, &str)],
    ) -> Vec<String> {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, value.parse().expect("a value"));
        }
        let settings = metadata::Settings {
            forward_request: ["qc-actor-id", "x-api-key"].map(str::to_owned).into(),
            ..metadata::Settings::default()
        };
        let rules = Rules::check(&settings, &mut Problems::new());
        let mut metadata = rules.request(&map, None, &Peer::default()).expect("metadata");
        let key_headers = vec![HeaderName::from_static("x-api-key")];
        let policy = policy_of(&Settings { key_headers, credential, ..Settings::default() });
        policy.tell_backend(known, &map, &mut metadata);
        let lines = metadata.iter().map(|(name, value)| format!("{name}: {}", value.to_str().expect("text")));
        let mut lines: Vec<_> = lines.filter(|line| !line.starts_with("x-forwarded")).collect();
        lines.sort();
        lines
    }

    #[test]
    fn the_backend_knows_the_caller_from_the_gateway_alone() {
        let spoofed = [
            ("qc-actor-id", "root"),
            ("grpc-metadata-qc-actor-id", "root"),
            ("grpc-metadata-qc-actor-type", "ACTOR_TYPE_USER"),
            ("grpc-metadata-qc-actor-type", "ACTOR_TYPE_SERVICE_ACCOUNT"),
            ("grpc-metadata-qc-user-agent", "forged"),
        ];
        let known = identity("key-1", &[], &[]);
        assert_eq!(
            told(CredentialUse::Strip, Some(&known), &spoofed),
            ["qc-actor-id: key-1", "qc-actor-type: ACTOR_TYPE_MANAGEMENT_KEY"]
        );
        assert_eq!(told(CredentialUse::Strip, None, &spoofed), [""; 0], "nobody is nobody");
    }

    #[test]
    fn the_user_agent_is_the_clients_own_cut_where_it_is_long() {
        for (sent, expected) in [
            ("curl/8", "curl/8"),
            (&*"x".repeat(512), &*"x".repeat(512)),
            (&*"y".repeat(600), &*"y".repeat(512)),
        ] {
            let lines = told(CredentialUse::Strip, None, &[("user-agent", sent)]);
            assert!(lines.contains(&format!("qc-user-agent: {expected}")), "{lines:?}");
        }
    }

    #[test]
    fn a_credential_is_forwarded_stripped_or_replaced_under_all_its_names() {
        let sent = [("authorization", "apikey k"), ("x-api-key", "k")];
        assert_eq!(
            told(CredentialUse::Forward, None, &sent),
            ["authorization: apikey k", "grpcgateway-authorization: apikey k", "x-api-key: k"]
        );
        assert_eq!(told(CredentialUse::Strip, None, &sent), [""; 0]);
        let replaced = CredentialUse::Replace(Secret::new("Bearer internal"));
        assert_eq!(
            told(replaced, None, &sent),
            ["authorization: Bearer internal", "grpcgateway-authorization: Bearer internal"]
        );
    }

    #[test]
    fn a_replacement_that_is_no_header_is_told_without_showing_it() {
        let mut problems = Problems::new();
        let credential = CredentialUse::Replace(Secret::new("hunter2\n"));
        assert!(Telling::prepare(&Settings { credential, ..Settings::default() }, &mut problems).is_none());
        let told = problems.to_string();
        assert!(told.contains("header cannot carry") && !told.contains("hunter2"), "{told}");
    }
}
