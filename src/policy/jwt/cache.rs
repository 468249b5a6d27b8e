//! Keys that are fetched, kept fresh by a task of their own. Not for fetching (`source`) and not for files.
//!
//! Requests read what is there; the task alone fetches, so there is one fetch at a time, and whoever needs its
//! outcome waits for the same one. A set is fetched at the start, whenever `refresh` has passed, after a failure
//! again and again (1 s at first, a minute at most), and when a token names a key that is not known: that once in
//! `cooldown`. A failure changes nothing but the log and the counts until `keep` has passed.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout};

use super::Fetching;
use super::keys::{KeySet, Read};
use super::refusal::{NO_KEYS, Refusal};
use super::source::{Endpoint, Failure};

/// Keys of one issuer; dropping it ends the task.
#[derive(Debug)]
pub(super) struct Cache {
    state: Arc<watch::Sender<State>>,
    fetching: Fetching,
    _closing: watch::Sender<()>,
}

/// How often the keys of an issuer were fetched.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// All fetches that have ended.
    pub fetches: u64,
    /// Those that brought no keys.
    pub failures: u64,
}

/// What requests see.
#[derive(Debug, Default)]
struct State {
    /// The keys, and when they were fetched.
    keys: Option<(Arc<KeySet>, Instant)>,
    /// Whether a fetch is under way or asked for.
    under_way: bool,
    /// When a request last asked for one.
    asked: Option<Instant>,
    counts: Counts,
}

/// The task that fetches.
struct Keeper {
    issuer: String,
    endpoint: Endpoint,
    fetching: Fetching,
    state: Arc<watch::Sender<State>>,
    closing: watch::Receiver<()>,
    /// What was last told, so that it is told once.
    told: Option<String>,
    pause: Duration,
}

impl Cache {
    /// Starts the task, which fetches at once.
    pub(super) fn start(issuer: &str, endpoint: Endpoint, fetching: &Fetching) -> Self {
        let state = Arc::new(watch::Sender::new(State { under_way: true, ..State::default() }));
        let (closing, closed) = watch::channel(());
        let keeper = Keeper {
            issuer: issuer.to_owned(),
            endpoint,
            fetching: fetching.clone(),
            state: Arc::clone(&state),
            closing: closed,
            told: None,
            pause: FIRST_PAUSE,
        };
        tokio::spawn(keeper.run());
        Self { state, fetching: fetching.clone(), _closing: closing }
    }

    pub(super) fn counts(&self) -> Counts {
        self.state.borrow().counts
    }

    /// The keys, among them one of this id if the issuer has it. Waits only where that may help.
    pub(super) async fn keys(&self, id: Option<&str>) -> Result<Arc<KeySet>, Refusal> {
        if let Some(keys) = self.current().filter(|keys| keys.knows(id)) {
            return Ok(keys);
        }
        self.fetched().await;
        self.current().ok_or(NO_KEYS)
    }

    /// The keys that are there, unless they are too old.
    fn current(&self) -> Option<Arc<KeySet>> {
        let state = self.state.borrow();
        let (keys, since) = state.keys.as_ref()?;
        (since.elapsed() <= self.fetching.keep).then(|| Arc::clone(keys))
    }

    /// Waits for the fetch under way, or for one that is asked for now if the last request to ask did so long
    /// enough ago.
    async fn fetched(&self) {
        let mut changes = self.state.subscribe();
        let mut seen = None;
        self.state.send_if_modified(|state| {
            let rested = state.asked.is_none_or(|asked| asked.elapsed() >= self.fetching.cooldown);
            let ask = !state.under_way && rested;
            if ask {
                state.under_way = true;
                state.asked = Some(Instant::now());
            }
            seen = state.under_way.then_some(state.counts.fetches);
            ask
        });
        if let Some(seen) = seen {
            let ended = changes.wait_for(|state| state.counts.fetches != seen);
            // Either way what is there now counts.
            let _ = timeout(self.fetching.timeout, ended).await;
        }
    }
}

impl Keeper {
    async fn run(mut self) {
        let mut closing = self.closing.clone();
        tokio::select! {
            () = self.keep() => {}
            // Nothing is ever sent: this is the end of the cache.
            _ = closing.changed() => {}
        }
    }

    /// Fetches now, and whenever it is time or asked for.
    async fn keep(&mut self) {
        let mut changes = self.state.subscribe();
        loop {
            self.state.send_modify(|state| state.under_way = true);
            let outcome = self.endpoint.fetch(self.fetching.timeout).await;
            let pause = match outcome {
                Ok(read) => self.arrived(read),
                Err(failure) => self.failed(&failure),
            };
            tokio::select! {
                () = sleep(pause) => {}
                _ = changes.wait_for(|state| state.under_way) => {}
            }
        }
    }

    fn arrived(&mut self, read: Read) -> Duration {
        self.tell(&read);
        self.state.send_modify(|state| {
            state.keys = Some((Arc::new(read.keys), Instant::now()));
            state.under_way = false;
            state.counts.fetches += 1;
        });
        self.pause = FIRST_PAUSE;
        self.fetching.refresh
    }

    fn failed(&mut self, failure: &Failure) -> Duration {
        let reason = failure.to_string();
        if self.told.as_ref() != Some(&reason) {
            tracing::warn!(issuer = self.issuer, reason, "the keys of an issuer cannot be fetched");
            self.told = Some(reason);
        }
        self.state.send_modify(|state| {
            state.under_way = false;
            state.counts.fetches += 1;
            state.counts.failures += 1;
        });
        let pause = self.pause.min(self.fetching.refresh);
        self.pause = (self.pause * 2).min(LONGEST_PAUSE);
        pause
    }

    /// Tells what is odd about a set, or that all is well again.
    fn tell(&mut self, read: &Read) {
        let mut odd = read.why.map(|why| format!("{} keys cannot be used: {why}", read.left_out));
        if odd.is_none() && read.keys.repeats_an_id() {
            odd = Some("keys share a `kid`: all of them are tried".to_owned());
        }
        if odd == self.told {
            return;
        }
        if let Some(odd) = &odd {
            tracing::warn!(issuer = self.issuer, odd, "the keys of an issuer are odd");
        } else {
            tracing::info!(issuer = self.issuer, "the keys of an issuer are as they should be again");
        }
        self.told = odd;
    }
}

/// How long after a first failure a fetch is tried again.
const FIRST_PAUSE: Duration = Duration::from_secs(1);

/// How long after many failures.
const LONGEST_PAUSE: Duration = Duration::from_mins(1);
