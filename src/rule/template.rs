//! The path template grammar of `google/api/http.proto`: text to [`PathTemplate`] and back.
//!
//! Wider than Google's in one point, as grpc-gateway is: `**` may stand anywhere, but once. Not for what a
//! variable's field path means ([`field_path`](super::field_path)) nor for matching
//! ([`route`](crate::route)).

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

/// A parsed path template (`google/api/http.proto`, "Path template syntax"). `/` has no segments.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PathTemplate {
    /// The segments, in order; variables are expanded into theirs.
    pub segments: Vec<Segment>,
    /// The variables, in order of appearance.
    pub variables: Vec<Variable>,
    /// The custom verb after the colon, percent-decoded, without the colon.
    pub verb: Option<String>,
}

/// One segment of a path template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Segment {
    /// Literal text, percent-decoded.
    Literal(String),
    /// `*`: exactly one segment.
    One,
    /// `**`: zero or more segments.
    Many,
}

/// A variable of a path template: a field path and the segments it captures.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Variable {
    /// The dotted field path as written.
    pub field_path: String,
    /// The first segment captured, as an index into the template's segments.
    pub first: usize,
    /// One past the last segment captured.
    pub end: usize,
}

/// Where a text stops being a path template, and why.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{template}` is not a path template: {what}, at column {column}")]
pub struct TemplateError {
    /// The text.
    pub template: String,
    /// The place in the text, in bytes from 0.
    pub offset: usize,
    /// The place in the text, in characters from 1.
    pub column: usize,
    /// What was expected and what was found.
    pub what: String,
    /// The cure.
    pub help: &'static str,
}

impl FromStr for PathTemplate {
    type Err = TemplateError;

    fn from_str(text: &str) -> Result<Self, TemplateError> {
        let mut parser = Parser { text, at: 0, segments: Vec::new(), variables: Vec::new() };
        match parser.template() {
            Ok(verb) => Ok(Self { segments: parser.segments, variables: parser.variables, verb }),
            Err(Fault { at, what, help }) => Err(TemplateError {
                template: text.to_owned(),
                offset: at,
                column: text.get(..at).unwrap_or(text).chars().count() + 1,
                what,
                help,
            }),
        }
    }
}

impl PathTemplate {
    /// The index of the `**` segment, of which there is at most one.
    #[must_use]
    pub fn many(&self) -> Option<usize> {
        self.segments.iter().position(|segment| *segment == Segment::Many)
    }

    /// The segments of a variable.
    pub(super) fn captured(&self, variable: &Variable) -> &[Segment] {
        self.segments.get(variable.first..variable.end).unwrap_or_default()
    }
}

/// Writes the template as it would be written in a rule; reading that gives an equal template.
impl fmt::Display for PathTemplate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.segments.is_empty() {
            f.write_str("/")?;
        }
        let mut variables = self.variables.iter().peekable();
        let mut at = 0;
        while at < self.segments.len() {
            f.write_str("/")?;
            if let Some(variable) = variables.next_if(|variable| variable.first == at) {
                self.write_variable(variable, f)?;
                at = variable.end.max(at + 1);
                continue;
            }
            // In the last segment a colon would begin a verb.
            let plain_colon = at + 1 < self.segments.len() || self.verb.is_some();
            self.segments.get(at).map_or(Ok(()), |segment| write_segment(segment, plain_colon, f))?;
            at += 1;
        }
        let Some(verb) = &self.verb else { return Ok(()) };
        // After a variable the first colon begins the verb, else the last one.
        let after_variable = self.variables.last().is_some_and(|last| last.end == self.segments.len());
        write!(f, ":{}", encode(verb, after_variable))
    }
}

impl PathTemplate {
    fn write_variable(&self, variable: &Variable, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{{{}", variable.field_path)?;
        let segments = self.captured(variable);
        if segments != [Segment::One] {
            for (index, segment) in segments.iter().enumerate() {
                f.write_str(if index == 0 { "=" } else { "/" })?;
                write_segment(segment, true, f)?;
            }
        }
        f.write_str("}")
    }
}

fn write_segment(segment: &Segment, plain_colon: bool, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    match segment {
        Segment::One => f.write_str("*"),
        Segment::Many => f.write_str("**"),
        // These two would read as wildcards.
        Segment::Literal(text) if text == "*" => f.write_str("%2A"),
        Segment::Literal(text) if text == "**" => f.write_str("%2A%2A"),
        Segment::Literal(text) => f.write_str(&encode(text, plain_colon)),
    }
}

fn encode(text: &str, plain_colon: bool) -> Cow<'_, str> {
    utf8_percent_encode(text, if plain_colon { NOT_PCHAR } else { NOT_PCHAR_OR_COLON }).into()
}

struct Parser<'t> {
    text: &'t str,
    at: usize,
    segments: Vec<Segment>,
    variables: Vec<Variable>,
}

struct Fault {
    at: usize,
    what: String,
    help: &'static str,
}

impl<'t> Parser<'t> {
    /// `"/" Segments [ ":" Verb ]`, or `/` alone. Answers the verb.
    fn template(&mut self) -> Result<Option<String>, Fault> {
        if !self.take('/') {
            return Err(self.expected("`/`", "a path template begins with `/`"));
        }
        if self.rest().is_empty() {
            return Ok(None);
        }
        loop {
            let verb = if self.rest().starts_with('{') {
                self.variable()?;
                if self.take(':') { self.verb_of(self.at, self.rest())? } else { None }
            } else {
                self.top_segment()?
            };
            if self.rest().is_empty() {
                return Ok(verb);
            }
            if !self.take('/') {
                return Err(self.expected(
                    "`/`, `:` or the end",
                    "a variable or wildcard fills a whole segment: separate segments with `/`",
                ));
            }
        }
    }

    /// A segment outside of variables, with the verb if it is the last one.
    fn top_segment(&mut self) -> Result<Option<String>, Fault> {
        let (start, run) = (self.at, self.run());
        if self.at < self.text.len() {
            self.plain_segment(start, run)?;
            return Ok(None);
        }
        let Some(colon) = run.rfind(':') else {
            self.plain_segment(start, run)?;
            return Ok(None);
        };
        let (base, verb) = run.split_at(colon);
        if base.is_empty() {
            self.at = start;
            return Err(self.expected("a segment", "a custom verb follows a segment: `/v1/items:export`"));
        }
        self.plain_segment(start, base)?;
        self.verb_of(start + colon + 1, verb.get(1..).unwrap_or_default())
    }

    /// An empty verb is no verb.
    fn verb_of(&mut self, start: usize, text: &str) -> Result<Option<String>, Fault> {
        self.at = self.text.len();
        if text.is_empty() {
            return Ok(None);
        }
        literal(start, text).map(Some)
    }

    /// `"{" FieldPath [ "=" Segments ] "}"`
    fn variable(&mut self) -> Result<(), Fault> {
        let start = self.at;
        self.take('{');
        let field_path = self.field_path()?.to_owned();
        if self.variables.iter().any(|variable| variable.field_path == field_path) {
            let what = format!("variable `{field_path}` stands twice");
            return Err(Fault { at: start, what, help: "a field has one value: capture it once" });
        }
        let first = self.segments.len();
        if self.take('=') {
            self.variable_segments()?;
        } else {
            self.segments.push(Segment::One);
        }
        if !self.take('}') {
            let help = "a variable is written `{field.path}` or `{field.path=segments}`";
            return Err(self.expected("`}`", help));
        }
        let end = self.segments.len();
        self.variables.push(Variable { field_path, first, end });
        Ok(())
    }

    fn variable_segments(&mut self) -> Result<(), Fault> {
        loop {
            let (start, run) = (self.at, self.run());
            if self.rest().starts_with('{') {
                return Err(self.expected("`/` or `}`", "variables cannot be nested"));
            }
            self.plain_segment(start, run)?;
            if !self.take('/') {
                return Ok(());
            }
        }
    }

    /// `IDENT { "." IDENT }`
    fn field_path(&mut self) -> Result<&'t str, Fault> {
        let start = self.at;
        loop {
            let rest = self.rest();
            let ident = |c: char| c.is_ascii_alphanumeric() || c == '_';
            let length = rest.find(|c| !ident(c)).unwrap_or(rest.len());
            if length == 0 || rest.starts_with(|c: char| c.is_ascii_digit()) {
                let help = "a variable names a field of the request message: `{name}` or `{parent.name}`";
                return Err(self.expected("a field name", help));
            }
            self.at += length;
            if !self.take('.') {
                return Ok(self.text.get(start..self.at).unwrap_or_default());
            }
        }
    }

    /// `*`, `**` or a literal.
    fn plain_segment(&mut self, start: usize, text: &str) -> Result<(), Fault> {
        let segment = match text {
            "" => {
                self.at = start;
                let help = "segments are not empty: no `//`, and no `/` at the end";
                return Err(self.expected("a segment", help));
            }
            "*" => Segment::One,
            "**" if self.segments.contains(&Segment::Many) => {
                let what = "a second `**`".to_owned();
                return Err(Fault { at: start, what, help: "`**` stands at most once in a template" });
            }
            "**" => Segment::Many,
            text => Segment::Literal(literal(start, text)?),
        };
        self.segments.push(segment);
        Ok(())
    }

    fn rest(&self) -> &'t str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn take(&mut self, c: char) -> bool {
        let taken = self.rest().starts_with(c);
        self.at += if taken { c.len_utf8() } else { 0 };
        taken
    }

    /// Takes what could be one segment.
    fn run(&mut self) -> &'t str {
        let rest = self.rest();
        let length = rest.find(['/', '{', '}']).unwrap_or(rest.len());
        self.at += length;
        rest.get(..length).unwrap_or_default()
    }

    fn expected(&self, expected: &str, help: &'static str) -> Fault {
        let found = match self.rest().chars().next() {
            Some(c) => format!("`{c}`"),
            None => "the end".to_owned(),
        };
        Fault { at: self.at, what: format!("expected {expected}, found {found}"), help }
    }
}

/// A run of RFC 3986 `pchar`, percent-decoded.
fn literal(start: usize, text: &str) -> Result<String, Fault> {
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        if c == '%' {
            let hex = |c: Option<(usize, char)>| c.is_some_and(|(_, c)| c.is_ascii_hexdigit());
            if !(hex(chars.next()) && hex(chars.next())) {
                let what = "`%` without two hexadecimal digits".to_owned();
                return Err(Fault { at: start + at, what, help: "write a percent sign itself as `%25`" });
            }
        } else if !is_pchar(c) {
            let what = format!("{c:?} cannot stand in a segment");
            let help = "write it percent-encoded, as `%20` for a space (RFC 3986, section 2.1)";
            return Err(Fault { at: start + at, what, help });
        }
    }
    percent_decode_str(text).decode_utf8().map(Cow::into_owned).map_err(|_| {
        let what = format!("`{text}` does not decode to UTF-8");
        Fault { at: start, what, help: "percent-encode the bytes of the UTF-8 text" }
    })
}

fn is_pchar(c: char) -> bool {
    c.is_ascii_alphanumeric() || "-._~!$&'()*+,;=:@".contains(c)
}

/// What RFC 3986 does not allow in a segment as it is.
const NOT_PCHAR: &AsciiSet = &NOT_PCHAR_OR_COLON.remove(b':');
const NOT_PCHAR_OR_COLON: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~')
    .remove(b'!')
    .remove(b'$')
    .remove(b'&')
    .remove(b'\'')
    .remove(b'(')
    .remove(b')')
    .remove(b'*')
    .remove(b'+')
    .remove(b',')
    .remove(b';')
    .remove(b'=')
    .remove(b'@');

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parse(text: &str) -> PathTemplate {
        text.parse().unwrap_or_else(|error| panic!("{error}"))
    }

    fn shape(text: &str) -> String {
        let template = parse(text);
        let segments: Vec<_> = template
            .segments
            .iter()
            .map(|segment| match segment {
                Segment::Literal(text) => format!("'{text}'"),
                Segment::One => "*".to_owned(),
                Segment::Many => "**".to_owned(),
            })
            .collect();
        let variables: Vec<_> = template
            .variables
            .iter()
            .map(|variable| format!("{}[{}..{}]", variable.field_path, variable.first, variable.end))
            .collect();
        format!("{} | {} | {:?}", segments.join(" "), variables.join(" "), template.verb)
    }

    #[test]
    fn templates_read() {
        for (text, expected) in [
            ("/", " |  | None"),
            ("/v1", "'v1' |  | None"),
            ("/v1/{id}", "'v1' * | id[1..2] | None"),
            ("/v1/{id=*}", "'v1' * | id[1..2] | None"),
            ("/v1/{name=shelves/*/books/*}", "'v1' 'shelves' * 'books' * | name[1..5] | None"),
            ("/v1/{a.b.c=**}:verb", "'v1' ** | a.b.c[1..2] | Some(\"verb\")"),
            ("/v1/**/a/*", "'v1' ** 'a' * |  | None"),
            ("/v1/{name=a/**}/c", "'v1' 'a' ** 'c' | name[1..3] | None"),
            ("/{a=**}/{b}", "** * | a[0..1] b[1..2] | None"),
            // After a variable the first colon begins the verb, else the last one.
            ("/{n}:a:b", "* | n[0..1] | Some(\"a:b\")"),
            ("/v1/a:b:c", "'v1' 'a:b' |  | Some(\"c\")"),
            ("/v1/a:b/c", "'v1' 'a:b' 'c' |  | None"),
            ("/{n=seg/wi:th}", "'seg' 'wi:th' | n[0..2] | None"),
            ("/v1/*:verb", "'v1' * |  | Some(\"verb\")"),
            // An empty verb is none.
            ("/{n}:", "* | n[0..1] | None"),
            ("/v1/a:", "'v1' 'a' |  | None"),
            ("/v1/a%20b%2Fc", "'v1' 'a b/c' |  | None"),
            ("/v1/%C3%A9", "'v1' 'é' |  | None"),
            ("/v1/%2A", "'v1' '*' |  | None"),
            ("/v1/a*b;x=1,2@~!$&'()+", "'v1' 'a*b;x=1,2@~!$&'()+' |  | None"),
            ("/v1/{n}:c%61ncel", "'v1' * | n[1..2] | Some(\"cancel\")"),
        ] {
            assert_eq!(shape(text), expected, "{text}");
        }
    }

    #[test]
    fn faults_are_located() {
        for (text, column, what) in [
            ("", 1, "expected `/`, found the end"),
            ("v1", 1, "expected `/`, found `v`"),
            ("//", 2, "expected a segment, found `/`"),
            ("/v1/", 5, "expected a segment, found the end"),
            ("/v1/{n}/", 9, "expected a segment, found the end"),
            ("/v1//a", 5, "expected a segment, found `/`"),
            ("/:verb", 2, "expected a segment, found `:`"),
            ("/v1/:verb", 5, "expected a segment, found `:`"),
            ("/v1/{a={b}}", 8, "expected `/` or `}`, found `{`"),
            ("/v1/{a}{b}", 8, "expected `/`, `:` or the end, found `{`"),
            ("/v1/x{a}", 6, "expected `/`, `:` or the end, found `{`"),
            ("/v1/{a}x", 8, "expected `/`, `:` or the end, found `x`"),
            ("/v1/a}", 6, "expected `/`, `:` or the end, found `}`"),
            ("/v1/}", 5, "expected a segment, found `}`"),
            ("/v1/{a", 7, "expected `}`, found the end"),
            ("/v1/{a-b}", 7, "expected `}`, found `-`"),
            ("/v1/{}", 6, "expected a field name, found `}`"),
            ("/v1/{a.}", 8, "expected a field name, found `}`"),
            ("/v1/{1a}", 6, "expected a field name, found `1`"),
            ("/v1/{a=}", 8, "expected a segment, found `}`"),
            ("/v1/{a=b/}", 10, "expected a segment, found `}`"),
            ("/v1/{a=/b}", 8, "expected a segment, found `/`"),
            ("/v1/{a=b", 9, "expected `}`, found the end"),
            ("/v1/é", 5, "'é' cannot stand in a segment"),
            ("/v1/a b", 6, "' ' cannot stand in a segment"),
            ("/v1/a?b", 6, "'?' cannot stand in a segment"),
            ("/v1/a#b", 6, "'#' cannot stand in a segment"),
            ("/v1/a%2", 6, "`%` without two hexadecimal digits"),
            ("/v1/a%zz", 6, "`%` without two hexadecimal digits"),
            ("/v1/%ff", 5, "`%ff` does not decode to UTF-8"),
            ("/v1/{a}:b/c", 10, "'/' cannot stand in a segment"),
            ("/**/a/**", 7, "a second `**`"),
            ("/v1/{a}/{a}", 9, "variable `a` stands twice"),
        ] {
            let error = text.parse::<PathTemplate>().expect_err(text);
            assert_eq!((error.column, error.what.as_str()), (column, what), "{text}");
            assert!(!error.help.is_empty());
        }
    }

    #[test]
    fn an_error_says_text_and_column() {
        let error = "/é%20/{x".parse::<PathTemplate>().expect_err("not a template");
        assert_eq!(
            error.to_string(),
            "`/é%20/{x` is not a path template: 'é' cannot stand in a segment, at column 2"
        );
        let error = "/v1/{x".parse::<PathTemplate>().expect_err("not a template");
        assert_eq!(error.offset, 6);
    }

    #[test]
    fn templates_are_written_as_in_rules() {
        for text in [
            "/",
            "/v1/{id}",
            "/v1/{name=shelves/*/books/*}:cancel",
            "/v1/{name=a/**}/c",
            "/{n}:a:b",
            "/v1/a:b:c",
            "/v1/%2A/a%20b",
            "/v1/a%3Ab",
        ] {
            assert_eq!(parse(text).to_string(), text);
        }
        assert_eq!(parse("/v1/{id=*}").to_string(), "/v1/{id}");
    }

    fn segment() -> impl Strategy<Value = Segment> {
        prop_oneof![
            3 => "[a-c:%*/{} é~]{1,4}".prop_map(Segment::Literal),
            2 => Just(Segment::One),
            1 => Just(Segment::Many),
        ]
    }

    /// Pieces are segments, alone or together as a variable's.
    fn template() -> impl Strategy<Value = PathTemplate> {
        let piece = (any::<bool>(), prop::collection::vec(segment(), 1..4));
        let verb = prop::option::of("[a-c:%/é*]{1,4}");
        (prop::collection::vec(piece, 0..5), verb).prop_map(|(pieces, verb)| {
            let (mut segments, mut variables) = (Vec::new(), Vec::new());
            for (index, (is_variable, piece)) in pieces.into_iter().enumerate() {
                let first = segments.len();
                for segment in piece {
                    let second = segment == Segment::Many && segments.contains(&Segment::Many);
                    segments.push(if second { Segment::One } else { segment });
                }
                if is_variable {
                    let field_path = format!("f{index}.x_{index}");
                    variables.push(Variable { field_path, first, end: segments.len() });
                }
            }
            let verb = verb.filter(|_| !segments.is_empty());
            PathTemplate { segments, variables, verb }
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4096))]

        #[test]
        fn what_is_written_reads_back(template in template()) {
            let text = template.to_string();
            prop_assert_eq!(text.parse::<PathTemplate>(), Ok(template), "{}", text);
        }

        #[test]
        fn any_text_is_read_or_refused(text in "/?([a{}=*/:.%2Fé _-]|\\PC){0,24}") {
            if let Ok(template) = text.parse::<PathTemplate>() {
                prop_assert_eq!(template.to_string().parse::<PathTemplate>(), Ok(template));
            }
        }
    }
}
