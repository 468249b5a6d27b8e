//! A hit and its captured text, cut from the raw path by segments and decoded once.
//!
//! Request path: a capture allocates only when it has percent escapes.

use std::borrow::Cow;
use std::ops::Range;

use percent_encoding::percent_decode_str;

use super::Unescape;
use super::path::{RequestPath, hex};
use crate::rule::{Binding, PathTemplate, Segment, Variable};
use crate::status::Status;

/// A hit: which binding (index into the slice the table was built from), and what was captured.
#[derive(Debug)]
pub struct Match<'t, 'p> {
    /// The binding's index.
    pub binding: usize,
    route: &'t Route,
    /// The path without its custom verb.
    path: Cow<'p, str>,
    escaped: bool,
    unescape: Unescape,
}

impl<'t, 'p> Match<'t, 'p> {
    /// A hit on a path up to `end`, or all of it if it is not so long.
    pub(super) fn new(route: &'t Route, path: RequestPath<'p>, end: usize, unescape: Unescape) -> Self {
        let RequestPath { raw, escaped, .. } = path;
        let path = match raw {
            Cow::Borrowed(raw) => Cow::Borrowed(raw.get(..end).unwrap_or(raw)),
            Cow::Owned(raw) => raw.get(..end).map(str::to_owned).unwrap_or(raw).into(),
        };
        Self { binding: route.binding, route, path, escaped, unescape }
    }

    /// The decoded text of each of the binding's variables, in the order in which the path has them.
    ///
    /// # Errors
    /// Bytes that are not UTF-8 after decoding: 400.
    pub fn captures(&self) -> impl Iterator<Item = Result<Cow<'p, str>, Status>> {
        let mut slashes = Slashes::of(&self.path);
        self.route.captures.iter().map(move |capture| {
            let range = self.route.range(capture, &mut slashes);
            self.decoded(capture, range)
        })
    }

    fn decoded(&self, capture: &Capture, range: Range<usize>) -> Result<Cow<'p, str>, Status> {
        let text = match &self.path {
            Cow::Borrowed(path) => Cow::Borrowed(path.get(range).unwrap_or_default()),
            Cow::Owned(path) => Cow::Owned(path.get(range).unwrap_or_default().to_owned()),
        };
        if !self.escaped || !text.contains('%') {
            return Ok(text);
        }
        let decoded = match self.unescape {
            Unescape::Spec if capture.multi => decode_but(&text, RESERVED),
            Unescape::AllExceptSlash if capture.multi => decode_but(&text, b"/"),
            _ => percent_decode_str(&text).decode_utf8().ok().map(Cow::into_owned),
        };
        decoded.map(Cow::Owned).ok_or_else(|| Status::invalid("a path variable is not UTF-8 when decoded"))
    }
}

/// What a hit needs to know of its binding.
#[derive(Debug)]
pub(super) struct Route {
    binding: usize,
    rank: usize,
    captures: Vec<Capture>,
    /// How many segments the template has, and which of them is `**`.
    segments: usize,
    many: Option<usize>,
}

/// Which segments of the template a variable captures.
#[derive(Debug)]
struct Capture {
    first: usize,
    end: usize,
    /// Whether it may capture more than one segment.
    multi: bool,
}

impl Route {
    /// The route of the `index`-th binding, and its rank among all of them.
    pub fn new(index: usize, rank: usize, binding: &Binding) -> Self {
        let template = &binding.template;
        Self {
            binding: index,
            rank,
            captures: template.variables.iter().map(|variable| Capture::new(template, variable)).collect(),
            segments: template.segments.len(),
            many: template.many(),
        }
    }

    /// Its place among all routes: the least comes first.
    pub fn rank(&self) -> usize {
        self.rank
    }

    /// The bytes of a path, which matches the template, that a variable captures.
    fn range(&self, capture: &Capture, slashes: &mut Slashes<'_>) -> Range<usize> {
        let (first, end) = match self.many {
            Some(many) if capture.end > many => {
                let total = slashes.count();
                let behind_many =
                    |at: usize| if at > many { (at + total).saturating_sub(self.segments) } else { at };
                (behind_many(capture.first), behind_many(capture.end))
            }
            _ => (capture.first, capture.end),
        };
        if first >= end {
            return 0..0;
        }
        let start = slashes.find(first) + 1;
        start..slashes.find(end)
    }
}

/// The slashes of a path, which begins with one, walked through once: the n-th segment stands behind the n-th slash.
struct Slashes<'p> {
    path: &'p [u8],
    /// Where the walk is: the place of a slash, and how many stand before it.
    at: usize,
    passed: usize,
}

impl<'p> Slashes<'p> {
    fn of(path: &'p str) -> Self {
        Self { path: path.as_bytes(), at: 0, passed: 0 }
    }

    fn count(&self) -> usize {
        self.path.iter().copied().filter(|byte| *byte == b'/').count()
    }

    /// Where the n-th slash is, or else the end. Not before one that was found.
    fn find(&mut self, n: usize) -> usize {
        while self.passed < n {
            let behind = self.path.get(self.at + 1..).unwrap_or_default();
            let Some(next) = behind.iter().position(|byte| *byte == b'/') else {
                return self.path.len();
            };
            self.at += next + 1;
            self.passed += 1;
        }
        self.at
    }
}

impl Capture {
    fn new(template: &PathTemplate, variable: &Variable) -> Self {
        let segments = template.segments.get(variable.first..variable.end).unwrap_or_default();
        let multi = segments.len() != 1 || segments.contains(&Segment::Many);
        Self { first: variable.first, end: variable.end, multi }
    }
}

/// Decodes well-formed percent escapes, but those of the characters in `kept`. `None` if the result is not UTF-8.
fn decode_but(text: &str, kept: &[u8]) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, tail)) = rest.split_first() {
        rest = tail;
        bytes.push(*first);
        if let (b'%', [high, low, after @ ..]) = (*first, tail) {
            let byte = hex(*high)? << 4 | hex(*low)?;
            if !kept.contains(&byte) {
                bytes.pop();
                bytes.push(byte);
                rest = after;
            }
        }
    }
    String::from_utf8(bytes).ok()
}

/// RFC 6570, section 1.5: `gen-delims` and `sub-delims`.
const RESERVED: &[u8] = b"!#$&'()*+,/:;=?@[]";
