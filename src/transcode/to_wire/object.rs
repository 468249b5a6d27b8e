//! The loop over an object's members: which field a key means, whether it may come, and its value.
//!
//! What is done for every member is inlined by force, and what seldom happens is kept out of the way.
#![allow(clippy::inline_always, reason = "measured: a call for each step costs as much as the steps")]

use super::known::AnyTypes;
use super::lexer::{Lexer, Next};
use super::parts::{Overlay, Texts};
use super::put::{self, Lengths};
use super::quick;
use crate::transcode::DEEPEST;
use crate::transcode::fault::{Fault, quoted};
use crate::transcode::plan::{Field, Kind, Message, Plans, Shape, WellKnown, WireTag};

pub(super) type Read<T = ()> = Result<T, Fault>;

/// Reads JSON and writes wire bytes.
pub(super) struct Reader<'p, 'j, 'o> {
    pub(super) plans: &'p Plans,
    pub(super) json: Lexer<'j>,
    pub(super) out: &'o mut Vec<u8>,
    pub(super) lengths: Lengths,
    /// The keys of the maps that are being read, the innermost last.
    pub(super) keys: Vec<super::map::Key>,
    pub(super) types: AnyTypes<'j>,
    /// How many more messages may lie in one another: a list of values is two of them, though one level of JSON.
    pub(super) deeper: usize,
    /// What else becomes part of the message.
    pub(super) texts: Texts<'j>,
}

impl<'p, 'j, 'o> Reader<'p, 'j, 'o> {
    pub(super) fn new(plans: &'p Plans, json: &'j str, texts: Texts<'j>, out: &'o mut Vec<u8>) -> Self {
        let deeper = plans.settings().max_depth.min(DEEPEST);
        let json = Lexer::new(json, deeper);
        let (lengths, types) = (Lengths::default(), AnyTypes::default());
        Self { plans, json, out, lengths, keys: Vec::new(), types, deeper, texts }
    }

    pub(super) fn plan(&self, index: u32) -> Read<&'p Message> {
        self.plans.get(index).ok_or_else(|| Fault::new("a type that is not in the pool"))
    }

    /// Reads a message in the JSON form of its type, without tag and length.
    pub(super) fn message(&mut self, index: u32, overlay: Overlay<'j>) -> Read {
        let plan = self.plan(index)?;
        let Some(deeper) = self.deeper.checked_sub(1) else {
            let deepest = self.plans.settings().max_depth.min(DEEPEST);
            return Err(Fault::at(self.json.token(), format!("nested deeper than {deepest} messages")));
        };
        self.deeper = deeper;
        match plan.known {
            None => self.object(plan, false, overlay)?,
            Some(known) => {
                let start = self.out.len();
                self.well_known(known, plan)?;
                // Its JSON is no object of its fields: what the path says of one of them stands for all of it.
                if !overlay.is_empty() {
                    let source = Self::source_of(overlay);
                    self.decide(start, source, |reader| reader.complete(plan, overlay, &Places::default()))?;
                }
            }
        }
        self.deeper += 1;
        Ok(())
    }

    /// Reads an object of the message's fields, and writes the captures that lie in it. In an `Any` the key `@type`
    /// is not a field.
    pub(super) fn object(&mut self, plan: &'p Message, in_any: bool, overlay: Overlay<'j>) -> Read {
        self.expect(Next::Object, "an object")?;
        self.json.open()?;
        self.members(plan, in_any, overlay)
    }

    /// Reads the members of an object that was entered, and its end.
    pub(super) fn members(&mut self, plan: &'p Message, in_any: bool, overlay: Overlay<'j>) -> Read {
        let mut object = Object { plan, overlay, visited: Places::default(), had: Places::default() };
        let (overlaid, mut expected, mut typed) = (!overlay.is_empty(), 0, false);
        // The place is kept here and not in the lexer, so that it stays in a register: it is that of what stands
        // before a key, the brace or a comma.
        let (text, mut at, mut before) = (self.json.text(), self.json.at() - 1, b'{');
        loop {
            let start = at + 1;
            let (place, field, start) =
                if let Some((place, field, value)) = quick::key(plan, expected, text, at, before) {
                    at = value;
                    (place, field, start)
                } else {
                    let mut first = before == b'{';
                    self.json.go_to(if first { start } else { at });
                    if !self.json.goes_on(&mut first)? {
                        break;
                    }
                    let start = self.json.token();
                    before = b',';
                    let place =
                        if in_any && self.is_type_url(&mut typed)? { None } else { self.named(plan, start)? };
                    at = self.json.at();
                    let Some(place) = place else { continue };
                    let Some(field) = plan.fields.get(place) else { continue };
                    (place, field, start)
                };
            (before, expected) = (b',', place + 1);
            if object.had.insert(place) {
                return Err(doubled(start).in_field(&self.json.string_at(start)));
            }
            if field.plain && !overlaid {
                match self.quick_value(field, field.wire_tag, text, at) {
                    Ok(end) => {
                        at = end;
                        continue;
                    }
                    Err(Some(fault)) => return Err(fault.in_field(&self.json.string_at(start))),
                    Err(None) => {}
                }
            }
            self.json.go_to(at);
            if let Err(fault) = self.member(&mut object, place, field, start) {
                return Err(fault.in_field(&self.json.string_at(start)));
            }
            at = self.json.at();
        }
        if overlaid { self.complete(plan, overlay, &object.visited) } else { Ok(()) }
    }

    /// Reads the key that comes next and finds its field; `None` when there is none, and its value was passed over.
    fn named(&mut self, plan: &'p Message, start: usize) -> Read<Option<usize>> {
        let key = self.json.key()?;
        let place = plan.place_of_key(&key);
        if place.is_none() {
            self.unknown_field(start).map_err(|fault| fault.in_field(&String::from_utf8_lossy(&key)))?;
        }
        Ok(place)
    }

    /// Whether the key that comes next is `@type`, which was read with its value then.
    fn is_type_url(&mut self, typed: &mut bool) -> Read<bool> {
        let start = self.json.token();
        let mut ahead = self.json.clone();
        if *ahead.key()? != *b"@type" {
            return Ok(false);
        }
        if std::mem::replace(typed, true) {
            return Err(Fault::at(start, "duplicate \"@type\""));
        }
        self.json = ahead;
        self.json.skip()?;
        Ok(true)
    }

    /// Reads one member of an object.
    #[inline(always)]
    fn member(&mut self, object: &mut Object<'p, 'j>, place: usize, field: &'p Field, start: usize) -> Read {
        if self.json.next_is(b'n') && self.json.peek()? == Next::Null && !self.takes_null(field) {
            self.json.word();
            return Ok(());
        }
        let counts = if object.overlay.is_empty() {
            self.field(field, Overlay::NONE)?
        } else {
            self.overlaid_member(object, place, field)?
        };
        // A value that was dropped is as good as a member that did not come.
        if counts
            && let Some(oneof) = field.oneof
            && object.had.insert(object.plan.fields.len() + usize::from(oneof))
        {
            return Err(Fault::at(start, another_is_set(object.plan, oneof)));
        }
        Ok(())
    }

    /// Reads the value of a field with its tag: a list, a map or a single value. Says whether the value counts.
    #[inline(always)]
    pub(super) fn field(&mut self, field: &'p Field, overlay: Overlay<'j>) -> Read<bool> {
        match field.shape {
            Shape::Single => self.tagged(field, overlay),
            Shape::List => self.list(field).map(|()| true),
            Shape::Map => self.map(field).map(|()| true),
        }
    }

    /// Reads one value with its tag, which is not written when the value is as good as not set; says whether the
    /// value counts.
    #[inline(always)]
    pub(super) fn tagged(&mut self, field: &'p Field, overlay: Overlay<'j>) -> Read<bool> {
        let start = self.out.len();
        put::varint(u64::from(field.tag), self.out);
        let value = self.out.len();
        let counts = match field.kind {
            Kind::Message(index) => {
                let length = self.lengths.open(index, self.out);
                self.message(index, overlay)?;
                self.lengths.close(length, self.out);
                true
            }
            Kind::Group(index) => {
                self.message(index, overlay)?;
                // The end tag's wire type is one more than the start tag's.
                put::varint(u64::from(field.tag + 1), self.out);
                true
            }
            kind => self.scalar(kind)?,
        };
        // Zero is the only value whose bytes are all zero: anything longer has its length first.
        let zero = || self.out.get(value..).unwrap_or_default().iter().all(|byte| *byte == 0);
        if !counts || (field.implicit && zero()) {
            self.out.truncate(start);
        }
        Ok(counts)
    }

    /// Reads a list of values.
    #[inline(never)]
    pub(super) fn list(&mut self, field: &'p Field) -> Read {
        self.expect(Next::List, "a list")?;
        self.json.open()?;
        if !field.packed {
            return self
                .elements(field, field.wire_tag, |reader| reader.tagged(field, Overlay::NONE).map(drop));
        }
        let start = self.out.len();
        put::varint(u64::from(field.packed_tag), self.out);
        let length = self.lengths.open(field.number, self.out);
        let values = self.out.len();
        self.elements(field, WireTag::NONE, |reader| reader.scalar(field.kind).map(drop))?;
        if self.out.len() == values {
            self.out.truncate(start);
        } else {
            self.lengths.close(length, self.out);
        }
        Ok(())
    }

    /// Reads the elements of a list that was entered, and its end: the usual ones, and any other with `read`.
    #[inline(always)]
    fn elements(&mut self, field: &'p Field, tag: WireTag, mut read: impl FnMut(&mut Self) -> Read) -> Read {
        let (mut first, mut index) = (true, 0);
        loop {
            self.quick_elements(field, tag, &mut first, &mut index)?;
            if !self.json.next_element(&mut first)? {
                return Ok(());
            }
            read(self).map_err(|fault| fault.in_element(index))?;
            index += 1;
        }
    }

    /// Whether JSON `null` is a value of the field, not the absence of one.
    fn takes_null(&self, field: &Field) -> bool {
        if field.shape != Shape::Single {
            return false;
        }
        match field.kind {
            Kind::Enum(index) => self.plans.enumeration(index).is_some_and(|desc| desc.null),
            Kind::Message(index) => {
                self.plans.get(index).is_some_and(|plan| plan.known == Some(WellKnown::Value))
            }
            _ => false,
        }
    }

    /// The next value must be of this kind.
    #[inline]
    pub(super) fn expect(&mut self, next: Next, expected: &str) -> Read {
        if self.json.peek()? == next { Ok(()) } else { Err(self.json.mismatch(expected)) }
    }

    /// A key that the message does not have: its value is passed over, or refused.
    pub(super) fn unknown_field(&mut self, start: usize) -> Read {
        if self.plans.settings().refuse_unknown_fields {
            return Err(Fault::at(start, "the message has no such field"));
        }
        self.json.skip()
    }
}

#[cold]
fn doubled(start: usize) -> Fault {
    Fault::at(start, "duplicate field: the object has it twice, perhaps in two spellings")
}

/// What is said when a oneof has a member already.
pub(super) fn another_is_set(plan: &Message, oneof: u16) -> String {
    let name = plan.oneofs.get(usize::from(oneof)).map(|name| &**name).unwrap_or_default();
    format!("another field of oneof {} is set already", quoted(name))
}

/// What an object has had so far.
pub(super) struct Object<'p, 'j> {
    pub(super) plan: &'p Message,
    pub(super) overlay: Overlay<'j>,
    /// The fields that the object had and the overlay has parts of, which were written there.
    pub(super) visited: Places,
    /// The fields that it had, and behind them the oneofs.
    had: Places,
}

/// A set of places; the first 64 cost nothing.
#[derive(Debug, Default)]
pub(super) struct Places {
    low: u64,
    high: Vec<u64>,
}

impl Places {
    pub(super) fn contains(&self, place: usize) -> bool {
        let word = if place < 64 { Some(&self.low) } else { self.high.get(place / 64) };
        word.is_some_and(|word| word & (1 << (place % 64)) != 0)
    }

    /// Adds a place and says whether it was there.
    #[inline(always)]
    pub(super) fn insert(&mut self, place: usize) -> bool {
        if place < 64 {
            let bit = 1 << place;
            let had = self.low & bit != 0;
            self.low |= bit;
            return had;
        }
        self.insert_high(place)
    }

    #[cold]
    fn insert_high(&mut self, place: usize) -> bool {
        let (word, bit) = (place / 64, 1 << (place % 64));
        if self.high.len() <= word {
            self.high.resize(word + 1, 0);
        }
        let Some(word) = self.high.get_mut(word) else { return false };
        let had = *word & bit != 0;
        *word |= bit;
        had
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_told_apart() {
        let mut places = Places::default();
        for place in [0, 1, 63, 64, 127, 128, 129, 191, 192, 65_000] {
            assert!(!places.insert(place), "{place}");
            assert!(places.insert(place) && places.contains(place), "{place}");
        }
        assert!(!places.contains(2) && !places.contains(130) && !places.contains(1_000_000));
        assert!(!places.insert(2) && !places.insert(130));
    }
}
