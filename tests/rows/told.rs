//! Differences, collected. Numbers that are equal are the same, however they are written.

use std::fmt::Debug;

use serde_json::Value;

/// What differs, each in a line.
#[derive(Debug, Default)]
pub struct Faults {
    pub all: Vec<String>,
}

impl Faults {
    pub fn check(&mut self, good: bool, tell: impl FnOnce() -> String) {
        if !good {
            self.all.push(tell());
        }
    }

    pub fn compare<T: PartialEq + Debug + ?Sized>(&mut self, what: &str, wanted: &T, found: &T) {
        self.check(wanted == found, || format!("{what}: expected {wanted:?}, found {found:?}"));
    }

    pub fn same(&mut self, what: &str, wanted: &Value, found: &Value) {
        self.check(is_same(wanted, found), || format!("{what}: expected {wanted}, found {found}"));
    }
}

fn is_same(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Number(one), Value::Number(other)) => one == other || one.as_f64() == other.as_f64(),
        (Value::Array(one), Value::Array(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(one, other)| is_same(one, other))
        }
        (Value::Object(one), Value::Object(other)) => {
            let same =
                |(name, one): (&String, &Value)| other.get(name).is_some_and(|other| is_same(one, other));
            one.len() == other.len() && one.iter().all(same)
        }
        _ => one == other,
    }
}

#[test]
fn numbers_are_the_same_however_they_are_written() {
    let read = |text: &str| serde_json::from_str::<Value>(text).expect("JSON");
    assert!(is_same(&read("[{\"a\": 1.0}]"), &read("[{\"a\": 1}]")));
    for (one, other) in
        [("1", "2"), ("1", "\"1\""), ("{}", "{\"a\": null}"), ("[]", "[1]"), ("[1, 2]", "[2, 1]")]
    {
        assert!(!is_same(&read(one), &read(other)), "{one} {other}");
    }
}
