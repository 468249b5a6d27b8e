//! Whether a caller may call, before the body is read and after: used by calls, and by whoever explains them.
//!
//! Request path, and no more than the [`Policy`](crate::policy::Policy) itself costs.

use std::borrow::Cow;

use super::duties::FieldSource;
use super::{Route, Snapshot};
use crate::policy::{Identity, Policy};
use crate::status::Status;

impl Route {
    /// Whether a caller may call, as far as it can be told before the body is read.
    pub(super) fn permit(
        &self,
        policy: &Policy,
        identity: Option<&Identity>,
        captures: &[Cow<'_, str>],
    ) -> Result<(), Status> {
        let Some(identity) = identity else { return Ok(()) };
        policy.permit(identity, &self.duties.duties)?;
        match &self.duties.account {
            Some(FieldSource::Capture(_)) => self.in_account(Some(policy), Some(identity), captures, &[]),
            _ => Ok(()),
        }
    }

    /// Whether the caller may act on the account that the call is about.
    pub(super) fn in_account(
        &self,
        policy: Option<&Policy>,
        identity: Option<&Identity>,
        captures: &[Cow<'_, str>],
        message: &[u8],
    ) -> Result<(), Status> {
        let (Some(policy), Some(identity), Some(source)) = (policy, identity, &self.duties.account) else {
            return Ok(());
        };
        if !self.duties.duties.authentication {
            return Ok(());
        }
        policy.in_account(identity, &source.text(captures, message).unwrap_or_default())
    }

    /// The same for a message of a request stream behind the first: it may name an account too, and then it has to be
    /// one of the caller's.
    pub(super) fn later_in_account(
        &self,
        policy: Option<&Policy>,
        identity: Option<&Identity>,
        message: &[u8],
    ) -> Result<(), Status> {
        let (Some(policy), Some(identity)) = (policy, identity) else { return Ok(()) };
        match self.duties.named_later(message) {
            Some(account) if self.duties.duties.authentication => policy.in_account(identity, &account),
            _ => Ok(()),
        }
    }
}

impl Snapshot {
    /// Whether a caller may call a binding, by its index, as far as it can be told before the body is read.
    ///
    /// # Errors
    /// 403, as the policy has it.
    pub fn permit(
        &self,
        binding: usize,
        identity: Option<&Identity>,
        captures: &[Cow<'_, str>],
    ) -> Result<(), Status> {
        match (self.routes.get(binding), &self.policy) {
            (Some(route), Some(policy)) => route.permit(policy, identity, captures),
            _ => Ok(()),
        }
    }

    /// The account that a call of a binding, by its index, is about, as far as it is known: `message` is empty before
    /// the body is read.
    #[must_use]
    pub fn account(&self, binding: usize, captures: &[Cow<'_, str>], message: &[u8]) -> Option<String> {
        let source = self.routes.get(binding)?.duties.account.as_ref()?;
        source.text(captures, message).map(Cow::into_owned)
    }

    /// Whether a request message of a binding, by its index, is no larger than its method allows.
    ///
    /// # Errors
    /// 413.
    pub fn admits(&self, binding: usize, message: &[u8]) -> Result<(), Status> {
        self.routes.get(binding).map_or(Ok(()), |route| route.duties.admit(message.len()))
    }

    /// Whether a request message of a binding, by its index, keeps the rules of the contract, where requests are held to
    /// them.
    ///
    /// # Errors
    /// 400, with all that is broken.
    pub fn validate(&self, binding: usize, message: &[u8]) -> Result<(), Status> {
        let validator = self.routes.get(binding).and_then(|route| route.validator.as_ref());
        validator.map_or(Ok(()), |validator| validator.check(message))
    }

    /// Whether the caller of a binding, by its index, may act on the account that its request message is about.
    ///
    /// # Errors
    /// 403, naming the account.
    pub fn in_account(
        &self,
        binding: usize,
        identity: Option<&Identity>,
        captures: &[Cow<'_, str>],
        message: &[u8],
    ) -> Result<(), Status> {
        match self.routes.get(binding) {
            Some(route) => route.in_account(self.policy.as_ref(), identity, captures, message),
            None => Ok(()),
        }
    }
}
