//! Patterns in the syntax of RE2, which is what rules are written in, for an engine that differs from it in a few places:
//! classes such as `\w` mean ASCII here, and within brackets `[`, `&&`, `--` and `~~` mean themselves.
//!
//! Not for matching: that is the `regex` crate's, in time linear in the text like RE2's.

use std::iter::Peekable;
use std::str::Chars;

use regex::Regex;

/// Compiles a pattern, or says in one line what is wrong with it.
pub(super) fn compile(pattern: &str) -> Result<Regex, String> {
    Regex::new(&translated(pattern)).map_err(|error| {
        let text = error.to_string();
        let line = text.lines().next_back().unwrap_or_default();
        format!("the pattern is no regular expression: {}", line.trim_start_matches("error: "))
    })
}

fn translated(pattern: &str) -> String {
    let mut out = String::with_capacity(pattern.len() + 16);
    let mut rest = pattern.chars().peekable();
    while let Some(character) = rest.next() {
        match character {
            '\\' => escape(&mut rest, false, &mut out),
            '[' => brackets(&mut rest, &mut out),
            _ => out.push(character),
        }
    }
    out
}

/// What stands between brackets, the first of which is read.
fn brackets(rest: &mut Peekable<Chars<'_>>, out: &mut String) {
    out.push('[');
    if rest.next_if_eq(&'^').is_some() {
        out.push('^');
    }
    let mut ends = Ends::default();
    // A bracket that comes first is one of the characters.
    if rest.next_if_eq(&']').is_some() {
        out.push_str("\\]");
        ends.character();
    }
    while let Some(character) = rest.next() {
        match character {
            ']' => return out.push(']'),
            '-' if ends.begins_range(rest.peek()) => out.push('-'),
            '[' if rest.peek() == Some(&':') => {
                named(rest, out);
                ends = Ends::default();
            }
            '\\' => {
                let set = rest.peek().is_some_and(|next| "dDsSwWpP".contains(*next));
                escape(rest, true, out);
                if set { ends = Ends::default() } else { ends.character() }
            }
            '-' | '[' | '&' | '~' => {
                out.extend(['\\', character]);
                ends.character();
            }
            _ => {
                out.push(character);
                ends.character();
            }
        }
    }
}

/// Where a range may begin: behind a character that does not end one.
#[derive(Default)]
struct Ends {
    may_begin: bool,
    open: bool,
}

impl Ends {
    /// Whether the dash that was read stands between the two ends of a range.
    fn begins_range(&mut self, next: Option<&char>) -> bool {
        let begins = self.may_begin && next != Some(&']');
        if begins {
            (self.may_begin, self.open) = (false, true);
        }
        begins
    }

    fn character(&mut self) {
        (self.may_begin, self.open) = (!self.open, false);
    }
}

/// `[:alpha:]` and its like, whose first bracket is read.
fn named(rest: &mut Peekable<Chars<'_>>, out: &mut String) {
    out.push('[');
    for character in rest.by_ref() {
        out.push(character);
        if character == ']' {
            return;
        }
    }
}

/// What stands after a backslash.
fn escape(rest: &mut Peekable<Chars<'_>>, inside: bool, out: &mut String) {
    let Some(character) = rest.next() else { return out.push('\\') };
    let (set, negated) = match character {
        'd' | 'D' => ("0-9", character == 'D'),
        'w' | 'W' => ("0-9A-Za-z_", character == 'W'),
        's' | 'S' => ("\\t\\n\\x0C\\r ", character == 'S'),
        'b' if !inside => return out.push_str("(?-u:\\b)"),
        'Q' => return quoted(rest, out),
        _ => return out.extend(['\\', character]),
    };
    match (inside, negated) {
        (true, false) => out.push_str(set),
        (_, true) => out.extend(["[^", set, "]"]),
        (false, false) => out.extend(["[", set, "]"]),
    }
}

/// `\Qtext\E`, whose beginning is read.
fn quoted(rest: &mut Peekable<Chars<'_>>, out: &mut String) {
    while let Some(character) = rest.next() {
        if character == '\\' && rest.next_if_eq(&'E').is_some() {
            return;
        }
        out.push_str(&regex::escape(character.encode_utf8(&mut [0; 4])));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_are_of_ascii() {
        let table = [
            (r"^\w+$", "aZ_9", "ä"),
            (r"^[\w\s-]+$", "a b-c", "ä"),
            (r"^\W$", "ä", "a"),
            (r"^[^\D]$", "7", "a"),
            (r"^[\D]$", "ä", "7"),
            (r"^\d{2}$", "42", "٤٢"),
            (r"^\s$", "\t", "\u{b}"),
            (r"a\b", "a-", "ab"),
        ];
        for (pattern, good, bad) in table {
            let regex = compile(pattern).expect("it is a pattern");
            assert!(regex.is_match(good) && !regex.is_match(bad), "{pattern}: {regex}");
        }
    }

    #[test]
    fn brackets_hold_what_re2_says() {
        let table = [
            (r"^[[a]+$", "[a", "b"),
            (r"^[]a]+$", "]a", "b"),
            (r"^[^]a]$", "b", "]"),
            (r"^[a&&b]+$", "a&b", "c"),
            (r"^[a~~b]+$", "~", "c"),
            (r"^[+--]+$", "+,-", "."),
            (r"^[a-zA-Z0-9-_.]+$", "a-_.", " "),
            (r"^[--0]+$", "-./0", "1"),
            (r"^[a\-z]+$", "a-z", "b"),
            (r"^[\w-]+$", "a-", "."),
            (r"^[[:alpha:]_]+$", "a_", "1"),
            (r"^\Qa.b\E$", "a.b", "axb"),
            (r"^[\]\-]+$", "]-", "\\"),
        ];
        for (pattern, good, bad) in table {
            let regex = compile(pattern).unwrap_or_else(|why| panic!("{pattern}: {why}"));
            assert!(regex.is_match(good) && !regex.is_match(bad), "{pattern}: {regex}");
        }
    }

    #[test]
    fn faults_are_told_in_a_line() {
        assert_eq!(
            compile("a(").expect_err("it is open"),
            "the pattern is no regular expression: unclosed group"
        );
    }
}
