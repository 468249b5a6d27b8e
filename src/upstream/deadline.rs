//! How long a call may take, and how that is told to the backend (`grpc-timeout`, `PROTOCOL-HTTP2.md` of the
//! gRPC project). Not for waiting: the call does that.

use std::time::Duration;

use bytes::Bytes;
use http::HeaderValue;

/// The deadlines that calls get.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Deadlines {
    /// That of a call that brings none; `None`: no deadline.
    pub default: Option<Duration>,
    /// The longest that a client may ask for; longer ones are cut to it.
    pub max: Option<Duration>,
}

impl Deadlines {
    /// These, and those of `other` where they say nothing.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        Self { default: self.default.or(other.default), max: self.max.or(other.max) }
    }

    /// The time a call gets: the client's wish, or the default without one, but never more than the longest.
    /// No deadline at all is longer than any, so it is cut too.
    #[must_use]
    pub fn of(self, wish: Option<Duration>) -> Option<Duration> {
        match (wish.or(self.default), self.max) {
            (Some(timeout), Some(max)) => Some(timeout.min(max)),
            (timeout, max) => timeout.or(max),
        }
    }
}

/// The `grpc-timeout` value: at most eight digits and the finest unit that they suffice for. Rounded down, so
/// that the backend never waits longer than we do.
pub(super) fn header(timeout: Duration) -> Option<HeaderValue> {
    let seconds = u128::from(timeout.as_secs());
    let units = [
        (timeout.as_nanos(), b'n'),
        (timeout.as_micros(), b'u'),
        (timeout.as_millis(), b'm'),
        (seconds, b'S'),
        (seconds / 60, b'M'),
        (seconds / 3600, b'H'),
    ];
    let (count, unit) = units.into_iter().find(|(count, _)| *count <= MOST).unwrap_or((MOST, b'H'));
    let mut text = [0; DIGITS + 1];
    let mut digits = itoa::Buffer::new();
    let digits = digits.format(count).as_bytes();
    let (number, behind) = text.split_at_mut_checked(digits.len())?;
    number.copy_from_slice(digits);
    *behind.first_mut()? = unit;
    // Owned, a clone of it shares its bytes; the call keeps one, to be sent again.
    HeaderValue::from_maybe_shared(Bytes::from_owner(text).slice(..=digits.len())).ok()
}

/// How many digits a `grpc-timeout` may have.
const DIGITS: usize = 8;

/// The largest number of that many digits.
const MOST: u128 = 99_999_999;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_finest_unit_that_fits_is_written() {
        for (timeout, expected) in [
            (Duration::ZERO, "0n"),
            (Duration::from_nanos(99_999_999), "99999999n"),
            (Duration::from_millis(100), "100000u"),
            (Duration::from_secs(2), "2000000u"),
            (Duration::from_secs(100), "100000m"),
            (Duration::from_secs(100_000), "100000S"),
            (Duration::from_secs(99_999_999), "99999999S"),
            (Duration::from_secs(100_000_000), "1666666M"),
            (Duration::from_hours(1_666_667), "1666667H"),
            (Duration::MAX, "99999999H"),
        ] {
            assert_eq!(header(timeout).expect("a header value"), expected, "{timeout:?}");
        }
    }

    #[test]
    fn the_wish_counts_up_to_the_maximum() {
        let s = |seconds: Option<u64>| seconds.map(Duration::from_secs);
        for (wish, default, max, expected) in [
            (None, None, None, None),
            (None, Some(5), None, Some(5)),
            (Some(2), Some(5), None, Some(2)),
            (Some(9), Some(5), Some(8), Some(8)),
            (None, Some(9), Some(8), Some(8)),
            (None, None, Some(8), Some(8)),
        ] {
            let found = Deadlines { default: s(default), max: s(max) }.of(s(wish));
            assert_eq!(found, s(expected), "{wish:?} {default:?} {max:?}");
        }
    }

    #[test]
    fn what_is_said_nearer_wins() {
        let s = |default: Option<u64>, max: Option<u64>| Deadlines {
            default: default.map(Duration::from_secs),
            max: max.map(Duration::from_secs),
        };
        assert_eq!(s(None, Some(600)).or(s(Some(30), Some(60))), s(Some(30), Some(600)));
        assert_eq!(s(Some(1), None).or(s(Some(30), Some(60))), s(Some(1), Some(60)));
    }
}
