//! The rule book as cases: every row of what a REST client may rely on, asked over real sockets of the real binary,
//! the embedded backend behind it. Cases are data, in `cases/`; `cargo test --test rows -- --nocapture` counts them,
//! and `ROWS=A12,B` before it asks those rows alone.

#![allow(
    clippy::disallowed_methods,
    reason = "answers under test are small; polling sleeps between its looks"
)]

mod ask;
mod book;
mod case;
mod contract;
mod covered;
mod expect;
mod group;
mod hostile;
mod load;
mod raw;
mod seen;
#[path = "../blackbox/support/mod.rs"]
#[allow(dead_code, unused_imports, reason = "black-box tests use the rest of it")]
mod support;
mod told;

use std::collections::BTreeSet;

use futures_util::stream::{self, StreamExt as _};

use case::Case;

/// How many gateways run side by side.
const AT_ONCE: usize = 3;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_row_is_kept() {
    let groups = group::read();
    let cases: usize = groups.iter().map(|group| group.cases.len()).sum();
    let faults: Vec<String> = stream::iter(groups.iter().cloned().map(group::Group::run))
        .buffer_unordered(AT_ONCE)
        .flat_map(stream::iter)
        .collect()
        .await;
    println!("{}", count(&groups.iter().flat_map(|group| &group.cases)));
    assert!(
        faults.is_empty(),
        "{} of {cases} cases are not as the rule book has it:\n\n{}",
        faults.len(),
        faults.join("\n")
    );
}

/// `rows: N, cases: N, ...`
fn count<'c>(cases: &(impl Iterator<Item = &'c Case> + Clone)) -> String {
    let rows = |cases: &mut dyn Iterator<Item = &'c Case>| -> usize {
        let rows: BTreeSet<_> = cases.flat_map(Case::rows).map(str::to_owned).collect();
        rows.len()
    };
    let deviating = cases.clone().filter(|case| case.deviates);
    let pending = cases.clone().filter(|case| case.pending);
    format!(
        "rows: {}, cases: {}; where grpc-gateway answers otherwise: {} rows, {} cases; pending: {} cases",
        rows(&mut cases.clone()),
        cases.clone().count(),
        rows(&mut deviating.clone()),
        deviating.count(),
        pending.count(),
    )
}
