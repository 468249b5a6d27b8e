//! Who may call, as it is written: keys, certificates, and what the backend is told.

use std::fmt;
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::de::value::MapAccessDeserializer;
use serde::de::{self, Deserializer, MapAccess, Visitor};
use serde::{Deserialize, Serialize};

use super::{Authorizer, Jwt};
use crate::units::{Moment, Secret};

/// Who may call, and what the backend is told of the caller.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Identity {
    /// Management keys, by their hashes. `transom key new` makes a key and its entry.
    pub keys: Vec<Key>,
    /// Files with more keys (`keys: [...]`, as above); read again when they change.
    pub key_files: Vec<PathBuf>,
    /// The scheme of keys in `Authorization: SCHEME KEY`; its case does not matter.
    pub key_scheme: String,
    /// More headers that may carry a key and nothing else, such as `X-Api-Key`.
    pub key_headers: Vec<String>,
    /// Client certificates, which listeners ask for with `tls.client_roots`.
    pub certificates: Vec<Certificate>,
    /// Issuers of tokens, `Authorization: Bearer JWT`.
    pub jwt: Vec<Jwt>,
    /// A service that is asked about each call: after the caller is identified, or instead where nothing else is
    /// configured; `null`: none.
    pub external: Option<Authorizer>,
    /// The metadata by which the backend knows the caller. What a client sends under these names is dropped.
    pub metadata: IdentityMetadata,
    /// What becomes of the caller's credential on the way to the backend: `forward`, `strip`, or
    /// `{replace: "Bearer ..."}`, which is sent as `authorization` instead.
    pub credential: CredentialUse,
}

impl Default for Identity {
    fn default() -> Self {
        Self {
            keys: Vec::new(),
            key_files: Vec::new(),
            key_scheme: "apikey".into(),
            key_headers: Vec::new(),
            certificates: Vec::new(),
            jwt: Vec::new(),
            external: None,
            metadata: IdentityMetadata::default(),
            credential: CredentialUse::Strip,
        }
    }
}

/// A management key.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Key {
    /// `sha256:` and the SHA-256 of the whole key in hexadecimal (`transom key hash`).
    pub hash: Secret,
    /// The name that people know it by, for logs.
    pub name: Option<String>,
    /// The id by which the backend knows the caller.
    pub actor_id: String,
    /// The kind of caller, the name of an enum value.
    #[serde(default = "management_key")]
    pub actor_type: String,
    /// The accounts that the caller may act on; `*`: all.
    #[serde(default)]
    pub accounts: Vec<String>,
    /// What the caller may do; `*`: everything.
    #[serde(default)]
    pub permissions: Vec<String>,
    /// When the key is no longer good, as RFC 3339 has it; `null`: never.
    pub expires: Option<Moment>,
}

/// A client certificate: one of `subject` and `san` says which.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Certificate {
    /// Its whole subject, last part first: `CN=robot,O=Acme,C=US`.
    pub subject: Option<String>,
    /// One of its alternative names: `spiffe://acme/robot`, `robot.acme.example`, an email or IP address.
    pub san: Option<String>,
    /// The name that people know it by, for logs.
    pub name: Option<String>,
    /// The id by which the backend knows the caller.
    pub actor_id: String,
    /// The kind of caller, the name of an enum value.
    #[serde(default = "service_account")]
    pub actor_type: String,
    /// The accounts that the caller may act on; `*`: all.
    #[serde(default)]
    pub accounts: Vec<String>,
    /// What the caller may do; `*`: everything.
    #[serde(default)]
    pub permissions: Vec<String>,
    /// When the certificate is no longer taken, though it may be good; `null`: when it expires.
    pub expires: Option<Moment>,
}

fn management_key() -> String {
    "ACTOR_TYPE_MANAGEMENT_KEY".into()
}

fn service_account() -> String {
    "ACTOR_TYPE_SERVICE_ACCOUNT".into()
}

/// A file of keys.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct KeyFile {
    /// The keys.
    pub keys: Vec<Key>,
}

/// Names of metadata.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct IdentityMetadata {
    /// The caller's id.
    pub actor_id: String,
    /// The caller's kind.
    pub actor_type: String,
    /// The client's `User-Agent`.
    pub user_agent: String,
}

impl Default for IdentityMetadata {
    fn default() -> Self {
        Self {
            actor_id: "qc-actor-id".into(),
            actor_type: "qc-actor-type".into(),
            user_agent: "qc-user-agent".into(),
        }
    }
}

/// What becomes of a credential.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CredentialUse {
    /// The backend gets it as it came.
    Forward,
    /// The backend gets none.
    Strip,
    /// The backend gets this as `authorization` instead.
    Replace(Secret),
}

/// The object form.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Replacement {
    replace: Secret,
}

impl<'de> Deserialize<'de> for CredentialUse {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(CredentialVisitor)
    }
}

struct CredentialVisitor;

impl<'de> Visitor<'de> for CredentialVisitor {
    type Value = CredentialUse;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("`forward`, `strip`, or an object with `replace`")
    }

    fn visit_str<E: de::Error>(self, word: &str) -> Result<CredentialUse, E> {
        match word {
            "forward" => Ok(CredentialUse::Forward),
            "strip" => Ok(CredentialUse::Strip),
            // Not the text itself: it may be the replacement.
            _ => Err(E::custom(
                "the text is neither `forward` nor `strip`; write `{replace: ...}` to replace it",
            )),
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<CredentialUse, A::Error> {
        let object = Replacement::deserialize(MapAccessDeserializer::new(map))?;
        Ok(CredentialUse::Replace(object.replace))
    }
}
