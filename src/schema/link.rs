//! Links all files into one descriptor pool, imports first, and tells the faults of every file.
//!
//! A file is linked only when everything it imports is sound, so that one fault is told once.

use std::collections::{BTreeSet, HashSet};

use prost::Message;
use prost_reflect::{DescriptorError, DescriptorPool};
use prost_types::{FileDescriptorProto, SourceCodeInfo};

use super::file::{File, Files};
use super::order::order;
use super::refusal::refused;
use super::{nesting, numbers};
use crate::problem::{Place, Problems};

/// How many files may fail before the rest is left unchecked: a failure costs seconds when the pool is big.
const MOST_FAILURES: usize = 20;

/// Links everything that can be linked. `broken` names files whose faults are told already.
pub(super) fn link(files: &Files, broken: &BTreeSet<String>, problems: &mut Problems) -> DescriptorPool {
    let mut unsound = HashSet::new();
    let order = order(files, &mut unsound, problems);
    let mut linker = Linker { files, pool: DescriptorPool::new(), sound: Vec::new(), failures: 0 };
    for index in order {
        let Some(file) = files.get(index) else { continue };
        let usable = |import: &String| {
            !broken.contains(import)
                && files.find(import).is_some_and(|(import, _)| !unsound.contains(&import))
        };
        let linked = !unsound.contains(&index)
            && file.descriptor.dependency.iter().all(usable)
            && linker.add(index, file, problems);
        if !linked {
            unsound.insert(index);
        }
    }
    linker.pool
}

struct Linker<'f> {
    files: &'f Files,
    pool: DescriptorPool,
    sound: Vec<usize>,
    failures: usize,
}

impl Linker<'_> {
    /// Adds a file whose imports are all in the pool. False when it has faults.
    fn add(&mut self, index: usize, file: &File, problems: &mut Problems) -> bool {
        if self.failures >= MOST_FAILURES {
            return false;
        }
        let mut traps = nesting::too_deep(file);
        traps.extend(numbers::clashes(&self.pool, file, self.files));
        if !traps.is_empty() {
            problems.extend(traps);
            return false;
        }
        if add(&mut self.pool, file, None).is_ok() {
            self.sound.push(index);
            return true;
        }
        // Once more, so that the fault is told with its line.
        self.settle(file);
        if let Err(error) = add(&mut self.pool, file, Some(file.source_info())) {
            problems.extend(refused(error, file, self.files));
        }
        self.failures += 1;
        if self.failures == MOST_FAILURES {
            let what = format!("{MOST_FAILURES} files have faults; the others were not checked");
            problems.error(Place::default(), what);
        }
        self.settle(file);
        false
    }

    /// Makes the pool anew if it cannot be trusted after it refused `file`.
    fn settle(&mut self, file: &File) {
        if is_unsettled(&self.pool, file) {
            self.pool = relink(self.files, &self.sound);
        }
    }
}

/// Adds one file to a pool that holds all its imports.
fn add(pool: &mut DescriptorPool, file: &File, info: Option<SourceCodeInfo>) -> Result<(), DescriptorError> {
    match (&file.encoded, info) {
        (Some(encoded), None) => pool.decode_file_descriptor_proto(encoded.clone()),
        (Some(encoded), Some(info)) => {
            let info = FileDescriptorProto { source_code_info: Some(info), ..FileDescriptorProto::default() };
            // Encoded messages that follow each other are one.
            pool.decode_file_descriptor_proto(&*[encoded, &*info.encode_to_vec()].concat())
        }
        (None, source_code_info) => pool
            .add_file_descriptor_proto(FileDescriptorProto { source_code_info, ..file.descriptor.clone() }),
    }
}

/// Whether the pool cannot be trusted after it refused `file`: when it forgets a file it takes the indices of
/// extensions for indices of messages, and so keeps too many extensions or too few.
fn is_unsettled(pool: &DescriptorPool, file: &File) -> bool {
    numbers::declares_extensions(file) || pool.all_extensions().len() > pool.all_messages().len()
}

/// A new pool of the files that were found sound.
fn relink(files: &Files, sound: &[usize]) -> DescriptorPool {
    let mut pool = DescriptorPool::new();
    for file in sound.iter().filter_map(|index| files.get(*index)) {
        // Cannot fail: the same files were linked in the same order before.
        let _ = add(&mut pool, file, None);
    }
    pool
}
