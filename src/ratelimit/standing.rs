//! Where a caller stands with its limits, and the headers that tell it.
//!
//! The headers are those of draft-ietf-httpapi-ratelimit-headers-03, the form that is widely deployed:
//! `RateLimit-Limit`, `RateLimit-Remaining`, `RateLimit-Reset`, the last in seconds from now.

use std::sync::Arc;
use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue};

/// Where a caller stands with one limit after a call was charged to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// How many calls a caller that has made none may make at once.
    pub limit: u32,
    /// How many more it may make now.
    pub remaining: u32,
    /// How long until it may make `limit` calls again or, where this one was refused, until the next.
    pub reset: Duration,
    /// Whether this call was refused.
    pub refused: bool,
}

impl Standing {
    /// Whether this says more of what the caller must heed than another: refused before allowed, fewer calls
    /// before more, longer before sooner.
    fn is_tighter_than(&self, other: &Self) -> bool {
        let rank =
            |standing: &Self| (!standing.refused, standing.remaining, std::cmp::Reverse(standing.reset));
        rank(self) < rank(other)
    }
}

/// What the limits of a call came to; goes onto its answer, whatever the outcome.
#[derive(Debug, Default)]
pub struct Applied {
    /// The tightest of the limits that applied.
    pub standing: Option<Standing>,
    /// More headers for the answer, from an external service.
    pub answer: HeaderMap,
    /// Headers that the backend gets, from an external service.
    pub request: HeaderMap,
    /// What is worth counting.
    pub outcome: Option<Outcome>,
}

/// What is worth counting of a call's limits: not that one let it through.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// This local limit refused the call.
    Refused(Arc<str>),
    /// The external service refused it.
    RefusedOutside,
    /// The external service could not be asked; the call went on.
    UnaskedAllowed,
    /// The external service could not be asked; the call was refused.
    UnaskedDenied,
}

impl Outcome {
    /// The limit's name, and a word of a closed set for what happened.
    #[must_use]
    pub fn told(&self) -> (Arc<str>, &'static str) {
        match self {
            Self::Refused(limit) => (Arc::clone(limit), "refused"),
            Self::RefusedOutside => (EXTERNAL.into(), "refused"),
            Self::UnaskedAllowed => (EXTERNAL.into(), "unasked_allowed"),
            Self::UnaskedDenied => (EXTERNAL.into(), "unasked_denied"),
        }
    }
}

/// The name of the limits that are kept elsewhere.
const EXTERNAL: &str = "external";

impl Applied {
    /// Takes note of one more limit.
    pub(super) fn note(&mut self, standing: Standing) {
        if self.standing.is_none_or(|known| standing.is_tighter_than(&known)) {
            self.standing = Some(standing);
        }
    }

    /// Writes the answer's headers. A header of the external service stands beside one of the same name,
    /// except that what it says of the limits themselves counts.
    pub fn write(&self, headers: &mut HeaderMap) {
        if let Some(standing) = &self.standing {
            headers.insert(LIMIT, standing.limit.into());
            headers.insert(REMAINING, standing.remaining.into());
            headers.insert(RESET, seconds(standing.reset));
        }
        for name in [LIMIT, REMAINING, RESET] {
            if self.answer.contains_key(&name) {
                headers.remove(&name);
            }
        }
        for (name, value) in &self.answer {
            headers.append(name, value.clone());
        }
    }
}

/// A time as whole seconds, rounded up: whoever comes back then is not too early.
pub(super) fn seconds(time: Duration) -> HeaderValue {
    HeaderValue::from(time.as_secs() + u64::from(time.subsec_nanos() > 0))
}

const LIMIT: HeaderName = HeaderName::from_static("ratelimit-limit");
const REMAINING: HeaderName = HeaderName::from_static("ratelimit-remaining");
const RESET: HeaderName = HeaderName::from_static("ratelimit-reset");

#[cfg(test)]
mod tests {
    use super::*;

    fn standing(limit: u32, remaining: u32, millis: u64, refused: bool) -> Standing {
        Standing { limit, remaining, reset: Duration::from_millis(millis), refused }
    }

    #[test]
    fn the_tightest_is_told() {
        let wide = standing(100, 99, 10, false);
        let narrow = standing(5, 3, 9000, false);
        let last = standing(1, 0, 1000, false);
        let refused = standing(7, 0, 1, true);
        let later = standing(9, 0, 2, true);
        for (noted, expected) in [
            (vec![wide], Some(wide)),
            (vec![wide, narrow], Some(narrow)),
            (vec![narrow, wide], Some(narrow)),
            (vec![last, refused], Some(refused)),
            (vec![refused, last, later, wide], Some(later)),
            (vec![], None),
        ] {
            let mut applied = Applied::default();
            for standing in &noted {
                applied.note(*standing);
            }
            assert_eq!(applied.standing, expected, "{noted:?}");
        }
    }

    #[test]
    fn headers_are_whole_numbers_and_round_up() {
        for (millis, expected) in [(0, "0"), (1, "1"), (1000, "1"), (1001, "2"), (3_600_000, "3600")] {
            assert_eq!(seconds(Duration::from_millis(millis)), expected);
        }
        let mut applied = Applied::default();
        let mut headers = HeaderMap::new();
        applied.write(&mut headers);
        assert!(headers.is_empty(), "no limit, no header");
        applied.note(standing(100, 7, 1500, false));
        applied.answer.insert("ratelimit-limit", HeaderValue::from_static("3"));
        applied.answer.insert("x-more", HeaderValue::from_static("a"));
        headers.insert("x-more", HeaderValue::from_static("b"));
        applied.write(&mut headers);
        let mut told: Vec<_> = headers
            .iter()
            .map(|(name, value)| format!("{name}: {}", value.to_str().expect("text")))
            .collect();
        told.sort();
        assert_eq!(
            told,
            ["ratelimit-limit: 3", "ratelimit-remaining: 7", "ratelimit-reset: 2", "x-more: a", "x-more: b"]
        );
    }
}
