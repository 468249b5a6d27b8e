//! A hit and its captured text, cut from the raw path by segments and decoded once.
//!
//! Request path: a capture allocates only when it has percent escapes.

use std::borrow::Cow;
use std::ops::Range;

use percent_encoding::percent_decode_str;

use super::Unescape;
use super::path::{RequestPath, hex};
use crate::rule::{Binding, PathTemplate, Segment, Variable};
use crate::status::{Code, Origin, Status};

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

    /// How many variables the binding has.
    #[must_use]
    pub fn variables(&self) -> usize {
        self.route.captures.len()
    }

    /// The decoded text of the binding's `variable`-th variable.
    ///
    /// # Errors
    /// Bytes that are not UTF-8 after decoding: 400.
    pub fn capture(&self, variable: usize) -> Result<Cow<'p, str>, Status> {
        let Some(capture) = self.route.captures.get(variable) else {
            return Err(Status::new(Code::Internal, "the path has no such variable", Origin::Gateway));
        };
        let range = self.route.range(capture, &self.path);
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
    fn range(&self, capture: &Capture, path: &str) -> Range<usize> {
        let (first, end) = match self.many {
            Some(many) if capture.end > many => {
                let total = path.bytes().filter(|byte| *byte == b'/').count();
                let behind_many =
                    |at: usize| if at > many { (at + total).saturating_sub(self.segments) } else { at };
                (behind_many(capture.first), behind_many(capture.end))
            }
            _ => (capture.first, capture.end),
        };
        if first >= end {
            return 0..0;
        }
        // The n-th segment stands behind the n-th slash.
        let mut slashes = path.bytes().enumerate().filter(|(_, byte)| *byte == b'/').map(|(at, _)| at);
        let start = slashes.nth(first).map_or(path.len(), |at| at + 1);
        start..slashes.nth(end - first - 1).unwrap_or(path.len())
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
