//! The command line: what was typed becomes [`Sources`](crate::config::Sources), a command does its work, and
//! an exit code says how it went: 0 fine, 1 problems, 2 usage.
//!
//! Not for what the configuration means ([`config`](crate::config)).

mod args;
mod build;
mod caller;
mod check;
mod demo;
mod explain;
mod key;
mod options;
mod paint;
mod routes;
mod running;
mod serve;

use std::ffi::OsString;
use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;

use clap::{CommandFactory, Parser};

use args::{Args, Command};
use paint::Paint;

/// Everything is fine.
const FINE: u8 = 0;
/// There are problems, and they were told.
const PROBLEMS: u8 = 1;

/// Runs the command that `args` (the program's name first) ask for, on the process's own streams.
pub fn run(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let args = match Args::try_parse_from(args) {
        Ok(args) => args,
        Err(usage) => {
            // Help that nobody reads any more is not a failure.
            let _ = usage.print();
            return ExitCode::from(u8::try_from(usage.exit_code()).unwrap_or(2));
        }
    };
    let mut terminal = Terminal {
        out: Stream { paint: Paint::of(args.color, io::stdout().is_terminal()), to: Box::new(io::stdout()) },
        err: Stream { paint: Paint::of(args.color, io::stderr().is_terminal()), to: Box::new(io::stderr()) },
    };
    match dispatch(args.command, &mut terminal) {
        Ok(code) => ExitCode::from(code),
        // The reader went away, as `head` does: nothing is wrong.
        Err(fault) if fault.kind() == io::ErrorKind::BrokenPipe => ExitCode::from(FINE),
        Err(_) => ExitCode::from(PROBLEMS),
    }
}

#[allow(clippy::needless_pass_by_value, reason = "a command is run once")]
fn dispatch(command: Command, terminal: &mut Terminal) -> io::Result<u8> {
    match command {
        Command::Demo(args) => demo::run(&args, terminal),
        Command::Serve(args) => serve::run(&args, terminal),
        Command::Check(args) => check::run(&args, terminal),
        Command::Routes(args) => routes::run(&args, terminal),
        Command::Explain(args) => explain::run(&args, terminal),
        Command::Key(command) => key::run(&command, terminal),
        Command::ConfigSchema => {
            terminal.out.to.write_all(crate::config::json_schema().as_bytes())?;
            Ok(FINE)
        }
        Command::Completions { shell } => {
            // Into memory first: the generator panics when its writer fails.
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Args::command(), "transom", &mut script);
            terminal.out.to.write_all(&script)?;
            Ok(FINE)
        }
    }
}

/// Where a command writes.
struct Terminal {
    out: Stream,
    err: Stream,
}

/// One stream, and whether it is painted.
struct Stream {
    paint: Paint,
    to: Box<dyn Write>,
}

impl Terminal {
    /// Writes problems to the error stream.
    fn tell(&mut self, problems: &crate::problem::Problems) -> io::Result<()> {
        if problems.is_empty() {
            return Ok(());
        }
        writeln!(self.err.to, "{}\n", self.err.paint.problems(problems))
    }
}

/// Does something within a tokio runtime, as building a snapshot must be.
fn in_runtime<T>(work: impl FnOnce() -> T) -> io::Result<T> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let _within = runtime.enter();
    Ok(work())
}
