//! The order in which files are linked: each after everything that it imports.

use std::collections::HashSet;

use super::file::Files;
use crate::problem::{Problem, Problems};

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
