//! The part of `transom explain` about the caller: what the method needs, who is calling, and whether they may.

use std::borrow::Cow;

use crate::admin::DutiesRow;
use crate::gateway::Snapshot;
use crate::policy::{Head, Identity, Scope};
use crate::status::Status;

/// The caller of a binding.
pub(super) struct Caller<'c> {
    pub snapshot: &'c Snapshot,
    pub index: usize,
    pub captures: &'c [Cow<'c, str>],
}

impl Caller<'_> {
    /// What the method needs; nothing where nobody is asked who they are.
    pub fn needs(&self) -> String {
        let Some(duties) = self.snapshot.policy().and_then(|_| self.snapshot.duties(self.index)) else {
            return String::new();
        };
        let mut needs = DutiesRow::of(duties).needs();
        if !duties.actor_types.is_empty() {
            needs = format!("{needs}\nof {}", duties.actor_types.join(" or "));
        }
        if let Some(account) = &duties.account {
            needs = format!("{needs}\nin the account of {account}");
        }
        needs
    }

    /// The account, where the path holds it.
    pub fn captured_account(&self) -> Option<String> {
        self.snapshot.account(self.index, self.captures, &[])
    }

    /// Who is calling.
    pub async fn identify(&self, head: &Head<'_>) -> Result<Option<Identity>, Status> {
        let (Some(policy), Some(duties)) = (self.snapshot.policy(), self.snapshot.duties(self.index)) else {
            return Ok(None);
        };
        Ok(policy.identify(head, duties).await?.identity)
    }

    /// Whether they may, as far as it can be told without the message.
    pub fn permit(&self, identity: Option<&Identity>) -> Result<(), Status> {
        self.snapshot.permit(self.index, identity, self.captures)
    }

    /// Whether the caller may act on the account that the message is about.
    pub fn in_account(&self, identity: Option<&Identity>, message: &[u8]) -> Result<(), Status> {
        self.snapshot.in_account(self.index, identity, self.captures, message)
    }

    /// Who is calling, in words; nothing where nobody is asked.
    pub fn shown(&self, identity: Option<&Identity>) -> String {
        let Some(identity) = identity else {
            return if self.snapshot.policy().is_some() {
                "nobody, who may call".to_owned()
            } else {
                String::new()
            };
        };
        let Identity { actor_id, actor_type, accounts, permissions, name, method } = identity;
        let name = name.as_ref().map(|name| format!("{name}: ")).unwrap_or_default();
        let (accounts, permissions) = (listed(accounts), listed(permissions));
        let method = method.as_str();
        format!(
            "{name}{actor_id} ({actor_type}), by {method}\naccounts: {accounts}\npermissions: {permissions}"
        )
    }
}

fn listed(scope: &Scope) -> String {
    match scope {
        Scope::All => "all".to_owned(),
        Scope::Only(names) if names.is_empty() => "none".to_owned(),
        Scope::Only(names) => names.join(", "),
    }
}
