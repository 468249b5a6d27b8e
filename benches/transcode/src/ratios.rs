//! Times all contenders of every case in turns and prints how many times faster transom is, beside the targets.
//!
//! `cargo bench --bench ratios -- list20` times the cases whose name contains `list20`.

use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};
use transom_bench_transcode::{Case, Contender, Direction, cases};

/// How often every contender has its turn; the ratio is the median over the turns.
const ROUNDS: usize = 31;
/// How long a turn is.
const TURN: Duration = Duration::from_millis(3);

fn main() {
    let filter = std::env::args().skip(1).find(|argument| !argument.starts_with('-')).unwrap_or_default();
    println!("Times faster than each other contender (its target), median of {ROUNDS} rounds in turns.");
    println!(
        "`all fields`: time with all unset fields written, of the time without. `validate`: serde_json reading the same JSON into nothing.\n"
    );
    println!(
        "| message | direction | JSON bytes | transom us | MB/s | x prost-reflect | x pbjson | x validate | all fields |"
    );
    println!("|---|---|--:|--:|--:|--:|--:|--:|--:|");
    let (mut met, mut of) = (0, 0);
    for case in cases(&filter) {
        let (row, verdicts) = row(case);
        println!("{row}");
        met += verdicts.iter().filter(|met| **met).count();
        of += verdicts.len();
    }
    println!("\n{met} of {of} targets met");
}

/// The case's line of the table, and whether each of its targets is met.
fn row(mut case: Case) -> (String, Vec<bool>) {
    let times = take_turns(&mut case.contenders);
    let mut verdicts = Vec::new();
    let mut cell = |name: &str, target: Option<f64>| {
        let Some(other) = case.contenders.iter().position(|contender| contender.name == name) else {
            return String::new();
        };
        let ratio = median(times.iter().map(|round| round[other] / round[0]).collect());
        // Only writing more than what is set is to be slower, and by little.
        let met = |target| if name == "all fields" { ratio <= target } else { ratio >= target };
        match target {
            None => format!("{ratio:.2}"),
            Some(target) => {
                verdicts.push(met(target));
                format!("{ratio:.2} ({target}{})", if met(target) { "" } else { ", missed" })
            }
        }
    };
    let [reflect, statics] = case.targets.of(case.direction);
    let cells = [
        cell("prost-reflect", reflect),
        cell("pbjson", statics),
        cell("validate", None),
        cell("all fields", case.targets.emit.filter(|_| case.direction == Direction::Write)),
    ];
    let ours = median(times.iter().map(|round| round[0]).collect());
    let row = format!(
        "| {} | {} | {} | {:.2} | {:.0} | {} |",
        case.name,
        case.direction.name(),
        case.json,
        ours * 1e6,
        case.json as f64 / ours / 1e6,
        cells.join(" | "),
    );
    (row, verdicts)
}

/// Seconds for one piece of work, of every contender in every round.
fn take_turns(contenders: &mut [Contender]) -> Vec<Vec<f64>> {
    let repeats: Vec<_> = contenders.iter_mut().map(repeats).collect();
    let round = |_| {
        let turns = contenders.iter_mut().zip(&repeats);
        turns.map(|(contender, repeats)| time(contender, *repeats) / f64::from(*repeats)).collect()
    };
    (0..ROUNDS).map(round).collect()
}

/// How often the work fits into a turn.
fn repeats(contender: &mut Contender) -> u32 {
    let mut repeats = 1;
    while time(contender, repeats) < TURN.as_secs_f64() && repeats < 1 << 20 {
        repeats *= 2;
    }
    repeats
}

/// Seconds of this thread's processor time: what others take of the machine does not count.
fn time(contender: &mut Contender, repeats: u32) -> f64 {
    let now = || {
        let time = clock_gettime(ClockId::ThreadCPUTime);
        time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
    };
    let start = now();
    for _ in 0..repeats {
        (contender.work)();
    }
    now() - start
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
