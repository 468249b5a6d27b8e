//! Expressions: where a value of an event comes from (`req.role.id`, `resp-md.qc-event-cluster-id`), and templates
//! with expressions in braces. Compiled at load, read for each event.

use std::borrow::Cow;

use http::{HeaderMap, HeaderName};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use prost_reflect::MessageDescriptor;

use crate::field::Selector;

/// What expressions are read from.
#[derive(Debug, Clone, Copy)]
pub struct Facts<'c> {
    /// The request message's wire bytes.
    pub request: &'c [u8],
    /// The response message's wire bytes.
    pub response: &'c [u8],
    /// The metadata that the backend was sent, or those parts of it that [`kept`](super::EventPlan::kept) names.
    pub request_metadata: &'c HeaderMap,
    /// The backend's initial metadata.
    pub response_metadata: &'c HeaderMap,
    /// The backend's trailing metadata, looked at after the initial.
    pub response_trailers: &'c HeaderMap,
}

/// Where one value comes from.
#[derive(Debug, Clone)]
pub(super) enum Expression {
    Request(Selector),
    Response(Selector),
    RequestMetadata(HeaderName),
    ResponseMetadata(HeaderName),
}

impl Expression {
    /// Compiles an expression for a method's messages.
    ///
    /// # Errors
    /// What is wrong with it, and the cure.
    pub fn compile(
        text: &str,
        input: &MessageDescriptor,
        output: &MessageDescriptor,
    ) -> Result<Self, (String, String)> {
        let (source, path) = text.split_once('.').unwrap_or((text, ""));
        let told = |what: String| (format!("`{text}`: {what}"), FORMS.to_owned());
        let name =
            || HeaderName::try_from(path).map_err(|_| told(format!("`{path}` is not the name of metadata")));
        match source {
            "req" => field(input, path).map(Self::Request).map_err(told),
            "resp" => field(output, path).map(Self::Response).map_err(told),
            "req-md" => name().map(Self::RequestMetadata),
            "resp-md" => name().map(Self::ResponseMetadata),
            _ => Err(told("it does not say where the value comes from".to_owned())),
        }
    }

    /// The value, no longer than [`LONGEST`]; `None` when it is not set or empty.
    pub fn value<'c>(&self, facts: &Facts<'c>) -> Option<Cow<'c, str>> {
        let value = match self {
            Self::Request(field) => field.text(facts.request),
            Self::Response(field) => field.text(facts.response),
            Self::RequestMetadata(name) => metadata(facts.request_metadata, name),
            Self::ResponseMetadata(name) => {
                metadata(facts.response_metadata, name).or_else(|| metadata(facts.response_trailers, name))
            }
        };
        value.filter(|value| !value.is_empty()).map(cut)
    }

    /// The name of the request metadata that it reads.
    pub fn request_metadata(&self) -> Option<&HeaderName> {
        match self {
            Self::RequestMetadata(name) => Some(name),
            _ => None,
        }
    }
}

/// No value of a call is told at more than this length, in bytes: so an event's size is bounded, whatever comes.
pub(super) const LONGEST: usize = 4 << 10;

fn cut(value: Cow<'_, str>) -> Cow<'_, str> {
    match value {
        Cow::Borrowed(text) => Cow::Borrowed(shortened(text)),
        Cow::Owned(text) => Cow::Owned(shortened(&text).to_owned()),
    }
}

/// A text of a call, or the beginning of it if it is longer than [`LONGEST`].
pub(super) fn shortened(text: &str) -> &str {
    text.get(..text.floor_char_boundary(LONGEST)).unwrap_or_default()
}

/// The cure of an expression that is none.
const FORMS: &str = "write `req.` and the path of a request field, `resp.` and that of a response field, or `req-md.` \
                     or `resp-md.` and the name of metadata";

/// A field that has a text.
fn field(message: &MessageDescriptor, path: &str) -> Result<Selector, String> {
    let field = Selector::compile(message, path)?;
    if field.has_text() {
        return Ok(field);
    }
    Err(format!("`{}` is a message or a map, which has no text", field.field().full_name()))
}

fn metadata<'c>(metadata: &'c HeaderMap, name: &HeaderName) -> Option<Cow<'c, str>> {
    metadata.get(name)?.to_str().ok().map(Cow::Borrowed)
}

/// A path with expressions in braces.
#[derive(Debug, Clone, Default)]
pub(super) struct Template {
    /// Each expression with the text before it.
    pieces: Vec<(Box<str>, Expression)>,
    rest: Box<str>,
}

impl Template {
    /// Compiles a template for a method's messages.
    ///
    /// # Errors
    /// What is wrong with it, and the cure.
    pub fn compile(
        text: &str,
        input: &MessageDescriptor,
        output: &MessageDescriptor,
    ) -> Result<Self, (String, String)> {
        let (mut pieces, mut rest) = (Vec::new(), text);
        while let Some((before, after)) = rest.split_once('{') {
            let Some((expression, behind)) = after.split_once('}') else {
                let what = format!("`{text}` has a `{{` without a `}}`");
                return Err((
                    what,
                    "write each expression in braces, such as `/users/{req.user_id}`".to_owned(),
                ));
            };
            pieces.push((before.into(), Expression::compile(expression, input, output)?));
            rest = behind;
        }
        Ok(Self { pieces, rest: rest.into() })
    }

    /// Appends the path, each value percent-encoded so that it stays one segment. Whether all values were known:
    /// [`UNKNOWN`] stands for one that was not.
    pub fn write(&self, facts: &Facts<'_>, out: &mut String) -> bool {
        let mut known = true;
        for (before, expression) in &self.pieces {
            out.push_str(before);
            if let Some(value) = expression.value(facts) {
                out.extend(utf8_percent_encode(&value, ESCAPED));
            } else {
                out.push_str(UNKNOWN);
                known = false;
            }
        }
        out.push_str(&self.rest);
        known
    }

    /// The expressions in it.
    pub fn expressions(&self) -> impl Iterator<Item = &Expression> {
        self.pieces.iter().map(|(_, expression)| expression)
    }
}

/// What stands in a path for a value that is not known: the other segments keep their places.
pub(super) const UNKNOWN: &str = "-";

/// All but the unreserved characters of RFC 3986.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
