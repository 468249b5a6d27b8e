//! Which routes hold their requests to the contract's rules. Set-up, not request path.

use crate::problem::{Place, Problem, Problems};
use crate::rule::Binding;
use crate::schema::Schema;
use crate::units::Glob;
use crate::validate::{Settings, Validator, Validators};

/// The rules of the contract and the methods that are left out; nothing where requests are not validated.
pub(super) struct Validation(Option<(Validators, Vec<Glob>)>);

impl Validation {
    /// Compiles the rules where they are asked for: else not even a faulty one is told.
    pub fn of(settings: &Settings, schema: &Schema, problems: &mut Problems) -> Self {
        let globs = || settings.except.iter().map(Glob::new).collect();
        Self(settings.requests.then(|| (Validators::compile(schema, problems), globs())))
    }

    /// The rules that a binding's requests are held to; `rpc` is `pkg.Service/Method`.
    pub fn of_requests(&self, binding: &Binding, rpc: &str) -> Option<Validator> {
        let (validators, except) = self.0.as_ref()?;
        if except.iter().any(|glob| glob.matches(rpc)) {
            return None;
        }
        validators.message(&binding.rpc.input())
    }

    /// Tells of what leaves nothing out.
    pub fn tell_unused(&self, rpcs: &[String], problems: &mut Problems) {
        for glob in self.0.iter().flat_map(|(_, except)| except) {
            if !rpcs.iter().any(|rpc| glob.matches(rpc)) {
                let what = format!("`{glob}` matches no exposed method");
                let help = "a method is written `pkg.Service/Method`; `*` stands for any run of characters";
                problems.push(Problem::warning(Place::item("validation.except"), what).help(help));
            }
        }
    }
}
