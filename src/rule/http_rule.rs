//! `google.api.HttpRule`, and where it is read from: the `google.api.http` option of a method.
//!
//! The user's own copy of `google/api/http.proto` describes the option; its wire bytes are read into the
//! message below, so that only names, numbers and types matter. Not for checking a rule
//! ([`check`](super::check)).

use prost_reflect::{ExtensionDescriptor, Kind, MethodDescriptor};

use crate::problem::{Place, Problem, Problems};
use crate::schema::Schema;

/// `google.api.HttpRule`.
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct HttpRule {
    #[prost(oneof = "Pattern", tags = "2, 3, 4, 5, 6, 8")]
    pub pattern: Option<Pattern>,
    #[prost(string, tag = "7")]
    pub body: String,
    #[prost(message, repeated, tag = "11")]
    pub additional_bindings: Vec<HttpRule>,
    #[prost(string, tag = "12")]
    pub response_body: String,
}

/// The HTTP method with its path template.
#[derive(Clone, PartialEq, prost::Oneof)]
pub(super) enum Pattern {
    #[prost(string, tag = "2")]
    Get(String),
    #[prost(string, tag = "3")]
    Put(String),
    #[prost(string, tag = "4")]
    Post(String),
    #[prost(string, tag = "5")]
    Delete(String),
    #[prost(string, tag = "6")]
    Patch(String),
    #[prost(message, tag = "8")]
    Custom(CustomHttpPattern),
}

/// `google.api.CustomHttpPattern`.
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct CustomHttpPattern {
    #[prost(string, tag = "1")]
    pub kind: String,
    #[prost(string, tag = "2")]
    pub path: String,
}

impl Pattern {
    /// The method as written, and the path template.
    pub fn parts(&self) -> (&str, &str) {
        match self {
            Self::Get(path) => ("GET", path),
            Self::Put(path) => ("PUT", path),
            Self::Post(path) => ("POST", path),
            Self::Delete(path) => ("DELETE", path),
            Self::Patch(path) => ("PATCH", path),
            Self::Custom(custom) => (&custom.kind, &custom.path),
        }
    }
}

/// Reads the `google.api.http` option of methods.
pub(super) struct Annotations {
    option: Option<ExtensionDescriptor>,
}

impl Annotations {
    /// Finds the option in the pool. Without it no method is annotated; an option of that name that is
    /// something else is a problem.
    pub fn of(schema: &Schema, problems: &mut Problems) -> Self {
        let found = schema.pool().get_extension_by_name(OPTION);
        let option = found.filter(|option| {
            let is_rule = matches!(option.kind(), Kind::Message(rule) if rule.full_name() == RULE);
            let right = is_rule
                && option.number() == OPTION_NUMBER
                && option.containing_message().full_name() == "google.protobuf.MethodOptions";
            if !right {
                problems.push(not_the_option(schema, option));
            }
            right
        });
        Self { option }
    }

    /// The annotation of a method, which stands at `place`.
    pub fn read(&self, rpc: &MethodDescriptor, place: &Place, problems: &mut Problems) -> Option<HttpRule> {
        let option = self.option.as_ref()?;
        let options = rpc.options();
        if !options.has_extension(option) {
            return None;
        }
        let rule = options.get_extension(option).as_message()?.transcode_to();
        rule.map_err(|_| {
            let what = format!("the rule is not a `{RULE}`: its fields have other types");
            problems.push(Problem::error(place.clone(), what).help(IMPORT));
        })
        .ok()
    }
}

fn not_the_option(schema: &Schema, option: &ExtensionDescriptor) -> Problem {
    let what = format!(
        "extension `{OPTION}` is number {} of `{}`, expected number {OPTION_NUMBER} of \
         `google.protobuf.MethodOptions` and type `{RULE}`",
        option.number(),
        option.containing_message().full_name(),
    );
    Problem::error(schema.place(OPTION), what).help(IMPORT)
}

/// The option of a method that holds its rule.
pub(super) const OPTION: &str = "google.api.http";
const IMPORT: &str = "import `google/api/annotations.proto` as Google publishes it";
const RULE: &str = "google.api.HttpRule";
/// `google/api/annotations.proto`
const OPTION_NUMBER: u32 = 72_295_728;
