//! Every row of the rule book has a case, or a reason why not.

use std::collections::{BTreeMap, BTreeSet};

use crate::{book, group};

const UNCOVERED: &str = include_str!("uncovered.yaml");

#[test]
fn every_row_has_a_case_or_a_reason() {
    let rows = book::rows();
    let known: BTreeSet<&str> = rows.iter().map(String::as_str).collect();
    assert_eq!(known.len(), rows.len(), "a row stands twice");
    let cases = group::files();
    let covered: BTreeSet<&str> = cases.iter().flat_map(|(_, case)| case.rows()).collect();
    let reasons: BTreeMap<String, String> = group::read_yaml(UNCOVERED).expect("a map of rows and reasons");
    let excused: BTreeSet<&str> = reasons.keys().map(String::as_str).collect();

    let no_rows: Vec<_> = covered.union(&excused).filter(|row| !known.contains(*row)).collect();
    assert!(no_rows.is_empty(), "not rows of the book: {no_rows:?}");
    let bare: Vec<_> =
        known.iter().filter(|row| !covered.contains(*row) && !excused.contains(*row)).collect();
    assert!(bare.is_empty(), "neither a case nor a reason: {bare:?}");
    let both: Vec<_> = covered.intersection(&excused).collect();
    assert!(both.is_empty(), "a case and a reason for none: {both:?}");
    let silent: Vec<_> = reasons.iter().filter(|(_, reason)| reason.trim().is_empty()).collect();
    assert!(silent.is_empty(), "no reason: {silent:?}");
}
