//! Parsing expressions at load, and telling what would never work: names and functions that there are none of, fields
//! that the message does not have, patterns that are none.
//!
//! The parsed expression is rewritten for what the interpreter lacks: presence tests become calls, literal patterns are
//! compiled, and names of enum values become their numbers.

use cel::IdedExpr;
use cel::common::ast::{CallExpr, EntryExpr, Expr, LiteralValue, SelectExpr};
use cel::common::types::{CelInt, CelString};
use prost_reflect::{DescriptorPool, FieldDescriptor, Kind as Declared, MessageDescriptor, Value};

use super::function::{HAS, MATCHES, NAMES, Pattern};
use super::{Environment, Rule, meter};
use crate::validate::pattern;

/// The first part of the names that stand for compiled patterns.
pub(super) const PATTERN: &str = "@pattern";

/// A rule as an option has it.
pub(in super::super) struct Source<'s> {
    pub(in super::super) id: &'s str,
    pub(in super::super) text: &'s str,
    pub(in super::super) expression: &'s str,
    /// The message of rules and the rule in it, for a predefined rule.
    pub(in super::super) given: Option<(&'s Value, &'s Value)>,
}

/// What is known of a value before it is there.
#[derive(Debug, Clone)]
enum Type {
    Message(MessageDescriptor),
    List(Box<Type>),
    Unknown,
}

/// What `this` is.
#[derive(Debug, Clone)]
pub(in super::super) struct Scope(Type);

impl Scope {
    /// A whole message.
    pub(in super::super) fn message(desc: &MessageDescriptor) -> Self {
        Self(Type::Message(desc.clone()))
    }

    /// The value of a field, or one of its items.
    pub(in super::super) fn field(desc: &FieldDescriptor, item: bool) -> Self {
        Self(if item { Type::of_kind(&desc.kind()) } else { Type::of_field(desc) })
    }
}

impl Type {
    fn of_field(desc: &FieldDescriptor) -> Self {
        if desc.is_map() {
            return Self::Unknown;
        }
        let one = Self::of_kind(&desc.kind());
        if desc.is_list() { Self::List(Box::new(one)) } else { one }
    }

    fn of_kind(kind: &Declared) -> Self {
        match kind {
            // The well-known types are other things in CEL.
            Declared::Message(desc) if desc.package_name() != "google.protobuf" => {
                Self::Message(desc.clone())
            }
            _ => Self::Unknown,
        }
    }
}

impl Environment {
    /// Parses a rule and looks for what would never work. Fails with what is wrong.
    pub(in super::super) fn compile(
        &self,
        source: &Source<'_>,
        scope: &Scope,
        pool: &DescriptorPool,
    ) -> Result<Rule, String> {
        let parsed = self.env.parser().parse(source.expression);
        let mut expression = parsed.map_err(|errors| match errors.errors.first() {
            Some(error) => error.msg.clone(),
            None => "it is no CEL expression".to_owned(),
        })?;
        let given = match source.given {
            Some((rules, rule)) => Some((self.constant(rules)?, self.constant(rule)?)),
            None => None,
        };
        let mut walk = Walk {
            pool,
            environment: self,
            this: &scope.0,
            given: given.is_some(),
            locals: Vec::new(),
            patterns: Vec::new(),
            asks_for_now: false,
            nodes: 0,
        };
        walk.visit(&mut expression)?;
        let text = match source.text {
            "" => format!("\"{}\" returned false", source.expression),
            text => text.to_owned(),
        };
        Ok(Rule {
            id: source.id.into(),
            text: text.into(),
            patterns: walk.patterns.into(),
            nodes: walk.nodes.unsigned_abs(),
            asks_for_now: walk.asks_for_now,
            expression,
            given,
        })
    }
}

struct Walk<'w> {
    pool: &'w DescriptorPool,
    environment: &'w Environment,
    this: &'w Type,
    given: bool,
    locals: Vec<(String, Type)>,
    patterns: Vec<Pattern>,
    asks_for_now: bool,
    /// How many nodes were visited.
    nodes: i64,
}

impl Walk<'_> {
    fn visit(&mut self, node: &mut IdedExpr) -> Result<Type, String> {
        self.nodes += 1;
        match &mut node.expr {
            Expr::Ident(name) => self.name(name),
            Expr::Select(select) if select.test => {
                let operand = self.visit(&mut select.operand)?;
                field_of(&operand, &select.field)?;
                node.expr = presence(std::mem::take(select));
                Ok(Type::Unknown)
            }
            Expr::Select(_) => self.select(node),
            Expr::Call(call) => self.call(call),
            Expr::List(list) => self.all(&mut list.elements),
            Expr::Map(map) => {
                map.entries.iter_mut().try_fold(Type::Unknown, |_, entry| match &mut entry.expr {
                    EntryExpr::MapEntry(entry) => {
                        self.visit(&mut entry.key)?;
                        self.visit(&mut entry.value).map(|_| Type::Unknown)
                    }
                    EntryExpr::StructField(field) => self.visit(&mut field.value).map(|_| Type::Unknown),
                })
            }
            Expr::Struct(made) => {
                Err(format!("it makes a message, `{}`, which is not supported", made.type_name))
            }
            Expr::Comprehension(comprehension) => {
                let range = self.visit(&mut comprehension.iter_range)?;
                self.visit(&mut comprehension.accu_init)?;
                let item = if let Type::List(item) = range { *item } else { Type::Unknown };
                let before = self.locals.len();
                self.locals.push((comprehension.iter_var.clone(), item));
                self.locals.push((comprehension.accu_var.clone(), Type::Unknown));
                self.locals.extend(comprehension.iter_var2.clone().map(|name| (name, Type::Unknown)));
                let outside = self.nodes;
                for part in
                    [&mut comprehension.loop_cond, &mut comprehension.loop_step, &mut comprehension.result]
                {
                    self.visit(part)?;
                }
                self.locals.truncate(before);
                self.nodes += meter::charge(&mut comprehension.iter_range, self.nodes - outside);
                Ok(Type::Unknown)
            }
            Expr::Literal(_) | Expr::Unspecified => Ok(Type::Unknown),
        }
    }

    fn all(&mut self, nodes: &mut [IdedExpr]) -> Result<Type, String> {
        nodes.iter_mut().try_fold(Type::Unknown, |_, node| self.visit(node).map(|_| Type::Unknown))
    }

    fn name(&mut self, name: &str) -> Result<Type, String> {
        if let Some((_, known)) = self.locals.iter().rev().find(|(local, _)| local == name) {
            return Ok(known.clone());
        }
        match name {
            "this" => Ok(self.this.clone()),
            "now" => {
                self.asks_for_now = true;
                Ok(Type::Unknown)
            }
            "rules" | "rule" if self.given => Ok(Type::Unknown),
            name if self.environment.env.types().find_type(name).is_some() => Ok(Type::Unknown),
            name => Err(format!("there is nothing named `{name}`")),
        }
    }

    /// A field, or a dotted name of an enum value or a type.
    fn select(&mut self, node: &mut IdedExpr) -> Result<Type, String> {
        if let Some(full_name) = spelled(&node.expr) {
            let root = full_name.split('.').next().unwrap_or_default();
            if self.name(root).is_err() {
                return match self.enum_value(&full_name) {
                    Some(number) => {
                        node.expr = Expr::Literal(LiteralValue::Int(CelInt::from(i64::from(number))));
                        Ok(Type::Unknown)
                    }
                    None if self.environment.env.types().find_type(&full_name).is_some() => Ok(Type::Unknown),
                    None => Err(format!("there is nothing named `{full_name}`")),
                };
            }
        }
        let Expr::Select(select) = &mut node.expr else { return Ok(Type::Unknown) };
        let operand = self.visit(&mut select.operand)?;
        field_of(&operand, &select.field)
    }

    fn enum_value(&self, full_name: &str) -> Option<i32> {
        let (parent, value) = full_name.rsplit_once('.')?;
        Some(self.pool.get_enum_by_name(parent)?.get_value_by_name(value)?.number())
    }

    fn call(&mut self, call: &mut CallExpr) -> Result<Type, String> {
        // `optional.of(x)`: the target is the first part of the function's name.
        let library = matches!(
            call.target.as_deref(),
            Some(IdedExpr { expr: Expr::Ident(name), .. }) if LIBRARIES.contains(&&**name)
        );
        if let Some(target) = call.target.as_mut().filter(|_| !library) {
            self.visit(target)?;
        }
        self.all(&mut call.args)?;
        let word = call.func_name.starts_with(|first: char| first.is_ascii_alphabetic());
        if word && !NAMES.contains(&&*call.func_name) {
            return Err(format!("there is no function named `{}`", call.func_name));
        }
        if call.func_name == "matches" {
            self.pattern(call)?;
        }
        if !meter::is_cheap(&call.func_name) {
            let target = call.target.as_deref_mut().filter(|_| !library);
            let parts = target.into_iter().chain(&mut call.args);
            self.nodes += parts.map(|part| meter::charge(part, 1)).sum::<i64>();
        }
        Ok(Type::Unknown)
    }

    /// Compiles the pattern of `text.matches('literal')`; one that is not literal is compiled when it is known.
    fn pattern(&mut self, call: &mut CallExpr) -> Result<(), String> {
        MATCHES.clone_into(&mut call.func_name);
        if call.target.is_none() && call.args.len() > 1 {
            call.target = Some(Box::new(call.args.remove(0)));
        }
        let Some(last) = call.args.last_mut() else { return Ok(()) };
        let Expr::Literal(LiteralValue::String(literal)) = &last.expr else { return Ok(()) };
        let pattern = pattern::compile(literal.inner())?;
        last.expr = Expr::Ident(format!("{PATTERN}{}", self.patterns.len()));
        self.patterns.push(Pattern(pattern));
        Ok(())
    }
}

/// `has(operand.field)` as a call.
fn presence(select: SelectExpr) -> Expr {
    let field = IdedExpr { id: 0, expr: Expr::Literal(LiteralValue::String(CelString::from(select.field))) };
    Expr::Call(CallExpr { func_name: HAS.to_owned(), target: None, args: vec![*select.operand, field] })
}

fn field_of(operand: &Type, name: &str) -> Result<Type, String> {
    let Type::Message(desc) = operand else { return Ok(Type::Unknown) };
    match desc.get_field_by_name(name) {
        Some(field) => Ok(Type::of_field(&field)),
        None => Err(format!("`{}` has no field `{name}`", desc.full_name())),
    }
}

/// The dotted name that an expression spells.
fn spelled(expr: &Expr) -> Option<String> {
    match expr {
        Expr::Ident(name) => Some(name.clone()),
        Expr::Select(select) if !select.test => {
            Some(format!("{}.{}", spelled(&select.operand.expr)?, select.field))
        }
        _ => None,
    }
}

const LIBRARIES: &[&str] = &["optional", "base64", "strings", "math", "lists"];
