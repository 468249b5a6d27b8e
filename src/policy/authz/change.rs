//! What an authorizer changes of headers: of the metadata for the backend, and of the answer. Not for deciding.

use http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE};
use http::{HeaderMap, HeaderName, HeaderValue};

use super::message::HeaderOption;
use crate::metadata::{is_alias, is_carried, is_reserved};

/// Headers that are set, added and removed, in the order in which the authorizer has them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Changes {
    set: Vec<(HeaderName, HeaderValue, Action)>,
    removed: Vec<HeaderName>,
}

/// How a value meets those that are there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Action {
    Append,
    AddIfAbsent,
    Overwrite,
    OverwriteIfThere,
}

impl Changes {
    /// Reads changes of the metadata. Names that belong to the connection or to gRPC and values that gRPC cannot
    /// carry are left out, and `own` names, of which the gateway alone decides.
    pub(super) fn of_metadata(set: &[HeaderOption], removed: &[String], own: &[&HeaderName]) -> Self {
        let is_own = |name: &HeaderName| own.iter().any(|own| is_alias(own.as_str(), name.as_str()));
        let free = |name: &HeaderName| !is_reserved(name.as_str()) && !is_own(name);
        let removed = removed.iter().filter_map(|name| HeaderName::try_from(name.as_str()).ok());
        Self {
            set: read(set, |name, value| free(name) && is_carried(value.as_bytes())),
            removed: removed.filter(free).collect(),
        }
    }

    /// Reads headers for an answer; those that its body decides are left out.
    pub(super) fn of_answer(set: &[HeaderOption]) -> Self {
        let decided = [CONTENT_TYPE, CONTENT_LENGTH, CONTENT_ENCODING];
        let free = |name: &HeaderName| !is_reserved(name.as_str()) && !decided.contains(name);
        Self { set: read(set, |name, _| free(name)), removed: Vec::new() }
    }

    /// Whether nothing changes.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.set.is_empty() && self.removed.is_empty()
    }

    /// Changes the metadata of a call. What is overwritten or removed is so under the name with `grpcgateway-` too,
    /// by which a client's header of this name passes.
    pub fn change_metadata(&self, metadata: &mut HeaderMap) {
        for (name, ..) in self.set.iter().filter(|(.., action)| *action == Action::Overwrite) {
            remove_alias(metadata, name);
        }
        self.change(metadata);
        for name in &self.removed {
            metadata.remove(name);
            remove_alias(metadata, name);
        }
    }

    /// Changes the headers of an answer.
    pub fn change_answer(&self, headers: &mut HeaderMap) {
        self.change(headers);
    }

    fn change(&self, headers: &mut HeaderMap) {
        for (name, value, action) in &self.set {
            let there = headers.contains_key(name);
            // Fails at more headers than any call may have; then the rest is left out.
            let _ = match action {
                Action::Append => headers.try_append(name, value.clone()),
                Action::AddIfAbsent if !there => headers.try_append(name, value.clone()),
                Action::OverwriteIfThere if !there => Ok(false),
                Action::AddIfAbsent => Ok(false),
                Action::Overwrite | Action::OverwriteIfThere => {
                    headers.try_insert(name, value.clone()).map(|_| true)
                }
            };
        }
    }
}

fn remove_alias(metadata: &mut HeaderMap, name: &HeaderName) {
    metadata.remove(["grpcgateway-", name.as_str()].concat());
}

fn read(
    options: &[HeaderOption],
    keep: impl Fn(&HeaderName, &HeaderValue) -> bool,
) -> Vec<(HeaderName, HeaderValue, Action)> {
    let mut found: Vec<(HeaderName, HeaderValue, Action)> = Vec::with_capacity(options.len());
    for option in options {
        let Some(header) = &option.header else { continue };
        let name = HeaderName::try_from(header.key.as_str());
        let value = HeaderValue::from_bytes(header.bytes());
        if let (Ok(name), Ok(value)) = (name, value)
            && keep(&name, &value)
        {
            let again = found.iter().any(|(other, ..)| *other == name);
            found.push((name, value, action(option, again)));
        } else {
            // The name may be a client's own text: it is not worth a line for each call.
            tracing::debug!("a header of the authorizer is left out: it cannot be sent on");
        }
    }
    found
}

/// Envoy documents that a value replaces what is there, in these messages, unless they say otherwise; and has since
/// made 0 an action, "append", which is what most authorizers send without meaning it. Here the first value of a
/// name replaces what the client sent, and more of them in the same answer stand beside it.
fn action(option: &HeaderOption, again: bool) -> Action {
    match (option.append, option.append_action) {
        (Some(true), _) => Action::Append,
        (None, 1) => Action::AddIfAbsent,
        (None, 3) => Action::OverwriteIfThere,
        (None, 0) if again => Action::Append,
        (Some(false) | None, _) => Action::Overwrite,
    }
}

#[cfg(test)]
mod tests {
    use super::super::message::Header;
    use super::*;

    fn option(key: &str, value: &str, append: Option<bool>, append_action: i32) -> HeaderOption {
        let header = Header { key: key.to_owned(), value: value.to_owned(), ..Header::default() };
        HeaderOption { header: Some(header), append, append_action }
    }

    fn map(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)))
            .collect()
    }

    fn lines(map: &HeaderMap) -> Vec<String> {
        let mut lines: Vec<_> =
            map.iter().map(|(name, value)| format!("{name}: {}", value.to_str().expect("text"))).collect();
        lines.sort();
        lines
    }

    #[test]
    fn values_meet_what_is_there_as_the_authorizer_says() {
        for (append, action, there, expected) in [
            (None, 0, true, "new"),
            (None, 0, false, "new"),
            (Some(true), 0, true, "old,new"),
            (Some(false), 0, true, "new"),
            (Some(true), 2, true, "old,new"),
            (None, 1, true, "old"),
            (None, 1, false, "new"),
            (None, 2, true, "new"),
            (None, 2, false, "new"),
            (None, 3, true, "new"),
            (None, 3, false, ""),
            (None, 99, true, "new"),
        ] {
            let mut headers = if there { map(&[("x-user", "old")]) } else { HeaderMap::new() };
            Changes::of_metadata(&[option("X-User", "new", append, action)], &[], &[])
                .change_metadata(&mut headers);
            let found: Vec<_> =
                headers.get_all("x-user").iter().filter_map(|value| value.to_str().ok()).collect();
            assert_eq!(found.join(","), expected, "{append:?} {action} {there}");
        }
    }

    #[test]
    fn several_values_of_one_name_stand_beside_one_another() {
        let cookies = [option("set-cookie", "a=1", None, 0), option("set-cookie", "b=2", None, 0)];
        let mut headers = map(&[("set-cookie", "c=3")]);
        Changes::of_answer(&cookies).change_answer(&mut headers);
        assert_eq!(lines(&headers), ["set-cookie: a=1", "set-cookie: b=2"]);
    }

    #[test]
    fn what_a_client_sent_is_gone_under_both_names() {
        let mut headers = map(&[
            ("authorization", "Bearer t"),
            ("grpcgateway-authorization", "Bearer t"),
            ("grpcgateway-cookie", "c"),
            ("x-kept", "k"),
        ]);
        let changes = Changes::of_metadata(
            &[option("authorization", "internal", None, 0)],
            &["Cookie".to_owned(), "Host".to_owned(), ":path".to_owned()],
            &[],
        );
        changes.change_metadata(&mut headers);
        assert_eq!(lines(&headers), ["authorization: internal", "x-kept: k"]);
    }

    #[test]
    fn names_that_are_not_the_authorizers_are_left_alone() {
        let own = HeaderName::from_static("qc-actor-id");
        let set = [
            "grpc-timeout",
            "te",
            "content-type",
            "connection",
            ":path",
            "host",
            "qc-actor-id",
            "Qc_Actor-Id",
            "no good",
            "",
        ]
        .map(|name| option(name, "1", None, 0));
        let removed = ["content-type", "qc-actor-id", "grpc-timeout"].map(str::to_owned);
        assert!(Changes::of_metadata(&set, &removed, &[&own]).is_empty());
        let unsendable = [option("x-a", "a\r\nb", None, 0), option("x-b", "\u{e4}", None, 0)];
        assert!(Changes::of_metadata(&unsendable, &[], &[]).is_empty());
        let set =
            ["content-type", "content-length", "transfer-encoding"].map(|name| option(name, "1", None, 0));
        assert!(Changes::of_answer(&set).is_empty());
    }
}
