//! The one atomic pointer to what is served: the snapshot and the layers around it, swapped together.
//!
//! A request loads it exactly once and keeps what it loaded, so that a reload never mixes two generations.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use arc_swap::ArcSwap;

use super::Gateway;
use super::layers::{Layers, Stack};
use crate::gateway::Snapshot;
use crate::telemetry::Recorder;

/// What the listeners serve.
pub struct Front<G = Snapshot> {
    current: ArcSwap<Generation<G>>,
    recorder: Recorder,
    draining: AtomicBool,
}

/// A snapshot and the layers around it.
struct Generation<G> {
    snapshot: Arc<G>,
    stack: Stack<G>,
}

impl<G: Gateway> Front<G> {
    /// Serves the snapshot within the layers.
    #[must_use]
    pub fn new(snapshot: Arc<G>, layers: &Layers, recorder: Recorder) -> Self {
        recorder.generation(snapshot.generation());
        let current = Generation::new(snapshot, layers, &recorder);
        Self { current: ArcSwap::from_pointee(current), recorder, draining: AtomicBool::new(false) }
    }

    /// Serves another snapshot from the next request on; requests under way finish on the old one.
    pub fn swap(&self, snapshot: Arc<G>, layers: &Layers) {
        let generation = snapshot.generation();
        self.current.store(Arc::new(Generation::new(snapshot, layers, &self.recorder)));
        self.recorder.generation(generation);
    }

    /// The snapshot that serves at the moment.
    #[must_use]
    pub fn current(&self) -> Arc<G> {
        Arc::clone(&self.current.load().snapshot)
    }

    /// What calls are recorded with.
    #[must_use]
    pub fn recorder(&self) -> &Recorder {
        &self.recorder
    }

    /// Whether a shutdown has begun: no new connection is accepted.
    #[must_use]
    pub fn draining(&self) -> bool {
        self.draining.load(Ordering::Relaxed)
    }

    pub(super) fn drain(&self) {
        self.draining.store(true, Ordering::Relaxed);
    }

    /// What serves a request that begins now.
    pub(super) fn stack(&self) -> Stack<G> {
        self.current.load().stack.clone()
    }
}

impl<G: Gateway> fmt::Debug for Front<G> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let generation = self.current.load().snapshot.generation();
        f.debug_struct("Front").field("generation", &generation).finish_non_exhaustive()
    }
}

impl<G: Gateway> Generation<G> {
    fn new(snapshot: Arc<G>, layers: &Layers, recorder: &Recorder) -> Self {
        let stack = layers.around(Arc::clone(&snapshot), recorder.clone());
        Self { snapshot, stack }
    }
}
