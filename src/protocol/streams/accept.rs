//! Which form the messages of a stream are written in.

use http::HeaderMap;

use super::StreamForm;
use crate::protocol::accept::{Accept, Range, Rank, best};

/// The form that the client gets.
///
/// By RFC 9110, 12.5.1, the form whose media type the client wants most; of those it wants alike, the one that it
/// named most closely; then `default`; then events, lines, an array. The media types are:
///
/// | media type | form |
/// |---|---|
/// | `text/event-stream` | events |
/// | `application/x-ndjson`, and what else lines are called: `application/ndjson`, `jsonl`, `x-jsonl`, `jsonlines`, `x-jsonlines`, `jsonlines+json` | bare lines |
/// | `application/json-seq` | a sequence (RFC 7464) |
/// | `application/json;stream=array` | an array |
/// | `application/json;stream=result` | lines in an envelope |
/// | `application/json` | `default`: every client of an API sends that, so it says nothing of streams; an array, if the type of `default` is refused (`q=0`) |
///
/// Who takes none of them, or has no `Accept`, gets `default`. Raw chunks are never a choice: they are the default of
/// a method that answers with them, or not at all.
#[must_use]
pub fn stream_form(headers: &HeaderMap, default: StreamForm) -> StreamForm {
    if default == StreamForm::Raw {
        return default;
    }
    let accept = Accept::of(headers);
    let refused = own(&accept, default) == Rank { quality: 0, closeness: 2 };
    // Plain JSON is the default form, unless that is refused by its name.
    let plain = if refused { StreamForm::Array } else { default };
    let others = FORMS.into_iter().filter(|form| *form != default);
    let forms = std::iter::once(default).chain(others);
    let rank = |form| {
        let own = own(&accept, form);
        if form == plain { own.max(json(&accept, |named| named.is_none())) } else { own }
    };
    best(forms.map(|form| (rank(form), form))).unwrap_or(default)
}

/// How much the client wants a form by its own name.
fn own(accept: &Accept<'_>, form: StreamForm) -> Rank {
    match form {
        StreamForm::Events => accept.rank("text", "event-stream"),
        StreamForm::Lines => {
            let ranks = LINES.iter().map(|name| accept.rank("application", name));
            ranks.max_by_key(|rank| (rank.closeness, rank.quality)).unwrap_or_default()
        }
        StreamForm::Sequence => accept.rank("application", "json-seq"),
        StreamForm::ResultLines | StreamForm::Array => json(accept, |named| named == Some(form)),
        StreamForm::Raw => Rank::default(),
    }
}

/// How much the client wants `application/json` where its ranges name a form that counts.
fn json(accept: &Accept<'_>, counts: impl Fn(Option<StreamForm>) -> bool) -> Rank {
    accept.rank_where("application", "json", |range| counts(named(range)))
}

/// The form that the `stream` parameter of a range names.
fn named(range: &Range<'_>) -> Option<StreamForm> {
    let names = [("array", StreamForm::Array), ("result", StreamForm::ResultLines)];
    names.into_iter().find(|(name, _)| range.says("stream", name)).map(|(_, form)| form)
}

/// In the order in which the client gets them that wants them alike.
const FORMS: [StreamForm; 5] =
    [StreamForm::Events, StreamForm::Lines, StreamForm::Array, StreamForm::ResultLines, StreamForm::Sequence];

/// The names that lines of JSON go by; none is registered with IANA.
const LINES: [&str; 7] =
    ["x-ndjson", "ndjson", "jsonl", "x-jsonl", "jsonlines", "x-jsonlines", "jsonlines+json"];

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use http::header::ACCEPT;

    use super::*;

    const RESULTS: StreamForm = StreamForm::ResultLines;
    const LINES: StreamForm = StreamForm::Lines;
    const EVENTS: StreamForm = StreamForm::Events;
    const ARRAY: StreamForm = StreamForm::Array;

    fn form(accept: Option<&'static str>, default: StreamForm) -> StreamForm {
        let accept = accept.map(|line| (ACCEPT, HeaderValue::from_static(line)));
        stream_form(&accept.into_iter().collect(), default)
    }

    #[test]
    fn a_named_form_is_given_whatever_the_default() {
        for default in FORMS {
            for (accept, expected) in [
                ("text/event-stream", EVENTS),
                ("Text/Event-Stream;charset=utf-8", EVENTS),
                ("application/x-ndjson", LINES),
                ("application/ndjson", LINES),
                ("application/jsonl", LINES),
                ("application/json-seq", StreamForm::Sequence),
                ("application/x-jsonlines", LINES),
                ("application/json;stream=array", ARRAY),
                ("application/json; stream=\"array\"", ARRAY),
                ("application/json;stream=result", RESULTS),
                ("text/event-stream, */*;q=0.1", EVENTS),
                ("text/event-stream, */*", EVENTS),
                ("application/x-ndjson, application/json;q=0.9", LINES),
                ("application/json;q=0.9, application/json;stream=array", ARRAY),
            ] {
                assert_eq!(form(Some(accept), default), expected, "{accept}, {default:?}");
            }
        }
    }

    #[test]
    fn who_names_none_gets_the_default() {
        for default in FORMS {
            for accept in [
                None,
                Some(""),
                Some("*/*"),
                Some("application/json"),
                Some("application/json, text/plain, */*"),
                Some("application/json;charset=utf-8"),
                Some("application/json;stream=other"),
                Some("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"),
                Some("image/png"),
                Some("*/*;q=0"),
                Some("application/json, text/event-stream"),
                Some("text/event-stream, application/json"),
            ] {
                assert_eq!(form(accept, default), default, "{accept:?}");
            }
        }
        assert_eq!(form(Some("text/event-stream"), StreamForm::Raw), StreamForm::Raw);
    }

    #[test]
    fn qualities_wildcards_and_refusals_count() {
        for (accept, default, expected) in [
            ("text/event-stream;q=0.5, application/json;q=0.8", RESULTS, RESULTS),
            ("text/event-stream;q=0.8, application/json;q=0.5", RESULTS, EVENTS),
            ("text/event-stream;q=0.5, */*;q=0.8", RESULTS, RESULTS),
            ("text/event-stream;q=0, application/json", EVENTS, ARRAY),
            ("text/event-stream;q=0, */*", EVENTS, LINES),
            ("application/json;q=0, */*", RESULTS, EVENTS),
            ("application/json;q=0, application/*", RESULTS, LINES),
            ("text/event-stream;q=0, application/json, */*;q=0.5", EVENTS, ARRAY),
            ("application/x-ndjson;q=0, application/jsonl;q=0, application/json", LINES, ARRAY),
            ("text/*", RESULTS, EVENTS),
            ("text/*", LINES, EVENTS),
            ("application/*", RESULTS, RESULTS),
            ("application/*", EVENTS, EVENTS),
            ("application/x-ndjson, text/event-stream", RESULTS, EVENTS),
            ("application/x-ndjson, text/event-stream", LINES, LINES),
            ("application/x-ndjson;q=0, application/jsonl", RESULTS, LINES),
        ] {
            assert_eq!(form(Some(accept), default), expected, "{accept}, {default:?}");
        }
    }
}
