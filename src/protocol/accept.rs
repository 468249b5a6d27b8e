//! The `Accept` header, read once: which media types the client takes, and how gladly (RFC 9110, 12.5.1). Not for
//! what to answer where nothing is taken: who asks decides that.
//!
//! Allocates nothing where the header is missing or says `*/*`, and one list otherwise.

#![cfg_attr(
    not(test),
    deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)
)]

use http::HeaderMap;
use http::header::ACCEPT;

/// What a client takes. Without a header, or with one that says nothing, it takes everything.
#[derive(Debug, Clone, Default)]
pub struct Accept<'h> {
    ranges: Vec<Range<'h>>,
}

/// How much a client wants something: first by its quality, then by how closely it named it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Rank {
    /// The quality in thousandths: 1000 is the most, 0 is not at all.
    pub quality: u16,
    /// 2 for a type that was named, 1 for `type/*`, 0 for `*/*` or none.
    pub closeness: u8,
}

/// One media range of the header.
#[derive(Debug, Clone, Copy)]
pub(super) struct Range<'h> {
    kind: &'h str,
    subtype: &'h str,
    /// What stands behind the first semicolon.
    parameters: &'h str,
    quality: u16,
}

impl<'h> Accept<'h> {
    /// Reads the header, all its lines. A range that is malformed is left out; what Java's own client sends (`*`,
    /// `q=.2`) is not malformed.
    #[must_use]
    pub fn of(headers: &'h HeaderMap) -> Self {
        let lines = || headers.get_all(ACCEPT).iter().filter_map(|line| str::from_utf8(line.as_bytes()).ok());
        if lines().all(|line| line == "*/*") {
            return Self::default();
        }
        Self { ranges: lines().flat_map(|line| split(line, b',')).filter_map(Range::read).collect() }
    }

    /// How much the client wants a media type; a quality of 0 is not at all. The closest range decides; of several that
    /// are as close, the best one. Parameters of ranges, such as a charset, make no difference.
    #[must_use]
    pub fn rank(&self, kind: &str, subtype: &str) -> Rank {
        self.rank_where(kind, subtype, |_| true)
    }

    /// The same, where only those ranges count that `counts` lets pass: what their parameters say.
    pub(super) fn rank_where(&self, kind: &str, subtype: &str, counts: impl Fn(&Range<'h>) -> bool) -> Rank {
        if self.ranges.is_empty() {
            return Rank { quality: MOST, closeness: 0 };
        }
        let ranges = self.ranges.iter().filter(|range| counts(range));
        let ranks = ranges.filter_map(|range| {
            let closeness = range.closeness(kind, subtype)?;
            Some(Rank { quality: range.quality, closeness })
        });
        ranks.max_by_key(|rank| (rank.closeness, rank.quality)).unwrap_or_default()
    }

    /// Which of several media types, each type and subtype, the client wants most; of equal ones, the first. `None`
    /// when it takes none of them.
    #[must_use]
    pub fn choose(&self, offers: &[(&str, &str)]) -> Option<usize> {
        let ranks = offers.iter().map(|(kind, subtype)| self.rank(kind, subtype));
        best(ranks.enumerate().map(|(index, rank)| (rank, index)))
    }
}

/// What has the highest rank, the first of equals; nothing that is not wanted at all.
pub(super) fn best<T>(offers: impl Iterator<Item = (Rank, T)>) -> Option<T> {
    let wanted = offers.filter(|(rank, _)| rank.quality > 0);
    wanted.reduce(|best, next| if next.0 > best.0 { next } else { best }).map(|(_, offer)| offer)
}

impl<'h> Range<'h> {
    fn read(text: &'h str) -> Option<Self> {
        let (range, parameters) = text.split_once(';').unwrap_or((text, ""));
        let range = range.trim_matches(WHITE);
        let (kind, subtype) = if range == "*" { ("*", "*") } else { range.split_once('/')? };
        let sound = is_token(kind) && is_token(subtype) && (kind != "*" || subtype == "*");
        let quality = match pairs(parameters).find(|(name, _)| name.eq_ignore_ascii_case("q")) {
            Some((_, weight)) => quality(weight)?,
            None => MOST,
        };
        sound.then_some(Self { kind, subtype, parameters, quality })
    }

    /// How closely the range names a media type, if at all.
    fn closeness(&self, kind: &str, subtype: &str) -> Option<u8> {
        if self.kind == "*" {
            return Some(0);
        }
        if !self.kind.eq_ignore_ascii_case(kind) {
            return None;
        }
        if self.subtype == "*" {
            return Some(1);
        }
        self.subtype.eq_ignore_ascii_case(subtype).then_some(2)
    }

    /// Whether a parameter has this value, be it written as a token or in quotes.
    pub(super) fn says(&self, name: &str, value: &str) -> bool {
        pairs(self.parameters).any(|(found, text)| {
            let inner = text.strip_prefix('"').and_then(|text| text.strip_suffix('"'));
            found.eq_ignore_ascii_case(name) && inner.unwrap_or(text).eq_ignore_ascii_case(value)
        })
    }
}

/// The parameters behind a media range. Values are as they stand, in quotes or not.
fn pairs(parameters: &str) -> impl Iterator<Item = (&str, &str)> {
    split(parameters, b';').filter_map(|pair| {
        let (name, value) = pair.split_once('=')?;
        Some((name.trim_matches(WHITE), value.trim_matches(WHITE)))
    })
}

/// What stands between separators that are not inside quotes.
fn split(text: &str, separator: u8) -> impl Iterator<Item = &str> {
    let (mut quoted, mut escaped) = (false, false);
    text.split(move |character: char| {
        if escaped {
            escaped = false;
        } else if quoted && character == '\\' {
            escaped = true;
        } else if character == '"' {
            quoted = !quoted;
        }
        !quoted && character == char::from(separator)
    })
}

/// A weight in thousandths: 0 to 1 with at most three digits behind the point.
fn quality(weight: &str) -> Option<u16> {
    let (whole, rest) = weight.split_once('.').unwrap_or((weight, ""));
    let digits = rest.bytes().all(|digit| digit.is_ascii_digit());
    if weight.is_empty() || rest.len() > 3 || !digits {
        return None;
    }
    let places = rest.bytes().chain([b'0'; 3]).take(3);
    let thousandths = places.fold(0, |sum, digit| sum * 10 + u16::from(digit - b'0'));
    match whole {
        "0" | "" => Some(thousandths),
        "1" if thousandths == 0 => Some(MOST),
        _ => None,
    }
}

/// RFC 9110, 5.6.2.
fn is_token(text: &str) -> bool {
    let sound = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    !text.is_empty() && text.bytes().all(sound)
}

const MOST: u16 = 1000;

/// Optional white space.
const WHITE: [char; 2] = [' ', '\t'];

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn headers(lines: &[&'static str]) -> HeaderMap {
        lines.iter().map(|line| (ACCEPT, HeaderValue::from_static(line))).collect()
    }

    #[track_caller]
    fn check(line: &'static str, kind: &str, subtype: &str, quality: u16) {
        let headers = headers(&[line]);
        assert_eq!(Accept::of(&headers).rank(kind, subtype).quality, quality, "{kind}/{subtype} by {line:?}");
    }

    #[test]
    fn the_closest_range_decides() {
        let line = "text/*;q=0.3, text/plain;q=0.7, text/plain;format=flowed, */*;q=0.5";
        for (kind, subtype, quality) in
            [("text", "plain", 1000), ("text", "html", 300), ("TEXT", "Plain", 1000), ("image", "png", 500)]
        {
            check(line, kind, subtype, quality);
        }
        check("application/json;q=0, */*", "application", "json", 0);
        check("application/*;q=0, application/json", "application", "json", 1000);
        check("APPLICATION/JSON", "application", "json", 1000);
        check("text/html, application/xml;q=0.9", "application", "json", 0);
    }

    #[test]
    fn a_header_that_says_nothing_takes_everything() {
        for lines in [&[][..], &[""], &["*/*"], &["*/*", "*/*"], &[" , ,"], &["*"], &["nonsense"]] {
            let headers = headers(lines);
            let rank = Accept::of(&headers).rank("application", "json");
            assert_eq!(rank, Rank { quality: 1000, closeness: 0 }, "{lines:?}");
        }
        assert_eq!(Accept::of(&headers(&["*/*"])).ranges.capacity(), 0, "nothing is allocated for it");
    }

    #[test]
    fn lines_and_lists_are_one_list() {
        let headers = headers(&["text/plain;q=0.1 , application/json", "text/html"]);
        let accept = Accept::of(&headers);
        let found = [("text", "plain"), ("application", "json"), ("text", "html"), ("a", "b")]
            .map(|(kind, subtype)| accept.rank(kind, subtype).quality);
        assert_eq!(found, [100, 1000, 1000, 0]);
    }

    #[test]
    fn weights_have_three_digits() {
        for (weight, quality) in [
            ("1", 1000),
            ("1.", 1000),
            ("1.000", 1000),
            ("0", 0),
            ("0.", 0),
            ("0.5", 500),
            ("0.05", 50),
            ("0.001", 1),
            ("0.999", 999),
            (".2", 200),
        ] {
            assert_eq!(super::quality(weight), Some(quality), "{weight}");
        }
        for weight in ["", ".5.5", "1.001", "2", "-1", "+1", "0.0001", "0,5", "a", "1e0", "0.x", "\"1\""] {
            assert_eq!(super::quality(weight), None, "{weight}");
        }
    }

    #[test]
    fn malformed_ranges_are_left_out() {
        for bad in ["/json", "application/", "*/json", "app lication/json", "application/json;q=2", "json"] {
            let line = HeaderValue::try_from(format!("{bad}, text/html;q=0.5")).expect("a header");
            let headers: HeaderMap = [(ACCEPT, line)].into_iter().collect();
            let accept = Accept::of(&headers);
            assert_eq!(accept.rank("application", "json").quality, 0, "{bad}");
            assert_eq!(accept.rank("text", "html").quality, 500, "{bad}");
        }
        check("text/html, image/gif, image/jpeg, *; q=.2, */*; q=.2", "application", "json", 200);
    }

    #[test]
    fn parameters_may_be_quoted() {
        let line = r#"a/b;p="x,y;q=0\",";q=0.5, c/d ; Q=0.25; ext=1"#;
        check(line, "a", "b", 500);
        check(line, "c", "d", 250);
        check(line, "y", "q", 0);
        let range = Range::read(r#"application/json; Stream="Array";q=1"#).expect("a range");
        assert!(range.says("stream", "array"));
        assert!(!range.says("stream", "arra") && !range.says("streams", "array"));
        assert!(Range::read("application/json;stream=array").expect("a range").says("stream", "array"));
        check("a/b;p=\"never closed, c/d", "c", "d", 0);
    }

    #[test]
    fn the_highest_quality_is_chosen_then_the_closest_then_the_first() {
        const OFFERS: [(&str, &str); 3] =
            [("application", "json"), ("application", "protobuf"), ("text", "csv")];
        for (line, chosen) in [
            ("*/*", Some(0)),
            ("application/protobuf, */*", Some(1)),
            ("text/csv;q=0.9, application/*;q=0.8", Some(2)),
            ("application/json, application/protobuf", Some(0)),
            ("application/protobuf, application/json", Some(0)),
            ("application/json;q=0, */*;q=0.1", Some(1)),
            ("image/png", None),
            ("*/*;q=0", None),
        ] {
            assert_eq!(Accept::of(&headers(&[line])).choose(&OFFERS), chosen, "{line}");
        }
    }

    #[test]
    fn a_long_header_costs_its_length() {
        let line = HeaderValue::try_from("a/b;c=\"\\\\\";q=0.1,".repeat(20_000)).expect("a header");
        let headers: HeaderMap = [(ACCEPT, line)].into_iter().collect();
        assert_eq!(Accept::of(&headers).ranges.len(), 20_000);
    }
}
