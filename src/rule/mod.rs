//! HTTP rules: `google.api.http` annotations and external rule files, checked against the descriptors and
//! made into [`Binding`]s.
//!
//! Not for matching requests: [`route`](crate::route) does.

use std::path::PathBuf;

use prost_reflect::{FieldDescriptor, MethodDescriptor};

use crate::problem::{Place, Problems};
use crate::schema::Schema;

/// Which methods are exposed, and by which rules beside their annotations.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Globs of full service names to expose (`qdrant.cloud.*`, `*`); a leading `!` excludes. Empty: all.
    pub services: Vec<String>,
    /// `google.api.Service` YAML files with more rules.
    pub files: Vec<PathBuf>,
    /// Whether methods without a rule are exposed as `POST /pkg.Service/Method` with body `*`.
    pub unbound_methods: bool,
    /// Whether a DELETE rule may have a body.
    pub delete_body: bool,
}

/// The HTTP method of a binding.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum HttpMethod {
    /// One method, standard or custom.
    Exact(http::Method),
    /// A custom rule of kind `*`: any method.
    Any,
}

/// A path through messages to a field: at least one field, all but the last singular messages.
#[derive(Debug, Clone, PartialEq)]
pub struct FieldPath(pub Vec<FieldDescriptor>);

/// What the JSON body of a request becomes.
#[derive(Debug, Clone, PartialEq)]
pub enum Body {
    /// The body is not read.
    None,
    /// The body is the whole request message (`body: "*"`).
    Whole,
    /// The body is one field of the request message.
    Field(FieldPath),
}

/// Where a binding was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// The method's `google.api.http` option.
    Annotation,
    /// An external rule file.
    External,
    /// `POST /pkg.Service/Method`, for a method without a rule.
    Unbound,
}

/// One verb and path template of a rule, resolved against the descriptors.
#[derive(Debug, Clone)]
pub struct Binding {
    /// The gRPC method.
    pub rpc: MethodDescriptor,
    /// The HTTP method.
    pub method: HttpMethod,
    /// The path template.
    pub template: PathTemplate,
    /// The field of each variable, in the order of `template.variables`.
    pub variables: Vec<FieldPath>,
    /// What the body becomes.
    pub body: Body,
    /// The field of the response message that is the answer's body; `None`: all of it.
    pub response_body: Option<FieldDescriptor>,
    /// Where it was written.
    pub source: Source,
    /// 0 for the rule itself, n for its n-th additional binding.
    pub index: usize,
    /// Where it was declared, for problems.
    pub place: Place,
}

/// A parsed path template (`google/api/http.proto`, "Path template syntax"). To be moved to `template.rs`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PathTemplate {
    /// The segments, in order; variables are expanded into theirs.
    pub segments: Vec<Segment>,
    /// The variables, in order of appearance.
    pub variables: Vec<Variable>,
    /// The custom verb after the last colon, without the colon.
    pub verb: Option<String>,
}

/// One segment of a path template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Segment {
    /// Literal text, percent-decoded.
    Literal(String),
    /// `*`: exactly one segment.
    One,
    /// `**`: zero or more segments.
    Many,
}

/// A variable of a path template: a field path and the segments it captures.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Variable {
    /// The dotted field path as written.
    pub field_path: String,
    /// The first segment captured, as an index into the template's segments.
    pub first: usize,
    /// One past the last segment captured.
    pub end: usize,
}

/// All bindings of the schema and the external rule files, in order of registration, every problem told.
pub fn read(_schema: &Schema, _settings: &Settings, _problems: &mut Problems) -> Vec<Binding> {
    todo!()
}
