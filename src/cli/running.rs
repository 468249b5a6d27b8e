//! A running gateway: the one place where all rooms are wired, from settings to the end of the drain.

use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

use super::build::{Read, read};
use crate::admin::{self, Admin, Doors};
use crate::config::{self, Sources};
use crate::gateway::Snapshot;
use crate::observe::Count;
use crate::policy::Policy;
use crate::problem::{Place, Problem, Problems};
use crate::reload::{Applier, Loaded, Reload, Seen, look_at_named};
use crate::serve::{self, Front, Layers, ListenAddress, Listeners};
use crate::telemetry::{self, Telemetry};

/// A gateway whose listeners are open, ready to serve.
pub(super) struct Running {
    listeners: Listeners,
    telemetry: Telemetry,
    front: Arc<Front>,
    /// The task ends, and with it the watching of files, when nobody can ask it any more.
    reload: Reload,
    admin: Option<(Admin, Doors)>,
    /// How long a shutdown may take.
    drain: Duration,
}

impl Running {
    /// Builds everything and opens the listeners, telling every problem. Must be called within a tokio runtime.
    pub fn start(sources: Sources, problems: &mut Problems) -> Option<Self> {
        // Looked at before it is read, so that no change is lost until it is watched.
        let mut seen = Seen::new(true);
        seen.look(&sources.file);
        let mut found = Problems::new();
        let mut first = read(&sources, &mut found);
        // Files that are read with the config are known only then.
        if first.as_ref().is_some_and(|first| seen.look_first(&first.settings.read)) {
            found = Problems::new();
            first = read(&sources, &mut found);
        }
        problems.extend(found);
        let Read { settings, sound } = first?;
        if !sound {
            return None;
        }
        let watch = settings.reload.watch;
        if !watch {
            seen = Seen::new(false);
        }
        look_at_named(&settings.gateway, &settings.files, &mut seen);
        let telemetry = telemetry::start(&settings.telemetry, problems);
        let layers = Layers::prepare(&settings.serve.layers, problems);
        let snapshot = Snapshot::build_with(&settings.gateway, None, &mut |path| seen.look([path]), problems);
        let listeners = serve::bind(&settings.serve, problems);
        let admin = settings.admin.listen.as_ref().map(|address| admin::bind(address, problems));
        let (telemetry, layers, snapshot, listeners) = (telemetry?, layers?, snapshot?, listeners?);
        if problems.has_errors() {
            return None;
        }
        let front = Arc::new(Front::new(Arc::new(snapshot), &layers, telemetry.recorder().clone()));
        watch_policy(&telemetry, &front);
        front.current().begin();
        let watched = Arc::downgrade(&front);
        telemetry.watch_events(move || Some(watched.upgrade()?.current().events()?.figures()));
        let drain = settings.serve.drain;
        let certificates = listeners.certificates();
        let shown = Arc::new(Shown::new(config::render(&settings)));
        let (offered, started) = (Arc::clone(&shown), settings.file);
        let config = sources.file.clone();
        let load = move |problems: &mut Problems| {
            let Read { settings, sound } = read(&sources, problems)?;
            if sound {
                config::tell_start_up_keys(&started, &settings.file, problems);
                offered.offer(config::render(&settings));
            }
            let layers = settings.serve.layers;
            let (files, read) = (settings.files, settings.read);
            Some(Loaded { gateway: settings.gateway, layers, files, read, sound })
        };
        let applier = Applier { config, watch, load, front: Arc::clone(&front), certificates };
        let applied = Arc::clone(&shown);
        let reload = Reload::start(settings.reload, seen, move || {
            let attempt = applier.attempt();
            if attempt.generation.is_some() {
                applied.apply();
            }
            attempt
        });
        let config = Box::new(move || shown.applied());
        let doors = Doors { front: Arc::clone(&front), config, reload: reload.clone() };
        let admin = admin.flatten().map(|admin| (admin, doors));
        Some(Self { listeners, telemetry, front, reload, admin, drain })
    }

    /// Where it listens, with the ports that were given out.
    pub fn addresses(&self) -> Vec<ListenAddress> {
        self.listeners.addresses()
    }

    /// Serves until SIGTERM or SIGINT, then drains.
    ///
    /// # Errors
    /// When signals cannot be listened for.
    pub async fn serve(self) -> Result<(), Problem> {
        let stop = serve::shutdown_signal().map_err(|error| {
            Problem::error(Place::default(), format!("signals cannot be listened for: {error}"))
        })?;
        for address in self.addresses() {
            tracing::info!(listener = "public", %address, "listening");
        }
        let admin = self.admin.map(|(admin, doors)| {
            if let Some(address) = admin.address() {
                tracing::info!(listener = "admin", %address, "listening");
            }
            tokio::spawn(admin.run(doors))
        });
        tracing::info!(routes = self.front.current().bindings().len(), "serving");
        let end = tokio::spawn(end_of_drain(stop.clone(), self.drain));
        let drained = self.listeners.run(Arc::clone(&self.front), stop).await;
        if drained.cut > 0 {
            tracing::warn!(connections = drained.cut, "connections were cut at the end of the drain");
        }
        drop(self.reload);
        if let Some(events) = self.front.current().events() {
            events.finish(end.await.unwrap_or_else(|_| Instant::now())).await;
        }
        // It went on until here, to tell of the drain.
        if let Some(admin) = admin {
            admin.abort();
        }
        tracing::info!("stopped");
        self.telemetry.shutdown().await;
        Ok(())
    }
}

/// Counts what the policy that serves counts of others: issuers' keys, and the authorizer.
fn watch_policy(telemetry: &Telemetry, front: &Arc<Front>) {
    let (fetches, checks) = (Arc::downgrade(front), Arc::downgrade(front));
    telemetry.watch("transom.jwks.fetches", "Fetches of the keys of issuers of tokens", move || {
        counted(&fetches, Policy::key_fetches)
    });
    telemetry.watch(
        "transom.authorizer.checks",
        "Calls that the external authorizer was asked about",
        move || counted(&checks, Policy::checks),
    );
}

/// What the policy that serves has counted.
fn counted(front: &Weak<Front>, read: fn(&Policy) -> Vec<Count>) -> Vec<Count> {
    let current = front.upgrade().map(|front| front.current());
    current.and_then(|snapshot| snapshot.policy().map(read)).unwrap_or_default()
}

/// When a shutdown must be over.
async fn end_of_drain(mut stop: watch::Receiver<serve::Stop>, drain: Duration) -> Instant {
    stop.wait_for(|stop| *stop >= serve::Stop::Drain).await.ok();
    Instant::now() + drain
}

/// The configuration that is shown: the one in place, not one that was read and refused.
struct Shown {
    applied: Mutex<String>,
    offered: Mutex<String>,
}

impl Shown {
    fn new(config: String) -> Self {
        Self { applied: Mutex::new(config), offered: Mutex::default() }
    }

    fn offer(&self, config: String) {
        if let Ok(mut offered) = self.offered.lock() {
            *offered = config;
        }
    }

    fn apply(&self) {
        if let (Ok(mut applied), Ok(mut offered)) = (self.applied.lock(), self.offered.lock()) {
            *applied = std::mem::take(&mut offered);
        }
    }

    fn applied(&self) -> String {
        self.applied.lock().map(|config| config.clone()).unwrap_or_default()
    }
}
