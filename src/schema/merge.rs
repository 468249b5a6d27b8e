//! Brings the files of all sources together. A file that several sources hold must be the same in all of them;
//! what the source was compiled by, and its comments, do not count.

use std::collections::{BTreeSet, HashSet};

use prost::Message;
use prost_reflect::DescriptorPool;

use super::file::{File, Files};
use super::{embedded, imports, link, raw};
use crate::problem::{Place, Problem, Problems};

/// All files, and those that have yet to be compared with the one that was taken.
#[derive(Debug, Default)]
pub(super) struct Merged {
    pub(super) files: Files,
    doubtful: Vec<File>,
}

impl Merged {
    /// Adds a file. Of several with one name the first is taken; the others must agree with it, unless it is one
    /// of the vocabularies that everybody brings along in some version.
    pub(super) fn add(&mut self, file: File, problems: &mut Problems) {
        let Some((_, taken)) = self.files.find(file.name()) else {
            self.files.push(file);
            return;
        };
        if embedded::is_import(file.name()) || imports::is_standard(file.name()) || agree(taken, &file) {
            return;
        }
        if taken.encoded.is_none() && file.encoded.is_none() {
            problems.push(differ(taken, &file));
        } else {
            self.doubtful.push(file);
        }
    }

    /// Compares what is written differently but may mean the same: a compiled file with its source, or the
    /// output of two compilers. Both are linked and compared then.
    pub(super) fn settle(&mut self, pool: &DescriptorPool, problems: &mut Problems) {
        while !self.doubtful.is_empty() {
            let round = self.next_round();
            let mut other = Files::default();
            let standing_in = |name: &str| round.iter().find(|file| file.name() == name);
            for file in self.files.iter() {
                other.push(standing_in(file.name()).unwrap_or(file).clone());
            }
            let mut unheard = Problems::new();
            let mut nowhere = imports::Search { roots: &[], look: &mut |_| () };
            imports::complete(&mut other, &mut nowhere, &mut BTreeSet::new(), &mut unheard);
            let linked = link::link(&other, &BTreeSet::new(), &mut unheard);
            for file in &round {
                let Some((_, taken)) = self.files.find(file.name()) else { continue };
                let (ours, theirs) = (meaning(pool, file.name()), meaning(&linked, file.name()));
                // A file that could not be linked has its own problem.
                if ours.is_some() && ours != theirs {
                    problems.push(differ(taken, file));
                }
            }
        }
    }

    /// At most one doubtful file of each name.
    fn next_round(&mut self) -> Vec<File> {
        let mut names = HashSet::new();
        let (round, rest) = std::mem::take(&mut self.doubtful)
            .into_iter()
            .partition(|file| names.insert(file.name().to_owned()));
        self.doubtful = rest;
        round
    }
}

/// Whether two files are plainly the same.
fn agree(one: &File, other: &File) -> bool {
    let encoded = |file: &File| raw::File::decode(file.encoded.clone()?).ok().map(in_one_form);
    one.descriptor == other.descriptor && encoded(one) == encoded(other)
}

/// A linked file in one form, whatever it was read from.
fn meaning(pool: &DescriptorPool, name: &str) -> Option<raw::File> {
    let file = pool.get_file_by_name(name)?;
    raw::File::decode(file.encode_to_vec().as_slice()).ok().map(in_one_form)
}

/// The syntax of proto2 need not be written.
fn in_one_form(file: raw::File) -> raw::File {
    let syntax = file.syntax.filter(|syntax| syntax != "proto2");
    raw::File { syntax, ..file }
}

fn differ(taken: &File, other: &File) -> Problem {
    let what = format!(
        "`{}` is given twice, with different content: by `{}` and by `{}`",
        taken.name(),
        taken.shown(),
        other.shown()
    );
    Problem::error(Place::file(other.shown()), what)
        .help("bring both to the same version, or list only one of the sources that they come from")
}
