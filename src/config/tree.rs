//! What was configured, as a tree of nodes that know where each was written: the layers (file, environment,
//! flags, profile) are laid over one another here, before anything is typed.
//!
//! Not for meaning: [`read`](super::read) types the tree, [`check`](super::check) understands it.

use std::sync::Arc;

use super::render::holds_secret;
use crate::problem::Place;

/// A value and where it was written.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Node {
    pub value: Value,
    pub mark: Mark,
}

/// A value as YAML knows it.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Value {
    Null,
    Bool(bool),
    Integer(i64),
    Float(f64),
    Text(String),
    /// Text whose type is decided by the key it is for: it came from the environment, a flag or a `${NAME}`.
    Loose(String),
    List(Vec<Node>),
    Map(Vec<Entry>),
}

/// One key of a map, with its value.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Entry {
    pub key: String,
    pub mark: Mark,
    pub node: Node,
}

/// Where a node was written.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Mark {
    /// In the config file, lines and columns counted from 1.
    File { source: Arc<Source>, line: usize, column: usize, width: usize },
    /// In an environment variable or a flag.
    Named(Arc<str>),
    /// By the profile, or nowhere.
    Default,
}

/// The config file's name and text, for excerpts.
#[derive(Debug, PartialEq)]
pub(super) struct Source {
    pub name: String,
    pub text: String,
}

impl Source {
    /// A place in this text, with its line where that is short enough to be looked at and holds no secret.
    pub fn place(&self, line: usize, column: usize, width: usize) -> Place {
        let place = Place::file(&self.name).at(line, column);
        match line.checked_sub(1).and_then(|line| self.text.lines().nth(line)) {
            Some(text) if text.len() <= LONGEST_EXCERPT && !holds_secret(text) => place.showing(text, width),
            _ => place,
        }
    }
}

/// Longer lines are not shown.
const LONGEST_EXCERPT: usize = 400;

impl Mark {
    /// The place to show in a problem about `item`.
    pub fn place(&self, item: &str) -> Place {
        match self {
            Self::File { source, line, column, width } => {
                let place = source.place(*line, *column, *width);
                if item.is_empty() { place } else { place.of(item) }
            }
            Self::Named(name) => Place::item(&**name),
            Self::Default => Place::item(item),
        }
    }
}

impl Node {
    /// A map without entries.
    pub fn empty_map(mark: Mark) -> Self {
        Self { value: Value::Map(Vec::new()), mark }
    }

    /// The node at a path of keys and indices, if there is one.
    pub fn get(&self, path: &[&str]) -> Option<&Self> {
        path.iter().try_fold(self, |node, step| match &node.value {
            Value::Map(entries) => entries.iter().find(|entry| entry.key == *step).map(|entry| &entry.node),
            Value::List(nodes) => step.parse().ok().and_then(|index: usize| nodes.get(index)),
            _ => None,
        })
    }

    /// Where the thing at a dotted path was written; the nearest thing around it when it was not.
    pub fn mark(&self, path: &str) -> &Mark {
        let steps: Vec<&str> = path.split('.').collect();
        (0..=steps.len())
            .rev()
            .find_map(|length| self.get(&steps[..length]))
            .map_or(&self.mark, |node| &node.mark)
    }

    /// Puts a value at a path of keys and indices, making maps and list elements on the way.
    ///
    /// # Errors
    /// The step that does not fit: an index where a map is, or one beyond the list's end.
    pub fn put(&mut self, path: &[&str], value: Value, mark: &Mark) -> Result<(), String> {
        let Some((step, rest)) = path.split_first() else {
            *self = Self { value, mark: mark.clone() };
            return Ok(());
        };
        if matches!(self.value, Value::Null) {
            self.value =
                if step.parse::<usize>().is_ok() { Value::List(Vec::new()) } else { Value::Map(Vec::new()) };
        }
        self.child(step, mark)?.put(rest, value, mark)
    }

    /// The node below, made when it is not there yet.
    fn child(&mut self, step: &str, mark: &Mark) -> Result<&mut Self, String> {
        match &mut self.value {
            Value::Map(entries) => {
                let found = entries.iter().position(|entry| entry.key == step);
                let index = found.unwrap_or_else(|| {
                    let node = Self { value: Value::Null, mark: mark.clone() };
                    entries.push(Entry { key: step.to_owned(), mark: mark.clone(), node });
                    entries.len() - 1
                });
                Ok(&mut entries[index].node)
            }
            Value::List(nodes) => {
                let index: usize =
                    step.parse().map_err(|_| format!("`{step}` is not an index, but a list is there"))?;
                if index == nodes.len() {
                    nodes.push(Self { value: Value::Null, mark: mark.clone() });
                }
                let length = nodes.len();
                nodes
                    .get_mut(index)
                    .ok_or_else(|| format!("index {index} leaves a gap: the list has {length} elements"))
            }
            _ => Err(format!("`{step}` is below a plain value")),
        }
    }

    /// Takes away the entry or element at a path.
    pub fn remove(&mut self, path: &[String]) {
        let Some((last, parents)) = path.split_last() else { return };
        match self.below(parents).map(|node| &mut node.value) {
            Some(Value::Map(entries)) => entries.retain(|entry| entry.key != *last),
            Some(Value::List(nodes)) => {
                if let Some(index) = last.parse().ok().filter(|index| *index < nodes.len()) {
                    nodes.remove(index);
                }
            }
            _ => {}
        }
    }

    /// The map at a path, if there is one.
    pub fn entries(&mut self, path: &[String]) -> Option<&mut Vec<Entry>> {
        match self.below(path).map(|node| &mut node.value) {
            Some(Value::Map(entries)) => Some(entries),
            _ => None,
        }
    }

    fn below(&mut self, path: &[String]) -> Option<&mut Self> {
        path.iter().try_fold(self, |node, step| match &mut node.value {
            Value::Map(entries) => {
                entries.iter_mut().find(|entry| entry.key == *step).map(|entry| &mut entry.node)
            }
            Value::List(nodes) => step.parse::<usize>().ok().and_then(|index| nodes.get_mut(index)),
            _ => None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> Value {
        Value::Text(text.into())
    }

    #[test]
    fn values_are_put_where_a_path_says() {
        let mut root = Node::empty_map(Mark::Default);
        let mark = Mark::Named("X".into());
        root.put(&["admin", "listen"], text("a"), &mark).expect("a new section");
        root.put(&["upstreams", "0", "url"], text("b"), &mark).expect("a new list");
        root.put(&["upstreams", "1", "url"], text("c"), &mark).expect("a second element");
        root.put(&["admin", "listen"], text("d"), &mark).expect("an old key");
        assert_eq!(root.get(&["admin", "listen"]).map(|node| &node.value), Some(&text("d")));
        assert_eq!(root.get(&["upstreams", "1", "url"]).map(|node| &node.value), Some(&text("c")));
        assert!(root.put(&["upstreams", "3", "url"], text("e"), &mark).is_err(), "a gap");
        assert!(root.put(&["upstreams", "url"], text("e"), &mark).is_err(), "not an index");
        assert!(root.put(&["admin", "listen", "x"], text("e"), &mark).is_err(), "below a text");
    }

    #[test]
    fn what_is_removed_is_gone_and_the_rest_stays() {
        let mut root = Node::empty_map(Mark::Default);
        for (index, name) in ["a", "b"].iter().enumerate() {
            root.put(&["list", &index.to_string()], text(name), &Mark::Default).expect("a list");
        }
        root.remove(&["list".into(), "0".into()]);
        assert_eq!(root.get(&["list", "0"]).map(|node| &node.value), Some(&text("b")));
        root.remove(&["list".into()]);
        assert_eq!(root.get(&["list"]), None);
    }
}
