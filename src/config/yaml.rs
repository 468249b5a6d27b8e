//! From YAML text to a [`Node`] tree that knows lines and columns.
//!
//! serde stops at its first fault, so the text is read untyped here; what the tree means is told later, all
//! faults at once.

use std::fmt;
use std::sync::Arc;

use serde::de::{self, Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_saphyr::options::DuplicateKeyPolicy;
use serde_saphyr::{Location, SnippetMode, Spanned, UserMessageFormatter};

use crate::problem::{Place, Problem, Problems};

use super::tree::{Entry, Mark, Node, Source, Value};

/// Reads a YAML document; tells its syntax fault, or every duplicate key. An empty document is an empty map.
pub(super) fn parse(source: &Arc<Source>, problems: &mut Problems) -> Option<Node> {
    let options = serde_saphyr::options! {
        duplicate_keys: DuplicateKeyPolicy::PassThrough,
        strict_booleans: true,
        with_snippet: false,
    };
    match serde_saphyr::from_str_with_options::<Spanned<Raw>>(&source.text, options) {
        Ok(raw) => {
            let mut node = Marker { source, problems }.node(raw, "");
            if node.value == Value::Null {
                node.value = Value::Map(Vec::new());
            }
            Some(node)
        }
        Err(fault) => {
            problems.push(syntax(source, &fault));
            None
        }
    }
}

/// A syntax fault as a problem; YAML's own words, without the location that they end in.
fn syntax(source: &Source, fault: &serde_saphyr::Error) -> Problem {
    let options =
        serde_saphyr::render_options! { formatter: &UserMessageFormatter, snippets: SnippetMode::Off };
    let text = fault.render_with_options(options);
    let what = match fault.without_snippet() {
        serde_saphyr::Error::MultipleDocuments { .. } => "a second document begins here, expected one",
        // The limits themselves are told in Rust's words.
        _ => [" at line ", ": limits breached"]
            .iter()
            .fold(text.as_str(), |text, end| text.split_once(end).map_or(text, |(what, _)| what)),
    };
    let place = match fault.location() {
        Some(location) if location != Location::UNKNOWN => {
            source.place(count(location.line()), count(location.column()), 1)
        }
        _ => Place::file(&source.name),
    };
    Problem::error(place, format!("this is not a YAML file that can be read: {what}"))
}

fn count(number: u64) -> usize {
    usize::try_from(number).unwrap_or(0)
}

/// YAML without types of our own; locations are kept by [`Spanned`].
enum Raw {
    Null,
    Bool(bool),
    Integer(i64),
    Float(f64),
    Text(String),
    List(Vec<Spanned<Raw>>),
    Map(Vec<(Spanned<String>, Spanned<Raw>)>),
}

impl<'de> Deserialize<'de> for Raw {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(RawVisitor)
    }
}

struct RawVisitor;

impl<'de> Visitor<'de> for RawVisitor {
    type Value = Raw;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a YAML value")
    }

    fn visit_unit<E: de::Error>(self) -> Result<Raw, E> {
        Ok(Raw::Null)
    }

    fn visit_none<E: de::Error>(self) -> Result<Raw, E> {
        Ok(Raw::Null)
    }

    fn visit_bool<E: de::Error>(self, value: bool) -> Result<Raw, E> {
        Ok(Raw::Bool(value))
    }

    fn visit_i64<E: de::Error>(self, value: i64) -> Result<Raw, E> {
        Ok(Raw::Integer(value))
    }

    fn visit_u64<E: de::Error>(self, value: u64) -> Result<Raw, E> {
        i64::try_from(value)
            .map(Raw::Integer)
            .map_err(|_| E::custom(format!("`{value}` is too large a number")))
    }

    fn visit_f64<E: de::Error>(self, value: f64) -> Result<Raw, E> {
        Ok(Raw::Float(value))
    }

    fn visit_str<E: de::Error>(self, value: &str) -> Result<Raw, E> {
        Ok(Raw::Text(value.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Raw, A::Error> {
        let mut list = Vec::new();
        while let Some(node) = seq.next_element()? {
            list.push(node);
        }
        Ok(Raw::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Raw, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = map.next_entry()? {
            entries.push(entry);
        }
        Ok(Raw::Map(entries))
    }
}

/// Turns locations into marks, and tells keys that are written twice.
struct Marker<'s> {
    source: &'s Arc<Source>,
    problems: &'s mut Problems,
}

impl Marker<'_> {
    fn node(&mut self, raw: Spanned<Raw>, path: &str) -> Node {
        let mark = self.mark(raw.referenced);
        let value = match raw.value {
            Raw::Null => Value::Null,
            Raw::Bool(value) => Value::Bool(value),
            Raw::Integer(value) => Value::Integer(value),
            Raw::Float(value) => Value::Float(value),
            Raw::Text(value) => Value::Text(value),
            Raw::List(list) => Value::List(
                list.into_iter()
                    .enumerate()
                    .map(|(i, raw)| self.node(raw, &join(path, &i.to_string())))
                    .collect(),
            ),
            Raw::Map(entries) => self.map(entries, path),
        };
        Node { value, mark }
    }

    fn map(&mut self, raw: Vec<(Spanned<String>, Spanned<Raw>)>, path: &str) -> Value {
        let mut entries: Vec<Entry> = Vec::with_capacity(raw.len());
        for (key, value) in raw {
            let mark = self.mark(key.referenced);
            let path = join(path, &key.value);
            if let Some(first) = entries.iter().find(|entry| entry.key == key.value) {
                let problem = Problem::error(mark.place(&path), format!("`{}` is written twice", key.value))
                    .help(format!("the first one is at {}; keep one of them", first.mark.place("")));
                self.problems.push(problem);
                continue;
            }
            let node = self.node(value, &path);
            entries.push(Entry { key: key.value, mark, node });
        }
        Value::Map(entries)
    }

    fn mark(&self, location: Location) -> Mark {
        let (line, column) = (count(location.line()), count(location.column()));
        let left = self.source.text.lines().nth(line.saturating_sub(1)).unwrap_or("").chars().count();
        let width = count(location.span().len()).min((left + 1).saturating_sub(column)).max(1);
        Mark::File { source: Arc::clone(self.source), line, column, width }
    }
}

/// A path with one more step.
pub(super) fn join(path: &str, step: &str) -> String {
    if path.is_empty() { step.to_owned() } else { format!("{path}.{step}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> (Option<Node>, Problems) {
        let source = Arc::new(Source { name: "t.yaml".into(), text: text.into() });
        let mut problems = Problems::new();
        let node = parse(&source, &mut problems);
        (node, problems)
    }

    #[test]
    fn nodes_know_line_column_and_width() {
        let (node, problems) = parsed("a: 1\nb:\n  - c: \"x y\"\n  - 2.5\n");
        assert!(problems.is_empty(), "{problems}");
        let node = node.expect("a tree");
        let place = node.mark("b.0.c").place("b.0.c");
        assert_eq!((place.line, place.column, place.width), (3, 8, 5), "{place:?}");
        assert_eq!(node.get(&["b", "1"]).map(|node| &node.value), Some(&Value::Float(2.5)));
        assert_eq!(node.get(&["b", "0", "c"]).map(|node| &node.value), Some(&Value::Text("x y".into())));
    }

    #[test]
    fn nothing_is_an_empty_map() {
        for text in ["", "# only a comment\n", "---\n"] {
            assert_eq!(parsed(text).0.map(|node| node.value), Some(Value::Map(Vec::new())), "{text:?}");
        }
    }

    #[test]
    fn quoted_numbers_and_words_stay_texts() {
        let node = parsed("a: \"1\"\nb: yes\nc: '~'\nd: ~\n").0.expect("a tree");
        let value = |key| node.get(&[key]).map(|node| node.value.clone());
        assert_eq!(value("a"), Some(Value::Text("1".into())));
        assert_eq!(value("b"), Some(Value::Text("yes".into())));
        assert_eq!(value("c"), Some(Value::Text("~".into())));
        assert_eq!(value("d"), Some(Value::Null));
    }

    #[test]
    fn every_duplicate_key_is_told() {
        let (_, problems) = parsed("a: 1\na: 2\nb:\n  c: 1\n  c: 2\n");
        let lines: Vec<_> = problems.iter().map(|problem| problem.place.line).collect();
        assert_eq!(lines, [2, 5], "{problems}");
    }

    #[test]
    fn what_is_told_is_for_people() {
        let aliases = "a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a]\n";
        let aliases = ["c: &c [B]", "d: &d [C]", "e: &e [D]", "f: [E]"]
            .iter()
            .zip(["*b,", "*c,", "*d,", "*e,"])
            .fold(aliases.to_owned(), |text, (line, alias)| {
                text + &line.replace(['B', 'C', 'D', 'E'], &alias.repeat(20)) + "\n"
            });
        for (text, what) in [
            ("a: b\n---\nc: d\n", "a second document begins here"),
            (aliases.as_str(), "too large or too complex"),
            (&format!("a: {}", "[".repeat(100_000)), "recursion"),
            ("[a]: b", "string"),
        ] {
            let (node, problems) = parsed(text);
            assert!(node.is_none());
            let problem = problems.iter().next().expect("one problem");
            assert!(problem.what.contains(what) && !problem.what.contains('{'), "{}", problem.what);
            assert!(problem.to_string().len() < 1000, "a line without end is not shown");
        }
    }

    #[test]
    fn a_syntax_fault_is_located() {
        let (node, problems) = parsed("a: 1\nb: [1, 2\nc: 3\n");
        assert!(node.is_none());
        let problem = problems.iter().next().expect("one problem");
        assert!(problem.place.line >= 2, "{problem}");
        assert!(!problem.what.contains("at line"), "{problem}");
    }
}
