//! The routes of one HTTP method and custom verb: a radix tree (matchit), and beside it what that cannot hold.
//!
//! Request path: no allocation. A lookup in matchit allocates when it passes more than three parameters, and
//! when it takes a literal where a parameter would do as well (it notes the place, to come back). So per place
//! either the literals or the wildcards go into it, whichever are more, and the rest into a
//! [`SegmentTree`](super::segments). This also keeps out what matchit refuses: `**` in the middle, `**` beside
//! other segments, a 26th parameter.

use std::collections::{HashMap, HashSet};

use matchit::{InsertError, Router};

use super::segments::SegmentTree;
use crate::rule::Segment;

/// Templates by rank: the less the more specific.
#[derive(Debug, Default)]
pub(super) struct Tree {
    radix: Router<Hit>,
    /// The templates that are not in the radix tree.
    segments: Option<SegmentTree>,
    /// All templates, for paths with empty segments if wildcards match those: matchit's never do.
    for_empty: Option<SegmentTree>,
}

#[derive(Debug, Clone, Copy)]
struct Hit {
    rank: usize,
    /// Whether a template beside the radix tree may match the same path and come before.
    contested: bool,
}

impl Tree {
    /// Builds the tree of templates in the order of their ranks, with literals in canonical form. The
    /// templates differ.
    pub fn build(templates: &[Vec<Segment>], empty_captures: bool) -> Result<Self, InsertError> {
        let mut tree = Self::default();
        if empty_captures {
            let for_empty = tree.for_empty.insert(SegmentTree::new(true));
            templates.iter().enumerate().for_each(|(rank, template)| for_empty.insert(template, rank));
        }
        let places = Places::count(templates);
        let (inside, beside): (Vec<_>, Vec<_>) =
            templates.iter().enumerate().partition(|(_, template)| places.suit(template));
        for (rank, template) in beside {
            tree.segments.get_or_insert_with(|| SegmentTree::new(empty_captures)).insert(template, rank);
        }
        let mut patterns = HashSet::new();
        for (rank, template) in inside {
            let contested = tree.segments.as_ref().is_some_and(|segments| segments.rivals(template, rank));
            for pattern in patterns_of(template) {
                // Where `**` stands for nothing, a template that ends there comes first.
                if patterns.insert(pattern.clone()) {
                    tree.radix.insert(pattern, Hit { rank, contested })?;
                }
            }
        }
        Ok(tree)
    }

    /// Builds a tree in which the ranks say nothing of how specific the templates are.
    pub fn in_order(templates: &[Vec<Segment>], empty_captures: bool) -> Self {
        let mut segments = SegmentTree::unsorted(empty_captures);
        templates.iter().enumerate().for_each(|(rank, template)| segments.insert(template, rank));
        Self { segments: Some(segments), ..Self::default() }
    }

    /// The least rank of the templates that match a path in canonical form.
    pub fn find(&self, path: &str) -> Option<usize> {
        if let Some(for_empty) = self.for_empty.as_ref().filter(|_| has_empty_segment(path)) {
            return for_empty.find(path);
        }
        let radix = match self.radix.at(path) {
            Ok(hit) if !hit.value.contested => return Some(hit.value.rank),
            Ok(hit) => Some(hit.value.rank),
            Err(_) => None,
        };
        let beside = self.segments.as_ref().and_then(|segments| segments.find(path));
        radix.into_iter().chain(beside).min()
    }
}

fn has_empty_segment(path: &str) -> bool {
    path.ends_with('/') || path.contains("//")
}

/// What may follow a beginning of a path in the radix tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Next {
    Literal,
    One,
    Many,
}

/// For each beginning of a path, what follows it in how many templates.
struct Places(HashMap<(String, Next), usize>);

impl Places {
    fn count(templates: &[Vec<Segment>]) -> Self {
        let mut counts = HashMap::new();
        for template in templates.iter().filter(|template| fits_radix(template)) {
            for place in places_of(template) {
                *counts.entry(place).or_default() += 1;
            }
        }
        Self(counts)
    }

    /// Whether a template belongs to the more numerous kind at all of its places.
    fn suit(&self, template: &[Segment]) -> bool {
        fits_radix(template) && places_of(template).all(|(before, next)| self.preferred(&before) == next)
    }

    fn preferred(&self, before: &str) -> Next {
        let count = |next| self.0.get(&(before.to_owned(), next)).copied().unwrap_or(0);
        let (literal, one, many) = (count(Next::Literal), count(Next::One), count(Next::Many));
        if one >= literal && one >= many {
            Next::One
        } else if literal >= many {
            Next::Literal
        } else {
            Next::Many
        }
    }
}

/// Whether matchit holds such a template, and finds it without allocating.
fn fits_radix(template: &[Segment]) -> bool {
    let wildcards = template.iter().filter(|segment| !matches!(segment, Segment::Literal(_))).count();
    let many = template.iter().position(|segment| *segment == Segment::Many);
    wildcards <= INLINE_PARAMETERS && many.is_none_or(|at| at + 1 == template.len())
}

/// Each beginning of a template with what follows it.
fn places_of(template: &[Segment]) -> impl Iterator<Item = (String, Next)> {
    let mut before = String::from("/");
    template.iter().map(move |segment| {
        let next = match segment {
            Segment::Literal(_) => Next::Literal,
            Segment::One => Next::One,
            Segment::Many => Next::Many,
        };
        let place = (before.clone(), next);
        write_segment(segment, &mut before);
        before.push('/');
        place
    })
}

/// The template as matchit writes it. Its catch-all takes at least one character, so what `**` matches beside
/// that gets patterns of its own.
fn patterns_of(template: &[Segment]) -> Vec<String> {
    let (plain, many) = match template {
        [plain @ .., Segment::Many] => (plain, true),
        plain => (plain, false),
    };
    let mut pattern = String::new();
    for segment in plain {
        pattern.push('/');
        write_segment(segment, &mut pattern);
    }
    if !many {
        return vec![pattern];
    }
    let mut patterns = vec![format!("{pattern}/"), format!("{pattern}/{{*rest}}")];
    if !pattern.is_empty() {
        patterns.push(pattern);
    }
    patterns
}

/// Parameters have no names of their own, so that templates share their nodes.
fn write_segment(segment: &Segment, pattern: &mut String) {
    match segment {
        Segment::Literal(text) => pattern.push_str(&text.replace('{', "{{").replace('}', "}}")),
        Segment::One => pattern.push_str("{x}"),
        Segment::Many => pattern.push_str("{*rest}"),
    }
}

/// How many parameters matchit returns without allocating.
const INLINE_PARAMETERS: usize = 3;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rule::PathTemplate;

    fn tree(templates: &[&str]) -> Tree {
        let segments: Vec<_> = templates
            .iter()
            .map(|template| template.parse::<PathTemplate>().expect(template).segments)
            .collect();
        Tree::build(&segments, false).expect("all can be routed")
    }

    #[test]
    fn literals_and_wildcards_of_one_place_are_kept_apart() {
        let templates = ["/items/me", "/items/*/parts", "/items/*", "/items/**", "/x/**/y"];
        let tree = tree(&templates);
        for (path, radix, found) in [
            ("/items/me", Some("/items/*"), Some("/items/me")),
            ("/items/7", Some("/items/*"), Some("/items/*")),
            ("/items/me/parts", Some("/items/*/parts"), Some("/items/*/parts")),
            ("/items/me/x", None, Some("/items/**")),
            ("/items/", None, Some("/items/**")),
            ("/x/1/2/y", None, Some("/x/**/y")),
            ("/items/me:go", Some("/items/*"), Some("/items/*")),
            ("/nothing", None, None),
        ] {
            let name = |rank: Option<usize>| rank.map(|rank| templates[rank]);
            assert_eq!(name(tree.radix.at(path).ok().map(|hit| hit.value.rank)), radix, "{path}");
            assert_eq!(name(tree.find(path)), found, "{path}");
        }
    }

    #[test]
    fn what_matchit_refuses_is_routed() {
        let many = "/*".repeat(60);
        let templates = [many.as_str(), "/a/%7Bb%7D/{c}"];
        let tree = tree(&templates);
        assert_eq!(tree.find(&"/x".repeat(60)), Some(0));
        assert_eq!(tree.find("/a/{b}/d"), Some(1));
    }
}
