//! Watching files: folders are watched rather than files, so that editors that replace a file and the symlink
//! swap of a Kubernetes `ConfigMap` are seen. Which folders those are is a matter of `ways`.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use notify::{RecommendedWatcher, RecursiveMode, Watcher as _};
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout};

use super::Settings;
use super::seen::Seen;
use super::ways::Ways;

/// Watches a set of files and folders. Without watching it never reports anything.
pub(super) struct Watch {
    eyes: Option<Arc<Eyes>>,
    events: mpsc::Receiver<()>,
    debounce: Duration,
    /// What is watched, as it was when it was read.
    seen: Seen,
    /// What the configuration in place was read from: watched whatever is tried after it.
    applied: Seen,
    /// Something was read that was not watched at that time: it must be looked at once more.
    unsure: bool,
}

impl Watch {
    /// Watches what the configuration in place was read from.
    pub(super) fn start(settings: &Settings, seen: Seen) -> Self {
        // One waiting event is as good as many: it only says "look".
        let (sender, events) = mpsc::channel(1);
        let eyes = if settings.watch { Eyes::open(sender) } else { None };
        let debounce = settings.debounce;
        Self { eyes, events, debounce, applied: seen.clone(), seen, unsure: true }
    }

    /// Watches what an attempt looked at from now on. One that was refused may not have seen everything: what
    /// the configuration in place was read from stays watched too.
    pub(super) fn follow(&mut self, mut seen: Seen, applied: bool) {
        if applied {
            self.applied = seen.clone();
        } else {
            let mut kept = self.seen.clone();
            kept.keep(&self.applied);
            seen.fill(&kept);
        }
        self.seen = seen;
        self.unsure = true;
    }

    /// Waits until the contents of a watched file are others than those that were read, and then stayed as they
    /// are for the debounce period.
    pub(super) async fn changed(&mut self) {
        let Some(eyes) = self.eyes.clone() else { return std::future::pending().await };
        loop {
            if self.unsure {
                let same = look(&eyes, &self.seen).await.is_none_or(|found| found == self.seen);
                if same {
                    self.unsure = false;
                    continue;
                }
            } else if self.events.recv().await.is_none() {
                return std::future::pending().await;
            }
            self.quiet().await;
            let found = look(&eyes, &self.seen).await;
            self.unsure = false;
            if let Some(found) = found.filter(|found| *found != self.seen) {
                self.seen = found;
                return;
            }
        }
    }

    /// Waits until nothing happens any more.
    async fn quiet(&mut self) {
        let first = Instant::now();
        while first.elapsed() < self.debounce * PATIENCE
            && timeout(self.debounce, self.events.recv()).await.is_ok()
        {}
    }
}

/// Watches first, then looks: a change after the look is an event.
async fn look(eyes: &Arc<Eyes>, seen: &Seen) -> Option<Seen> {
    let (eyes, seen) = (Arc::clone(eyes), seen.clone());
    let looked = tokio::task::spawn_blocking(move || {
        eyes.follow(&seen);
        seen.again()
    });
    looked.await.ok()
}

/// What the operating system watches for us.
struct Eyes {
    /// Which events count. Shared with whoever hears of them.
    ways: Arc<Mutex<Ways>>,
    watcher: Mutex<Watcher>,
}

struct Watcher {
    inner: RecommendedWatcher,
    folders: BTreeSet<PathBuf>,
    /// Folders that cannot be watched, to be told once.
    failed: BTreeSet<PathBuf>,
}

impl Eyes {
    fn open(sender: mpsc::Sender<()>) -> Option<Arc<Self>> {
        let ways: Arc<Mutex<Ways>> = Arc::default();
        let ours = Arc::clone(&ways);
        let made = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
            // A busy neighbour of our files must not be taken for them.
            if event.map_or(true, |event| counts(&event, &ours)) {
                let _ = sender.try_send(());
            }
        });
        match made {
            Ok(inner) => {
                let watcher = Watcher { inner, folders: BTreeSet::new(), failed: BTreeSet::new() };
                Some(Arc::new(Self { ways, watcher: Mutex::new(watcher) }))
            }
            Err(error) => {
                tracing::warn!(%error, "files cannot be watched: reload by SIGHUP or the admin listener");
                None
            }
        }
    }

    /// Watches the folders on the ways to all paths, as they are now.
    fn follow(&self, seen: &Seen) {
        let mut watcher = self.watcher.lock().unwrap_or_else(PoisonError::into_inner);
        for _ in 0..ROUNDS {
            let ways = Ways::to(seen.paths());
            let folders = ways.folders.clone();
            // Known before the watching begins, and not locked meanwhile: the watcher waits for its listener.
            *self.ways.lock().unwrap_or_else(PoisonError::into_inner) = ways;
            watcher.watch(folders);
            // A folder that was made before the one around it was watched would not be heard of.
            if Ways::to(seen.paths()).folders == watcher.folders {
                break;
            }
        }
    }
}

impl Watcher {
    fn watch(&mut self, folders: BTreeSet<PathBuf>) {
        for gone in self.folders.difference(&folders) {
            // It may be gone from the disk too.
            let _ = self.inner.unwatch(gone);
        }
        let mut failed = BTreeSet::new();
        // Watching a folder again is harmless, and needed where it was deleted and made anew.
        for folder in &folders {
            if let Err(error) = self.inner.watch(folder, RecursiveMode::NonRecursive) {
                if !self.failed.contains(folder) {
                    tracing::warn!(folder = %folder.display(), %error, "a folder cannot be watched for changes");
                }
                failed.insert(folder.clone());
            }
        }
        self.failed = failed;
        self.folders = folders;
    }
}

/// Whether an event is a change of something of ours. Reading a file is an event too on some systems; an event
/// without a path says that others were lost.
fn counts(event: &notify::Event, ways: &Mutex<Ways>) -> bool {
    if event.kind.is_access() {
        return false;
    }
    let ways = ways.lock().unwrap_or_else(PoisonError::into_inner);
    event.paths.is_empty() || event.paths.iter().any(|path| ways.concern(path))
}

/// Files of ours that never come to rest are reloaded after this many debounce periods all the same.
const PATIENCE: u32 = 10;

/// How often folders that appear while others are being watched are gone after.
const ROUNDS: usize = 8;

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::*;

    const SOON: Duration = Duration::from_secs(10);

    fn seen(paths: &[&Path]) -> Seen {
        let mut seen = Seen::new(true);
        seen.look_below(paths);
        seen
    }

    fn watching(paths: &[&Path]) -> Watch {
        let settings = Settings { watch: true, debounce: Duration::from_millis(20) };
        Watch::start(&settings, seen(paths))
    }

    async fn is_changed(watch: &mut Watch) {
        timeout(SOON, watch.changed()).await.expect("the change is seen");
    }

    async fn is_unchanged(watch: &mut Watch) {
        assert!(timeout(Duration::from_millis(200), watch.changed()).await.is_err(), "nothing changed");
    }

    #[tokio::test]
    async fn a_change_of_a_file_is_seen_and_a_touch_is_not() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("transom.yaml");
        fs::write(&file, "a").expect("written");
        let mut watch = watching(&[&file]);
        fs::write(&file, "a").expect("written");
        is_unchanged(&mut watch).await;
        fs::write(&file, "b").expect("written");
        is_changed(&mut watch).await;
        is_unchanged(&mut watch).await;
    }

    #[tokio::test]
    async fn a_file_in_a_new_folder_below_is_seen() {
        let root = tempfile::tempdir().expect("a folder");
        let mut watch = watching(&[root.path()]);
        is_unchanged(&mut watch).await;
        fs::create_dir_all(root.path().join("v1/deep")).expect("made");
        is_changed(&mut watch).await;
        fs::write(root.path().join("v1/deep/a.proto"), "syntax = \"proto3\";").expect("written");
        is_changed(&mut watch).await;
    }

    #[tokio::test]
    async fn the_symlink_swap_of_a_config_map_is_seen() {
        let mount = tempfile::tempdir().expect("a folder");
        let path = |name: &str| mount.path().join(name);
        for (version, text) in [("..1", "old"), ("..2", "new")] {
            fs::create_dir(path(version)).expect("made");
            fs::write(path(version).join("transom.yaml"), text).expect("written");
        }
        std::os::unix::fs::symlink("..1", path("..data")).expect("linked");
        std::os::unix::fs::symlink("..data/transom.yaml", path("transom.yaml")).expect("linked");
        let mut watch = watching(&[&path("transom.yaml")]);
        is_unchanged(&mut watch).await;
        std::os::unix::fs::symlink("..2", path("..data_tmp")).expect("linked");
        fs::rename(path("..data_tmp"), path("..data")).expect("swapped");
        is_changed(&mut watch).await;
        fs::write(path("..2/transom.yaml"), "newer").expect("written");
        is_changed(&mut watch).await;
    }

    #[tokio::test]
    async fn a_change_between_reading_and_watching_is_not_lost() {
        let folder = tempfile::tempdir().expect("a folder");
        let (old, new) = (folder.path().join("old.yaml"), folder.path().join("new/new.yaml"));
        fs::create_dir(folder.path().join("new")).expect("made");
        fs::write(&new, "read").expect("written");
        let mut watch = watching(&[&old]);
        is_unchanged(&mut watch).await;
        // An attempt looks at the file, reads it, and only then does it become watched.
        let attempt = seen(&[&old, &new]);
        fs::write(&new, "changed").expect("written");
        watch.follow(attempt, true);
        is_changed(&mut watch).await;
    }

    #[tokio::test]
    async fn a_file_that_is_missing_is_seen_when_it_comes_with_its_folders() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("not/yet/there.pb");
        let mut watch = watching(&[&file]);
        is_unchanged(&mut watch).await;
        fs::create_dir(folder.path().join("not")).expect("made");
        is_unchanged(&mut watch).await;
        fs::create_dir(folder.path().join("not/yet")).expect("made");
        fs::write(&file, "here").expect("written");
        is_changed(&mut watch).await;
    }

    #[tokio::test]
    async fn a_refused_attempt_adds_to_what_is_watched() {
        let folder = tempfile::tempdir().expect("a folder");
        let (good, named) = (folder.path().join("good.yaml"), folder.path().join("named.pb"));
        let mut watch = watching(&[&good]);
        watch.follow(seen(&[&named]), false);
        is_unchanged(&mut watch).await;
        fs::write(&named, "comes").expect("written");
        is_changed(&mut watch).await;
        watch.follow(seen(&[]), false);
        fs::write(&good, "changes").expect("written");
        is_changed(&mut watch).await;
        // One that is applied says itself what counts.
        watch.follow(seen(&[&named]), true);
        fs::write(&good, "is of no interest any more").expect("written");
        is_unchanged(&mut watch).await;
    }

    #[tokio::test]
    async fn a_folder_that_is_removed_and_made_anew_is_seen_each_time() {
        let root = tempfile::tempdir().expect("a folder");
        let (folder, file) = (root.path().join("protos"), root.path().join("protos/a.proto"));
        fs::create_dir(&folder).expect("made");
        fs::write(&file, "0").expect("written");
        let mut watch = watching(&[&file]);
        is_unchanged(&mut watch).await;
        for round in 1..4 {
            fs::remove_dir_all(&folder).expect("removed");
            is_changed(&mut watch).await;
            fs::create_dir(&folder).expect("made");
            fs::write(&file, round.to_string()).expect("written");
            is_changed(&mut watch).await;
            // Another one moved into its place.
            let other = root.path().join("other");
            fs::create_dir(&other).expect("made");
            fs::write(other.join("a.proto"), format!("other {round}")).expect("written");
            fs::rename(&folder, root.path().join(format!("old {round}"))).expect("moved");
            fs::rename(&other, &folder).expect("moved");
            is_changed(&mut watch).await;
            fs::write(&file, format!("again {round}")).expect("written");
            is_changed(&mut watch).await;
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_busy_neighbour_delays_nothing() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("transom.yaml");
        let protos = folder.path().join("protos");
        fs::create_dir(&protos).expect("made");
        let logs = [folder.path().join("busy.log"), protos.join("busy.log")];
        let busy = tokio::spawn(async move {
            for number in 0_u64.. {
                for log in &logs {
                    fs::write(log, number.to_string()).expect("written");
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        });
        let debounce = Duration::from_millis(300);
        let mut watch = Watch::start(&Settings { watch: true, debounce }, seen(&[&file, &protos]));
        is_unchanged(&mut watch).await;
        fs::write(&file, "a").expect("written");
        let begin = Instant::now();
        is_changed(&mut watch).await;
        assert!(begin.elapsed() >= debounce && begin.elapsed() < debounce * 4, "{:?}", begin.elapsed());
        busy.abort();
    }
}
