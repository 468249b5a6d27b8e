//! External authorization: a service is asked about each call before its body is read, by Envoy's protocol
//! (`envoy.service.auth.v3.Authorization/Check` over gRPC), so that authorizers made for Envoy serve here.
//!
//! Not for own credentials: those are the rest of [`policy`](crate::policy), and looked at first where any are
//! configured.
//!
//! `request` asks, `verdict` reads the answer, `change` is what becomes of headers, `message` their form on the wire.
//! One question a call, within `timeout`; an authorizer that is down costs nothing but the answer. A call allocates
//! the question and the answer.

mod change;
mod message;
mod request;
mod verdict;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use http::{HeaderMap, StatusCode};

use self::message::{CHECK, CheckRequest, CheckResponse};
use self::request::Asking;
use self::verdict::Said;
use super::{Head, Identity, MetadataNames, Method, Scope};
use crate::metadata;
use crate::problem::{Place, Problem, Problems};
use crate::status::{Origin, Status};
use crate::upstream;
pub use change::Changes;

/// An authorizer and what it is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Where it is.
    pub upstream: upstream::Settings,
    /// How long to wait for its answer.
    pub timeout: Duration,
    /// What happens to a call when there is none.
    pub on_failure: OnFailure,
    /// Globs of the request headers that it is sent; a leading `!` excludes; empty: all.
    pub headers: Vec<String>,
    /// What it is told with each call, as `context_extensions`.
    pub context: BTreeMap<String, String>,
    /// Whether it is told who was identified here.
    pub forward_identity: bool,
    /// What an identity has where the authorizer does not say.
    pub given: Given,
    /// Where it was configured, for problems.
    pub place: Place,
}

/// What happens to a call when the authorizer does not answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnFailure {
    /// It goes on as if it had been allowed.
    Allow,
    /// It is refused with this status.
    Deny(StatusCode),
}

/// What an identity has where the authorizer does not say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Given {
    /// Its type.
    pub actor_type: String,
    /// Its accounts; `*`: all.
    pub accounts: Vec<String>,
    /// Its permissions; `*`: all.
    pub permissions: Vec<String>,
}

/// An authorizer, ready to be asked.
#[derive(Debug)]
pub struct Authorizer {
    settings: Settings,
    asking: Asking,
    names: MetadataNames,
    link: Arc<Link>,
}

/// The connection to an authorizer, and what is counted of it: a reload keeps both.
#[derive(Debug)]
struct Link {
    service: Arc<upstream::Service>,
    /// Whether it was told that some of an answer is not heeded.
    told: AtomicBool,
    checks: AtomicU64,
    denials: AtomicU64,
    failures: AtomicU64,
}

/// How often an authorizer was asked, and what came of it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// All questions.
    pub checks: u64,
    /// Those answered with a refusal.
    pub denials: u64,
    /// Those without a usable answer.
    pub failures: u64,
}

/// What an authorizer that lets a call go on says of it.
#[derive(Debug, Clone, Default)]
pub struct Verdict {
    /// Who is calling: what was known, changed by what the authorizer says.
    pub identity: Option<Identity>,
    /// Changes of the metadata for the backend.
    pub metadata: Changes,
    /// Changes of the answer's headers.
    pub answer: Changes,
    /// Whether it asks for what is not done here: changes of the query.
    unheeded: bool,
}

impl Authorizer {
    /// Prepares an authorizer, telling every problem. The connection of `previous` lives on where its settings are
    /// the same. Must be called within a tokio runtime.
    pub fn prepare(
        settings: &Settings,
        names: &MetadataNames,
        previous: Option<&Self>,
        problems: &mut Problems,
    ) -> Option<Self> {
        if let OnFailure::Deny(status) = settings.on_failure
            && !(400..600).contains(&status.as_u16())
        {
            let what = format!("`failure_status` is {status}, which refuses nothing");
            problems
                .push(Problem::error(settings.place.clone(), what).help("write a status from 400 to 599"));
            return None;
        }
        let kept = previous.map(|previous| &previous.link);
        let service =
            upstream::Service::prepare(&settings.upstream, kept.map(|link| &link.service), problems)?;
        let link = match kept.filter(|link| Arc::ptr_eq(&link.service, &service)) {
            Some(link) => Arc::clone(link),
            None => Arc::new(Link::new(service)),
        };
        Some(Self {
            asking: Asking::new(&settings.headers, &settings.context, settings.forward_identity, names),
            settings: settings.clone(),
            names: names.clone(),
            link,
        })
    }

    /// Asks about a call.
    ///
    /// # Errors
    /// What the authorizer refuses it with; or, where it does not answer and calls are refused then, the configured
    /// status.
    pub async fn check(&self, head: &Head<'_>, identity: Option<&Identity>) -> Result<Verdict, Status> {
        self.link.checks.fetch_add(1, Ordering::Relaxed);
        let request = self.asking.of(head, identity);
        let said = match self.ask(&request, head.headers).await {
            Ok(response) => verdict::read(response, identity, &self.names, &self.settings.given),
            Err(why) => {
                self.link.failed(&why);
                return self.undecided(identity, None);
            }
        };
        match said {
            Said::Allowed(verdict) => {
                self.link.answered(&verdict);
                Ok(verdict)
            }
            Said::Denied(status) => {
                self.link.answered(&Verdict::default());
                self.link.denials.fetch_add(1, Ordering::Relaxed);
                Err(status)
            }
            Said::Failed(why, shown) => {
                self.link.failed(why);
                self.undecided(identity, shown)
            }
        }
    }

    /// The identity of a caller of whom the authorizer says nothing but that it may call.
    #[must_use]
    pub fn unnamed(&self) -> Identity {
        self.settings.given.identity()
    }

    /// Whether it can be reached, for `/readyz`.
    ///
    /// # Errors
    /// Why it cannot, for the operator to read.
    pub fn state(&self) -> Result<(), String> {
        self.link.service.state()
    }

    /// How often it was asked.
    #[must_use]
    pub fn counts(&self) -> Counts {
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        let link = &self.link;
        Counts { checks: read(&link.checks), denials: read(&link.denials), failures: read(&link.failures) }
    }

    /// The authorizer's answer, or why there is none, for the log.
    async fn ask(&self, request: &CheckRequest, headers: &HeaderMap) -> Result<CheckResponse, String> {
        let (metadata, timeout) = (metadata::correlation(headers), self.settings.timeout);
        self.link.service.ask(CHECK, request, metadata, timeout).await
    }

    /// What becomes of a call that nobody decided on.
    fn undecided(&self, identity: Option<&Identity>, shown: Option<Status>) -> Result<Verdict, Status> {
        match self.settings.on_failure {
            OnFailure::Allow => Ok(Verdict { identity: identity.cloned(), ..Verdict::default() }),
            OnFailure::Deny(http) => Err(shown.unwrap_or_else(|| {
                let mut status = verdict::refusal(http);
                "it could not be decided whether the call is allowed".clone_into(&mut status.message);
                status.origin = Origin::Gateway;
                status
            })),
        }
    }
}

impl Link {
    fn new(service: Arc<upstream::Service>) -> Self {
        Self {
            service,
            told: AtomicBool::default(),
            checks: AtomicU64::default(),
            denials: AtomicU64::default(),
            failures: AtomicU64::default(),
        }
    }

    fn answered(&self, verdict: &Verdict) {
        let authorizer = self.service.name();
        if self.service.answers() {
            tracing::info!(authorizer, "the authorizer answers again");
        }
        if verdict.unheeded && !self.told.swap(true, Ordering::Relaxed) {
            tracing::warn!(authorizer, "the authorizer changes the query, which is not supported: ignored");
        }
    }

    fn failed(&self, reason: &str) {
        self.failures.fetch_add(1, Ordering::Relaxed);
        if self.service.fails() {
            let authorizer = self.service.name();
            tracing::warn!(authorizer, reason, "the authorizer does not decide");
        }
    }
}

impl Given {
    fn identity(&self) -> Identity {
        Identity {
            actor_id: "".into(),
            actor_type: self.actor_type.as_str().into(),
            accounts: Scope::of(&self.accounts),
            permissions: Scope::of(&self.permissions),
            name: None,
            method: Method::External,
        }
    }
}

#[cfg(test)]
mod tests;
