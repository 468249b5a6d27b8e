//! `${NAME}` and `${NAME:-default}` in the texts of a config file. `$$` is a plain `$`.
//!
//! A text that held such a reference takes the type of its key, so that `connections: ${N:-2}` is a number.

use crate::problem::{Problem, Problems};

use super::tree::{Node, Value};
use super::yaml::join;

/// Where variables are looked up.
pub(super) type Lookup<'l> = &'l dyn Fn(&str) -> Option<String>;

/// Replaces the references in every text of the tree; each that has no value is told.
pub(super) fn expand(node: &mut Node, path: &str, lookup: Lookup<'_>, problems: &mut Problems) {
    match &mut node.value {
        Value::List(nodes) => {
            for (index, node) in nodes.iter_mut().enumerate() {
                expand(node, &join(path, &index.to_string()), lookup, problems);
            }
        }
        Value::Map(entries) => {
            for entry in entries {
                expand(&mut entry.node, &join(path, &entry.key), lookup, problems);
            }
        }
        Value::Text(text) if text.contains('$') => match expanded(text, lookup) {
            Ok(Expanded { text, referred: true }) => node.value = Value::Loose(text),
            Ok(Expanded { text, referred: false }) => node.value = Value::Text(text),
            Err(fault) => problems.push(Problem::error(node.mark.place(path), fault.what).help(fault.help)),
        },
        _ => {}
    }
}

struct Expanded {
    text: String,
    referred: bool,
}

struct BadReference {
    what: String,
    help: String,
}

fn expanded(text: &str, lookup: Lookup<'_>) -> Result<Expanded, BadReference> {
    let mut out = String::with_capacity(text.len());
    let mut referred = false;
    let mut rest = text;
    while let Some(dollar) = rest.find('$') {
        out.push_str(&rest[..dollar]);
        rest = &rest[dollar + 1..];
        if let Some(after) = rest.strip_prefix('{') {
            let end = after.find('}').ok_or_else(|| BadReference {
                what: format!("`${{` in {text:?} is not closed"),
                help: "write `${NAME}` or `${NAME:-default}`; a plain `$` is `$$`".into(),
            })?;
            out.push_str(&value(&after[..end], lookup)?);
            rest = &after[end + 1..];
            referred = true;
        } else {
            out.push('$');
            rest = rest.strip_prefix('$').unwrap_or(rest);
        }
    }
    out.push_str(rest);
    Ok(Expanded { text: out, referred })
}

/// The value of what stands between the braces. An empty variable counts as not set.
fn value(reference: &str, lookup: Lookup<'_>) -> Result<String, BadReference> {
    let (name, default) = match reference.split_once(":-") {
        Some((name, default)) => (name, Some(default)),
        None => (reference, None),
    };
    let named = |c: char| c.is_ascii_alphanumeric() || c == '_';
    if name.is_empty() || !name.chars().all(named) {
        return Err(BadReference {
            what: format!("`${{{reference}}}` does not name an environment variable"),
            help: "a name has letters, digits and `_`; a default follows `:-`".into(),
        });
    }
    match (lookup(name).filter(|value| !value.is_empty()), default) {
        (Some(value), _) => Ok(value),
        (None, Some(default)) => Ok(default.to_owned()),
        (None, None) => Err(BadReference {
            what: format!("the environment variable `{name}` is not set"),
            help: format!("set it, or give a default: `${{{name}:-...}}`"),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_replaced() {
        let lookup = |name: &str| match name {
            "A" => Some("one".to_owned()),
            "EMPTY" => Some(String::new()),
            _ => None,
        };
        for (text, want) in [
            ("${A}", Some("one")),
            ("x-${A}-${B:-two}", Some("x-one-two")),
            ("${EMPTY:-z}${B:-}", Some("z")),
            ("$$5 $6 $${A}", Some("$5 $6 ${A}")),
            ("${B}", None),
            ("${EMPTY}", None),
            ("${A", None),
            ("${}", None),
            ("${A B}", None),
        ] {
            assert_eq!(expanded(text, &lookup).ok().map(|e| e.text).as_deref(), want, "{text}");
        }
    }
}
