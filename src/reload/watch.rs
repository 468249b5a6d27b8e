//! Watching files: folders are watched rather than files, so that editors that replace a file and the
//! symlink swap of a Kubernetes `ConfigMap` are seen; contents decide whether anything really changed.

use std::collections::BTreeSet;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use notify::{RecommendedWatcher, RecursiveMode, Watcher as _};
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout};

use super::Settings;

/// Watches a set of files and folders. Without watching it never reports anything.
pub(super) struct Watch {
    watcher: Option<RecommendedWatcher>,
    events: mpsc::Receiver<()>,
    debounce: Duration,
    watched: Vec<PathBuf>,
    folders: BTreeSet<(PathBuf, bool)>,
    fingerprint: u64,
    /// Something happened while the last attempt ran: it may have read the files before or after.
    disturbed: bool,
}

impl Watch {
    pub(super) fn start(settings: &Settings, watched: Vec<PathBuf>) -> Self {
        // One waiting event is as good as many: it only says "look".
        let (sender, events) = mpsc::channel(1);
        let watcher = if settings.watch { listen(sender) } else { None };
        let mut this = Self {
            watcher,
            events,
            debounce: settings.debounce,
            watched: Vec::new(),
            folders: BTreeSet::new(),
            fingerprint: 0,
            disturbed: false,
        };
        this.follow(Some(watched));
        this
    }

    /// Watches these files and folders from now on, as they are now; without any, those of before.
    pub(super) fn follow(&mut self, watched: Option<Vec<PathBuf>>) {
        let Some(watcher) = &mut self.watcher else { return };
        let watched = watched.unwrap_or_else(|| std::mem::take(&mut self.watched));
        let folders: BTreeSet<_> = watched.iter().flat_map(|path| folders_of(path)).collect();
        for (gone, _) in self.folders.difference(&folders) {
            // It may be gone from the disk too.
            let _ = watcher.unwatch(gone);
        }
        // Watching a folder again is harmless, and needed where it was deleted and made anew.
        for (folder, recursive) in &folders {
            let mode = if *recursive { RecursiveMode::Recursive } else { RecursiveMode::NonRecursive };
            if let Err(error) = watcher.watch(folder, mode) {
                tracing::warn!(folder = %folder.display(), %error, "a folder cannot be watched for changes");
            }
        }
        self.folders = folders;
        self.disturbed = self.events.try_recv().is_ok();
        self.fingerprint = fingerprint(&watched);
        self.watched = watched;
    }

    /// Waits until the contents of a watched file have changed and then stayed as they are for the debounce
    /// period.
    pub(super) async fn changed(&mut self) {
        loop {
            if !self.disturbed && self.events.recv().await.is_none() {
                return std::future::pending().await;
            }
            let disturbed = std::mem::take(&mut self.disturbed);
            let first = Instant::now();
            while first.elapsed() < self.debounce * PATIENCE
                && timeout(self.debounce, self.events.recv()).await.is_ok()
            {}
            let watched = self.watched.clone();
            let Ok(found) = tokio::task::spawn_blocking(move || fingerprint(&watched)).await else {
                continue;
            };
            if disturbed || found != self.fingerprint {
                self.fingerprint = found;
                return;
            }
        }
    }
}

/// Files that never come to rest are reloaded after this many debounce periods all the same.
const PATIENCE: u32 = 10;

fn listen(sender: mpsc::Sender<()>) -> Option<RecommendedWatcher> {
    let made = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
        // Reading a file is an event too on some systems; only changes are of interest.
        if event.map_or(true, |event| !event.kind.is_access()) {
            let _ = sender.try_send(());
        }
    });
    match made {
        Ok(watcher) => Some(watcher),
        Err(error) => {
            tracing::warn!(%error, "files cannot be watched: reload by SIGHUP or the admin listener");
            None
        }
    }
}

/// The folders to watch for a path, and whether with all below: a file's folder; a folder and the one it is in.
fn folders_of(path: &Path) -> Vec<(PathBuf, bool)> {
    let parent =
        path.parent().map(|parent| if parent.as_os_str().is_empty() { Path::new(".") } else { parent });
    let parent = parent.map(|parent| (parent.to_owned(), false));
    let own = path.is_dir().then(|| (path.to_owned(), true));
    own.into_iter().chain(parent).collect()
}

/// A hash over the names and contents of all files.
fn fingerprint(paths: &[PathBuf]) -> u64 {
    let mut hasher = DefaultHasher::new();
    for path in paths {
        hash(path, &mut hasher);
    }
    hasher.finish()
}

fn hash(path: &Path, hasher: &mut DefaultHasher) {
    path.hash(hasher);
    if !path.is_dir() {
        std::fs::read(path).ok().hash(hasher);
        return;
    }
    let Ok(entries) = std::fs::read_dir(path) else { return };
    let mut entries: Vec<_> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    entries.sort();
    for entry in entries {
        if entry.is_dir() || entry.extension().is_some_and(|extension| extension == "proto") {
            hash(&entry, hasher);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    const SOON: Duration = Duration::from_secs(10);

    fn watching(paths: &[&Path]) -> Watch {
        let settings = Settings { watch: true, debounce: Duration::from_millis(20) };
        Watch::start(&settings, paths.iter().map(|path| path.to_path_buf()).collect())
    }

    #[tokio::test]
    async fn a_change_of_a_file_is_seen_and_a_touch_is_not() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("transom.yaml");
        fs::write(&file, "a").expect("written");
        let mut watch = watching(&[&file]);
        fs::write(&file, "a").expect("written");
        assert!(timeout(Duration::from_millis(200), watch.changed()).await.is_err(), "nothing changed");
        fs::write(&file, "b").expect("written");
        timeout(SOON, watch.changed()).await.expect("the change is seen");
    }

    #[tokio::test]
    async fn a_file_in_a_new_folder_below_is_seen() {
        let root = tempfile::tempdir().expect("a folder");
        let mut watch = watching(&[root.path()]);
        fs::create_dir(root.path().join("v1")).expect("made");
        fs::write(root.path().join("v1/a.proto"), "syntax = \"proto3\";").expect("written");
        timeout(SOON, watch.changed()).await.expect("the new file is seen");
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
        std::os::unix::fs::symlink("..2", path("..data_tmp")).expect("linked");
        fs::rename(path("..data_tmp"), path("..data")).expect("swapped");
        timeout(SOON, watch.changed()).await.expect("the swap is seen");
    }
}
