//! Reload: noticing that the files behind a snapshot changed, and applying a complete new snapshot, or keeping
//! the old one and saying why.
//!
//! One task does all reloads, one after the other: on SIGHUP, on a change of a watched file, and on request
//! (the admin listener). Not for what a snapshot is ([`gateway`](crate::gateway)) nor for swapping it in
//! ([`serve`](crate::serve)).

mod apply;
mod seen;
mod watch;
mod ways;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};

use crate::problem::{Place, Problem, Problems};
pub use apply::{Applier, Loaded, look_at_named};
pub use seen::Seen;
use watch::Watch;

/// How changes are noticed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Whether files are watched (SIGHUP and the admin listener work always).
    pub watch: bool,
    /// How long the files must be quiet before a reload.
    pub debounce: Duration,
}

/// What one attempt came to.
#[derive(Debug)]
pub struct Attempt {
    /// The new generation; `None` when the old one stays in place.
    pub generation: Option<u64>,
    /// Why it does, or what is worth telling all the same.
    pub problems: Problems,
    /// The files and folders that were read, or would have been, as they were before: watched from now on.
    pub seen: Seen,
}

/// The new generation and what is worth telling of it, or why the old one stays in place.
pub type Outcome = Result<(u64, Problems), Problems>;

/// Asks the reload task for a reload. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Reload {
    requests: mpsc::Sender<oneshot::Sender<Outcome>>,
}

impl Reload {
    /// Starts the task. `attempt` builds and swaps; it runs on a blocking thread, never twice at once.
    /// `seen` are the files and folders behind the snapshot in place, as they were before they were read. Must
    /// be called within a tokio runtime.
    pub fn start(
        settings: Settings,
        seen: Seen,
        attempt: impl Fn() -> Attempt + Send + Sync + 'static,
    ) -> Self {
        let (requests, received) = mpsc::channel(QUEUE);
        tokio::spawn(run(settings, seen, Arc::new(attempt), received));
        Self { requests }
    }

    /// Reloads, and waits for the outcome: the new generation, and what it warns of.
    ///
    /// # Errors
    /// The problems of the new configuration; the old one stays in place.
    pub async fn now(&self) -> Outcome {
        let (reply, outcome) = oneshot::channel();
        let gone = || Problems::from(Problem::error(Place::default(), "the gateway is shutting down"));
        self.requests.send(reply).await.map_err(|_| gone())?;
        outcome.await.map_err(|_| gone())?
    }
}

/// More waiting requests than this wait in line to be queued.
const QUEUE: usize = 16;

async fn run(
    settings: Settings,
    seen: Seen,
    attempt: Arc<impl Fn() -> Attempt + Send + Sync + 'static>,
    mut requests: mpsc::Receiver<oneshot::Sender<Outcome>>,
) {
    let mut watch = Watch::start(&settings, seen);
    let mut hangup = Hangup::listen();
    loop {
        let reply = tokio::select! {
            request = requests.recv() => match request {
                Some(reply) => Some(reply),
                None => return,
            },
            () = hangup.next() => None,
            () = watch.changed() => None,
        };
        let attempt = Arc::clone(&attempt);
        let Ok(done) = tokio::task::spawn_blocking(move || attempt()).await else {
            let problem = broken_off();
            tracing::error!("{}", problem.what);
            if let Some(reply) = reply {
                let _ = reply.send(Err(problem.into()));
            }
            continue;
        };
        watch.follow(done.seen, done.generation.is_some());
        tell(done.generation, &done.problems);
        if let Some(reply) = reply {
            // Whoever asked may have gone; the reload is done all the same.
            let _ = reply.send(match done.generation {
                Some(generation) => Ok((generation, done.problems)),
                None => Err(done.problems),
            });
        }
    }
}

/// What is told of an attempt that panicked.
fn broken_off() -> Problem {
    Problem::error(Place::default(), "the reload broke off; the configuration in place stays")
        .help("this is a fault of transom: please report it with what the log says")
}

/// An event with problems has no fields: as text they would stand behind the last line, as if they were its end.
fn tell(generation: Option<u64>, problems: &Problems) {
    let Some(generation) = generation else {
        return tracing::error!("not reloaded, the configuration in place stays:\n{problems}");
    };
    tracing::info!(generation, "reloaded");
    if !problems.is_empty() {
        tracing::warn!("the reload has warnings:\n{problems}");
    }
}

/// SIGHUP, where there is such a thing.
struct Hangup(Option<tokio::signal::unix::Signal>);

impl Hangup {
    fn listen() -> Self {
        let signal = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::hangup());
        if let Err(error) = &signal {
            tracing::warn!(%error, "SIGHUP cannot be listened for");
        }
        Self(signal.ok())
    }

    async fn next(&mut self) {
        if let Some(signal) = &mut self.0
            && signal.recv().await.is_some()
        {
            return;
        }
        std::future::pending::<()>().await;
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    #[tokio::test]
    async fn whoever_asked_for_a_reload_that_panics_is_told_so_and_the_next_one_runs() {
        let settings = Settings { watch: false, debounce: Duration::ZERO };
        let panics = Mutex::new(vec![false, true]);
        let reload = Reload::start(settings, Seen::new(false), move || {
            let panics = panics.lock().ok().and_then(|mut panics| panics.pop());
            assert!(panics != Some(true), "on purpose");
            Attempt { generation: Some(2), problems: Problems::new(), seen: Seen::new(false) }
        });
        let told = reload.now().await.expect_err("it panicked").to_string();
        assert!(told.contains("the reload broke off") && !told.contains("shutting down"), "{told}");
        assert_eq!(reload.now().await.ok().map(|(generation, _)| generation), Some(2));
    }

    #[test]
    fn nothing_stands_behind_the_last_line_of_a_problem() {
        let problem = |what: &str| Problem::warning(Place::item("listen"), what).help("and nothing behind");
        for (generation, problems) in
            [(Some(3), problem("a warning").into()), (None, Problems::from(problem("a fault")))]
        {
            let log = tempfile::NamedTempFile::new().expect("a file");
            let writer = Mutex::new(log.reopen().expect("the same file"));
            let subscriber = tracing_subscriber::fmt().with_writer(writer).with_ansi(false).finish();
            tracing::subscriber::with_default(subscriber, || tell(generation, &problems));
            let text = std::fs::read_to_string(log.path()).expect("text");
            assert!(text.ends_with("= help: and nothing behind\n"), "{text}");
            assert_eq!(text.contains("generation=3"), generation.is_some(), "{text}");
        }
    }
}
