//! The layers over the config file: environment variables and flags, each put at the path that it names.
//!
//! `TRANSOM_LISTEN` is `listen`, `TRANSOM_ADMIN__LISTEN` is `admin.listen`, `TRANSOM_UPSTREAMS__0__URL` the
//! url of the first upstream. A value that begins with `[` or `{` is read as YAML; other values take the type
//! of their key, and lists are parted at commas.

use std::sync::Arc;

use crate::problem::{Place, Problem, Problems};

use super::tree::{Mark, Node, Source, Value};
use super::yaml;

/// What every variable's name begins with.
const PREFIX: &str = "TRANSOM_";

/// Variables that are no keys: the config file's own path, read by the command line.
const NOT_KEYS: &[&str] = &["TRANSOM_CONFIG"];

/// What Kubernetes sets in every pod beside a service named `transom`.
const SERVICE_LINKS: &[&str] = &["TRANSOM_SERVICE_HOST", "TRANSOM_SERVICE_PORT", "TRANSOM_PORT"];

/// A flag that sets a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Flag {
    /// The flag as it is typed, for problems: `--listen`.
    pub name: &'static str,
    /// The key that it sets, dotted: `schema.protos`.
    pub key: &'static str,
    /// What was typed.
    pub value: FlagValue,
}

/// What was typed after a flag.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FlagValue {
    /// One value.
    One(String),
    /// The values of a flag that may be repeated; they replace the whole list.
    List(Vec<String>),
}

/// Lays environment variables over the tree, in the order of their names, so that `__0__` comes before `__1__`.
pub(super) fn lay_environment(root: &mut Node, variables: &[(String, String)], problems: &mut Problems) {
    let mut ours: Vec<_> =
        variables.iter().filter(|(name, value)| is_key(name) && !value.is_empty()).collect();
    ours.sort();
    for (name, text) in ours {
        let mark = Mark::Named(name.as_str().into());
        let path = name[PREFIX.len()..].to_lowercase();
        let steps: Vec<&str> = path.split("__").collect();
        let Some(value) = variable_value(name, text, &mark, problems) else { continue };
        if let Err(what) = root.put(&steps, value, &mark) {
            problems.error(Place::item(name), format!("`{name}` does not fit: {what}"));
        }
    }
}

/// Whether a variable is meant to be a key of the configuration.
fn is_key(name: &str) -> bool {
    name.starts_with(PREFIX)
        && !NOT_KEYS.contains(&name)
        && !SERVICE_LINKS.iter().any(|link| {
            name.strip_prefix(link)
                .is_some_and(|rest| rest.is_empty() || (rest.starts_with('_') && !rest.starts_with("__")))
        })
}

fn variable_value(name: &str, text: &str, mark: &Mark, problems: &mut Problems) -> Option<Value> {
    if !text.trim_start().starts_with(['[', '{']) {
        return Some(Value::Loose(text.to_owned()));
    }
    let source = Arc::new(Source { name: format!("${name}"), text: text.to_owned() });
    let mut faults = Problems::new();
    let node = yaml::parse(&source, &mut faults);
    problems.extend(faults.into_iter().map(|fault| Problem { place: Place::item(name), ..fault }));
    let mut node = node?;
    remark(&mut node, mark);
    Some(node.value)
}

/// Gives a whole tree one mark: a variable has no lines worth showing.
fn remark(node: &mut Node, mark: &Mark) {
    node.mark = mark.clone();
    match &mut node.value {
        Value::List(nodes) => nodes.iter_mut().for_each(|node| remark(node, mark)),
        Value::Map(entries) => {
            for entry in entries {
                entry.mark = mark.clone();
                remark(&mut entry.node, mark);
            }
        }
        _ => {}
    }
}

/// Lays flags over the tree.
pub(super) fn lay_flags(root: &mut Node, flags: &[Flag], problems: &mut Problems) {
    for flag in flags {
        let mark = Mark::Named(flag.name.into());
        let steps: Vec<&str> = flag.key.split('.').collect();
        let value = match &flag.value {
            FlagValue::One(text) => Value::Loose(text.clone()),
            FlagValue::List(texts) => Value::List(
                texts
                    .iter()
                    .map(|text| Node { value: Value::Text(text.clone()), mark: mark.clone() })
                    .collect(),
            ),
        };
        if let Err(what) = root.put(&steps, value, &mark) {
            problems.error(Place::item(flag.name), format!("`{}` does not fit: {what}", flag.name));
        }
    }
}

/// The name of the variable that sets the key at a path.
pub(super) fn variable(steps: &[&str]) -> String {
    format!("{PREFIX}{}", steps.join("__").to_uppercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn laid(variables: &[(&str, &str)]) -> (Node, Problems) {
        let mut root = Node::empty_map(Mark::Default);
        let mut problems = Problems::new();
        let variables: Vec<_> = variables.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        lay_environment(&mut root, &variables, &mut problems);
        (root, problems)
    }

    #[test]
    fn variables_name_keys() {
        let (root, problems) = laid(&[
            ("TRANSOM_UPSTREAMS__1__URL", "http://b:1"),
            ("TRANSOM_UPSTREAMS__0__URL", "http://a:1"),
            ("TRANSOM_CORS", "{origins: ['*']}"),
            ("TRANSOM_LISTEN", ""),
            ("TRANSOM_CONFIG", "x.yaml"),
            ("TRANSOM_PORT", "tcp://10.0.0.1:80"),
            ("TRANSOM_PORT_80_TCP_ADDR", "10.0.0.1"),
            ("TRANSOM_SERVICE_PORT_HTTP", "80"),
            ("HOME", "/"),
        ]);
        assert!(problems.is_empty(), "{problems}");
        let text = |path: &[&str]| root.get(path).map(|node| node.value.clone());
        assert_eq!(text(&["upstreams", "0", "url"]), Some(Value::Loose("http://a:1".into())));
        assert_eq!(text(&["upstreams", "1", "url"]), Some(Value::Loose("http://b:1".into())));
        assert_eq!(text(&["cors", "origins", "0"]), Some(Value::Text("*".into())));
        assert_eq!(text(&["listen"]), None, "an empty variable counts as not set");
        let Value::Map(entries) = &root.value else { panic!("a map") };
        assert_eq!(entries.len(), 2, "{entries:?}");
    }

    #[test]
    fn what_does_not_fit_is_told() {
        for (name, value) in [("TRANSOM_UPSTREAMS__7__URL", "x"), ("TRANSOM_CORS", "{origins: [}")] {
            let (_, problems) = laid(&[(name, value)]);
            assert_eq!(problems.errors(), 1, "{name}");
            assert!(problems.to_string().contains(name), "{problems}");
        }
    }

    #[test]
    fn flags_set_lists_and_elements() {
        let mut root = Node::empty_map(Mark::Default);
        let mut problems = Problems::new();
        let list = FlagValue::List(vec!["a,b".into(), "c".into()]);
        let flags = [
            Flag { name: "--proto", key: "schema.protos", value: list },
            Flag { name: "--upstream", key: "upstreams.0.url", value: FlagValue::One("http://a:1".into()) },
        ];
        lay_flags(&mut root, &flags, &mut problems);
        assert!(problems.is_empty(), "{problems}");
        assert_eq!(root.get(&["schema", "protos", "0"]).map(|n| &n.value), Some(&Value::Text("a,b".into())));
        assert_eq!(root.mark("upstreams.0.url").place("").to_string(), "--upstream");
    }
}
