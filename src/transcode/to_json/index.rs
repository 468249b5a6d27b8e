//! The slow way through a message: all its values are found first, then written by number. Right for fields in any
//! order, any number of times, and for messages that come in pieces, which protobuf merges.
//!
//! The values lie on one stack that all messages share; a message's own are its top while it is written.

use super::object::{Stop, Writer, Written, is_zero, known_field};
use super::raw::{Raw, Span};
use crate::transcode::plan::{Field, Kind, Message, Shape};

/// A value of the field at a place.
#[derive(Debug, Clone, Copy)]
pub(super) struct Entry {
    place: u32,
    raw: Raw,
}

/// Values on the stack: some of one field.
#[derive(Debug, Clone, Copy)]
pub(super) struct Found {
    start: usize,
    end: usize,
}

impl Found {
    pub(super) fn is_empty(self) -> bool {
        self.start >= self.end
    }

    pub(super) fn pop(&mut self, stack: &[Entry]) -> Option<Raw> {
        let entry = stack.get(self.start).filter(|_| !self.is_empty())?;
        self.start += 1;
        Some(entry.raw)
    }

    pub(super) fn last(self, stack: &[Entry]) -> Option<Raw> {
        stack.get(self.start..self.end)?.last().map(|entry| entry.raw)
    }

    pub(super) fn start(self) -> usize {
        self.start
    }

    pub(super) fn end(self) -> usize {
        self.end
    }

    /// These and those right behind them.
    pub(super) fn and(self, more: Self) -> Self {
        Self { start: self.start, end: more.end }
    }
}

/// The pieces of a message.
pub(super) trait Pieces: Copy {
    fn pop(&mut self, stack: &[Entry]) -> Option<Span>;
}

/// All of a message in one piece.
impl Pieces for Span {
    fn pop(&mut self, _: &[Entry]) -> Option<Span> {
        let whole = *self;
        self.at = self.end;
        (!whole.is_empty()).then_some(whole)
    }
}

impl Pieces for Found {
    fn pop(&mut self, stack: &[Entry]) -> Option<Span> {
        match Self::pop(self, stack)? {
            Raw::Span(span) => Some(span),
            Raw::Number(_) => None,
        }
    }
}

/// Stands in for the place of a value that does not count.
const LOST: u32 = u32::MAX;

impl<'p> Writer<'p, '_, '_> {
    /// Writes a message's members by number.
    pub(super) fn indexed_members(&mut self, plan: &'p Message, pieces: impl Pieces) -> Written {
        let all = self.index(plan, pieces)?;
        let (mut next, mut start) = (0, all.start);
        while let Some((place, run)) = self.run(start, all.end) {
            start = run.end;
            self.unset(plan, next, place);
            next = place + 1;
            self.indexed_field(plan, place, run)?;
        }
        self.unset(plan, next, plan.fields.len());
        self.found.truncate(all.start);
        Ok(())
    }

    /// The values of one field. They stay on the stack.
    pub(super) fn values_of(&mut self, plan: &'p Message, place: usize, whole: Span) -> Result<Found, Stop> {
        let all = self.index(plan, whole)?;
        let mut start = all.start;
        while let Some((found, run)) = self.run(start, all.end) {
            start = run.end;
            if found == place {
                return Ok(run);
            }
        }
        Ok(Found { start: all.end, end: all.end })
    }

    /// Writes the one value that some values of a singular field come to.
    pub(super) fn merged(&mut self, kind: Kind, values: Found) -> Written {
        let last = values.last(&self.found);
        match (kind, last) {
            (Kind::Message(index) | Kind::Group(index), Some(_)) if values.end - values.start > 1 => {
                self.message_of(index, values)
            }
            (_, Some(last)) => self.single(kind, last),
            (_, None) => self.single(kind, zero(kind)),
        }
    }

    /// Puts pieces of a message on the stack.
    pub(super) fn push_pieces(&mut self, pieces: &[Raw]) -> Found {
        let start = self.found.len();
        self.found.extend(pieces.iter().map(|raw| Entry { place: LOST, raw: *raw }));
        Found { start, end: self.found.len() }
    }

    /// Takes everything off the stack that was put there since it had this length.
    pub(super) fn drop_found(&mut self, start: usize) {
        self.found.truncate(start);
    }

    /// Writes a message that comes in pieces.
    pub(super) fn message_of(&mut self, index: u32, pieces: Found) -> Written {
        let plan = self.enter(index)?;
        let written = match plan.known {
            None => self.object(|writer| writer.indexed_members(plan, pieces)),
            Some(known) => self.well_known(known, plan, pieces),
        };
        self.depth -= 1;
        written
    }

    /// The values that count, by place, then in the order of the wire; those that do not are checked.
    pub(super) fn index(&mut self, plan: &'p Message, mut pieces: impl Pieces) -> Result<Found, Stop> {
        let start = self.found.len();
        let mut in_oneofs = false;
        while let Some(mut piece) = pieces.pop(&self.found) {
            while !piece.is_empty() {
                let tag = piece.tag(self.wire)?;
                let raw = piece.value(self.wire, tag)?;
                if let Some((place, field)) = known_field(plan, tag)
                    && !self.is_foreign(field, raw)
                {
                    in_oneofs |= field.oneof.is_some();
                    self.found.push(Entry { place: u32::try_from(place).unwrap_or(LOST), raw });
                }
            }
        }
        if in_oneofs {
            self.drop_losers(plan, start)?;
        }
        let found = self.found.get_mut(start..).unwrap_or_default();
        if !found.is_sorted_by_key(|entry| entry.place) {
            found.sort_by_key(|entry| entry.place);
        }
        Ok(Found { start, end: self.found.len() })
    }

    /// The first values that are all of one place.
    pub(super) fn run(&self, start: usize, end: usize) -> Option<(usize, Found)> {
        let entries = self.found.get(start..end)?;
        let place = entries.first()?.place;
        let len = entries.iter().take_while(|entry| entry.place == place).count();
        Some((place as usize, Found { start, end: start + len }))
    }

    /// Leaves out what a later member of the same oneof pushes out.
    fn drop_losers(&mut self, plan: &'p Message, start: usize) -> Written {
        // By oneof, seen from the end: the last member, and whether another was before it.
        let mut winners: Vec<Option<(u32, bool)>> = vec![None; plan.oneofs.len()];
        for index in (start..self.found.len()).rev() {
            let Some(entry) = self.found.get(index).copied() else { continue };
            let Some(field) = plan.fields.get(entry.place as usize) else { continue };
            let Some(winner) = field.oneof.and_then(|oneof| winners.get_mut(usize::from(oneof))) else {
                continue;
            };
            let (last, sealed) = winner.get_or_insert((entry.place, false));
            *sealed |= *last != entry.place;
            if *sealed {
                self.check(field, entry.raw).map_err(|stop| stop.in_field(&field.name))?;
                if let Some(entry) = self.found.get_mut(index) {
                    entry.place = LOST;
                }
            }
        }
        let mut kept = start;
        for index in start..self.found.len() {
            let Some(entry) = self.found.get(index).copied().filter(|entry| entry.place != LOST) else {
                continue;
            };
            if let Some(slot) = self.found.get_mut(kept) {
                *slot = entry;
            }
            kept += 1;
        }
        self.found.truncate(kept);
        Ok(())
    }

    /// Writes a field that has these values.
    fn indexed_field(&mut self, plan: &'p Message, place: usize, run: Found) -> Written {
        let field = plan.fields.get(place).ok_or(Stop::Malformed)?;
        self.value_of(plan, field, place, run).map_err(|stop| stop.in_field(&field.name))
    }

    fn value_of(&mut self, plan: &'p Message, field: &'p Field, place: usize, run: Found) -> Written {
        if field.shape != Shape::Single {
            return self.several(plan, field, place, run);
        }
        self.check_overridden(field, run)?;
        if field.implicit && run.last(&self.found).is_some_and(|raw| is_zero(field.kind, raw)) {
            self.unset(plan, place, place + 1);
            return Ok(());
        }
        field.key.put(self.out);
        self.merged(field.kind, run)
    }

    /// A scalar that a later one overrides has to be sound all the same.
    pub(super) fn check_overridden(&self, field: &'p Field, run: Found) -> Written {
        if field.kind.message().is_some() {
            return Ok(());
        }
        let overridden = self.found.get(run.start..run.end.saturating_sub(1)).unwrap_or_default();
        overridden.iter().try_for_each(|entry| self.check(field, entry.raw))
    }
}

/// What the wire would have for a value that is zero.
pub(super) fn zero(kind: Kind) -> Raw {
    match kind {
        Kind::String | Kind::Bytes | Kind::Message(_) | Kind::Group(_) => Raw::Span(Span { at: 0, end: 0 }),
        _ => Raw::Number(0),
    }
}
