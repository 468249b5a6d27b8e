//! `transom serve`: the gateway, until it is told to stop.

use std::num::NonZero;
use std::panic::resume_unwind;
use std::{io, thread};

use tokio::runtime::{Builder, Runtime};
use tokio::task::spawn_blocking;

use super::args::ServeArgs;
use super::running::Running;
use super::{FINE, PROBLEMS, Terminal};
use crate::config::Sources;
use crate::problem::Problems;

pub(super) fn run(args: &ServeArgs, terminal: &mut Terminal) -> io::Result<u8> {
    let sources = args.source.sources();
    runtime()?.block_on(async move {
        let Some(running) = start(sources, terminal).await? else { return Ok(PROBLEMS) };
        serve(running, terminal).await
    })
}

/// Starts a gateway, telling every problem; `None` when there was an error. Beside the runtime's own threads: what was
/// begun and is given up again may wait for them.
pub(super) async fn start(sources: Sources, terminal: &mut Terminal) -> io::Result<Option<Running>> {
    let started = spawn_blocking(move || {
        let mut problems = Problems::new();
        (Running::start(sources, &mut problems), problems)
    });
    let (running, problems) = started.await.unwrap_or_else(|broken| resume_unwind(broken.into_panic()));
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

/// The runtime that everything runs on: one thread for each processor that there is to be had, and on a single one no
/// threads at all that would only take turns with each other.
pub(super) fn runtime() -> io::Result<Runtime> {
    let processors = thread::available_parallelism().map_or(1, NonZero::get);
    let mut runtime =
        if processors == 1 { Builder::new_current_thread() } else { Builder::new_multi_thread() };
    runtime.enable_all().build()
}
