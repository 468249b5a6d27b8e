//! Objects that are maps: an entry a member, no key twice.

use std::collections::HashSet;

use super::lexer::Next;
use super::object::{Read, Reader};
use super::put;
use crate::transcode::fault::{Fault, quoted};
use crate::transcode::number;
use crate::transcode::plan::{Field, Kind, Message};

/// A key that was written: its bytes in the output, and where it stood in the JSON text.
#[derive(Debug, Clone, Copy)]
pub(super) struct Key {
    start: usize,
    end: usize,
    token: usize,
}

/// So many keys are compared one by one; more are sorted.
const FEW: usize = 16;

impl<'p> Reader<'p, '_, '_> {
    /// Reads an object as a map.
    pub(super) fn map(&mut self, field: &'p Field) -> Read {
        self.expect(Next::Object, "an object")?;
        self.json.open()?;
        let (index, plan) = self.entry_plan(field)?;
        if self.keys.capacity() == 0 {
            self.keys.reserve(2 * FEW);
        }
        let keys = self.keys.len();
        let (mut first, mut dropped) = (true, Vec::new());
        while self.json.goes_on(&mut first)? {
            dropped.extend(self.entry(field, index, plan)?);
        }
        self.refuse_doubled(keys)?;
        self.refuse_dropped(keys, &dropped)?;
        self.keys.truncate(keys);
        Ok(())
    }

    /// The plan of a map field's entries.
    pub(super) fn entry_plan(&self, field: &'p Field) -> Read<(u32, &'p Message)> {
        let index = field.kind.message().ok_or_else(|| Fault::new("a map without entries"))?;
        Ok((index, self.plan(index)?))
    }

    /// Reads an entry; its key and where that stood when the value is one to be dropped.
    fn entry(&mut self, field: &'p Field, index: u32, plan: &'p Message) -> Read<Option<(Vec<u8>, usize)>> {
        let [key, value, ..] = &*plan.fields else { return Err(Fault::new("a map without entries")) };
        let token = self.json.token();
        let text = self.json.key()?;
        let start = self.out.len();
        put::varint(u64::from(field.tag), self.out);
        let length = self.lengths.open(index, self.out);
        let key_start = self.out.len();
        put::varint(u64::from(key.tag), self.out);
        let text = String::from_utf8_lossy(&text);
        if map_key(key.kind, &text, self.out).is_none() {
            let expected = key.kind.expectation();
            return Err(Fault::at(token, format!("expected {expected} as map key, found {}", quoted(&text))));
        }
        let key_len = self.out.len() - key_start;
        if !self.tagged(value, super::parts::Overlay::NONE).map_err(|fault| fault.in_entry(&text))? {
            let key = self.out.get(key_start..key_start + key_len).unwrap_or_default().to_vec();
            self.out.truncate(start);
            return Ok(Some((key, token)));
        }
        let end = self.out.len();
        self.lengths.close(length, self.out);
        // What follows the length may have been moved with it.
        let key_start = key_start + self.out.len() - end;
        self.keys.push(Key { start: key_start, end: key_start + key_len, token });
        Ok(None)
    }

    /// Keys of entries that were dropped may not be doubled either.
    fn refuse_dropped(&self, from: usize, dropped: &[(Vec<u8>, usize)]) -> Read {
        if dropped.is_empty() {
            return Ok(());
        }
        let kept = self.keys.get(from..).unwrap_or_default();
        let kept = kept.iter().map(|key| self.out.get(key.start..key.end).unwrap_or_default());
        let mut all: HashSet<_> = kept.collect();
        match dropped.iter().find(|(key, _)| !all.insert(key)) {
            None => Ok(()),
            Some((_, token)) => Err(self.doubled(*token)),
        }
    }

    /// No two of the keys since `from` may be equal. All of them are in one message, which has not been moved yet.
    pub(super) fn refuse_doubled(&mut self, from: usize) -> Read {
        let Some(keys) = self.keys.get_mut(from..) else { return Ok(()) };
        let bytes = |key: &Key| self.out.get(key.start..key.end).unwrap_or_default();
        let doubled = if keys.len() <= FEW {
            keys.iter().enumerate().find_map(|(index, key)| {
                let earlier = keys.iter().take(index).any(|earlier| bytes(earlier) == bytes(key));
                earlier.then_some(*key)
            })
        } else {
            keys.sort_unstable_by(|one, other| {
                bytes(one).cmp(bytes(other)).then(one.token.cmp(&other.token))
            });
            let mut pairs = keys.iter().zip(keys.iter().skip(1));
            pairs.find(|(one, other)| bytes(one) == bytes(other)).map(|(_, doubled)| *doubled)
        };
        match doubled {
            None => Ok(()),
            Some(key) => Err(self.doubled(key.token)),
        }
    }

    fn doubled(&self, token: usize) -> Fault {
        Fault::at(token, "the map has this key twice").in_entry(&self.json.string_at(token))
    }
}

/// Appends a map key of this kind without its tag; JSON has them as strings, all. `None` when it is none.
pub(super) fn map_key(kind: Kind, text: &str, out: &mut Vec<u8>) -> Option<()> {
    match kind {
        Kind::String => put::delimited(text.as_bytes(), text.len(), out),
        Kind::Bool => out.push(u8::from(text.parse::<bool>().ok()?)),
        // No fraction and no exponent: 1 and 1.0 would be two spellings of one key.
        _ if number::is_number(text) && !text.contains(['.', 'e', 'E']) => {
            put::integer(kind, put::bits(kind, number::integer(text)?)?, out);
        }
        _ => return None,
    }
    Some(())
}
