//! What is wrong with a value on its way between JSON and wire, and where it is.
//!
//! A fault is made where it is found and learns its JSON path on the way out, so that the good case pays
//! nothing for it. Not for query parameters and captures: those have no path inside a text.

use std::fmt::Write as _;

use http::StatusCode;

use crate::status::{Code, Origin, Status};

/// A value that cannot be read or written. One pointer, so that the good case hands little around.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fault(Box<Inner>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Inner {
    what: String,
    /// The byte of the JSON text where it is.
    at: Option<usize>,
    /// The way to it, innermost first.
    steps: Vec<Step>,
    /// Whether it is not in the JSON text at all: a capture or a parameter that belongs into it.
    outside: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Step {
    Field(String),
    Element(usize),
    Entry(String),
}

impl Fault {
    /// A fault of a value that has no place in a text.
    pub(super) fn new(what: impl Into<String>) -> Self {
        Self(Box::new(Inner { what: what.into(), at: None, steps: Vec::new(), outside: false }))
    }

    /// A fault at a byte of the JSON text.
    #[cold]
    pub(super) fn at(offset: usize, what: impl Into<String>) -> Self {
        let mut fault = Self::new(what);
        fault.0.at = Some(offset);
        fault
    }

    /// A fault that is not in the JSON text, though it was found there: of a capture or a parameter.
    #[cold]
    pub(super) fn outside(what: impl Into<String>) -> Self {
        let mut fault = Self::new(what);
        fault.0.outside = true;
        fault
    }

    /// The same fault, seen from the message around this field.
    #[cold]
    pub(super) fn in_field(mut self, name: &str) -> Self {
        self.0.steps.push(Step::Field(clip(name)));
        self
    }

    /// The same fault, seen from the list around this element.
    #[cold]
    pub(super) fn in_element(mut self, index: usize) -> Self {
        self.0.steps.push(Step::Element(index));
        self
    }

    /// The same fault, seen from the map around this entry.
    #[cold]
    pub(super) fn in_entry(mut self, key: &str) -> Self {
        self.0.steps.push(Step::Entry(clip(key)));
        self
    }

    /// What is wrong, without the place.
    pub(super) fn what(&self) -> &str {
        &self.0.what
    }

    /// The client's fault: 400, with the JSON path and the line and column in `body`.
    pub(super) fn into_request_status(self, body: &[u8]) -> Status {
        let fault = &self.0;
        if fault.outside {
            return Status::invalid(&*fault.what);
        }
        let path = if fault.steps.is_empty() { "request body".to_owned() } else { self.path() };
        match fault.at {
            None => Status::invalid(format!("{path}: {}", fault.what)),
            Some(offset) => {
                let (line, column) = line_and_column(body, offset);
                Status::invalid(format!("{path}: {} (line {line}, column {column})", fault.what))
            }
        }
    }

    /// The backend's fault: 502, with the path of the field.
    pub(super) fn into_response_status(self) -> Status {
        let what =
            if self.0.steps.is_empty() { self.0.what } else { format!("{}: {}", self.path(), self.0.what) };
        Status::new(
            Code::Internal,
            format!("the backend's answer cannot be written as JSON: {what}"),
            Origin::Upstream,
        )
        .with_http(StatusCode::BAD_GATEWAY)
    }

    /// The JSON path, outermost first: `cluster.nodes[2].labels["zone"]`.
    fn path(&self) -> String {
        let mut path = String::new();
        for step in self.0.steps.iter().rev() {
            match step {
                Step::Field(name) if path.is_empty() => path.push_str(name),
                Step::Field(name) => {
                    path.push('.');
                    path.push_str(name);
                }
                Step::Element(index) => {
                    let _ = write!(path, "[{index}]");
                }
                Step::Entry(key) => {
                    let _ = write!(path, "[{}]", quoted(key));
                }
            }
        }
        path
    }
}

/// The text in quotes, escaped as JSON does and clipped, to be shown to the client that sent it.
pub(super) fn quoted(text: &str) -> String {
    let mut shown = String::from("\"");
    for character in clip(text).chars() {
        match character {
            '"' => shown.push_str("\\\""),
            '\\' => shown.push_str("\\\\"),
            '\n' => shown.push_str("\\n"),
            control if control.is_control() || control == '\u{feff}' => {
                let _ = write!(shown, "\\u{:04x}", u32::from(control));
            }
            plain => shown.push(plain),
        }
    }
    shown.push('"');
    shown
}

/// The text, cut after [`SHOWN`] characters: a message never repeats a megabyte.
pub(super) fn clip(text: &str) -> String {
    match text.char_indices().nth(SHOWN) {
        None => text.to_owned(),
        Some((end, _)) => {
            let mut clipped = text.get(..end).unwrap_or_default().to_owned();
            clipped.push_str("...");
            clipped
        }
    }
}

/// How many characters of the client's text a message repeats.
const SHOWN: usize = 48;

/// Line and column (in characters) of a byte, both counted from 1.
fn line_and_column(body: &[u8], offset: usize) -> (usize, usize) {
    let before = body.get(..offset).unwrap_or(body);
    let line = before.split(|byte| *byte == b'\n').count();
    let start = before.iter().rposition(|byte| *byte == b'\n').map_or(0, |newline| newline + 1);
    let column = before.iter().skip(start).filter(|byte| (**byte & 0xc0) != 0x80).count() + 1;
    (line, column)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_reads_from_the_outside_in() {
        let fault = Fault::at(9, "expected a number").in_entry("a\"b").in_field("labels").in_element(2);
        let status =
            fault.in_field("nodes").in_field("cluster").into_request_status(b"{\n  \xc3\xa4\xc3\xa4 x");
        assert_eq!(
            status.message,
            r#"cluster.nodes[2].labels["a\"b"]: expected a number (line 2, column 6)"#
        );
    }

    #[test]
    fn a_long_text_is_clipped() {
        assert_eq!(quoted(&"ä".repeat(1_000_000)), format!("\"{}...\"", "ä".repeat(48)));
        assert_eq!(quoted("a\u{1}\n\\"), r#""a\u0001\n\\""#);
    }
}
