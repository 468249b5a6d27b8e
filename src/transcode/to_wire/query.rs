//! The pairs of a query or a form: the field that each is for.
//!
//! A megabyte of pairs costs a megabyte of work. Pairs for fields that the path or the body has decided are left out.
//! How pairs are written is in [`pairs`](super::pairs).

use std::borrow::Cow;

use super::object::Reader;
use super::pairs::{Origin, Parameter, pairs};
use super::parts::{Part, Source};
use crate::status::Status;
use crate::transcode::fault::quoted;
use crate::transcode::plan::{Field, Plans, Shape};
use crate::transcode::{DEEPEST, Settings};

/// What is bound: the pairs, a part for each, and the paths of all parts.
#[derive(Debug, Default)]
pub(super) struct Bound<'q> {
    pub(super) parameters: Vec<Parameter<'q>>,
    pub(super) parts: Vec<Part>,
    pub(super) paths: Vec<u32>,
}

/// What the path and the body have decided.
#[derive(Debug, Clone, Copy)]
pub(super) struct Taken<'a> {
    pub(super) plans: &'a Plans,
    /// The request message.
    pub(super) input: u32,
    /// The parts of path and body, and their paths.
    pub(super) parts: &'a [Part],
    pub(super) paths: &'a [u32],
    pub(super) captures: &'a [Cow<'a, str>],
    pub(super) variables: &'a [Box<str>],
    /// The message that a form becomes, and the way to it, when a form is the body; else it is read as the query is.
    pub(super) form: Option<(u32, &'a [u32])>,
}

impl<'q> Bound<'q> {
    /// Nothing bound yet; the paths are those of path and body.
    pub(super) fn new(paths: &[u32]) -> Self {
        Self { parameters: Vec::new(), parts: Vec::new(), paths: paths.to_vec() }
    }

    /// Finds the field of every pair that is to be bound.
    pub(super) fn add(&mut self, text: &'q str, origin: Origin, taken: &Taken<'_>) -> Result<(), Status> {
        let settings = taken.plans.settings();
        let form = taken.form.filter(|_| origin == Origin::Form);
        let strict =
            if form.is_some() { settings.refuse_unknown_fields } else { settings.refuse_unknown_query };
        let (root, way) = form.unwrap_or((taken.input, &[]));
        let mut path = Vec::new();
        for pair in pairs(text, origin) {
            let parameter = pair?;
            if form.is_none() && is_ignored(&parameter, settings) {
                continue;
            }
            let fault = |what: String| {
                Status::invalid(format!("{} {}: {what}", origin.pair(), quoted(&parameter.key)))
            };
            path.clear();
            path.extend_from_slice(way);
            if !resolve(parameter.parsed().0, taken.plans, root, &mut path).map_err(fault)? {
                if strict {
                    return Err(fault("the request has no such field".to_owned()));
                }
                continue;
            }
            if taken.decides(&path, &parameter.text, form.is_some()).map_err(fault)? {
                continue;
            }
            if self.parameters.len() >= settings.max_parameters {
                let what = format!("more than {} parameters are too many", settings.max_parameters);
                return Err(Status::invalid(what));
            }
            let index = u32::try_from(self.parameters.len()).unwrap_or(u32::MAX);
            self.parts.push(Part::new(&path, Source::Parameter(index), &mut self.paths));
            self.parameters.push(parameter);
        }
        Ok(())
    }
}

/// Refuses every parameter but the ignored ones: with a whole-message body none is bound.
pub(super) fn refuse_all(query: &str, settings: &Settings) -> Result<(), Status> {
    for pair in pairs(query, Origin::Query) {
        let parameter = pair?;
        if !is_ignored(&parameter, settings) {
            let key = quoted(&parameter.key);
            return Err(Status::invalid(format!("query parameter {key}: the body is the whole request")));
        }
    }
    Ok(())
}

fn is_ignored(parameter: &Parameter<'_>, settings: &Settings) -> bool {
    settings.ignored_query.iter().any(|ignored| *ignored == parameter.key)
}

/// Goes on to the field of names such as `a.b` in a message; false when it has no such field.
fn resolve(names: &str, plans: &Plans, root: u32, path: &mut Vec<u32>) -> Result<bool, String> {
    let deepest = plans.settings().max_depth.min(DEEPEST);
    let mut plan = plans.get(root);
    let mut parent: Option<&Field> = None;
    for name in names.split('.') {
        if let Some(parent) = parent {
            let inner = parent.kind.message().filter(|_| parent.shape == Shape::Single);
            let inner = inner.ok_or_else(|| format!("{} is not a message", quoted(&parent.proto_name)))?;
            plan = plans.get(inner);
        }
        let found = plan.and_then(|plan| Some((plan, plan.place_of_parameter(name.as_bytes())?)));
        // An extension has a key of its own in JSON, but no name in a query.
        let Some((plan, place)) = found.filter(|_| !name.starts_with('[')) else { return Ok(false) };
        if path.len() >= deepest {
            return Err(format!("nested deeper than {deepest} levels"));
        }
        path.push(u32::try_from(place).unwrap_or(u32::MAX));
        parent = plan.fields.get(place);
    }
    Ok(true)
}

impl Taken<'_> {
    /// Whether the path or the body decides this field, or a part of it, or what it is a part of. A form is the body.
    fn decides(&self, path: &[u32], text: &str, is_body: bool) -> Result<bool, String> {
        let mut by_body = false;
        for part in self.parts {
            let other = part.path(self.paths);
            if !other.iter().zip(path).all(|(one, other)| one == other) {
                continue;
            }
            match part.source() {
                Source::Capture(index) => {
                    if self.plans.settings().refuse_path_conflicts && !self.agrees(index, other, path, text) {
                        let name = self.variables.get(index as usize).map(|name| &**name).unwrap_or_default();
                        return Err(format!("the path has another value for {}", quoted(name)));
                    }
                    return Ok(true);
                }
                Source::Body | Source::Parameter(_) => by_body = !is_body,
            }
        }
        Ok(by_body)
    }

    /// Whether the text is for the variable's own field and says what the path says.
    fn agrees(&self, index: u32, variable: &[u32], path: &[u32], text: &str) -> bool {
        let mut message = Some(self.input);
        let mut field = None;
        for place in path {
            field = message.and_then(|index| self.plans.get(index)?.fields.get(*place as usize));
            message = field.and_then(|field| field.kind.message());
        }
        let captured = self.captures.get(index as usize);
        let (Some(field), Some(captured)) = (field.filter(|_| variable == path), captured) else {
            return false;
        };
        field.shape == Shape::Single
            && Reader::new(self.plans, "", super::parts::Texts::default(), &mut Vec::new())
                .agree(field, captured, text)
    }
}
