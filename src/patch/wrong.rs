//! What is wrong with the paths of a mask, as the client reads it: all of them at once.

use prost::Message as _;
use prost_types::Any;
use tonic_types::pb::{BadRequest, bad_request::FieldViolation};

use super::shape::{Form, Shape};
use crate::problem::nearest;
use crate::status::Status;

/// What is wrong with one path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Why<'p> {
    /// It names nothing.
    Empty,
    /// A segment is no field of the message that the path has come to.
    Unknown { segment: &'p str, within: Option<String>, near: Option<String> },
    /// It goes on behind a field that has no single fields.
    Through { field: String, what: &'static str },
    /// It is longer than any message can be deep.
    TooDeep(usize),
}

impl<'p> Why<'p> {
    pub(super) fn unknown(segment: &'p str, within: Option<&str>, shape: Option<&Shape>) -> Self {
        let near = shape.and_then(|shape| nearest(clip(segment), shape.names()));
        Self::Unknown { segment, within: within.map(str::to_owned), near: near.map(str::to_owned) }
    }

    pub(super) fn through(field: &str, form: Form) -> Self {
        let what = match form {
            Form::List => "is a list, which is replaced as a whole",
            Form::Map => "is a map, which is replaced as a whole",
            Form::Scalar => "has no fields of its own",
            Form::Message { .. } => "is named as a whole by its own name, without `.*`",
        };
        Self::Through { field: field.to_owned(), what }
    }

    /// What is wrong, and the cure. `resource` is the request field that the paths begin in.
    fn tell(&self, resource: &str) -> String {
        match self {
            Self::Empty => "a path is empty".to_owned(),
            Self::Unknown { segment, within: None, .. } if *segment == resource => {
                format!("paths begin inside of `{resource}`: leave its name out")
            }
            Self::Unknown { segment, within, near } => {
                let within = within.as_deref().unwrap_or(resource);
                let near =
                    near.as_deref().map(|near| format!(", did you mean `{near}`?")).unwrap_or_default();
                format!("`{within}` has no field `{}`{near}", clip(segment))
            }
            Self::Through { field, what } => format!("`{field}` {what}"),
            Self::TooDeep(most) => format!("it goes deeper than {most} fields"),
        }
    }
}

/// Wrong paths as they are found. Of very many, the first are told and the rest are counted.
#[derive(Debug, Default)]
pub(super) struct Wrong {
    told: Vec<(String, FieldViolation)>,
    more: usize,
}

/// How many wrong paths are named.
const TOLD: usize = 100;

/// How many bytes of a path are repeated.
const SHOWN: usize = 64;

impl Wrong {
    /// Notes the path that stands at `index` in the request field `mask`.
    pub(super) fn note(&mut self, mask: &str, index: usize, path: &str, why: &Why<'_>, resource: &str) {
        if self.told.len() >= TOLD {
            self.more += 1;
            return;
        }
        let path = clip(path);
        let violation = FieldViolation {
            field: format!("{mask}.paths[{index}]"),
            description: format!("`{path}`: {}", why.tell(resource)),
            ..FieldViolation::default()
        };
        self.told.push((format!("`{path}`"), violation));
    }

    /// The answer, when there is something to tell.
    pub(super) fn into_status(self, mask: &str) -> Result<(), Status> {
        let message = match self.told.as_slice() {
            [] => return Ok(()),
            [(_, only)] => format!("`{mask}` has a wrong path {}", only.description),
            several => {
                let paths: Vec<_> = several.iter().map(|(path, _)| path.as_str()).collect();
                let more = if self.more > 0 { format!(" and {} more", self.more) } else { String::new() };
                format!("`{mask}` has {} wrong paths: {}{more}", several.len() + self.more, paths.join(", "))
            }
        };
        let violations = BadRequest { field_violations: self.told.into_iter().map(|(_, one)| one).collect() };
        let mut status = Status::invalid(message);
        status.details.push(Any {
            type_url: "type.googleapis.com/google.rpc.BadRequest".to_owned(),
            value: violations.encode_to_vec(),
        });
        Err(status)
    }
}

/// The text, cut to a length that a message may repeat.
fn clip(text: &str) -> &str {
    text.get(..text.floor_char_boundary(SHOWN)).unwrap_or(text)
}
