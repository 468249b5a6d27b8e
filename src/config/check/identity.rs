//! Checks of who may call: hashes, names, rights, and the files that keys are in.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use http::{HeaderName, HeaderValue};

use crate::metadata;
use crate::policy::{self, ActorSettings, CertificateSettings, KeyHash, KeySettings, MetadataNames, Named};
use crate::problem::Place;
use crate::units::Moment;

use super::super::file::{Certificate, CredentialUse, Identity, IdentityMetadata, Key, KeyFile, Listeners};
use super::super::tree::Source;
use super::super::{read, yaml};
use super::{Check, reason};

impl Check<'_> {
    pub(super) fn identity(&mut self, file: &Identity, listeners: &Listeners) -> policy::Settings {
        let mut keys = self.keys("identity.keys", &file.keys);
        for (index, path) in file.key_files.iter().enumerate() {
            let at = format!("identity.key_files.{index}");
            if let Some(path) = self.file_at(&at, path) {
                keys.extend(self.key_file(&at, &path));
            }
        }
        let keys = self.different(keys);
        let certificates = self.certificates(&file.certificates, listeners);
        let ways = ["keys", "key_files", "certificates", "jwt"];
        let proved_here = ways.iter().any(|key| self.is_written(&["identity", key]));
        if !proved_here && !self.is_written(&["identity", "external"]) {
            let what = "`identity` knows nobody: every call of a method that is not public is answered 401";
            self.warning("identity", what, "add `keys`, made by `transom key new`, or leave `identity` out");
        }
        policy::Settings {
            keys,
            key_scheme: self.key_scheme(&file.key_scheme),
            key_headers: self.key_headers(&file.key_headers),
            certificates,
            jwt: self.issuers(&file.jwt),
            external: file.external.as_ref().and_then(|external| self.authorizer(external)),
            proved_here,
            metadata: self.names(&file.metadata),
            credential: self.credential(&file.credential),
        }
    }

    /// The keys of a file of keys, every fault told with its line there.
    pub(in super::super) fn key_file(&mut self, at: &str, path: &Path) -> Vec<KeySettings> {
        self.read.push(path.to_owned());
        let text = match std::fs::read_to_string(path) {
            Ok(text) => text,
            Err(fault) => {
                self.error(at, format!("cannot read `{}`: {}", path.display(), reason(&fault)), "");
                return Vec::new();
            }
        };
        let source = Arc::new(Source { name: path.display().to_string(), text });
        let Some(mut root) = yaml::parse(&source, self.problems) else { return Vec::new() };
        let written = root.clone();
        let told = self.problems.errors();
        let file: KeyFile = read::read(&mut root, self.problems);
        if file.keys.is_empty() && self.problems.errors() == told {
            let what = format!("`{}` holds no key", path.display());
            self.warning(
                at,
                what,
                "its keys stand below `keys:`; one that was cut while it was saved is empty too",
            );
        }
        let mut check = Check {
            root: &root,
            written: &written,
            folder: self.folder,
            without_backend: self.without_backend,
            problems: self.problems,
            files: Vec::new(),
            read: Vec::new(),
        };
        check.keys("keys", &file.keys)
    }

    fn keys(&mut self, at: &str, keys: &[Key]) -> Vec<KeySettings> {
        let mut good = Vec::with_capacity(keys.len());
        for (index, key) in keys.iter().enumerate() {
            let at = format!("{at}.{index}");
            let actor = ActorSettings {
                name: key.name.clone(),
                actor_id: key.actor_id.clone(),
                actor_type: key.actor_type.clone(),
                accounts: key.accounts.clone(),
                permissions: key.permissions.clone(),
                expires: key.expires,
            };
            self.actor(&at, &actor, "key");
            match key.hash.reveal().parse::<KeyHash>() {
                Ok(hash) => good.push(KeySettings { hash, actor, place: self.place(&format!("{at}.hash")) }),
                Err(what) => {
                    let help = "write what `transom key hash` prints; the key itself must stand nowhere";
                    self.error(&format!("{at}.hash"), format!("this is not the hash of a key: {what}"), help);
                }
            }
        }
        good
    }

    /// The keys without those that were there before, which are told.
    fn different(&mut self, keys: Vec<KeySettings>) -> Vec<KeySettings> {
        let mut known: HashMap<KeyHash, Place> = HashMap::with_capacity(keys.len());
        let mut different = Vec::with_capacity(keys.len());
        for key in keys {
            if let Some(first) = known.get(&key.hash) {
                let what = format!("this key was configured before, at {first}");
                let problem = crate::problem::Problem::error(key.place.clone(), what);
                self.problems.push(problem.help("keep one of the two: a key has one owner"));
                continue;
            }
            known.insert(key.hash, key.place.clone());
            different.push(key);
        }
        different
    }

    fn certificates(
        &mut self,
        certificates: &[Certificate],
        listeners: &Listeners,
    ) -> Vec<CertificateSettings> {
        let asked = |tls: &super::super::file::ListenerTls| tls.client_roots.is_some();
        if !certificates.is_empty() && !listeners.0.iter().any(|one| one.tls.as_ref().is_some_and(asked)) {
            let help = "name who issues them in a listener's `tls.client_roots`";
            self.warning("identity.certificates", "no listener asks clients for certificates", help);
        }
        let mut good: Vec<CertificateSettings> = Vec::with_capacity(certificates.len());
        for (index, one) in certificates.iter().enumerate() {
            let at = format!("identity.certificates.{index}");
            let actor = ActorSettings {
                name: one.name.clone(),
                actor_id: one.actor_id.clone(),
                actor_type: one.actor_type.clone(),
                accounts: one.accounts.clone(),
                permissions: one.permissions.clone(),
                expires: one.expires,
            };
            self.actor(&at, &actor, "certificate");
            let (key, named) = match (&one.subject, &one.san) {
                (Some(subject), None) => ("subject", Named::subject(subject)),
                (None, Some(san)) => ("san", Named::san(san)),
                _ => {
                    let help = "write `subject: CN=...` or `san: spiffe://...`";
                    self.error(&at, "a certificate is known by one of `subject` and `san`", help);
                    continue;
                }
            };
            let at = format!("{at}.{key}");
            match named {
                Ok(named) if good.iter().any(|known| known.named == named) => {
                    self.error(&at, "this certificate was configured before", "keep one of the two");
                }
                Ok(named) => good.push(CertificateSettings { named, actor }),
                Err(what) => {
                    let help = "`openssl x509 -noout -subject -nameopt RFC2253 -ext subjectAltName -in FILE` shows both";
                    self.error(&at, format!("this names no certificate: {what}"), help);
                }
            }
        }
        good
    }

    /// What all callers have, however they prove who they are.
    fn actor(&mut self, at: &str, actor: &ActorSettings, what: &str) {
        if !policy::is_carried(&actor.actor_id) {
            let help = "write visible ASCII characters: the backend is told it as metadata";
            self.error(&format!("{at}.actor_id"), "this is not an id that can be told to a backend", help);
        }
        self.rights(at, &actor.actor_type, &actor.accounts, &actor.permissions);
        if actor.permissions.is_empty() {
            let fault = format!("this {what} has no permissions: it may call only methods that need none");
            self.warning(at, fault, "list them in `permissions`, or write `permissions: ['*']` for all");
        }
        if let Some(expires) = actor.expires.filter(|expires: &Moment| expires.is_past()) {
            let fault = format!("this {what} expired at {expires}");
            self.warning(&format!("{at}.expires"), fault, "remove it, or write a later time");
        }
    }

    /// A kind of caller, and lists of accounts and permissions.
    pub(super) fn rights(&mut self, at: &str, kind: &str, accounts: &[String], permissions: &[String]) {
        if !kind.starts_with(|c: char| c.is_ascii_uppercase())
            || !kind.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_')
        {
            let help = "write the name of an enum value, such as `ACTOR_TYPE_USER`";
            self.error(&format!("{at}.actor_type"), format!("`{kind}` is not a kind of caller"), help);
        }
        for (key, names) in [("accounts", accounts), ("permissions", permissions)] {
            for (index, name) in names.iter().enumerate() {
                let fault = match name.as_str() {
                    "" => "this is empty, and would match nothing".to_owned(),
                    name if name != "*" && name.contains('*') => {
                        format!("`{name}` would match nothing but itself: only `*` alone stands for all")
                    }
                    _ => continue,
                };
                self.error(&format!("{at}.{key}.{index}"), fault, "name each, or write `*`");
            }
        }
    }

    fn key_scheme(&mut self, scheme: &str) -> String {
        let token =
            !scheme.is_empty() && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        if !token || ["bearer", "basic"].iter().any(|other| scheme.eq_ignore_ascii_case(other)) {
            let what = format!("`{scheme}` cannot be the scheme of keys");
            let help = "write letters, digits and `-`, such as `apikey`; `Bearer` is for tokens, `Basic` for passwords";
            self.error("identity.key_scheme", what, help);
        }
        scheme.to_owned()
    }

    fn key_headers(&mut self, names: &[String]) -> Vec<HeaderName> {
        let mut good = Vec::with_capacity(names.len());
        for (index, text) in names.iter().enumerate() {
            let free = |name: &HeaderName| {
                let name = name.as_str();
                name != "authorization" && name != "cookie" && !metadata::is_reserved(name)
            };
            let Some(name) = HeaderName::try_from(text.as_str()).ok().filter(free) else {
                let what = format!("`{text}` cannot be a header for keys");
                self.error(&format!("identity.key_headers.{index}"), what, "write one such as `X-Api-Key`");
                continue;
            };
            good.push(name);
        }
        good
    }

    fn names(&mut self, file: &IdentityMetadata) -> MetadataNames {
        let mut names = MetadataNames::default();
        let mut seen: Vec<HeaderName> = Vec::new();
        for (key, text, place) in [
            ("actor_id", &file.actor_id, &mut names.actor_id),
            ("actor_type", &file.actor_type, &mut names.actor_type),
            ("user_agent", &file.user_agent, &mut names.user_agent),
        ] {
            let at = format!("identity.metadata.{key}");
            let Some(name) = HeaderName::try_from(text.as_str()).ok().filter(may_be_set) else {
                let help = "write small letters, digits, `-`, `_` and `.`, such as `x-actor-id`; names of HTTP and gRPC \
                            themselves cannot be taken";
                self.error(&at, format!("`{text}` cannot be set as metadata"), help);
                continue;
            };
            if seen.contains(&name) {
                self.error(&at, format!("`{text}` is the name of two things"), "names must differ");
            }
            seen.push(name.clone());
            *place = name;
        }
        names
    }

    fn credential(&mut self, file: &CredentialUse) -> policy::CredentialUse {
        match file {
            CredentialUse::Forward => policy::CredentialUse::Forward,
            CredentialUse::Strip => policy::CredentialUse::Strip,
            CredentialUse::Replace(secret) => {
                if secret.reveal().trim().is_empty() || HeaderValue::try_from(secret.reveal()).is_err() {
                    let help = "write visible ASCII characters, such as `Bearer ...`; `strip` sends nothing";
                    self.error("identity.credential", "the replacement cannot be sent as a header", help);
                }
                policy::CredentialUse::Replace(secret.clone())
            }
        }
    }
}

/// Whether the gateway may give a name a meaning of its own.
fn may_be_set(name: &HeaderName) -> bool {
    let name = name.as_str();
    !metadata::is_reserved(name)
        && !name.ends_with("-bin")
        && name != "authorization"
        && ["x-forwarded-", "grpcgateway-"].iter().all(|prefix| !name.starts_with(prefix))
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
}
