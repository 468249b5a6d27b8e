//! A running gateway: the one place where all rooms are wired, from settings to the end of the drain.

use std::path::Path;
use std::sync::Arc;

use crate::config::Settings;
use crate::gateway::Snapshot;
use crate::problem::{Place, Problem, Problems};
use crate::reload::{Applier, Loaded, Reload, watched_by};
use crate::serve::{self, Front, Layers, ListenAddress, Listeners};
use crate::telemetry::{self, Telemetry};

/// A gateway whose listeners are open, ready to serve.
pub(super) struct Running {
    listeners: Listeners,
    telemetry: Telemetry,
    front: Arc<Front>,
    reload: Reload,
    admin: Option<ListenAddress>,
}

/// How the settings are read, now and at each reload.
pub(super) trait Load: Fn(&mut Problems) -> Option<Settings> + Send + Sync + 'static {}

impl<L: Fn(&mut Problems) -> Option<Settings> + Send + Sync + 'static> Load for L {}

impl Running {
    /// Builds everything and opens the listeners, telling every problem. Must be called within a tokio runtime.
    pub fn start(load: impl Load, problems: &mut Problems) -> Option<Self> {
        let settings = load(problems)?;
        let telemetry = telemetry::start(&settings.telemetry, problems);
        let layers = Layers::prepare(&settings.serve.layers, problems);
        let snapshot = Snapshot::build(&settings.gateway, None, problems);
        let listeners = serve::bind(&settings.serve, problems);
        let (telemetry, layers, snapshot, listeners) = (telemetry?, layers?, snapshot?, listeners?);
        if problems.has_errors() {
            return None;
        }
        let front = Arc::new(Front::new(Arc::new(snapshot), &layers, telemetry.recorder().clone()));
        let certificates = listeners.certificates();
        let mut watched = watched_by(&settings.gateway, &settings.files);
        watched.extend(certificates.files().map(Path::to_owned));
        let load = move |problems: &mut Problems| load(problems).map(loaded);
        let applier = Applier { load, front: Arc::clone(&front), certificates };
        let reload = Reload::start(settings.reload, watched, move || applier.attempt());
        Some(Self { listeners, telemetry, front, reload, admin: settings.admin.listen })
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
        tracing::info!(routes = self.front.current().bindings().len(), "serving");
        let drained = self.listeners.run(self.front, stop).await;
        if drained.cut > 0 {
            tracing::warn!(connections = drained.cut, "connections were cut at the end of the drain");
        }
        tracing::info!("stopped");
        self.telemetry.shutdown().await;
        Ok(())
    }
}

fn loaded(settings: Settings) -> Loaded {
    Loaded { gateway: settings.gateway, layers: settings.serve.layers, files: settings.files }
}
