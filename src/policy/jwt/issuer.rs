//! One trusted issuer: which keys, which algorithms, which demands on a token.

use std::sync::Arc;

use http::Uri;
use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::{AlgorithmFamily, Validation};

use super::cache::{Cache, Counts};
use super::claims::{Mapping, Said};
use super::keys::KeySet;
use super::refusal::{self, Refusal};
use super::source::{self, Endpoint};
use super::token::Token;
use super::{ASYMMETRIC, Algorithm, Keys, Settings};
use crate::client::HttpClient;
use crate::policy::Identity;
use crate::problem::{Place, Problem, Problems};
use crate::upstream::TlsSettings;

/// An issuer, ready to verify.
#[derive(Debug)]
pub(super) struct Issuer {
    settings: Settings,
    keys: Held,
    /// What a token of each accepted algorithm must fulfil.
    demands: Vec<(Algorithm, Validation)>,
    claims: Mapping,
}

#[derive(Debug)]
enum Held {
    Fixed(Arc<KeySet>),
    Fetched {
        cache: Arc<Cache>,
        /// A hash of the file of trusted certificates: a new one makes new connections.
        roots: u64,
    },
}

impl Issuer {
    /// Prepares an issuer; the keys of a known one live on where they are fetched in the same way.
    pub(super) fn prepare(settings: &Settings, known: &[Self], problems: &mut Problems) -> Option<Self> {
        let algorithms = algorithms(settings, problems);
        let keys = held(settings, known, problems)?;
        let demands = algorithms?.into_iter().map(|one| (one, demand(settings, one))).collect();
        Some(Self { settings: settings.clone(), keys, demands, claims: Mapping::of(&settings.claims) })
    }

    pub(super) fn name(&self) -> &str {
        &self.settings.issuer
    }

    pub(super) fn counts(&self) -> Option<Counts> {
        match &self.keys {
            Held::Fixed(_) => None,
            Held::Fetched { cache, .. } => Some(cache.counts()),
        }
    }

    /// The fetched keys, where they are fetched in the same way under other settings too.
    fn keeps(&self, settings: &Settings, new_roots: u64) -> Option<Arc<Cache>> {
        match &self.keys {
            Held::Fetched { cache, roots }
                if *roots == new_roots
                    && self.name() == settings.issuer
                    && self.settings.keys == settings.keys =>
            {
                Some(Arc::clone(cache))
            }
            _ => None,
        }
    }

    /// Verifies a token that says it is of this issuer.
    pub(super) async fn verify(&self, token: &Token<'_>) -> Result<Identity, Refusal> {
        let demand = self.demands.iter().find(|(algorithm, _)| *algorithm == token.algorithm);
        let (_, demand) = demand.ok_or(refusal::ALGORITHM)?;
        let id = token.key.as_deref();
        let keys = match &self.keys {
            Held::Fixed(keys) => Arc::clone(keys),
            Held::Fetched { cache, .. } => cache.keys(id).await?,
        };
        let mut last = refusal::KEY;
        for key in keys.fitting(token.algorithm, id) {
            match jsonwebtoken::decode::<Said>(token.text, key, demand) {
                Ok(verified) => return self.claims.identity(&verified.claims),
                Err(error) => last = reason(error.kind()),
            }
            // Another key may have signed it; claims are looked at behind the signature only.
            if last != refusal::SIGNATURE {
                break;
            }
        }
        Err(last)
    }
}

/// The algorithms that are accepted: those configured, none of which may need keys of another kind.
fn algorithms(settings: &Settings, problems: &mut Problems) -> Option<Vec<Algorithm>> {
    let secret = matches!(settings.keys, Keys::Secret(_));
    if settings.algorithms.is_empty() {
        return Some(if secret { vec![Algorithm::HS256] } else { ASYMMETRIC.to_vec() });
    }
    let errors = problems.errors();
    for one in &settings.algorithms {
        let symmetric = one.family() == AlgorithmFamily::Hmac;
        if symmetric != secret {
            let (of, help) = if symmetric {
                ("a secret", "a published key must never serve as a secret: write `secret`, or take it out")
            } else {
                ("a key set", "write `jwks`, or take it out")
            };
            let what = format!("`algorithms` has `{one:?}`, which needs {of}");
            problems.push(Problem::error(settings.place.clone(), what).help(help));
        }
    }
    (problems.errors() == errors).then(|| settings.algorithms.clone())
}

fn held(settings: &Settings, known: &[Issuer], problems: &mut Problems) -> Option<Held> {
    match &settings.keys {
        Keys::Secret(secret) => {
            if secret.len() < LEAST_SECRET {
                let what = format!("`secret` is {} bytes long, which can be guessed", secret.len());
                problems
                    .push(Problem::error(settings.place.clone(), what).help("take 32 random bytes or more"));
                return None;
            }
            Some(Held::Fixed(Arc::new(KeySet::secret(secret))))
        }
        Keys::File(path) => match source::read_file(path) {
            Ok(read) => {
                if let Some(why) = read.why {
                    let left_out = read.left_out;
                    let what = format!("`{}`: {left_out} of its keys cannot be used: {why}", path.display());
                    problems.push(Problem::warning(settings.place.clone(), what));
                }
                Some(Held::Fixed(Arc::new(read.keys)))
            }
            Err(why) => {
                let what = format!("`{}` is not a key set: {why}", path.display());
                problems.push(Problem::error(settings.place.clone(), what).help(SET));
                None
            }
        },
        Keys::Url { url, fetching } => {
            let roots = TlsSettings { roots: fetching.roots.clone(), ..TlsSettings::default() }.fingerprint();
            if let Some(cache) = known.iter().find_map(|issuer| issuer.keeps(settings, roots)) {
                return Some(Held::Fetched { cache, roots });
            }
            let uri = url_of(url, &settings.place, problems);
            let client = HttpClient::prepare(fetching.roots.as_deref(), &settings.place, problems)?;
            let cache = Cache::start(&settings.issuer, Endpoint::new(client, uri?), fetching);
            Some(Held::Fetched { cache: Arc::new(cache), roots })
        }
    }
}

/// The url of a key set. It is not repeated: it may hold a secret.
fn url_of(url: &str, place: &Place, problems: &mut Problems) -> Option<Uri> {
    let uri = url.parse::<Uri>().ok().filter(|uri| {
        uri.authority().is_some() && uri.scheme_str().is_some_and(|scheme| matches!(scheme, "http" | "https"))
    });
    if uri.is_none() {
        let problem = Problem::error(place.clone(), "`jwks` is not a url that a key set can be fetched from");
        problems.push(problem.help("write `https://HOST/PATH`, or the path of a file"));
    }
    uri
}

/// What a token of one algorithm must fulfil. One algorithm only: the library takes those of one family at most.
fn demand(settings: &Settings, algorithm: Algorithm) -> Validation {
    let mut demand = Validation::new(algorithm);
    demand.leeway = settings.clock_skew.as_secs();
    demand.validate_nbf = true;
    demand.set_issuer(&[&settings.issuer]);
    if let Some(audiences) = &settings.audiences {
        demand.set_audience(audiences);
        demand.set_required_spec_claims(&["exp", "iss", "aud"]);
    } else {
        demand.validate_aud = false;
        demand.set_required_spec_claims(&["exp", "iss"]);
    }
    demand
}

/// The library's reason in words of ours.
fn reason(error: &ErrorKind) -> Refusal {
    match error {
        ErrorKind::ExpiredSignature => refusal::EXPIRED,
        ErrorKind::ImmatureSignature => refusal::EARLY,
        ErrorKind::InvalidAudience => refusal::AUDIENCE,
        ErrorKind::MissingRequiredClaim(claim) if claim == "aud" => refusal::AUDIENCE,
        ErrorKind::MissingRequiredClaim(_) | ErrorKind::InvalidClaimFormat(_) => refusal::CLAIM,
        ErrorKind::InvalidIssuer => refusal::ISSUER,
        ErrorKind::Base64(_) | ErrorKind::Json(_) | ErrorKind::Utf8(_) => refusal::UNREADABLE,
        ErrorKind::InvalidAlgorithm | ErrorKind::UnsupportedAlgorithm => refusal::ALGORITHM,
        _ => refusal::SIGNATURE,
    }
}

const SET: &str = "a key set is a JSON object with `keys` (RFC 7517)";

/// The length of SHA-256's output, the least that RFC 7518 (section 3.2) takes.
const LEAST_SECRET: usize = 32;
