//! A tree of path templates that is walked segment by segment.
//!
//! Request path: no allocation. It takes every template, `**` in the middle included, and each node of it is
//! visited at most once in a lookup. The faster [`tree`](super::tree) leaves to it what a radix tree cannot say,
//! or cannot search without allocating.

use std::collections::BTreeMap;

use crate::rule::Segment;

/// Templates by their segments; the value of each is its rank.
#[derive(Debug, Default)]
pub(super) struct SegmentTree {
    root: Node,
    empty_captures: bool,
    /// Whether a lesser rank may be less specific.
    unsorted: bool,
}

#[derive(Debug, Default)]
struct Node {
    /// In a tree: most nodes have few, and to hash a segment takes longer than to compare it.
    literals: BTreeMap<Box<str>, Node>,
    one: Option<Box<Node>>,
    /// The template that ends here.
    end: Option<usize>,
    /// The templates that go on with `**`, the more specific first.
    many: Vec<Tail>,
}

/// What follows a `**`.
#[derive(Debug)]
struct Tail {
    segments: Vec<Segment>,
    rank: usize,
}

impl SegmentTree {
    /// An empty tree, and whether `*` matches an empty segment in it.
    pub fn new(empty_captures: bool) -> Self {
        Self { root: Node::default(), empty_captures, unsorted: false }
    }

    /// The same for templates whose ranks say nothing of how specific they are.
    pub fn unsorted(empty_captures: bool) -> Self {
        Self { unsorted: true, ..Self::new(empty_captures) }
    }

    /// Adds a template. Those with the same segments before a `**` must come in the order of their ranks.
    pub fn insert(&mut self, segments: &[Segment], rank: usize) {
        let mut node = &mut self.root;
        let mut rest = segments.iter();
        while let Some(segment) = rest.next() {
            node = match segment {
                Segment::Literal(text) => node.literals.entry(text.as_str().into()).or_default(),
                Segment::One => node.one.get_or_insert_default(),
                Segment::Many => {
                    let segments = rest.as_slice().to_vec();
                    return node.many.push(Tail { segments, rank });
                }
            };
        }
        node.end = Some(rank);
    }

    /// Whether a template of a lesser rank may match a path that this one matches. Says yes when in doubt.
    pub fn rivals(&self, segments: &[Segment], rank: usize) -> bool {
        self.root.rivals(segments, rank)
    }

    /// The least rank of the templates that match a path, which begins with `/`.
    pub fn find(&self, path: &str) -> Option<usize> {
        let path = path.get(1..);
        if self.unsorted {
            self.root.least(path, self.empty_captures)
        } else {
            self.root.find(path, self.empty_captures)
        }
    }
}

impl Node {
    /// Walks on with the rest of the path; `None` behind its last segment.
    fn find(&self, rest: Option<&str>, empty: bool) -> Option<usize> {
        let Some(rest) = rest else {
            return self.end.or_else(|| self.many_for(None, empty));
        };
        let (segment, next) = first_segment(rest);
        self.literals
            .get(segment)
            .and_then(|node| node.find(next, empty))
            .or_else(|| self.one.as_ref().filter(|_| empty || !segment.is_empty())?.find(next, empty))
            .or_else(|| self.many_for(Some(rest), empty))
    }

    /// The same, whatever the ranks say: every way through the tree is tried.
    fn least(&self, rest: Option<&str>, empty: bool) -> Option<usize> {
        let Some(rest) = rest else {
            return self.end.into_iter().chain(self.many_for(None, empty)).min();
        };
        let (segment, next) = first_segment(rest);
        let literal = self.literals.get(segment).and_then(|node| node.least(next, empty));
        let one = self.one.as_ref().filter(|_| empty || !segment.is_empty());
        let one = one.and_then(|node| node.least(next, empty));
        literal.into_iter().chain(one).chain(self.many_for(Some(rest), empty)).min()
    }

    fn rivals(&self, rest: &[Segment], rank: usize) -> bool {
        if self.many.iter().any(|tail| tail.rank < rank) {
            return true;
        }
        let one = |next| self.one.as_ref().is_some_and(|node| node.rivals(next, rank));
        match rest {
            [] => self.end.is_some_and(|end| end < rank),
            [Segment::Literal(text), next @ ..] => {
                self.literals.get(text.as_str()).is_some_and(|node| node.rivals(next, rank)) || one(next)
            }
            [Segment::One, next @ ..] => {
                self.literals.values().any(|node| node.rivals(next, rank)) || one(next)
            }
            [Segment::Many, ..] => true,
        }
    }

    fn many_for(&self, rest: Option<&str>, empty: bool) -> Option<usize> {
        self.many.iter().find(|tail| tail.ends(rest, empty)).map(|tail| tail.rank)
    }
}

/// The first segment of a path without its leading slash, and what follows it.
fn first_segment(path: &str) -> (&str, Option<&str>) {
    match path.bytes().position(|byte| byte == b'/') {
        Some(slash) => (path.get(..slash).unwrap_or(path), path.get(slash + 1..)),
        None => (path, None),
    }
}

impl Tail {
    /// Whether the rest of a path ends like this, whatever stands before.
    fn ends(&self, rest: Option<&str>, empty: bool) -> bool {
        let mut parts = rest.into_iter().flat_map(|rest| rest.rsplit('/'));
        self.segments.iter().rev().all(|segment| match (segment, parts.next()) {
            (Segment::Literal(text), Some(part)) => text == part,
            (Segment::One, Some(part)) => empty || !part.is_empty(),
            _ => false,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rule::PathTemplate;

    #[test]
    fn the_more_specific_template_is_found() {
        // In the order of their ranks.
        let templates =
            ["/a/b", "/a/*/c", "/a/*", "/a/**/b/c", "/a/**/*/d", "/a/**", "/*/b", "/*/x/**", "/**/z", "/**"];
        let mut tree = SegmentTree::new(false);
        for (rank, template) in templates.iter().enumerate() {
            let template: PathTemplate = template.parse().expect(template);
            tree.insert(&template.segments, rank);
        }
        for (path, expected) in [
            ("/a/b", "/a/b"),
            ("/a/b/c", "/a/*/c"),
            ("/a/c", "/a/*"),
            ("/a/x/b/c", "/a/**/b/c"),
            ("/a/x/y/z/d", "/a/**/*/d"),
            ("/a/d", "/a/*"),
            ("/a//d", "/a/**"),
            ("/a", "/a/**"),
            ("/a/", "/a/**"),
            ("/x/b", "/*/b"),
            ("/x/x", "/*/x/**"),
            ("/x/x/y/", "/*/x/**"),
            ("/q/z", "/**/z"),
            ("/z", "/**/z"),
            ("//b", "/**"),
            ("/", "/**"),
        ] {
            assert_eq!(tree.find(path).map(|rank| templates[rank]), Some(expected), "{path}");
        }
    }

    #[test]
    fn rivals_are_more_specific_templates_of_common_paths() {
        let mut tree = SegmentTree::new(false);
        for (rank, template) in ["/a/me", "/a/*/x", "/b/**/c"].iter().enumerate() {
            let template: PathTemplate = template.parse().expect(template);
            tree.insert(&template.segments, rank);
        }
        for (template, rivals) in [
            ("/a/*", true),
            ("/*/me", true),
            ("/*/*", true),
            ("/a/b/x", true),
            ("/a/**", true),
            ("/b/1", true),
            ("/a", false),
            ("/a/b", false),
            ("/a/*/y", false),
            ("/c/*", false),
            ("/a/*/x/*", false),
        ] {
            let segments = template.parse::<PathTemplate>().expect(template).segments;
            assert_eq!(tree.rivals(&segments, 9), rivals, "{template}");
            assert!(template.ends_with("**") || !tree.rivals(&segments, 0), "nothing is before rank 0");
        }
    }
}
