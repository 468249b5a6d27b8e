//! A rate of calls, as a person writes it. Not for keeping it: [`ratelimit`](crate::ratelimit) does.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::UnitVisitor;

/// So many calls in a length of time, written as `100/s`, `1000/m`, `5000/h` or `20000/d`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Rate {
    /// How many calls.
    pub calls: u32,
    /// In which time: a second, a minute, an hour or a day.
    pub period: Duration,
}

const UNITS: [(&str, Duration); 4] = [
    ("s", Duration::from_secs(1)),
    ("m", Duration::from_mins(1)),
    ("h", Duration::from_hours(1)),
    ("d", Duration::from_hours(24)),
];

const EXPECTED: &str = "a rate such as `100/s`, `1000/m`, `5000/h` or `20000/d`";

impl FromStr for Rate {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let fault =
            || format!("`{text}` is not a rate; write it like `100/s`, `1000/m`, `5000/h` or `20000/d`");
        let (calls, unit) = text.split_once('/').ok_or_else(fault)?;
        let unit = unit.trim();
        let (_, period) = UNITS.into_iter().find(|(name, _)| *name == unit).ok_or_else(fault)?;
        let calls = calls.trim();
        if calls.starts_with('+') {
            return Err(fault());
        }
        Ok(Self { calls: calls.parse().map_err(|_| fault())?, period })
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unit = UNITS.into_iter().find(|(_, period)| *period == self.period);
        match unit {
            Some((name, _)) => write!(f, "{}/{name}", self.calls),
            None => write!(f, "{} in {}", self.calls, humantime::format_duration(self.period)),
        }
    }
}

impl Serialize for Rate {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Rate {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(UnitVisitor { expected: EXPECTED, from_number: |_| None })
    }
}

impl JsonSchema for Rate {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Rate".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string", "description": EXPECTED, "pattern": "^[0-9]+ */ *[smhd]$", "examples": ["100/s"]
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_read_and_show() {
        for (text, calls, seconds, shown) in [
            ("100/s", 100, 1, "100/s"),
            ("1000 / m", 1000, 60, "1000/m"),
            ("5000/h", 5000, 3600, "5000/h"),
            ("0/d", 0, 86400, "0/d"),
        ] {
            let rate: Rate = text.parse().expect(text);
            assert_eq!((rate.calls, rate.period.as_secs()), (calls, seconds), "{text}");
            assert_eq!(rate.to_string(), shown);
        }
        for text in
            ["", "100", "/s", "100/", "-1/s", "+1/s", "1.5/s", "4294967296/s", "1/week", "1/S", "1/s/s"]
        {
            assert!(text.parse::<Rate>().expect_err(text).contains("write it like `100/s`"), "{text}");
        }
    }
}
