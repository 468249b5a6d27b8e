//! The loop over a message's fields, and what goes on with a message that does not fit it.

use super::index::{Entry, Found};
use super::map::Item;
use super::raw::{Malformed, Raw, Span};
use super::value::low;
use crate::transcode::DEEPEST;
use crate::transcode::fault::Fault;
use crate::transcode::json_text::NotUtf8;
use crate::transcode::plan::{Field, Kind, Message, Plans, Shape};

/// Why a message was not written.
#[derive(Debug)]
pub(in crate::transcode) enum Stop {
    /// The bytes are not a message of the type.
    Malformed,
    /// The fields do not come in the order of their numbers, each once.
    Disorder,
    /// So much was written in vain that indexing everything is cheaper.
    Overspent,
    /// The text is longer than it may be.
    TooLarge,
    /// It has no JSON form.
    Fault(Fault),
}

pub(in crate::transcode) type Written = Result<(), Stop>;

impl Stop {
    pub(super) fn fault(what: impl Into<String>) -> Self {
        Self::Fault(Fault::new(what))
    }

    #[cold]
    pub(super) fn in_field(self, name: &str) -> Self {
        self.place(|fault| fault.in_field(name))
    }

    #[cold]
    pub(super) fn in_element(self, index: usize) -> Self {
        self.place(|fault| fault.in_element(index))
    }

    #[cold]
    pub(super) fn in_entry(self, key: &str) -> Self {
        self.place(|fault| fault.in_entry(key))
    }

    fn place(self, step: impl FnOnce(Fault) -> Fault) -> Self {
        match self {
            Self::Fault(fault) => Self::Fault(step(fault)),
            other => other,
        }
    }
}

impl From<Malformed> for Stop {
    fn from(_: Malformed) -> Self {
        Self::Malformed
    }
}

impl From<NotUtf8> for Stop {
    fn from(_: NotUtf8) -> Self {
        Self::fault("not valid UTF-8")
    }
}

/// How many times the answer's length may be written in vain before all of it is indexed.
const PATIENCE: usize = 4;

/// Writes one answer.
pub(super) struct Writer<'p, 'w, 'o> {
    pub(super) plans: &'p Plans,
    pub(super) wire: &'w [u8],
    pub(super) out: &'o mut Vec<u8>,
    /// Whether 64-bit integers are strings.
    pub(super) quotes_wide: bool,
    /// Whether what an `Any` holds is shown as base64 when it cannot be written, rather than refused.
    pub(super) lenient: bool,
    /// Whether messages are written by way of an index. What lies inside one that was written in vain always is:
    /// to try each the quick way first would take time exponential in the depth.
    pub(super) indexed: bool,
    /// How many messages are being written.
    pub(super) depth: usize,
    /// The values of the messages that are being written by way of an index, the innermost last.
    pub(super) found: Vec<Entry>,
    /// The entries of the maps that are being written, the innermost last.
    pub(super) items: Vec<Item>,
    deepest: usize,
    /// Where the text may not go beyond.
    limit: usize,
    /// Bytes that may still be read again.
    budget: usize,
}

/// A place that the writer may go back to.
#[derive(Debug, Clone, Copy)]
pub(super) struct Mark {
    out: usize,
    depth: usize,
    items: usize,
    found: usize,
}

impl<'p, 'w, 'o> Writer<'p, 'w, 'o> {
    pub(super) fn new(plans: &'p Plans, wire: &'w [u8], indexed: bool, out: &'o mut Vec<u8>) -> Self {
        let settings = plans.settings();
        Self {
            plans,
            wire,
            quotes_wide: !settings.int64_as_numbers,
            lenient: false,
            indexed,
            depth: 0,
            found: Vec::new(),
            items: Vec::new(),
            deepest: settings.max_depth.min(DEEPEST),
            limit: out.len().saturating_add(settings.max_json),
            budget: wire.len().saturating_mul(PATIENCE),
            out,
        }
    }

    pub(super) fn plan(&self, index: u32) -> Result<&'p Message, Stop> {
        self.plans.get(index).ok_or(Stop::Malformed)
    }

    /// Writes a message in the JSON form of its type.
    pub(super) fn message(&mut self, index: u32, span: Span) -> Written {
        let plan = self.enter(index)?;
        let written = match plan.known {
            None => self.object(|writer| writer.members(plan, span)),
            Some(known) => self.well_known(known, plan, span),
        };
        self.depth -= 1;
        written
    }

    /// Goes one message deeper.
    #[inline]
    pub(super) fn enter(&mut self, index: u32) -> Result<&'p Message, Stop> {
        self.check_length()?;
        if self.depth >= self.deepest {
            return Err(Stop::fault(format!("nested deeper than {} messages", self.deepest)));
        }
        self.depth += 1;
        self.plan(index)
    }

    #[inline]
    pub(super) fn check_length(&self) -> Written {
        if self.out.len() > self.limit { Err(Stop::TooLarge) } else { Ok(()) }
    }

    /// Writes an object whose members are written each with a comma before it; the first comma becomes the brace.
    #[inline]
    pub(super) fn object(&mut self, members: impl FnOnce(&mut Self) -> Written) -> Written {
        self.bracketed(b'{', b'}', members)
    }

    #[inline]
    pub(super) fn bracketed(
        &mut self,
        opening: u8,
        closing: u8,
        parts: impl FnOnce(&mut Self) -> Written,
    ) -> Written {
        let start = self.out.len();
        parts(self)?;
        match self.out.get_mut(start) {
            Some(comma) => *comma = opening,
            None => self.out.push(opening),
        }
        self.out.push(closing);
        Ok(())
    }

    /// How far it has come, to go back there when what follows was in vain.
    #[inline]
    pub(super) fn mark(&self) -> Mark {
        Mark { out: self.out.len(), depth: self.depth, items: self.items.len(), found: self.found.len() }
    }

    pub(super) fn go_back(&mut self, mark: Mark) {
        self.out.truncate(mark.out);
        self.depth = mark.depth;
        self.items.truncate(mark.items);
        self.drop_found(mark.found);
    }

    /// Writes the members of a message's object.
    pub(super) fn members(&mut self, plan: &'p Message, span: Span) -> Written {
        if self.indexed {
            return self.indexed_members(plan, span);
        }
        let mark = self.mark();
        match self.ordered_members(plan, span) {
            // What cannot be written may be overridden by what comes later.
            Err(Stop::Disorder | Stop::Fault(_)) => {}
            written => return written,
        }
        self.go_back(mark);
        self.budget = self.budget.checked_sub(span.len()).ok_or(Stop::Overspent)?;
        self.indexed = true;
        let written = self.indexed_members(plan, span);
        self.indexed = false;
        written
    }

    /// Writes fields as they come, as long as each comes once and their numbers rise.
    fn ordered_members(&mut self, plan: &'p Message, mut span: Span) -> Written {
        let mut next = 0;
        let mut oneofs = 0_u64;
        while !span.is_empty() {
            let tag = span.tag(self.wire)?;
            let Some((place, field)) = known_field(plan, tag) else {
                span.value(self.wire, tag)?;
                continue;
            };
            let first = span.value(self.wire, tag)?;
            if self.is_foreign(field, first) {
                continue;
            }
            if place < next {
                return Err(Stop::Disorder);
            }
            if let Some(oneof) = field.oneof {
                // Two oneofs may share a bit: that costs time only.
                let bit = 1 << (oneof % 64);
                if oneofs & bit != 0 {
                    return Err(Stop::Disorder);
                }
                oneofs |= bit;
            }
            self.unset(plan, next, place);
            next = place + 1;
            self.ordered_field(plan, field, place, first, &mut span)
                .map_err(|stop| stop.in_field(&field.name))?;
        }
        self.unset(plan, next, plan.fields.len());
        Ok(())
    }

    /// Writes a field whose first value was read, with those that follow right behind.
    #[inline]
    fn ordered_field(
        &mut self,
        plan: &'p Message,
        field: &'p Field,
        place: usize,
        first: Raw,
        span: &mut Span,
    ) -> Written {
        match field.shape {
            Shape::Single if field.implicit && is_zero(field.kind, first) => {
                self.unset(plan, place, place + 1);
                Ok(())
            }
            Shape::Single => {
                field.key.put(self.out);
                self.single(field.kind, first)
            }
            Shape::List | Shape::Map => {
                self.several(plan, field, place, Following { field, first: Some(first), span })
            }
        }
    }

    /// Writes the fields between two places as they are when they are not set.
    #[inline]
    pub(super) fn unset(&mut self, plan: &Message, from: usize, to: usize) {
        plan.put_unset(from, to, self.out);
    }

    /// Whether the value is of a closed enum that does not have it: that is an unknown field.
    #[inline]
    pub(super) fn is_foreign(&self, field: &Field, raw: Raw) -> bool {
        match (field.kind, raw) {
            (Kind::Enum(index), Raw::Number(number)) => !self.enum_takes(index, number),
            _ => false,
        }
    }
}

/// The field that a tag belongs to, unless its wire type makes it an unknown one.
#[inline]
pub(super) fn known_field(plan: &Message, tag: u32) -> Option<(usize, &Field)> {
    let place = plan.place(tag >> 3)?;
    let field = plan.fields.get(place)?;
    (tag == field.tag || tag == field.packed_tag).then_some((place, field))
}

/// Whether a field without presence that has this value is as good as not set. A negative zero is not.
#[inline]
pub(super) fn is_zero(kind: Kind, raw: Raw) -> bool {
    match raw {
        Raw::Number(number) => match kind {
            Kind::Int32 | Kind::Sint32 | Kind::Uint32 | Kind::Enum(_) => low(number) == 0,
            _ => number == 0,
        },
        Raw::Span(span) => span.is_empty(),
    }
}

/// Values of one field, one after the other.
pub(super) trait Values {
    fn next(&mut self, writer: &Writer<'_, '_, '_>) -> Result<Option<Raw>, Stop>;
}

/// A value and those of the same field right behind it.
struct Following<'p, 's> {
    field: &'p Field,
    first: Option<Raw>,
    span: &'s mut Span,
}

impl Values for Following<'_, '_> {
    #[inline]
    fn next(&mut self, writer: &Writer<'_, '_, '_>) -> Result<Option<Raw>, Stop> {
        if let Some(first) = self.first.take() {
            return Ok(Some(first));
        }
        let mut ahead = *self.span;
        if ahead.is_empty() {
            return Ok(None);
        }
        let tag = ahead.tag(writer.wire)?;
        if tag != self.field.tag && tag != self.field.packed_tag {
            return Ok(None);
        }
        let value = ahead.value(writer.wire, tag)?;
        *self.span = ahead;
        Ok(Some(value))
    }
}

impl Values for Found {
    fn next(&mut self, writer: &Writer<'_, '_, '_>) -> Result<Option<Raw>, Stop> {
        Ok(self.pop(&writer.found))
    }
}
