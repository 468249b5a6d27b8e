//! One way to call a method over HTTP, as a checked rule has it.

use std::fmt;

use prost_reflect::{FieldDescriptor, MethodDescriptor};

use super::field_path::FieldPath;
use super::template::PathTemplate;
use crate::problem::Place;

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

impl Binding {
    /// Whether a binding of the same method and template leads to the same calls and answers.
    pub(super) fn does_the_same(&self, other: &Self) -> bool {
        (&self.variables, &self.body, &self.response_body)
            == (&other.variables, &other.body, &other.response_body)
    }
}

/// Writes the HTTP method and the path template: `GET /v1/{name}`.
impl fmt::Display for Binding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.method, self.template)
    }
}

/// The HTTP method of a binding.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum HttpMethod {
    /// One method, standard or custom.
    Exact(http::Method),
    /// A custom rule of kind `*`: any method.
    Any,
}

/// Writes the method as in a request, or `*`.
impl fmt::Display for HttpMethod {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Exact(method) => method.as_str(),
            Self::Any => "*",
        })
    }
}

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
