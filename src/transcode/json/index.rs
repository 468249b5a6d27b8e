//! The slow way through a message: all its fields are found first, then written by number. Right for fields in
//! any order, any number of times.

use super::raw::{self, Raw};
use super::writer::{Stop, Writer, Written};
use crate::transcode::plan::{Field, Kind, Message, Shape};

/// A field's place in the plan, and one of its values.
type Found<'w> = (usize, Raw<'w>);

impl<'p> Writer<'p, '_> {
    /// Writes a message's members by number.
    pub(super) fn indexed_members(&mut self, plan: &'p Message, wire: &[u8]) -> Written {
        let found = self.index(plan, wire)?;
        let mut next = 0;
        for run in found.chunk_by(|(one, _), (other, _)| one == other) {
            let Some((place, _)) = run.first() else { continue };
            let Some(field) = plan.fields.get(*place) else { continue };
            self.unset(plan, next, *place);
            next = place + 1;
            self.indexed_field(field, run).map_err(|stop| stop.in_field(&field.name))?;
        }
        self.unset(plan, next, plan.fields.len());
        Ok(())
    }

    /// The values that count, by field, in the order of the wire; those that do not are checked.
    pub(super) fn index<'w>(&self, plan: &'p Message, mut wire: &'w [u8]) -> Result<Vec<Found<'w>>, Stop> {
        let mut found = Vec::new();
        let mut in_oneofs = false;
        while !wire.is_empty() {
            let (number, wire_type) = raw::tag(&mut wire).ok_or(Stop::Malformed)?;
            let value = raw::value(&mut wire, number, wire_type).ok_or(Stop::Malformed)?;
            let Some(place) = plan.position(number) else { continue };
            let Some(field) = plan.fields.get(place).filter(|field| field.takes(wire_type)) else { continue };
            if !field.is_unknown(value) {
                in_oneofs |= field.oneof.is_some();
                found.push((place, value));
            }
        }
        if in_oneofs {
            found = self.without_losers(plan, found)?;
        }
        found.sort_by_key(|(place, _)| *place);
        Ok(found)
    }

    /// Leaves out what a later member of the same oneof pushes out.
    fn without_losers<'w>(&self, plan: &'p Message, found: Vec<Found<'w>>) -> Result<Vec<Found<'w>>, Stop> {
        // By oneof, seen from the end: the last member, and whether another was before it.
        let mut winners: Vec<Option<(usize, bool)>> = vec![None; plan.oneofs];
        let mut kept = Vec::with_capacity(found.len());
        for (place, value) in found.into_iter().rev() {
            let field = plan.fields.get(place).ok_or(Stop::Malformed)?;
            if let Some(winner) = field.oneof.and_then(|oneof| winners.get_mut(oneof)) {
                let (last, sealed) = winner.get_or_insert((place, false));
                *sealed |= *last != place;
                if *sealed {
                    self.check_value(field, value, self.nesting)
                        .map_err(|stop| stop.in_field(&field.name))?;
                    continue;
                }
            }
            kept.push((place, value));
        }
        kept.reverse();
        Ok(kept)
    }

    /// Writes a field that has these values.
    fn indexed_field(&mut self, field: &'p Field, run: &[Found<'_>]) -> Written {
        let values = run.iter().map(|(_, value)| Ok(*value));
        match field.shape {
            Shape::List => self.list(field, values),
            Shape::Map => self.map_field(field, values),
            Shape::Single => {
                let Some(((_, last), _)) = run.split_last() else { return Ok(()) };
                if field.is_default(*last) {
                    self.check_early(field, run)?;
                    self.member(&field.unset);
                    return Ok(());
                }
                self.member(&field.key);
                self.merged(field, run)
            }
        }
    }

    /// Writes one value of several: the last, or, of messages, all merged.
    pub(super) fn merged(&mut self, field: &'p Field, run: &[Found<'_>]) -> Written {
        match (&field.kind, run) {
            (kind, [(_, only)]) => self.single(kind, *only),
            (Kind::Message(index), run) => {
                let slices: Vec<_> = run.iter().map(|(_, value)| value.slice()).collect();
                let before = std::mem::replace(&mut self.indexed, true);
                let written = self.message(*index, &slices.concat());
                self.indexed = before;
                written
            }
            (kind, run) => {
                self.check_early(field, run)?;
                run.last().map_or(Ok(()), |(_, last)| self.single(kind, *last))
            }
        }
    }

    fn check_early(&self, field: &'p Field, run: &[Found<'_>]) -> Written {
        let early = run.split_last().map_or(run, |(_, early)| early);
        early.iter().try_for_each(|(_, value)| self.check_value(field, *value, self.nesting))
    }

    /// Writes one field's value alone: its zero, `[]`, `{}` or `null` when it is not set.
    pub(super) fn part(&mut self, plan: &'p Message, number: u32, wire: &[u8]) -> Written {
        // One message lies around the field, though it is not written.
        self.nesting += 1;
        let mut found = self.index(plan, wire)?;
        let Some(place) = plan.position(number) else { return Err(Stop::Malformed) };
        for (other, value) in &found {
            if let Some(field) = plan.fields.get(*other).filter(|_| *other != place) {
                self.check_value(field, *value, self.nesting).map_err(|stop| stop.in_field(&field.name))?;
            }
        }
        found.retain(|(other, _)| *other == place);
        let field = plan.fields.get(place).ok_or(Stop::Malformed)?;
        let written = self.alone(field, &found).map_err(|stop| stop.in_field(&field.name));
        self.nesting -= 1;
        written
    }

    /// Writes a field's value without its key; its default when there is none.
    pub(super) fn alone(&mut self, field: &'p Field, run: &[Found<'_>]) -> Written {
        let values = run.iter().map(|(_, value)| Ok(*value));
        match field.shape {
            Shape::List => self.elements(field, values).map(|_| ()),
            Shape::Map => self.entries(field, values).map(|_| ()),
            Shape::Single if run.is_empty() && field.presence => {
                self.raw("null");
                Ok(())
            }
            Shape::Single if run.is_empty() => {
                self.out.extend_from_slice(&field.default);
                Ok(())
            }
            Shape::Single => self.merged(field, run),
        }
    }
}
