//! Fills in what the sources import but do not hold: from the import roots, then from the files embedded in
//! the binary, then from protobuf's own. An import that nobody knows is a problem at its line.

use std::collections::{BTreeSet, HashSet};
use std::path::{Path, PathBuf};

use protox::file::{FileResolver, GoogleFileResolver};

use super::file::{File, Files, Origin};
use super::{embedded, protos};
use crate::problem::{Place, Problem, Problems};

/// Where imports are looked for on disk.
pub(super) struct Search<'s> {
    /// The import roots, in order.
    pub(super) roots: &'s [PathBuf],
    /// Hears of each path before it is looked at.
    pub(super) look: &'s mut dyn FnMut(&Path),
}

/// Adds the missing imports of all files to `files`, and theirs. Names of files that have faults of their own are
/// added to `broken`.
pub(super) fn complete(
    files: &mut Files,
    search: &mut Search<'_>,
    broken: &mut BTreeSet<String>,
    problems: &mut Problems,
) {
    let mut next = 0;
    loop {
        let Some(file) = files.get(next) else {
            if has_error_details(files) || !add_error_details(files, problems) {
                break;
            }
            continue;
        };
        let imports = file.descriptor.dependency.clone();
        let option_imports = file.option_imports.clone();
        for (index, import) in imports.iter().enumerate() {
            if imports.iter().take(index).any(|earlier| earlier == import) {
                problems.extend(files.get(next).map(|file| listed_twice(file, import, index)));
            } else if !have(files, import, search, broken, problems) {
                problems.extend(files.get(next).map(|file| missing(file, import, index)));
            }
        }
        for import in &option_imports {
            if have(files, import, search, broken, problems) && !imports.contains(import) {
                files.add_import(next, import);
            }
        }
        next += 1;
    }
    for (index, import) in hidden_public_imports(files) {
        files.add_import(index, &import);
    }
}

/// Whether some file already defines `google.rpc`'s error details.
fn has_error_details(files: &Files) -> bool {
    files.iter().any(|file| {
        let descriptor = &file.descriptor;
        descriptor.package() == "google.rpc"
            && descriptor.message_type.iter().any(|message| message.name() == "BadRequest")
    })
}

/// Backends send `google.rpc`'s error details whether their protos import them or not, so that they can be
/// shown. `false` where the name of their file is taken.
fn add_error_details(files: &mut Files, problems: &mut Problems) -> bool {
    const NAME: &str = "google/rpc/error_details.proto";
    let taken = files.find(NAME).is_some();
    match embedded::import(NAME, problems) {
        Some(file) if !taken => files.push(file),
        _ => return false,
    }
    true
}

/// Sees to it that `import` is among `files` or, when it has faults that are told, among `broken`.
fn have(
    files: &mut Files,
    import: &str,
    search: &mut Search<'_>,
    broken: &mut BTreeSet<String>,
    problems: &mut Problems,
) -> bool {
    if files.find(import).is_some() || broken.contains(import) {
        return true;
    }
    let faults = problems.errors();
    match find(import, search, problems) {
        Some(found) => files.push(found),
        None if problems.errors() == faults => return false,
        None => {
            broken.insert(import.to_owned());
        }
    }
    true
}

fn find(import: &str, search: &mut Search<'_>, problems: &mut Problems) -> Option<File> {
    let path = search.roots.iter().map(|root| root.join(import)).find(|path| {
        (search.look)(path);
        path.is_file()
    });
    match path {
        Some(path) => protos::parse(import, &path, problems),
        None => embedded::import(import, problems).or_else(|| standard(import)),
    }
}

/// One of protobuf's own files.
fn standard(name: &str) -> Option<File> {
    let file = GoogleFileResolver::new().open_file(name).ok()?;
    Some(File::parsed(Origin::Standard, file.into()))
}

/// Whether protobuf itself brings a file of this name.
pub(super) fn is_standard(name: &str) -> bool {
    name.starts_with("google/protobuf/")
}

/// Public imports of public imports, which the linker overlooks: it follows one step only.
fn hidden_public_imports(files: &Files) -> Vec<(usize, String)> {
    let mut hidden = Vec::new();
    for (index, file) in files.iter().enumerate() {
        let direct: HashSet<&str> = file.descriptor.dependency.iter().map(String::as_str).collect();
        let mut seen = direct.clone();
        let mut next: Vec<&str> = file.descriptor.dependency.iter().map(String::as_str).collect();
        while let Some(import) = next.pop() {
            for public in public_imports(files, import) {
                if seen.insert(public) {
                    next.push(public);
                    if !direct.contains(import) {
                        hidden.push((index, public.to_owned()));
                    }
                }
            }
        }
    }
    hidden
}

fn public_imports<'f>(files: &'f Files, name: &str) -> impl Iterator<Item = &'f str> {
    let descriptor = files.find(name).map(|(_, file)| &file.descriptor);
    descriptor.into_iter().flat_map(|descriptor| {
        let imports = descriptor.public_dependency.iter();
        imports.filter_map(|index| Some(descriptor.dependency.get(usize::try_from(*index).ok()?)?.as_str()))
    })
}

fn listed_twice(file: &File, import: &str, index: usize) -> Problem {
    Problem::error(file.place_of_import(index), format!("`{import}` is imported twice"))
        .help("leave one of the two out")
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
