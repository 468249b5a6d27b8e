//! One reload: load the settings, build a snapshot off the request path, swap it in, or say why not.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::Attempt;
use crate::gateway::{self, Snapshot};
use crate::problem::Problems;
use crate::serve::{Certificates, Front, LayerSettings, Layers};

/// What a reload reads anew.
#[derive(Debug)]
pub struct Loaded {
    /// The snapshot's settings.
    pub gateway: gateway::Settings,
    /// The layers around it.
    pub layers: LayerSettings,
    /// The files that the settings were read from.
    pub files: Vec<PathBuf>,
}

/// What a reload works on.
pub struct Applier<L> {
    /// Reads the settings again, telling every problem.
    pub load: L,
    /// What serves.
    pub front: Arc<Front>,
    /// The listeners' certificates.
    pub certificates: Certificates,
}

impl<L: Fn(&mut Problems) -> Option<Loaded>> Applier<L> {
    /// Applies a complete new snapshot, or leaves the one in place. Blocks; must be called within a tokio
    /// runtime.
    pub fn attempt(&self) -> Attempt {
        let mut problems = Problems::new();
        // A broken config must not keep a new certificate out.
        self.certificates.reload(&mut problems);
        let loaded = (self.load)(&mut problems);
        let mut watched: Vec<_> = self.certificates.files().map(Path::to_owned).collect();
        let Some(loaded) = loaded else {
            self.front.recorder().reloaded("refused");
            return Attempt { outcome: Err(problems), watched: None };
        };
        watched.extend(watched_by(&loaded.gateway, &loaded.files));
        let layers = Layers::prepare(&loaded.layers, &mut problems);
        let snapshot = Snapshot::build(&loaded.gateway, Some(&self.front.current()), &mut problems);
        // What the contract imports from elsewhere is known only now.
        watched.extend(snapshot.iter().flat_map(|snapshot| snapshot.schema().watched()));
        let outcome = match (snapshot, layers) {
            (Some(snapshot), Some(layers)) if !problems.has_errors() => {
                let generation = snapshot.generation();
                self.front.swap(Arc::new(snapshot), &layers);
                Ok(generation)
            }
            _ => Err(problems),
        };
        self.front.recorder().reloaded(if outcome.is_ok() { "applied" } else { "refused" });
        Attempt { outcome, watched: Some(watched) }
    }
}

/// The files and folders that a snapshot of these settings is built from.
#[must_use]
pub fn watched_by(settings: &gateway::Settings, files: &[PathBuf]) -> Vec<PathBuf> {
    let schema = &settings.schema;
    let tls = settings.upstreams.iter().map(|one| &one.upstream.tls);
    let certificates = tls.flat_map(|tls| [&tls.roots, &tls.certificate, &tls.key]).flatten();
    let mut watched: Vec<_> = files
        .iter()
        .chain(&schema.protos)
        .chain(&schema.includes)
        .chain(&schema.descriptor_sets)
        .chain(&settings.rule.files)
        .chain(certificates)
        .cloned()
        .collect();
    watched.sort();
    watched.dedup();
    watched
}
