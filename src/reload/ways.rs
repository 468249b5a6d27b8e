//! The ways that lead to files: which folders must be watched so that no change of a file or of a link on its
//! way is missed, and which events are about them. Not for contents: that is `seen`.

use std::collections::{BTreeSet, HashSet};
use std::ffi::OsString;
use std::fs;
use std::path::{Component, Path, PathBuf};

use super::seen::{Reach, entries, is_proto};

/// The ways to a set of files and folders, as they are now. All paths in here are true ones: no link is in the
/// folders, so that none is watched twice, under two names.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Ways {
    /// The folders to watch: those of the files, of the links on the way to them, and all below those folders that
    /// count as a whole. Of what is missing, the nearest folder that is there.
    pub(super) folders: BTreeSet<PathBuf>,
    /// Every name on the way.
    names: HashSet<PathBuf>,
    /// Folders whose `.proto` files and folders all count.
    whole: HashSet<PathBuf>,
}

impl Ways {
    /// The ways to these paths, of which each may be a file, a folder, or missing.
    pub(super) fn to<'p>(paths: impl IntoIterator<Item = (&'p Path, Reach)>) -> Self {
        let mut ways = Self::default();
        for (path, reach) in paths {
            let Ok(path) = std::path::absolute(path) else { continue };
            match reach {
                Reach::Itself => drop(ways.walk(&path)),
                Reach::Below => ways.add(&path),
            }
        }
        ways
    }

    /// Whether a change of what has this name is of interest.
    pub(super) fn concern(&self, path: &Path) -> bool {
        let in_whole = path.parent().is_some_and(|folder| self.whole.contains(folder));
        self.names.contains(path)
            || self.folders.contains(path)
            || in_whole && (is_proto(path) || path.is_dir())
    }

    fn add(&mut self, path: &Path) {
        let Some(found) = self.walk(path) else { return };
        if found.is_dir() && self.whole.insert(found.clone()) {
            for entry in entries(&found) {
                self.add(&entry);
            }
            self.folders.insert(found);
        }
    }

    /// Goes the way to an absolute path, link by link; the true path, when there is something.
    fn walk(&mut self, path: &Path) -> Option<PathBuf> {
        let mut here = PathBuf::new();
        let mut ahead = steps(path);
        let mut links = 0;
        while let Some(step) = ahead.pop() {
            match Path::new(&step).components().next() {
                Some(Component::Normal(name)) => {
                    let next = here.join(name);
                    self.names.insert(next.clone());
                    let about = fs::symlink_metadata(&next);
                    if about.as_ref().map_or(true, fs::Metadata::is_symlink) || ahead.is_empty() {
                        self.folders.insert(here.clone());
                    }
                    if about.ok()?.is_symlink() {
                        links += 1;
                        let target = fs::read_link(&next).ok().filter(|_| links <= MOST_LINKS)?;
                        ahead.extend(steps(&target));
                    } else {
                        here = next;
                    }
                }
                Some(Component::ParentDir) => drop(here.pop()),
                Some(Component::CurDir) | None => {}
                Some(root) => here = PathBuf::from(root.as_os_str()),
            }
        }
        Some(here)
    }
}

/// The steps of a path, the first one last.
fn steps(path: &Path) -> Vec<OsString> {
    path.components().rev().map(|step| step.as_os_str().to_owned()).collect()
}

/// A way with more links than this goes round in circles, as the operating system sees it too.
const MOST_LINKS: usize = 40;

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn the_folders_of_files_links_and_missing_names_are_found() {
        let folder = tempfile::tempdir().expect("a folder");
        let root = folder.path().canonicalize().expect("its true path");
        fs::create_dir_all(root.join("..1/sub")).expect("made");
        fs::write(root.join("..1/a.yaml"), "a").expect("written");
        symlink("..1", root.join("..data")).expect("linked");
        symlink("..data/a.yaml", root.join("a.yaml")).expect("linked");
        symlink("loop", root.join("loop")).expect("linked");
        let watched = |path: &str, reach: Reach| {
            let ways = Ways::to([(root.join(path).as_path(), reach)]);
            let below = ways.folders.iter().map(|folder| folder.strip_prefix(&root).expect("below"));
            below.map(|folder| folder.display().to_string()).collect::<Vec<_>>().join(" ")
        };
        for (path, expected) in [
            ("..1/a.yaml", "..1"),
            ("a.yaml", " ..1"),
            ("none/at/all.yaml", ""),
            ("..1/sub/none.yaml", "..1/sub"),
            ("..1", " ..1 ..1/sub"),
            ("..1/sub/../a.yaml", "..1"),
            ("loop", ""),
        ] {
            assert_eq!(watched(path, Reach::Below), expected, "{path}");
        }
        assert_eq!(watched("..1", Reach::Itself), "", "only that it is there");
    }

    #[test]
    fn only_names_on_the_way_and_protos_below_are_of_interest() {
        let folder = tempfile::tempdir().expect("a folder");
        let root = folder.path().canonicalize().expect("its true path");
        fs::create_dir_all(root.join("protos/v1")).expect("made");
        let ways = Ways::to(
            [root.join("a.yaml"), root.join("protos")].iter().map(|path| (path.as_path(), Reach::Below)),
        );
        for (name, expected) in [
            ("a.yaml", true),
            ("a.yaml.swp", false),
            ("busy.log", false),
            ("b.proto", false),
            ("protos", true),
            ("protos/v1", true),
            ("protos/new.proto", true),
            ("protos/v1/new.proto", true),
            ("protos/v1/notes.txt", false),
        ] {
            assert_eq!(ways.concern(&root.join(name)), expected, "{name}");
        }
    }
}
