//! The route table as rows: what `/routes` answers, and `transom routes --json` prints.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::duty::Duties;
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
    /// What is asked of the gateway for the method, where something is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub duties: Option<DutiesRow>,
}

/// What is asked of the gateway for a method.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DutiesRow {
    /// Whether the caller has to be known.
    pub authentication: bool,
    /// The permissions that let a caller in; none: whoever is known.
    pub permissions: Vec<String>,
    /// Whether all of them are needed, rather than one.
    pub all_permissions: bool,
    /// The request field that holds the account.
    pub account: Option<String>,
    /// The kinds of caller that may call; none: all.
    pub actor_types: Vec<String>,
    /// The largest request in bytes, where the method has a limit of its own.
    pub max_request_message: Option<usize>,
    /// What the record of a failed call shows, and the request fields of it.
    pub log_fields: BTreeMap<String, String>,
    /// The version of the API.
    pub api_version: Option<String>,
    /// The method that reads what a partial update changes.
    pub partial_update: Option<String>,
    /// The kind of resource of the event that tells of a successful call.
    pub event: Option<String>,
}

impl RouteRow {
    /// The rows of all bindings, in order of registration.
    #[must_use]
    pub fn all(snapshot: &Snapshot) -> Vec<Self> {
        let upstream = |index| Some(snapshot.upstream(index, None)?.0.settings().name.clone());
        let bindings = snapshot.bindings().iter().enumerate();
        bindings
            .map(|(index, binding)| {
                let duties = snapshot
                    .duties(index)
                    .filter(|duties| snapshot.policy().is_some() || **duties != Duties::default());
                Self { duties: duties.map(DutiesRow::of), ..Self::of(binding, upstream(index)) }
            })
            .collect()
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
            duties: None,
        }
    }
}

impl DutiesRow {
    /// The row of a method's duties.
    #[must_use]
    pub fn of(duties: &Duties) -> Self {
        let log_fields = duties.log_fields.iter().map(|(name, path)| (name.clone(), path.to_string()));
        Self {
            authentication: duties.authentication,
            permissions: duties.permissions.clone(),
            all_permissions: duties.all_permissions,
            account: duties.account.as_ref().map(ToString::to_string),
            actor_types: duties.actor_types.clone(),
            max_request_message: duties.max_message,
            log_fields: log_fields.collect(),
            api_version: duties.api_version.clone(),
            partial_update: duties.patch.as_ref().map(|patch| patch.get_method.clone()),
            event: duties.event.as_ref().map(|event| event.resource_type.clone()),
        }
    }

    /// What a caller needs, in a few words: `public`, `known`, `a`, `a or b`, `a and b`.
    #[must_use]
    pub fn needs(&self) -> String {
        match (self.authentication, &self.permissions[..]) {
            (false, _) => "public".to_owned(),
            (true, []) => "known".to_owned(),
            (true, some) => some.join(if self.all_permissions { " and " } else { " or " }),
        }
    }
}
