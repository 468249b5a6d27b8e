//! Proto folders as a source: finds every `.proto` file below them and parses each, so that all syntax errors
//! are told in one go. Imports are filled in later, by [`imports`](super::imports).

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::file::{File, Origin};
use super::{parallel, tell};
use crate::problem::{Place, Problem, Problems};

/// What was found below the listed paths.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// Files that parsed, as listed; those of one folder in the order of their names.
    pub(super) files: Vec<File>,
    /// Names of files with faults that are told already: what imports them is not linked, and not blamed.
    pub(super) broken: BTreeSet<String>,
}

/// The files below the listed paths, before any is opened.
#[derive(Debug, Default)]
struct Listing {
    /// The name by which imports call each, and its path.
    files: Vec<(String, PathBuf)>,
    /// The true paths, so that overlapping folders give each file only once.
    seen: BTreeSet<PathBuf>,
}

/// The import roots in the order in which they are searched: each listed folder, then the includes, then the
/// folder of each file that is listed by itself and lies below none of the others.
pub(super) fn roots(protos: &[PathBuf], includes: &[PathBuf]) -> Vec<PathBuf> {
    let folders = protos.iter().filter(|path| !path.is_file());
    let mut roots: Vec<PathBuf> = folders.chain(includes).cloned().collect();
    for file in protos.iter().filter(|path| path.is_file()) {
        if name_below(&roots, file).is_none() {
            roots.push(folder_of(file));
        }
    }
    roots
}

/// Reads every listed path.
pub(super) fn read(protos: &[PathBuf], roots: &[PathBuf], problems: &mut Problems) -> Found {
    let mut listing = Listing::default();
    for path in protos {
        if path.is_file() {
            let name = name_below(roots, path).or_else(|| name_of(path.file_name()));
            listing.add_file(name, path, problems);
        } else {
            listing.add_root(path, problems);
        }
    }
    let mut found = Found::default();
    let parsed = parallel::map(&listing.files, |(name, path)| {
        let mut told = Problems::new();
        (parse(name, path, &mut told), told)
    });
    for ((name, _), (file, told)) in listing.files.into_iter().zip(parsed) {
        problems.extend(told);
        match file {
            Some(file) => found.files.push(file),
            None => drop(found.broken.insert(name)),
        }
    }
    found
}

/// Parses the file at `path`, which imports call `name`.
pub(super) fn parse(name: &str, path: &Path, problems: &mut Problems) -> Option<File> {
    let origin = Origin::Disk(path.to_owned());
    let shown = origin.shown(name);
    let text = match std::fs::read(path) {
        Ok(bytes) => match String::from_utf8(bytes) {
            Ok(text) => text,
            Err(error) => {
                let valid = error.utf8_error().valid_up_to();
                let line = error.as_bytes().iter().take(valid).filter(|byte| **byte == b'\n').count() + 1;
                problems.error(Place::file(shown).at(line, 0), "the file is not UTF-8 text");
                return None;
            }
        },
        Err(error) => {
            problems.error(Place::file(shown), format!("the file cannot be read: {error}"));
            return None;
        }
    };
    match protox::file::File::from_source(name, &text) {
        Ok(file) => Some(File::parsed(origin, file.into())),
        Err(error) => {
            problems.extend(tell::compile_error(&error, &shown, Some(&text)));
            None
        }
    }
}

impl Listing {
    fn add_root(&mut self, root: &Path, problems: &mut Problems) {
        let before = self.seen.len();
        let faults = problems.errors();
        let mut ancestors = Vec::new();
        self.add_folder(root, root, &mut ancestors, problems);
        let nothing = self.seen.len() == before && problems.errors() == faults;
        if nothing && !self.covers(root) {
            let problem =
                Problem::error(Place::file(root.display().to_string()), "no `.proto` file in this folder");
            problems.push(problem.help("name the folder from which imports are counted"));
        }
    }

    /// Whether all that lies below `root` was read already, through another root.
    fn covers(&self, root: &Path) -> bool {
        root.canonicalize().is_ok_and(|root| self.seen.iter().any(|path| path.starts_with(&root)))
    }

    /// Adds a folder and all below. Names that begin with a dot are left out: they are version control, or the
    /// true place of files that a ConfigMap shows a second time.
    fn add_folder(
        &mut self,
        folder: &Path,
        root: &Path,
        ancestors: &mut Vec<PathBuf>,
        problems: &mut Problems,
    ) {
        let listed = folder.canonicalize().and_then(|real| Ok((real, list(folder)?)));
        let (real, entries) = match listed {
            Ok(listed) => listed,
            Err(error) => {
                let place = Place::file(folder.display().to_string());
                problems.error(place, format!("the folder cannot be read: {error}"));
                return;
            }
        };
        if ancestors.contains(&real) {
            return;
        }
        ancestors.push(real);
        for path in entries {
            if path.is_dir() {
                self.add_folder(&path, root, ancestors, problems);
            } else if path.extension().is_some_and(|extension| extension == "proto") {
                let name = path.strip_prefix(root).ok().and_then(import_name);
                self.add_file(name, &path, problems);
            }
        }
        ancestors.pop();
    }

    fn add_file(&mut self, name: Option<String>, path: &Path, problems: &mut Problems) {
        let Some(name) = name else {
            let place = Place::file(path.display().to_string());
            problems.error(place, "the file's name is not UTF-8, so no import can name it");
            return;
        };
        if self.seen.insert(path.canonicalize().unwrap_or_else(|_| path.to_owned())) {
            self.files.push((name, path.to_owned()));
        }
    }
}

/// The paths in a folder, in the order of their names.
fn list(folder: &Path) -> std::io::Result<Vec<PathBuf>> {
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        if !entry.file_name().as_encoded_bytes().starts_with(b".") {
            paths.push(entry.path());
        }
    }
    paths.sort();
    Ok(paths)
}

/// The name by which imports call `file`, counted from the first root that it lies below.
fn name_below(roots: &[PathBuf], file: &Path) -> Option<String> {
    let file = file.canonicalize().ok()?;
    let below = |root: &PathBuf| file.strip_prefix(root.canonicalize().ok()?).ok().and_then(import_name);
    roots.iter().find_map(below)
}

/// A relative path with slashes, as imports write it.
fn import_name(path: &Path) -> Option<String> {
    let parts: Option<Vec<&str>> = path.components().map(|part| part.as_os_str().to_str()).collect();
    parts.map(|parts| parts.join("/"))
}

fn name_of(name: Option<&std::ffi::OsStr>) -> Option<String> {
    name.and_then(std::ffi::OsStr::to_str).map(str::to_owned)
}

fn folder_of(file: &Path) -> PathBuf {
    match file.parent() {
        Some(parent) if parent.as_os_str().is_empty() => PathBuf::from("."),
        Some(parent) => parent.to_owned(),
        None => PathBuf::from("/"),
    }
}
