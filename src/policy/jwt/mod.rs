//! Tokens: `Authorization: Bearer JWT`, verified with the keys that their issuers publish.
//!
//! Not for other credentials and not for what an identity may do: those are the rest of
//! [`policy`](crate::policy).
//!
//! From the outside in: `issuer` verifies a token, of which `token` says what it claims before anything is
//! believed; `keys` are what a key set holds, `source` where it is read, `cache` how it is kept fresh;
//! `claims` makes an identity of what a verified token says. Keys are fetched in the background: a request waits
//! only when there are none yet, or when its token names a key that is not known, and then never longer than
//! `timeout`.

mod cache;
mod claims;
mod issuer;
mod keys;
mod refusal;
mod source;
mod token;

use std::path::PathBuf;
use std::time::Duration;

pub use jsonwebtoken::Algorithm;

use self::issuer::Issuer;
use self::token::Token;
use super::Identity;
use crate::problem::{Place, Problems};
pub use cache::Counts;
pub use refusal::{Fault, Refusal};

/// One issuer of tokens that is trusted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// The `iss` of its tokens, compared as it stands.
    pub issuer: String,
    /// The audiences that a token may be for, one of which it must name; `None`: any, or none.
    pub audiences: Option<Vec<String>>,
    /// Where its keys are.
    pub keys: Keys,
    /// The algorithms that are accepted; empty: all that are [`ASYMMETRIC`], or for a secret HS256.
    pub algorithms: Vec<Algorithm>,
    /// How far the issuer's clock and ours may differ.
    pub clock_skew: Duration,
    /// What becomes of the claims.
    pub claims: Claims,
    /// Where it was configured, for problems.
    pub place: Place,
}

/// Where an issuer's keys are.
#[derive(Clone, PartialEq, Eq)]
pub enum Keys {
    /// A JWK set, fetched by URL and again and again.
    Url {
        /// `https://...` or `http://...`.
        url: String,
        /// How it is fetched.
        fetching: Fetching,
    },
    /// A JWK set in a file, read once: a change of the file is a reload.
    File(PathBuf),
    /// A secret shared with the issuer, for HMAC.
    Secret(Vec<u8>),
}

/// How a key set is fetched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fetching {
    /// How old the keys may become before they are fetched again.
    pub refresh: Duration,
    /// How long one fetch may take, and how long a request waits for it.
    pub timeout: Duration,
    /// The least time between two fetches for keys that are not known.
    pub cooldown: Duration,
    /// How long keys are used while they cannot be fetched again.
    pub keep: Duration,
    /// PEM file of the certificates that the endpoint's is trusted by; `None`: the system's.
    pub roots: Option<PathBuf>,
}

/// Which claims say what of the bearer. A claim is named as it stands, or as a path with dots.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claims {
    /// The actor's id; without it a token is refused.
    pub actor: String,
    /// The actor's type; `None`, or a token without it: [`default_type`](Self::default_type).
    pub actor_type: Option<String>,
    /// A name for logs.
    pub name: Option<String>,
    /// The accounts: an array, or a text with spaces between.
    pub accounts: Option<String>,
    /// The permissions: an array, or a text with spaces between.
    pub permissions: Option<String>,
    /// The actor's type where no claim says it.
    pub default_type: String,
    /// Accounts that every bearer has; `*`: all.
    pub granted_accounts: Vec<String>,
    /// Permissions that every bearer has; `*`: all.
    pub granted_permissions: Vec<String>,
}

/// What is accepted where nothing else is configured: every algorithm with a key that only the issuer has.
pub const ASYMMETRIC: [Algorithm; 9] = [
    Algorithm::RS256,
    Algorithm::RS384,
    Algorithm::RS512,
    Algorithm::PS256,
    Algorithm::PS384,
    Algorithm::PS512,
    Algorithm::ES256,
    Algorithm::ES384,
    Algorithm::EdDSA,
];

/// Verifies tokens of the configured issuers.
#[derive(Debug)]
pub struct Verifier {
    issuers: Vec<Issuer>,
}

impl Verifier {
    /// Prepares the issuers, telling every problem; `None` when there is an error. Keys of `previous` live on
    /// where they are fetched in the same way. Must be called within a tokio runtime if a set is fetched.
    pub fn prepare(settings: &[Settings], previous: Option<&Self>, problems: &mut Problems) -> Option<Self> {
        let known = previous.map_or(&[][..], |previous| &previous.issuers);
        let issuers: Vec<_> =
            settings.iter().filter_map(|one| Issuer::prepare(one, known, problems)).collect();
        (issuers.len() == settings.len()).then_some(Self { issuers })
    }

    /// Verifies a token: signature, issuer, audience, times, and that it says who its bearer is.
    ///
    /// # Errors
    /// Why it is refused, in words that hold nothing of the token.
    pub async fn verify(&self, token: &str) -> Result<Identity, Refusal> {
        let token = Token::read(token)?;
        let issuer = self.issuers.iter().find(|issuer| issuer.name() == token.issuer);
        issuer.ok_or(refusal::ISSUER)?.verify(&token).await
    }

    /// How often the keys of each issuer were fetched, and how often in vain.
    pub fn counts(&self) -> impl Iterator<Item = (&str, Counts)> {
        self.issuers.iter().filter_map(|issuer| Some((issuer.name(), issuer.counts()?)))
    }
}

impl std::fmt::Debug for Keys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            // A url may hold a secret.
            Self::Url { url: _, fetching } => {
                f.debug_struct("Url").field("fetching", fetching).finish_non_exhaustive()
            }
            Self::File(path) => f.debug_tuple("File").field(path).finish(),
            Self::Secret(_) => f.write_str("Secret(***)"),
        }
    }
}

#[cfg(test)]
mod tests;
