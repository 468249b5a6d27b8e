//! The matcher that everything is held against: all bindings, one after the other, segment by segment.

use std::borrow::Cow;

use http::Method;
use percent_encoding::percent_decode_str;

use crate::route::{Miss, Precedence, Settings, Unescape};
use crate::rule::{Binding, HttpMethod, PathTemplate, Segment, Variable};

/// The binding with its captures, or the miss.
pub fn find(
    bindings: &[Binding],
    precedence: Precedence,
    each: &[Settings],
    method: &Method,
    path: &str,
) -> Result<(usize, Vec<String>), Miss> {
    let mut ways: Vec<(Unescape, Vec<String>)> = Vec::new();
    let mut hits: Vec<(usize, Vec<String>)> = Vec::new();
    for (index, (binding, settings)) in bindings.iter().zip(each).enumerate() {
        let way = settings.unescape;
        if !ways.iter().any(|(known, _)| *known == way) {
            ways.push((way, split(path, way).ok_or(Miss::Malformed(String::new()))?));
        }
        let segments = ways.iter().find(|(known, _)| *known == way).map_or(&[][..], |(_, segments)| segments);
        hits.extend(captures(&binding.template, segments, settings).map(|captures| (index, captures)));
    }
    hits.retain(|(index, _)| !bindings[index + 1..].iter().any(|later| hides(later, &bindings[*index])));
    let exact = |method: &Method| HttpMethod::Exact(method.clone());
    let is_of = |index: &usize, method: &HttpMethod, head: bool| {
        bindings[*index].method == *method && (!head || each[*index].head_as_get)
    };
    let mut tried = vec![(exact(method), false)];
    if method == Method::HEAD {
        tried.push((exact(&Method::GET), true));
    }
    tried.push((HttpMethod::Any, false));
    for (method, head) in &tried {
        let of_method = hits.iter().filter(|(index, _)| is_of(index, method, *head));
        if let Some(best) = of_method.max_by(|(one, _), (other, _)| {
            if precedence == Precedence::Last {
                return one.cmp(other);
            }
            let (one_template, other_template) = (&bindings[*one].template, &bindings[*other].template);
            let verb = |template: &PathTemplate| template.verb.as_ref().map_or(0, |verb| verb.len() + 1);
            verb(one_template)
                .cmp(&verb(other_template))
                .then_with(|| specificity(one_template, other_template))
                .then(one.cmp(other))
        }) {
            return Ok(best.clone());
        }
    }
    let mut allowed: Vec<Method> = hits
        .iter()
        .filter_map(|(index, _)| match &bindings[*index].method {
            HttpMethod::Exact(method) => Some(method.clone()),
            HttpMethod::Any => None,
        })
        .collect();
    if hits.iter().any(|(index, _)| is_of(index, &exact(&Method::GET), true)) {
        allowed.push(Method::HEAD);
    }
    allowed.sort_by_key(|method| method.as_str().to_owned());
    allowed.dedup();
    Err(if allowed.is_empty() { Miss::NotFound } else { Miss::MethodNotAllowed(allowed.into()) })
}

/// Whether a binding takes the place of one that was registered before.
fn hides(later: &Binding, binding: &Binding) -> bool {
    later.method == binding.method
        && later.template.verb == binding.template.verb
        && later.template.segments == binding.template.segments
}

/// Greater is more specific.
fn specificity(one: &PathTemplate, other: &PathTemplate) -> std::cmp::Ordering {
    let weight = |template: &PathTemplate, at: usize| match template.segments.get(at) {
        Some(Segment::Literal(_)) => 3,
        Some(Segment::One) => 2,
        None => 1,
        Some(Segment::Many) => 0,
    };
    (0..=one.segments.len().max(other.segments.len()))
        .map(|at| weight(one, at).cmp(&weight(other, at)))
        .find(|order| order.is_ne())
        .unwrap_or(std::cmp::Ordering::Equal)
}

/// The segments as they stand in the path, or `None` if it is not one.
fn split(path: &str, unescape: Unescape) -> Option<Vec<String>> {
    let bytes = path.as_bytes();
    let bad = |at: usize| {
        bytes[at] == b'%'
            && !bytes.get(at + 1..at + 3).is_some_and(|hex| hex.iter().all(u8::is_ascii_hexdigit))
    };
    if !path.starts_with('/') || (0..bytes.len()).any(bad) {
        return None;
    }
    let decoded = decode(path, "")?;
    let path = match unescape {
        Unescape::Legacy => decoded.replace('%', "%25"),
        Unescape::AllCharacters => path.replace("%2f", "/").replace("%2F", "/"),
        _ => path.to_owned(),
    };
    Some(path.split('/').skip(1).map(str::to_owned).collect())
}

fn decode(text: &str, kept: &str) -> Option<String> {
    let mut parts = text.split('%');
    let mut open = parts.next()?.to_owned();
    for part in parts {
        let hex = part.get(..2)?;
        let c = char::from(u8::from_str_radix(hex, 16).ok()?);
        open.push_str(if kept.contains(c) { "%25" } else { "%" });
        open.push_str(part);
    }
    percent_decode_str(&open).decode_utf8().ok().map(Cow::into_owned)
}

fn captures(template: &PathTemplate, segments: &[String], settings: &Settings) -> Option<Vec<String>> {
    let mut without_verb = Vec::new();
    let mut segments = segments;
    if let Some(verb) = &template.verb {
        let last = segments.last()?;
        let colons = last.match_indices(':').map(|(at, _)| at);
        let colon =
            colons.filter(|at| *at > 0).find(|at| decode(&last[at + 1..], "").as_ref() == Some(verb))?;
        without_verb.extend_from_slice(segments);
        without_verb.pop();
        without_verb.push(last[..colon].to_owned());
        segments = &without_verb;
    }
    let taken = taken(&template.segments, segments, settings)?;
    let capture = |variable: &Variable| {
        let from: usize = taken[..variable.first].iter().sum();
        let count: usize = taken[variable.first..variable.end].iter().sum();
        let pattern = &template.segments[variable.first..variable.end];
        let multi = pattern.len() > 1 || pattern[0] == Segment::Many;
        let kept = match settings.unescape {
            Unescape::Spec if multi => "!#$&'()*+,/:;=?@[]",
            Unescape::AllExceptSlash if multi => "/",
            _ => "",
        };
        decode(&segments[from..from + count].join("/"), kept).expect("the whole path decodes to UTF-8")
    };
    Some(template.variables.iter().map(capture).collect())
}

/// How many segments each segment of the template takes.
fn taken(template: &[Segment], segments: &[String], settings: &Settings) -> Option<Vec<usize>> {
    let Some((first, rest)) = template.split_first() else {
        return segments.is_empty().then(Vec::new);
    };
    let counts = match first {
        Segment::Many => 0..=segments.len(),
        _ => 1..=1,
    };
    counts.rev().find_map(|count| {
        let fits = match first {
            Segment::Many => true,
            Segment::One => settings.empty_captures || !segments.first()?.is_empty(),
            Segment::Literal(text) => decode(segments.first()?, "").as_ref() == Some(text),
        };
        let after = taken(rest, segments.get(count..)?, settings).filter(|_| fits)?;
        Some([vec![count], after].concat())
    })
}
