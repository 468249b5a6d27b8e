//! Links all files into one descriptor pool, imports first, and tells the faults of every file.
//!
//! A file is linked only when everything it imports is sound, so that one fault is told once.

use std::collections::{BTreeSet, HashSet};

use prost_reflect::{DescriptorError, DescriptorPool};

use super::file::{File, Files};
use super::{nesting, numbers, tell};
use crate::problem::{Place, Problem, Problems};

/// How many files may fail before the rest is left unchecked: each failure costs a new pool.
const MOST_FAILURES: usize = 20;

/// Links everything that can be linked. `broken` names files whose faults are told already.
pub(super) fn link(files: &Files, broken: &BTreeSet<String>, problems: &mut Problems) -> DescriptorPool {
    let mut sound = Vec::new();
    let mut unsound = HashSet::new();
    let mut pool = DescriptorPool::new();
    let mut failures = 0;
    for index in order(files, &mut unsound, problems) {
        let Some(file) = files.get(index) else { continue };
        let imports = &file.descriptor.dependency;
        let usable = |import: &String| {
            !broken.contains(import)
                && files.find(import).is_some_and(|(import, _)| !unsound.contains(&import))
        };
        if unsound.contains(&index) || !imports.iter().all(usable) || failures >= MOST_FAILURES {
            unsound.insert(index);
            continue;
        }
        let mut traps = nesting::too_deep(file);
        traps.extend(numbers::clashes(&pool, file, files));
        if !traps.is_empty() {
            unsound.insert(index);
            problems.extend(traps);
            continue;
        }
        match add(&mut pool, file) {
            Ok(()) => sound.push(index),
            Err(error) => {
                failures += 1;
                unsound.insert(index);
                problems.extend(refused(error, file, files));
                // A refused file can leave its extensions behind in the pool: begin with a clean one.
                pool = relink(files, &sound);
            }
        }
    }
    if failures >= MOST_FAILURES {
        problems
            .error(Place::default(), format!("{failures} files have faults; the others were not checked"));
    }
    pool
}

/// Adds one file to a pool that holds all its imports.
pub(super) fn add(pool: &mut DescriptorPool, file: &File) -> Result<(), DescriptorError> {
    match &file.encoded {
        Some(encoded) => pool.decode_file_descriptor_proto(encoded.clone()),
        None => pool.add_file_descriptor_proto(file.descriptor.clone()),
    }
}

fn relink(files: &Files, sound: &[usize]) -> DescriptorPool {
    let mut pool = DescriptorPool::new();
    for file in sound.iter().filter_map(|index| files.get(*index)) {
        // Cannot fail: the same files were linked in the same order before.
        let _ = add(&mut pool, file);
    }
    pool
}

/// All files, each after its imports. Files of an import cycle are `unsound`, and the cycle is a problem.
pub(super) fn order(files: &Files, unsound: &mut HashSet<usize>, problems: &mut Problems) -> Vec<usize> {
    let mut order = Vec::with_capacity(files.len());
    let mut entered = vec![false; files.len()];
    for start in 0..files.len() {
        // The chain of imports that led here: a file, and which of its imports comes next.
        let mut chain: Vec<(usize, usize)> = Vec::new();
        if !std::mem::replace(&mut entered[start], true) {
            chain.push((start, 0));
        }
        while let Some((index, import)) = chain.last_mut() {
            let (index, position) = (*index, *import);
            *import += 1;
            let imports = files.get(index).map_or(&[][..], |file| &file.descriptor.dependency);
            let Some(name) = imports.get(position) else {
                order.push(index);
                chain.pop();
                continue;
            };
            let Some((target, _)) = files.find(name) else { continue };
            if chain.iter().any(|(link, _)| *link == target) {
                unsound.insert(index);
                problems.extend(cycle(files, &chain, target, position));
            } else if !std::mem::replace(&mut entered[target], true) {
                chain.push((target, 0));
            }
        }
    }
    order
}

fn cycle(files: &Files, chain: &[(usize, usize)], target: usize, position: usize) -> Option<Problem> {
    let (last, _) = chain.last()?;
    let from = chain.iter().position(|(index, _)| *index == target)?;
    let links = chain.get(from..)?.iter().map(|(index, _)| *index).chain([target]);
    let names: Vec<String> =
        links.filter_map(|index| files.get(index)).map(|file| format!("`{}`", file.name())).collect();
    let place = files.get(*last)?.place_of_import(position);
    Some(Problem::error(place, format!("files import each other in a circle: {}", names.join(" -> "))))
}

/// What the linker found wrong with a file.
fn refused(error: DescriptorError, file: &File, files: &Files) -> Vec<Problem> {
    let source = file.origin.source(file.name());
    let line = error.line().zip(error.column());
    let path = error.path().map(<[i32]>::to_vec);
    let error = match &source {
        Some(source) => error.with_source_code(source),
        None => error,
    };
    let mut problems = tell::compile_error(&error, &file.shown(), source.as_deref());
    if let (Some(first), Some((line, column)), None) = (problems.first_mut(), line, &source) {
        first.place = file.place(path.as_deref().unwrap_or_default(), None).at(line + 1, column + 1);
    }
    for problem in &mut problems {
        name_both_sides(problem, file, files);
    }
    problems
}

/// A name that two files define: the user must learn which source each file came from.
fn name_both_sides(problem: &mut Problem, file: &File, files: &Files) {
    let Some((name, first)) = problem.what.split_once(" is already defined in file ") else { return };
    let Some((_, first)) = files.find(first.trim_matches('`')) else { return };
    let name = name.trim_start_matches("name ");
    problem.what = format!("{name} is defined twice: in `{}` and in `{}`", first.shown(), file.shown());
    problem.help =
        Some("keep one of the two, or list only one of the sources that they come from".to_owned());
}
