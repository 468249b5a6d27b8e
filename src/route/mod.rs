//! From an HTTP method and a raw path to a binding and its captures.
//!
//! Of the bindings that match, the one of the request's own method wins over one of any method, a custom verb
//! (the longer one) over none, and then, segment by segment from the left, a literal over `*` over `**`. So a
//! path that `DELETE /items/{id}` matches is not hidden by `GET /items/me`.
//!
//! Request path: a hit takes no lock and allocates nothing, unless the path has percent escapes. A lookup takes
//! time linear in the path, whatever it holds. Not for the meaning of a binding ([`rule`](crate::rule)) nor for
//! what a capture becomes ([`transcode`](crate::transcode)).

mod build;
mod capture;
mod path;
mod segments;
mod tree;

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
    /// How captured text is percent-decoded.
    pub unescape: Unescape,
    /// Whether HEAD is answered by GET routes.
    pub head_as_get: bool,
}

/// What happens when two bindings match the same paths with the same specificity.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ties {
    /// The last registered wins; a warning tells.
    LastWins,
    /// It is an error at load.
    Refuse,
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

/// The compiled route table. Immutable; a lookup takes no lock and allocates nothing.
#[derive(Debug)]
pub struct RouteTable {
    methods: Vec<(Method, MethodRoutes)>,
    any: Option<MethodRoutes>,
    unescape: Unescape,
    head_as_get: bool,
}

/// Why no binding was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Miss {
    /// The path is not one: a bad percent escape, bytes that are not UTF-8 after decoding, no `/` at its
    /// beginning. The text says which, for the client to read: 400.
    Malformed(String),
    /// No binding has such a path: 404.
    NotFound,
    /// The path exists under these methods only (sorted, for `Allow`): 405.
    MethodNotAllowed(Vec<Method>),
}

impl RouteTable {
    /// Compiles bindings, telling ties and what cannot be routed.
    #[must_use]
    pub fn build(bindings: &[Binding], settings: &Settings, problems: &mut Problems) -> Self {
        build::table(bindings, settings, problems)
    }

    /// Finds the binding for a request. `path` is the raw path, still percent-encoded, without the query.
    ///
    /// # Errors
    /// [`Miss`] when no binding matches.
    pub fn find<'t, 'p>(&'t self, method: &Method, path: &'p str) -> Result<Match<'t, 'p>, Miss> {
        let path = RequestPath::read(path, self.unescape)?;
        let head = self.head_as_get && *method == Method::HEAD;
        let hit = self
            .of(method)
            .and_then(|routes| routes.find(&path))
            .or_else(|| if head { self.of(&Method::GET)?.find(&path) } else { None })
            .or_else(|| self.any.as_ref()?.find(&path));
        match hit {
            Some((route, end)) => Ok(Match::new(route, path, end, self.unescape)),
            None => Err(self.miss(&path)),
        }
    }

    fn of(&self, method: &Method) -> Option<&MethodRoutes> {
        self.methods.iter().find(|(of, _)| of == method).map(|(_, routes)| routes)
    }

    /// Which other methods have the path.
    fn miss(&self, path: &RequestPath<'_>) -> Miss {
        let mut methods: Vec<_> = self
            .methods
            .iter()
            .filter(|(_, routes)| routes.find(path).is_some())
            .map(|(method, _)| method.clone())
            .collect();
        if methods.is_empty() {
            return Miss::NotFound;
        }
        if self.head_as_get && methods.contains(&Method::GET) && !methods.contains(&Method::HEAD) {
            methods.push(Method::HEAD);
        }
        methods.sort_by(|one, other| one.as_str().cmp(other.as_str()));
        Miss::MethodNotAllowed(methods)
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
    /// The most specific route, and where the path ends without its verb. A colon that begins no verb of a
    /// matching route is plain text.
    fn find<'t>(&'t self, path: &RequestPath<'_>) -> Option<(&'t Route, usize)> {
        if !self.verbs.is_empty() && path.may_have_verb() {
            for (verb, routes) in &self.verbs {
                let hit = path
                    .without_verb(verb)
                    .and_then(|ends| Some((routes.find(path.matched(ends.matched))?, ends.raw)));
                if hit.is_some() {
                    return hit;
                }
            }
        }
        let route = self.plain.find(path.matched(usize::MAX))?;
        Some((route, usize::MAX))
    }
}

/// The routes of one HTTP method and custom verb, the more specific first.
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
