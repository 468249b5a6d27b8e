//! The corridor: one immutable [`Snapshot`] of everything a call needs, how it is built, and the steps of a
//! call. A reload builds a complete new snapshot; a call keeps the one it began with.
//!
//! Not for holding the current snapshot ([`serve`](crate::serve)) nor for deciding when to build another
//! ([`reload`](crate::reload)).

#![cfg_attr(
    not(test),
    deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)
)]

mod admit;
mod answer;
mod build;
mod call;
mod duties;
mod events;
mod find;
mod health;
mod mapping;
mod partial;
mod request;
mod steps;
mod stream;
mod validation;

use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use http::HeaderName;
use http::uri::PathAndQuery;

use self::answer::Room;
use self::duties::RouteDuties;
use self::health::Health;
use self::partial::Partial;
use self::stream::Streams;
use crate::duty::{self, Duties};
use crate::event::{self, EventPlan, Events};
pub use crate::metadata::Peer;
use crate::patch::PatchPlan;
use crate::policy::Policy;
use crate::problem::Problems;
use crate::ratelimit::{self, MethodLimits, RateLimits};
use crate::route::RouteTable;
use crate::rule::{Binding, ServiceGlob};
use crate::schema::Schema;
use crate::transcode::{CallPlan, Plans};
use crate::upstream::{Deadlines, Upstream};
use crate::validate::Validator;
use crate::{metadata, patch, policy, protocol, route, rule, schema, transcode, upstream, validate};

/// Everything a snapshot is built from.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where the contract comes from.
    pub schema: schema::Settings,
    /// Which methods are exposed.
    pub rule: rule::Settings,
    /// How HTTP and JSON are mapped to gRPC.
    pub mapping: Mapping,
    /// Which methods are mapped in a way of their own; `None`: none are.
    pub mappings: Option<Arc<dyn Mappings>>,
    /// Who may call; `None`: nobody is asked who they are.
    pub policy: Option<policy::Settings>,
    /// The backends, in order: a method goes to the first whose `services` match its service.
    pub upstreams: Vec<UpstreamSettings>,
    /// Deadlines of single methods.
    pub methods: Vec<MethodSettings>,
    /// Which options mean what, and what the config says of single methods.
    pub duties: duty::Settings,
    /// How a part of a resource is updated.
    pub patch: patch::Settings,
    /// The header in which answers carry the version of the API; `None`: none does.
    pub version_header: Option<HeaderName>,
    /// Metadata that only the gateway sets, and does not where nobody is asked who they are.
    pub reserved_metadata: Vec<HeaderName>,
    /// Events of calls that go well; `None`: none.
    pub events: Option<event::Settings>,
    /// Whether requests are held to the rules of the contract.
    pub validation: validate::Settings,
    /// Limits on requests.
    pub limits: Limits,
    /// How often someone may call.
    pub rate_limits: ratelimit::Settings,
    /// Where clients are told the health of a backend; `None`: nowhere.
    pub health: Option<HealthSettings>,
}

/// The health of a backend, told to clients.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HealthSettings {
    /// The path at which it is told.
    pub path: String,
    /// The name of the upstream that is asked; `None`: the first.
    pub upstream: Option<String>,
}

/// How HTTP and JSON are mapped to gRPC: what a profile sets the defaults of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mapping {
    /// How paths are matched.
    pub route: route::Settings,
    /// How JSON is read and written.
    pub transcode: transcode::Settings,
    /// Which headers pass.
    pub metadata: metadata::Settings,
    /// Streams, bodies and answers.
    pub protocol: protocol::Settings,
}

/// Says which methods are mapped in a way of their own. Asked when a snapshot is built.
pub trait Mappings: fmt::Debug + Send + Sync {
    /// The mapping of a method, `pkg.Service/Method`; `None`: that of all.
    fn of(&self, rpc: &str) -> Option<Mapping>;
}

/// A backend and the services it serves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UpstreamSettings {
    /// The backend.
    pub upstream: upstream::Settings,
    /// Globs of full service names; empty: all.
    pub services: Vec<ServiceGlob>,
}

/// Deadlines of the methods that a glob names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MethodSettings {
    /// A glob over `pkg.Service/Method`.
    pub methods: String,
    /// Their deadlines; those of the upstream where these say nothing.
    pub deadlines: Deadlines,
}

/// Limits on requests, each with its documented answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of a request body, after decompression: 413.
    pub request_body: usize,
    /// Time for the whole body to arrive: 408.
    pub body_timeout: Duration,
    /// Bytes of the request target (path and query): 414.
    pub uri: usize,
}

/// What serves calls: immutable, shared by all requests of its generation.
#[derive(Debug)]
pub struct Snapshot {
    generation: u64,
    schema: Schema,
    bindings: Vec<Binding>,
    table: RouteTable,
    /// One for each binding, in the same order.
    routes: Vec<Arc<Route>>,
    /// How requests are answered that no binding takes.
    protocol: protocol::Settings,
    upstreams: Vec<Backend>,
    policy: Option<Policy>,
    /// Those that differ, and those of most methods first.
    plans: Vec<Plans>,
    /// Those of most methods, for answers that are about none.
    common_plans: Plans,
    planning: Duration,
    version_header: Option<HeaderName>,
    reserved_metadata: Vec<HeaderName>,
    events: Option<Arc<Events>>,
    limits: Limits,
    rate_limits: Option<RateLimits>,
    health: Option<Health>,
}

/// What a call needs of its binding.
#[derive(Debug)]
struct Route {
    plan: CallPlan,
    captures: usize,
    /// `/pkg.Service/Method`
    path: PathAndQuery,
    template: Arc<str>,
    /// `pkg.Service/Method`
    rpc: Arc<str>,
    upstream: Arc<Upstream>,
    upstream_name: Arc<str>,
    deadlines: Deadlines,
    duties: RouteDuties,
    /// The rules that requests are held to, if there are any.
    validator: Option<Validator>,
    partial: Option<Arc<Partial>>,
    /// How its event is made, if it makes one.
    event: Option<Arc<EventPlan>>,
    /// Which halves of its calls are streams; `None`: it is unary.
    streams: Option<Streams>,
    /// Whether it answers with one message, of a type that has no fields.
    fieldless: bool,
    /// Which headers pass.
    metadata: Arc<metadata::Rules>,
    /// Streams, bodies and answers.
    protocol: Arc<protocol::Settings>,
    limits: MethodLimits,
    room: Room,
}

/// An upstream and what it was made from, so that a reload can keep it.
#[derive(Debug, Clone)]
struct Backend {
    upstream: Arc<Upstream>,
    /// A hash of its certificate files: a new certificate makes a new upstream.
    files: u64,
}

impl Snapshot {
    /// Builds a snapshot, telling every problem; keeps the upstreams of `previous` whose settings and
    /// certificates are the same. Must be called within a tokio runtime.
    pub fn build(settings: &Settings, previous: Option<&Self>, problems: &mut Problems) -> Option<Self> {
        Self::build_with(settings, previous, &mut |_| (), problems)
    }

    /// The same as [`build`](Self::build). `look` hears of each path at which an import is looked for, before
    /// anything is read there.
    pub fn build_with(
        settings: &Settings,
        previous: Option<&Self>,
        look: &mut dyn FnMut(&Path),
        problems: &mut Problems,
    ) -> Option<Self> {
        build::snapshot(settings, previous, look, problems)
    }

    /// The number of this snapshot, counted from 1.
    #[must_use]
    pub fn generation(&self) -> u64 {
        self.generation
    }

    /// The contract.
    #[must_use]
    pub fn schema(&self) -> &Schema {
        &self.schema
    }

    /// The bindings in order of registration.
    #[must_use]
    pub fn bindings(&self) -> &[Binding] {
        &self.bindings
    }

    /// The route table over [`bindings`](Self::bindings).
    #[must_use]
    pub fn table(&self) -> &RouteTable {
        &self.table
    }

    /// The prepared transcoding of a binding, by its index.
    #[must_use]
    pub fn plan(&self, binding: usize) -> Option<&CallPlan> {
        self.routes.get(binding).map(|route| &route.plan)
    }

    /// What is asked of the gateway for the method of a binding, by its index.
    #[must_use]
    pub fn duties(&self, binding: usize) -> Option<&Duties> {
        self.routes.get(binding).map(|route| &*route.duties.duties)
    }

    /// How calls of a binding, by its index, update a part of a resource; `None`: they do not.
    #[must_use]
    pub fn partial_updates(&self, binding: usize) -> Option<&PatchPlan> {
        self.routes.get(binding)?.partial.as_ref().map(|partial| &partial.plan)
    }

    /// Begins what goes on beside calls: the delivery of events. To be called once the snapshot serves, within a
    /// tokio runtime; blocks for a moment.
    pub fn begin(&self) {
        if let Some(events) = &self.events {
            events.begin();
        }
    }

    /// Where events wait and go.
    #[must_use]
    pub fn events(&self) -> Option<&Arc<Events>> {
        self.events.as_ref()
    }

    /// The transcoding plans of the contract's message types: one for each way in which JSON is read and written, that
    /// of most methods first.
    #[must_use]
    pub fn plans(&self) -> &[Plans] {
        &self.plans
    }

    /// How long it took to compile them.
    #[must_use]
    pub fn planning(&self) -> Duration {
        self.planning
    }

    /// The header rules of a binding, by its index.
    #[must_use]
    pub fn metadata(&self, binding: usize) -> Option<&metadata::Rules> {
        self.routes.get(binding).map(|route| &*route.metadata)
    }

    /// Who may call; `None`: nobody is asked who they are.
    #[must_use]
    pub fn policy(&self) -> Option<&Policy> {
        self.policy.as_ref()
    }

    /// The upstream of a binding, by its index, and the deadline a call to it gets for the client's own wish.
    #[must_use]
    pub fn upstream(&self, binding: usize, wish: Option<Duration>) -> Option<(&Upstream, Option<Duration>)> {
        let route = self.routes.get(binding)?;
        Some((&route.upstream, route.deadlines.of(wish)))
    }

    /// Name and state of each upstream, for `/readyz`.
    pub fn upstreams(&self) -> impl Iterator<Item = (&str, Result<(), String>)> {
        self.upstreams
            .iter()
            .map(|backend| (backend.upstream.settings().name.as_str(), backend.upstream.state()))
    }
}
