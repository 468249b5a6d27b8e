//! From an HTTP method and a raw path to a binding and its captures.
//!
//! Not for the meaning of a binding ([`rule`](crate::rule)) nor for what a capture becomes
//! ([`transcode`](crate::transcode)).

use std::borrow::Cow;

use http::Method;

use crate::problem::Problems;
use crate::rule::Binding;
use crate::status::Status;

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
pub struct RouteTable {}

/// A hit: which binding (index into the slice the table was built from), and what was captured.
#[derive(Debug)]
pub struct Match<'p> {
    /// The binding's index.
    pub binding: usize,
    path: &'p str,
}

impl<'p> Match<'p> {
    /// The decoded text of the binding's `variable`-th variable.
    ///
    /// # Errors
    /// A bad percent escape, or bytes that are not UTF-8 after decoding: 400.
    pub fn capture(&self, _variable: usize) -> Result<Cow<'p, str>, Status> {
        let _ = self.path;
        todo!()
    }
}

/// Why no binding was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Miss {
    /// No binding has such a path: 404.
    NotFound,
    /// The path exists under these methods only (sorted, for `Allow`): 405.
    MethodNotAllowed(Vec<Method>),
}

impl RouteTable {
    /// Compiles bindings, telling ties and what cannot be routed.
    pub fn build(_bindings: &[Binding], _settings: &Settings, _problems: &mut Problems) -> Self {
        todo!()
    }

    /// Finds the binding for a request. `path` is the raw path, still percent-encoded, without the query.
    ///
    /// # Errors
    /// [`Miss`] when no binding matches.
    pub fn find<'p>(&self, _method: &Method, _path: &'p str) -> Result<Match<'p>, Miss> {
        todo!()
    }
}
