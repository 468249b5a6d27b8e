//! Maps: entries are collected, the last of each key kept, and written in the order of their keys.

use super::raw::{self, Raw};
use super::value::{signed, unsigned, utf8};
use super::writer::{Stop, Writer, Written};
use crate::transcode::plan::{Field, Kind};

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Key<'w> {
    Bool(bool),
    Signed(i64),
    Unsigned(u64),
    Text(&'w str),
}

/// A key, and the values of an entry: of messages there may be several, to be merged.
struct Entry<'w> {
    key: Key<'w>,
    values: Values<'w>,
}

enum Values<'w> {
    None,
    One(Raw<'w>),
    /// Each with the place of the value field.
    Many(Vec<(usize, Raw<'w>)>),
}

impl<'p> Writer<'p, '_> {
    /// Writes a map field with its key, or as unset when it has no entries.
    pub(super) fn map_field<'w>(
        &mut self,
        field: &'p Field,
        values: impl Iterator<Item = Result<Raw<'w>, Stop>>,
    ) -> Written {
        let start = self.out.len();
        self.member(&field.key);
        if self.entries(field, values)? == 0 {
            self.out.truncate(start);
            self.member(&field.unset);
        }
        Ok(())
    }

    /// Writes a map and says how many entries it has.
    pub(super) fn entries<'w>(
        &mut self,
        field: &'p Field,
        values: impl Iterator<Item = Result<Raw<'w>, Stop>>,
    ) -> Result<usize, Stop> {
        let Kind::Message(entry) = field.kind else { return Err(Stop::Malformed) };
        let plan = self.plan(entry)?;
        let [key_field, value_field] = &*plan.fields else { return Err(Stop::Malformed) };
        let mut entries = Vec::new();
        for value in values {
            entries.extend(read_entry(key_field, value_field, value?.slice())?);
        }
        entries.sort_by_key(|entry| entry.key);
        let mut count = 0;
        self.out.push(b'{');
        for same in entries.chunk_by(|one, other| one.key == other.key) {
            let Some((last, early)) = same.split_last() else { continue };
            for entry in early {
                self.check_entry(value_field, entry)?;
            }
            if count > 0 {
                self.out.push(b',');
            }
            self.map_key(last.key);
            self.map_value(value_field, &last.values).map_err(|stop| stop.in_entry(&last.key.to_text()))?;
            count += 1;
        }
        self.out.push(b'}');
        Ok(count)
    }

    fn check_entry(&self, field: &'p Field, entry: &Entry<'_>) -> Written {
        let check = |value| self.check_value(field, value, self.nesting);
        match &entry.values {
            Values::None => Ok(()),
            Values::One(value) => check(*value),
            Values::Many(values) => values.iter().try_for_each(|(_, value)| check(*value)),
        }
    }

    fn map_key(&mut self, key: Key<'_>) {
        match key {
            Key::Text(text) => super::text::quoted(text, self.out),
            Key::Bool(true) => self.raw("\"true\""),
            Key::Bool(false) => self.raw("\"false\""),
            Key::Signed(number) => self.quoted_digits(itoa::Buffer::new().format(number)),
            Key::Unsigned(number) => self.quoted_digits(itoa::Buffer::new().format(number)),
        }
        self.out.push(b':');
    }

    fn quoted_digits(&mut self, digits: &str) {
        self.out.push(b'"');
        self.raw(digits);
        self.out.push(b'"');
    }

    fn map_value(&mut self, field: &'p Field, values: &Values<'_>) -> Written {
        match (values, &field.kind) {
            (Values::One(value), kind) => self.single(kind, *value),
            (Values::Many(run), _) => self.merged(field, run),
            (Values::None, Kind::Message(index)) => self.message(*index, &[]),
            (Values::None, _) => {
                self.out.extend_from_slice(&field.default);
                Ok(())
            }
        }
    }
}

impl<'w> Values<'w> {
    fn add(&mut self, value: Raw<'w>) {
        *self = match std::mem::replace(self, Self::None) {
            Self::None => Self::One(value),
            Self::One(first) => Self::Many(vec![(1, first), (1, value)]),
            Self::Many(mut values) => {
                values.push((1, value));
                Self::Many(values)
            }
        };
    }
}

impl Key<'_> {
    /// The key as it stands in a fault's path.
    fn to_text(self) -> String {
        match self {
            Self::Bool(key) => key.to_string(),
            Self::Signed(key) => key.to_string(),
            Self::Unsigned(key) => key.to_string(),
            Self::Text(key) => key.to_owned(),
        }
    }
}

fn key_of<'w>(kind: &Kind, value: Raw<'w>) -> Result<Key<'w>, Stop> {
    let number = value.number();
    Ok(match kind {
        Kind::Bool => Key::Bool(number != 0),
        Kind::Text => Key::Text(utf8(value.slice())?),
        Kind::Uint32 | Kind::Uint64 => Key::Unsigned(unsigned(kind, number)),
        _ => Key::Signed(signed(kind, number)),
    })
}

/// Reads an entry; `None` when its value is one that a closed enum has no name for.
fn read_entry<'w>(
    key_field: &Field,
    value_field: &Field,
    mut wire: &'w [u8],
) -> Result<Option<Entry<'w>>, Stop> {
    let (mut key, mut values, mut unknown) = (None, Values::None, false);
    while !wire.is_empty() {
        let (number, wire_type) = raw::tag(&mut wire).ok_or(Stop::Malformed)?;
        let value = raw::value(&mut wire, number, wire_type).ok_or(Stop::Malformed)?;
        if number == key_field.number && key_field.takes(wire_type) {
            key = Some(key_of(&key_field.kind, value)?);
        } else if number == value_field.number && value_field.takes(wire_type) {
            unknown |= value_field.is_unknown(value);
            values.add(value);
        }
    }
    if unknown {
        return Ok(None);
    }
    let key = match key {
        Some(key) => key,
        None if matches!(key_field.kind, Kind::Text) => Key::Text(""),
        None => key_of(&key_field.kind, Raw::Number(0))?,
    };
    Ok(Some(Entry { key, values }))
}
