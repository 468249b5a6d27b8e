//! Claims of a verified token, made into an identity. Not for verifying.

use std::borrow::Cow;
use std::sync::Arc;

use serde_json::{Map, Value};

use super::Claims;
use super::refusal::{ACTOR, CLAIM, Refusal};
use crate::policy::{Identity, Method, Scope, is_carried};

/// What a token says, by name.
pub(super) type Said = Map<String, Value>;

/// Where each part of an identity is found, ready to be read.
#[derive(Debug)]
pub(super) struct Mapping {
    actor: Path,
    actor_type: Option<Path>,
    name: Option<Path>,
    accounts: Option<Path>,
    permissions: Option<Path>,
    default_type: Arc<str>,
    granted_accounts: Scope,
    granted_permissions: Scope,
}

impl Mapping {
    pub(super) fn of(claims: &Claims) -> Self {
        let path = |name: &Option<String>| name.as_deref().map(Path::of);
        Self {
            actor: Path::of(&claims.actor),
            actor_type: path(&claims.actor_type),
            name: path(&claims.name),
            accounts: path(&claims.accounts),
            permissions: path(&claims.permissions),
            default_type: claims.default_type.as_str().into(),
            granted_accounts: Scope::of(&claims.granted_accounts),
            granted_permissions: Scope::of(&claims.granted_permissions),
        }
    }

    /// The identity that a token gives its bearer.
    pub(super) fn identity(&self, said: &Said) -> Result<Identity, Refusal> {
        let actor = self.actor.find(said).and_then(text).filter(|actor| is_name(actor)).ok_or(ACTOR)?;
        let actor_type = match self.actor_type.as_ref().and_then(|path| path.find(said)) {
            None => Arc::clone(&self.default_type),
            Some(Value::String(name)) if is_name(name) => name.as_str().into(),
            Some(_) => return Err(CLAIM),
        };
        let name = self.name.as_ref().and_then(|path| path.find(said)).and_then(Value::as_str);
        Ok(Identity {
            actor_id: actor.into(),
            actor_type,
            accounts: scope(&self.granted_accounts, self.accounts.as_ref(), said),
            permissions: scope(&self.granted_permissions, self.permissions.as_ref(), said),
            name: name.map(Into::into),
            method: Method::Jwt,
        })
    }
}

/// A claim's name: as it stands, or as steps into objects.
#[derive(Debug)]
struct Path {
    whole: String,
    steps: Vec<String>,
}

impl Path {
    fn of(name: &str) -> Self {
        Self { whole: name.to_owned(), steps: name.split('.').map(str::to_owned).collect() }
    }

    /// The claim, if it is there and not null. A name with dots of its own (`https://example.com/roles`) wins over
    /// what it means as a path.
    fn find<'s>(&self, said: &'s Said) -> Option<&'s Value> {
        let mut steps = self.steps.iter();
        let found = said.get(&self.whole).or_else(|| {
            let first = said.get(steps.next()?)?;
            steps.try_fold(first, |value, step| value.get(step.as_str()))
        });
        found.filter(|value| !value.is_null())
    }
}

/// What everybody has and what this token adds. A `*` in a token is a name like any other, an empty name is none.
fn scope(granted: &Scope, path: Option<&Path>, said: &Said) -> Scope {
    let Scope::Only(granted) = granted else { return Scope::All };
    let Some(claim) = path.and_then(|path| path.find(said)) else { return Scope::Only(Arc::clone(granted)) };
    let mut names: Vec<Box<str>> = granted.to_vec();
    match claim {
        Value::String(list) => names.extend(list.split_ascii_whitespace().map(Into::into)),
        Value::Array(list) => {
            names.extend(list.iter().filter_map(text).filter(|name| !name.is_empty()).map(Into::into));
        }
        other => names.extend(text(other).map(Into::into)),
    }
    Scope::Only(names.into())
}

/// A text, or a number as text: ids are written as both.
fn text(value: &Value) -> Option<Cow<'_, str>> {
    match value {
        Value::String(text) => Some(text.into()),
        Value::Number(number) => Some(number.to_string().into()),
        _ => None,
    }
}

/// Whether a text can be told to a backend as metadata.
fn is_name(text: impl AsRef<str>) -> bool {
    let text = text.as_ref();
    text.len() <= LONGEST && is_carried(text)
}

/// The longest id of an actor.
const LONGEST: usize = 1024;

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn claims() -> Claims {
        Claims {
            actor: "sub".to_owned(),
            actor_type: Some("kind".to_owned()),
            name: Some("profile.name".to_owned()),
            accounts: Some("https://example.com/accounts".to_owned()),
            permissions: Some("realm_access.roles".to_owned()),
            default_type: "ACTOR_TYPE_USER".to_owned(),
            granted_accounts: Vec::new(),
            granted_permissions: vec!["read:all".to_owned()],
        }
    }

    fn identity(said: Value) -> Result<Identity, Refusal> {
        let Value::Object(said) = said else { panic!("an object") };
        Mapping::of(&claims()).identity(&said)
    }

    fn names(scope: &Scope) -> Vec<&str> {
        match scope {
            Scope::All => vec!["*"],
            Scope::Only(names) => names.iter().map(AsRef::as_ref).collect(),
        }
    }

    #[test]
    fn nested_claims_and_claims_with_dots_are_found() {
        let found = identity(json!({
            "sub": "user-1",
            "kind": "ACTOR_TYPE_SERVICE_ACCOUNT",
            "profile": {"name": "Ada"},
            "https://example.com/accounts": ["a", "", 7, null, {}],
            "realm_access": {"roles": "read:x  write:x"},
        }));
        let found = found.expect("an identity");
        assert_eq!(&*found.actor_id, "user-1");
        assert_eq!(&*found.actor_type, "ACTOR_TYPE_SERVICE_ACCOUNT");
        assert_eq!(found.name.as_deref(), Some("Ada"));
        assert_eq!(names(&found.accounts), ["a", "7"]);
        assert!(!found.accounts.holds(""), "who names no account names none of these");
        assert_eq!(names(&found.permissions), ["read:all", "read:x", "write:x"]);
    }

    #[test]
    fn what_a_token_does_not_say_is_not_granted() {
        let found = identity(json!({"sub": 42, "realm_access": ["roles"]})).expect("an identity");
        assert_eq!((&*found.actor_id, &*found.actor_type), ("42", "ACTOR_TYPE_USER"));
        assert_eq!(names(&found.accounts), [""; 0]);
        assert_eq!(names(&found.permissions), ["read:all"]);
    }

    #[test]
    fn a_star_in_a_token_is_no_wildcard_but_one_in_config_is() {
        let found = identity(json!({"sub": "a", "https://example.com/accounts": "*"})).expect("an identity");
        assert!(matches!(found.accounts, Scope::Only(_)));
        let mut claims = claims();
        claims.granted_accounts = vec!["*".to_owned()];
        let said = Said::from_iter([("sub".to_owned(), json!("a"))]);
        let found = Mapping::of(&claims).identity(&said).expect("an identity");
        assert!(matches!(found.accounts, Scope::All));
    }

    #[test]
    fn a_token_must_say_who_its_bearer_is() {
        for sub in
            [json!(null), json!(""), json!(["a"]), json!("a\r\nb"), json!("\u{e4}"), json!("x".repeat(2000))]
        {
            assert_eq!(identity(json!({"sub": sub})).map(drop), Err(ACTOR), "{sub}");
        }
        assert_eq!(identity(json!({})).map(drop), Err(ACTOR));
        assert_eq!(identity(json!({"sub": "a", "kind": 3})).map(drop), Err(CLAIM));
    }
}
