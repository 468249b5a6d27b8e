//! The buckets of one limit, by key, never more than a bound: 24 bytes each and the map's own.
//!
//! When there are as many as may be, new keys share one bucket until others are full again and forgotten. A call
//! takes the short lock of one of the map's parts.

use std::hash::BuildHasherDefault;
use std::sync::atomic::{AtomicUsize, Ordering};

use governor::nanos::Nanos;
use governor::state::keyed::{DashMapStateStore, ShrinkableKeyedStateStore};
use governor::state::{InMemoryState, NotKeyed, StateStore};

use super::key::{Key, Taken};

/// Buckets by key.
#[derive(Debug)]
pub(super) struct Store {
    buckets: DashMapStateStore<Key, BuildHasherDefault<Taken>>,
    /// How many there are, give or take those that are being added: counting them would lock the whole map.
    count: AtomicUsize,
    /// How many there may be.
    bound: usize,
    /// The bucket of all keys for which there is no room.
    shared: InMemoryState,
}

impl Store {
    /// A store of at most `bound` buckets.
    pub(super) fn new(bound: usize) -> Self {
        Self {
            buckets: DashMapStateStore::default(),
            count: AtomicUsize::new(0),
            bound,
            shared: InMemoryState::default(),
        }
    }

    /// Whether there is no room for another key.
    pub(super) fn is_full(&self) -> bool {
        self.count.load(Ordering::Relaxed) >= self.bound
    }
}

impl StateStore for Store {
    type Key = Key;

    fn measure_and_replace<T, F, E>(&self, key: &Key, f: F) -> Result<T, E>
    where
        F: Fn(Option<Nanos>) -> Result<(T, Nanos), E>,
    {
        if let Some(bucket) = self.buckets.get(key) {
            return bucket.measure_and_replace(&NotKeyed::NonKey, f);
        }
        if self.is_full() {
            return self.shared.measure_and_replace(&NotKeyed::NonKey, f);
        }
        self.count.fetch_add(1, Ordering::Relaxed);
        self.buckets.entry(*key).or_default().measure_and_replace(&NotKeyed::NonKey, f)
    }
}

impl ShrinkableKeyedStateStore<Key> for Store {
    fn retain_recent(&self, drop_below: Nanos) {
        self.buckets.retain_recent(drop_below);
        self.count.store(self.buckets.len(), Ordering::Relaxed);
    }

    fn shrink_to_fit(&self) {
        self.buckets.shrink_to_fit();
    }

    fn len(&self) -> usize {
        self.buckets.len()
    }

    fn is_empty(&self) -> bool {
        self.buckets.is_empty()
    }
}
