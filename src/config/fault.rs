//! One fault of a typed read: serde's error, kept in parts so that it can be told well.

use std::fmt;

use serde::de;

/// What is wrong, and at which path of keys and indices.
#[derive(Debug)]
pub(super) struct Fault {
    pub kind: Kind,
    pub path: Vec<String>,
}

/// What is wrong.
#[derive(Debug)]
pub(super) enum Kind {
    /// The last step of the path is a key that is not known; these are.
    UnknownKey { known: &'static [&'static str] },
    /// The map at the path lacks a key.
    MissingKey(&'static str),
    /// The text at the path is none of the words that are known.
    UnknownWord { word: String, known: &'static [&'static str] },
    /// Anything else, in words.
    Other(String),
}

impl Fault {
    fn new(kind: Kind) -> Self {
        Self { kind, path: Vec::new() }
    }

    /// The same fault, seen from one step further up.
    pub fn below(mut self, step: &str) -> Self {
        self.path.insert(0, step.to_owned());
        self
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} at {}", self.kind, self.path.join("."))
    }
}

impl std::error::Error for Fault {}

impl de::Error for Fault {
    fn custom<T: fmt::Display>(what: T) -> Self {
        Self::new(Kind::Other(what.to_string()))
    }

    fn invalid_type(found: de::Unexpected<'_>, expected: &dyn de::Expected) -> Self {
        Self::new(Kind::Other(format!("found {}, expected {}", thing(found), plain(&expected.to_string()))))
    }

    fn invalid_value(found: de::Unexpected<'_>, expected: &dyn de::Expected) -> Self {
        Self::invalid_type(found, expected)
    }

    fn unknown_variant(word: &str, known: &'static [&'static str]) -> Self {
        Self::new(Kind::UnknownWord { word: word.to_owned(), known })
    }

    fn unknown_field(key: &str, known: &'static [&'static str]) -> Self {
        Self::new(Kind::UnknownKey { known }).below(key)
    }

    fn missing_field(key: &'static str) -> Self {
        Self::new(Kind::MissingKey(key))
    }
}

/// What was found, in the words of YAML.
fn thing(found: de::Unexpected<'_>) -> String {
    match found {
        de::Unexpected::Bool(value) => format!("`{value}`"),
        de::Unexpected::Unsigned(value) => format!("the number `{value}`"),
        de::Unexpected::Signed(value) => format!("the number `{value}`"),
        de::Unexpected::Float(value) => format!("the number `{value}`"),
        de::Unexpected::Str(value) if value.chars().count() > 60 => "a long text".into(),
        de::Unexpected::Str(value) => format!("the text {value:?}"),
        de::Unexpected::Unit | de::Unexpected::Option => "nothing".into(),
        de::Unexpected::Seq => "a list".into(),
        de::Unexpected::Map => "a map".into(),
        other => other.to_string(),
    }
}

/// What was expected, without the words of Rust.
fn plain(expected: &str) -> &str {
    match expected {
        "a boolean" => "`true` or `false`",
        "a string" | "path string" => "a text",
        "a sequence" => "a list",
        "f64" => "a number",
        "u16" => "a whole number up to 65535",
        "u32" => "a whole number up to 4294967295",
        "usize" | "u64" => "a whole number",
        other if other.starts_with("struct ") => "a map of keys",
        other => other,
    }
}
