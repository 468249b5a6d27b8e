//! What a policy is prepared from: plain data, as a test can write it by hand.

use http::HeaderName;

use super::{Identity, KeyHash, Method, Scope, authz, jwt};
use crate::problem::Place;
use crate::units::{Moment, Secret};

/// Who may call, and what the backend is told of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Management keys.
    pub keys: Vec<KeySettings>,
    /// The `Authorization` scheme of keys; its case does not matter.
    pub key_scheme: String,
    /// More headers that may carry a key, and nothing else.
    pub key_headers: Vec<HeaderName>,
    /// Client certificates.
    pub certificates: Vec<CertificateSettings>,
    /// Issuers of tokens.
    pub jwt: Vec<jwt::Settings>,
    /// Who is asked about each call.
    pub external: Option<authz::Settings>,
    /// Whether callers prove who they are by a key, a certificate or a token, be there none at the moment; else
    /// `external` alone decides.
    pub proved_here: bool,
    /// Under which metadata the backend is told of the caller.
    pub metadata: MetadataNames,
    /// What becomes of the caller's credential.
    pub credential: CredentialUse,
}

impl Default for Settings {
    /// Nobody is known; a credential goes no further than the gateway.
    fn default() -> Self {
        Self {
            keys: Vec::new(),
            key_scheme: "apikey".to_owned(),
            key_headers: Vec::new(),
            certificates: Vec::new(),
            jwt: Vec::new(),
            external: None,
            proved_here: true,
            metadata: MetadataNames::default(),
            credential: CredentialUse::Strip,
        }
    }
}

/// A management key, of which only the hash is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeySettings {
    /// The hash of the key.
    pub hash: KeyHash,
    /// Whose it is.
    pub actor: ActorSettings,
    /// Where it was configured.
    pub place: Place,
}

/// A client certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertificateSettings {
    /// Which certificate it is.
    pub named: Named,
    /// Whose it is.
    pub actor: ActorSettings,
}

/// What a certificate is known by.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Named {
    /// Its subject, as RFC 4514 writes it.
    Subject(Box<str>),
    /// One of its alternative names, with its kind: `URI:spiffe://acme/robot`.
    San(Box<str>),
}

/// A caller and its rights.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ActorSettings {
    /// The name that people know it by, for logs.
    pub name: Option<String>,
    /// The id by which backends know it.
    pub actor_id: String,
    /// Its kind, the name of an enum value.
    pub actor_type: String,
    /// The accounts that it may act on; `*`: all.
    pub accounts: Vec<String>,
    /// What it may do; `*`: all.
    pub permissions: Vec<String>,
    /// When it is no longer known.
    pub expires: Option<Moment>,
}

impl Default for ActorSettings {
    /// A management key without rights.
    fn default() -> Self {
        Self {
            name: None,
            actor_id: String::new(),
            actor_type: "ACTOR_TYPE_MANAGEMENT_KEY".to_owned(),
            accounts: Vec::new(),
            permissions: Vec::new(),
            expires: None,
        }
    }
}

impl ActorSettings {
    /// The identity that proves itself by `method`.
    pub(super) fn identity(&self, method: Method) -> Identity {
        Identity {
            actor_id: self.actor_id.as_str().into(),
            actor_type: self.actor_type.as_str().into(),
            accounts: Scope::of(&self.accounts),
            permissions: Scope::of(&self.permissions),
            name: self.name.as_deref().map(Into::into),
            method,
        }
    }
}

/// The names of the metadata by which a backend knows the caller. Nobody but the gateway sets them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MetadataNames {
    /// The actor's id.
    pub actor_id: HeaderName,
    /// The actor's type.
    pub actor_type: HeaderName,
    /// The client's `User-Agent`.
    pub user_agent: HeaderName,
}

impl Default for MetadataNames {
    fn default() -> Self {
        Self {
            actor_id: HeaderName::from_static("qc-actor-id"),
            actor_type: HeaderName::from_static("qc-actor-type"),
            user_agent: HeaderName::from_static("qc-user-agent"),
        }
    }
}

/// What becomes of the caller's credential on the way to the backend.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CredentialUse {
    /// The backend gets it as it came.
    Forward,
    /// The backend gets none.
    Strip,
    /// The backend gets this as `authorization` instead.
    Replace(Secret),
}
