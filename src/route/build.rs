//! Bindings compiled into a [`RouteTable`]: sorted by how specific they are, ties told.
//!
//! Set-up, not request path.

use std::cmp::Reverse;

use super::capture::Route;
use super::path::{Verb, canonical_literal};
use super::tree::Tree;
use super::{MethodRoutes, RouteTable, Routes, Settings, Ties};
use crate::problem::{Problem, Problems};
use crate::rule::{Binding, HttpMethod, PathTemplate, Segment};

pub(super) fn table(bindings: &[Binding], settings: &Settings, problems: &mut Problems) -> RouteTable {
    let mut table = RouteTable {
        methods: Vec::new(),
        any: None,
        unescape: settings.unescape,
        head_as_get: settings.head_as_get,
    };
    for (method, of_method) in groups(bindings.iter().enumerate(), |binding| &binding.method) {
        let mut routes = MethodRoutes::default();
        for (verb, of_verb) in groups(of_method.into_iter(), |binding| &binding.template.verb) {
            let compiled = compile(of_verb, settings, problems);
            match verb {
                Some(verb) => routes.verbs.push((Verb::new(verb.clone()), compiled)),
                None => routes.plain = compiled,
            }
        }
        routes.verbs.sort_by_key(|(verb, _)| Reverse(verb.len()));
        match method {
            HttpMethod::Exact(method) => table.methods.push((method.clone(), routes)),
            HttpMethod::Any => table.any = Some(routes),
        }
    }
    table
}

type Indexed<'b> = (usize, &'b Binding);

/// Groups bindings by a key, in the order of first appearance.
fn groups<'b, K: PartialEq>(
    bindings: impl Iterator<Item = Indexed<'b>>,
    key: impl Fn(&'b Binding) -> &'b K,
) -> Vec<(&'b K, Vec<Indexed<'b>>)> {
    let mut groups: Vec<(&K, Vec<Indexed<'b>>)> = Vec::new();
    for (index, binding) in bindings {
        let of = key(binding);
        match groups.iter_mut().find(|(key, _)| *key == of) {
            Some((_, group)) => group.push((index, binding)),
            None => groups.push((of, vec![(index, binding)])),
        }
    }
    groups
}

/// Compiles the bindings of one HTTP method and custom verb.
fn compile(mut bindings: Vec<Indexed<'_>>, settings: &Settings, problems: &mut Problems) -> Routes {
    bindings.sort_by_cached_key(|(index, binding)| (Specificity::of(&binding.template), Reverse(*index)));
    let mut shadowed = Vec::new();
    bindings.dedup_by(|later, first| {
        // Sorted with the last registered first, so that it is the one that stays.
        let tie = later.1.template.segments == first.1.template.segments;
        if tie {
            shadowed.push((*later, *first));
        }
        tie
    });
    shadowed.sort_by_key(|((index, _), _)| *index);
    for ((_, shadowed), (_, winner)) in shadowed {
        problems.push(tie(shadowed, winner, settings.ties));
    }
    let templates: Vec<_> =
        bindings.iter().map(|(_, binding)| canonical_segments(&binding.template)).collect();
    match Tree::build(&templates, settings.empty_captures) {
        Ok(tree) => Routes {
            tree,
            by_rank: bindings.iter().map(|(index, binding)| Route::new(*index, binding)).collect(),
        },
        Err(error) => {
            if let Some((_, binding)) = bindings.first() {
                let what = format!("the routes of `{}` cannot be compiled: {error}", binding.method);
                problems.push(Problem::error(binding.place.clone(), what));
            }
            Routes::default()
        }
    }
}

fn tie(shadowed: &Binding, winner: &Binding, ties: Ties) -> Problem {
    let rule = |binding: &Binding| format!("`{binding}` of `{}`", binding.rpc.full_name());
    let what = format!("{} matches the same paths as {} at {}", rule(shadowed), rule(winner), winner.place);
    match ties {
        Ties::LastWins => Problem::warning(shadowed.place.clone(), what)
            .help("the last of the two answers all requests: change a path, or remove the rule that is never reached"),
        Ties::Refuse => Problem::error(shadowed.place.clone(), what).help("change one of the two paths"),
    }
}

/// How templates of the same paths are ordered: segment by segment from the left, literal, `*`, the end, `**`.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Specificity(Vec<Place>);

#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Place {
    Literal(String),
    One,
    End,
    Many,
}

impl Specificity {
    fn of(template: &PathTemplate) -> Self {
        let places = template.segments.iter().map(|segment| match segment {
            Segment::Literal(text) => Place::Literal(text.clone()),
            Segment::One => Place::One,
            Segment::Many => Place::Many,
        });
        Self(places.chain([Place::End]).collect())
    }
}

/// The segments as paths are compared with them. `/` is one empty segment.
fn canonical_segments(template: &PathTemplate) -> Vec<Segment> {
    if template.segments.is_empty() {
        return vec![Segment::Literal(String::new())];
    }
    let canonical = |segment: &Segment| match segment {
        Segment::Literal(text) => Segment::Literal(canonical_literal(text)),
        other => other.clone(),
    };
    template.segments.iter().map(canonical).collect()
}
