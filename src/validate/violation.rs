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

/// Violations as they are found, up to what is told of very many.
#[derive(Debug, Default)]
pub(super) struct Found {
    told: Vec<Violation>,
    bytes: usize,
}

/// There is no room for what was found, nor for more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Full;

impl Found {
    /// Notes what is broken, if there is room. The first always has.
    pub(super) fn note(&mut self, path: &Path<'_>, rule: &str, text: &str) -> Result<(), Full> {
        if self.told.len() >= MOST {
            return Err(Full);
        }
        let field = path.text();
        self.bytes += field.len() + rule.len() + text.len() + FRAME;
        if self.bytes > MOST_BYTES && !self.told.is_empty() {
            return Err(Full);
        }
        self.told.push(Violation { field, rule: rule.to_owned(), text: text.to_owned() });
        Ok(())
    }

    pub(super) fn is_empty(&self) -> bool {
        self.told.is_empty()
    }

    pub(super) fn into_told(self) -> Vec<Violation> {
        self.told
    }
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
        Kind::String => return quoted(key.bytes(), text),
        Kind::Bool => write!(text, "[{}]", number != 0),
        Kind::Uint32 | Kind::Uint64 | Kind::Fixed32 | Kind::Fixed64 => write!(text, "[{number}]"),
        _ => write!(text, "[{}]", Kind::int(number)),
    };
}

/// A key in quotation marks; behind the closing one of a long key that was cut stands an ellipsis.
fn quoted(key: &[u8], text: &mut String) {
    // A character that is cut here begins behind what is shown.
    let key = String::from_utf8_lossy(key.get(..KEY + 4).unwrap_or(key));
    let shown = key.get(..key.floor_char_boundary(KEY)).unwrap_or_default();
    let ellipsis = if shown.len() < key.len() { "…" } else { "" };
    let _ = write!(text, "[{}{ellipsis}]", serde_json::Value::from(shown));
}

/// The text; of a longer one so many bytes and an ellipsis.
pub(super) fn clip(text: &str, most: usize) -> String {
    match text.get(..text.floor_char_boundary(most)) {
        Some(shown) if shown.len() < text.len() => format!("{shown}…"),
        _ => text.to_owned(),
    }
}

/// 400 with all violations as `google.rpc.BadRequest`; the message itself tells the first.
pub(super) fn status(violations: Vec<Violation>) -> Status {
    let mut message = match violations.first() {
        Some(Violation { field, text, .. }) if field.is_empty() => {
            format!("the request is not valid: {text}")
        }
        Some(Violation { field, text, .. }) => {
            format!("the request is not valid: `{}`: {text}", clip(field, FIELD))
        }
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

/// How many violations are told; a message of many megabytes could break millions of rules.
const MOST: usize = 1000;

/// How many bytes all that is told may have.
const MOST_BYTES: usize = 64 << 10;

/// How many bytes a violation has beside its texts: four tags and lengths, of up to three bytes each.
const FRAME: usize = 16;

/// How many bytes of a map's key a path repeats.
const KEY: usize = 128;

/// How many bytes of a path the message of the status repeats.
const FIELD: usize = 512;

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
    fn long_keys_are_cut_where_a_character_ends() {
        let path = |key: &[u8]| Path::ROOT.entry("m", Kind::String, Raw::Bytes(key)).text();
        let just = "k".repeat(KEY);
        assert_eq!(path(just.as_bytes()), format!("m[\"{just}\"]"));
        assert_eq!(path(just.repeat(9000).as_bytes()), format!("m[\"{just}\"…]"));
        let wide = "k".repeat(KEY - 1);
        assert_eq!(path(format!("{wide}ä").as_bytes()), format!("m[\"{wide}\"…]"));
        assert!(path(&vec![0xff; 1 << 20]).len() < 4 * KEY);
        assert_eq!((clip("äöü", 3), clip("äöü", 6)), ("ä…".to_owned(), "äöü".to_owned()));
    }

    #[test]
    fn there_is_an_end_to_what_is_told() {
        let mut many = Found::default();
        let noted = (0..2 * MOST).filter(|_| many.note(&Path::ROOT, "r", "t").is_ok()).count();
        assert_eq!((noted, many.into_told().len()), (MOST, MOST));
        let mut long = Found::default();
        let text = "t".repeat(1000);
        while long.note(&Path::ROOT, "r", &text).is_ok() {}
        let details = status(long.into_told()).details.remove(0).value.len();
        assert!((MOST_BYTES - 2000..=MOST_BYTES).contains(&details), "{details}");
        let mut huge = Found::default();
        assert_eq!(huge.note(&Path::ROOT, "r", &text.repeat(100)), Ok(()), "the first is always told");
        assert_eq!(huge.note(&Path::ROOT, "r", "t"), Err(Full));
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
