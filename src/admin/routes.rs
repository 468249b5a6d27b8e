//! The route table as rows: what `/routes` answers, and `transom routes --json` prints.

use serde::Serialize;

use crate::gateway::Snapshot;
use crate::rule::{Binding, Body, Source};

/// One row of the route table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RouteRow {
    /// The HTTP method; `*`: any.
    pub method: String,
    /// The path template.
    pub path: String,
    /// `*`: the whole message; a field path; nothing: the body is not read.
    pub body: Option<String>,
    /// The field of the answer that is the body; nothing: all of it.
    pub response_body: Option<String>,
    /// `package.Service/Method`.
    pub rpc: String,
    /// The upstream's name.
    pub upstream: Option<String>,
    /// `annotation`, `external` or `unbound`.
    pub source: &'static str,
    /// Where the rule was written.
    pub place: String,
}

impl RouteRow {
    /// The rows of all bindings, in order of registration.
    #[must_use]
    pub fn all(snapshot: &Snapshot) -> Vec<Self> {
        let upstream = |index| Some(snapshot.upstream(index, None)?.0.settings().name.clone());
        let bindings = snapshot.bindings().iter().enumerate();
        bindings.map(|(index, binding)| Self::of(binding, upstream(index))).collect()
    }

    /// The row of one binding.
    #[must_use]
    pub fn of(binding: &Binding, upstream: Option<String>) -> Self {
        let mut place = binding.place.clone();
        if place.file.is_some() {
            // The rpc has a column of its own.
            place.item = None;
        }
        Self {
            method: binding.method.to_string(),
            path: binding.template.to_string(),
            body: match &binding.body {
                Body::None => None,
                Body::Whole => Some("*".to_owned()),
                Body::Field(path) => Some(path.to_string()),
            },
            response_body: binding.response_body.as_ref().map(|field| field.name().to_owned()),
            rpc: format!("{}/{}", binding.rpc.parent_service().full_name(), binding.rpc.name()),
            upstream,
            source: match binding.source {
                Source::Annotation => "annotation",
                Source::External => "external",
                Source::Unbound => "unbound",
            },
            place: place.to_string(),
        }
    }
}
