//! Which options of the mapping mattered for a request, their values, and who decided on them: for `explain`.

use http::Method;
use http::uri::PathAndQuery;

use crate::config::{Decision, Mappings};
use crate::rule::{Binding, Body};

/// What a request brings that options are about.
pub(super) struct Asked<'r> {
    pub method: &'r Method,
    pub target: &'r PathAndQuery,
    pub has_body: bool,
    /// The binding that takes it; `None`: none does, but its path exists under other methods.
    pub binding: Option<&'r Binding>,
}

impl Asked<'_> {
    /// `KEY = VALUE (who decided)`, one a line: options that are about what the request brings, and those that somebody
    /// has set to something.
    pub fn options(&self, mappings: &Mappings, rpc: &str) -> String {
        let mattered = mappings.decisions(Some(rpc)).into_iter().filter(|decision| self.mattered(decision));
        let lines = mattered.map(|Decision { key, value, by }| format!("{key} = {value} ({by})"));
        lines.collect::<Vec<_>>().join("\n")
    }

    fn mattered(&self, decision: &Decision) -> bool {
        let in_scope = match decision.key.split('.').next() {
            Some("routing") => true,
            Some("streams") => self.streams(),
            _ => self.binding.is_some(),
        };
        in_scope && (decision.by != "default" || self.is_about(&decision.key))
    }

    fn streams(&self) -> bool {
        let rpc = self.binding.map(|binding| &binding.rpc);
        rpc.is_some_and(|rpc| rpc.is_server_streaming() || rpc.is_client_streaming())
    }

    /// Whether an option is about something that the request has.
    fn is_about(&self, key: &str) -> bool {
        let (path, query) = (self.target.path(), self.target.query().unwrap_or_default());
        let variables = self.binding.is_some_and(|binding| !binding.variables.is_empty());
        let read = self.has_body && self.binding.is_some_and(|binding| binding.body != Body::None);
        match key {
            "routing.unescape" => path.contains('%'),
            "routing.empty_captures" => path.ends_with('/') || path.contains("//"),
            "routing.head_as_get" => *self.method == Method::HEAD,
            "routing.wrong_method" => self.binding.is_none(),
            "json.unknown_query" | "json.ignored_query" => !query.is_empty(),
            "json.path_conflicts" => variables && (read || !query.is_empty()),
            "json.unknown_fields" | "json.unknown_enums" | "bodies.strict_content_type" => read,
            "streams.form" => self.streams(),
            _ => false,
        }
    }
}
