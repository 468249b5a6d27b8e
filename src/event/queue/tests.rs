//! The queue's file against a model of it: what was committed is there after a kill, and nothing else.

use std::collections::BTreeMap;

use proptest::prelude::*;
use tempfile::TempDir;

use super::*;

const ROOMY: Limits = Limits { events: 1_000_000, bytes: 1 << 40, when_full: WhenFull::DropOldest };

fn taken(sink: &str, place: u64) -> Vec<(String, u64)> {
    vec![(sink.to_owned(), place)]
}

fn bytes(numbered: &[Numbered]) -> Vec<&[u8]> {
    numbered.iter().map(|(_, event)| event.as_slice()).collect()
}

/// The file as a kill leaves it: copied while it is open.
fn killed(folder: &TempDir, store: &Store, generation: usize) -> Store {
    let (from, to) = (store.path(), folder.path().join(format!("{generation}.redb")));
    std::fs::copy(from, &to).expect("copied");
    Store::open(&to).expect("opened after a kill")
}

#[derive(Debug, Clone)]
enum Step {
    Commit(Vec<u8>),
    Take { sink: usize, more: u64 },
    Kill,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        3 => proptest::collection::vec(0..40_u8, 0..6).prop_map(Step::Commit),
        3 => (0..2_usize, 0..6_u64).prop_map(|(sink, more)| Step::Take { sink, more }),
        1 => Just(Step::Kill),
    ];
    proptest::collection::vec(step, 1..14)
}

/// What the file should hold.
#[derive(Debug, Default)]
struct Model {
    events: BTreeMap<u64, Vec<u8>>,
    next: u64,
    places: [u64; 2],
    lost: [u64; 2],
    refused: u64,
}

impl Model {
    fn commit(&mut self, lengths: &[u8], limits: Limits) -> Vec<Vec<u8>> {
        let lowest = self.places[0].min(self.places[1]);
        self.events.retain(|number, _| *number >= lowest);
        let mut made = Vec::new();
        for length in lengths {
            let event = vec![*length; usize::from(*length)];
            made.push(event.clone());
            if event.len() as u64 > limits.bytes {
                self.refused += 1;
                continue;
            }
            let full = |events: &BTreeMap<u64, Vec<u8>>| {
                let held: usize = events.values().map(Vec::len).sum();
                events.len() as u64 >= limits.events || (held + event.len()) as u64 > limits.bytes
            };
            if limits.when_full == WhenFull::DropNewest && full(&self.events) {
                self.refused += 1;
                continue;
            }
            while full(&self.events) {
                let (number, _) = self.events.pop_first().expect("something to drop");
                for sink in 0..2 {
                    self.lost[sink] += u64::from(self.places[sink] <= number);
                }
            }
            self.events.insert(self.next, event);
            self.next += 1;
        }
        made
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn the_file_is_as_its_model_after_every_step(
        steps in steps(),
        events in 1..9_u64,
        held in 1..120_u64,
        oldest in any::<bool>(),
    ) {
        let when_full = if oldest { WhenFull::DropOldest } else { WhenFull::DropNewest };
        let limits = Limits { events, bytes: held, when_full };
        let folder = tempfile::tempdir().expect("a folder");
        let mut store = Store::open(&folder.path().join("first.redb")).expect("opened");
        let sinks = ["a", "b"];
        store.sinks(&sinks).expect("sinks");
        let (mut model, mut lost, mut refused) = (Model::default(), [0, 0], 0);
        for (generation, step) in steps.into_iter().enumerate() {
            match step {
                Step::Kill => {
                    store = killed(&folder, &store, generation);
                    prop_assert_eq!(store.sinks(&sinks).expect("sinks"), model.places.to_vec());
                }
                Step::Take { sink, more } => {
                    model.places[sink] = model.next.min(model.places[sink] + more);
                    model.commit(&[], limits);
                    store.commit(&[], &taken(sinks[sink], model.places[sink]), limits).expect("committed");
                }
                Step::Commit(lengths) => {
                    let made = model.commit(&lengths, limits);
                    let done = store.commit(&made, &[], limits).expect("committed");
                    refused += done.refused;
                    for (sink, count) in done.lost {
                        lost[usize::from(sink == "b")] += count;
                    }
                }
            }
            prop_assert_eq!(store.next().expect("read"), model.next);
            for place in model.places {
                let found = store.read(place, usize::MAX, usize::MAX).expect("read");
                let expected: Vec<_> = model.events.range(place..).map(|(at, event)| (*at, event.clone())).collect();
                prop_assert_eq!(found, expected);
            }
        }
        prop_assert_eq!((lost, refused), (model.lost, model.refused));
    }
}

#[test]
fn a_new_sink_begins_behind_the_last_event_and_one_that_is_gone_holds_nothing_up() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = Store::open(&folder.path().join("q.redb")).expect("opened");
    assert_eq!(store.sinks(&["a"]).expect("sinks"), [0]);
    store.commit(&[b"1".to_vec(), b"2".to_vec()], &[], ROOMY).expect("committed");
    assert_eq!(store.sinks(&["a", "b"]).expect("sinks"), [0, 2]);
    store.commit(&[b"3".to_vec()], &taken("b", 3), ROOMY).expect("committed");
    assert_eq!(bytes(&store.read(0, 9, 99).expect("read")), [b"1", b"2", b"3"]);
    assert_eq!(store.sinks(&["b"]).expect("sinks"), [3]);
    // Who is gone does not come back by what it had taken.
    store.commit(&[], &taken("a", 1), ROOMY).expect("committed");
    assert_eq!(store.read(0, 9, 99).expect("read"), []);
    assert_eq!(store.sinks(&["a", "b"]).expect("sinks"), [3, 3]);
}

#[test]
fn reading_is_bounded_but_gives_at_least_one() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = Store::open(&folder.path().join("q.redb")).expect("opened");
    let events: Vec<_> = (0..5_u8).map(|number| vec![number; 10]).collect();
    store.commit(&events, &[], ROOMY).expect("committed");
    for (most, length, expected) in [(9, 99, 5), (2, 99, 2), (9, 25, 2), (9, 5, 1)] {
        assert_eq!(store.read(0, most, length).expect("read").len(), expected, "{most} {length}");
    }
}

#[test]
fn a_file_that_is_open_or_is_none_is_told() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("q.redb");
    let store = Store::open(&path).expect("opened");
    assert_eq!(Store::open(&path).err().as_deref(), Some("it is open already, here or in another process"));
    store.close();
    assert!(store.read(0, 1, 1).is_err());
    store.reopen().expect("opened again");
    assert_eq!(store.next().expect("read"), 0);
    std::fs::write(folder.path().join("text"), "no queue at all, but long enough to be looked at")
        .expect("written");
    assert!(Store::open(&folder.path().join("text")).is_err());
    assert!(Store::open(&folder.path().join("none/q.redb")).is_err_and(|why| why.contains("No such file")));
}
