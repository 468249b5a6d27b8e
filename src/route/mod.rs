//! From an HTTP method and a raw path to a binding and its captures.
//!
//! Of the bindings that match, the one of the request's own method wins over one of any method, a custom verb
//! (the longer one) over none, and then, segment by segment from the left, a literal over `*` over `**`. So a
//! path that `DELETE /items/{id}` matches is not hidden by `GET /items/me`. Or, where it is set so, the one of the
//! method that was registered last wins.
//!
//! Request path: a hit takes no lock and allocates nothing, unless the path has percent escapes. A lookup takes
//! time linear in the path, whatever it holds. Not for the meaning of a binding ([`rule`](crate::rule)) nor for
//! what a capture becomes ([`transcode`](crate::transcode)).

mod build;
mod capture;
mod path;
mod segments;
mod tree;

use std::cmp::Reverse;

use http::Method;

use self::capture::Route;
use self::path::{RequestPath, Verb};
use self::tree::Tree;
use crate::problem::Problems;
use crate::rule::Binding;

pub use self::capture::Match;

/// How paths are matched and decoded. The defaults are the `transom` profile's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Whether `*` and `{x}` match an empty segment.
    pub empty_captures: bool,
    /// What happens when two bindings are equally specific.
    pub ties: Ties,
    /// Which of the bindings that match is taken.
    pub precedence: Precedence,
    /// How captured text is percent-decoded.
    pub unescape: Unescape,
    /// Whether HEAD is answered by GET routes.
    pub head_as_get: bool,
    /// How a request is answered whose path exists under other methods only.
    pub wrong_method: WrongMethod,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            empty_captures: false,
            ties: Ties::LastWins,
            precedence: Precedence::Specific,
            unescape: Unescape::Spec,
            head_as_get: true,
            wrong_method: WrongMethod::MethodNotAllowed,
        }
    }
}

/// What happens when two bindings match the same paths with the same specificity.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ties {
    /// The last registered wins; a warning tells.
    LastWins,
    /// It is an error at load.
    Refuse,
}

/// Which of the bindings that match is taken, of those of one HTTP method.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Precedence {
    /// The most specific.
    Specific,
    /// The last registered, whatever it matches besides.
    Last,
}

/// How captured text is percent-decoded (grpc-gateway's `UnescapingMode`, always once, on the raw path).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unescape {
    /// `google/api/http.proto`: single-segment captures wholly, multi-segment captures all but reserved characters.
    Spec,
    /// The whole path is decoded before it is matched.
    Legacy,
    /// Multi-segment captures keep `%2F` only.
    AllExceptSlash,
    /// Everything is decoded; `%2F` separates segments.
    AllCharacters,
}

/// How a request is answered whose path exists under other methods only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WrongMethod {
    /// 405 with `Allow`.
    MethodNotAllowed,
    /// 501, without `Allow`.
    NotImplemented,
    /// 404, as if there were no such path.
    NotFound,
}

/// The compiled route table. Immutable; a lookup takes no lock and allocates nothing.
#[derive(Debug)]
pub struct RouteTable {
    /// One for each way in which paths are matched, and one at least.
    tables: Vec<Table>,
}

/// Why no binding was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Miss {
    /// The path is not one: a bad percent escape, bytes that are not UTF-8 after decoding, no `/` at its
    /// beginning. The text says which, for the client to read: 400.
    Malformed(String),
    /// No binding has such a path: 404.
    NotFound,
    /// The path exists under other methods only: 405, or as it is set.
    MethodNotAllowed(Allowed),
}

/// The methods under which a path exists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Allowed {
    /// Sorted, for `Allow`.
    pub methods: Vec<Method>,
    /// How the request is answered.
    pub answer: WrongMethod,
}

impl From<Vec<Method>> for Allowed {
    fn from(methods: Vec<Method>) -> Self {
        Self { methods, answer: WrongMethod::MethodNotAllowed }
    }
}

impl RouteTable {
    /// Compiles bindings, telling ties and what cannot be routed.
    #[must_use]
    pub fn build(bindings: &[Binding], settings: &Settings, problems: &mut Problems) -> Self {
        Self::build_each(bindings, settings, &vec![settings; bindings.len()], problems)
    }

    /// The same, with settings of its own for each binding, in the same order. `ties` and `precedence`, which are about
    /// pairs of bindings, are those of `common`. Among the bindings that match a request, each in its own way, the same
    /// comes first as if they all matched in one way.
    #[must_use]
    pub fn build_each(
        bindings: &[Binding],
        common: &Settings,
        each: &[&Settings],
        problems: &mut Problems,
    ) -> Self {
        build::tables(bindings, common, each, problems)
    }

    /// Finds the binding for a request. `path` is the raw path, still percent-encoded, without the query.
    ///
    /// # Errors
    /// [`Miss`] when no binding matches.
    pub fn find<'t, 'p>(&'t self, method: &Method, path: &'p str) -> Result<Match<'t, 'p>, Miss> {
        let mut best: Option<(Hit<'t>, RequestPath<'p>, Unescape)> = None;
        for table in &self.tables {
            let path = RequestPath::read(path, table.unescape)?;
            if let Some(hit) = table.find(method, &path)
                && best.as_ref().is_none_or(|(best, ..)| hit.order() < best.order())
            {
                best = Some((hit, path, table.unescape));
            }
        }
        match best {
            Some((hit, path, unescape)) => Ok(Match::new(hit.route, path, hit.end, unescape)),
            None => Err(self.miss(method, path)),
        }
    }

    /// Which other methods have the path. How that is answered says the route that comes first; to HEAD, one of GET.
    fn miss(&self, of: &Method, path: &str) -> Miss {
        let mut methods: Vec<Method> = Vec::new();
        let mut nearest: Option<((bool, Order), WrongMethod)> = None;
        for table in &self.tables {
            let path = match RequestPath::read(path, table.unescape) {
                Ok(path) => path,
                Err(miss) => return miss,
            };
            for (method, hit) in table.others(&path) {
                methods.push(method.clone());
                if table.head_as_get && *method == Method::GET {
                    methods.push(Method::HEAD);
                }
                let order = (*of == Method::HEAD && *method != Method::GET, hit.order());
                if nearest.is_none_or(|(nearest, _)| order < nearest) {
                    nearest = Some((order, table.wrong_method));
                }
            }
        }
        let Some((_, answer)) = nearest else { return Miss::NotFound };
        methods.sort_by(|one, other| one.as_str().cmp(other.as_str()));
        methods.dedup();
        Miss::MethodNotAllowed(Allowed { methods, answer })
    }
}

/// The routes whose paths are matched in one way.
#[derive(Debug)]
struct Table {
    methods: Vec<(Method, MethodRoutes)>,
    any: Option<MethodRoutes>,
    unescape: Unescape,
    head_as_get: bool,
    wrong_method: WrongMethod,
    precedence: Precedence,
}

/// A route that matches a path.
#[derive(Clone, Copy)]
struct Hit<'t> {
    route: &'t Route,
    /// Where the path ends without its verb.
    end: usize,
    /// How long the verb is, where that counts.
    verb: usize,
    /// 0: of the request's own method, 1: HEAD by a GET route, 2: of any method.
    class: usize,
}

/// Class, verb and rank of a hit: the least comes first.
type Order = (usize, Reverse<usize>, usize);

impl Hit<'_> {
    fn order(&self) -> Order {
        (self.class, Reverse(self.verb), self.route.rank())
    }
}

impl Table {
    fn find(&self, method: &Method, path: &RequestPath<'_>) -> Option<Hit<'_>> {
        let head = self.head_as_get && *method == Method::HEAD;
        self.hit(self.of(method), path, 0)
            .or_else(|| if head { self.hit(self.of(&Method::GET), path, 1) } else { None })
            .or_else(|| self.hit(self.any.as_ref(), path, 2))
    }

    /// The methods that have the path.
    fn others<'t>(&'t self, path: &RequestPath<'_>) -> impl Iterator<Item = (&'t Method, Hit<'t>)> {
        let methods = self.methods.iter();
        methods.filter_map(move |(method, routes)| Some((method, self.hit(Some(routes), path, 0)?)))
    }

    fn hit<'t>(
        &self,
        routes: Option<&'t MethodRoutes>,
        path: &RequestPath<'_>,
        class: usize,
    ) -> Option<Hit<'t>> {
        let hit = match self.precedence {
            Precedence::Specific => routes?.most_specific(path),
            Precedence::Last => routes?.last(path),
        };
        hit.map(|hit| Hit { class, ..hit })
    }

    fn of(&self, method: &Method) -> Option<&MethodRoutes> {
        self.methods.iter().find(|(of, _)| of == method).map(|(_, routes)| routes)
    }
}

/// The routes of one HTTP method.
#[derive(Debug, Default)]
struct MethodRoutes {
    /// Those with a custom verb, longer verbs first.
    verbs: Vec<(Verb, Routes)>,
    plain: Routes,
}

impl MethodRoutes {
    /// The most specific route. A colon that begins no verb of a matching route is plain text.
    fn most_specific(&self, path: &RequestPath<'_>) -> Option<Hit<'_>> {
        self.with_verb(path).next().or_else(|| self.without_verb(path))
    }

    /// The route that was registered last, be it with a verb or without.
    fn last(&self, path: &RequestPath<'_>) -> Option<Hit<'_>> {
        let hits = self.with_verb(path).map(|hit| Hit { verb: 0, ..hit }).chain(self.without_verb(path));
        hits.min_by_key(|hit| hit.route.rank())
    }

    /// The routes with a verb, longer verbs first.
    fn with_verb<'t>(&'t self, path: &RequestPath<'_>) -> impl Iterator<Item = Hit<'t>> {
        let verbs = if self.verbs.is_empty() || !path.may_have_verb() { &[] } else { self.verbs.as_slice() };
        verbs.iter().filter_map(move |(verb, routes)| {
            let ends = path.without_verb(verb)?;
            // A verb may be empty, and is one all the same.
            let route = routes.find(path.matched(ends.matched))?;
            Some(Hit { route, end: ends.raw, verb: verb.len() + 1, class: 0 })
        })
    }

    fn without_verb(&self, path: &RequestPath<'_>) -> Option<Hit<'_>> {
        let route = self.plain.find(path.matched(usize::MAX))?;
        Some(Hit { route, end: usize::MAX, verb: 0, class: 0 })
    }
}

/// The routes of one HTTP method and custom verb, those that come first before the others.
#[derive(Debug, Default)]
struct Routes {
    tree: Tree,
    by_rank: Vec<Route>,
}

impl Routes {
    fn find(&self, path: &str) -> Option<&Route> {
        self.by_rank.get(self.tree.find(path)?)
    }
}

#[cfg(test)]
mod tests;
