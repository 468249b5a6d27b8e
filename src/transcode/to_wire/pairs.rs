//! `a=b&c=d`, as queries and forms have it (URL standard, `application/x-www-form-urlencoded`).
//!
//! Not for what the pairs mean ([`query`](super::query)).

use std::borrow::Cow;

use percent_encoding::percent_decode_str;

use crate::status::Status;
use crate::transcode::fault::quoted;

/// One pair.
#[derive(Debug)]
pub(in crate::transcode) struct Parameter<'q> {
    pub(in crate::transcode) key: Cow<'q, str>,
    pub(in crate::transcode) text: Cow<'q, str>,
    pub(super) origin: Origin,
}

/// Where pairs stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::transcode) enum Origin {
    /// In the query of the request's target.
    Query,
    /// In the body.
    Form,
}

impl Origin {
    /// What one of them is called.
    pub(super) fn pair(self) -> &'static str {
        match self {
            Self::Query => "query parameter",
            Self::Form => "form field",
        }
    }

    fn whole(self) -> &'static str {
        match self {
            Self::Query => "query",
            Self::Form => "form",
        }
    }
}

impl Parameter<'_> {
    /// The names of the way to the field, and what stood in brackets after them.
    pub(super) fn parsed(&self) -> (&str, Option<&str>) {
        match self.key.strip_suffix(']').and_then(|key| key.rsplit_once('[')) {
            Some((names, bracket)) => (names, Some(bracket)),
            None => (&self.key, None),
        }
    }

    pub(super) fn bracket(&self) -> Option<&str> {
        self.parsed().1
    }
}

/// The decoded pairs; empty ones are passed over, a missing `=` is an empty value.
pub(in crate::transcode) fn pairs(
    text: &str,
    origin: Origin,
) -> impl Iterator<Item = Result<Parameter<'_>, Status>> {
    text.split('&').filter(|pair| !pair.is_empty()).map(move |pair| {
        let decoded = || {
            if pair.contains(';') {
                return Err("`;` does not separate parameters; write it as `%3B`".to_owned());
            }
            let (key, text) = pair.split_once('=').unwrap_or((pair, ""));
            Ok(Parameter { key: decode(key)?, text: decode(text)?, origin })
        };
        decoded().map_err(|what| Status::invalid(format!("{}: {what}", origin.whole())))
    })
}

/// Decodes `+` and percent escapes, once.
fn decode(text: &str) -> Result<Cow<'_, str>, String> {
    if let Some(escape) = bad_escape(text) {
        return Err(format!("bad percent escape {}", quoted(escape)));
    }
    let spaced = if text.contains('+') { Cow::Owned(text.replace('+', " ")) } else { Cow::Borrowed(text) };
    let invalid = |_| format!("{} is not valid UTF-8 once decoded", quoted(text));
    match spaced {
        Cow::Borrowed(text) => percent_decode_str(text).decode_utf8().map_err(invalid),
        Cow::Owned(text) => {
            let decoded = percent_decode_str(&text).decode_utf8().map_err(invalid)?;
            Ok(Cow::Owned(decoded.into_owned()))
        }
    }
}

/// The first `%` that two hexadecimal digits do not follow, with what does.
fn bad_escape(text: &str) -> Option<&str> {
    text.match_indices('%').find_map(|(at, _)| {
        let escape = text.get(at..)?;
        let digits = escape.as_bytes().get(1..3);
        let sound = digits.is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit));
        (!sound)
            .then(|| escape.char_indices().nth(3).and_then(|(end, _)| escape.get(..end)).unwrap_or(escape))
    })
}
