//! JSON, captures and query to wire in one pass over plans: no message and no JSON tree is built, values go straight
//! from the text into the wire bytes.
//!
//! [`parts`] says what belongs where, [`object`] is the loop over an object's members. Nothing is allocated but the
//! wire bytes, unless there are maps, query parameters or escapes.

mod http_body;
mod known;
mod lexer;
mod map;
mod object;
mod parts;
mod put;
mod query;
mod quick;
mod text;
mod value;

use std::borrow::Cow;

pub(super) use self::http_body::RawBody;
#[cfg(test)]
pub(super) use self::known::{DURATION, TIMESTAMP};
#[cfg(test)]
pub(super) use self::lexer::{Lexer, Next};
use self::object::{Places, Reader};
use self::parts::{Overlay, Part, Source, Texts};
use self::query::Bound;
#[cfg(test)]
pub(super) use self::query::pairs;
#[cfg(test)]
pub(super) use self::text::{Source as TextSource, bool, expected, integer, is_float, unquoted};
use super::fault::Fault;
use super::plan::{Field, Plans};
use crate::rule::{Body, FieldPath};
use crate::status::Status;

/// Appends the wire bytes of the message that `json` holds.
///
/// # Errors
/// 400 with the JSON path, line and column, and what was expected.
pub(super) fn message(plans: &Plans, index: u32, json: &[u8], out: &mut Vec<u8>) -> Result<(), Status> {
    let mut read = || {
        let mut reader = Reader::new(plans, text_of(json)?, Texts::default(), out);
        reader.message(index, Overlay::NONE)?;
        reader.json.end()
    };
    read().map_err(|fault: Fault| fault.into_request_status(json))
}

/// What the requests of one binding are made of.
#[derive(Debug, Clone)]
pub(super) struct RequestPlan {
    input: u32,
    body: Content,
    /// Whether it is a `google.api.HttpBody`.
    raw: bool,
    /// The captures and the body, in the order in which they are written.
    parts: Box<[Part]>,
    /// The same without the body, when it is a field that an empty body leaves unset.
    parts_without_body: Box<[Part]>,
    paths: Box<[u32]>,
    /// The names of the captures' fields.
    variables: Box<[Box<str>]>,
}

/// What the body of a request is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Content {
    Nothing,
    Whole,
    Field,
}

impl RequestPlan {
    /// Prepares the requests of a binding to a method whose input is the message `input`.
    pub(super) fn compile(plans: &Plans, input: u32, body: &Body, variables: &[FieldPath]) -> Self {
        let (mut parts, mut paths, mut empty_counts) = (Vec::new(), Vec::new(), false);
        let raw = match body {
            Body::None => None,
            Body::Whole => plans.get(input).and_then(|plan| plan.http_body),
            Body::Field(path) => field(plans, input, path).and_then(|field| field.http_body(plans)),
        };
        for (variable, index) in variables.iter().zip(0..) {
            parts.push(Part::new(&places(plans, input, variable), Source::Capture(index), &mut paths));
        }
        let content = match body {
            Body::None => Content::Nothing,
            Body::Whole => Content::Whole,
            Body::Field(path) => {
                parts.push(Part::new(&places(plans, input, path), Source::Body, &mut paths));
                let single = path.last().filter(|field| !field.is_list() && !field.is_map());
                // An empty body leaves a message present and empty, any other field unset.
                empty_counts = single.is_some_and(|field| field.kind().as_message().is_some());
                Content::Field
            }
        };
        parts::sort(&mut parts, &paths);
        let variables = variables.iter().map(|path| path.to_string().into()).collect();
        let without_body = parts.iter().filter(|part| empty_counts || part.source() != Source::Body);
        Self {
            input,
            body: content,
            raw: raw.is_some(),
            parts_without_body: without_body.copied().collect(),
            parts: parts.into(),
            paths: paths.into(),
            variables,
        }
    }

    /// Whether the request's body is read at all.
    pub(super) fn reads_body(&self) -> bool {
        self.body != Content::Nothing
    }

    /// Whether the body is the whole message.
    pub(super) fn reads_whole_body(&self) -> bool {
        self.body == Content::Whole
    }

    /// Whether the body is a `google.api.HttpBody`, so that it may come as it is.
    pub(super) fn reads_raw_body(&self) -> bool {
        self.raw
    }

    /// Appends the request message's wire bytes to `out`, which stays as it was when that fails.
    pub(super) fn write(
        &self,
        plans: &Plans,
        captures: &[Cow<'_, str>],
        query: Option<&str>,
        body: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<(), Status> {
        let body = if self.reads_body() { body } else { &[] };
        let no_body = body.iter().all(|byte| matches!(byte, b' ' | b'\t' | b'\n' | b'\r'));
        let own = if no_body { &self.parts_without_body } else { &self.parts };
        let bound = self.bind(plans, captures, query, own)?;
        let texts = Texts { no_body, ..self.texts(captures, bound.as_ref()) };
        let parts = Overlay::new(bound.as_ref().map_or(own, |bound| &bound.parts));
        let refused = |fault: Fault| fault.into_request_status(body);
        let start = out.len();
        let mut reader = Reader::new(plans, text_of(body).map_err(refused)?, texts, out);
        let read = self.read(&mut reader, parts, no_body);
        if read.is_err() {
            out.truncate(start);
        }
        read.map_err(refused)
    }

    /// Finds the fields of the query's parameters, and joins them with the parts of path and body.
    fn bind<'q>(
        &self,
        plans: &Plans,
        captures: &[Cow<'_, str>],
        query: Option<&'q str>,
        own: &[Part],
    ) -> Result<Option<Bound<'q>>, Status> {
        let Some(query) = query.filter(|query| !query.is_empty()) else { return Ok(None) };
        if self.body == Content::Whole {
            if plans.settings().refuse_unknown_query {
                query::refuse_all(query, plans.settings())?;
            }
            return Ok(None);
        }
        let (parts, paths, variables) = (&self.parts, &self.paths, &self.variables);
        let taken = query::Taken { plans, input: self.input, parts, paths, captures, variables };
        let mut bound = query::bind(query, taken)?;
        bound.parts.extend_from_slice(own);
        parts::sort(&mut bound.parts, &bound.paths);
        Ok(Some(bound))
    }

    fn texts<'r>(&'r self, captures: &'r [Cow<'r, str>], bound: Option<&'r Bound<'r>>) -> Texts<'r> {
        Texts {
            paths: bound.map_or(&self.paths, |bound| &bound.paths),
            captures,
            variables: &self.variables,
            parameters: bound.map_or(&[], |bound| &bound.parameters),
            ..Texts::default()
        }
    }

    fn read<'j>(
        &self,
        reader: &mut Reader<'_, 'j, '_>,
        parts: Overlay<'j>,
        no_body: bool,
    ) -> Result<(), Fault> {
        if self.body == Content::Whole && !no_body {
            reader.message(self.input, parts)?;
            return reader.json.end();
        }
        let plan = reader.plan(self.input)?;
        reader.complete(plan, parts, &Places::default())
    }
}

/// The way to a field by places.
fn places(plans: &Plans, input: u32, path: &FieldPath) -> Vec<u32> {
    let mut message = Some(input);
    let step = |field: &prost_reflect::FieldDescriptor| {
        let plan = message.and_then(|index| plans.get(index))?;
        let place = plan.place(field.number())?;
        message = plan.fields.get(place).and_then(|field| field.kind.message());
        u32::try_from(place).ok()
    };
    path.0.iter().map_while(step).collect()
}

/// The field that a path leads to.
fn field<'p>(plans: &'p Plans, input: u32, path: &FieldPath) -> Option<&'p Field> {
    let (mut message, mut found) = (Some(input), None);
    for place in places(plans, input, path) {
        found = plans.get(message?)?.fields.get(place as usize);
        message = found?.kind.message();
    }
    found
}

fn text_of(json: &[u8]) -> Result<&str, Fault> {
    simdutf8::compat::from_utf8(json)
        .map_err(|error| Fault::at(error.valid_up_to(), "the text is not valid UTF-8"))
}
