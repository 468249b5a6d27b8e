//! What the backend is told of the caller: names that only the gateway sets, and what becomes of the credential.
//!
//! Request path: allocates the values of an identity.

use http::header::{AUTHORIZATION, USER_AGENT};
use http::{HeaderMap, HeaderName, HeaderValue};

use super::{CredentialUse, Identity, Policy, Settings};
use crate::metadata::{is_carried, remove_aliases};
use crate::problem::{Place, Problem, Problems};
use crate::units::Secret;

/// The metadata by which a backend knows the caller, ready to be written.
#[derive(Debug)]
pub(super) struct Telling {
    actor_id: HeaderName,
    actor_type: HeaderName,
    user_agent: HeaderName,
    credential: Fate,
    /// Every name that a client must not set, be it by the prefix: those above, and those of a credential.
    own: Vec<HeaderName>,
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
        let names = settings.metadata.clone();
        let told = [&names.actor_id, &names.actor_type, &names.user_agent];
        let own = told.into_iter().chain(&settings.key_headers).cloned();
        Some(Self {
            own: own.chain([AUTHORIZATION, FORWARDED]).collect(),
            actor_id: names.actor_id,
            actor_type: names.actor_type,
            user_agent: names.user_agent,
            credential,
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
        // What a client sent under the gateway's names, or under those that a backend may take for them.
        remove_aliases(&telling.own, metadata);
        if let Some(known) = identity {
            set(metadata, &telling.actor_id, HeaderValue::try_from(&*known.actor_id).ok());
            set(metadata, &telling.actor_type, HeaderValue::try_from(&*known.actor_type).ok());
        }
        set(metadata, &telling.user_agent, headers.get(USER_AGENT).and_then(user_agent));
        match &telling.credential {
            Fate::Forward => self.forward_credential(headers, metadata),
            Fate::Strip => {}
            Fate::Replace(value) => set_authorization(metadata, value),
        }
    }

    /// Sends on the very header that was judged: there is no more than one.
    fn forward_credential(&self, headers: &HeaderMap, metadata: &mut HeaderMap) {
        for name in self.places.names() {
            let value = headers.get(name).filter(|value| is_carried(value.as_bytes()));
            match value {
                Some(value) if name == AUTHORIZATION => set_authorization(metadata, value),
                value => set(metadata, name, value.cloned()),
            }
        }
    }
}

/// Sets a name to the gateway's own value, where there is one.
fn set(metadata: &mut HeaderMap, name: &HeaderName, value: Option<HeaderValue>) {
    if let Some(value) = value.filter(|value| !value.is_empty()) {
        metadata.insert(name, value);
    }
}

/// `Authorization` goes under both its names.
fn set_authorization(metadata: &mut HeaderMap, value: &HeaderValue) {
    metadata.insert(AUTHORIZATION, value.clone());
    metadata.insert(FORWARDED, value.clone());
}

/// What the client says it is, where gRPC can carry it, and no more than backends keep.
fn user_agent(value: &HeaderValue) -> Option<HeaderValue> {
    let text = value.to_str().ok().filter(|text| is_carried(text.as_bytes()))?;
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
        // Under `Forward` a key goes on without the rules' doing.
        let forward_request = match credential {
            CredentialUse::Forward => vec!["qc-actor-id".to_owned()],
            _ => ["qc-actor-id", "x-api-key", "grpcgateway-authorization"].map(str::to_owned).into(),
        };
        let settings = metadata::Settings { forward_request, ..metadata::Settings::default() };
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
            ("grpc-metadata-qc_actor_id", "root"),
            ("grpc-metadata-qc-actor_type", "ACTOR_TYPE_USER"),
            ("grpc-metadata-qc_user_agent", "forged"),
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
        let by_scheme = [("authorization", "apikey k"), ("x-other", "v")];
        let by_header = [("x-api-key", "k"), ("x-other", "v")];
        let scheme = ["authorization: apikey k", "grpcgateway-authorization: apikey k"];
        let replaced = ["authorization: Bearer internal", "grpcgateway-authorization: Bearer internal"];
        for (sent, forwarded) in [(&by_scheme, &scheme[..]), (&by_header, &["x-api-key: k"])] {
            assert_eq!(told(CredentialUse::Forward, None, sent), forwarded);
            assert_eq!(told(CredentialUse::Strip, None, sent), [""; 0]);
            assert_eq!(told(CredentialUse::Replace(Secret::new("Bearer internal")), None, sent), replaced);
        }
    }

    #[test]
    fn the_credential_that_goes_on_is_the_one_that_was_judged() {
        for (name, value, expected) in [
            (
                "authorization",
                "apikey a",
                &["authorization: apikey a", "grpcgateway-authorization: apikey a"][..],
            ),
            ("x-api-key", "a", &["x-api-key: a"]),
        ] {
            let sent = [
                (name, value),
                ("grpc-metadata-x-api-key", "b"),
                ("grpc-metadata-x_api_key", "b"),
                ("grpc-metadata-authorization", "b"),
                ("grpc-metadata-grpcgateway-authorization", "b"),
                ("grpc-metadata-grpcgateway_authorization", "b"),
                ("grpcgateway-authorization", "b"),
            ];
            assert_eq!(told(CredentialUse::Forward, None, &sent), expected);
            assert_eq!(told(CredentialUse::Strip, None, &sent), [""; 0]);
        }
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
