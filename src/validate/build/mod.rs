//! Compiling plans from the options of descriptors. Set-up, not request path.
//!
//! Every message type is compiled by itself; then types without a rule anywhere below them are dropped, and with them
//! the fields that lead only there. Whatever cannot be understood is a problem that names its field.

mod field;
mod options;
mod prune;
mod standard;

use std::collections::HashMap;
use std::sync::Arc;

use prost_reflect::{FieldDescriptor, Kind as Declared, MessageDescriptor, OneofDescriptor, Syntax};

use self::options::Options;
use super::expression::{self, Environment, Scope, Source};
use super::kind::Kind;
use super::plan::{Choice, Field, Message, Oneof, Plans};
use super::read::{Shape, Slot};
use crate::problem::{Problem, Problems};
use crate::schema::Schema;

/// The plans of all message types of a contract.
pub(super) fn plans(schema: &Schema, problems: &mut Problems) -> Plans {
    let pool = schema.pool();
    let messages: Vec<_> = pool.all_messages().collect();
    let environment = Arc::new(Environment::new(pool));
    let index = messages.iter().zip(0..).map(|(desc, index)| (desc.full_name().into(), index)).collect();
    let options = Options::of(pool);
    let mut builder = Builder { schema, options, index, environment: &environment, problems };
    let mut compiled: Vec<_> = messages.iter().map(|desc| Some(builder.message(desc))).collect();
    let by_name = builder.index;
    prune::all(&mut compiled);
    Plans { messages: compiled, by_name, environment }
}

struct Builder<'b> {
    schema: &'b Schema,
    options: Options,
    index: HashMap<Box<str>, u32>,
    environment: &'b Arc<Environment>,
    problems: &'b mut Problems,
}

impl Builder<'_> {
    fn message(&mut self, desc: &MessageDescriptor) -> Message {
        let mut declared: Vec<_> = desc.fields().collect();
        declared.sort_by_key(FieldDescriptor::number);
        let rules = self.options.of_message(desc);
        let expressions = match &rules {
            Some(rules) => {
                let sources = options::expressions(rules);
                self.expressions(&sources, &Scope::message(desc), desc.full_name(), options::MESSAGE)
            }
            None => Box::default(),
        };
        let choices =
            rules.map(|rules| self.choices(desc, &declared, &options::choices(&rules))).unwrap_or_default();
        let chosen: Vec<usize> =
            choices.iter().flat_map(|choice| &choice.members).map(|member| member.0).collect();
        let mut fields = Vec::new();
        for (slot, field) in declared.iter().enumerate() {
            fields.extend(self.field(field, slot, chosen.contains(&slot)));
        }
        Message {
            desc: desc.clone(),
            slots: declared.iter().map(slot_of).collect(),
            rules: expressions,
            choices: choices.into(),
            oneofs: desc.oneofs().filter_map(|oneof| self.oneof(&oneof, &declared)).collect(),
            fields: fields.into(),
        }
    }

    fn field(&mut self, desc: &FieldDescriptor, slot: usize, chosen: bool) -> Option<Field> {
        let rules = self.options.of_field(desc);
        let given = rules.as_ref().map(options::FieldRules::of).unwrap_or_default();
        if given.ignore == options::Ignore::Always {
            return None;
        }
        // In a choice, a field that is not set is not wrong.
        let zero_is_unset =
            given.ignore == options::Ignore::IfZero || (chosen && !given.says_ignore && rules.is_some());
        let presence = desc.supports_presence();
        Some(Field {
            slot,
            name: desc.name().into(),
            presence,
            required: given.required,
            skips_unset: presence || zero_is_unset,
            content: self.content(desc, rules.as_ref()),
        })
    }

    fn choices(
        &mut self,
        desc: &MessageDescriptor,
        declared: &[FieldDescriptor],
        given: &[(Vec<String>, bool)],
    ) -> Vec<Choice> {
        let mut choices = Vec::new();
        for (names, required) in given {
            let members = names.iter().map(|name| {
                let slot = declared.iter().position(|field| field.name() == name);
                let Some((slot, field)) = slot.and_then(|slot| Some((slot, declared.get(slot)?))) else {
                    return Err(format!("`{name}` is not one of its fields"));
                };
                let twice = names.iter().filter(|other| *other == name).count() > 1;
                if twice {
                    Err(format!("`{name}` is named twice"))
                } else {
                    Ok((slot, field.supports_presence()))
                }
            });
            let members: Result<Box<[_]>, String> = members.collect();
            match members {
                Ok(members) if members.is_empty() => {
                    self.tell(desc.full_name(), options::MESSAGE, "a `oneof` rule names no field");
                }
                Ok(members) => {
                    choices.push(Choice { members, required: *required, names: names.join(", ").into() });
                }
                Err(why) => {
                    self.tell(desc.full_name(), options::MESSAGE, &format!("in a `oneof` rule: {why}"));
                }
            }
        }
        choices
    }

    fn oneof(&mut self, desc: &OneofDescriptor, declared: &[FieldDescriptor]) -> Option<Oneof> {
        let required = self.options.requires(desc);
        let slot = |field: FieldDescriptor| declared.iter().position(|other| *other == field);
        required.then(|| Oneof { name: desc.name().into(), slots: desc.fields().filter_map(slot).collect() })
    }

    /// Compiles the CEL rules of an element; each that cannot be is a problem.
    fn expressions(
        &mut self,
        sources: &[options::Expression],
        scope: &Scope,
        element: &str,
        option: &str,
    ) -> Box<[expression::Rule]> {
        let mut rules = Vec::with_capacity(sources.len());
        for source in sources {
            let given = source.given.as_ref().map(|(rules, rule)| (rules, rule));
            let made = Source { id: &source.id, text: &source.text, expression: &source.source, given };
            match self.environment.compile(&made, scope, self.schema.pool()) {
                Ok(rule) => rules.push(rule),
                Err(why) => self.tell(
                    element,
                    option,
                    &format!("the CEL rule `{}` does not compile: {why}", source.id),
                ),
            }
        }
        rules.into()
    }

    fn tell(&mut self, element: &str, option: &str, what: &str) {
        let place = self.schema.place_of_option(element, option);
        self.problems.push(
            Problem::error(place, what).help("Protovalidate's rules are told at https://protovalidate.com"),
        );
    }

    fn tell_with_help(&mut self, element: &str, what: &str, help: &str) {
        let place = self.schema.place_of_option(element, options::FIELD);
        self.problems.push(Problem::error(place, what).help(help));
    }
}

/// How to read a field.
pub(super) fn slot_of(desc: &FieldDescriptor) -> Slot {
    let shape = match (desc.is_map(), desc.is_list()) {
        (true, _) => Shape::Map,
        (_, true) => Shape::List,
        _ => Shape::Single,
    };
    let oneof = desc.containing_oneof().filter(|oneof| oneof.fields().len() > 1);
    let closed = match desc.kind() {
        Declared::Enum(desc) if desc.parent_file().syntax() == Syntax::Proto2 => {
            Some(desc.values().map(|value| value.number()).collect())
        }
        _ => None,
    };
    Slot {
        number: desc.number(),
        kind: Kind::of(desc),
        shape,
        oneof: oneof.and_then(|oneof| {
            let place = desc.parent_message().oneofs().position(|other| other == oneof);
            place.and_then(|place| u32::try_from(place).ok())
        }),
        closed,
    }
}

/// What a wrapper message wraps.
pub(super) fn wrapped_kind(desc: &MessageDescriptor) -> Option<Kind> {
    let kind = match desc.full_name().strip_prefix("google.protobuf.")? {
        "BoolValue" => Kind::Bool,
        "BytesValue" => Kind::Bytes,
        "DoubleValue" => Kind::Double,
        "FloatValue" => Kind::Float,
        "Int32Value" => Kind::Int32,
        "Int64Value" => Kind::Int64,
        "StringValue" => Kind::String,
        "UInt32Value" => Kind::Uint32,
        "UInt64Value" => Kind::Uint64,
        _ => return None,
    };
    Some(kind)
}
