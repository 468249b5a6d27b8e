//! A rule made into bindings: templates parsed, field paths resolved, every fault told.
//!
//! Not for finding the rules ([`http_rule`](super::http_rule), [`external`](super::external)).

use http::Method;
use prost_reflect::{FieldDescriptor, Kind, MethodDescriptor};

use super::field_path::{Fault, FieldPath, field, resolve};
use super::http_rule::{HttpRule, Pattern};
use super::template::{PathTemplate, TemplateError, Variable};
use super::{Binding, Body, HttpMethod, Source};
use crate::problem::{Place, Problem, Problems};

/// What is known of a rule before it is read.
pub(super) struct Origin<'r> {
    pub rpc: &'r MethodDescriptor,
    pub source: Source,
    pub place: &'r Place,
    /// Whether a DELETE rule may have a body.
    pub delete_body: bool,
}

impl Origin<'_> {
    /// The bindings of a rule and its additional bindings, without those that have a problem.
    pub fn bindings(&self, rule: &HttpRule, problems: &mut Problems) -> Vec<Binding> {
        let mut bindings = Vec::new();
        match &rule.pattern {
            Some(pattern) => bindings.extend(self.binding(0, pattern, rule, problems)),
            None => problems.push(
                Problem::warning(self.place.clone(), "a rule without an HTTP method and path is skipped")
                    .help("write `get`, `put`, `post`, `delete`, `patch` or `custom` with a path template"),
            ),
        }
        for (index, additional) in (1..).zip(&rule.additional_bindings) {
            if !additional.additional_bindings.is_empty() {
                let what = format!("additional binding {index} has additional bindings of its own");
                let problem = Problem::error(self.place.clone(), what);
                problems.push(problem.help("write all of them in the rule itself"));
            }
            match &additional.pattern {
                Some(pattern) => bindings.extend(self.binding(index, pattern, additional, problems)),
                None => problems.push(
                    Problem::error(
                        self.place.clone(),
                        format!("additional binding {index} has no HTTP method and path"),
                    )
                    .help("write `get`, `put`, `post`, `delete`, `patch` or `custom` with a path template"),
                ),
            }
        }
        bindings
    }

    fn binding(
        &self,
        index: usize,
        pattern: &Pattern,
        rule: &HttpRule,
        problems: &mut Problems,
    ) -> Option<Binding> {
        let (kind, path) = pattern.parts();
        let mut told = Told { origin: self, rule: format!("{kind} {path}"), problems };
        let method = told.keep(http_method(kind));
        let template = told.keep(path.parse::<PathTemplate>().map_err(Fault::from));
        let variables = template.as_ref().and_then(|template| {
            let fields: Vec<_> = template
                .variables
                .iter()
                .map(|variable| told.keep(variable_field(self.rpc, variable)))
                .collect();
            let fields = fields.into_iter().collect::<Option<Vec<_>>>()?;
            told.keep(no_overlap(&fields)).map(|()| fields)
        });
        let body = told.keep(body(self.rpc, &rule.body));
        let allowed = told.keep(body_allowed(kind, &rule.body, self.delete_body));
        let response_body = told.keep(response_body(self.rpc, &rule.response_body));
        allowed?;
        Some(Binding {
            rpc: self.rpc.clone(),
            method: method?,
            template: template?,
            variables: variables?,
            body: body?,
            response_body: response_body?,
            source: self.source,
            index,
            place: self.place.clone(),
        })
    }
}

/// Turns faults of one rule into problems.
struct Told<'t> {
    origin: &'t Origin<'t>,
    rule: String,
    problems: &'t mut Problems,
}

impl Told<'_> {
    fn keep<T>(&mut self, result: Result<T, Fault>) -> Option<T> {
        result
            .map_err(|fault| {
                let what = format!("in rule `{}`: {}", self.rule, fault.what);
                let problem = Problem::error(self.origin.place.clone(), what);
                self.problems.push(match fault.help {
                    Some(help) => problem.help(help),
                    None => problem,
                });
            })
            .ok()
    }
}

impl From<TemplateError> for Fault {
    fn from(error: TemplateError) -> Self {
        Self::new(format!("{}, at column {} of the path", error.what, error.column), error.help)
    }
}

fn http_method(kind: &str) -> Result<HttpMethod, Fault> {
    if kind == "*" {
        return Ok(HttpMethod::Any);
    }
    Method::from_bytes(kind.as_bytes()).map(HttpMethod::Exact).map_err(|_| {
        let what = format!("`{kind}` is not an HTTP method");
        Fault::new(what, "`custom.kind` is one word such as `HEAD`, or `*` for any method")
    })
}

fn variable_field(rpc: &MethodDescriptor, variable: &Variable) -> Result<FieldPath, Fault> {
    let path = resolve(&rpc.input(), &variable.field_path)?;
    match path.last() {
        Some(field) if !fits_in_path(field) => {
            let what = format!(
                "variable `{}` is `{}`, which cannot stand in a path: it is {}",
                variable.field_path,
                field.full_name(),
                type_of(field),
            );
            Err(Fault::new(
                what,
                "bind a scalar, an enum, a timestamp, a duration or a wrapper, or a field of the message",
            ))
        }
        _ => Ok(path),
    }
}

/// One variable may not be a part of another; one that stands twice is refused by [`template`](super::template).
fn no_overlap(variables: &[FieldPath]) -> Result<(), Fault> {
    for (index, variable) in variables.iter().enumerate() {
        if let Some(earlier) = variables.iter().take(index).find(|earlier| earlier.overlaps(variable)) {
            let what = format!("variables `{earlier}` and `{variable}` overlap: one is a part of the other");
            return Err(Fault::new(what, "capture one of them, and write `*` in the place of the other"));
        }
    }
    Ok(())
}

/// Whether one text can be the field's value. A repeated field takes comma-separated elements.
fn fits_in_path(field: &FieldDescriptor) -> bool {
    match field.kind() {
        _ if field.is_map() => false,
        Kind::Message(message) => !field.is_list() && IN_PATH.contains(&message.full_name()),
        _ => true,
    }
}

fn type_of(field: &FieldDescriptor) -> String {
    match field.kind() {
        _ if field.is_map() => "a map".to_owned(),
        Kind::Message(message) if field.is_list() => format!("repeated `{}`", message.full_name()),
        Kind::Message(message) => format!("a `{}`", message.full_name()),
        kind => format!("{kind:?}"),
    }
}

fn body(rpc: &MethodDescriptor, body: &str) -> Result<Body, Fault> {
    match body {
        "" => Ok(Body::None),
        "*" => Ok(Body::Whole),
        path => resolve(&rpc.input(), path).map(Body::Field).map_err(|fault| in_part("body", fault)),
    }
}

fn body_allowed(kind: &str, body: &str, delete_body: bool) -> Result<(), Fault> {
    match kind {
        "GET" if !body.is_empty() => Err(Fault::new(
            format!("GET with `body: \"{body}\"`"),
            "remove `body` (fields become query parameters), or use POST",
        )),
        "DELETE" if !body.is_empty() && !delete_body => Err(Fault::new(
            format!("DELETE with `body: \"{body}\"`"),
            "remove `body`, or allow it with the setting `delete_body`",
        )),
        _ => Ok(()),
    }
}

fn response_body(rpc: &MethodDescriptor, name: &str) -> Result<Option<FieldDescriptor>, Fault> {
    if name.is_empty() {
        return Ok(None);
    }
    if name.contains('.') {
        let what = format!("`response_body` is `{name}`, expected one field name");
        return Err(Fault::new(what, "only a field of the response message itself can be the answer"));
    }
    field(&rpc.output(), name).map(Some).map_err(|fault| in_part("response_body", fault))
}

fn in_part(part: &str, fault: Fault) -> Fault {
    Fault { what: format!("`{part}`: {}", fault.what), help: fault.help }
}

/// Messages whose JSON form is one text or number.
const IN_PATH: [&str; 11] = [
    "google.protobuf.Timestamp",
    "google.protobuf.Duration",
    "google.protobuf.BoolValue",
    "google.protobuf.BytesValue",
    "google.protobuf.DoubleValue",
    "google.protobuf.FloatValue",
    "google.protobuf.Int32Value",
    "google.protobuf.Int64Value",
    "google.protobuf.StringValue",
    "google.protobuf.UInt32Value",
    "google.protobuf.UInt64Value",
];
