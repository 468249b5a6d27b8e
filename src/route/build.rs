//! Bindings compiled into a [`RouteTable`]: sorted by which comes first, ties told.
//!
//! Set-up, not request path.

use std::cmp::Reverse;

use super::capture::Route;
use super::path::{Verb, canonical_literal};
use super::tree::Tree;
use super::{MethodRoutes, Precedence, RouteTable, Routes, Settings, Table, Ties};
use crate::problem::{Problem, Problems};
use crate::rule::{Binding, HttpMethod, PathTemplate, Segment};

pub(super) fn tables(
    bindings: &[Binding],
    common: &Settings,
    each: &[&Settings],
    problems: &mut Problems,
) -> RouteTable {
    let ranked = ranked(without_ties(bindings, common.ties, problems), common.precedence);
    let mut kinds: Vec<&Settings> = Vec::new();
    for settings in each {
        if !kinds.iter().any(|kind| same_way(kind, settings)) {
            kinds.push(settings);
        }
    }
    if kinds.is_empty() {
        kinds.push(common);
    }
    let mut tables = Vec::with_capacity(kinds.len());
    for kind in kinds {
        let of_kind = ranked.iter().filter(|one| each.get(one.index).is_some_and(|of| same_way(of, kind)));
        tables.push(table(of_kind, kind, common.precedence, problems));
    }
    RouteTable { tables }
}

/// Whether paths are matched in one way, so that one table does for both.
fn same_way(one: &Settings, other: &Settings) -> bool {
    let way = |of: &Settings| (of.empty_captures, of.unescape, of.head_as_get, of.wrong_method);
    way(one) == way(other)
}

fn table<'r>(
    ranked: impl Iterator<Item = &'r Ranked<'r>>,
    settings: &Settings,
    precedence: Precedence,
    problems: &mut Problems,
) -> Table {
    let mut table = Table {
        methods: Vec::new(),
        any: None,
        unescape: settings.unescape,
        head_as_get: settings.head_as_get,
        wrong_method: settings.wrong_method,
        precedence,
    };
    for (method, of_method) in groups(ranked, |one| &one.binding.method) {
        let mut routes = MethodRoutes::default();
        for (verb, of_verb) in groups(of_method.into_iter(), |one| &one.binding.template.verb) {
            let compiled = compile(&of_verb, settings, precedence, problems);
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

/// A binding and its place among all of them: the least comes first.
struct Ranked<'b> {
    index: usize,
    rank: usize,
    binding: &'b Binding,
}

type Indexed<'b> = (usize, &'b Binding);

/// Puts bindings into the order in which they are taken.
fn ranked(mut bindings: Vec<Indexed<'_>>, precedence: Precedence) -> Vec<Ranked<'_>> {
    match precedence {
        Precedence::Specific => bindings.sort_by_cached_key(specific_first),
        Precedence::Last => bindings.sort_by_key(|(index, _)| Reverse(*index)),
    }
    let ranked = bindings.into_iter().enumerate();
    ranked.map(|(rank, (index, binding))| Ranked { index, rank, binding }).collect()
}

fn specific_first((index, binding): &Indexed<'_>) -> (Vec<Place>, Reverse<usize>) {
    (places(&binding.template).map(|(place, _)| place).collect(), Reverse(*index))
}

/// Brings bindings of the same segments together, the last registered first.
fn alike_together<'b>((index, binding): &Indexed<'b>) -> (Vec<(Place, &'b str)>, Reverse<usize>) {
    (places(&binding.template).collect(), Reverse(*index))
}

/// Groups things by a key, in the order of first appearance.
fn groups<T, K: PartialEq>(things: impl Iterator<Item = T>, key: impl Fn(&T) -> K) -> Vec<(K, Vec<T>)> {
    let mut groups: Vec<(K, Vec<T>)> = Vec::new();
    for thing in things {
        let of = key(&thing);
        match groups.iter_mut().find(|(key, _)| *key == of) {
            Some((_, group)) => group.push(thing),
            None => groups.push((of, vec![thing])),
        }
    }
    groups
}

/// The bindings but those that another one, registered later, hides wholly. They are told.
fn without_ties<'b>(bindings: &'b [Binding], ties: Ties, problems: &mut Problems) -> Vec<Indexed<'b>> {
    let mut kept = Vec::with_capacity(bindings.len());
    let alike = |(_, binding): &Indexed<'b>| (&binding.method, &binding.template.verb);
    for (_, mut group) in groups(bindings.iter().enumerate(), alike) {
        group.sort_by_cached_key(alike_together);
        let mut shadowed = Vec::new();
        group.dedup_by(|later, first| {
            // Sorted with the last registered first, so that it is the one that stays.
            let tie = later.1.template.segments == first.1.template.segments;
            if tie {
                shadowed.push((*later, *first));
            }
            tie
        });
        shadowed.sort_by_key(|((index, _), _)| *index);
        for ((_, shadowed), (_, winner)) in shadowed {
            problems.push(tie(shadowed, winner, ties));
        }
        kept.extend(group);
    }
    kept
}

/// Compiles the bindings of one HTTP method and custom verb.
fn compile(
    ranked: &[&Ranked<'_>],
    settings: &Settings,
    precedence: Precedence,
    problems: &mut Problems,
) -> Routes {
    let templates: Vec<_> = ranked.iter().map(|one| canonical_segments(&one.binding.template)).collect();
    let tree = match precedence {
        Precedence::Specific => Tree::build(&templates, settings.empty_captures),
        Precedence::Last => Ok(Tree::in_order(&templates, settings.empty_captures)),
    };
    match tree {
        Ok(tree) => {
            let routes = ranked.iter().map(|one| Route::new(one.index, one.rank, one.binding));
            Routes { tree, by_rank: routes.collect() }
        }
        Err(error) => {
            if let Some(Ranked { binding, .. }) = ranked.first() {
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

/// How templates of the same paths are ordered: segment by segment from the left, literal, `*`, the end, `**`. One
/// literal is as specific as another: both can only match where paths are matched in several ways.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Place {
    Literal,
    One,
    End,
    Many,
}

/// The places of a template, each with the text that a literal has.
fn places(template: &PathTemplate) -> impl Iterator<Item = (Place, &str)> {
    let places = template.segments.iter().map(|segment| match segment {
        Segment::Literal(text) => (Place::Literal, text.as_str()),
        Segment::One => (Place::One, ""),
        Segment::Many => (Place::Many, ""),
    });
    places.chain([(Place::End, "")])
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
