//! `transom check`: load everything, print every problem like a compiler, serve nothing.

use std::collections::BTreeSet;
use std::io;

use crate::config::render;
use crate::problem::Problems;
use crate::serve::Certificates;
use crate::transcode::Plans;

use super::args::CheckArgs;
use super::build::{Built, build};
use super::paint::Ink;
use super::{FINE, PROBLEMS, Terminal, in_runtime};

pub(super) fn run(args: &CheckArgs, terminal: &mut Terminal) -> io::Result<u8> {
    let mut problems = Problems::new();
    let built = in_runtime(|| build(&args.source.sources(), &mut problems))?;
    if let Some(built) = &built {
        Certificates::check(&built.settings.serve.listeners, &mut problems);
    }
    terminal.tell(&problems)?;
    let Some(built) = built.filter(|_| !problems.has_errors()) else {
        let counts = terminal.err.paint.text(Ink::Error, counts(&problems));
        writeln!(terminal.err.to, "{counts}")?;
        return Ok(PROBLEMS);
    };
    if args.verbose {
        detail(&built, terminal)?;
    }
    let fine = terminal.out.paint.text(Ink::Good, "fine");
    let warned = if problems.is_empty() { String::new() } else { format!("; {}", counts(&problems)) };
    writeln!(terminal.out.to, "{fine}: {}{warned}", summary(&built))?;
    Ok(FINE)
}

/// `2 errors, 1 warning`.
fn counts(problems: &Problems) -> String {
    let errors = problems.errors();
    let warnings = problems.iter().count() - errors;
    let parts = [(errors, "error", "errors"), (warnings, "warning", "warnings")];
    let parts =
        parts.iter().filter(|(count, ..)| *count > 0).map(|(count, one, many)| plural(*count, one, many));
    parts.collect::<Vec<_>>().join(", ")
}

pub(super) fn plural(count: usize, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}

fn summary(built: &Built) -> String {
    let bindings = built.snapshot.bindings();
    let services: BTreeSet<_> =
        bindings.iter().map(|binding| binding.rpc.parent_service().full_name().to_owned()).collect();
    let upstreams = built.settings.gateway.upstreams.len();
    format!(
        "{} of {}, {}",
        plural(bindings.len(), "route", "routes"),
        plural(services.len(), "service", "services"),
        plural(upstreams, "upstream", "upstreams"),
    )
}

/// What was loaded, and the effective configuration.
fn detail(built: &Built, terminal: &mut Terminal) -> io::Result<()> {
    let Terminal { out, .. } = terminal;
    for listener in &built.settings.serve.listeners {
        let tls = if listener.tls.is_some() { " (TLS)" } else { "" };
        writeln!(out.to, "listen    {}{tls}", listener.address)?;
    }
    if let Some(address) = &built.settings.admin.listen {
        writeln!(out.to, "admin     {address}")?;
    }
    for upstream in &built.settings.gateway.upstreams {
        let services = match upstream.services.as_slice() {
            [] => "all services".to_owned(),
            globs => globs.iter().map(|glob| glob.text.as_str()).collect::<Vec<_>>().join(", "),
        };
        writeln!(out.to, "upstream  {} {} ({services})", upstream.upstream.name, upstream.upstream.url)?;
    }
    let plans = built.snapshot.plans();
    let forms = if plans.len() > 1 { format!(" in {} forms", plans.len()) } else { String::new() };
    writeln!(
        out.to,
        "plans     {}{forms}, {} KiB, compiled in {:.1} ms",
        plural(plans.first().map_or(0, Plans::len), "message type", "message types"),
        plans.iter().map(Plans::bytes).sum::<usize>().div_ceil(1024),
        built.snapshot.planning().as_secs_f64() * 1000.0,
    )?;
    for file in &built.settings.files {
        writeln!(out.to, "read      {}", file.display())?;
    }
    writeln!(out.to, "\n{}", render(&built.settings))
}

#[cfg(test)]
mod tests {
    use crate::problem::{Place, Problem};

    use super::*;

    #[test]
    fn counts_speak_english() {
        let mut problems = Problems::new();
        assert_eq!(counts(&problems), "");
        problems.error(Place::default(), "a");
        assert_eq!(counts(&problems), "1 error");
        problems.error(Place::default(), "b");
        problems.push(Problem::warning(Place::default(), "c"));
        assert_eq!(counts(&problems), "2 errors, 1 warning");
    }
}
