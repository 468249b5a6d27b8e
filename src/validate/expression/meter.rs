//! What the rules of one request may cost. An expression has no end but that of the lists it walks, and a list is as
//! long as a client makes it, so each check has a number of steps to spend.
//!
//! A step is a node of an expression, an item that is looked at, or a run of bytes. Steps are taken before the work is
//! done, and by the shape of the work alone: the same request always costs the same. Not a clock.

use std::any::Any;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use cel::common::ast::{CallExpr, Expr, LiteralValue, operators};
use cel::common::types::{CelBytes, CelInt, CelString, DYN_TYPE, INT_TYPE, Type};
use cel::common::value::{CowVal, StaticVal, Val};
use cel::{Env, ExecutionError, IdedExpr};

/// How many steps the expressions of one check may take together.
pub(in super::super) const MOST_STEPS: u64 = 2_000_000;

/// How many bytes are looked at in a step.
pub(in super::super) const BYTES: usize = 64;

/// The name by which an expression reaches the meter of the check.
pub(super) const METER: &str = "@meter";

/// The name of the function that takes steps.
const SPEND: &str = "@spend";

/// There were fewer steps left than were asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) struct Spent;

/// The steps that a check has taken. Clones count together.
#[derive(Debug, Clone, Default)]
pub(in super::super) struct Meter(Arc<AtomicU64>);

impl Meter {
    /// Takes steps; fails, from then on always, where there are not as many left.
    pub(in super::super) fn spend(&self, steps: u64) -> Result<(), Spent> {
        let taken = self.0.load(Ordering::Relaxed).saturating_add(steps);
        self.0.store(taken, Ordering::Relaxed);
        if taken > MOST_STEPS { Err(Spent) } else { Ok(()) }
    }

    /// Whether more was asked for than there was.
    pub(in super::super) fn is_spent(&self) -> bool {
        self.0.load(Ordering::Relaxed) > MOST_STEPS
    }
}

/// Adds the function that takes steps.
pub(super) fn add(env: &mut Env) {
    let arguments = vec![DYN_TYPE, METER_TYPE, INT_TYPE];
    // There is no such function yet, so that adding it cannot fail.
    let _ = env.add_overload(SPEND, "spend_steps", arguments, spend);
}

/// Makes a part of an expression take steps for its value: `each` for an item of a list or a map, and one for a run of
/// bytes. Parts whose value is known or an accumulator are left as they are. Gives how many nodes that adds.
pub(super) fn charge(part: &mut IdedExpr, each: i64) -> i64 {
    let free = match &part.expr {
        Expr::Literal(_) | Expr::Unspecified => true,
        Expr::Ident(name) => name.starts_with('@'),
        _ => false,
    };
    if free {
        return 0;
    }
    let value = std::mem::take(part);
    let meter = IdedExpr { id: 0, expr: Expr::Ident(METER.to_owned()) };
    let each = IdedExpr { id: 0, expr: Expr::Literal(LiteralValue::Int(CelInt::from(each))) };
    part.expr =
        Expr::Call(CallExpr { func_name: SPEND.to_owned(), target: None, args: vec![value, meter, each] });
    3
}

/// Whether what a function or an operator costs does not depend on how long its operands are.
pub(super) fn is_cheap(function: &str) -> bool {
    [
        operators::CONDITIONAL,
        operators::LOGICAL_AND,
        operators::LOGICAL_OR,
        operators::LOGICAL_NOT,
        operators::NOT_STRICTLY_FALSE,
        operators::SUBSTRACT,
        operators::MULTIPLY,
        operators::DIVIDE,
        operators::MODULO,
        operators::NEGATE,
        operators::GREATER,
        operators::GREATER_EQUALS,
        operators::LESS,
        operators::LESS_EQUALS,
        operators::INDEX,
    ]
    .contains(&function)
}

/// Gives the value back once its steps are taken.
fn spend<'b, 'v>(arguments: Vec<CowVal<'b, 'v>>) -> Result<CowVal<'b, 'v>, ExecutionError> {
    let mut arguments = arguments.into_iter();
    let (Some(value), Some(meter), Some(each)) = (arguments.next(), arguments.next(), arguments.next())
    else {
        return Err(ExecutionError::MissingArgumentOrTarget);
    };
    let meter = meter.downcast_ref::<Meter>().ok_or(ExecutionError::MissingArgumentOrTarget)?;
    let each = each.downcast_ref::<CelInt>().map_or(1, |each| each.inner().unsigned_abs());
    meter
        .spend(steps(&*value, each))
        .map_err(|Spent| ExecutionError::function_error(SPEND, "no steps left"))?;
    Ok(value)
}

fn steps(value: &dyn Val, each: u64) -> u64 {
    if let Some(text) = value.downcast_ref::<CelString>() {
        return 1 + (text.inner().len() / BYTES) as u64;
    }
    if let Some(bytes) = value.downcast_ref::<CelBytes>() {
        return 1 + (bytes.inner().len() / BYTES) as u64;
    }
    let items = value.as_sizer().map_or(0, |sizer| sizer.size().inner().unsigned_abs());
    items.saturating_mul(each).saturating_add(1)
}

const METER_TYPE: Type = Type::new_unspecified_type(METER);
static TYPE: Type = METER_TYPE;

impl Val for Meter {
    fn get_type(&self) -> &Type {
        &TYPE
    }

    fn cel_type() -> &'static Type {
        &TYPE
    }

    fn clone_as_boxed<'v>(&self) -> Box<dyn Val + 'v> {
        Box::new(self.clone())
    }

    fn as_any(&self) -> Option<&dyn Any> {
        Some(self)
    }
}

impl StaticVal for Meter {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_spent_stays_spent() {
        let meter = Meter::default();
        assert_eq!(meter.spend(MOST_STEPS), Ok(()));
        assert!(!meter.is_spent());
        assert_eq!(meter.clone().spend(1), Err(Spent));
        assert!(meter.is_spent());
        assert_eq!(meter.spend(u64::MAX), Err(Spent));
        assert_eq!(meter.spend(0), Err(Spent));
    }
}
