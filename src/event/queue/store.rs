//! The queue's file: events by number, and how far each sink has come. Blocks on the disk.
//!
//! Not for when something is written: that is [`writer`](super::writer).

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use redb::{
    Database, ReadableDatabase as _, ReadableTable as _, ReadableTableMetadata as _, Table, TableDefinition,
};

use super::{Limits, WhenFull};

/// Events by number, encoded as [`Record`](super::super::record::Record)s.
const EVENTS: TableDefinition<u64, &[u8]> = TableDefinition::new("events");
/// By a sink's name, the number of the first event that it has not taken.
const CURSORS: TableDefinition<&str, u64> = TableDefinition::new("cursors");
/// `next`: the number of the next event; `bytes`: the length of all events together.
const NUMBERS: TableDefinition<&str, u64> = TableDefinition::new("numbers");

/// Memory for pages of the file.
const CACHE: usize = 4 << 20;

/// An open file. What cannot be gone on with after a fault of the disk is opened anew.
pub(in super::super) struct Store {
    path: PathBuf,
    database: Mutex<Option<Database>>,
}

/// What a commit did.
#[derive(Debug, Default, PartialEq, Eq)]
pub(in super::super) struct Committed {
    /// The number that the next event will have.
    pub next: u64,
    /// New events that were not put in, because the file is full or the event is larger than it may be.
    pub refused: u64,
    /// By sink, how many events were thrown out before it took them.
    pub lost: Vec<(String, u64)>,
}

/// An event with its number.
pub(in super::super) type Numbered = (u64, Vec<u8>);

/// Why the file could not be read or written, for the log.
pub(in super::super) type Fault = Box<redb::Error>;

impl Store {
    /// Opens the file, or makes it.
    ///
    /// # Errors
    /// In words for the operator.
    pub fn open(path: &Path) -> Result<Self, String> {
        let database = database(path).map_err(|fault| told(&fault))?;
        Ok(Self { path: path.to_owned(), database: Mutex::new(Some(database)) })
    }

    /// Makes these the sinks: a new one begins behind the last event, one that is not named is forgotten. Gives
    /// how far each has come, in their order.
    pub fn sinks(&self, names: &[&str]) -> Result<Vec<u64>, Fault> {
        self.with(|database| {
            let write = database.begin_write()?;
            let mut places = Vec::with_capacity(names.len());
            {
                let next = number(&write.open_table(NUMBERS)?, "next")?;
                let mut cursors = write.open_table(CURSORS)?;
                cursors.retain(|name, _| names.contains(&name))?;
                for name in names {
                    let known = cursors.get(name)?.map(|place| place.value());
                    let place = known.unwrap_or(next);
                    cursors.insert(name, place)?;
                    places.push(place);
                }
            }
            write.commit()?;
            Ok(places)
        })
    }

    /// In one step that is on the disk when it returns: notes how far the sinks have come, forgets what all of
    /// them have taken, and puts in new events.
    pub fn commit(
        &self,
        events: &[Vec<u8>],
        taken: &[(String, u64)],
        limits: Limits,
    ) -> Result<Committed, Fault> {
        self.with(|database| {
            let write = database.begin_write()?;
            let mut done = Committed::default();
            {
                let mut numbers = write.open_table(NUMBERS)?;
                let mut cursors = write.open_table(CURSORS)?;
                let mut table = write.open_table(EVENTS)?;
                let mut room =
                    Room { next: number(&numbers, "next")?, bytes: number(&numbers, "bytes")?, limits };
                advance(&mut cursors, taken)?;
                room.forget(&mut table, lowest(&cursors)?)?;
                for event in events {
                    room.put(&mut table, &cursors, event, &mut done)?;
                }
                numbers.insert("next", room.next)?;
                numbers.insert("bytes", room.bytes)?;
                done.next = room.next;
            }
            write.commit()?;
            Ok(done)
        })
    }

    /// The number that the next event will have.
    pub fn next(&self) -> Result<u64, Fault> {
        self.with(|database| match database.begin_read()?.open_table(NUMBERS) {
            Ok(numbers) => number(&numbers, "next"),
            Err(redb::TableError::TableDoesNotExist(_)) => Ok(0),
            Err(fault) => Err(fault.into()),
        })
    }

    /// Events from a number on, at most so many and about so many bytes, at least one if there is one.
    pub fn read(&self, from: u64, most: usize, bytes: usize) -> Result<Vec<Numbered>, Fault> {
        self.with(|database| {
            let table = match database.begin_read()?.open_table(EVENTS) {
                Ok(table) => table,
                Err(redb::TableError::TableDoesNotExist(_)) => return Ok(Vec::new()),
                Err(fault) => return Err(fault.into()),
            };
            let (mut found, mut length) = (Vec::new(), 0);
            for entry in table.range(from..)?.take(most) {
                let (number, event) = entry?;
                length += event.value().len();
                if length > bytes && !found.is_empty() {
                    break;
                }
                found.push((number.value(), event.value().to_vec()));
            }
            Ok(found)
        })
    }

    /// Where the file is.
    #[cfg(test)]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Closes the file for good.
    pub fn close(&self) {
        drop(self.database.lock().unwrap_or_else(PoisonError::into_inner).take());
    }

    /// Opens the file anew after a fault: until then the database refuses everything.
    pub fn reopen(&self) -> Result<(), Fault> {
        let mut held = self.database.lock().unwrap_or_else(PoisonError::into_inner);
        drop(held.take());
        *held = Some(database(&self.path).map_err(|fault| Box::new(fault.into()))?);
        Ok(())
    }

    fn with<T>(&self, act: impl FnOnce(&Database) -> Result<T, redb::Error>) -> Result<T, Fault> {
        let held = self.database.lock().unwrap_or_else(PoisonError::into_inner);
        match held.as_ref() {
            Some(database) => act(database).map_err(Box::new),
            None => Err(Box::new(redb::Error::DatabaseClosed)),
        }
    }
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Store").field("path", &self.path).finish_non_exhaustive()
    }
}

fn database(path: &Path) -> Result<Database, redb::DatabaseError> {
    Database::builder().set_cache_size(CACHE).create(path)
}

fn told(fault: &redb::DatabaseError) -> String {
    match fault {
        redb::DatabaseError::DatabaseAlreadyOpen => {
            "it is open already, here or in another process".to_owned()
        }
        redb::DatabaseError::Storage(redb::StorageError::Io(fault)) => fault.to_string(),
        other => other.to_string(),
    }
}

fn number(numbers: &impl redb::ReadableTable<&'static str, u64>, key: &str) -> Result<u64, redb::Error> {
    Ok(numbers.get(key)?.map_or(0, |number| number.value()))
}

/// Cursors go forwards only, and only those of sinks that are still there.
fn advance(cursors: &mut Table<'_, &'static str, u64>, taken: &[(String, u64)]) -> Result<(), redb::Error> {
    for (sink, to) in taken {
        let behind = cursors.get(sink.as_str())?.is_some_and(|place| place.value() < *to);
        if behind {
            cursors.insert(sink.as_str(), to)?;
        }
    }
    Ok(())
}

/// The number of the first event that some sink has not taken; without a sink, nothing is taken.
fn lowest(cursors: &Table<'_, &'static str, u64>) -> Result<u64, redb::Error> {
    let mut lowest = None;
    for entry in cursors.iter()? {
        let place = entry?.1.value();
        lowest = Some(lowest.map_or(place, |lowest: u64| lowest.min(place)));
    }
    Ok(lowest.unwrap_or(0))
}

/// How full the file is, while a commit goes on.
struct Room {
    next: u64,
    bytes: u64,
    limits: Limits,
}

impl Room {
    /// Takes out what stands before a number.
    fn forget(&mut self, table: &mut Table<'_, u64, &'static [u8]>, before: u64) -> Result<(), redb::Error> {
        let mut freed = 0;
        table.retain_in(..before, |_, event| {
            freed += length(event);
            false
        })?;
        self.bytes = self.bytes.saturating_sub(freed);
        Ok(())
    }

    /// Puts one event in, making room for it where the settings say so.
    fn put(
        &mut self,
        table: &mut Table<'_, u64, &'static [u8]>,
        cursors: &Table<'_, &'static str, u64>,
        event: &[u8],
        done: &mut Committed,
    ) -> Result<(), redb::Error> {
        let full = |room: &Self, count: u64| {
            count >= room.limits.events || room.bytes.saturating_add(length(event)) > room.limits.bytes
        };
        if length(event) > self.limits.bytes {
            done.refused += 1;
            return Ok(());
        }
        while full(self, table.len()?) {
            let oldest = match self.limits.when_full {
                WhenFull::DropOldest => {
                    table.pop_first()?.map(|(number, old)| (number.value(), length(old.value())))
                }
                WhenFull::DropNewest => None,
            };
            let Some((number, freed)) = oldest else {
                done.refused += 1;
                return Ok(());
            };
            self.bytes = self.bytes.saturating_sub(freed);
            for entry in cursors.iter()? {
                let (sink, place) = entry?;
                if place.value() <= number {
                    count(&mut done.lost, sink.value());
                }
            }
        }
        table.insert(self.next, event)?;
        self.bytes += length(event);
        self.next += 1;
        Ok(())
    }
}

fn count(lost: &mut Vec<(String, u64)>, sink: &str) {
    match lost.iter_mut().find(|(name, _)| name == sink) {
        Some((_, count)) => *count += 1,
        None => lost.push((sink.to_owned(), 1)),
    }
}

fn length(event: &[u8]) -> u64 {
    u64::try_from(event.len()).unwrap_or(u64::MAX)
}
