//! Fills in what the sources import but do not hold: from the import roots, then from the files embedded in
//! the binary, then from protobuf's own. An import that nobody knows is a problem at its line.

use std::collections::BTreeSet;
use std::path::PathBuf;

use protox::file::{FileResolver, GoogleFileResolver};

use super::file::{File, Files, Origin};
use super::protos;
use crate::problem::{Place, Problem, Problems};

/// Adds the missing imports of all files to `files`, and theirs. Names of files that cannot be had are added to
/// `broken`.
pub(super) fn complete(
    files: &mut Files,
    roots: &[PathBuf],
    broken: &mut BTreeSet<String>,
    problems: &mut Problems,
) {
    let mut next = 0;
    while let Some(file) = files.get(next) {
        let mut read = Vec::new();
        for (index, import) in file.descriptor.dependency.iter().enumerate() {
            let known = files.find(import).is_some() || read.iter().any(|file: &File| file.name() == import);
            if known || broken.contains(import) {
                continue;
            }
            let faults = problems.errors();
            match find(import, roots, problems) {
                Some(found) => read.push(found),
                None => {
                    if problems.errors() == faults {
                        problems.push(missing(file, import, index));
                    } else {
                        broken.insert(import.clone());
                    }
                }
            }
        }
        for file in read {
            files.push(file);
        }
        next += 1;
    }
}

fn find(import: &str, roots: &[PathBuf], problems: &mut Problems) -> Option<File> {
    let path = roots.iter().map(|root| root.join(import)).find(|path| path.is_file());
    match path {
        Some(path) => protos::parse(import, &path, problems),
        None => super::embedded::import(import, problems).or_else(|| standard(import)),
    }
}

/// One of protobuf's own files.
fn standard(name: &str) -> Option<File> {
    let file = GoogleFileResolver::new().open_file(name).ok()?;
    Some(File::parsed(Origin::Standard, file.into()))
}

fn missing(file: &File, import: &str, index: usize) -> Problem {
    match &file.origin {
        Origin::Set(path) => Problem::error(
            Place::file(path.display().to_string()).of(file.name()),
            format!("`{}` imports `{import}`, which the descriptor set does not hold", file.name()),
        )
        .help("write the set with all imports: `protoc --include_imports --descriptor_set_out`, or `buf build`"),
        _ => Problem::error(file.place_of_import(index), format!("import `{import}` is not found"))
            .help("imports are counted from each proto folder and each include folder; add the folder that holds it"),
    }
}
