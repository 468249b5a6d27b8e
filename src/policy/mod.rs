//! Who is calling, and whether they may.
//!
//! Not for how often ([`ratelimit`](crate::ratelimit)) and not for what a message may hold
//! ([`validate`](crate::validate)).
//!
//! A [`Policy`] is built with the snapshot. A call asks it in this order: [`identify`](Policy::identify) before the
//! body is read, [`permit`](Policy::permit) and [`in_account`](Policy::in_account) once it is known what is asked
//! for, [`tell_backend`](Policy::tell_backend) before anything is sent. `key`, `credential` and `certificate` are
//! ways to prove an identity, `challenge` is the 401, `permit` the 403, `backend` what goes on.
//!
//! A key costs one SHA-256 and one look-up on the request path; what an [`Identity`] is made of is shared.

mod backend;
mod certificate;
mod challenge;
mod credential;
mod identity;
mod key;
mod permit;
mod settings;
#[cfg(test)]
mod tests;

use std::collections::HashMap;

use http::{HeaderMap, HeaderName, Uri};

use self::backend::Telling;
use self::certificate::Certificates;
use self::challenge::{Challenges, Ways};
use self::credential::{Credential, Places};
use crate::duty::Duties;
use crate::metadata::Peer;
use crate::problem::Problems;
use crate::status::Status;
use crate::units::Moment;

pub use credential::is_key;
pub use identity::{Identity, Method, Scope, is_carried};
pub use key::{KeyHash, NEW_KEY, is_mistyped, new_key};
pub use settings::{
    ActorSettings, CertificateSettings, CredentialUse, KeySettings, MetadataNames, Named, Settings,
};

/// Who may call, ready to be asked.
#[derive(Debug)]
pub struct Policy {
    places: Places,
    keys: HashMap<KeyHash, Key>,
    certificates: Certificates,
    challenges: Challenges,
    telling: Telling,
}

/// Whose a key is.
#[derive(Debug)]
struct Key {
    identity: Identity,
    expires: Option<Moment>,
}

/// What is known of a request before its body is read.
#[derive(Debug, Clone, Copy)]
pub struct Head<'h> {
    /// The HTTP method.
    pub method: &'h http::Method,
    /// The request target.
    pub uri: &'h Uri,
    /// The headers.
    pub headers: &'h HeaderMap,
    /// The client's connection.
    pub peer: &'h Peer,
    /// `pkg.Service/Method`
    pub rpc: &'h str,
}

/// A request that may go on, and what an authorizer changes of it.
#[derive(Debug, Clone, Default)]
pub struct Admitted {
    /// Who is calling; `None`: nobody has to be known, and nobody is.
    pub identity: Option<Identity>,
    /// Metadata for the backend, in place of what came under the same names.
    pub added: HeaderMap,
    /// Metadata that the backend must not see.
    pub removed: Vec<HeaderName>,
    /// Headers for the answer.
    pub answer_headers: HeaderMap,
}

impl Policy {
    /// Prepares a policy, telling every problem; `None` when there is an error.
    pub fn prepare(settings: &Settings, _previous: Option<&Self>, problems: &mut Problems) -> Option<Self> {
        let mut keys = HashMap::with_capacity(settings.keys.len());
        for one in &settings.keys {
            let key = Key { identity: one.actor.identity(Method::Key), expires: one.actor.expires };
            keys.entry(one.hash).or_insert(key);
        }
        let certificates = Certificates::of(&settings.certificates);
        // Without any other way a key is asked for, though there is none: a 401 has a challenge.
        let by_key = !keys.is_empty() || certificates.is_empty();
        let challenges = Challenges::of(Ways {
            keys: by_key.then_some(&*settings.key_scheme),
            tokens: false,
            certificates: !certificates.is_empty(),
        });
        let places = Places {
            key_scheme: settings.key_scheme.as_str().into(),
            key_headers: settings.key_headers.as_slice().into(),
        };
        Some(Self { places, keys, certificates, challenges, telling: Telling::prepare(settings, problems)? })
    }

    /// Who sends a request. A credential that is sent has to be good, be the method public; where there is none, a
    /// known client certificate counts. Waits for nobody but an authorizer outside.
    ///
    /// # Errors
    /// 401 when the credential is bad, or missing where it is needed; 400 when there are several.
    #[allow(clippy::unused_async, reason = "tokens and authorizers may have to be waited for")]
    pub async fn identify(&self, head: &Head<'_>, duties: &Duties) -> Result<Admitted, Status> {
        let refusal = match self.places.find(head.headers)? {
            Credential::Key(key) => return self.holder(key).map(admitted),
            Credential::Malformed => return Err(self.challenges.bad("the credential is malformed")),
            Credential::Other { .. } => "the credential is of a scheme that is not taken here",
            Credential::Missing => {
                match head.peer.certificate.as_ref().map(|shown| self.certificates.identify(shown)) {
                    Some(Ok(identity)) => return Ok(admitted(identity)),
                    Some(Err(what)) => what,
                    None => "this method needs a credential",
                }
            }
        };
        if duties.authentication { Err(self.challenges.missing(refusal)) } else { Ok(Admitted::default()) }
    }

    /// Whose key it is.
    fn holder(&self, key: &str) -> Result<&Identity, Status> {
        match self.keys.get(&KeyHash::of(key)) {
            None => Err(self.challenges.bad("the key is not known")),
            Some(key) if key.expires.is_some_and(Moment::is_past) => {
                Err(self.challenges.bad("the key has expired"))
            }
            Some(key) => Ok(&key.identity),
        }
    }
}

fn admitted(identity: &Identity) -> Admitted {
    Admitted { identity: Some(identity.clone()), ..Admitted::default() }
}
