//! One reload: load the settings, build a snapshot off the request path, swap it in, or say why not.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::{Attempt, Seen};
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
    /// The config file and every file and folder that it names, be they there or not.
    pub files: Vec<PathBuf>,
    /// Those of them that were read with it.
    pub read: Vec<PathBuf>,
    /// Whether the settings may be applied: what is faulty is told, and missing in them.
    pub sound: bool,
}

/// What a reload works on.
pub struct Applier<L> {
    /// Where the settings are read from.
    pub config: Option<PathBuf>,
    /// Whether files are watched: what is read is looked at only then.
    pub watch: bool,
    /// Reads the settings again, telling every problem; `None` when there is nothing to be read.
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
        let (mut problems, mut seen) = (Problems::new(), Seen::new(self.watch));
        let generation = self.apply(&mut problems, &mut seen);
        self.front.recorder().reloaded(if generation.is_some() { "applied" } else { "refused" });
        Attempt { generation, problems, seen }
    }

    /// The new generation. Each file is looked at before it is read.
    fn apply(&self, problems: &mut Problems, seen: &mut Seen) -> Option<u64> {
        seen.look(&self.config);
        seen.look(self.certificates.files());
        // A broken config must not keep a new certificate out.
        self.certificates.reload(problems);
        let loaded = self.load(problems, seen)?;
        look_at_named(&loaded.gateway, &loaded.files, seen);
        if !loaded.sound {
            return None;
        }
        let layers = Layers::prepare(&loaded.layers, problems);
        let (current, look) = (self.front.current(), &mut |path: &Path| seen.look([path]));
        let snapshot = Snapshot::build_with(&loaded.gateway, Some(&current), look, problems);
        let (snapshot, layers) = (snapshot?, layers?);
        if problems.has_errors() {
            return None;
        }
        let generation = snapshot.generation();
        let snapshot = Arc::new(snapshot);
        self.front.swap(Arc::clone(&snapshot), &layers);
        snapshot.begin();
        tokio::spawn(let_go(current));
        Some(generation)
    }

    /// Reads the settings; once more where they were read together with files that had not been looked at before.
    fn load(&self, problems: &mut Problems, seen: &mut Seen) -> Option<Loaded> {
        let mut found = Problems::new();
        let mut loaded = (self.load)(&mut found);
        if loaded.as_ref().is_some_and(|loaded| seen.look_first(&loaded.read)) {
            found = Problems::new();
            loaded = (self.load)(&mut found);
        }
        problems.extend(found);
        loaded
    }
}

/// Holds what was replaced until no call needs it any more, so that it is taken apart here and not by the last of these
/// calls: that of a large contract takes a second.
async fn let_go<G: Send + Sync + 'static>(replaced: Arc<G>) {
    let mut pause = SHORTEST_PAUSE;
    while Arc::strong_count(&replaced) > 1 {
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
    tokio::task::spawn_blocking(move || drop(replaced));
}

/// How soon it is looked whether calls still need what was replaced, and how seldom.
const SHORTEST_PAUSE: Duration = Duration::from_millis(5);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// Looks at the files and folders that these settings name, `files` among them. Of the folders, only those that
/// are contracts as a whole are looked through; what is imported is heard of as it is looked for.
pub fn look_at_named(settings: &gateway::Settings, files: &[PathBuf], seen: &mut Seen) {
    let tls = settings.upstreams.iter().map(|one| &one.upstream.tls);
    let certificates = tls.flat_map(|tls| [&tls.roots, &tls.certificate, &tls.key]).flatten();
    let schema = &settings.schema;
    let contract = schema.includes.iter().chain(&schema.descriptor_sets);
    seen.look(files.iter().chain(&settings.rule.files).chain(certificates).chain(contract));
    seen.look_below(&schema.protos);
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;
    use std::thread::{self, ThreadId};

    use super::*;

    /// Says which thread takes it apart.
    struct Told(mpsc::Sender<ThreadId>);

    impl Drop for Told {
        fn drop(&mut self) {
            // Whoever listens has gone if the test failed.
            self.0.send(thread::current().id()).ok();
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_was_replaced_is_taken_apart_beside_the_calls_and_not_before_the_last() {
        let (told, hear) = mpsc::channel();
        let replaced = Arc::new(Told(told));
        let (call, gone) = (Arc::clone(&replaced), Arc::downgrade(&replaced));
        let waiting = tokio::spawn(let_go(replaced));
        tokio::time::sleep(Duration::from_hours(1)).await;
        assert!(!waiting.is_finished() && gone.strong_count() > 0, "a call needs it");
        drop(call);
        waiting.await.expect("no panic");
        let thread = hear.recv().expect("it goes");
        assert_ne!(thread, thread::current().id());
        assert!(gone.upgrade().is_none());
    }
}
