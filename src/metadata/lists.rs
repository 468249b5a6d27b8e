//! Lists of header names as they are configured, checked once and looked up by every call: names that pass, names
//! that do not, names that change.

use std::borrow::Cow;

use http::HeaderName;

use super::names::{is_alias, is_correlation, is_metadata, is_ours, is_permanent, is_reserved};
use crate::problem::{Place, Problem, Problems};
use crate::units::Glob;

/// Names and globs of headers that pass.
#[derive(Debug, Clone, Default)]
pub(super) struct Allowed {
    names: Vec<HeaderName>,
    globs: Vec<Glob>,
}

impl Allowed {
    /// Reads a list, telling what is no name and what can never pass.
    pub fn read(list: &[String], key: &str, problems: &mut Problems) -> Self {
        let mut allowed = Self::default();
        for text in list {
            // To HTTP, `*` is a letter like any other.
            let Some(name) = named(text, key, problems) else { continue };
            if text.contains('*') {
                allowed.globs.push(Glob::new(name.as_str()));
            } else if passes(&name, key, problems) {
                allowed.names.push(name);
            }
        }
        allowed
    }

    /// Whether a name is in the list as it is.
    pub fn names(&self, name: &HeaderName) -> bool {
        self.names.contains(name)
    }

    /// Whether a name fits a glob of the list.
    pub fn fits(&self, name: &HeaderName) -> bool {
        self.globs.iter().any(|glob| glob.matches(name.as_str()))
    }

    /// Whether a backend may take a name for one in the list.
    pub fn has_alias(&self, name: &str) -> bool {
        self.names.iter().any(|own| is_alias(own.as_str(), name))
    }
}

/// Globs of headers that do not pass. To them `_` is the same as `-`, as it is to some backends.
#[derive(Debug, Clone, Default)]
pub(super) struct Dropped(Vec<Glob>);

impl Dropped {
    pub fn read(list: &[String]) -> Self {
        Self(list.iter().map(|glob| Glob::new(glob.to_lowercase().replace('_', "-"))).collect())
    }

    /// Whether a name must not pass.
    pub fn fits(&self, name: &str) -> bool {
        !self.0.is_empty() && {
            let name = plain(name);
            self.0.iter().any(|glob| glob.matches(&name))
        }
    }
}

/// Headers that pass under another name.
#[derive(Debug, Clone, Default)]
pub(super) struct Renamed(Vec<(HeaderName, HeaderName)>);

impl Renamed {
    /// Reads the renames of request headers to metadata, telling what cannot be renamed.
    pub fn to_metadata(pairs: &[(String, String)], key: &str, problems: &mut Problems) -> Self {
        Self::read(pairs, key, problems, |from, to, problems| {
            (is_permanent(from.as_str()) || passes(from, key, problems)) && may_be_set(to, key, problems)
        })
    }

    /// Reads the renames of metadata to answer headers, telling what cannot be renamed.
    pub fn to_headers(pairs: &[(String, String)], key: &str, problems: &mut Problems) -> Self {
        Self::read(pairs, key, problems, |from, to, problems| {
            passes(from, key, problems) && passes(to, key, problems)
        })
    }

    fn read(
        pairs: &[(String, String)],
        key: &str,
        problems: &mut Problems,
        good: impl Fn(&HeaderName, &HeaderName, &mut Problems) -> bool,
    ) -> Self {
        let mut renamed = Vec::with_capacity(pairs.len());
        for (from, to) in pairs {
            let (from, to) = (named(from, key, problems), named(to, key, problems));
            if let (Some(from), Some(to)) = (from, to)
                && good(&from, &to, problems)
            {
                renamed.push((from, to));
            }
        }
        Self(renamed)
    }

    /// The new name of a header, if it gets one.
    pub fn of(&self, name: &HeaderName) -> Option<&HeaderName> {
        self.0.iter().find(|(from, _)| from == name).map(|(_, to)| to)
    }

    /// Whether a backend may take a name for one of the new ones.
    pub fn has_alias(&self, name: &str) -> bool {
        self.0.iter().any(|(_, to)| is_alias(to.as_str(), name))
    }
}

/// A name with `-` for every `_`.
pub(super) fn plain(name: &str) -> Cow<'_, str> {
    if name.contains('_') { Cow::from(name.replace('_', "-")) } else { Cow::from(name) }
}

fn named(text: &str, key: &str, problems: &mut Problems) -> Option<HeaderName> {
    let name = HeaderName::try_from(text);
    if name.is_err() {
        problems.push(
            Problem::error(Place::item(key), format!("`{text}` is not a header name"))
                .help("write a name such as `x-tenant`"),
        );
    }
    name.ok()
}

/// Whether a header can pass at all.
fn passes(name: &HeaderName, key: &str, problems: &mut Problems) -> bool {
    let reserved = is_reserved(name.as_str());
    if reserved {
        problems.push(
            Problem::error(Place::item(key), format!("the header `{name}` cannot be forwarded"))
                .help("it belongs to the connection or to the gRPC protocol; take it out of the list"),
        );
    }
    !reserved
}

/// Whether metadata of this name may come from a header of another.
fn may_be_set(name: &HeaderName, key: &str, problems: &mut Problems) -> bool {
    let plain = plain(name.as_str());
    if !is_metadata(name.as_str()) {
        let what = format!("`{name}` is not a name of gRPC metadata");
        let help = "write lower-case letters, digits, `-`, `_` and `.`, such as `tenant-id`";
        problems.push(Problem::error(Place::item(key), what).help(help));
        return false;
    }
    if is_ours(&plain) || is_correlation(&plain) {
        let what = format!("the metadata `{name}` is set by the gateway itself");
        problems.push(Problem::error(Place::item(key), what).help("take another name"));
        return false;
    }
    passes(name, key, problems)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn renames_that_cannot_be_are_told() {
        for (from, to, told) in [
            ("X-Tenant", "tenant-id", ""),
            ("User-Agent", "client-agent", ""),
            ("no good", "x", "`no good` is not a header name"),
            ("x", "no good", "`no good` is not a header name"),
            ("connection", "x", "the header `connection` cannot be forwarded"),
            ("x", "grpc-timeout", "the header `grpc-timeout` cannot be forwarded"),
            ("x", "te", "the header `te` cannot be forwarded"),
            ("x", "a!b", "`a!b` is not a name of gRPC metadata"),
            ("x", "authorization", "the metadata `authorization` is set by the gateway itself"),
            ("x", "x_forwarded_for", "the metadata `x_forwarded_for` is set by the gateway itself"),
            ("x", "traceparent", "the metadata `traceparent` is set by the gateway itself"),
        ] {
            let mut problems = Problems::new();
            let pairs = [(from.to_owned(), to.to_owned())];
            let renamed = Renamed::to_metadata(&pairs, "metadata.rename_request", &mut problems);
            let found: Vec<_> = problems.iter().map(|problem| problem.what.clone()).collect();
            assert_eq!(found.join(" "), told, "{from} {to}");
            assert_eq!(renamed.0.len(), usize::from(told.is_empty()), "{from} {to}");
        }
        let mut problems = Problems::new();
        let pairs = [("location".to_owned(), "content-length".to_owned())];
        Renamed::to_headers(&pairs, "metadata.rename_response", &mut problems);
        assert!(problems.has_errors(), "an answer's length is not for the backend to say");
    }

    #[test]
    fn dropped_globs_see_through_case_and_underscores() {
        let dropped = Dropped::read(&["X-Internal_*".into(), "cookie".into()]);
        for (name, expected) in
            [("x-internal-a", true), ("x_internal_a", true), ("cookie", true), ("cookies", false)]
        {
            assert_eq!(dropped.fits(name), expected, "{name}");
        }
        assert!(!Dropped::default().fits("cookie"));
    }
}
