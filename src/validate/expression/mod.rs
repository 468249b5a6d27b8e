//! Rules that are CEL expressions: parsed once at load, run over values that are read out of wire bytes as the
//! expression asks for them.
//!
//! The `cel` crate parses and runs. What it lacks of Protovalidate is added here: presence of protobuf fields, patterns
//! compiled once, the names of enum values, and Protovalidate's functions.

mod compile;
mod function;
mod message;
mod meter;
mod value;

use std::fmt;
use std::sync::Arc;

use cel::common::types::{CelBool, CelString, CelTimestamp};
use cel::common::value::{CowVal, Val};
use cel::context::VariableResolver;
use cel::{Context, Env, Value};
use prost_reflect::{DescriptorPool, FieldDescriptor, MessageDescriptor};

pub(super) use self::compile::{Scope, Source};
use self::function::Pattern;
use self::message::{Message, Shapes};
pub(super) use self::meter::{BYTES, MOST_STEPS, Meter, Spent};
use super::read::Raw;
use super::rule::Moment;
use super::violation::clip;

/// The value that a rule looks at.
pub(super) type This = Box<dyn Val>;

/// What all expressions share.
pub(super) struct Environment {
    env: Arc<Env>,
    shapes: Arc<Shapes>,
}

impl Environment {
    /// For the messages of one pool.
    pub(super) fn new(pool: &DescriptorPool) -> Self {
        Self { env: Arc::new(function::environment()), shapes: Arc::new(Shapes::of(pool)) }
    }

    pub(super) fn message(&self, desc: &MessageDescriptor, wire: &[u8]) -> This {
        match self.shapes.find(desc.full_name()) {
            Some(shape) => Box::new(Message::new(shape, &self.shapes, wire.to_vec().into())),
            None => Box::new(cel::common::types::CelNull),
        }
    }

    pub(super) fn list(&self, desc: &FieldDescriptor, items: &[Raw<'_>]) -> Result<This, String> {
        value::list(&self.shapes, &desc.kind(), items.iter().copied()).map_err(|error| error.to_string())
    }

    pub(super) fn map(&self, desc: &FieldDescriptor, entries: &[Raw<'_>]) -> Result<This, String> {
        value::map(&self.shapes, &desc.kind(), entries.iter().copied()).map_err(|error| error.to_string())
    }

    /// A single value, be it the field's or an item's.
    pub(super) fn value(&self, desc: &FieldDescriptor, raw: Raw<'_>) -> Result<This, String> {
        value::single(&self.shapes, &desc.kind(), raw).map_err(|error| error.to_string())
    }

    /// A value that an option holds.
    fn constant(&self, value: &prost_reflect::Value) -> Result<This, String> {
        value::constant(&self.shapes, value).map_err(|error| error.to_string())
    }

    /// What a rule says of a value that breaks it; nothing where it holds. Fails where the rule gives no answer.
    pub(super) fn broken(
        &self,
        rule: &Rule,
        this: &This,
        meter: &Meter,
        now: impl FnOnce() -> Moment,
    ) -> Result<Option<String>, String> {
        let now = if rule.asks_for_now { now() } else { 0 };
        let now = value::timestamp(now).map_err(|error| error.to_string())?;
        let variables = Variables { this: &**this, rule, meter, now };
        let mut context = Context::with_env(Arc::clone(&self.env));
        context.set_variable_resolver(&variables);
        let result = Value::resolve_val(&rule.expression, &context).map_err(|error| error.to_string())?;
        if let Some(holds) = result.downcast_ref::<CelBool>() {
            return Ok((!holds.inner()).then(|| rule.text.to_string()));
        }
        match result.downcast_ref::<CelString>() {
            Some(text) if text.inner().is_empty() => Ok(None),
            Some(text) => Ok(Some(clip(text.inner(), LONGEST))),
            None => Err(format!("it gives a {}, neither a bool nor a string", result.get_type().name())),
        }
    }
}

impl fmt::Debug for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Environment").finish_non_exhaustive()
    }
}

/// One rule, parsed.
#[derive(Debug)]
pub(super) struct Rule {
    pub(super) id: Box<str>,
    /// What a client reads when the expression gives false.
    text: Box<str>,
    expression: cel::IdedExpr,
    /// How many nodes the expression has.
    pub(super) nodes: u64,
    /// The patterns of the expression, by the number in their names.
    patterns: Box<[Pattern]>,
    /// The message of standard rules, and the value of the rule in it, that a predefined rule belongs to.
    given: Option<(This, This)>,
    asks_for_now: bool,
}

/// What an expression may name.
struct Variables<'v> {
    this: &'v dyn Val,
    rule: &'v Rule,
    meter: &'v Meter,
    now: CelTimestamp,
}

impl VariableResolver for Variables<'_> {
    fn resolve<'b>(&'b self, variable: &str) -> Option<CowVal<'b, 'b>> {
        let given = self.rule.given.as_ref();
        match variable {
            "this" => Some(CowVal::Borrowed(self.this)),
            meter::METER => Some(CowVal::Borrowed(self.meter)),
            "now" => Some(CowVal::Borrowed(&self.now)),
            "rules" => given.map(|(rules, _)| CowVal::Borrowed(&**rules)),
            "rule" => given.map(|(_, rule)| CowVal::Borrowed(&**rule)),
            _ => {
                let index: usize = variable.strip_prefix(compile::PATTERN)?.parse().ok()?;
                self.rule.patterns.get(index).map(|pattern| CowVal::Borrowed(pattern as &dyn Val))
            }
        }
    }
}

/// How many bytes of a text that an expression makes are told.
const LONGEST: usize = 1024;
