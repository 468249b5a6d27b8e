//! Holding a message's wire bytes against its plan. Request path.
//!
//! One pass over each message that has rules below it, by recursion as deep as messages nest; nothing is built but a
//! row of what was found. A sound message costs no more. A check ends when there is no room for more violations, or
//! when the CEL rules have taken all the steps that they have.

use std::cell::OnceCell;
use std::collections::{HashMap, HashSet};
use std::time::{SystemTime, UNIX_EPOCH};

use prost_reflect::DynamicMessage;

use super::expression::{self, BYTES, Meter, Spent, This};
use super::kind::Kind;
use super::plan::{Check, Content, Field, List, Map, Message, Plans, SizeTest, Value, is_set, is_zero};
use super::read::{Found, Raw, fields};
use super::rule::{Moment, Number, NumberTest, Rule};
use super::violation::{self, Full, Path, Violation};
use crate::wire::field::Malformed;

/// Why a message cannot be judged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Fault {
    /// The bytes are no message, or nest too deep.
    Malformed,
    /// A CEL rule, by its id, gave neither true nor false.
    Expression(Box<str>, String),
    /// The CEL rules would take too many steps.
    Steps,
    /// What was found is all that can be told.
    Full,
}

impl From<Spent> for Fault {
    fn from(_: Spent) -> Self {
        Self::Steps
    }
}

impl From<Full> for Fault {
    fn from(_: Full) -> Self {
        Self::Full
    }
}

impl From<Malformed> for Fault {
    fn from(_: Malformed) -> Self {
        Self::Malformed
    }
}

/// One check under way.
pub(super) struct Checker<'c> {
    plans: &'c Plans,
    found: violation::Found,
    meter: OnceCell<Meter>,
    now: OnceCell<Moment>,
    depth: usize,
}

impl<'c> Checker<'c> {
    /// All that the message breaks.
    pub(super) fn check(plans: &'c Plans, plan: &Message, wire: &[u8]) -> Result<Vec<Violation>, Fault> {
        let mut checker = Self {
            plans,
            found: violation::Found::default(),
            meter: OnceCell::new(),
            now: OnceCell::new(),
            depth: 0,
        };
        match checker.message(plan, wire, &Path::ROOT) {
            Ok(()) | Err(Fault::Full) => Ok(checker.found.into_told()),
            // What is wrong beside, such as a list that is too long, is the better answer.
            Err(Fault::Steps) if !checker.found.is_empty() => Ok(checker.found.into_told()),
            // A rule may fail because of bytes that no other rule looks at.
            Err(Fault::Expression(..)) if DynamicMessage::decode(plan.desc.clone(), wire).is_err() => {
                Err(Fault::Malformed)
            }
            Err(fault) => Err(fault),
        }
    }

    fn message(&mut self, plan: &Message, wire: &[u8], path: &Path<'_>) -> Result<(), Fault> {
        if self.depth == DEEPEST {
            return Err(Fault::Malformed);
        }
        self.depth += 1;
        let found = fields(&plan.slots, wire)?;
        if !plan.rules.is_empty() {
            self.meter().spend(steps(&[Raw::Bytes(wire)]))?;
            let this = self.plans.environment.message(&plan.desc, wire);
            self.expressions(&plan.rules, &this, path)?;
        }
        self.choices(plan, &found, path)?;
        for oneof in &plan.oneofs {
            let set =
                oneof.slots.iter().any(|slot| found.get(*slot).is_some_and(|found| !found.is_nothing()));
            if !set {
                self.violate(&path.field(&oneof.name), "required", "exactly one field is required in oneof")?;
            }
        }
        for field in &plan.fields {
            let (Some(slot), Some(found)) = (plan.slots.get(field.slot), found.get(field.slot)) else {
                continue;
            };
            let set = is_set(slot, field.presence, found);
            self.field(field, set, found, path)?;
        }
        self.depth -= 1;
        Ok(())
    }

    fn choices(&mut self, plan: &Message, found: &[Found<'_>], path: &Path<'_>) -> Result<(), Fault> {
        for choice in &plan.choices {
            let is_set = |(slot, presence): &&(usize, bool)| match (plan.slots.get(*slot), found.get(*slot)) {
                (Some(slot), Some(found)) => is_set(slot, *presence, found),
                _ => false,
            };
            match choice.members.iter().filter(is_set).count() {
                0 if choice.required => {
                    self.violate(path, "message.oneof", &format!("one of {} must be set", choice.names))?;
                }
                0 | 1 => {}
                _ => {
                    self.violate(path, "message.oneof", &format!("only one of {} can be set", choice.names))?;
                }
            }
        }
        Ok(())
    }

    fn field(&mut self, field: &Field, set: bool, found: &Found<'_>, path: &Path<'_>) -> Result<(), Fault> {
        if !set && field.required {
            return self.violate(&path.field(&field.name), "required", "value is required");
        }
        if !set && field.skips_unset {
            return Ok(());
        }
        match &field.content {
            Content::Single(value) => {
                let path = path.field(&field.name);
                match found {
                    Found::Many(_) => self.value(value, Raw::Bytes(&found.message()), &path),
                    Found::One(raw) => self.value(value, *raw, &path),
                    Found::Nothing => self.value(value, zero(value), &path),
                }
            }
            Content::List(list) => self.list(list, &field.name, found, path),
            Content::Map(map) => self.map(map, &field.name, found, path),
        }
    }

    fn list(&mut self, list: &List, name: &str, found: &Found<'_>, path: &Path<'_>) -> Result<(), Fault> {
        let items = found.all();
        for rule in &list.rules {
            let holds = match rule.test {
                SizeTest::Least(least) => items.len() as u64 >= least,
                SizeTest::Most(most) => items.len() as u64 <= most,
                SizeTest::Unique => is_unique(list.kind, items),
            };
            self.hold(rule, holds, &path.field(name))?;
        }
        if !list.expressions.is_empty() {
            self.meter().spend(steps(items))?;
            let this = self.plans.environment.list(&list.desc, items);
            self.value_expressions(&list.expressions, this, &path.field(name))?;
        }
        if let Some(value) = &list.items {
            for (index, item) in items.iter().enumerate() {
                self.value(value, *item, &path.item(name, index))?;
            }
        }
        Ok(())
    }

    fn map(&mut self, map: &Map, name: &str, found: &Found<'_>, path: &Path<'_>) -> Result<(), Fault> {
        let entries = entries(map, found.all())?;
        for rule in &map.rules {
            let holds = match rule.test {
                SizeTest::Least(least) => entries.len() as u64 >= least,
                SizeTest::Most(most) => entries.len() as u64 <= most,
                SizeTest::Unique => true,
            };
            self.hold(rule, holds, &path.field(name))?;
        }
        if !map.expressions.is_empty() {
            self.meter().spend(steps(found.all()))?;
            let this = self.plans.environment.map(&map.desc, found.all());
            self.value_expressions(&map.expressions, this, &path.field(name))?;
        }
        let [key_slot, value_slot] = &map.entry;
        for (key, found) in &entries {
            let path = path.entry(name, key_slot.kind, *key);
            if let Some(keys) = &map.keys {
                self.value(keys, *key, &path)?;
            }
            if let Some(values) = &map.values {
                let joined = found.message();
                let raw = match found {
                    Found::One(raw) => *raw,
                    Found::Many(_) => Raw::Bytes(&joined),
                    Found::Nothing if value_slot.kind.is_number() => Raw::Number(0),
                    Found::Nothing => Raw::Bytes(&[]),
                };
                self.value(values, raw, &path)?;
            }
        }
        Ok(())
    }

    fn value(&mut self, value: &Value, raw: Raw<'_>, path: &Path<'_>) -> Result<(), Fault> {
        if value.skips_zero && is_zero_value(value, raw) {
            return Ok(());
        }
        if !value.expressions.is_empty() {
            self.meter().spend(steps(&[raw]))?;
            let this = self.plans.environment.value(&value.desc, raw);
            self.value_expressions(&value.expressions, this, path)?;
        }
        self.standard(&value.check, raw, path)?;
        match value.message.and_then(|index| self.plans.get(index)) {
            Some(plan) => self.message(plan, raw.bytes(), path),
            None => Ok(()),
        }
    }

    fn standard(&mut self, check: &Check, raw: Raw<'_>, path: &Path<'_>) -> Result<(), Fault> {
        match check {
            Check::Nothing => Ok(()),
            Check::Int(rules) => self.number(rules, raw, path),
            Check::Uint(rules) => self.number(rules, raw, path),
            Check::Float(rules) => self.number(rules, raw, path),
            Check::Bool(rule) => self.hold(rule, (raw.number() != 0) == rule.test, path),
            Check::Enum(rules) => self.all(rules, path, |test| test.holds(Kind::int(raw.number()))),
            Check::Text(rules) => {
                let text = std::str::from_utf8(raw.bytes()).map_err(|_| Malformed)?;
                self.all(rules, path, |test| test.holds(text))
            }
            Check::Bytes(rules) => self.all(rules, path, |test| test.holds(raw.bytes())),
            Check::Any(rules) => {
                let found = fields(&well_known::ANY, raw.bytes())?;
                let url =
                    found.first().and_then(|found| found.all().first()).map_or(&[][..], |raw| raw.bytes());
                self.all(rules, path, |test| test.holds(url))
            }
            Check::Time(rules) => {
                let time = well_known::time(raw.bytes())?;
                let now = self.now();
                self.all(rules, path, |test| test.holds(time, || now))
            }
            Check::Mask(rules) => {
                let found = fields(&well_known::MASK, raw.bytes())?;
                let paths = found.first().map(Found::all).unwrap_or_default();
                let paths: Vec<_> = paths.iter().map(|raw| raw.bytes()).collect();
                self.all(rules, path, |test| test.holds(&paths))
            }
            Check::Wrapped(slot, inner) => {
                let found = fields(&**slot, raw.bytes())?;
                let none = if slot.iter().any(|slot| slot.kind.is_number()) {
                    Raw::Number(0)
                } else {
                    Raw::Bytes(&[])
                };
                let raw = found.first().and_then(|found| found.all().first()).copied().unwrap_or(none);
                self.standard(inner, raw, path)
            }
        }
    }

    fn number<N: Number>(
        &mut self,
        rules: &[Rule<NumberTest<N>>],
        raw: Raw<'_>,
        path: &Path<'_>,
    ) -> Result<(), Fault> {
        let number = N::of_bits(raw.number());
        self.all(rules, path, |test| test.holds(number))
    }

    fn all<T>(
        &mut self,
        rules: &[Rule<T>],
        path: &Path<'_>,
        holds: impl Fn(&T) -> bool,
    ) -> Result<(), Fault> {
        rules.iter().try_for_each(|rule| self.hold(rule, holds(&rule.test), path))
    }

    fn hold<T>(&mut self, rule: &Rule<T>, holds: bool, path: &Path<'_>) -> Result<(), Fault> {
        if holds { Ok(()) } else { self.violate(path, &rule.id, &rule.text) }
    }

    /// The rules on a value that may turn out not to have one in CEL, such as a time beyond the calendar.
    fn value_expressions(
        &mut self,
        rules: &[expression::Rule],
        this: Result<This, String>,
        path: &Path<'_>,
    ) -> Result<(), Fault> {
        match (this, rules.first()) {
            (Ok(this), _) => self.expressions(rules, &this, path),
            (Err(why), Some(rule)) => Err(Fault::Expression(rule.id.clone(), why)),
            (Err(_), None) => Ok(()),
        }
    }

    fn expressions(&mut self, rules: &[expression::Rule], this: &This, path: &Path<'_>) -> Result<(), Fault> {
        for rule in rules {
            self.meter().spend(EVALUATION + rule.nodes)?;
            let broken = self.plans.environment.broken(rule, this, self.meter(), || self.now());
            if self.meter().is_spent() {
                return Err(Fault::Steps);
            }
            match broken {
                Ok(None) => {}
                Ok(Some(text)) => self.violate(path, &rule.id, &text)?,
                Err(why) => return Err(Fault::Expression(rule.id.clone(), why)),
            }
        }
        Ok(())
    }

    fn violate(&mut self, path: &Path<'_>, rule: &str, text: &str) -> Result<(), Fault> {
        Ok(self.found.note(path, rule, text)?)
    }

    fn meter(&self) -> &Meter {
        self.meter.get_or_init(Meter::default)
    }

    /// The time of the check, the same for all its rules.
    fn now(&self) -> Moment {
        *self.now.get_or_init(|| {
            let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
            Moment::try_from(since.as_nanos()).unwrap_or(Moment::MAX)
        })
    }
}

/// The entries of a map, each key once: the last of its values counts. In order of their first appearance.
fn entries<'w>(map: &Map, wire: &[Raw<'w>]) -> Result<Vec<(Raw<'w>, Found<'w>)>, Fault> {
    let [key_slot, value_slot] = &map.entry;
    let mut entries: Vec<(Raw<'w>, Found<'w>)> = Vec::with_capacity(wire.len());
    let mut places = HashMap::with_capacity(wire.len());
    for entry in wire {
        let mut found = fields(&map.entry, entry.bytes())?.into_iter();
        let (key, value) = (found.next().unwrap_or_default(), found.next().unwrap_or_default());
        if value.is_nothing() && value_slot.closed.is_some() && has_field(entry.bytes(), value_slot.number)? {
            // A number that the enum does not have makes the whole entry an unknown field.
            continue;
        }
        let none = if key_slot.kind.is_number() { Raw::Number(0) } else { Raw::Bytes(&[]) };
        let key = key.all().first().copied().unwrap_or(none);
        let place = *places.entry((key.number(), key.bytes())).or_insert(entries.len());
        match entries.get_mut(place) {
            Some(entry) => entry.1 = value,
            None => entries.push((key, value)),
        }
    }
    Ok(entries)
}

fn has_field(wire: &[u8], number: u32) -> Result<bool, Fault> {
    let any = super::read::Slot {
        number,
        kind: Kind::Uint64,
        shape: super::read::Shape::Single,
        oneof: None,
        closed: None,
    };
    Ok(fields(&[any], wire)?.iter().any(|found| !found.is_nothing()))
}

/// By hashing, so that many items are no burden.
fn is_unique(kind: Kind, items: &[Raw<'_>]) -> bool {
    let mut seen = HashSet::with_capacity(items.len());
    items.iter().all(|item| {
        let number = item.number();
        let float = matches!(kind, Kind::Float | Kind::Double).then(|| Kind::float(number));
        match float {
            Some(float) if float.is_nan() => true,
            // Two zeros, one value.
            Some(float) => seen.insert(((float + 0.0).to_bits(), &[][..])),
            None => seen.insert((number, item.bytes())),
        }
    })
}

/// How many steps it takes to make values for CEL.
fn steps(values: &[Raw<'_>]) -> u64 {
    values.iter().map(|value| 1 + (value.bytes().len() / BYTES) as u64).sum()
}

fn zero(value: &Value) -> Raw<'static> {
    if Kind::of(&value.desc).is_number() { Raw::Number(0) } else { Raw::Bytes(&[]) }
}

/// Whether an item, a key or a value of a map is what it would be if nothing had been said.
fn is_zero_value(value: &Value, raw: Raw<'_>) -> bool {
    if is_zero(raw) {
        return true;
    }
    let prost_reflect::Kind::Message(desc) = value.desc.kind() else { return false };
    let empty = DynamicMessage::new(desc.clone());
    DynamicMessage::decode(desc, raw.bytes()).is_ok_and(|message| message == empty)
}

/// Messages with rules of their own, read directly.
mod well_known {
    use super::super::kind::Kind;
    use super::super::read::{Raw, Shape, Slot, fields};
    use super::super::rule::Moment;
    use crate::wire::field::Malformed;

    const fn slot(number: u32, kind: Kind, shape: Shape) -> Slot {
        Slot { number, kind, shape, oneof: None, closed: None }
    }

    pub(super) const ANY: [Slot; 1] = [slot(1, Kind::String, Shape::Single)];
    pub(super) const MASK: [Slot; 1] = [slot(1, Kind::String, Shape::List)];
    const TIME: [Slot; 2] = [slot(1, Kind::Int64, Shape::Single), slot(2, Kind::Int32, Shape::Single)];

    /// A timestamp or a duration in nanoseconds.
    pub(super) fn time(wire: &[u8]) -> Result<Moment, Malformed> {
        let found = fields(&TIME, wire)?;
        let mut numbers =
            found.iter().map(|found| found.all().first().map_or(0, |raw: &Raw<'_>| Kind::int(raw.number())));
        let (seconds, nanos) = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
        Ok(Moment::from(seconds) * 1_000_000_000 + Moment::from(nanos))
    }
}

/// How deep messages may nest, as deep as the transcoder ever writes them.
const DEEPEST: usize = 200;

/// How many steps an evaluation takes beside its nodes.
const EVALUATION: u64 = 8;
