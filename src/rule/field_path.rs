//! Dotted field paths of rules, found in a message by proto names.
//!
//! Not for query parameters, which are resolved per request ([`transcode`](crate::transcode)).

use std::fmt;

use prost_reflect::{FieldDescriptor, Kind, MessageDescriptor};

use crate::problem::nearest;

/// A path through messages to a field: at least one field, all but the last singular messages.
#[derive(Debug, Clone, PartialEq)]
pub struct FieldPath(pub Vec<FieldDescriptor>);

impl FieldPath {
    /// Finds the field that a dotted path of proto names leads to, starting in `message`.
    ///
    /// # Errors
    /// What is wrong with the path, and the cure where there is one.
    pub fn resolve(message: &MessageDescriptor, path: &str) -> Result<Self, String> {
        resolve(message, path).map_err(|fault| match fault.help {
            Some(help) => format!("{}; {help}", fault.what),
            None => fault.what,
        })
    }

    /// The field that the path leads to.
    #[must_use]
    pub fn last(&self) -> Option<&FieldDescriptor> {
        self.0.last()
    }

    /// Whether one path begins with the other.
    pub(super) fn overlaps(&self, other: &Self) -> bool {
        self.0.iter().zip(&other.0).all(|(one, other)| one == other)
    }
}

/// Writes the path as the proto file spells it: `cluster.id`.
impl fmt::Display for FieldPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, field) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str(".")?;
            }
            f.write_str(field.name())?;
        }
        Ok(())
    }
}

/// What is wrong with a part of a rule, and the cure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fault {
    pub what: String,
    pub help: Option<String>,
}

impl Fault {
    pub fn new(what: impl Into<String>, help: impl Into<String>) -> Self {
        Self { what: what.into(), help: Some(help.into()) }
    }
}

/// Finds the field that `path` names, starting in `message`.
pub(super) fn resolve(message: &MessageDescriptor, path: &str) -> Result<FieldPath, Fault> {
    let mut fields: Vec<FieldDescriptor> = Vec::new();
    let mut message = message.clone();
    for name in path.split('.') {
        if let Some(parent) = fields.last() {
            message = traverse(parent, path)?;
        }
        fields.push(field(&message, name)?);
    }
    Ok(FieldPath(fields))
}

/// The field of this name in a message.
pub(super) fn field(message: &MessageDescriptor, name: &str) -> Result<FieldDescriptor, Fault> {
    message.get_field_by_name(name).ok_or_else(|| unknown(message, name))
}

fn unknown(message: &MessageDescriptor, name: &str) -> Fault {
    let what = format!("`{}` has no field `{name}`", message.full_name());
    if let Some(field) = message.get_field_by_json_name(name) {
        let help = format!("`{name}` is a JSON name; rules use the proto name `{}`", field.name());
        return Fault::new(what, help);
    }
    let names: Vec<_> = message.fields().map(|field| field.name().to_owned()).collect();
    let help = match nearest(name, names.iter().map(String::as_str)) {
        Some(near) => Some(format!("did you mean `{near}`?")),
        None if names.is_empty() => Some("the message has no fields".to_owned()),
        None if names.len() <= LISTED => Some(format!("its fields are `{}`", names.join("`, `"))),
        None => None,
    };
    Fault { what, help }
}

/// The message of a field in the middle of a path.
fn traverse(field: &FieldDescriptor, path: &str) -> Result<MessageDescriptor, Fault> {
    let kind = match (field.is_map(), field.is_list(), field.kind()) {
        (false, false, Kind::Message(message)) => return Ok(message),
        (true, _, _) => "a map",
        (_, true, _) => "repeated",
        _ => "not a message",
    };
    let what = format!("field path `{path}` passes through `{}`, which is {kind}", field.full_name());
    Err(Fault::new(what, "only singular message fields have fields of their own"))
}

/// How many field names a message may have to be listed in a help.
const LISTED: usize = 12;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rule::tests::schema;

    #[test]
    fn paths_resolve_or_say_why_not() {
        let schema = schema(
            "message Leaf { string name = 1; }
             message Root {
               Leaf leaf = 1;
               repeated Leaf leaves = 2;
               map<string, Leaf> by_name = 3;
               string display_name = 4;
               int64 size = 5;
             }
             message Empty {}",
        );
        let message = |name: &str| schema.pool().get_message_by_name(name).expect("declared above");
        let show = |path: &str| match resolve(&message("t.Root"), path) {
            Ok(path) => path.to_string(),
            Err(fault) => format!("{}; {}", fault.what, fault.help.unwrap_or_default()),
        };
        for (path, expected) in [
            ("size", "size"),
            ("leaf.name", "leaf.name"),
            ("leaves", "leaves"),
            ("leaf.nam", "`t.Leaf` has no field `nam`; did you mean `name`?"),
            (
                "displayName",
                "`t.Root` has no field `displayName`; `displayName` is a JSON name; rules use the proto name `display_name`",
            ),
            (
                "zzzzzzz",
                "`t.Root` has no field `zzzzzzz`; its fields are `leaf`, `leaves`, `by_name`, `display_name`, `size`",
            ),
            (
                "leaves.name",
                "field path `leaves.name` passes through `t.Root.leaves`, which is repeated; only singular message fields have fields of their own",
            ),
            (
                "by_name.name",
                "field path `by_name.name` passes through `t.Root.by_name`, which is a map; only singular message fields have fields of their own",
            ),
            (
                "size.name",
                "field path `size.name` passes through `t.Root.size`, which is not a message; only singular message fields have fields of their own",
            ),
            ("leaf..name", "`t.Leaf` has no field ``; its fields are `name`"),
        ] {
            assert_eq!(show(path), expected, "{path}");
        }
        let fault = field(&message("t.Empty"), "x").expect_err("it has no fields");
        assert_eq!(fault.help.as_deref(), Some("the message has no fields"));
    }
}
