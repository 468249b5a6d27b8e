//! Map fields: entries are collected, sorted by key, of equal keys the last kept, and written.

use std::cmp::Ordering;

use super::index::{Found, zero};
use super::object::{Stop, Values, Writer, Written, known_field};
use super::raw::{Raw, Span};
use super::value::{low, unzigzag};
use crate::transcode::plan::{Field, Kind};

/// One entry of a map.
#[derive(Debug, Clone, Copy)]
pub(super) struct Item {
    key: Key,
    value: Option<Raw>,
    /// Where the value's pieces are, when it is a message that comes in several.
    pieces: Option<Found>,
    /// Which entry it was.
    order: usize,
}

#[derive(Debug, Clone, Copy)]
enum Key {
    Text(Span),
    /// A number, moved so that unsigned order is the order of the keys.
    Rank(u64),
}

/// Room for so many entries is made at once.
const FEW: usize = 32;

/// So many entries are kept before doubled ones are dropped.
const CROWDED: usize = 1024;

/// Signed keys are moved by this much.
const SIGN: u64 = 1 << 63;

impl<'p> Writer<'p, '_, '_> {
    /// Writes the entries of a map as an object.
    pub(super) fn entries(&mut self, field: &'p Field, mut values: impl Values) -> Written {
        let Kind::Message(index) = field.kind else { return Err(Stop::Malformed) };
        let plan = self.plan(index)?;
        let [key, value, ..] = &*plan.fields else { return Err(Stop::Malformed) };
        if self.items.capacity() == 0 {
            self.items.reserve(FEW);
        }
        let (start, found) = (self.items.len(), self.found.len());
        let (mut order, mut crowded) = (0, CROWDED);
        while let Some(Raw::Span(entry)) = values.next(self)? {
            if let Some(item) = self.entry(key, value, index, entry)? {
                order += 1;
                self.items.push(Item { order, ..item });
            }
            if self.items.len() - start > crowded {
                self.keep_last(start, key, value)?;
                crowded = CROWDED.max(2 * (self.items.len() - start));
            }
        }
        self.sort(start);
        self.bracketed(b'{', b'}', |writer| {
            for index in start..writer.items.len() {
                writer.item(index, key, value)?;
            }
            Ok(())
        })?;
        self.items.truncate(start);
        self.drop_found(found);
        Ok(())
    }

    /// Reads an entry; `None` when its value is unknown to its closed enum, which makes all of it unknown.
    fn entry(
        &mut self,
        key: &'p Field,
        value: &'p Field,
        index: u32,
        mut span: Span,
    ) -> Result<Option<Item>, Stop> {
        let plan = self.plan(index)?;
        let mut item =
            Item { key: Self::key_of(key.kind, zero(key.kind)), value: None, pieces: None, order: 0 };
        let mut foreign = false;
        while !span.is_empty() {
            let tag = span.tag(self.wire)?;
            let raw = span.value(self.wire, tag)?;
            match known_field(plan, tag) {
                Some((0, _)) => {
                    if let Key::Text(text) = item.key {
                        self.check(key, Raw::Span(text))?;
                    }
                    item.key = Self::key_of(key.kind, raw);
                }
                Some((1, _)) if self.is_foreign(value, raw) => foreign = true,
                Some((1, _)) => self.add_value(&mut item, value, raw)?,
                _ => {}
            }
        }
        Ok((!foreign).then_some(item))
    }

    /// A later value overrides an earlier one; messages merge.
    fn add_value(&mut self, item: &mut Item, value: &'p Field, raw: Raw) -> Written {
        if let Some(earlier) = item.value.replace(raw) {
            if value.kind.message().is_none() {
                return self.check(value, earlier);
            }
            let pieces = match item.pieces {
                None => self.push_pieces(&[earlier, raw]),
                Some(pieces) => pieces.and(self.push_pieces(&[raw])),
            };
            item.pieces = Some(pieces);
        }
        Ok(())
    }

    #[inline]
    fn key_of(kind: Kind, raw: Raw) -> Key {
        match (kind, raw) {
            (_, Raw::Span(text)) => Key::Text(text),
            (Kind::Bool, Raw::Number(number)) => Key::Rank(u64::from(number != 0)),
            (_, Raw::Number(number)) => match integer(kind, number) {
                Ok(signed) => Key::Rank(signed.cast_unsigned() ^ SIGN),
                Err(unsigned) => Key::Rank(unsigned),
            },
        }
    }

    fn sort(&mut self, start: usize) {
        let wire = self.wire;
        let Some(items) = self.items.get_mut(start..) else { return };
        let order =
            |one: &Item, other: &Item| compare(wire, one.key, other.key).then(one.order.cmp(&other.order));
        if !items.is_sorted_by(|one, other| order(one, other) == Ordering::Less) {
            items.sort_unstable_by(order);
        }
    }

    /// Drops entries that later ones override, so that a key that comes again and again takes no memory.
    fn keep_last(&mut self, start: usize, key: &'p Field, value: &'p Field) -> Written {
        self.sort(start);
        let mut kept = start;
        for index in start..self.items.len() {
            let Some(item) = self.items.get(index).copied() else { continue };
            let later = self.items.get(index + 1);
            if later.is_some_and(|later| compare(self.wire, item.key, later.key) == Ordering::Equal) {
                self.check_item(item, key, value)?;
                continue;
            }
            if let Some(slot) = self.items.get_mut(kept) {
                *slot = item;
            }
            kept += 1;
        }
        self.items.truncate(kept);
        Ok(())
    }

    /// Writes the entry at this place of the stack, unless a later one has its key.
    fn item(&mut self, index: usize, key: &'p Field, value: &'p Field) -> Written {
        let Some(item) = self.items.get(index).copied() else { return Ok(()) };
        let later = self.items.get(index + 1);
        if later.is_some_and(|later| compare(self.wire, item.key, later.key) == Ordering::Equal) {
            return self.check_item(item, key, value);
        }
        self.check_length()?;
        self.out.push(b',');
        self.item_key(key.kind, item.key)?;
        self.out.push(b':');
        let written = match (item.pieces, value.kind) {
            (Some(pieces), Kind::Message(index)) => self.message_of(index, pieces),
            (_, kind) => self.single(kind, item.value.unwrap_or_else(|| self.default_of(kind))),
        };
        written.map_err(|stop| stop.in_entry(&self.shown(key.kind, item.key)))
    }

    /// An entry that a later one overrides has to be sound all the same.
    fn check_item(&self, item: Item, key: &'p Field, value: &'p Field) -> Written {
        if let Key::Text(text) = item.key {
            self.check(key, Raw::Span(text))?;
        }
        let Some(mut pieces) = item.pieces else {
            return item.value.map_or(Ok(()), |raw| self.check(value, raw));
        };
        while let Some(piece) = pieces.pop(&self.found) {
            self.check(value, piece)?;
        }
        Ok(())
    }

    fn item_key(&mut self, kind: Kind, key: Key) -> Written {
        match key {
            Key::Text(text) => return self.text(text),
            Key::Rank(rank) => {
                let mut digits = itoa::Buffer::new();
                let digits = number_text(kind, rank, &mut digits);
                self.out.push(b'"');
                self.out.extend_from_slice(digits.as_bytes());
                self.out.push(b'"');
            }
        }
        Ok(())
    }

    /// The key as a message shows it.
    fn shown(&self, kind: Kind, key: Key) -> String {
        match key {
            Key::Text(text) => String::from_utf8_lossy(text.bytes(self.wire)).into_owned(),
            Key::Rank(rank) => number_text(kind, rank, &mut itoa::Buffer::new()).to_owned(),
        }
    }

    fn default_of(&self, kind: Kind) -> Raw {
        match kind {
            Kind::Enum(index) => Raw::Number(self.enum_default(index)),
            kind => zero(kind),
        }
    }
}

/// An integer of a kind as it is: signed, or not.
fn integer(kind: Kind, number: u64) -> Result<i64, u64> {
    match kind {
        Kind::Int32 | Kind::Sfixed32 => Ok(i64::from(low(number).cast_signed())),
        Kind::Sint32 => Ok(unzigzag(u64::from(low(number)))),
        Kind::Int64 | Kind::Sfixed64 => Ok(number.cast_signed()),
        Kind::Sint64 => Ok(unzigzag(number)),
        Kind::Uint32 | Kind::Fixed32 => Err(u64::from(low(number))),
        _ => Err(number),
    }
}

fn number_text(kind: Kind, rank: u64, digits: &mut itoa::Buffer) -> &str {
    match kind {
        Kind::Bool if rank == 0 => "false",
        Kind::Bool => "true",
        Kind::Uint32 | Kind::Fixed32 | Kind::Uint64 | Kind::Fixed64 => digits.format(rank),
        _ => digits.format((rank ^ SIGN).cast_signed()),
    }
}

fn compare(wire: &[u8], one: Key, other: Key) -> Ordering {
    match (one, other) {
        (Key::Text(one), Key::Text(other)) => one.bytes(wire).cmp(other.bytes(wire)),
        (Key::Rank(one), Key::Rank(other)) => one.cmp(&other),
        (Key::Text(_), Key::Rank(_)) => Ordering::Less,
        (Key::Rank(_), Key::Text(_)) => Ordering::Greater,
    }
}
