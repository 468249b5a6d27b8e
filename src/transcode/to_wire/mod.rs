//! JSON, captures and query to wire in one pass over plans: no message and no JSON tree is built, values go straight
//! from the text into the wire bytes.
//!
//! [`parts`] says what belongs where, [`object`] is the loop over an object's members. Nothing is allocated but the
//! wire bytes, unless there are maps, query parameters or escapes.

mod http_body;
mod known;
mod lexer;
mod map;
mod named;
mod object;
mod pairs;
mod parts;
mod put;
mod query;
mod quick;
mod sent;
mod text;
mod value;
mod wire;

use std::borrow::Cow;

use prost_reflect::MessageDescriptor;

pub(super) use self::http_body::RawBody;
#[cfg(test)]
pub(super) use self::known::{DURATION, TIMESTAMP};
#[cfg(test)]
pub(super) use self::lexer::{Lexer, Next};
use self::named::BodyMask;
use self::object::{Places, Reader};
#[cfg(test)]
pub(super) use self::pairs::{Origin, pairs};
use self::parts::{Overlay, Part, Source, Texts};
use self::query::Bound;
#[cfg(test)]
pub(super) use self::text::{Source as TextSource, bool, expected, integer, is_float, unquoted};
use super::fault::Fault;
use super::plan::Plans;
use super::{MaskFrom, PatchMask, RequestBody};
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
    /// The message type that the body is; none when it is no single message.
    message: Option<u32>,
    /// The way to the body's field.
    way: Box<[u32]>,
    /// The mask that the body fills in.
    mask: Option<BodyMask>,
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
        let (mut parts, mut paths, mut way) = (Vec::new(), Vec::new(), Vec::new());
        let mut message = None;
        for (variable, index) in variables.iter().zip(0..) {
            parts.push(Part::new(&places(plans, input, variable), Source::Capture(index), &mut paths));
        }
        let content = match body {
            Body::None => Content::Nothing,
            Body::Whole => {
                message = Some(input);
                Content::Whole
            }
            Body::Field(path) => {
                way = places(plans, input, path);
                parts.push(Part::new(&way, Source::Body, &mut paths));
                let single = path.last().filter(|field| !field.is_list() && !field.is_map());
                message = single.and_then(|field| {
                    plans.index_of(field.kind().as_message().map(MessageDescriptor::full_name)?)
                });
                Content::Field
            }
        };
        parts::sort(&mut parts, &paths);
        let variables = variables.iter().map(|path| path.to_string().into()).collect();
        // An empty body leaves a message present and empty, any other field unset.
        let empty_counts = message.is_some();
        let without_body = parts.iter().filter(|part| empty_counts || part.source() != Source::Body);
        Self {
            input,
            body: content,
            message,
            way: way.into(),
            mask: None,
            raw: message.and_then(|index| plans.get(index)).is_some_and(|plan| plan.http_body.is_some()),
            parts_without_body: without_body.copied().collect(),
            parts: parts.into(),
            paths: paths.into(),
            variables,
        }
    }

    /// Has bodies fill in the request's mask, where they can: where a field of it is the body.
    pub(super) fn fill_mask(&mut self, plans: &Plans, rules: PatchMask) {
        let message = self.message.filter(|_| self.body == Content::Field);
        self.mask = message.and_then(|message| BodyMask::of(plans, self.input, message, &self.way, rules));
    }

    /// Whether the request's body is read at all.
    pub(super) fn reads_body(&self) -> bool {
        self.body != Content::Nothing
    }

    /// Whether the body is a message.
    pub(super) fn takes_message(&self) -> bool {
        self.message.is_some()
    }

    /// Whether the body is the whole message.
    pub(super) fn reads_whole_body(&self) -> bool {
        self.body == Content::Whole
    }

    /// Whether the body is a `google.api.HttpBody`, so that it may come as it is.
    pub(super) fn reads_raw_body(&self) -> bool {
        self.raw
    }

    /// Appends the request message's wire bytes to `out`, which stays as it was when that fails. Says who made its
    /// mask.
    pub(super) fn write(
        &self,
        plans: &Plans,
        captures: &[Cow<'_, str>],
        query: Option<&str>,
        body: RequestBody<'_>,
        out: &mut Vec<u8>,
    ) -> Result<MaskFrom, Status> {
        let sent = self.sent(plans, body)?;
        let no_body =
            sent.wire.is_none() && sent.json.iter().all(|byte| matches!(byte, b' ' | b'\t' | b'\n' | b'\r'));
        let own = if no_body { &self.parts_without_body } else { &self.parts };
        let bound = self.bind(plans, captures, query, sent.form, own)?;
        let texts = Texts { no_body, wire: sent.wire, ..self.texts(captures, bound.as_ref()) };
        let parts = bound.as_ref().map_or(&**own, |bound| &bound.parts);
        let refused = |fault: Fault| fault.into_request_status(sent.json);
        let start = out.len();
        let mut reader = Reader::new(plans, text_of(sent.json).map_err(refused)?, texts, out);
        let read = self.read(&mut reader, Overlay::new(parts), no_body);
        let read = read.and_then(|()| self.write_mask(plans, &sent, (parts, texts.paths), out));
        if read.is_err() {
            out.truncate(start);
        }
        read.map_err(refused)
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
        let plan = reader.plan(self.input)?;
        if self.body == Content::Whole && !no_body {
            if let Some(wire) = reader.texts.wire {
                return reader.over_wire(plan, &[wire], parts);
            }
            reader.message(self.input, parts)?;
            return reader.json.end();
        }
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

fn text_of(json: &[u8]) -> Result<&str, Fault> {
    simdutf8::compat::from_utf8(json)
        .map_err(|error| Fault::at(error.valid_up_to(), "the text is not valid UTF-8"))
}
