//! From a JSON key to the place of a field.
//!
//! A table of open addressing that is filled once and at most half full. Clients cannot add to it, so they cannot
//! make it slow.

/// Places by name.
#[derive(Debug, Default)]
pub(super) struct Names {
    slots: Box<[Slot]>,
    /// All names, one after the other.
    texts: Box<[u8]>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Slot {
    hash: u32,
    start: u32,
    len: u32,
    /// One more than the place; 0: the slot is free.
    place: u32,
}

impl Names {
    /// A table of names and their places. Of two equal names the first counts.
    pub(super) fn new<'n>(names: impl Iterator<Item = (&'n str, usize)>) -> Self {
        let names: Vec<_> = names.collect();
        let mut table =
            Self { slots: vec![Slot::default(); slots(names.len())].into(), texts: Box::default() };
        let mut texts = Vec::new();
        for (name, place) in names {
            let name = name.as_bytes();
            let hash = hash(name);
            let free = table.probe(hash).find(|slot| {
                let slot = table.slots.get(*slot).copied().unwrap_or_default();
                slot.place == 0 || (slot.hash == hash && texts.get(slot.range()) == Some(name))
            });
            let Some(slot) = free.and_then(|slot| table.slots.get_mut(slot)).filter(|slot| slot.place == 0)
            else {
                continue;
            };
            let (start, len, place) = (texts.len(), name.len(), place + 1);
            let [start, len, place] =
                [start, len, place].map(|number| u32::try_from(number).unwrap_or_default());
            *slot = Slot { hash, start, len, place };
            texts.extend_from_slice(name);
        }
        table.texts = texts.into();
        table
    }

    #[inline]
    pub(super) fn find(&self, name: &[u8]) -> Option<usize> {
        let hash = hash(name);
        for slot in self.probe(hash) {
            let slot = self.slots.get(slot)?;
            if slot.place == 0 {
                return None;
            }
            if slot.hash == hash && self.texts.get(slot.range()) == Some(name) {
                return Some(slot.place as usize - 1);
            }
        }
        None
    }

    pub(super) fn bytes(&self) -> usize {
        size_of_val(&*self.slots) + self.texts.len()
    }

    /// The slots to look at, in order.
    fn probe(&self, hash: u32) -> impl Iterator<Item = usize> + use<> {
        let mask = self.slots.len().wrapping_sub(1);
        let count = self.slots.len();
        (0..count).map(move |step| (hash as usize).wrapping_add(step) & mask)
    }
}

/// How many slots so many names have: none take none.
fn slots(names: usize) -> usize {
    if names == 0 { 0 } else { (names * 2).next_power_of_two() }
}

impl Slot {
    fn range(self) -> std::ops::Range<usize> {
        let start = self.start as usize;
        start..start + self.len as usize
    }
}

#[allow(clippy::cast_possible_truncation, reason = "32 bits of a hash are a hash")]
#[inline]
fn hash(name: &[u8]) -> u32 {
    const ODD: u64 = 0x9e37_79b9_7f4a_7c15;
    let (words, rest) = name.as_chunks::<8>();
    // The last word overlaps the one before it.
    let last = match name.last_chunk::<8>() {
        Some(word) => u64::from_le_bytes(*word),
        None => rest.iter().fold(0, |word, byte| (word << 8) | u64::from(*byte)),
    };
    let mix = |hash: u64, word: u64| (hash ^ word).wrapping_mul(ODD).rotate_left(29);
    let start = mix(name.len() as u64, last);
    let mixed = words.iter().fold(start, |hash, word| mix(hash, u64::from_le_bytes(*word)));
    (mixed ^ (mixed >> 32)) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_found_and_no_other() {
        let names: Vec<_> = (0..500).map(|n| format!("{}name{n}", "x".repeat(n % 13))).collect();
        let table = Names::new(names.iter().enumerate().map(|(place, name)| (name.as_str(), place)));
        for (place, name) in names.iter().enumerate() {
            assert_eq!(table.find(name.as_bytes()), Some(place), "{name}");
        }
        for other in ["", "name", "name500", "xname0", "names1"] {
            assert_eq!(table.find(other.as_bytes()), None, "{other}");
        }
        assert_eq!(Names::default().find(b"a"), None);
        assert_eq!(Names::new(std::iter::empty()).find(b"a"), None);
    }

    #[test]
    fn names_that_differ_in_the_middle_do_not_crowd() {
        let names: Vec<_> = (0..5000).map(|n| format!("CATEGORY_{n:05}_SUFFIXED")).collect();
        let hashes: std::collections::HashSet<_> = names.iter().map(|name| hash(name.as_bytes())).collect();
        assert!(hashes.len() > 4990, "{}", hashes.len());
    }

    #[test]
    fn of_two_equal_names_the_first_counts() {
        let table = Names::new([("a", 3), ("b", 1), ("a", 2)].into_iter());
        assert_eq!((table.find(b"a"), table.find(b"b")), (Some(3), Some(1)));
    }
}
