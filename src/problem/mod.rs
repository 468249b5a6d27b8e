//! Located set-up faults: everything that is wrong with what the user wrote (config, protos, rules).
//!
//! A [`Problem`] says where, what and how to mend it; [`Problems`] collects all of them, so that one run
//! reports everything. Not for faults while serving: those are a [`Status`](crate::status::Status).

mod nearest;

use std::fmt;

pub use nearest::nearest;

/// How much a problem weighs: an error keeps a configuration from being served, a warning does not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// Worth telling; the configuration is served all the same.
    Warning,
    /// The configuration cannot be served.
    Error,
}

/// Where a problem is: a file, a line and column in it, and the thing it concerns. Every part may be missing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Place {
    /// The file, as the user named it.
    pub file: Option<String>,
    /// Line, counted from 1; 0 when unknown.
    pub line: usize,
    /// Column in characters, counted from 1; 0 when unknown.
    pub column: usize,
    /// How many characters the problem spans on its line; 0 when unknown.
    pub width: usize,
    /// The source line itself, shown under the message.
    pub excerpt: Option<String>,
    /// The thing concerned: a config key, an rpc, a rule.
    pub item: Option<String>,
}

impl Place {
    /// A place that is a whole file.
    #[must_use]
    pub fn file(file: impl Into<String>) -> Self {
        Self { file: Some(file.into()), ..Self::default() }
    }

    /// A place that is a thing without a file: a flag, an environment variable, an rpc.
    #[must_use]
    pub fn item(item: impl Into<String>) -> Self {
        Self { item: Some(item.into()), ..Self::default() }
    }

    /// The same place at a line and column, both counted from 1.
    #[must_use]
    pub fn at(mut self, line: usize, column: usize) -> Self {
        self.line = line;
        self.column = column;
        self
    }

    /// The same place, naming the thing concerned.
    #[must_use]
    pub fn of(mut self, item: impl Into<String>) -> Self {
        self.item = Some(item.into());
        self
    }

    /// The same place with its source line and the number of characters concerned.
    #[must_use]
    pub fn showing(mut self, excerpt: impl Into<String>, width: usize) -> Self {
        self.excerpt = Some(excerpt.into());
        self.width = width;
        self
    }

    /// The same place with the excerpt cut from `source` at its line.
    #[must_use]
    pub fn within(self, source: &str, width: usize) -> Self {
        match self.line.checked_sub(1).and_then(|line| source.lines().nth(line)) {
            Some(line) => {
                let line = line.to_owned();
                self.showing(line, width)
            }
            None => self,
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.file, &self.item) {
            (Some(file), _) => {
                f.write_str(file)?;
                if self.line > 0 {
                    write!(f, ":{}", self.line)?;
                    if self.column > 0 {
                        write!(f, ":{}", self.column)?;
                    }
                }
                match &self.item {
                    Some(item) => write!(f, " ({item})"),
                    None => Ok(()),
                }
            }
            (None, Some(item)) => f.write_str(item),
            (None, None) => Ok(()),
        }
    }
}

/// One set-up fault. `what` is lower case, names things in backticks, says what was found and what was
/// expected; `help` is the cure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// How much it weighs.
    pub severity: Severity,
    /// Where it is.
    pub place: Place,
    /// What is wrong.
    pub what: String,
    /// How to mend it.
    pub help: Option<String>,
}

impl Problem {
    /// A problem that keeps the configuration from being served.
    #[must_use]
    pub fn error(place: Place, what: impl Into<String>) -> Self {
        Self { severity: Severity::Error, place, what: what.into(), help: None }
    }

    /// A problem that is worth telling only.
    #[must_use]
    pub fn warning(place: Place, what: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, place, what: what.into(), help: None }
    }

    /// The same problem with its cure.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}

impl fmt::Display for Problem {
    /// Writes the problem like a compiler does: message, place, excerpt with a marker, help.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = match self.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        };
        write!(f, "{word}: {}", self.what)?;
        if self.place.file.is_some() || self.place.item.is_some() {
            write!(f, "\n  --> {}", self.place)?;
        }
        if let (Some(excerpt), true) = (&self.place.excerpt, self.place.line > 0) {
            let number = self.place.line.to_string();
            let margin = " ".repeat(number.len());
            let text = excerpt.replace('\t', " ");
            write!(f, "\n{margin} |\n{number} | {text}")?;
            if self.place.column > 0 {
                let indent = " ".repeat(self.place.column - 1);
                let mark = "^".repeat(self.place.width.max(1));
                write!(f, "\n{margin} | {indent}{mark}")?;
            }
        }
        if let Some(help) = &self.help {
            write!(f, "\n  = help: {help}")?;
        }
        Ok(())
    }
}

/// All problems of one load, in the order they were found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Problems(Vec<Problem>);

impl Problems {
    /// No problems yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds one problem.
    pub fn push(&mut self, problem: Problem) {
        self.0.push(problem);
    }

    /// Adds an error without help; chain [`Problem::help`] and [`push`](Self::push) where there is a cure.
    pub fn error(&mut self, place: Place, what: impl Into<String>) {
        self.push(Problem::error(place, what));
    }

    /// Whether any problem is an error.
    #[must_use]
    pub fn has_errors(&self) -> bool {
        self.errors() > 0
    }

    /// How many problems are errors.
    #[must_use]
    pub fn errors(&self) -> usize {
        self.0.iter().filter(|problem| problem.severity == Severity::Error).count()
    }

    /// Whether there is nothing to tell.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The problems in the order they were found.
    pub fn iter(&self) -> std::slice::Iter<'_, Problem> {
        self.0.iter()
    }
}

impl From<Problem> for Problems {
    fn from(problem: Problem) -> Self {
        Self(vec![problem])
    }
}

impl Extend<Problem> for Problems {
    fn extend<I: IntoIterator<Item = Problem>>(&mut self, problems: I) {
        self.0.extend(problems);
    }
}

impl IntoIterator for Problems {
    type Item = Problem;
    type IntoIter = std::vec::IntoIter<Problem>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl<'p> IntoIterator for &'p Problems {
    type Item = &'p Problem;
    type IntoIter = std::slice::Iter<'p, Problem>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.iter()
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str("\n\n")?;
            }
            problem.fmt(f)?;
        }
        Ok(())
    }
}

impl std::error::Error for Problems {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_reads_like_a_compiler_message() {
        let place = Place::file("a.proto").at(2, 3).of("pkg.S.Get").within("one\n\ttwo three\n", 3);
        let problem = Problem::error(place, "`two` is not known").help("write `too`");
        assert_eq!(
            problem.to_string(),
            "error: `two` is not known\n  --> a.proto:2:3 (pkg.S.Get)\n  |\n2 |  two three\n  |   ^^^\n  = help: write `too`"
        );
    }

    #[test]
    fn a_place_shows_only_what_is_known() {
        assert_eq!(Place::default().to_string(), "");
        assert_eq!(Place::item("--listen").to_string(), "--listen");
        assert_eq!(Place::file("x.yaml").to_string(), "x.yaml");
        assert_eq!(Place::file("x.yaml").at(4, 0).to_string(), "x.yaml:4");
    }

    #[test]
    fn warnings_do_not_count_as_errors() {
        let mut problems = Problems::from(Problem::warning(Place::default(), "hm"));
        assert!(!problems.has_errors());
        problems.error(Place::default(), "no");
        assert_eq!(problems.errors(), 1);
        assert_eq!(problems.to_string(), "warning: hm\n\nerror: no");
    }
}
