//! What files and folders held when they were looked at. A file is looked at before it is read, and again once
//! it is watched: so a change in between is not lost, and contents decide whether anything really changed.

use std::collections::{BTreeMap, HashSet};
use std::fs;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::path::{Path, PathBuf};

/// A hash of the contents of each path, which may be missing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// Whether anything is looked at: not when nothing is watched.
    looking: bool,
    hashes: BTreeMap<(PathBuf, Reach), u64>,
}

/// How much of a folder counts. Of a file it is always the contents.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Reach {
    /// That it is there.
    Itself,
    /// All `.proto` files below.
    Below,
}

impl Seen {
    /// Nothing seen yet. Without `looking` it stays so, at no cost.
    #[must_use]
    pub fn new(looking: bool) -> Self {
        Self { looking, hashes: BTreeMap::new() }
    }

    /// Looks at paths, of folders only whether they are there. What was looked at before stays as it was.
    pub fn look(&mut self, paths: impl IntoIterator<Item = impl AsRef<Path>>) {
        self.add(paths, Reach::Itself);
    }

    /// Looks at files; whether one of them had not been looked at before.
    pub fn look_first(&mut self, files: &[PathBuf]) -> bool {
        let before = self.hashes.len();
        self.look(files);
        self.hashes.len() > before
    }

    /// Looks at paths, of folders at all `.proto` files below. What was looked at before stays as it was.
    pub fn look_below(&mut self, paths: impl IntoIterator<Item = impl AsRef<Path>>) {
        self.add(paths, Reach::Below);
    }

    fn add(&mut self, paths: impl IntoIterator<Item = impl AsRef<Path>>, reach: Reach) {
        for path in paths.into_iter().filter(|_| self.looking) {
            let path = path.as_ref();
            self.hashes.entry((path.to_owned(), reach)).or_insert_with(|| hash(path, reach));
        }
    }

    /// The same paths, looked at again.
    pub(super) fn again(&self) -> Self {
        let again = self.hashes.keys().map(|(path, reach)| ((path.clone(), *reach), hash(path, *reach)));
        Self { looking: self.looking, hashes: again.collect() }
    }

    /// Adds what `other` saw of the paths that are not here.
    pub(super) fn fill(&mut self, other: &Self) {
        for (path, hash) in &other.hashes {
            self.hashes.entry(path.clone()).or_insert(*hash);
        }
    }

    /// Leaves only the paths that `other` has too.
    pub(super) fn keep(&mut self, other: &Self) {
        self.hashes.retain(|path, _| other.hashes.contains_key(path));
    }

    /// The paths that were looked at, and how far.
    pub(super) fn paths(&self) -> impl Iterator<Item = (&Path, Reach)> {
        self.hashes.keys().map(|(path, reach)| (path.as_path(), *reach))
    }
}

fn hash(path: &Path, reach: Reach) -> u64 {
    let mut hasher = DefaultHasher::new();
    match reach {
        Reach::Itself if path.is_dir() => true.hash(&mut hasher),
        Reach::Itself | Reach::Below => add(path, &mut HashSet::new(), &mut hasher),
    }
    hasher.finish()
}

fn add(path: &Path, folders: &mut HashSet<PathBuf>, hasher: &mut DefaultHasher) {
    path.hash(hasher);
    match fs::metadata(path) {
        Ok(about) if about.is_dir() => {
            if path.canonicalize().is_ok_and(|real| folders.insert(real)) {
                for entry in entries(path) {
                    add(&entry, folders, hasher);
                }
            }
        }
        // Anything else that can be read, such as a pipe, can be read only once.
        Ok(about) if about.is_file() => fs::read(path).ok().hash(hasher),
        found => found.is_ok().hash(hasher),
    }
}

/// The `.proto` files and folders of a folder, in the order of their names. Names that begin with a dot are left
/// out, as the contract does.
pub(super) fn entries(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let mut entries: Vec<_> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    entries.retain(|entry| !is_hidden(entry) && (is_proto(entry) || entry.is_dir()));
    entries.sort();
    entries
}

pub(super) fn is_proto(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "proto")
}

fn is_hidden(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_contract_s_folder_is_looked_through_and_nothing_where_nothing_is_watched() {
        let folder = tempfile::tempdir().expect("a folder");
        let changes = |looking: bool, look: fn(&mut Seen, &Path), text: &str| {
            let mut seen = Seen::new(looking);
            look(&mut seen, folder.path());
            fs::write(folder.path().join("a.proto"), text).expect("written");
            (seen.paths().count(), seen.again() != seen)
        };
        assert_eq!(changes(true, |seen, path| seen.look([path]), "1"), (1, false));
        assert_eq!(changes(true, |seen, path| seen.look_below([path]), "2"), (1, true));
        assert_eq!(changes(false, |seen, path| seen.look_below([path]), "3"), (0, false));
    }

    #[test]
    fn files_are_looked_at_once_for_the_first_time() {
        let folder = tempfile::tempdir().expect("a folder");
        let (one, other) = (folder.path().join("one"), folder.path().join("other"));
        let mut seen = Seen::new(true);
        assert!(seen.look_first(std::slice::from_ref(&one)), "be it there or not");
        assert!(!seen.look_first(std::slice::from_ref(&one)));
        assert!(seen.look_first(&[one.clone(), other]));
        assert!(!seen.look_first(&[]) && !Seen::new(false).look_first(&[one]));
    }
}
