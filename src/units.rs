//! Typed settings values: sizes, periods, moments, rates, secrets and globs, as a person writes them in a config file.
//!
//! Not for settings themselves: each room owns its `Settings`.

mod rate;

use std::fmt;
use std::str::FromStr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

pub use rate::Rate;

/// A number of bytes, written as `512`, `64KiB`, `4MB`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ByteSize(pub u64);

impl ByteSize {
    /// The size in KiB.
    #[must_use]
    pub const fn kib(count: u64) -> Self {
        Self(count * 1024)
    }

    /// The size in MiB.
    #[must_use]
    pub const fn mib(count: u64) -> Self {
        Self(count * 1024 * 1024)
    }

    /// The size as a count of bytes in memory, saturating.
    #[must_use]
    pub fn bytes(self) -> usize {
        usize::try_from(self.0).unwrap_or(usize::MAX)
    }
}

impl FromStr for ByteSize {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.parse::<bytesize::ByteSize>() {
            Ok(size) => Ok(Self(size.as_u64())),
            Err(_) => Err(format!("`{text}` is not a size; write it like `64KiB` or `4MiB`")),
        }
    }
}

impl fmt::Display for ByteSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (unit, name) in [(1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")] {
            if self.0 >= unit && self.0.is_multiple_of(unit) {
                return write!(f, "{}{name}", self.0 / unit);
            }
        }
        write!(f, "{}B", self.0)
    }
}

/// A length of time, written as `250ms`, `30s`, `5m`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Period(pub Duration);

impl Period {
    /// The longest that can be written, a year: nothing here waits for longer, and a moment that far away is
    /// still one that the clock can tell.
    pub const LONGEST: Self = Self(Duration::from_hours(8_766));
}

impl FromStr for Period {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let cure = "write it like `250ms`, `30s` or `5m`";
        match humantime::parse_duration(text).map(Self) {
            Ok(period) if period <= Self::LONGEST => Ok(period),
            Ok(_) => Err(format!("`{text}` is longer than a year; {cure}")),
            Err(_) => Err(format!("`{text}` is not a period; {cure}")),
        }
    }
}

impl fmt::Display for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        humantime::format_duration(self.0).fmt(f)
    }
}

/// A point in time, written as RFC 3339 has it: `2027-01-31T00:00:00Z`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Moment(pub SystemTime);

impl Moment {
    /// The point in time that is so long from now.
    #[must_use]
    pub fn after(period: Duration) -> Self {
        let now = SystemTime::now();
        // To the second: a person reads it.
        let seconds = now.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        Self(UNIX_EPOCH.checked_add(Duration::from_secs(seconds).saturating_add(period)).unwrap_or(now))
    }

    /// Whether it is now or was before.
    #[must_use]
    pub fn is_past(self) -> bool {
        self.0 <= SystemTime::now()
    }
}

impl FromStr for Moment {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let cure = "write it like `2027-01-31T00:00:00Z`";
        // Only with a time and an offset: a bare date is another moment in each time zone.
        let complete = text.contains(['T', 't', ' ']);
        let moment = text.parse::<prost_types::Timestamp>().ok().filter(|_| complete);
        moment
            .and_then(|moment| SystemTime::try_from(moment).ok())
            .map(Self)
            .ok_or_else(|| format!("`{text}` is not a point in time; {cure}"))
    }
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        prost_types::Timestamp::from(self.0).fmt(f)
    }
}

/// A text that is shown to nobody: as `***` wherever it is printed or written.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Keeps a text secret.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text itself, for the one place that needs it.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl FromStr for Secret {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Ok(Self::new(text))
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// A pattern over names: `*` stands for any run of characters, dots and slashes included.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Glob(String);

impl Glob {
    /// The pattern as written.
    #[must_use]
    pub fn new(pattern: impl Into<String>) -> Self {
        Self(pattern.into())
    }

    /// Whether the whole name fits the pattern. Takes time linear in both where the pattern has one `*`.
    #[must_use]
    pub fn matches(&self, name: &str) -> bool {
        let Some((prefix, rest)) = self.0.split_once('*') else { return self.0 == name };
        let Some(mut name) = name.strip_prefix(prefix) else { return false };
        let mut parts = rest.split('*').peekable();
        while let Some(part) = parts.next() {
            if parts.peek().is_none() {
                return name.ends_with(part);
            }
            // Taking the first fit is enough: what follows may start anywhere behind it.
            let Some(at) = name.find(part) else { return false };
            name = name.get(at + part.len()..).unwrap_or_default();
        }
        true
    }
}

impl fmt::Display for Glob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Reads a unit from a string, or from a bare number that `from_number` understands.
struct UnitVisitor<T> {
    expected: &'static str,
    from_number: fn(u64) -> Option<T>,
}

impl<T: FromStr<Err = String>> de::Visitor<'_> for UnitVisitor<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.expected)
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<T, E> {
        text.parse().map_err(E::custom)
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<T, E> {
        (self.from_number)(number).ok_or_else(|| E::invalid_type(de::Unexpected::Unsigned(number), &self))
    }
}

macro_rules! unit {
    ($unit:ident, $types:tt, $expected:literal, $from_number:expr, $example:literal) => {
        impl Serialize for $unit {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $unit {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                deserializer.deserialize_any(UnitVisitor { expected: $expected, from_number: $from_number })
            }
        }

        impl JsonSchema for $unit {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($unit).into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!({ "type": $types, "description": $expected, "examples": [$example] })
            }
        }
    };
}

unit!(
    ByteSize,
    ["string", "integer"],
    "a size such as `64KiB` or `4MiB`, or a number of bytes",
    |bytes| Some(ByteSize(bytes)),
    "4MiB"
);
unit!(
    Period,
    ["string", "integer"],
    "a period such as `250ms`, `30s` or `5m`",
    |number| (number == 0).then_some(Period(Duration::ZERO)),
    "30s"
);
unit!(Moment, "string", "a point in time such as `2027-01-31T00:00:00Z`", |_| None, "2027-01-31T00:00:00Z");
unit!(Secret, "string", "a text, which is shown nowhere", |_| None, "...");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_read_and_show() {
        for (text, bytes, shown) in [
            ("512", 512, "512B"),
            ("64KiB", 65536, "64KiB"),
            ("4MiB", 4 << 20, "4MiB"),
            ("1kB", 1000, "1000B"),
        ] {
            let size: ByteSize = text.parse().expect(text);
            assert_eq!((size.0, size.to_string().as_str()), (bytes, shown));
        }
        assert!("4 apples".parse::<ByteSize>().is_err());
    }

    #[test]
    fn periods_read_and_show() {
        let period: Period = "1m 30s".parse().expect("a period");
        assert_eq!((period.0.as_secs(), period.to_string().as_str()), (90, "1m 30s"));
        assert_eq!("1y".parse(), Ok(Period::LONGEST));
        for (text, what) in [("soon", "is not a period"), ("2y", "a year"), ("500000000000y", "a year")] {
            let fault = text.parse::<Period>().expect_err(text);
            assert!(fault.contains(what), "{fault}");
        }
    }

    #[test]
    fn moments_read_and_show() {
        for (text, shown) in [
            ("2027-01-31T00:00:00Z", Some("2027-01-31T00:00:00Z")),
            ("2027-01-31T01:30:00+01:30", Some("2027-01-31T00:00:00Z")),
            ("2027-01-31", None),
            ("2027-02-31T00:00:00Z", None),
            ("soon", None),
            ("", None),
        ] {
            let moment = text.parse::<Moment>();
            assert_eq!(moment.map(|moment| moment.to_string()).ok().as_deref(), shown, "{text}");
        }
        assert!("2020-01-01T00:00:00Z".parse::<Moment>().expect("a moment").is_past());
        assert!(!Moment::after(Duration::from_mins(1)).is_past());
    }

    #[test]
    fn secrets_are_not_shown() {
        let secret: Secret = serde_json::from_str("\"hunter2\"").expect("a text");
        assert_eq!(secret.reveal(), "hunter2");
        let shown = format!("{secret} {secret:?} {}", serde_json::to_string(&secret).expect("JSON"));
        assert_eq!(shown, "*** *** \"***\"");
    }

    #[test]
    fn globs_match_whole_names() {
        let cases = [
            ("*", "", true),
            ("*", "a.b.C", true),
            ("a.B", "a.B", true),
            ("a.B", "a.BC", false),
            ("a.*", "a.b.C", true),
            ("a.*", "ab.C", false),
            ("*.C", "a.b.C", true),
            ("a.*.C", "a.C", false),
            ("a*b*c", "a-b-b-c", true),
            ("a*b*c", "a-c-b", false),
            ("*/Get*", "a.S/GetX", true),
        ];
        for (pattern, name, expected) in cases {
            assert_eq!(Glob::new(pattern).matches(name), expected, "{pattern} on {name}");
        }
    }
}
