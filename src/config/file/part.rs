//! A part of a section, as an entry of `methods` has it.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Map, Value};

/// A section of which only those keys count that are written.
#[derive(Debug, Clone, PartialEq)]
pub struct Part<T> {
    section: T,
    keys: Vec<String>,
}

impl<T> Part<T> {
    /// Notes which keys are written.
    pub(in super::super) fn note(&mut self, keys: Vec<String>) {
        self.keys = keys;
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Part<T> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        T::deserialize(from).map(|section| Self { section, keys: Vec::new() })
    }
}

impl<T: Serialize> Serialize for Part<T> {
    /// The keys that are written.
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let whole = serde_json::to_value(&self.section).map_err(serde::ser::Error::custom)?;
        let written = self.keys.iter().filter_map(|key| Some((key.clone(), whole.get(key)?.clone())));
        written.collect::<Map<String, Value>>().serialize(to)
    }
}
