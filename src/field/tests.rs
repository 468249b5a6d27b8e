//! Selectors against messages that prost-reflect writes, and against pieces and rivals written by hand.

use prost::Message as _;
use prost_reflect::{DynamicMessage, MessageDescriptor};

use super::*;
use crate::rule::tests::schema;
use crate::wire::field::put_bytes;

const PROTO: &str = "
    enum Size { SIZE_UNSPECIFIED = 0; SIZE_BIG = 1; }
    message Leaf { string name = 1; optional int32 count = 2; sint64 low = 3; fixed32 raw = 4; bytes blob = 5; double d = 6; }
    message Root {
      Leaf leaf = 1;
      oneof kind { string word = 2; Leaf other = 3; }
      repeated string tags = 4;
      repeated sint32 numbers = 5;
      Size size = 6;
      bool flag = 7;
      map<string, string> labels = 8;
    }";

fn root() -> MessageDescriptor {
    schema(PROTO).pool().get_message_by_name("t.Root").expect("declared above")
}

fn wire(text: &str) -> Vec<u8> {
    DynamicMessage::parse_text_format(root(), text).expect("a message").encode_to_vec()
}

fn text(path: &str, wire: &[u8]) -> Option<String> {
    Selector::compile(&root(), path).expect("a path").text(wire).map(Cow::into_owned)
}

#[test]
fn each_kind_has_a_text() {
    let wire = wire(
        r#"leaf { name: "é" count: 0 low: -5 raw: 7 blob: "\x01\x02" d: 1.5 } word: "w" tags: ["a", "b"]
           numbers: [1, -2] size: SIZE_BIG flag: true"#,
    );
    for (path, expected) in [
        ("leaf.name", "é"),
        ("leaf.count", "0"),
        ("leaf.low", "-5"),
        ("leaf.raw", "7"),
        ("leaf.blob", "AQI="),
        ("leaf.d", "1.5"),
        ("word", "w"),
        ("tags", "a,b"),
        ("numbers", "1,-2"),
        ("size", "SIZE_BIG"),
        ("flag", "true"),
    ] {
        assert_eq!(text(path, &wire).as_deref(), Some(expected), "{path}");
    }
    assert_eq!(text("other.name", &wire), None);
    assert_eq!(text("leaf", &wire), None, "a message has no text");
}

#[test]
fn what_is_not_set_has_none() {
    for path in ["leaf.name", "leaf.count", "word", "tags", "numbers", "size", "flag"] {
        assert_eq!(text(path, &wire("leaf {}")), None, "{path}");
        assert_eq!(text(path, &[]), None, "{path}");
        assert_eq!(text(path, &[0x08]), None, "{path}: bytes that are no message");
    }
}

/// What is not copied lies within the message.
#[test]
fn single_values_are_borrowed() {
    let wire = wire(r#"leaf { name: "a" } other { name: "b" }"#);
    let name = Selector::compile(&root(), "leaf.name").expect("a path");
    assert!(matches!(name.text(&wire), Some(Cow::Borrowed("a"))));
    let leaf = Selector::compile(&root(), "leaf").expect("a path");
    assert!(matches!(parent(&leaf.steps, &wire), Some(Cow::Borrowed(_))));
    let step = leaf.steps.first().expect("a step");
    let mut calls = 0;
    step.fold(&wire, |(): &mut (), _| calls += 1).expect("a message");
    assert_eq!(calls, 1);
}

#[test]
fn the_last_of_many_values_counts() {
    let mut wire = Vec::new();
    for word in ["a", "b", "c"] {
        put_bytes(2, word.as_bytes(), &mut wire);
    }
    assert_eq!(text("word", &wire).as_deref(), Some("c"));
}

#[test]
fn pieces_are_joined_and_rivals_drop() {
    let mut pieces = Vec::new();
    let (first, second) = ([0x0a, 1, b'a', 0x10, 3], [0x0a, 1, b'b']);
    put_bytes(1, &first, &mut pieces);
    put_bytes(1, &second, &mut pieces);
    assert_eq!(text("leaf.name", &pieces).as_deref(), Some("b"));
    assert_eq!(text("leaf.count", &pieces).as_deref(), Some("3"));
    let leaf = Selector::compile(&root(), "leaf").expect("a path");
    assert_eq!(parent(&leaf.steps, &pieces).as_deref(), Some(&[0x0a, 1, b'a', 0x10, 3, 0x0a, 1, b'b'][..]));

    let mut rivals = Vec::new();
    put_bytes(3, &first, &mut rivals);
    put_bytes(2, b"w", &mut rivals);
    put_bytes(3, &second, &mut rivals);
    assert_eq!(text("word", &rivals), None);
    assert_eq!(text("other.name", &rivals).as_deref(), Some("b"));
    assert_eq!(text("other.count", &rivals), None, "it was dropped with the first");
}

#[test]
fn paths_that_lead_nowhere_are_told() {
    for (path, told) in [
        ("leaf.nam", "`t.Leaf` has no field `nam`; did you mean `name`?"),
        (
            "tags.x",
            "field path `tags.x` passes through `t.Root.tags`, which is repeated; only singular message fields have fields of their own",
        ),
        (
            "",
            "`t.Root` has no field ``; its fields are `leaf`, `word`, `other`, `tags`, `numbers`, `size`, `flag`, `labels`",
        ),
    ] {
        assert_eq!(Selector::compile(&root(), path).map(drop), Err(told.to_owned()), "{path}");
    }
}
