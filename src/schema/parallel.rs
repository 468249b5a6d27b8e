//! The same done to many things, on all cores. For set-up; at a reload it takes turns with the calls for as long as it
//! lasts, which is milliseconds but for contracts of thousands of files. Not for the request path.

use std::num::NonZero;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

/// Fewer things than these are not worth a thread.
const WORTH_A_THREAD: usize = 8;

/// What `make` makes of each thing, in the order of the things.
pub(super) fn map<T: Sync, M: Send>(things: &[T], make: impl Fn(&T) -> M + Sync) -> Vec<M> {
    let cores = thread::available_parallelism().map_or(1, NonZero::get);
    map_on(cores.min(things.len() / WORTH_A_THREAD), things, make)
}

/// The same on so many threads, or as many as the system gives.
fn map_on<T: Sync, M: Send>(threads: usize, things: &[T], make: impl Fn(&T) -> M + Sync) -> Vec<M> {
    let next = AtomicUsize::new(0);
    // Things differ in size: each thread takes another one when it is done with one.
    let work = || {
        let take = || next.fetch_add(1, Ordering::Relaxed);
        let taken = std::iter::repeat_with(take).map_while(|index| Some((index, things.get(index)?)));
        taken.map(|(index, thing)| (index, make(thing))).collect::<Vec<_>>()
    };
    let mut made = thread::scope(|scope| {
        let others: Vec<_> =
            (1..threads).map_while(|_| thread::Builder::new().spawn_scoped(scope, work).ok()).collect();
        let mut made = work();
        for other in others {
            match other.join() {
                Ok(more) => made.extend(more),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        made
    });
    made.sort_unstable_by_key(|(index, _)| *index);
    made.into_iter().map(|(_, made)| made).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_is_kept() {
        for count in [0, 1, 7, 1000] {
            let things: Vec<usize> = (0..count).collect();
            let expected: Vec<_> = things.iter().map(|thing| thing * 2).collect();
            assert_eq!(map(&things, |thing| thing * 2), expected);
            assert_eq!(map_on(4, &things, |thing| thing * 2), expected);
        }
    }
}
