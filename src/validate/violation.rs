//! What a message breaks: where, which rule, and in what words; and the status that tells a client.

use std::fmt::Write as _;

use prost::Message as _;
use prost_types::Any;
use tonic_types::pb::BadRequest;
use tonic_types::pb::bad_request::FieldViolation;

use super::kind::Kind;
use super::read::Raw;
use crate::status::Status;

/// One broken rule.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Violation {
    /// The field, such as `cluster.nodes[2].name` or `labels["a"]`; empty for the message itself.
    pub field: String,
    /// The rule's name for programs, such as `string.min_len`.
    pub rule: String,
    /// What a person reads.
    pub text: String,
}

/// The way from the message down to a value; each step lives on the stack of the check.
#[derive(Debug, Clone, Copy)]
pub(super) struct Path<'p> {
    before: Option<&'p Path<'p>>,
    step: Step<'p>,
}

#[derive(Debug, Clone, Copy)]
enum Step<'p> {
    Message,
    Field(&'p str),
    Item(&'p str, usize),
    Entry(&'p str, Kind, Raw<'p>),
}

impl<'p> Path<'p> {
    /// The message that is checked.
    pub(super) const ROOT: Path<'static> = Path { before: None, step: Step::Message };

    pub(super) fn field(&'p self, name: &'p str) -> Self {
        Self { before: Some(self), step: Step::Field(name) }
    }

    pub(super) fn item(&'p self, name: &'p str, index: usize) -> Self {
        Self { before: Some(self), step: Step::Item(name, index) }
    }

    pub(super) fn entry(&'p self, name: &'p str, kind: Kind, key: Raw<'p>) -> Self {
        Self { before: Some(self), step: Step::Entry(name, kind, key) }
    }

    pub(super) fn text(&self) -> String {
        let mut text = String::new();
        self.write(&mut text);
        text
    }

    fn write(&self, text: &mut String) {
        if let Some(before) = self.before {
            before.write(text);
        }
        let name = match self.step {
            Step::Message => return,
            Step::Field(name) | Step::Item(name, _) | Step::Entry(name, ..) => name,
        };
        if !text.is_empty() {
            text.push('.');
        }
        text.push_str(name);
        match self.step {
            Step::Item(_, index) => {
                let _ = write!(text, "[{index}]");
            }
            Step::Entry(_, kind, key) => subscript(kind, key, text),
            Step::Message | Step::Field(_) => {}
        }
    }
}

fn subscript(kind: Kind, key: Raw<'_>, text: &mut String) {
    let number = key.number();
    let _ = match kind {
        Kind::String => write!(text, "[{}]", serde_json::Value::from(String::from_utf8_lossy(key.bytes()))),
        Kind::Bool => write!(text, "[{}]", number != 0),
        Kind::Uint32 | Kind::Uint64 | Kind::Fixed32 | Kind::Fixed64 => write!(text, "[{number}]"),
        _ => write!(text, "[{}]", Kind::int(number)),
    };
}

/// 400 with all violations as `google.rpc.BadRequest`; the message itself tells the first.
pub(super) fn status(violations: Vec<Violation>) -> Status {
    let mut message = match violations.first() {
        Some(Violation { field, text, .. }) if field.is_empty() => {
            format!("the request is not valid: {text}")
        }
        Some(Violation { field, text, .. }) => format!("the request is not valid: `{field}`: {text}"),
        None => "the request is not valid".to_owned(),
    };
    match violations.len() {
        0 | 1 => {}
        2 => message.push_str(" (and one more violation)"),
        all => {
            let _ = write!(message, " (and {} more violations)", all - 1);
        }
    }
    let field_violations = violations.into_iter().map(|violation| FieldViolation {
        field: violation.field,
        description: violation.text,
        reason: violation.rule,
        localized_message: None,
    });
    let details = BadRequest { field_violations: field_violations.collect() };
    let mut status = Status::invalid(message);
    status.details.push(Any { type_url: BAD_REQUEST.to_owned(), value: details.encode_to_vec() });
    status
}

const BAD_REQUEST: &str = "type.googleapis.com/google.rpc.BadRequest";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_written_as_protovalidate_does() {
        let cluster = Path::ROOT.field("cluster");
        let node = cluster.item("nodes", 2);
        assert_eq!(node.field("name").text(), "cluster.nodes[2].name");
        assert_eq!(Path::ROOT.entry("labels", Kind::String, Raw::Bytes(b"a\"b")).text(), r#"labels["a\"b"]"#);
        assert_eq!(Path::ROOT.entry("by_id", Kind::Sint32, Raw::Number(u64::MAX)).text(), "by_id[-1]");
        assert_eq!(Path::ROOT.entry("on", Kind::Bool, Raw::Number(1)).text(), "on[true]");
        assert_eq!(Path::ROOT.text(), "");
    }

    #[test]
    fn the_status_tells_all_at_once() {
        let violation = |field: &str| Violation {
            field: field.to_owned(),
            rule: "string.uuid".to_owned(),
            text: "must be a valid UUID".to_owned(),
        };
        let status = status(vec![violation("id"), violation("account_id")]);
        assert_eq!(
            status.message,
            "the request is not valid: `id`: must be a valid UUID (and one more violation)"
        );
        let details = BadRequest::decode(&*status.details[0].value).expect("it is a BadRequest");
        let fields: Vec<_> = details.field_violations.iter().map(|one| (&*one.field, &*one.reason)).collect();
        assert_eq!(fields, [("id", "string.uuid"), ("account_id", "string.uuid")]);
    }
}
