//! Who is calling, and whether they may.
//!
//! Not for how often ([`ratelimit`](crate::ratelimit)) and not for what a message may hold
//! ([`validate`](crate::validate)).
//!
//! A [`Policy`] is built with the snapshot. A call asks it in this order: [`identify`](Policy::identify) before the
//! body is read, [`permit`](Policy::permit) and [`in_account`](Policy::in_account) once it is known what is asked
//! for, [`tell_backend`](Policy::tell_backend) before anything is sent. `key`, `credential`, `certificate` and [`jwt`]
//! are ways to prove an identity, [`authz`] asks somebody else, `challenge` is the 401, `permit` the 403, `backend`
//! what goes on.
//!
//! A key costs one SHA-256 and one look-up on the request path, a token one signature; what an [`Identity`] is made
//! of is shared.

#![cfg_attr(
    not(test),
    deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)
)]

pub mod authz;
mod backend;
mod certificate;
mod challenge;
mod credential;
mod identity;
pub mod jwt;
mod key;
mod permit;
mod settings;
#[cfg(test)]
mod tests;

use std::collections::HashMap;

use http::{HeaderMap, Uri};

use self::authz::{Authorizer, Changes};
use self::backend::Telling;
use self::certificate::Certificates;
use self::challenge::{Challenges, Ways};
use self::credential::{Credential, Places};
use self::jwt::{Fault, Refusal, Verifier};
use crate::duty::Duties;
use crate::metadata::Peer;
use crate::observe::Count;
use crate::problem::Problems;
use crate::status::{Code, Origin, Status};
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
    tokens: Option<Verifier>,
    authorizer: Option<Authorizer>,
    /// Whether callers prove here who they are, and not to the authorizer alone.
    proved_here: bool,
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
    /// The account that the call is about, where its path says so.
    pub account: Option<&'h str>,
}

/// A request that may go on, and what an authorizer changes of it.
#[derive(Debug, Clone, Default)]
pub struct Admitted {
    /// Who is calling; `None`: nobody has to be known, and nobody is.
    pub identity: Option<Identity>,
    /// What an authorizer changes of the metadata for the backend.
    pub metadata: Changes,
    /// What it changes of the answer's headers.
    pub answer: Changes,
}

impl Policy {
    /// Prepares a policy, telling every problem; `None` when there is an error. Keys of issuers and the connection to
    /// an authorizer live on where their settings are the same. Must be called within a tokio runtime if there is
    /// either.
    pub fn prepare(settings: &Settings, previous: Option<&Self>, problems: &mut Problems) -> Option<Self> {
        let mut keys = HashMap::with_capacity(settings.keys.len());
        for one in &settings.keys {
            let key = Key { identity: one.actor.identity(Method::Key), expires: one.actor.expires };
            keys.entry(one.hash).or_insert(key);
        }
        let certificates = Certificates::of(&settings.certificates);
        let known = previous.and_then(|previous| previous.tokens.as_ref());
        let tokens = match &*settings.jwt {
            [] => Some(None),
            issuers => Verifier::prepare(issuers, known, problems).map(Some),
        };
        let known = previous.and_then(|previous| previous.authorizer.as_ref());
        let authorizer = match &settings.external {
            None => Some(None),
            Some(external) => Authorizer::prepare(external, &settings.metadata, known, problems).map(Some),
        };
        let by_token = !settings.jwt.is_empty();
        // Without any other way a key is asked for, though there is none: a 401 has a challenge.
        let by_key = !keys.is_empty() || certificates.is_empty() && !by_token;
        let challenges = Challenges::of(Ways {
            keys: by_key.then_some(&*settings.key_scheme),
            tokens: by_token,
            certificates: !certificates.is_empty(),
        });
        let places = Places {
            key_scheme: settings.key_scheme.as_str().into(),
            key_headers: settings.key_headers.as_slice().into(),
        };
        let telling = Telling::prepare(settings, problems);
        let proved_here = settings.proved_here || settings.external.is_none();
        let (tokens, authorizer, telling) = (tokens?, authorizer?, telling?);
        Some(Self { places, keys, certificates, tokens, authorizer, proved_here, challenges, telling })
    }

    /// Who sends a request. A credential that is sent has to be good, be the method public; where there is none, a
    /// known client certificate counts. An authorizer is asked last; it alone decides where no credentials are
    /// configured. Waits for nobody but the authorizer, and for the keys of a token's issuer where they are not known.
    ///
    /// # Errors
    /// 401 when the credential is bad, or missing where it is needed; 400 when there are several; 503 when the keys
    /// for a token cannot be had; what the authorizer refuses with.
    pub async fn identify(&self, head: &Head<'_>, duties: &Duties) -> Result<Admitted, Status> {
        let credential = self.places.find(head.headers)?;
        let proved = if self.proved_here { self.proved(credential, head, duties).await? } else { None };
        let Some(authorizer) = &self.authorizer else {
            return Ok(Admitted { identity: proved, ..Admitted::default() });
        };
        // In a box, so that calls nobody else is asked about do not carry the room for it.
        let verdict = Box::pin(authorizer.check(head, proved.as_ref())).await?;
        let unnamed = || (!self.proved_here).then(|| authorizer.unnamed());
        Ok(Admitted {
            identity: verdict.identity.or_else(unnamed),
            metadata: verdict.metadata,
            answer: verdict.answer,
        })
    }

    /// Who a request's own credential proves it is from; `None`: nobody, and nobody has to.
    async fn proved(
        &self,
        credential: Credential<'_>,
        head: &Head<'_>,
        duties: &Duties,
    ) -> Result<Option<Identity>, Status> {
        let refusal = match (credential, &self.tokens) {
            (Credential::Key(key), _) => return self.holder(key).map(|known| Some(known.clone())),
            (Credential::Malformed, _) => return Err(self.challenges.bad("the credential is malformed")),
            (Credential::Other { scheme, text }, Some(tokens)) if scheme.eq_ignore_ascii_case("bearer") => {
                return tokens.verify(text).await.map(Some).map_err(|refusal| self.refused(refusal));
            }
            // One of a scheme that is not taken here counts as none.
            (other @ (Credential::Other { .. } | Credential::Missing), _) => {
                let shown = head.peer.certificate.as_ref();
                match (shown.map(|shown| self.certificates.identify(shown)), other) {
                    (Some(Ok(identity)), _) => return Ok(Some(identity.clone())),
                    (_, Credential::Other { .. }) => "the credential is of a scheme that is not taken here",
                    (Some(Err(what)), _) => what,
                    (None, _) => "this method needs a credential",
                }
            }
        };
        if duties.authentication { Err(self.challenges.missing(refusal)) } else { Ok(None) }
    }

    /// The answer to a token that is not taken.
    fn refused(&self, refusal: Refusal) -> Status {
        match refusal.fault {
            Fault::Token => self.challenges.bad_token(refusal.why),
            Fault::Keys => Status::new(Code::Unavailable, refusal.why, Origin::Gateway),
        }
    }

    /// How often the keys of each issuer of tokens were fetched.
    #[must_use]
    pub fn key_fetches(&self) -> Vec<Count> {
        let counts = self.tokens.iter().flat_map(Verifier::counts).flat_map(|(issuer, counts)| {
            let outcomes = [("fetched", counts.fetches - counts.failures), ("failed", counts.failures)];
            outcomes.map(|(outcome, count)| Count { of: Some(("issuer", issuer.to_owned())), outcome, count })
        });
        counts.collect()
    }

    /// How often the authorizer was asked, and what it said.
    #[must_use]
    pub fn checks(&self) -> Vec<Count> {
        let counts = self.authorizer.iter().map(Authorizer::counts).flat_map(|counts| {
            let authz::Counts { checks, denials, failures } = counts;
            let allowed = checks.saturating_sub(denials + failures);
            [("allowed", allowed), ("denied", denials), ("failed", failures)]
        });
        counts.map(|(outcome, count)| Count { of: None, outcome, count }).collect()
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
