//! The proto compiler's complaints, retold as located [`Problem`]s: one for each fault, not only the first.
//!
//! Not for our own complaints about sources: those are written where they are found.

use miette::{Diagnostic, LabeledSpan};

use crate::problem::{Place, Problem};

/// What is wrong when a file's options cannot be decoded.
pub(super) const UNFIT_OPTIONS: &str = "an option does not fit the extension that is declared for its number";

/// All faults that one error of the compiler holds. `file` is the file as the user knows it.
pub(super) fn compile_error(error: &dyn Diagnostic, file: &str, source: Option<&str>) -> Vec<Problem> {
    let related = error.related().into_iter().flatten();
    std::iter::once(error).chain(related).map(|fault| retell(fault, file, source)).collect()
}

fn retell(fault: &dyn Diagnostic, file: &str, source: Option<&str>) -> Problem {
    let place = match (main_label(fault), source) {
        (Some(label), Some(source)) => within(Place::file(file), source, label.offset(), label.len()),
        (None, Some(source)) if fault.to_string().ends_with("reached end of file") => {
            within(Place::file(file), source, source.trim_end().len(), 1)
        }
        _ => Place::file(file),
    };
    let mut what = backticks(&fault.to_string());
    if what == "failed to decode file descriptor set" {
        UNFIT_OPTIONS.clone_into(&mut what);
    }
    if let Some(cause) = fault.source() {
        what = format!("{what}: {}", backticks(&cause.to_string()));
    }
    let problem = Problem::error(place, what);
    match editions_help(fault, source).or_else(|| fault.help().map(|help| backticks(&help.to_string()))) {
        Some(help) => problem.help(help),
        None => problem,
    }
}

/// Of several labels the one that points at the fault, not at the earlier definition that it clashes with.
fn main_label(fault: &dyn Diagnostic) -> Option<LabeledSpan> {
    let rank = |label: &LabeledSpan| match label.label().unwrap_or_default() {
        text if text == "found here" || text.contains("again here") => 0,
        "defined here" => 1,
        _ => 2,
    };
    fault.labels()?.min_by_key(rank)
}

/// The compiler knows proto2 and proto3 only; `edition = "…"` is a plain syntax error to it.
fn editions_help(fault: &dyn Diagnostic, source: Option<&str>) -> Option<String> {
    let label = main_label(fault)?;
    let rest = source?.get(label.offset()..)?;
    rest.strip_prefix("edition").filter(|rest| rest.trim_start().starts_with('='))?;
    Some(
        "sources that use editions are read as a descriptor set: `protoc --include_imports --descriptor_set_out` \
         or `buf build -o api.binpb`"
            .to_owned(),
    )
}

/// The compiler quotes with apostrophes, we quote with backticks.
fn backticks(message: &str) -> String {
    message.replace('\'', "`")
}

/// `place` at a byte range of `source`.
pub(super) fn within(place: Place, source: &str, offset: usize, len: usize) -> Place {
    let before = source.get(..offset).unwrap_or(source);
    let line = before.matches('\n').count();
    let start = before.rfind('\n').map_or(0, |newline| newline + 1);
    let column = before.get(start..).map_or(0, |part| part.chars().count());
    let width = source
        .get(offset..)
        .and_then(|rest| rest.get(..len))
        .and_then(|span| span.lines().next())
        .map_or(1, |span| span.chars().count());
    place.at(line + 1, column + 1).within(source, width)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(source: &str) -> Vec<String> {
        let error = protox::file::File::from_source("a.proto", source).expect_err("the source is broken");
        compile_error(&error, "dir/a.proto", Some(source)).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_syntax_error_shows_its_line() {
        assert_eq!(
            told("syntax = \"proto3\";\nmessage Ä { string a = ; }\n"),
            [
                "error: invalid token\n  --> dir/a.proto:2:9\n  |\n2 | message Ä { string a = ; }\n  |         ^"
            ]
        );
        let problems =
            told("syntax = \"proto3\";\n\nmessage M {\n  string name = x;\n}\nmessage N { int32 = 3; }\n");
        assert_eq!(problems.len(), 2, "both are told: {problems:?}");
        assert!(problems[0].contains("dir/a.proto:4:17\n  |\n4 |   string name = x;"), "{}", problems[0]);
        assert!(problems[1].contains("dir/a.proto:6:19"), "{}", problems[1]);
    }

    #[test]
    fn an_early_end_is_placed_at_the_end() {
        let problems = told("syntax = \"proto3\";\nmessage M {\n");
        assert!(problems[0].contains("dir/a.proto:2:12"), "{}", problems[0]);
    }

    #[test]
    fn editions_come_with_the_way_around() {
        let problems = told("edition = \"2023\";\nmessage M {}\n");
        assert!(problems[0].contains("dir/a.proto:1:1"), "{}", problems[0]);
        assert!(
            problems[0].contains("help: sources that use editions are read as a descriptor set"),
            "{}",
            problems[0]
        );
    }
}
