//! The loop over a message's fields, and what goes on with a message that does not fit it.

use super::DEEPEST_WIRE;
use super::raw::{self, Raw};
use crate::transcode::DEEPEST;
use crate::transcode::fault::Fault;
use crate::transcode::plan::{Field, Message, Plans, Shape};

/// Why a message was not written.
#[derive(Debug)]
pub(super) enum Stop {
    /// The bytes are not a message of the type.
    Malformed,
    /// The fields do not come in the order of their numbers, each once.
    Disorder,
    /// So much was written twice that indexing everything is cheaper.
    Overspent,
    /// It has no JSON form.
    Fault(Fault),
}

impl Stop {
    pub(super) fn fault(what: impl Into<String>) -> Self {
        Self::Fault(Fault::new(what))
    }

    fn place(self, step: impl FnOnce(Fault) -> Fault) -> Self {
        match self {
            Self::Fault(fault) => Self::Fault(step(fault)),
            other => other,
        }
    }

    pub(super) fn in_field(self, name: &str) -> Self {
        self.place(|fault| fault.in_field(name))
    }

    pub(super) fn in_element(self, index: usize) -> Self {
        self.place(|fault| fault.in_element(index))
    }

    pub(super) fn in_entry(self, key: &str) -> Self {
        self.place(|fault| fault.in_entry(key))
    }
}

pub(super) type Written = Result<(), Stop>;

/// How many times the answer's length may be written in vain before all of it is indexed.
const PATIENCE: usize = 4;

/// Writes one answer.
pub(super) struct Writer<'p, 'o> {
    pub(super) plans: &'p Plans,
    pub(super) out: &'o mut Vec<u8>,
    /// Whether messages are written by way of an index, which what lies inside one that was cut back always is:
    /// to try each the quick way first would take time exponential in the depth.
    pub(super) indexed: bool,
    /// Bytes that may still be read again.
    budget: usize,
    /// How many messages are being written.
    depth: usize,
    /// How many messages lie around on the wire; an `Any` begins anew.
    pub(super) nesting: usize,
}

impl<'p, 'o> Writer<'p, 'o> {
    pub(super) fn new(plans: &'p Plans, length: usize, indexed: bool, out: &'o mut Vec<u8>) -> Self {
        let budget = length.saturating_mul(PATIENCE);
        Self { plans, out, indexed, budget, depth: 0, nesting: 0 }
    }

    /// Writes the whole answer or one of its fields.
    pub(super) fn root(&mut self, root: usize, part: Option<u32>, wire: &[u8]) -> Written {
        match part {
            None => self.message(root, wire),
            Some(number) => {
                let plan = self.plan(root)?;
                self.part(plan, number, wire)
            }
        }
    }

    pub(super) fn plan(&self, index: usize) -> Result<&'p Message, Stop> {
        self.plans.get(index).ok_or(Stop::Malformed)
    }

    /// Writes a message in the JSON form of its type.
    pub(super) fn message(&mut self, index: usize, wire: &[u8]) -> Written {
        let plan = self.plan(index)?;
        if self.nesting > DEEPEST_WIRE {
            return Err(Stop::Malformed);
        }
        let deepest = self.plans.settings().max_depth.min(DEEPEST);
        if self.depth >= deepest {
            self.check_message(plan, wire, self.nesting)?;
            return Err(Stop::fault(format!("nested deeper than {deepest} messages")));
        }
        self.depth += 1;
        self.nesting += 1;
        let written = match plan.known {
            Some(known) => self.well_known(known, plan, wire),
            None => self.object(plan, wire),
        };
        self.nesting -= 1;
        self.depth -= 1;
        written
    }

    fn object(&mut self, plan: &'p Message, wire: &[u8]) -> Written {
        self.out.push(b'{');
        self.members(plan, wire)?;
        self.out.push(b'}');
        Ok(())
    }

    /// Writes the members of a message's object, after what the object has already.
    pub(super) fn members(&mut self, plan: &'p Message, wire: &[u8]) -> Written {
        if self.indexed {
            return self.indexed_members(plan, wire);
        }
        let start = self.out.len();
        match self.ordered_members(plan, wire) {
            Err(Stop::Disorder) => {}
            written => return written,
        }
        self.out.truncate(start);
        self.budget = self.budget.checked_sub(wire.len()).ok_or(Stop::Overspent)?;
        self.indexed = true;
        let written = self.indexed_members(plan, wire);
        self.indexed = false;
        written
    }

    /// Writes fields as they come, as long as each comes once and their numbers rise.
    fn ordered_members(&mut self, plan: &'p Message, mut wire: &[u8]) -> Written {
        let mut next = 0;
        let mut oneofs = 0_u64;
        while !wire.is_empty() {
            let (number, wire_type) = raw::tag(&mut wire).ok_or(Stop::Malformed)?;
            let value = raw::value(&mut wire, number, wire_type).ok_or(Stop::Malformed)?;
            let Some(place) = plan.position(number) else { continue };
            let Some(field) = plan.fields.get(place).filter(|field| field.takes(wire_type)) else { continue };
            if field.is_unknown(value) {
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
            self.ordered_field(field, value, &mut wire).map_err(|stop| stop.in_field(&field.name))?;
        }
        self.unset(plan, next, plan.fields.len());
        Ok(())
    }

    /// Writes a field whose first value was taken off `wire`, with those that follow right behind.
    fn ordered_field<'w>(&mut self, field: &'p Field, first: Raw<'w>, wire: &mut &'w [u8]) -> Written {
        match field.shape {
            Shape::Single if field.is_default(first) => {
                self.member(&field.unset);
                Ok(())
            }
            Shape::Single => {
                self.member(&field.key);
                self.single(&field.kind, first)
            }
            Shape::List => self.list(field, Following { field, first: Some(first), wire }),
            Shape::Map => self.map_field(field, Following { field, first: Some(first), wire }),
        }
    }

    /// Appends `,"key":...`, without the comma when it is the first of its object.
    #[inline]
    pub(super) fn member(&mut self, text: &[u8]) {
        let text = match self.out.last() {
            Some(b'{') => text.get(1..).unwrap_or_default(),
            _ => text,
        };
        self.out.extend_from_slice(text);
    }

    /// Writes the fields between two places as they are when they are not set.
    #[inline]
    pub(super) fn unset(&mut self, plan: &Message, from: usize, to: usize) {
        for field in plan.fields.get(from..to).unwrap_or_default() {
            if !field.unset.is_empty() {
                self.member(&field.unset);
            }
        }
    }

    /// Writes a repeated field with its key, or as unset when there is nothing in it.
    pub(super) fn list<'w>(
        &mut self,
        field: &'p Field,
        values: impl Iterator<Item = Result<Raw<'w>, Stop>>,
    ) -> Written {
        let start = self.out.len();
        self.member(&field.key);
        if self.elements(field, values)? == 0 {
            self.out.truncate(start);
            self.member(&field.unset);
        }
        Ok(())
    }

    /// Writes a list and says how many elements it has.
    pub(super) fn elements<'w>(
        &mut self,
        field: &'p Field,
        values: impl Iterator<Item = Result<Raw<'w>, Stop>>,
    ) -> Result<usize, Stop> {
        self.out.push(b'[');
        let mut count = 0;
        for value in values {
            match value? {
                Raw::Slice(mut packed) if field.packable => {
                    while !packed.is_empty() {
                        let value = raw::value(&mut packed, field.number, field.wire_type);
                        self.element(field, value.ok_or(Stop::Malformed)?, &mut count)?;
                    }
                }
                value => self.element(field, value, &mut count)?,
            }
        }
        self.out.push(b']');
        Ok(count)
    }

    fn element(&mut self, field: &'p Field, value: Raw<'_>, count: &mut usize) -> Written {
        if field.is_unknown(value) {
            return Ok(());
        }
        if *count > 0 {
            self.out.push(b',');
        }
        self.single(&field.kind, value).map_err(|stop| stop.in_element(*count))?;
        *count += 1;
        Ok(())
    }
}

/// A value and those of the same field right behind it.
struct Following<'p, 'w, 'r> {
    field: &'p Field,
    first: Option<Raw<'w>>,
    wire: &'r mut &'w [u8],
}

impl<'w> Iterator for Following<'_, 'w, '_> {
    type Item = Result<Raw<'w>, Stop>;

    fn next(&mut self) -> Option<Self::Item> {
        if let Some(first) = self.first.take() {
            return Some(Ok(first));
        }
        let mut ahead = *self.wire;
        let (number, wire_type) = raw::tag(&mut ahead)?;
        if number != self.field.number || !self.field.takes(wire_type) {
            return None;
        }
        let value = raw::value(&mut ahead, number, wire_type);
        *self.wire = ahead;
        Some(value.ok_or(Stop::Malformed))
    }
}
