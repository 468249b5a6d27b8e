//! HTTP rules: `google.api.http` annotations and external rule files, checked against the descriptors and
//! made into [`Binding`]s.
//!
//! Not for matching requests: [`route`](crate::route) does.

mod binding;
mod check;
mod external;
mod field_path;
mod http_rule;
mod select;
mod template;

use std::path::PathBuf;

use prost_reflect::MethodDescriptor;

use crate::problem::{Problem, Problems};
use crate::schema::{Places, Schema};

pub use binding::{Binding, Body, HttpMethod, Source};
pub use field_path::FieldPath;
pub use select::{ServiceGlob, tell_unmatched};
pub use template::{PathTemplate, Segment, TemplateError, Variable};

use check::Origin;
use external::ExternalRules;
use http_rule::{Annotations, HttpRule, OPTION, Pattern};

/// Which methods are exposed, and by which rules beside their annotations.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Settings {
    /// Globs of full service names to expose (`qdrant.cloud.*`, `*`); a leading `!` excludes. Empty: all.
    pub services: Vec<ServiceGlob>,
    /// `google.api.Service` YAML files with more rules.
    pub files: Vec<PathBuf>,
    /// Whether methods without a rule are exposed as `POST /pkg.Service/Method` with body `*`.
    pub unbound_methods: bool,
    /// Whether a DELETE rule may have a body.
    pub delete_body: bool,
    /// Whether rules of one service may have the same HTTP method and path template; the route table tells which of
    /// them is taken.
    pub repeated_rules: bool,
}

/// All bindings of the schema and the external rule files, in order of registration, every problem told.
///
/// Services and methods stand in the schema's order; of one method, external rules stand before the
/// annotation.
pub fn read(schema: &Schema, settings: &Settings, problems: &mut Problems) -> Vec<Binding> {
    let annotations = Annotations::of(schema, problems);
    let external = ExternalRules::read(&settings.files, schema, problems);
    let mut reader = Reader { places: schema.places(), settings, annotations, external };
    let mut bindings = Vec::new();
    for service in select::services(schema, &settings.services, problems) {
        let mut of_service = Vec::new();
        for rpc in service.methods() {
            for binding in reader.method(&rpc, problems) {
                add(binding, &mut of_service, settings, problems);
            }
        }
        bindings.append(&mut of_service);
    }
    bindings
}

struct Reader<'r> {
    places: Places<'r>,
    settings: &'r Settings,
    annotations: Annotations,
    external: ExternalRules,
}

impl Reader<'_> {
    /// The bindings of one method.
    fn method(&mut self, rpc: &MethodDescriptor, problems: &mut Problems) -> Vec<Binding> {
        let declared = self.places.of_option(rpc.full_name(), OPTION);
        let origin = |source, place| {
            let delete_body = self.settings.delete_body;
            Origin { rpc, source, place, delete_body }
        };
        let external = self.external.of(rpc);
        let annotation = self.annotations.read(rpc, &declared, problems);
        let mut bindings = Vec::new();
        for (rule, place) in external {
            bindings.extend(origin(Source::External, place).bindings(rule, problems));
        }
        if let Some(rule) = &annotation {
            bindings.extend(origin(Source::Annotation, &declared).bindings(rule, problems));
        }
        if external.is_empty() && annotation.is_none() && self.settings.unbound_methods {
            let rule = unbound(rpc);
            bindings.extend(origin(Source::Unbound, &declared).bindings(&rule, problems));
        }
        bindings
    }
}

/// The rule of a method that has none: the path that gRPC itself uses.
fn unbound(rpc: &MethodDescriptor) -> HttpRule {
    let path = format!("/{}/{}", rpc.parent_service().full_name(), rpc.name());
    HttpRule { pattern: Some(Pattern::Post(path)), body: "*".to_owned(), ..HttpRule::default() }
}

/// Adds a binding to its service's, unless its method and template are taken: a rule file stands above the
/// annotation of the same method, anything else is an error where it is not allowed.
fn add(binding: Binding, of_service: &mut Vec<Binding>, settings: &Settings, problems: &mut Problems) {
    let same = |other: &&Binding| other.method == binding.method && other.template == binding.template;
    let Some(other) = of_service.iter().find(same) else { return of_service.push(binding) };
    let overrides = |other: &&Binding| {
        other.rpc == binding.rpc && (other.source, binding.source) == (Source::External, Source::Annotation)
    };
    if let Some(rule) = of_service.iter().filter(same).find(overrides) {
        if !rule.does_the_same(&binding) {
            let what = format!("the annotation `{binding}` is overridden by the rule at {}", rule.place);
            let problem = Problem::warning(binding.place.clone(), what);
            problems.push(problem.help("remove one of the two"));
        }
    } else if settings.repeated_rules {
        of_service.push(binding);
    } else {
        let what = format!(
            "rule `{binding}` of `{}` stands already at {}, for `{}`",
            binding.rpc.name(),
            other.place,
            other.rpc.name(),
        );
        let problem = Problem::error(binding.place.clone(), what);
        problems.push(problem.help(
            "give each HTTP method and path of a service to one rule; `schema.repeated_rules: true` allows more",
        ));
    }
}

#[cfg(test)]
pub(crate) mod tests;
