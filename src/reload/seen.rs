//! What files and folders held when they were looked at. A file is looked at before it is read, and again once
//! it is watched: so a change in between is not lost, and contents decide whether anything really changed.

use std::collections::{BTreeMap, HashSet};
use std::fs;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::path::{Path, PathBuf};

/// A hash of the contents of each path; of a folder, of all `.proto` files below. A path may be missing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Seen(BTreeMap<PathBuf, u64>);

impl Seen {
    /// Looks at paths. What was looked at before stays as it was.
    pub fn look(&mut self, paths: impl IntoIterator<Item = impl AsRef<Path>>) {
        for path in paths {
            let path = path.as_ref();
            self.0.entry(path.to_owned()).or_insert_with(|| hash(path));
        }
    }

    /// The same paths, looked at again.
    pub(super) fn again(&self) -> Self {
        Self(self.0.keys().map(|path| (path.clone(), hash(path))).collect())
    }

    /// Adds what `other` saw of the paths that are not here.
    pub(super) fn fill(&mut self, other: &Self) {
        for (path, hash) in &other.0 {
            self.0.entry(path.clone()).or_insert(*hash);
        }
    }

    /// Leaves only the paths that `other` has too.
    pub(super) fn keep(&mut self, other: &Self) {
        self.0.retain(|path, _| other.0.contains_key(path));
    }

    /// The paths that were looked at.
    pub(super) fn paths(&self) -> impl Iterator<Item = &Path> {
        self.0.keys().map(PathBuf::as_path)
    }
}

fn hash(path: &Path) -> u64 {
    let mut hasher = DefaultHasher::new();
    add(path, &mut HashSet::new(), &mut hasher);
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
