//! The log of the process itself, on standard error. Not for the access log: that is [`access`](super::access).

use std::io::{IsTerminal, stderr};

use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::{Layer, Registry, fmt};

use super::LogFormat;
use crate::problem::{Place, Problem, Problems};

/// Starts logging; the first call in a process decides, later ones change nothing.
pub(super) fn start(level: &str, format: LogFormat, problems: &mut Problems) {
    let Ok(targets) = level.parse::<Targets>() else {
        return problems.push(not_a_level(level));
    };
    let lines = match format {
        LogFormat::Json => fmt::layer().json().with_writer(stderr).boxed(),
        LogFormat::Text => fmt::layer().with_ansi(stderr().is_terminal()).with_writer(stderr).boxed(),
    };
    let subscriber = Registry::default().with(lines.with_filter(targets));
    // Only fails when a subscriber is there already (an embedding program's own): that one stays.
    tracing::subscriber::set_global_default(subscriber).ok();
}

fn not_a_level(level: &str) -> Problem {
    Problem::error(Place::item("telemetry.level"), format!("`{level}` is not a log level")).help(
        "write `error`, `warn`, `info`, `debug` or `trace`, or one per target: `info,transom::upstream=debug`",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_level_that_is_none_is_a_problem() {
        for (level, errors) in
            [("info", 0), ("warn,transom::upstream=debug", 0), ("loud", 0), ("transom=loud", 1), ("a=b=c", 1)]
        {
            let mut problems = Problems::new();
            start(level, LogFormat::Text, &mut problems);
            assert_eq!(problems.errors(), errors, "{level}: {problems}");
        }
    }
}
