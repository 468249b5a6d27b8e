//! The contract's types: one descriptor pool out of proto folders and descriptor sets.
//!
//! Every source is read into plain files; files of the same name are merged, missing imports are filled in, and
//! all are linked into one pool. Each step tells all of its faults. Not for HTTP rules:
//! [`rule`](crate::rule) reads those out of the pool.

mod check;
mod editions;
mod embedded;
mod features;
mod file;
mod imports;
mod link;
mod merge;
mod nesting;
mod numbers;
mod options;
mod order;
mod parallel;
mod place;
mod protos;
mod raw;
mod refusal;
mod sets;
mod tell;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use prost_reflect::DescriptorPool;
use prost_types::FileDescriptorProto;
use prost_types::source_code_info::Location;

use self::file::{File, Origin};
use self::merge::Merged;
use crate::problem::{Place, Problem, Problems};

pub use self::place::Places;

/// Where the contract comes from.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Settings {
    /// Folders of `.proto` files: every file below each is compiled, and each is an import root. A path may
    /// also name a single file: its import root is the listed or included folder it lies below, else its own.
    pub protos: Vec<PathBuf>,
    /// More import roots, whose files are compiled only when imported.
    pub includes: Vec<PathBuf>,
    /// `FileDescriptorSet` files (`protoc --descriptor_set_out --include_imports`, `buf build`).
    pub descriptor_sets: Vec<PathBuf>,
    /// Whether the model API that is embedded in the binary is a source too (the demo).
    pub embedded_api: bool,
}

/// The compiled contract.
#[derive(Debug, Clone)]
pub struct Schema {
    pool: DescriptorPool,
    sources: Arc<HashMap<String, Source>>,
}

/// Where a file came from, and where its elements stand in it.
#[derive(Debug)]
struct Source {
    origin: Origin,
    spans: Vec<Location>,
    /// As it was before it was linked: its options still have their places.
    descriptor: FileDescriptorProto,
}

impl Schema {
    /// All descriptors, custom options included.
    #[must_use]
    pub fn pool(&self) -> &DescriptorPool {
        &self.pool
    }

    /// Where the element with this full name (message, field, service, method) was declared: file as the user
    /// knows it, line and column where the source is known, item = full name. The source line is read from disk
    /// again, so this is for problems, not for the request path; [`places`](Self::places) finds many.
    #[must_use]
    pub fn place(&self, full_name: &str) -> Place {
        self.places().of(full_name)
    }

    /// Where the custom option `option` (`google.api.http`) is set on the element with this full name; the
    /// element's own place when that is not known.
    #[must_use]
    pub fn place_of_option(&self, full_name: &str, option: &str) -> Place {
        self.places().of_option(full_name, option)
    }

    /// Finds places, each file read once when its elements are asked for one after the other.
    #[must_use]
    pub fn places(&self) -> Places<'_> {
        Places::of_schema(self)
    }

    /// Lets go of what only problems need: from here on places are files without lines.
    #[must_use]
    pub fn without_lines(self) -> Self {
        let bare = |(name, source): (&String, &Source)| {
            let (origin, descriptor) = (source.origin.clone(), FileDescriptorProto::default());
            (name.clone(), Source { origin, spans: Vec::new(), descriptor })
        };
        Self { sources: Arc::new(self.sources.iter().map(bare).collect()), ..self }
    }
}

/// Loads all sources into one pool, telling every problem; `None` when there was an error.
pub fn load(settings: &Settings, problems: &mut Problems) -> Option<Schema> {
    load_with(settings, &mut |_| (), problems)
}

/// The same as [`load`]. `look` hears of each path at which an import is looked for, before anything is read
/// there, be it there or not: with what `settings` lists, these are all the files that the schema depends on.
pub fn load_with(
    settings: &Settings,
    look: &mut dyn FnMut(&Path),
    problems: &mut Problems,
) -> Option<Schema> {
    let mut told = Problems::new();
    let schema = read_and_link(settings, look, &mut told);
    let sound = !told.has_errors();
    let mut seen: Vec<Problem> = Vec::new();
    for problem in told {
        if !seen.contains(&problem) {
            seen.push(problem);
        }
    }
    problems.extend(seen);
    sound.then_some(schema)
}

fn read_and_link(settings: &Settings, look: &mut dyn FnMut(&Path), problems: &mut Problems) -> Schema {
    if settings.protos.is_empty() && settings.descriptor_sets.is_empty() && !settings.embedded_api {
        let problem = Problem::error(Place::item("schema"), "no proto folder and no descriptor set is given");
        problems.push(problem.help("name a folder of `.proto` files, or a descriptor set"));
    }
    let roots = protos::roots(&settings.protos, &settings.includes);
    let found = protos::read(&settings.protos, &roots, problems);
    let mut broken = found.broken;
    let mut files = found.files;
    for path in &settings.descriptor_sets {
        files.extend(sets::read(path, problems));
    }
    if settings.embedded_api {
        files.extend(embedded::api(problems));
    }
    let mut merged = Merged::default();
    for file in files {
        merged.add(file, problems);
    }
    let mut search = imports::Search { roots: &roots, look };
    imports::complete(&mut merged.files, &mut search, &mut broken, problems);
    let pool = link::link(&merged.files, &broken, problems);
    merged.settle(&pool, problems);
    check::options(&pool, &merged.files, problems);
    let source = |file: File| {
        let File { origin, spans, descriptor, .. } = file;
        (descriptor.name().to_owned(), Source { origin, spans, descriptor })
    };
    let sources = merged.files.into_files().into_iter().map(source).collect();
    Schema { pool, sources: Arc::new(sources) }
}
