//! The texts of `google.protobuf.Timestamp` and `Duration`, both ways, with the ranges of their proto files.

use super::plan::put_block;

/// Reads RFC 3339, any offset, up to nine digits of fraction, years 0001 to 9999 (after the offset is applied).
pub(super) fn read_timestamp(text: impl AsRef<[u8]>) -> Option<(i64, i32)> {
    let (civil, rest) = text.as_ref().split_first_chunk()?;
    let [y1, y2, y3, y4, b'-', o1, o2, b'-', d1, d2, b'T', h1, h2, b':', m1, m2, b':', s1, s2] = *civil
    else {
        return None;
    };
    // What is no digit makes one of these greater than 9.
    let pairs = [[y1, y2], [y3, y4], [o1, o2], [d1, d2], [h1, h2], [m1, m2], [s1, s2]];
    let digits = pairs.map(|pair| pair.map(|byte| byte.wrapping_sub(b'0')));
    if digits.as_flattened().iter().any(|digit| *digit > 9) {
        return None;
    }
    let [century, year, month, day, hour, minute, second] =
        digits.map(|[tens, ones]| i64::from(tens * 10 + ones));
    let year = century * 100 + year;
    let mut rest = Cursor(rest);
    let nanos = if rest.after(b'.').is_some() { rest.fraction()? } else { 0 };
    let offset = rest.offset()?;
    let sound = (1..=12).contains(&month) && (1..=days_in(year, month)).contains(&day);
    if !sound || hour > 23 || minute > 59 || second > 59 || !rest.0.is_empty() {
        return None;
    }
    let seconds = days_from_civil(year, month, day) * DAY + hour * 3600 + minute * 60 + second - offset;
    TIMESTAMPS.contains(&seconds).then_some((seconds, nanos))
}

/// Writes RFC 3339 in UTC with 0, 3, 6 or 9 digits of fraction; `None` when out of range.
pub(super) fn write_timestamp(seconds: i64, nanos: i32) -> Option<Text> {
    if !TIMESTAMPS.contains(&seconds) || !(0..=999_999_999).contains(&nanos) {
        return None;
    }
    let (year, month, day) = civil_from_days(seconds.div_euclid(DAY));
    let time = seconds.rem_euclid(DAY);
    let mut text = Text::default();
    text.put(&two(year / 100));
    for (number, after) in
        [(year % 100, b"-"), (month, b"-"), (day, b"T"), (time / 3600, b":"), (time / 60 % 60, b":")]
    {
        text.put(&two(number));
        text.put(after);
    }
    text.put(&two(time % 60));
    text.put_fraction(nanos.unsigned_abs());
    text.put(b"Z");
    Some(text)
}

/// Reads seconds with up to nine digits of fraction and the suffix `s`: `3s`, `-1.5s`.
pub(super) fn read_duration(text: &str) -> Option<(i64, i32)> {
    let mut text = Cursor(text.strip_suffix('s')?.as_bytes());
    let negative = text.after(b'-').is_some();
    if !negative {
        text.after(b'+');
    }
    let (digits, seconds) = text.digits();
    let nanos = if text.after(b'.').is_some() { Some(text.fraction()?) } else { None };
    if (digits == 0 && nanos.is_none()) || !text.0.is_empty() {
        return None;
    }
    let (seconds, nanos) = (i64::try_from(seconds).ok()?, nanos.unwrap_or_default());
    in_range(if negative { (-seconds, -nanos) } else { (seconds, nanos) })
}

/// Reads Go's duration syntax: `1h30m`, `1.5s`, `250ms`. Finer than a nanosecond is refused.
pub(super) fn read_go_duration(text: &str) -> Option<(i64, i32)> {
    let (negative, text) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    if text == "0" {
        return Some((0, 0));
    }
    let mut text = Cursor(text.as_bytes());
    let mut total = 0_i128;
    loop {
        total = total.checked_add(text.go_part()?)?;
        if text.0.is_empty() {
            break;
        }
    }
    let total = if negative { -total } else { total };
    in_range((i64::try_from(total / NANOS).ok()?, i32::try_from(total % NANOS).ok()?))
}

/// Writes a duration with 0, 3, 6 or 9 digits of fraction; `None` when out of range or the signs differ.
pub(super) fn write_duration(seconds: i64, nanos: i32) -> Option<Text> {
    let (seconds, nanos) = in_range((seconds, nanos))?;
    let mut text = Text::default();
    if seconds < 0 || nanos < 0 {
        text.put(b"-");
    }
    text.put(itoa::Buffer::new().format(seconds.unsigned_abs()).as_bytes());
    text.put_fraction(nanos.unsigned_abs());
    text.put(b"s");
    Some(text)
}

/// The text of a timestamp or duration: at most 30 ASCII characters.
#[derive(Debug, Default)]
pub(super) struct Text {
    block: [u8; 32],
    len: usize,
}

impl Text {
    /// Appends the text in quotes.
    pub(super) fn put_quoted(&self, out: &mut Vec<u8>) {
        out.push(b'"');
        put_block(&self.block, self.len, out);
        out.push(b'"');
    }

    fn put(&mut self, part: &[u8]) {
        let end = self.len + part.len();
        if let Some(room) = self.block.get_mut(self.len..end) {
            room.copy_from_slice(part);
            self.len = end;
        }
    }

    fn put_fraction(&mut self, nanos: u32) {
        let digits = match nanos {
            0 => return,
            _ if nanos.is_multiple_of(1_000_000) => 3,
            _ if nanos.is_multiple_of(1_000) => 6,
            _ => 9,
        };
        let mut text = *b".000000000";
        let mut rest = nanos;
        for digit in text.iter_mut().skip(1).rev() {
            *digit += u8::try_from(rest % 10).unwrap_or_default();
            rest /= 10;
        }
        self.put(text.get(..=digits).unwrap_or_default());
    }
}

/// The two decimal digits of a number below 100.
fn two(number: i64) -> [u8; 2] {
    let digit = |digit: i64| b'0' + u8::try_from(digit).unwrap_or_default();
    [digit(number / 10), digit(number % 10)]
}

const DAY: i64 = 86_400;
const NANOS: i128 = 1_000_000_000;
/// 0001-01-01T00:00:00Z to 9999-12-31T23:59:59Z.
const TIMESTAMPS: std::ops::RangeInclusive<i64> = -62_135_596_800..=253_402_300_799;
/// 10,000 years, as `google/protobuf/duration.proto` has it.
const LONGEST: u64 = 315_576_000_000;

fn in_range((seconds, nanos): (i64, i32)) -> Option<(i64, i32)> {
    let signs_agree = (seconds <= 0 || nanos >= 0) && (seconds >= 0 || nanos <= 0);
    let sound = seconds.unsigned_abs() <= LONGEST && nanos.unsigned_abs() <= 999_999_999 && signs_agree;
    sound.then_some((seconds, nanos))
}

fn days_in(year: i64, month: i64) -> i64 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days since 1970-01-01 of a date of the proleptic Gregorian calendar. Years are counted from March, in eras
/// of 400 years, so that the leap day is the last of its year.
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let (era, of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

/// The inverse of [`days_from_civil`].
fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let (era, of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * of_year + 2) / 153;
    let (month, day) = ((shifted + 2) % 12 + 1, of_year - (153 * shifted + 2) / 5 + 1);
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

/// What is left of a text.
struct Cursor<'a>(&'a [u8]);

impl Cursor<'_> {
    /// Itself, after this byte.
    fn after(&mut self, byte: u8) -> Option<&mut Self> {
        self.0 = self.0.strip_prefix(&[byte])?;
        Some(self)
    }

    /// Exactly so many digits.
    fn number(&mut self, digits: usize) -> Option<i64> {
        let (number, rest) = self.0.split_at_checked(digits)?;
        if !number.iter().all(u8::is_ascii_digit) {
            return None;
        }
        self.0 = rest;
        Some(number.iter().fold(0, |value, digit| value * 10 + i64::from(digit & 0xf)))
    }

    /// As many digits as there are, and their value; it saturates.
    fn digits(&mut self) -> (usize, u64) {
        let count = self.0.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let (digits, rest) = self.0.split_at_checked(count).unwrap_or((self.0, &[]));
        self.0 = rest;
        let value = digits
            .iter()
            .fold(0_u64, |value, digit| value.saturating_mul(10).saturating_add(u64::from(digit & 0xf)));
        (count, value)
    }

    /// One to nine digits of fraction, as nanoseconds.
    fn fraction(&mut self) -> Option<i32> {
        let (count, value) = self.digits();
        let missing =
            u32::try_from(count).ok().filter(|count| (1..=9).contains(count)).map(|count| 9 - count)?;
        i32::try_from(value).ok().map(|value| value * 10_i32.pow(missing))
    }

    /// `Z`, or hours and minutes with a sign, in seconds.
    fn offset(&mut self) -> Option<i64> {
        if self.after(b'Z').is_some() {
            return Some(0);
        }
        let sign = if self.after(b'+').is_some() { 1 } else { self.after(b'-').map(|_| -1)? };
        let (hours, minutes) = (self.number(2)?, self.after(b':')?.number(2)?);
        (hours <= 23 && minutes <= 59).then_some(sign * (hours * 3600 + minutes * 60))
    }

    /// One number with its unit, in nanoseconds.
    fn go_part(&mut self) -> Option<i128> {
        let (whole_digits, whole) = self.digits();
        let mut fraction = (0, 0);
        if self.after(b'.').is_some() {
            fraction = self.digits();
        }
        if whole_digits + fraction.0 == 0 {
            return None;
        }
        let unit = self.go_unit()?;
        let scale = 10_i128.checked_pow(u32::try_from(fraction.0).ok()?)?;
        let scaled = i128::from(fraction.1) * unit;
        if scaled % scale != 0 {
            return None;
        }
        Some(i128::from(whole) * unit + scaled / scale)
    }

    fn go_unit(&mut self) -> Option<i128> {
        let units: [(&[u8], i128); 8] = [
            (b"ns", 1),
            (b"us", 1_000),
            ("µs".as_bytes(), 1_000),
            ("μs".as_bytes(), 1_000),
            (b"ms", 1_000_000),
            (b"s", NANOS),
            (b"m", 60 * NANOS),
            (b"h", 3600 * NANOS),
        ];
        let (name, unit) = units.into_iter().find(|(name, _)| self.0.starts_with(name))?;
        self.0 = self.0.strip_prefix(name)?;
        Some(unit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: Option<Text>) -> Option<String> {
        let mut out = Vec::new();
        text?.put_quoted(&mut out);
        Some(String::from_utf8_lossy(&out).trim_matches('"').to_owned())
    }

    #[test]
    fn timestamps_are_read_and_written() {
        let cases = [
            ("1970-01-01T00:00:00Z", 0, 0, "1970-01-01T00:00:00Z"),
            ("0001-01-01T00:00:00Z", -62_135_596_800, 0, "0001-01-01T00:00:00Z"),
            (
                "9999-12-31T23:59:59.999999999Z",
                253_402_300_799,
                999_999_999,
                "9999-12-31T23:59:59.999999999Z",
            ),
            ("2024-02-29T12:30:45.1+02:30", 1_709_200_845, 100_000_000, "2024-02-29T10:00:45.100Z"),
            ("1969-12-31T23:59:59.5-00:00", -1, 500_000_000, "1969-12-31T23:59:59.500Z"),
            ("2000-03-01T00:00:00.000001Z", 951_868_800, 1000, "2000-03-01T00:00:00.000001Z"),
            ("0001-01-01T01:00:00+01:00", -62_135_596_800, 0, "0001-01-01T00:00:00Z"),
        ];
        for (text, seconds, nanos, written) in cases {
            assert_eq!(read_timestamp(text), Some((seconds, nanos)), "{text}");
            assert_eq!(shown(write_timestamp(seconds, nanos)).as_deref(), Some(written));
        }
    }

    #[test]
    fn bad_timestamps_are_refused() {
        let bad = [
            "",
            "2024-02-30T00:00:00Z",
            "2023-02-29T00:00:00Z",
            "1900-02-29T00:00:00Z",
            "0000-01-01T00:00:00Z",
            "2024-01-01T24:00:00Z",
            "2024-01-01T00:60:00Z",
            "2024-01-01T00:00:60Z",
            "2024-01-01 00:00:00Z",
            "2024-01-01t00:00:00z",
            "2024-01-01T00:00:00",
            "2024-01-01T00:00:00.Z",
            "2024-01-01T00:00:00+0100",
            "2024-01-01T00:00:00.1234567890Z",
            "2024-01-01T00:00:00Zx",
            "0001-01-01T00:00:00+00:01",
            "9999-12-31T23:59:59-00:01",
            "\"2024-01-01T00:00:00Z\"",
            "2024-1-01T00:00:00Z",
            "2024-00-01T00:00:00Z",
            "2024-01-01T00:00:00+24:00",
            "12024-01-01T00:00:00Z",
            "+024-01-01T00:00:00Z",
            "2024-01-01",
        ];
        for text in bad {
            assert_eq!(read_timestamp(text), None, "{text}");
        }
        for (seconds, nanos) in [(-62_135_596_801, 0), (253_402_300_800, 0), (0, -1), (0, 1_000_000_000)] {
            assert_eq!(shown(write_timestamp(seconds, nanos)), None, "{seconds} {nanos}");
        }
    }

    #[test]
    fn every_day_goes_both_ways() {
        let (first, last) = (TIMESTAMPS.start() / DAY, TIMESTAMPS.end() / DAY);
        for day in (first..=last).step_by(13) {
            let text = shown(write_timestamp(day * DAY, 0)).expect("in range");
            assert_eq!(read_timestamp(&text), Some((day * DAY, 0)), "{text}");
        }
    }

    #[test]
    fn durations_are_read_and_written() {
        let cases = [
            ("0s", 0, 0, "0s"),
            ("3s", 3, 0, "3s"),
            ("-1.5s", -1, -500_000_000, "-1.500s"),
            ("-0.000001s", 0, -1000, "-0.000001s"),
            (".5s", 0, 500_000_000, "0.500s"),
            ("+1s", 1, 0, "1s"),
            ("315576000000.999999999s", 315_576_000_000, 999_999_999, "315576000000.999999999s"),
        ];
        for (text, seconds, nanos, written) in cases {
            assert_eq!(read_duration(text), Some((seconds, nanos)), "{text}");
            assert_eq!(shown(write_duration(seconds, nanos)).as_deref(), Some(written));
        }
        for bad in [
            "",
            "s",
            "1",
            "1.s",
            ".s",
            "1.1234567890s",
            "315576000001s",
            "--1s",
            "1s ",
            "1e3s",
            "-",
            "99999999999999999999999s",
        ] {
            assert_eq!(read_duration(bad), None, "{bad}");
        }
        for (seconds, nanos) in [(1, -1), (-1, 1), (315_576_000_001, 0), (0, 1_000_000_000), (i64::MIN, 0)] {
            assert_eq!(shown(write_duration(seconds, nanos)), None, "{seconds} {nanos}");
        }
    }

    #[test]
    fn go_durations_are_read() {
        let cases = [
            ("13h", Some((46_800, 0))),
            ("1h30m", Some((5400, 0))),
            ("1.5s", Some((1, 500_000_000))),
            ("-1.5h", Some((-5400, 0))),
            ("250ms", Some((0, 250_000_000))),
            ("1µs1us", Some((0, 2000))),
            ("0", Some((0, 0))),
            ("1h-1m", None),
            ("1", None),
            ("", None),
            (".s", None),
            ("1.5ns", None),
            ("1d", None),
            ("99999999999999999999h", None),
        ];
        for (text, expected) in cases {
            assert_eq!(read_go_duration(text), expected, "{text}");
        }
    }
}
