//! Building a snapshot: contract, bindings, routes, plans, upstreams; every problem told.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use http::uri::PathAndQuery;

use super::answer::Room;
use super::duties::RouteDuties;
use super::events::Building;
use super::health::Health;
use super::mapping::{AllReady, Mapped, Ready};
use super::partial::Partial;
use super::stream::Streams;
use super::validation;
use super::{Backend, MethodSettings, Route, Settings, Snapshot, UpstreamSettings};
use crate::duty::{self, Duties};
use crate::metadata::Rules;
use crate::patch::PatchPlan;
use crate::policy::Policy;
use crate::problem::{Place, Problem, Problems};
use crate::ratelimit::{MethodLimits, RateLimits};
use crate::route::RouteTable;
use crate::rule::{self, Binding};
use crate::schema;
use crate::transcode::CallPlan;
use crate::units::Glob;
use crate::upstream::{self, Deadlines, Upstream};

pub(super) fn snapshot(
    settings: &Settings,
    previous: Option<&Snapshot>,
    look: &mut dyn FnMut(&Path),
    problems: &mut Problems,
) -> Option<Snapshot> {
    let metadata = Rules::check(&settings.mapping.metadata, problems);
    let kept = previous.and_then(Snapshot::policy);
    let policy = settings.policy.as_ref().map(|policy| Policy::prepare(policy, kept, problems));
    let upstreams = upstreams(settings, previous, problems);
    let schema = schema::load_with(&settings.schema, look, problems)?;
    for one in &settings.upstreams {
        rule::tell_unmatched(&one.services, &schema, problems);
    }
    let bindings = rule::read(&schema, &settings.rule, problems);
    let mapped = Mapped::of(settings, &bindings);
    let table = RouteTable::build_each(&bindings, &settings.mapping.route, &mapped.routes(), problems);
    if bindings.is_empty() && !problems.has_errors() {
        problems.push(nothing_to_serve(settings));
    }
    let ready = mapped.ready(metadata, schema.pool(), problems);
    let duties = duty::read(&schema, &bindings, &settings.duties, problems);
    if settings.policy.is_none() {
        tell_unguarded(settings, &bindings, &duties, problems);
    }
    let events = Building::prepare(settings, &schema, &ready.common.plans, previous, problems);
    let event_plans = events.as_ref().map(|events| events.plans(&bindings, &duties, problems));
    let mut routes = routes(&bindings, duties, settings, &upstreams, &ready, problems);
    for (route, plan) in routes.iter_mut().zip(event_plans.into_iter().flatten()) {
        if plan.is_some() && route.streams.is_some() {
            let what = format!("`{}` streams: no events are made of its calls", route.rpc);
            problems.push(Problem::warning(Place::item("events"), what));
        }
        route.event = plan;
    }
    let kept = previous.and_then(|previous| previous.rate_limits.as_ref());
    let rate_limits = RateLimits::prepare(&settings.rate_limits, kept, problems);
    hand_out(rate_limits.as_ref(), &bindings, &mut routes, problems);
    validation::hand_out(&settings.validation, &schema, &bindings, &mut routes, problems);
    let health =
        settings.health.as_ref().and_then(|health| Health::prepare(health, &upstreams, &table, problems));
    if problems.has_errors() {
        return None;
    }
    Some(Snapshot {
        generation: previous.map_or(1, |previous| previous.generation + 1),
        schema: schema.without_lines(),
        bindings,
        table,
        routes: routes.into_iter().map(Arc::new).collect(),
        protocol: settings.mapping.protocol.clone(),
        upstreams: upstreams.into_iter().flatten().collect(),
        policy: policy.flatten(),
        plans: ready.plans,
        common_plans: ready.common.plans,
        planning: ready.planning,
        version_header: settings.version_header.clone(),
        reserved_metadata: settings.reserved_metadata.clone(),
        events: events.map(|events| events.events),
        limits: settings.limits.clone(),
        rate_limits,
        health,
    })
}

/// Gives each route the rate limits that are for its method.
fn hand_out(
    limits: Option<&RateLimits>,
    bindings: &[Binding],
    routes: &mut [Route],
    problems: &mut Problems,
) {
    let Some(limits) = limits else { return };
    limits.tell_unused(&bindings.iter().map(rpc_name).collect::<Vec<_>>(), problems);
    for route in routes {
        route.limits = limits.of_method(&route.rpc);
    }
}

/// Warns where methods say who may call them, and nobody is asked.
fn tell_unguarded(
    settings: &Settings,
    bindings: &[Binding],
    duties: &[Arc<Duties>],
    problems: &mut Problems,
) {
    if settings.duties.options.authentication.is_none() && settings.duties.options.permissions.is_none() {
        return;
    }
    let guarded = |duties: &Duties| duties.authentication && !duties.permissions.is_empty();
    if let Some((binding, _)) = bindings.iter().zip(duties).find(|(_, duties)| guarded(duties)) {
        let what = format!("`{}` and others say who may call them, but nobody is asked", rpc_name(binding));
        let help = "add `identity`, or see to it that something in front lets in only whom it should";
        problems.push(Problem::warning(Place::item("identity"), what).help(help));
    }
}

fn nothing_to_serve(settings: &Settings) -> Problem {
    let sources = settings.schema.protos.len() + settings.schema.descriptor_sets.len();
    let problem =
        Problem::error(Place::item("schema"), "there is nothing to serve: no method has an HTTP rule");
    if sources == 0 && !settings.schema.embedded_api {
        return problem
            .help("name a folder with `schema.protos` or `--proto`, or a set with `--descriptor-set`");
    }
    problem.help(
        "annotate methods with `google.api.http`, add a file under `schema.rules`, or set `schema.unbound_methods`",
    )
}

/// The prepared upstreams, in the order of the settings; `None` where one could not be prepared.
fn upstreams(
    settings: &Settings,
    previous: Option<&Snapshot>,
    problems: &mut Problems,
) -> Vec<Option<Backend>> {
    if settings.upstreams.is_empty() {
        problems.push(
            Problem::error(Place::item("upstreams"), "there is no upstream to call")
                .help("add one under `upstreams`, or give `--upstream http://HOST:PORT`"),
        );
    }
    tell_equal_names(&settings.upstreams, problems);
    settings.upstreams.iter().map(|one| backend(&one.upstream, previous, problems)).collect()
}

fn tell_equal_names(upstreams: &[UpstreamSettings], problems: &mut Problems) {
    for (index, one) in upstreams.iter().enumerate() {
        let name = &one.upstream.name;
        if upstreams.iter().take(index).any(|earlier| earlier.upstream.name == *name) {
            problems.push(
                Problem::error(one.upstream.place.clone(), format!("two upstreams are named `{name}`"))
                    .help("give each its own name: logs and metrics tell them apart by it"),
            );
        }
    }
}

fn backend(
    settings: &upstream::Settings,
    previous: Option<&Snapshot>,
    problems: &mut Problems,
) -> Option<Backend> {
    let files = settings.tls.fingerprint();
    let same = |kept: &&Backend| kept.files == files && kept.upstream.settings().keeps(settings);
    if let Some(kept) = previous.and_then(|previous| previous.upstreams.iter().find(same)) {
        return Some(kept.clone());
    }
    let upstream = Arc::new(Upstream::prepare(settings.clone(), problems)?);
    Some(Backend { upstream, files })
}

/// What each binding's calls need, in the order of the bindings.
fn routes(
    bindings: &[Binding],
    duties: Vec<Arc<Duties>>,
    settings: &Settings,
    upstreams: &[Option<Backend>],
    ready: &AllReady,
    problems: &mut Problems,
) -> Vec<Route> {
    let choice = Choice::of(settings, upstreams);
    let deadlines: Vec<_> = settings.methods.iter().map(|one| (Glob::new(&one.methods), one)).collect();
    tell_unused_deadlines(bindings, &deadlines, problems);
    let mut partials = Partials { settings, choice: &choice, known: BTreeMap::new() };
    let mut unserved = BTreeMap::new();
    let mut routes = Vec::with_capacity(bindings.len());
    for (index, (binding, duties)) in bindings.iter().zip(duties).enumerate() {
        let service = binding.rpc.parent_service().full_name().to_owned();
        match choice.of_service(&service) {
            // A backend that could not be prepared was told already.
            Chosen::Unprepared => {}
            Chosen::Nobody => {
                unserved.entry(service).or_insert(&binding.place);
            }
            Chosen::Backend(backend) => {
                let partial = partials.of(binding, &duties, problems);
                let route = route(binding, duties, backend, &deadlines, ready.of(index), problems);
                let route = route.map(|route| Route { partial, ..route });
                routes.extend(route.map(|route| route.with_patch_mask(binding)));
            }
        }
    }
    for (service, place) in unserved {
        if !settings.upstreams.is_empty() {
            problems.push(
                Problem::error(place.clone(), format!("no upstream serves `{service}`")).help(
                    "add the service to an upstream's `services`, or leave it out with `schema.services`",
                ),
            );
        }
    }
    routes
}

fn tell_unused_deadlines(
    bindings: &[Binding],
    deadlines: &[(Glob, &MethodSettings)],
    problems: &mut Problems,
) {
    for (glob, _) in deadlines {
        if !bindings.iter().any(|binding| glob.matches(&rpc_name(binding))) {
            problems.push(
                Problem::warning(Place::item("methods"), format!("`{glob}` matches no exposed method"))
                    .help("a method is written `pkg.Service/Method`; `*` stands for any run of characters"),
            );
        }
    }
}

fn route(
    binding: &Binding,
    duties: Arc<Duties>,
    backend: &Backend,
    deadlines: &[(Glob, &MethodSettings)],
    ready: &Ready,
    problems: &mut Problems,
) -> Option<Route> {
    let rpc = rpc_name(binding);
    let Ok(path) = PathAndQuery::try_from(format!("/{rpc}")) else {
        problems.error(binding.place.clone(), format!("`{rpc}` cannot be written as a request path"));
        return None;
    };
    let streams = Streams::of(&binding.rpc);
    let own = deadlines.iter().find(|(glob, _)| glob.matches(&rpc)).map(|(_, one)| one.deadlines);
    Some(Route {
        plan: CallPlan::compile(&ready.plans, binding)?,
        captures: binding.variables.len(),
        path,
        template: binding.template.to_string().into(),
        validator: None,
        rpc: rpc.into(),
        upstream: Arc::clone(&backend.upstream),
        upstream_name: backend.upstream.settings().name.as_str().into(),
        deadlines: own.unwrap_or_default().or(deadlines_of(backend, streams)),
        duties: RouteDuties::of(duties, binding),
        partial: None,
        event: None,
        streams,
        fieldless: streams.is_none() && binding.rpc.output().fields().next().is_none(),
        metadata: Arc::clone(&ready.metadata),
        protocol: Arc::clone(&ready.protocol),
        limits: MethodLimits::default(),
        room: Room::default(),
    })
}

/// What an upstream says of the deadlines of its calls. Its default is for unary ones: a stream lasts as long as it
/// lasts, unless the client or its own method says otherwise.
fn deadlines_of(backend: &Backend, streams: Option<Streams>) -> Deadlines {
    let deadlines = backend.upstream.settings().deadlines;
    if streams.is_some() { Deadlines { default: None, ..deadlines } } else { deadlines }
}

pub(super) fn rpc_name(binding: &Binding) -> String {
    format!("{}/{}", binding.rpc.parent_service().full_name(), binding.rpc.name())
}

/// The partial updates of each method, compiled once.
struct Partials<'s> {
    settings: &'s Settings,
    choice: &'s Choice<'s>,
    known: BTreeMap<String, Option<Arc<Partial>>>,
}

impl Partials<'_> {
    fn of(&mut self, binding: &Binding, duties: &Duties, problems: &mut Problems) -> Option<Arc<Partial>> {
        let name = rpc_name(binding);
        if let Some(known) = self.known.get(&name) {
            return known.clone();
        }
        let partial = self.compile(binding, duties, problems).map(Arc::new);
        self.known.insert(name, partial.clone());
        partial
    }

    fn compile(&self, binding: &Binding, duties: &Duties, problems: &mut Problems) -> Option<Partial> {
        let settings = &self.settings.patch;
        let source = duties.patch.as_ref().filter(|_| settings.enabled)?;
        let (account, place) = (duties.account.as_ref(), &binding.place);
        let plan = PatchPlan::compile(source, account, &binding.rpc, settings, place, problems)?;
        let service = plan.get().parent_service().full_name().to_owned();
        match self.choice.of_service(&service) {
            Chosen::Backend(backend) => Some(Partial { plan, upstream: Arc::clone(&backend.upstream) }),
            Chosen::Unprepared => None,
            Chosen::Nobody => {
                let what = format!(
                    "no upstream serves `{service}`, where `{}` reads its resource",
                    rpc_name(binding)
                );
                problems
                    .push(Problem::error(place.clone(), what).help(
                        "add the service to an upstream's `services`, or switch `partial_updates` off",
                    ));
                None
            }
        }
    }
}

/// Which backend serves a service: the first whose globs match.
struct Choice<'s>(Vec<(Vec<Glob>, &'s Option<Backend>)>);

enum Chosen<'s> {
    Backend(&'s Backend),
    Unprepared,
    Nobody,
}

impl<'s> Choice<'s> {
    fn of(settings: &Settings, upstreams: &'s [Option<Backend>]) -> Self {
        let globs = |one: &UpstreamSettings| one.services.iter().map(|glob| Glob::new(&*glob.text)).collect();
        let globs = settings.upstreams.iter().map(globs);
        Self(globs.zip(upstreams).collect())
    }

    fn of_service(&self, service: &str) -> Chosen<'s> {
        let serves = |globs: &[Glob]| globs.is_empty() || globs.iter().any(|glob| glob.matches(service));
        match self.0.iter().find(|(globs, _)| serves(globs)) {
            Some((_, Some(backend))) => Chosen::Backend(backend),
            Some((_, None)) => Chosen::Unprepared,
            None => Chosen::Nobody,
        }
    }
}
