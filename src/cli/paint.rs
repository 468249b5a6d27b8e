//! Colour, where a person looks: on a terminal, unless `NO_COLOR` is set (no-color.org).

use std::fmt;

use crate::problem::{Problem, Problems, Severity};

use super::args::ColorWhen;

/// Whether text is painted.
#[derive(Debug, Clone, Copy)]
pub(super) struct Paint(bool);

/// What a piece of text is.
#[derive(Debug, Clone, Copy)]
pub(super) enum Ink {
    Error,
    Warning,
    Good,
    Strong,
    Faint,
}

impl Paint {
    /// By the flag; without one, on a terminal that has colours.
    pub fn of(when: ColorWhen, terminal: bool) -> Self {
        Self(match when {
            ColorWhen::Always => true,
            ColorWhen::Never => false,
            ColorWhen::Auto => {
                terminal && !is_set("NO_COLOR") && std::env::var_os("TERM").is_none_or(|term| term != "dumb")
            }
        })
    }

    /// The text in this ink.
    pub fn text(self, ink: Ink, text: impl fmt::Display) -> String {
        if !self.0 {
            return text.to_string();
        }
        let code = match ink {
            Ink::Error => "1;31",
            Ink::Warning => "1;33",
            Ink::Good => "1;32",
            Ink::Strong => "1",
            Ink::Faint => "2",
        };
        format!("\x1b[{code}m{text}\x1b[0m")
    }

    /// A problem like a compiler's message.
    pub fn problem(self, problem: &Problem) -> String {
        let ink = match problem.severity {
            Severity::Error => Ink::Error,
            Severity::Warning => Ink::Warning,
        };
        let text = problem.to_string();
        let lines = text.lines().enumerate().map(|(index, line)| self.line(ink, index == 0, line));
        lines.collect::<Vec<_>>().join("\n")
    }

    fn line(self, ink: Ink, first: bool, line: &str) -> String {
        let trimmed = line.trim_start();
        match line.split_once(": ") {
            Some((word, rest)) if first => {
                format!("{}: {}", self.text(ink, word), self.text(Ink::Strong, rest))
            }
            _ if trimmed.starts_with("--> ") => self.text(Ink::Faint, line),
            _ => match line.split_once("| ") {
                Some((margin, marks)) if margin.trim().is_empty() && marks.trim_start().starts_with('^') => {
                    format!("{}{}", self.text(Ink::Faint, format!("{margin}| ")), self.text(ink, marks))
                }
                _ => line.to_owned(),
            },
        }
    }

    /// All problems, a blank line between them.
    pub fn problems(self, problems: &Problems) -> String {
        problems.iter().map(|problem| self.problem(problem)).collect::<Vec<_>>().join("\n\n")
    }
}

fn is_set(name: &str) -> bool {
    std::env::var_os(name).is_some_and(|value| !value.is_empty())
}

#[cfg(test)]
mod tests {
    use crate::problem::Place;

    use super::*;

    #[test]
    fn paint_changes_no_letter() {
        let place = Place::file("a.yaml").at(2, 3).showing("a: b", 1);
        let problem = Problem::error(place, "`a`: no").help("write c");
        let painted = Paint(true).problem(&problem);
        assert!(painted.contains("\x1b[1;31merror\x1b[0m"), "{painted}");
        let mut plain = painted;
        while let Some(start) = plain.find('\x1b') {
            let end = plain[start..].find('m').expect("the end of a code") + start;
            plain.replace_range(start..=end, "");
        }
        assert_eq!(plain, problem.to_string());
        assert_eq!(Paint(false).problem(&problem), problem.to_string());
    }
}
