//! The records of the embedded backend, in memory: one table for each resource type, in order of creation.
//! Bounded: a table that is full refuses more.

use std::collections::{BTreeMap, HashMap};
use std::ops::Bound;

use prost_reflect::DynamicMessage;
use tonic::Status;

use super::resource::Resource;
use super::words::{plural, spoken};

/// The number of a record, growing in order of creation over all tables.
pub(super) type Number = u64;

/// All tables.
#[derive(Debug, Default)]
pub(super) struct Store {
    tables: HashMap<String, BTreeMap<Number, DynamicMessage>>,
    last: Number,
}

/// The most records of one type.
const CAPACITY: usize = 10_000;

impl Store {
    /// The number that the next record gets.
    pub(super) fn next_number(&self) -> Number {
        self.last + 1
    }

    pub(super) fn has_table(&self, name: &str) -> bool {
        self.tables.contains_key(name)
    }

    pub(super) fn insert(&mut self, resource: &Resource, record: DynamicMessage) -> Result<(), Status> {
        let number = self.next_number();
        let table = self.tables.entry(resource.table().to_owned()).or_default();
        if table.len() >= CAPACITY {
            let many = plural(&spoken(&resource.noun));
            return Err(Status::resource_exhausted(format!(
                "the demo backend holds at most {CAPACITY} {many}; delete some first"
            )));
        }
        table.insert(number, record);
        self.last = number;
        Ok(())
    }

    /// The records that were created after the one with this number (0: all), oldest first.
    pub(super) fn after(
        &self,
        resource: &Resource,
        number: Number,
    ) -> impl Iterator<Item = (Number, &DynamicMessage)> {
        let range = (Bound::Excluded(number), Bound::Unbounded);
        self.tables
            .get(resource.table())
            .into_iter()
            .flat_map(move |table| table.range(range))
            .map(|(number, record)| (*number, record))
    }

    /// The oldest record that the test accepts.
    pub(super) fn find(
        &self,
        resource: &Resource,
        mut accepts: impl FnMut(&DynamicMessage) -> bool,
    ) -> Option<(Number, &DynamicMessage)> {
        self.after(resource, 0).find(|(_, record)| accepts(record))
    }

    pub(super) fn replace(&mut self, resource: &Resource, number: Number, record: DynamicMessage) {
        if let Some(old) = self.tables.get_mut(resource.table()).and_then(|table| table.get_mut(&number)) {
            *old = record;
        }
    }

    pub(super) fn remove(&mut self, resource: &Resource, number: Number) -> Option<DynamicMessage> {
        self.tables.get_mut(resource.table())?.remove(&number)
    }
}
