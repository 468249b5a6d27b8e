//! JSON, captures and query to wire in one pass over plans: no message and no JSON tree is built, values go straight
//! from the text into the wire bytes.
//!
//! [`parts`] says what belongs where, [`object`] is the loop over an object's members. Nothing is allocated but the
//! wire bytes, unless there are maps, query parameters or escapes.

mod known;
mod lexer;
mod map;
mod object;
mod parts;
mod put;
mod query;
mod text;
mod value;

use std::borrow::Cow;

#[cfg(test)]
pub(super) use self::known::{DURATION, TIMESTAMP};
#[cfg(test)]
pub(super) use self::lexer::{Lexer, Next};
use self::object::Reader;
use self::parts::{Overlay, Part, Source, Texts};
use super::fault::Fault;
use super::plan::Plans;
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
    /// The captures and the body, in the order in which they are written.
    parts: Box<[Part]>,
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
        let (mut parts, mut paths) = (Vec::new(), Vec::new());
        for (variable, index) in variables.iter().zip(0..) {
            parts.push(Part::new(&places(plans, input, variable), Source::Capture(index), &mut paths));
        }
        let content = match body {
            Body::None => Content::Nothing,
            Body::Whole => Content::Whole,
            Body::Field(path) => {
                parts.push(Part::new(&places(plans, input, path), Source::Body, &mut paths));
                Content::Field
            }
        };
        parts::sort(&mut parts, &paths);
        let variables = variables.iter().map(|path| path.to_string().into()).collect();
        Self { input, body: content, parts: parts.into(), paths: paths.into(), variables }
    }

    /// Whether the request's body is read at all.
    pub(super) fn reads_body(&self) -> bool {
        self.body != Content::Nothing
    }

    /// Appends the request message's wire bytes.
    pub(super) fn write(
        &self,
        plans: &Plans,
        captures: &[Cow<'_, str>],
        query: Option<&str>,
        body: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<(), Status> {
        let body = if self.reads_body() { body } else { &[] };
        let bound = match query {
            None | Some("") => None,
            Some(query) if self.body == Content::Whole => {
                if plans.settings().refuse_unknown_query {
                    query::refuse_all(query, plans.settings())?;
                }
                None
            }
            Some(query) => {
                let (parts, paths, variables) = (&self.parts, &self.paths, &self.variables);
                let taken = query::Taken { plans, input: self.input, parts, paths, captures, variables };
                let mut bound = query::bind(query, taken)?;
                parts::sort(&mut bound.parts, &bound.paths);
                Some(bound)
            }
        };
        let no_body = body.iter().all(|byte| matches!(byte, b' ' | b'\t' | b'\n' | b'\r'));
        let texts = Texts {
            paths: bound.as_ref().map_or(&self.paths, |bound| &bound.paths),
            captures,
            variables: &self.variables,
            parameters: bound.as_ref().map_or(&[], |bound| &bound.parameters),
            no_body,
        };
        let parts = Overlay::new(bound.as_ref().map_or(&self.parts, |bound| &bound.parts));
        let mut read = || {
            let mut reader = Reader::new(plans, text_of(body)?, texts, out);
            if self.body == Content::Whole && !no_body {
                reader.message(self.input, parts)?;
                return reader.json.end();
            }
            let plan = reader.plan(self.input)?;
            reader.complete(plan, parts, 0)
        };
        read().map_err(|fault: Fault| fault.into_request_status(body))
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

fn text_of(json: &[u8]) -> Result<&str, Fault> {
    simdutf8::compat::from_utf8(json)
        .map_err(|error| Fault::at(error.valid_up_to(), "the text is not valid UTF-8"))
}
