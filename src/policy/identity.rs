//! Who is calling: the one answer that every way of telling (key, token, certificate, authorizer) comes to.
//!
//! Cheap to clone: all parts are shared.

use std::sync::Arc;

use crate::metadata;
use crate::observe::Caller;

/// Someone who has proved who they are, and what they may do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The id by which backends know the caller.
    pub actor_id: Arc<str>,
    /// What kind of caller: the name of an enum value, such as `ACTOR_TYPE_MANAGEMENT_KEY`.
    pub actor_type: Arc<str>,
    /// The accounts that the caller may act on.
    pub accounts: Scope,
    /// What the caller may do.
    pub permissions: Scope,
    /// The name that people know the caller by, for logs.
    pub name: Option<Arc<str>>,
    /// How the caller proved it.
    pub method: Method,
}

/// Some names, or all there are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scope {
    /// All: `*` in settings.
    All,
    /// These and no others.
    Only(Arc<[Box<str>]>),
}

/// How an identity was proved, for logs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Method {
    /// By a management key.
    Key,
    /// By a token.
    Jwt,
    /// By a client certificate.
    Certificate,
    /// By an authorizer outside.
    External,
    /// Not at all.
    Anonymous,
}

impl Identity {
    /// What the record of a call says of its caller.
    #[must_use]
    pub fn told(&self) -> Caller {
        let (actor_id, name) = (Arc::clone(&self.actor_id), self.name.clone());
        Caller { actor_id, name, credential: self.method.as_str() }
    }
}

impl Scope {
    /// The names; all there are where `*` is among them. An empty one is none: who names no account names none of
    /// these.
    pub fn of<T: AsRef<str>>(names: impl IntoIterator<Item = T>) -> Self {
        let mut only: Vec<Box<str>> = Vec::new();
        for name in names {
            match name.as_ref() {
                "*" => return Self::All,
                "" => {}
                name => only.push(name.into()),
            }
        }
        Self::Only(only.into())
    }

    /// Whether a name is one of them.
    #[must_use]
    pub fn holds(&self, name: &str) -> bool {
        match self {
            Self::All => true,
            Self::Only(names) => names.iter().any(|one| **one == *name),
        }
    }
}

impl Method {
    /// The word used in logs.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Key => "key",
            Self::Jwt => "jwt",
            Self::Certificate => "certificate",
            Self::External => "external",
            Self::Anonymous => "anonymous",
        }
    }
}

/// Whether gRPC metadata can carry a text as it is (`PROTOCOL-HTTP2.md`, "ASCII-Value"): an actor's id and type
/// are told to the backend so.
#[must_use]
pub fn is_carried(text: &str) -> bool {
    !text.is_empty() && text.trim() == text && metadata::is_carried(text.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_is_all_and_nothing_is_nothing() {
        let none: [&str; 0] = [];
        for (names, holds_a) in
            [(&["*"][..], true), (&["b", "*"], true), (&["a", "b"], true), (&["b", "a:*"], false)]
        {
            assert_eq!(Scope::of(names).holds("a"), holds_a, "{names:?}");
        }
        assert!(!Scope::of(none).holds("") && !Scope::of(none).holds("*"));
        assert!(!Scope::of(["a"]).holds("*"), "nobody asks for all");
        assert!(!Scope::of(["", "a"]).holds(""), "an empty name is none");
    }

    #[test]
    fn what_metadata_cannot_carry_is_known() {
        for (text, carried) in
            [("key-1", true), ("a b", true), ("", false), (" a", false), ("caf\u{e9}", false), ("a\n", false)]
        {
            assert_eq!(is_carried(text), carried, "{text:?}");
        }
    }
}
