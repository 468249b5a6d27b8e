//! The query string: its pairs, and the field that each is for.
//!
//! A megabyte of pairs costs a megabyte of work. Pairs for fields that the path or the body has decided are left out.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;

use super::object::Reader;
use super::parts::{Part, Source};
use crate::status::Status;
use crate::transcode::fault::quoted;
use crate::transcode::plan::{Plans, Shape};
use crate::transcode::{DEEPEST, Settings};

/// One pair of a query string.
#[derive(Debug)]
pub(in crate::transcode) struct Parameter<'q> {
    pub(in crate::transcode) key: Cow<'q, str>,
    pub(in crate::transcode) text: Cow<'q, str>,
}

impl Parameter<'_> {
    /// The names of the way to the field, and what stood in brackets after them.
    fn parsed(&self) -> (&str, Option<&str>) {
        match self.key.strip_suffix(']').and_then(|key| key.rsplit_once('[')) {
            Some((names, bracket)) => (names, Some(bracket)),
            None => (&self.key, None),
        }
    }

    pub(super) fn bracket(&self) -> Option<&str> {
        self.parsed().1
    }
}

/// What is bound: the pairs, a part for each, and the paths of all parts.
#[derive(Debug, Default)]
pub(super) struct Bound<'q> {
    pub(super) parameters: Vec<Parameter<'q>>,
    pub(super) parts: Vec<Part>,
    pub(super) paths: Vec<u32>,
}

/// What the path and the body have decided.
#[derive(Debug, Clone, Copy)]
pub(super) struct Taken<'a> {
    pub(super) plans: &'a Plans,
    /// The request message.
    pub(super) input: u32,
    /// The parts of path and body, and their paths.
    pub(super) parts: &'a [Part],
    pub(super) paths: &'a [u32],
    pub(super) captures: &'a [Cow<'a, str>],
    pub(super) variables: &'a [Box<str>],
}

/// Finds the field of every parameter that is to be bound.
pub(super) fn bind<'q>(query: &'q str, taken: Taken<'_>) -> Result<Bound<'q>, Status> {
    let settings = taken.plans.settings();
    let mut bound = Bound { parameters: Vec::new(), parts: Vec::new(), paths: taken.paths.to_vec() };
    let mut path = Vec::new();
    for pair in pairs(query) {
        let parameter = pair?;
        if is_ignored(&parameter, settings) {
            continue;
        }
        let fault =
            |what: String| Status::invalid(format!("query parameter {}: {what}", quoted(&parameter.key)));
        if !resolve(parameter.parsed().0, &taken, &mut path).map_err(fault)? {
            if settings.refuse_unknown_query {
                return Err(fault("the request has no such field".to_owned()));
            }
            continue;
        }
        if taken.decides(&path, &parameter.text).map_err(fault)? {
            continue;
        }
        let index = u32::try_from(bound.parameters.len()).unwrap_or(u32::MAX);
        bound.parts.push(Part::new(&path, Source::Parameter(index), &mut bound.paths));
        bound.parameters.push(parameter);
    }
    Ok(bound)
}

/// Refuses every parameter but the ignored ones: with a whole-message body none is bound.
pub(super) fn refuse_all(query: &str, settings: &Settings) -> Result<(), Status> {
    for pair in pairs(query) {
        let parameter = pair?;
        if !is_ignored(&parameter, settings) {
            let key = quoted(&parameter.key);
            return Err(Status::invalid(format!("query parameter {key}: the body is the whole request")));
        }
    }
    Ok(())
}

fn is_ignored(parameter: &Parameter<'_>, settings: &Settings) -> bool {
    settings.ignored_query.iter().any(|ignored| *ignored == parameter.key)
}

/// The decoded pairs of a query string; empty ones are passed over, a missing `=` is an empty value.
pub(in crate::transcode) fn pairs(query: &str) -> impl Iterator<Item = Result<Parameter<'_>, Status>> {
    query.split('&').filter(|pair| !pair.is_empty()).map(|pair| {
        if pair.contains(';') {
            return Err(Status::invalid("query: `;` does not separate parameters; write it as `%3B`"));
        }
        let (key, text) = pair.split_once('=').unwrap_or((pair, ""));
        Ok(Parameter { key: decode(key)?, text: decode(text)? })
    })
}

/// Decodes `+` and percent escapes, once.
fn decode(text: &str) -> Result<Cow<'_, str>, Status> {
    if let Some(escape) = bad_escape(text) {
        return Err(Status::invalid(format!("query: bad percent escape {}", quoted(escape))));
    }
    let spaced = if text.contains('+') { Cow::Owned(text.replace('+', " ")) } else { Cow::Borrowed(text) };
    let invalid = |_| Status::invalid(format!("query: {} is not valid UTF-8 once decoded", quoted(text)));
    match spaced {
        Cow::Borrowed(text) => percent_decode_str(text).decode_utf8().map_err(invalid),
        Cow::Owned(text) => {
            let decoded = percent_decode_str(&text).decode_utf8().map_err(invalid)?;
            Ok(Cow::Owned(decoded.into_owned()))
        }
    }
}

/// The first `%` that two hexadecimal digits do not follow, with what does.
fn bad_escape(text: &str) -> Option<&str> {
    text.match_indices('%').find_map(|(at, _)| {
        let escape = text.get(at..)?;
        let digits = escape.as_bytes().get(1..3);
        let sound = digits.is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit));
        (!sound)
            .then(|| escape.char_indices().nth(3).and_then(|(end, _)| escape.get(..end)).unwrap_or(escape))
    })
}

/// Finds the way to the field of names such as `a.b`; false when the message has no such field.
fn resolve(names: &str, taken: &Taken<'_>, path: &mut Vec<u32>) -> Result<bool, String> {
    path.clear();
    let deepest = taken.plans.settings().max_depth.min(DEEPEST);
    let mut plan = taken.plans.get(taken.input);
    let mut parent: Option<&crate::transcode::plan::Field> = None;
    for name in names.split('.') {
        if let Some(parent) = parent {
            let inner = parent.kind.message().filter(|_| parent.shape == Shape::Single);
            let inner = inner.ok_or_else(|| format!("{} is not a message", quoted(&parent.proto_name)))?;
            plan = taken.plans.get(inner);
        }
        let found = plan.and_then(|plan| Some((plan, plan.place_of_parameter(name.as_bytes())?)));
        // An extension has a key of its own in JSON, but no name in a query.
        let Some((plan, place)) = found.filter(|_| !name.starts_with('[')) else { return Ok(false) };
        if path.len() >= deepest {
            return Err(format!("nested deeper than {deepest} levels"));
        }
        path.push(u32::try_from(place).unwrap_or(u32::MAX));
        parent = plan.fields.get(place);
    }
    Ok(true)
}

impl Taken<'_> {
    /// Whether the path or the body decides this field, or a part of it, or what it is a part of.
    fn decides(&self, path: &[u32], text: &str) -> Result<bool, String> {
        let mut by_body = false;
        for part in self.parts {
            let other = part.path(self.paths);
            if !other.iter().zip(path).all(|(one, other)| one == other) {
                continue;
            }
            match part.source() {
                Source::Capture(index) => {
                    if self.plans.settings().refuse_path_conflicts && !self.agrees(index, other, path, text) {
                        let name = self.variables.get(index as usize).map(|name| &**name).unwrap_or_default();
                        return Err(format!("the path has another value for {}", quoted(name)));
                    }
                    return Ok(true);
                }
                Source::Body | Source::Parameter(_) => by_body = true,
            }
        }
        Ok(by_body)
    }

    /// Whether the text is for the variable's own field and says what the path says.
    fn agrees(&self, index: u32, variable: &[u32], path: &[u32], text: &str) -> bool {
        let mut message = Some(self.input);
        let mut field = None;
        for place in path {
            field = message.and_then(|index| self.plans.get(index)?.fields.get(*place as usize));
            message = field.and_then(|field| field.kind.message());
        }
        let captured = self.captures.get(index as usize);
        let (Some(field), Some(captured)) = (field.filter(|_| variable == path), captured) else {
            return false;
        };
        field.shape == Shape::Single
            && Reader::new(self.plans, "", super::parts::Texts::default(), &mut Vec::new())
                .agree(field, captured, text)
    }
}
