//! Tokens and the authorizer outside, as they are written.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{OnFailure, UpstreamTls};
use crate::units::{Period, Secret};

/// An issuer of tokens (`Authorization: Bearer JWT`). One of `jwks` and `secret` says how they are verified.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Jwt {
    /// The `iss` of its tokens, exactly as it stands there.
    pub issuer: String,
    /// The audiences that a token may be for; it must name one of them. `['*']`: any, or none.
    #[serde(default)]
    pub audiences: Vec<String>,
    /// The issuer's key set: `https://HOST/PATH`, or the path of a file, which is read again when it changes.
    pub jwks: Option<String>,
    /// PEM file of the certificates that are trusted for `jwks`; `null`: those of the system.
    pub jwks_roots: Option<PathBuf>,
    /// A secret of 32 bytes or more that is shared with the issuer, for HMAC.
    pub secret: Option<Secret>,
    /// The algorithms that are accepted, such as `RS256`. Empty: all asymmetric ones, or `HS256` with a `secret`.
    #[serde(default)]
    pub algorithms: Vec<String>,
    /// How far the issuer's clock and ours may differ.
    #[serde(default = "clock_skew")]
    pub clock_skew: Period,
    /// How old fetched keys may become before they are fetched again.
    #[serde(default = "refresh")]
    pub refresh: Period,
    /// How long one fetch may take, and how long a request waits for it that needs it.
    #[serde(default = "jwks_timeout")]
    pub timeout: Period,
    /// The least time between two fetches for tokens that name a key that is not known.
    #[serde(default = "cooldown")]
    pub cooldown: Period,
    /// How long keys are used while they cannot be fetched again.
    #[serde(default = "keep")]
    pub keep: Period,
    /// Which claims say what of the bearer.
    #[serde(default)]
    pub claims: JwtClaims,
    /// The kind of caller where no claim says it, the name of an enum value.
    #[serde(default = "user")]
    pub actor_type: String,
    /// Accounts that every bearer may act on, besides those of the claim; `*`: all.
    #[serde(default)]
    pub accounts: Vec<String>,
    /// What every bearer may do, besides what the claim says; `*`: everything.
    #[serde(default)]
    pub permissions: Vec<String>,
}

/// Claims by name. A name may be a path: `realm_access.roles`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct JwtClaims {
    /// The caller's id.
    pub actor: String,
    /// The kind of caller, the name of an enum value; `null`: `actor_type`.
    pub actor_type: Option<String>,
    /// The name that people know the caller by, for logs; `null`: none.
    pub name: Option<String>,
    /// The accounts: an array, or a text with spaces between; `null`: none.
    pub accounts: Option<String>,
    /// The permissions: an array, or a text with spaces between, such as `scope`; `null`: none.
    pub permissions: Option<String>,
}

impl Default for JwtClaims {
    fn default() -> Self {
        Self { actor: "sub".into(), actor_type: None, name: None, accounts: None, permissions: None }
    }
}

fn clock_skew() -> Period {
    Period(Duration::from_mins(1))
}

fn refresh() -> Period {
    Period(Duration::from_mins(10))
}

fn jwks_timeout() -> Period {
    Period(Duration::from_secs(5))
}

fn cooldown() -> Period {
    Period(Duration::from_secs(10))
}

fn keep() -> Period {
    Period(Duration::from_hours(24))
}

fn user() -> String {
    "ACTOR_TYPE_USER".into()
}

/// A service of Envoy's external authorization (`envoy.service.auth.v3`) that is asked about each call.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Authorizer {
    /// `http://HOST:PORT` (HTTP/2 without TLS), `https://HOST:PORT` or `unix:PATH`.
    pub url: String,
    /// How long to wait for its answer.
    #[serde(default = "timeout")]
    pub timeout: Period,
    /// What happens to a call when there is none: it is refused (`deny`), or goes on (`allow`).
    #[serde(default = "deny")]
    pub on_failure: OnFailure,
    /// The status of a call that is refused so.
    #[serde(default = "failure_status")]
    pub failure_status: u16,
    /// TLS, for `https`.
    #[serde(default)]
    pub tls: UpstreamTls,
    /// Globs of the request headers that it is sent; a leading `!` excludes. Empty: all.
    #[serde(default)]
    pub headers: Vec<String>,
    /// What it is told with each call, as `context_extensions`.
    #[serde(default)]
    pub context: BTreeMap<String, String>,
    /// Whether it is told who was identified here.
    #[serde(default = "yes")]
    pub forward_identity: bool,
    /// The kind of a caller whom it names without a kind.
    #[serde(default = "user")]
    pub actor_type: String,
    /// The accounts of a caller of whom it does not say them; `*`: all.
    #[serde(default = "all")]
    pub accounts: Vec<String>,
    /// What a caller may do of whom it does not say it; `*`: everything.
    #[serde(default = "all")]
    pub permissions: Vec<String>,
}

fn timeout() -> Period {
    Period(Duration::from_millis(200))
}

fn deny() -> OnFailure {
    OnFailure::Deny
}

fn failure_status() -> u16 {
    403
}

fn yes() -> bool {
    true
}

fn all() -> Vec<String> {
    vec!["*".into()]
}
