//! Bodies that are wire bytes already: copied, with what the path says written where it belongs.
//!
//! They were found to be a message of their type before ([`to_json`](crate::transcode::to_json) checks that).

use super::object::{Read, Reader, another_is_set};
use super::parts::{Overlay, Run};
use crate::transcode::fault::Fault;
use crate::transcode::plan::Message;
use crate::wire::field::{Field as Found, Fields};

impl<'p, 'j> Reader<'p, 'j, '_> {
    /// Copies a message that came in pieces. A part takes the place of what the pieces say of its field, and no
    /// message that a part lies in occurs twice.
    pub(super) fn over_wire(&mut self, plan: &'p Message, pieces: &[&'j [u8]], parts: Overlay<'j>) -> Read {
        if parts.is_empty() {
            self.out.extend(pieces.iter().copied().flatten());
            return Ok(());
        }
        let mut replaced = self.replaced(parts);
        for found in pieces.iter().flat_map(|piece| Fields::of(piece)) {
            let found = found.map_err(|_| Fault::new("the bytes are not a protobuf message"))?;
            let Some(place) = plan.place(found.number) else {
                self.out.extend_from_slice(found.whole);
                continue;
            };
            if let Some(one) = replaced.iter_mut().find(|one| one.run.place == place) {
                if one.said.len() >= self.plans.settings().max_parameters {
                    return Err(self.fault_of(one.run.source(), "the body has it too often"));
                }
                one.said.push(found);
            } else {
                self.refuse_rivals(plan, place, &replaced)?;
                self.out.extend_from_slice(found.whole);
            }
        }
        replaced.iter().try_for_each(|one| self.replace(plan, one))
    }

    fn replaced(&self, mut parts: Overlay<'j>) -> Vec<Replaced<'j>> {
        let mut replaced = Vec::new();
        while let Some((run, rest)) = parts.split(self.texts.paths) {
            replaced.push(Replaced { run, said: Vec::new() });
            parts = rest;
        }
        replaced
    }

    /// A field of a oneof that the path sets another field of.
    fn refuse_rivals(&self, plan: &Message, place: usize, replaced: &[Replaced<'_>]) -> Read {
        let oneof_of = |place: usize| plan.fields.get(place).and_then(|field| field.oneof);
        let Some(oneof) = oneof_of(place) else { return Ok(()) };
        match replaced.iter().find(|one| oneof_of(one.run.place) == Some(oneof)) {
            Some(one) => Err(self.fault_of(one.run.source(), &another_is_set(plan, oneof))),
            None => Ok(()),
        }
    }

    /// Writes what the parts say of a field, and what the body said around them.
    fn replace(&mut self, plan: &'p Message, one: &Replaced<'j>) -> Read {
        let Some(field) = plan.fields.get(one.run.place) else { return Ok(()) };
        if let Some(index) = one.run.capture() {
            let start = self.out.len();
            self.out.extend(one.said.iter().flat_map(|found| found.whole));
            return self.decide(start, one.run.source(), |reader| reader.capture(field, index));
        }
        let pieces: Vec<_> = one.said.iter().filter_map(|found| found.value.message()).collect();
        self.nested(field, |reader, plan| reader.over_wire(plan, &pieces, one.run.inner))
    }
}

/// A field that parts are for, and what the body says of it.
struct Replaced<'j> {
    run: Run<'j>,
    said: Vec<Found<'j>>,
}
