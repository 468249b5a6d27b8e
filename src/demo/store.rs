//! The records of the embedded backend, in memory: one table for each resource type, in order of creation.
//! Bounded: a full table takes no more records, and a full store no more bytes.

use std::collections::{BTreeMap, HashMap};
use std::ops::Bound;

use prost::Message;
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
    /// What all records together take when encoded.
    bytes: usize,
}

/// The most records of one type.
const MOST_RECORDS: usize = 10_000;
/// The most bytes of all records together.
const MOST_BYTES: usize = 256 << 20;

impl Store {
    /// The number that the next record gets.
    pub(super) fn next_number(&self) -> Number {
        self.last + 1
    }

    pub(super) fn has_table(&self, name: &str) -> bool {
        self.tables.contains_key(name)
    }

    /// Takes a new record.
    ///
    /// # Errors
    /// `RESOURCE_EXHAUSTED` when there is no room.
    pub(super) fn insert(&mut self, resource: &Resource, record: DynamicMessage) -> Result<(), Status> {
        let number = self.next_number();
        let bytes = self.room(0, &record)?;
        let table = self.tables.entry(resource.table().to_owned()).or_default();
        if table.len() >= MOST_RECORDS {
            let many = plural(&spoken(&resource.noun));
            return Err(Status::resource_exhausted(format!(
                "the demo backend holds at most {MOST_RECORDS} {many}; delete some first"
            )));
        }
        table.insert(number, record);
        (self.last, self.bytes) = (number, bytes);
        Ok(())
    }

    /// What all records take once this one is here and others of `less` bytes are gone.
    fn room(&self, less: usize, record: &DynamicMessage) -> Result<usize, Status> {
        let bytes = self.bytes.saturating_sub(less) + record.encoded_len();
        if bytes > MOST_BYTES {
            return Err(Status::resource_exhausted(
                "the demo backend has no more room; delete some records first",
            ));
        }
        Ok(bytes)
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

    /// Puts a record in the place of an older one.
    ///
    /// # Errors
    /// `RESOURCE_EXHAUSTED` when there is no room.
    pub(super) fn replace(
        &mut self,
        resource: &Resource,
        number: Number,
        record: DynamicMessage,
    ) -> Result<(), Status> {
        let old = self.tables.get(resource.table()).and_then(|table| table.get(&number));
        let bytes = self.room(old.map_or(0, Message::encoded_len), &record)?;
        if let Some(table) = self.tables.get_mut(resource.table()) {
            table.insert(number, record);
            self.bytes = bytes;
        }
        Ok(())
    }

    pub(super) fn remove(&mut self, resource: &Resource, number: Number) -> Option<DynamicMessage> {
        let record = self.tables.get_mut(resource.table())?.remove(&number)?;
        self.bytes = self.bytes.saturating_sub(record.encoded_len());
        Some(record)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demo::tests::model_api;

    #[test]
    fn a_full_table_takes_no_more_and_bytes_are_given_back() {
        let desc = model_api().get_message_by_name("qdrant.cloud.ui.v1.CollectionInfo").expect("a type");
        let resource = Resource::new(&desc);
        let named = |name: &str| {
            DynamicMessage::parse_text_format(desc.clone(), &format!("name: \"{name}\"")).expect("one")
        };
        let mut store = Store::default();
        for _ in 0..MOST_RECORDS {
            store.insert(&resource, named("same")).expect("room");
        }
        assert_eq!(store.bytes, MOST_RECORDS * 6);
        let full = store.insert(&resource, named("more")).expect_err("full");
        assert_eq!(
            full.message(),
            "the demo backend holds at most 10000 collection infos; delete some first"
        );
        store.replace(&resource, 1, named("longer")).expect("room");
        store.remove(&resource, 2).expect("a record");
        assert_eq!(store.bytes, (MOST_RECORDS - 1) * 6 + 2);
        store.bytes = MOST_BYTES;
        let refused =
            [store.insert(&resource, named("more")), store.replace(&resource, 1, named("even longer"))];
        assert!(
            refused
                .iter()
                .all(|full| full.as_ref().is_err_and(|full| full.message().contains("no more room")))
        );
        assert_eq!(store.after(&resource, 0).count(), MOST_RECORDS - 1);
    }
}
