//! The files in `proto/` against tables of facts: every name, number, type, option, HTTP rule and validation
//! rule, in both directions. A fact that is only in the table or only in the files is a failure, and is named.
//!
//! Not for behaviour: what the gateway makes of these facts is tested elsewhere. A planted fault per kind of
//! fact shows that the comparison can fail.

mod compare;
mod compile;
mod fault;
mod read;

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::compare::differences;
use crate::compile::{compile, names};

/// The model API.
const MODEL: Table = Table { file: "qdrant-cloud-api.json", folders: &["qdrant/"] };

/// The vocabularies that it imports.
const VOCABULARY: Table = Table { file: "vocabulary.json", folders: &["buf/", "google/api/", "google/rpc/"] };

/// A table of facts, and the folders below `proto/` that it describes.
struct Table {
    file: &'static str,
    folders: &'static [&'static str],
}

impl Table {
    /// The facts as the table has them, without the note on where they come from.
    fn facts(&self) -> Value {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/facts").join(self.file);
        let text = fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        let mut facts: Value = serde_json::from_str(&text).expect("the table is JSON");
        facts.as_object_mut().expect("the table is an object").remove("_meta");
        for names in ["packages", "imports_external"] {
            let names = facts[names].as_array_mut().expect("the table lists names");
            names.sort_by(|a, b| a.as_str().cmp(&b.as_str()));
        }
        facts
    }

    fn describes(&self, file: &str) -> bool {
        self.folders.iter().any(|folder| file.starts_with(folder))
    }
}

#[test]
fn the_model_api_is_what_its_table_says() {
    agree(&MODEL);
}

#[test]
fn the_vocabularies_are_what_their_table_says() {
    agree(&VOCABULARY);
}

#[test]
fn every_file_is_described_by_one_table() {
    for name in names() {
        let tables = [&MODEL, &VOCABULARY].iter().filter(|table| table.describes(&name)).count();
        assert_eq!(tables, 1, "{name} is described by {tables} tables");
    }
}

#[test]
fn a_planted_fault_is_found_and_named() {
    for fault in fault::ALL {
        let pool = compile(&names(), Some(fault)).unwrap_or_else(|e| panic!("{fault:?}: {e:?}"));
        let found: Vec<_> = [&MODEL, &VOCABULARY]
            .iter()
            .flat_map(|table| differences(&table.facts(), &read::facts(&pool, |file| table.describes(file))))
            .collect();
        assert!(
            found.iter().any(|difference| difference.starts_with(fault.named)),
            "{fault:?} is not named in:\n{}",
            found.join("\n")
        );
    }
}

fn agree(table: &Table) {
    let pool = compile(&names(), None).unwrap_or_else(|e| panic!("proto/ does not compile: {e:?}"));
    let found = differences(&table.facts(), &read::facts(&pool, |file| table.describes(file)));
    assert!(found.is_empty(), "{} differences from {}:\n{}", found.len(), table.file, found.join("\n"));
}
