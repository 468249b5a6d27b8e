//! The rows of the rule book, by their numbers.

/// The numbered rows of section A: paths, queries, bodies, answers, streams, headers.
const NUMBERED: usize = 96;

/// The parts of section A that are not numbered, each with its own rows.
const PARTS: &[&str] = &[
    // A.3: the four modes, and what is better than theirs.
    "A.3-0", "A.3-1", "A.3-2", "A.3-3", "A.3a", "A.3b", "A.3c",
    // A.9: fields of a PATCH become its mask.
    "A.9",  // A.11: which form is answered.
    "A.11", // A.12: errors.
    "A.12", // A.15: what is refused at load.
    "A.15", // A.16: deliberate differences, and what the `grpc-gateway` profile restores.
    "A.16",
];

/// Five gateways side by side (B.1), in the order of the table.
const MEASURED: usize = 38;

/// More of section B: JSON that is written, statuses, others' bugs.
const OTHERS: &[&str] = &["B.2", "B.3", "B.6"];

/// Section C: suites and corpora.
const SUITES: &[&str] = &["C1", "C2", "C3"];

/// The table of profiles, in its order, then the options beside it.
const PROFILES: usize = 13;

/// Every row there is.
pub fn rows() -> Vec<String> {
    let numbered = |letter: &'static str, last: usize| (1..=last).map(move |row| format!("{letter}{row}"));
    let named = [PARTS, OTHERS, SUITES].concat().into_iter().map(str::to_owned);
    numbered("A", NUMBERED)
        .chain(numbered("B", MEASURED))
        .chain(numbered("P", PROFILES))
        .chain(named)
        .chain(["P-other".to_owned()])
        .collect()
}
