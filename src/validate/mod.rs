//! Field rules of `buf.validate` (Protovalidate), compiled from descriptors and held against a message's wire bytes.
//!
//! At load each message type that has a rule in it or below it gets a plan; a request's bytes are held against it in
//! one pass, and all that is broken is told at once. CEL rules run over values that are read as the rule asks for
//! them, in a number of steps that no request can stretch. Not for whether the bytes are a message at all: that is [`transcode`](crate::transcode).

#![cfg_attr(
    not(test),
    deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)
)]

mod build;
mod check;
mod expression;
mod kind;
mod known;
mod pattern;
mod plan;
mod read;
mod rule;
#[cfg(test)]
mod tests;
mod violation;

use std::sync::Arc;

use prost_reflect::MessageDescriptor;

use self::check::{Checker, Fault};
use self::expression::MOST_STEPS;
use self::plan::Plans;
pub use self::violation::Violation;
use crate::problem::Problems;
use crate::schema::Schema;
use crate::status::{Code, Origin, Status};

/// What of the contract's rules is held.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Settings {
    /// Whether requests are held to their rules.
    pub requests: bool,
    /// Globs over `pkg.Service/Method` of methods that are left out.
    pub except: Vec<String>,
}

/// The rules of all message types of a contract. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Validators(Arc<Plans>);

impl Validators {
    /// Compiles all rules; each that cannot be is a problem.
    #[must_use]
    pub fn compile(schema: &Schema, problems: &mut Problems) -> Self {
        Self(Arc::new(build::plans(schema, problems)))
    }

    /// The rules of a message type; `None` when there is none in it or below it.
    #[must_use]
    pub fn message(&self, desc: &MessageDescriptor) -> Option<Validator> {
        let index = *self.0.by_name.get(desc.full_name())?;
        self.0.get(index)?;
        Some(Validator { plans: Arc::clone(&self.0), index })
    }
}

/// The rules of one message type. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Validator {
    plans: Arc<Plans>,
    index: u32,
}

impl Validator {
    /// Holds a message's wire bytes to the rules.
    ///
    /// # Errors
    /// 400 with all violations as `google.rpc.BadRequest`, or because CEL rules would take too many steps; 500 when a
    /// CEL rule gives no answer.
    pub fn check(&self, wire: &[u8]) -> Result<(), Status> {
        let violations = self.violations(wire)?;
        if violations.is_empty() { Ok(()) } else { Err(violation::status(violations)) }
    }

    /// What the message breaks.
    ///
    /// # Errors
    /// 400 for bytes that are no message, or that CEL rules would take too many steps for; 500 when a CEL rule gives no answer.
    pub fn violations(&self, wire: &[u8]) -> Result<Vec<Violation>, Status> {
        let Some(plan) = self.plans.get(self.index) else { return Ok(Vec::new()) };
        Checker::check(&self.plans, plan, wire).map_err(|fault| match fault {
            Fault::Malformed | Fault::Full => {
                Status::invalid("the request message is malformed or nests too deep")
            }
            Fault::Steps => Status::invalid(format!(
                "the request is too large to be checked: its rules would take more than {MOST_STEPS} steps"
            )),
            Fault::Expression(rule, why) => {
                tracing::warn!(rule = &*rule, why, "a validation rule gave no answer");
                let message = format!("the validation rule `{rule}` gave no answer");
                Status::new(Code::Internal, message, Origin::Gateway)
            }
        })
    }
}
