//! Rules on points in time and on spans of it.

use super::number::Range;

/// Nanoseconds: since the epoch for a timestamp, from end to end for a duration.
pub(in super::super) type Moment = i128;

/// What a timestamp or a duration has to be.
#[derive(Debug, Clone)]
pub(in super::super) enum TimeTest {
    Const(Moment),
    In(Box<[Moment]>),
    NotIn(Box<[Moment]>),
    Range(Range<Moment>),
    /// Not later than now.
    BeforeNow,
    /// Not earlier than now.
    AfterNow,
    /// At most this far from now.
    Within(Moment),
}

impl TimeTest {
    /// `now` is asked for only where it matters.
    pub(in super::super) fn holds(&self, time: Moment, now: impl FnOnce() -> Moment) -> bool {
        match self {
            Self::Const(one) => time == *one,
            Self::In(times) => times.contains(&time),
            Self::NotIn(times) => !times.contains(&time),
            Self::Range(range) => range.holds(time),
            Self::BeforeNow => time <= now(),
            Self::AfterNow => time >= now(),
            Self::Within(span) => {
                let now = now();
                now - span <= time && time <= now + span
            }
        }
    }
}

/// A duration in seconds, such as `1.5s`.
pub(in super::super) fn duration_text(nanos: Moment) -> String {
    let sign = if nanos < 0 { "-" } else { "" };
    let (seconds, nanos) = (nanos.unsigned_abs() / NANOS, nanos.unsigned_abs() % NANOS);
    format!("{sign}{seconds}{}s", fraction(nanos))
}

/// A timestamp as RFC 3339 has it.
pub(in super::super) fn timestamp_text(nanos: Moment) -> String {
    let seconds = i64::try_from(nanos.div_euclid(NANOS.cast_signed())).ok();
    let rest = nanos.rem_euclid(NANOS.cast_signed()).unsigned_abs();
    let time = seconds.and_then(|seconds| chrono::DateTime::from_timestamp(seconds, 0));
    let time = time.unwrap_or_default().format("%Y-%m-%dT%H:%M:%S");
    format!("{time}{}Z", fraction(rest))
}

fn fraction(nanos: u128) -> String {
    if nanos == 0 {
        return String::new();
    }
    let digits = format!("{nanos:09}");
    format!(".{}", digits.trim_end_matches('0'))
}

const NANOS: u128 = 1_000_000_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_shown_without_needless_digits() {
        assert_eq!(duration_text(86_400_000_000_000), "86400s");
        assert_eq!(duration_text(-1_500_000_000), "-1.5s");
        assert_eq!(timestamp_text(0), "1970-01-01T00:00:00Z");
        assert_eq!(timestamp_text(-1), "1969-12-31T23:59:59.999999999Z");
    }

    #[test]
    fn now_is_inside() {
        for test in [TimeTest::BeforeNow, TimeTest::AfterNow, TimeTest::Within(0)] {
            assert!(test.holds(5, || 5), "{test:?}");
        }
        assert!(!TimeTest::BeforeNow.holds(6, || 5) && !TimeTest::AfterNow.holds(4, || 5));
        assert!(!TimeTest::Within(1).holds(7, || 5) && TimeTest::Within(2).holds(3, || 5));
    }
}
