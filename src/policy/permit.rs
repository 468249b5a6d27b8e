//! Whether a known caller may do what it asks for: a 403 says what it lacks.
//!
//! Request path: compares texts, allocates for refusals only.

use std::collections::HashMap;

use prost::Message as _;
use prost_types::Any;
use tonic_types::pb::ErrorInfo;

use super::{Identity, Policy};
use crate::duty::Duties;
use crate::status::{Code, Origin, Status};

impl Policy {
    /// Whether an identity may call a method: it is of a kind that may, and has the permissions.
    ///
    /// # Errors
    /// 403, with what is missing.
    #[allow(clippy::unused_self, reason = "a policy may come to decide on more than the duties")]
    pub fn permit(&self, identity: &Identity, duties: &Duties) -> Result<(), Status> {
        if !duties.authentication {
            return Ok(());
        }
        let kinds = &duties.actor_types;
        if !kinds.is_empty() && !kinds.iter().any(|kind| **kind == *identity.actor_type) {
            return Err(wrong_kind(&identity.actor_type, kinds));
        }
        let held = |permission: &&String| identity.permissions.holds(permission);
        let enough = if duties.all_permissions {
            duties.permissions.iter().all(|permission| held(&permission))
        } else {
            duties.permissions.is_empty() || duties.permissions.iter().any(|permission| held(&permission))
        };
        if enough {
            return Ok(());
        }
        let missing: Vec<_> = duties.permissions.iter().filter(|permission| !held(permission)).collect();
        Err(not_permitted(&missing, duties.all_permissions))
    }

    /// Whether an identity may act on an account.
    ///
    /// # Errors
    /// 403, naming the account.
    #[allow(clippy::unused_self, reason = "a policy may come to decide on more than the accounts")]
    pub fn in_account(&self, identity: &Identity, account: &str) -> Result<(), Status> {
        if identity.accounts.holds(account) {
            return Ok(());
        }
        let account = clip(account);
        let message = if account.is_empty() {
            "the request names no account, and the caller may act on some accounts only".to_owned()
        } else {
            format!("the caller may not act on the account `{account}`")
        };
        Err(refused(message, "ACCOUNT_DENIED", [("account", account.to_owned())]))
    }
}

/// The text, cut to a length that a message may repeat.
fn clip(text: &str) -> &str {
    text.get(..text.floor_char_boundary(SHOWN)).unwrap_or(text)
}

fn wrong_kind(found: &str, kinds: &[String]) -> Status {
    let message =
        format!("this method is not for callers of the kind `{found}`: expected {}", listed(kinds, " or "));
    let facts = [("actor_type", found.to_owned()), ("supported_actor_types", kinds.join(","))];
    refused(message, "ACTOR_TYPE_NOT_SUPPORTED", facts)
}

fn not_permitted(missing: &[&String], all: bool) -> Status {
    let message = match missing {
        [one] => format!("the caller lacks the permission `{one}`"),
        several if all => format!("the caller lacks the permissions {}", listed(several, " and ")),
        several => format!("the caller lacks a permission: {}", listed(several, " or ")),
    };
    let names: Vec<_> = missing.iter().map(|name| name.as_str()).collect();
    refused(message, "PERMISSION_DENIED", [("permissions", names.join(","))])
}

/// "`a`, `b` or `c`"
fn listed(names: &[impl AsRef<str>], last: &str) -> String {
    let names: Vec<_> = names.iter().map(|name| format!("`{}`", name.as_ref())).collect();
    match names.split_last() {
        Some((end, rest)) if !rest.is_empty() => [rest.join(", "), end.clone()].join(last),
        _ => names.concat(),
    }
}

fn refused<const N: usize>(message: String, reason: &str, facts: [(&str, String); N]) -> Status {
    let info = ErrorInfo {
        reason: reason.to_owned(),
        domain: DOMAIN.to_owned(),
        metadata: HashMap::from(facts.map(|(name, value)| (name.to_owned(), value))),
    };
    let mut status = Status::new(Code::PermissionDenied, message, Origin::Client);
    status.details.push(Any { type_url: ERROR_INFO.to_owned(), value: info.encode_to_vec() });
    status
}

/// Who says so, for clients that read details.
const DOMAIN: &str = "transom";

/// How many bytes of an account are repeated: more than any account has.
const SHOWN: usize = 100;

const ERROR_INFO: &str = "type.googleapis.com/google.rpc.ErrorInfo";

#[cfg(test)]
mod tests {
    use super::super::tests::{identity, policy};
    use super::*;

    fn duties(permissions: &[&str], all: bool, kinds: &[&str]) -> Duties {
        let texts = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
        let (permissions, actor_types) = (texts(permissions), texts(kinds));
        Duties { permissions, all_permissions: all, actor_types, ..Duties::default() }
    }

    #[test]
    fn permissions_are_all_or_any() {
        let lacks = |what: &str| Some(format!("the caller lacks {what}"));
        for (held, needed, all, expected) in [
            (&["a"][..], &["a"][..], false, None),
            (&["*"], &["a", "b"], true, None),
            (&[], &[], false, None),
            (&[], &[], true, None),
            (&["a", "b"], &["a", "b"], true, None),
            (&["b"], &["a", "b"], false, None),
            (&["b"], &["a"], false, lacks("the permission `a`")),
            (&["b"], &["a", "b"], true, lacks("the permission `a`")),
            (&[], &["a", "b"], true, lacks("the permissions `a` and `b`")),
            (&["c"], &["a", "b", "d"], false, lacks("a permission: `a`, `b` or `d`")),
        ] {
            let verdict = policy().permit(&identity("k", held, &[]), &duties(needed, all, &[]));
            assert_eq!(verdict.err().map(|status| status.message), expected, "{held:?} for {needed:?}");
        }
    }

    #[test]
    fn a_refusal_names_what_is_missing_for_programs_too() {
        let status =
            policy().permit(&identity("k", &["b"], &[]), &duties(&["a", "c"], true, &[])).expect_err("403");
        assert_eq!((status.http_status().as_u16(), status.code), (403, Code::PermissionDenied));
        let detail = status.details.first().expect("a detail");
        assert_eq!(detail.type_url, "type.googleapis.com/google.rpc.ErrorInfo");
        let info = ErrorInfo::decode(&*detail.value).expect("readable");
        assert_eq!(
            (info.reason.as_str(), info.metadata["permissions"].as_str()),
            ("PERMISSION_DENIED", "a,c")
        );
    }

    #[test]
    fn a_method_may_be_for_some_kinds_of_caller_and_a_public_one_is_for_all() {
        let mut duties = duties(&["a"], false, &["ACTOR_TYPE_USER", "ACTOR_TYPE_SERVICE_ACCOUNT"]);
        let all = identity("k", &["*"], &["*"]);
        let told = policy().permit(&all, &duties).expect_err("403").message;
        assert_eq!(
            told,
            "this method is not for callers of the kind `ACTOR_TYPE_MANAGEMENT_KEY`: expected `ACTOR_TYPE_USER` or \
             `ACTOR_TYPE_SERVICE_ACCOUNT`"
        );
        duties.authentication = false;
        assert!(policy().permit(&all, &duties).is_ok());
    }

    #[test]
    fn accounts_are_those_of_the_identity() {
        for (held, asked, expected) in [
            (&["one"][..], "one", None),
            (&["*"], "any", None),
            (&["*"], "", None),
            (&["one"], "two", Some("the caller may not act on the account `two`")),
            (&[], "one", Some("the caller may not act on the account `one`")),
            (
                &["one"],
                "",
                Some("the request names no account, and the caller may act on some accounts only"),
            ),
        ] {
            let verdict = policy().in_account(&identity("k", &[], held), asked);
            let told = verdict.err().map(|status| (status.http_status().as_u16(), status.message));
            assert_eq!(told, expected.map(|text| (403, text.to_owned())), "{held:?} for {asked}");
        }
    }

    #[test]
    fn a_long_account_is_cut_where_it_is_repeated() {
        let long = format!("{}\u{e9}{}", "x".repeat(99), "y".repeat(100_000));
        let status = policy().in_account(&identity("k", &[], &["one"]), &long).expect_err("403");
        assert_eq!(status.message, format!("the caller may not act on the account `{}`", "x".repeat(99)));
        let info = ErrorInfo::decode(&*status.details[0].value).expect("readable");
        assert_eq!(info.metadata["account"], "x".repeat(99));
    }
}
