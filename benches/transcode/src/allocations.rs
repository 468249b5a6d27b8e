//! Counts what every contender allocates for one message once its buffer has grown. In a program of its own,
//! since counting takes time.

use allocation_counter::measure;
use transom_bench_transcode::cases;

/// How many allocations a message may cost transom.
const MOST: u64 = 2;

fn main() {
    let filter = std::env::args().skip(1).find(|argument| !argument.starts_with('-')).unwrap_or_default();
    println!("Allocations for one message (target: at most {MOST} of transom).\n");
    println!("| message | direction | transom | all fields | prost-reflect | pbjson |");
    println!("|---|---|--:|--:|--:|--:|");
    let mut missed = 0;
    for mut case in cases(&filter) {
        let mut count = |name: &str| {
            let Some(contender) = case.contenders.iter_mut().find(|contender| contender.name == name) else {
                return String::new();
            };
            (contender.work)();
            let count = measure(|| (contender.work)()).count_total;
            let too_many = count > MOST && matches!(name, "transom" | "all fields");
            missed += usize::from(too_many);
            format!("{count}{}", if too_many { " (missed)" } else { "" })
        };
        let counts = ["transom", "all fields", "prost-reflect", "pbjson"].map(&mut count);
        println!("| {} | {} | {} |", case.name, case.direction.name(), counts.join(" | "));
    }
    println!("\n{missed} targets missed");
}
