//! `transom serve`: the gateway, until it is told to stop.

use std::io;

use super::args::ServeArgs;
use super::running::Running;
use super::{FINE, PROBLEMS, Terminal};
use crate::config::Sources;
use crate::problem::Problems;

pub(super) fn run(args: &ServeArgs, terminal: &mut Terminal) -> io::Result<u8> {
    let sources = args.source.sources();
    runtime()?.block_on(async move {
        let Some(running) = start(sources, terminal)? else { return Ok(PROBLEMS) };
        serve(running, terminal).await
    })
}

/// Starts a gateway, telling every problem; `None` when there was an error.
pub(super) fn start(sources: Sources, terminal: &mut Terminal) -> io::Result<Option<Running>> {
    let mut problems = Problems::new();
    let running = Running::start(sources, &mut problems);
    terminal.tell(&problems)?;
    Ok(running)
}

/// Serves until told to stop.
pub(super) async fn serve(running: Running, terminal: &mut Terminal) -> io::Result<u8> {
    match running.serve().await {
        Ok(()) => Ok(FINE),
        Err(problem) => {
            terminal.tell(&problem.into())?;
            Ok(PROBLEMS)
        }
    }
}

/// The runtime that everything runs on.
pub(super) fn runtime() -> io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build()
}
