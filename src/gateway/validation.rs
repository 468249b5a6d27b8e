//! Which routes hold their requests to the contract's rules. Set-up, not request path.

use std::collections::HashMap;

use super::Route;
use super::build::rpc_name;
use crate::problem::{Place, Problem, Problems};
use crate::rule::Binding;
use crate::schema::Schema;
use crate::units::Glob;
use crate::validate::{Settings, Validators};

/// Gives each route the rules that its requests are held to. Where that is not asked for, nothing is compiled, and not
/// even a faulty rule is told.
pub(super) fn hand_out(
    settings: &Settings,
    schema: &Schema,
    bindings: &[Binding],
    routes: &mut [Route],
    problems: &mut Problems,
) {
    if !settings.requests {
        return;
    }
    let validators = Validators::compile(schema, problems);
    let except: Vec<_> = settings.except.iter().map(Glob::new).collect();
    tell_unused(&except, bindings, problems);
    let inputs: HashMap<_, _> =
        bindings.iter().map(|binding| (rpc_name(binding), binding.rpc.input())).collect();
    for route in routes.iter_mut().filter(|route| !except.iter().any(|glob| glob.matches(&route.rpc))) {
        route.validator = inputs.get(&*route.rpc).and_then(|input| validators.message(input));
    }
}

fn tell_unused(except: &[Glob], bindings: &[Binding], problems: &mut Problems) {
    for glob in except {
        if !bindings.iter().any(|binding| glob.matches(&rpc_name(binding))) {
            let what = format!("`{glob}` matches no exposed method");
            let help = "a method is written `pkg.Service/Method`; `*` stands for any run of characters";
            problems.push(Problem::warning(Place::item("validation.except"), what).help(help));
        }
    }
}
