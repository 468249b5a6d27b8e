//! Checks of issuers of tokens and of the authorizer outside.

use std::path::Path;

use http::{StatusCode, Uri};

use crate::policy::{authz, jwt};

use super::super::file::{Authorizer, Jwt, JwtClaims, OnFailure};
use super::Check;

impl Check<'_> {
    /// The issuers; those with a fault are told and left out.
    pub(super) fn issuers(&mut self, file: &[Jwt]) -> Vec<jwt::Settings> {
        let mut good: Vec<jwt::Settings> = Vec::with_capacity(file.len());
        for (index, one) in file.iter().enumerate() {
            let at = format!("identity.jwt.{index}");
            if good.iter().any(|known| known.issuer == one.issuer) {
                let what = format!("the issuer `{}` was configured before", one.issuer);
                self.error(&format!("{at}.issuer"), what, "join the two: a token's issuer finds its entry");
                continue;
            }
            good.extend(self.issuer(&at, one));
        }
        good
    }

    fn issuer(&mut self, at: &str, file: &Jwt) -> Option<jwt::Settings> {
        if file.issuer.is_empty() {
            self.error(&format!("{at}.issuer"), "an issuer has no name", "write the `iss` of its tokens");
        }
        if file.audiences.is_empty() {
            let what = "no `audiences`: a token made for anybody else would be taken too";
            let help = "list those that this API has, or write `audiences: ['*']` for any";
            self.error(&format!("{at}.audiences"), what, help);
        }
        self.rights(at, &file.actor_type, &file.accounts, &file.permissions);
        if file.claims.permissions.is_none() && file.permissions.is_empty() {
            let what = "nothing says what the bearers of these tokens may do: only what needs no permission";
            self.warning(at, what, "name the claim in `claims.permissions`, or list `permissions` of all");
        }
        let algorithms = self.algorithms(&format!("{at}.algorithms"), &file.algorithms);
        self.claims(at, &file.claims);
        let keys = self.issuer_keys(at, file);
        Some(jwt::Settings {
            issuer: file.issuer.clone(),
            audiences: (!file.audiences.iter().any(|one| one == "*")).then(|| file.audiences.clone()),
            keys: keys?,
            algorithms: algorithms?,
            clock_skew: file.clock_skew.0,
            claims: jwt::Claims {
                actor: file.claims.actor.clone(),
                actor_type: file.claims.actor_type.clone(),
                name: file.claims.name.clone(),
                accounts: file.claims.accounts.clone(),
                permissions: file.claims.permissions.clone(),
                default_type: file.actor_type.clone(),
                granted_accounts: file.accounts.clone(),
                granted_permissions: file.permissions.clone(),
            },
            place: self.place(at),
        })
    }

    fn claims(&mut self, at: &str, claims: &JwtClaims) {
        let optional = [
            ("actor_type", &claims.actor_type),
            ("name", &claims.name),
            ("accounts", &claims.accounts),
            ("permissions", &claims.permissions),
        ];
        let named = optional.into_iter().filter_map(|(key, name)| Some((key, name.as_ref()?)));
        for (key, name) in named.chain([("actor", &claims.actor)]) {
            if name.split('.').any(str::is_empty) {
                let at = format!("{at}.claims.{key}");
                self.error(&at, format!("`{name}` names no claim"), "write a name such as `sub` or `a.b`");
            }
        }
    }

    fn algorithms(&mut self, at: &str, names: &[String]) -> Option<Vec<jwt::Algorithm>> {
        let mut good = Vec::with_capacity(names.len());
        for (index, name) in names.iter().enumerate() {
            if let Ok(algorithm) = name.parse() {
                good.push(algorithm);
            } else {
                let what = if name.eq_ignore_ascii_case("none") {
                    "`none` is no signature, and is never accepted".to_owned()
                } else {
                    format!("`{name}` is not an algorithm that is known")
                };
                let help = "RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384 and EdDSA are; with a \
                            `secret` HS256, HS384 and HS512";
                self.error(&format!("{at}.{index}"), what, help);
            }
        }
        (good.len() == names.len()).then_some(good)
    }

    fn issuer_keys(&mut self, at: &str, file: &Jwt) -> Option<jwt::Keys> {
        let fetching = jwt::Fetching {
            refresh: self.positive(&format!("{at}.refresh"), file.refresh.0),
            timeout: self.positive(&format!("{at}.timeout"), file.timeout.0),
            cooldown: self.positive(&format!("{at}.cooldown"), file.cooldown.0),
            keep: self.positive(&format!("{at}.keep"), file.keep.0),
            roots: match &file.jwks_roots {
                Some(path) => Some(self.file_at(&format!("{at}.jwks_roots"), path)?),
                None => None,
            },
        };
        match (&file.jwks, &file.secret) {
            (Some(url), None) if url.contains("://") => {
                self.open_to_view(&format!("{at}.jwks"), url);
                if fetching.keep < fetching.refresh {
                    let what = format!("`keep` ({}) is shorter than `refresh` ({})", file.keep, file.refresh);
                    self.error(&format!("{at}.keep"), what, "keys must be good until they are fetched again");
                }
                Some(jwt::Keys::Url { url: url.clone(), fetching })
            }
            (Some(path), None) => self.file_at(&format!("{at}.jwks"), Path::new(path)).map(jwt::Keys::File),
            (None, Some(secret)) => Some(jwt::Keys::Secret(secret.reveal().as_bytes().to_vec())),
            _ => {
                let help =
                    "write `jwks: https://...`, or `secret: ${NAME}` for tokens that are signed with HMAC";
                self.error(at, "tokens are verified by one of `jwks` and `secret`", help);
                None
            }
        }
    }

    /// Warns of keys that anybody on the way may replace.
    fn open_to_view(&mut self, at: &str, url: &str) {
        let host = url.parse::<Uri>().ok().and_then(|uri| uri.host().map(str::to_owned)).unwrap_or_default();
        let near = matches!(&*host, "localhost" | "[::1]") || host.starts_with("127.");
        if url.starts_with("http://") && !near {
            let what = "the keys are fetched without TLS: who can change them on the way can sign tokens";
            self.warning(at, what, "write `https://`");
        }
    }

    /// The authorizer.
    pub(super) fn authorizer(&mut self, file: &Authorizer) -> Option<authz::Settings> {
        let at = "identity.external";
        let upstream = self.service("authorizer", at, &file.url, &file.tls);
        let timeout = self.positive(&format!("{at}.timeout"), file.timeout.0);
        self.rights(at, &file.actor_type, &file.accounts, &file.permissions);
        let status = StatusCode::from_u16(file.failure_status).ok();
        let status = status.filter(|status| status.is_client_error() || status.is_server_error());
        if status.is_none() {
            let what = format!("`failure_status` is {}, which refuses nothing", file.failure_status);
            self.error(&format!("{at}.failure_status"), what, "write a status from 400 to 599");
        }
        Some(authz::Settings {
            upstream: upstream?,
            timeout,
            on_failure: match file.on_failure {
                OnFailure::Allow => authz::OnFailure::Allow,
                OnFailure::Deny => authz::OnFailure::Deny(status?),
            },
            headers: file.headers.clone(),
            context: file.context.clone(),
            forward_identity: file.forward_identity,
            given: authz::Given {
                actor_type: file.actor_type.clone(),
                accounts: file.accounts.clone(),
                permissions: file.permissions.clone(),
            },
            place: self.place(at),
        })
    }
}
