//! What the linker found wrong with a file, told so that the user can find it.

use prost_reflect::DescriptorError;

use super::file::{File, Files};
use super::tell;
use crate::problem::Problem;

/// What the linker found wrong with a file.
pub(super) fn refused(error: DescriptorError, file: &File, files: &Files) -> Vec<Problem> {
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
    name_both_sides(problems, file, files)
}

/// Names that two files define: the user must learn which source each file came from. A file that is there twice
/// clashes in every name, which is told once.
fn name_both_sides(problems: Vec<Problem>, file: &File, files: &Files) -> Vec<Problem> {
    let mut told: Vec<Problem> = Vec::new();
    let mut clashes: Vec<(usize, &File, Vec<String>)> = Vec::new();
    for problem in problems {
        let Some((name, first)) = clash(&problem, files) else {
            told.push(problem);
            continue;
        };
        if let Some((_, _, names)) = clashes.iter_mut().find(|(_, other, _)| other.name() == first.name()) {
            names.push(name);
        } else {
            clashes.push((told.len(), first, vec![name]));
            told.push(problem);
        }
    }
    for (index, first, names) in clashes {
        if let Some(problem) = told.get_mut(index) {
            problem.what =
                format!("{} defined twice: in `{}` and in `{}`", list(&names), first.shown(), file.shown());
            let help = "keep one of the two, or list only one of the sources that they come from";
            problem.help = Some(help.to_owned());
        }
    }
    told
}

/// The name that a problem says is defined in another file too, and that file.
fn clash<'f>(problem: &Problem, files: &'f Files) -> Option<(String, &'f File)> {
    let (name, first) = problem.what.split_once(" is already defined in file ")?;
    let (_, first) = files.find(first.trim_matches('`'))?;
    Some((name.trim_start_matches("name ").to_owned(), first))
}

/// The names as the beginning of a sentence. What lies within another is left out; of many, a few are enough.
fn list(names: &[String]) -> String {
    let within = |name: &str, outer: &String| {
        name.strip_prefix(outer.trim_end_matches('`')).is_some_and(|rest| rest.starts_with('.'))
    };
    let outer: Vec<&str> = names
        .iter()
        .map(String::as_str)
        .filter(|name| !names.iter().any(|outer| within(name, outer)))
        .collect();
    match &outer[..] {
        [name] => format!("{name} is"),
        [one, two] => format!("{one} and {two} are"),
        [one, two, rest @ ..] => format!("{one}, {two} and {} more are", rest.len()),
        [] => String::new(),
    }
}
