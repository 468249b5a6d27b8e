//! A request is made of parts: its body, the captures of its path, the parameters of its query, each for one field.
//!
//! Parts are written where they belong, message by message, so that no message occurs twice on the wire: that is
//! allowed, but some readers take the last occurrence for all of it. What belongs into the JSON body lies over it as
//! an [`Overlay`] and is written where the body has that message. The path always wins: what the body says of
//! the same field is read, and dropped.

use std::borrow::Cow;

use super::http_body::RawBody;
use super::object::{Object, Places, Read, Reader, another_is_set};
use super::pairs::Parameter;
use super::put;
use super::text::Source as TextSource;
use crate::transcode::fault::{Fault, quoted};
use crate::transcode::plan::{Field, Kind, Message, Shape};

/// One part of a request and the way to its field.
#[derive(Debug, Clone, Copy)]
pub(in crate::transcode) struct Part {
    /// Where its path lies among all paths.
    start: u32,
    len: u32,
    source: Source,
}

/// What a part is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::transcode) enum Source {
    /// The body: JSON, or the bytes of an `HttpBody`.
    Body,
    /// A capture, by its index.
    Capture(u32),
    /// A query parameter, by its index.
    Parameter(u32),
}

/// The texts that parts are made of, and their paths: places of fields, one path after the other.
#[derive(Debug, Clone, Copy, Default)]
pub(in crate::transcode) struct Texts<'r> {
    pub(super) paths: &'r [u32],
    pub(super) captures: &'r [Cow<'r, str>],
    /// The names of the captures' fields, for messages.
    pub(super) variables: &'r [Box<str>],
    pub(super) parameters: &'r [Parameter<'r>],
    /// Whether there is nothing in the body.
    pub(super) no_body: bool,
    /// The body, when it is the bytes of an `HttpBody`.
    pub(super) raw: Option<RawBody<'r>>,
    /// The body, where it is no JSON but the wire bytes of a message already.
    pub(super) wire: Option<&'r [u8]>,
}

impl Part {
    /// A part whose path is added to all paths.
    pub(super) fn new(path: &[u32], source: Source, paths: &mut Vec<u32>) -> Self {
        let start = u32::try_from(paths.len()).unwrap_or(u32::MAX);
        paths.extend_from_slice(path);
        Self { start, len: u32::try_from(path.len()).unwrap_or_default(), source }
    }

    pub(super) fn source(self) -> Source {
        self.source
    }

    pub(super) fn path(self, paths: &[u32]) -> &[u32] {
        let start = self.start as usize;
        paths.get(start..start + self.len as usize).unwrap_or_default()
    }

    fn step(self, depth: usize, paths: &[u32]) -> Option<u32> {
        self.path(paths).get(depth).copied()
    }
}

/// Brings parts into the order in which they are written: by path, then as they came.
pub(super) fn sort(parts: &mut [Part], paths: &[u32]) {
    parts.sort_by(|one, other| one.path(paths).cmp(other.path(paths)).then(one.source.cmp(&other.source)));
}

/// The parts that lie in one message, in order. The first `depth` steps of their paths lead to it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Overlay<'r> {
    parts: &'r [Part],
    depth: usize,
}

impl<'r> Overlay<'r> {
    pub(super) const NONE: Self = Self { parts: &[], depth: 0 };

    pub(super) fn new(parts: &'r [Part]) -> Self {
        Self { parts, depth: 0 }
    }

    #[inline]
    pub(super) fn is_empty(self) -> bool {
        self.parts.is_empty()
    }

    /// The capture of the field at this place, and where the field comes from.
    pub(super) fn capture_at(mut self, place: usize, paths: &[u32]) -> Option<(u32, Option<Source>)> {
        while let Some((run, rest)) = self.split(paths) {
            if run.place == place {
                return run.capture().map(|index| (index, run.source()));
            }
            self = rest;
        }
        None
    }

    /// Splits off the parts of the first field.
    pub(super) fn split(self, paths: &[u32]) -> Option<(Run<'r>, Self)> {
        let place = self.parts.first()?.step(self.depth, paths)?;
        let len = self.parts.iter().take_while(|part| part.step(self.depth, paths) == Some(place)).count();
        let (run, rest) = self.parts.split_at_checked(len)?;
        // The path of a part that is the field itself is shorter than those that go on.
        let own = run.iter().take_while(|part| part.len as usize == self.depth + 1).count();
        let (own, inner) = run.split_at_checked(own)?;
        let run = Run { place: place as usize, own, inner: Self { parts: inner, depth: self.depth + 1 } };
        Some((run, Self { parts: rest, ..self }))
    }
}

/// The parts of one field: those that are its value, the body first, and those that lie in its message.
#[derive(Clone, Copy)]
pub(super) struct Run<'r> {
    pub(super) place: usize,
    own: &'r [Part],
    pub(super) inner: Overlay<'r>,
}

impl Run<'_> {
    /// Where it comes from, for messages.
    pub(super) fn source(&self) -> Option<Source> {
        self.own.iter().chain(self.inner.parts).map(|part| part.source).max()
    }

    /// The part that the path gives, which counts more than any other.
    pub(super) fn capture(&self) -> Option<u32> {
        self.own.iter().find_map(|part| match part.source {
            Source::Capture(index) => Some(index),
            Source::Body | Source::Parameter(_) => None,
        })
    }

    fn is_body(&self) -> bool {
        self.own.first().is_some_and(|part| part.source == Source::Body)
    }
}

impl<'p, 'j> Reader<'p, 'j, '_> {
    /// Writes the parts of a message but those in fields where the body had a message: `visited`.
    pub(super) fn complete(&mut self, plan: &'p Message, mut parts: Overlay<'j>, visited: &Places) -> Read {
        let mut oneofs: Vec<(u16, Option<Source>)> = Vec::new();
        while let Some((run, rest)) = parts.split(self.texts.paths) {
            parts = rest;
            let Some(field) = plan.fields.get(run.place) else { continue };
            let counts = visited.contains(run.place) || self.run(&run, field)?;
            let Some(oneof) = field.oneof.filter(|_| counts) else { continue };
            if let Some((_, other)) = oneofs.iter().find(|(other, _)| *other == oneof) {
                return Err(self.fault_of(run.source().max(*other), &another_is_set(plan, oneof)));
            }
            oneofs.push((oneof, run.source()));
        }
        Ok(())
    }

    /// Writes the parts of one field; says whether they count.
    fn run(&mut self, run: &Run<'j>, field: &'p Field) -> Read<bool> {
        let start = self.out.len();
        let mut counts = true;
        if run.is_body()
            && let Some(raw) = self.texts.raw
        {
            self.nested(field, |reader, plan| reader.raw_members(plan, raw, run.inner))?;
        } else if let Some(wire) = self.texts.wire.filter(|_| run.is_body()) {
            self.nested(field, |reader, plan| reader.over_wire(plan, &[wire], run.inner))?;
        } else if run.is_body() && !self.texts.no_body {
            counts = self.field(field, run.inner)?;
            self.json.end()?;
        } else if run.is_body() || !run.inner.is_empty() {
            // A body that is empty is an empty message.
            self.nested(field, |reader, plan| reader.complete(plan, run.inner, &Places::default()))?;
        }
        if let Some(index) = run.capture() {
            self.decide(start, run.source(), |reader| reader.capture(field, index))?;
            return Ok(true);
        }
        if let Some(Source::Parameter(_)) = run.own.first().map(|part| part.source) {
            self.parameters(field, run.own)?;
        }
        Ok(counts)
    }

    /// Writes what the path says instead of what was written since `start`, which is refused when it says something
    /// else and settings want that.
    pub(super) fn decide(
        &mut self,
        start: usize,
        source: Option<Source>,
        write: impl FnOnce(&mut Self) -> Read,
    ) -> Read {
        let refuses = self.plans.settings().refuse_path_conflicts && self.out.len() > start;
        let body = refuses.then(|| self.out.get(start..).unwrap_or_default().to_vec());
        self.out.truncate(start);
        write(self)?;
        match body {
            Some(body) if self.out.get(start..) != Some(&body) => {
                Err(self.fault_of(source, "the body has another value for it"))
            }
            _ => Ok(()),
        }
    }

    /// Writes a message with these members.
    pub(super) fn nested(
        &mut self,
        field: &'p Field,
        members: impl FnOnce(&mut Self, &'p Message) -> Read,
    ) -> Read {
        put::varint(u64::from(field.tag), self.out);
        match field.kind {
            Kind::Message(index) => {
                let length = self.lengths.open(index, self.out);
                members(self, self.plan(index)?)?;
                self.lengths.close(length, self.out);
            }
            Kind::Group(index) => {
                members(self, self.plan(index)?)?;
                put::varint(u64::from(field.tag + 1), self.out);
            }
            _ => return Err(Fault::new("a path leads through a field that is no message")),
        }
        Ok(())
    }

    /// Reads a member of a body's object over which parts lie; says whether its value counts.
    pub(super) fn overlaid_member(
        &mut self,
        object: &mut Object<'p, 'j>,
        place: usize,
        field: &'p Field,
    ) -> Read<bool> {
        let (mut parts, mut rival) = (object.overlay, None);
        while let Some((run, rest)) = parts.split(self.texts.paths) {
            parts = rest;
            if run.place == place {
                return self.overlaid(object, &run, field);
            }
            let other = object.plan.fields.get(run.place);
            if let Some(oneof) = field.oneof
                && other.and_then(|other| other.oneof) == Some(oneof)
            {
                rival.get_or_insert((run.source(), oneof));
            }
        }
        let counts = self.field(field, Overlay::NONE)?;
        match rival {
            Some((source, oneof)) if counts => {
                Err(self.fault_of(source, &another_is_set(object.plan, oneof)))
            }
            _ => Ok(counts),
        }
    }

    fn overlaid(&mut self, object: &mut Object<'p, 'j>, run: &Run<'j>, field: &'p Field) -> Read<bool> {
        object.visited.insert(run.place);
        let Some(index) = run.capture() else { return self.field(field, run.inner) };
        // What the path decides is read all the same: malformed is malformed.
        let start = self.out.len();
        self.field(field, run.inner)?;
        self.decide(start, run.source(), |reader| reader.capture(field, index))?;
        Ok(true)
    }

    /// Writes a captured text; a repeated field takes texts separated by commas.
    pub(super) fn capture(&mut self, field: &'p Field, index: u32) -> Read {
        let captures = self.texts.captures;
        let text = captures.get(index as usize).map(|text| &**text).unwrap_or_default();
        let written = match field.shape {
            Shape::Map => Err("a map cannot be captured from a path".to_owned()),
            Shape::List => {
                let values = text.split(self.plans.settings().path_lists);
                self.text_list(field, values, TextSource::Path)
            }
            Shape::Single => self.tagged_text(field, text, TextSource::Path),
        };
        written.map_err(|what| self.fault_of(Some(Source::Capture(index)), &what))
    }

    /// Where parts come from, for messages.
    pub(super) fn source_of(overlay: Overlay<'_>) -> Option<Source> {
        overlay.parts.first().map(|part| part.source)
    }

    /// A fault of a part.
    pub(super) fn fault_of(&self, source: Option<Source>, what: &str) -> Fault {
        match source {
            Some(Source::Capture(index)) => {
                let name = self.texts.variables.get(index as usize).map(|name| &**name).unwrap_or_default();
                Fault::outside(format!("path variable {}: {what}", quoted(name)))
            }
            Some(Source::Parameter(index)) => {
                let Some(parameter) = self.texts.parameters.get(index as usize) else {
                    return Fault::outside(what);
                };
                Fault::outside(format!("{} {}: {what}", parameter.origin.pair(), quoted(&parameter.key)))
            }
            Some(Source::Body) | None => Fault::outside(format!("request body: {what}")),
        }
    }

    /// The parameters of one field.
    fn parameters(&mut self, field: &'p Field, own: &'j [Part]) -> Read {
        let parameters = self.texts.parameters;
        let of = |part: &Part| match part.source {
            Source::Parameter(index) => parameters.get(index as usize),
            Source::Body | Source::Capture(_) => None,
        };
        let mut found = own.iter().filter_map(|part| Some((part.source, of(part)?)));
        match field.shape {
            Shape::Map => self.parameter_map(field, found),
            Shape::List => self.parameter_list(field, found),
            Shape::Single => {
                let Some((source, parameter)) = found.next() else { return Ok(()) };
                let written = match found.next() {
                    Some((second, other)) => {
                        let what =
                            format!("too many values: {}, {}", quoted(&parameter.text), quoted(&other.text));
                        return Err(self.fault_of(Some(second), &what));
                    }
                    None => self.parameter(field, parameter),
                };
                written.map_err(|what| self.fault_of(Some(source), &what))
            }
        }
    }
}
