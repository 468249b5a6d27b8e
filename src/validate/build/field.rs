//! What there is to check of a field: its value, its items, its keys and values.

use prost_reflect::{DynamicMessage, FieldDescriptor, Kind as Declared, ReflectMessage as _, Value as Given};

use super::options::{self, FieldRules, Ignore, get, is_true, typed};
use super::{Builder, slot_of, standard, wrapped_kind};
use crate::validate::expression::{self, Scope};
use crate::validate::kind::Kind;
use crate::validate::plan::{Check, Content, List, Map, SizeTest, Value};
use crate::validate::rule::Rule;

impl Builder<'_> {
    pub(super) fn content(&mut self, desc: &FieldDescriptor, rules: Option<&DynamicMessage>) -> Content {
        match (desc.is_map(), desc.is_list()) {
            (true, _) => Content::Map(Box::new(self.map(desc, rules))),
            (_, true) => Content::List(self.list(desc, rules)),
            _ => Content::Single(self.value(desc, rules, Part::Whole, desc)),
        }
    }

    fn list(&mut self, desc: &FieldDescriptor, rules: Option<&DynamicMessage>) -> List {
        let own = self.typed_as("repeated", desc, rules, desc);
        let size = own.as_ref().map(|own| self.sizes(own, desc)).unwrap_or_default();
        let items = own.as_ref().and_then(|own| get(own, "items"));
        let items = items.as_ref().and_then(Given::as_message);
        let mut expressions = self.given_expressions(desc, rules, false, desc);
        expressions
            .extend(own.map(|own| self.named_expressions(&own, desc, false, desc)).unwrap_or_default());
        List {
            desc: desc.clone(),
            kind: Kind::of(desc),
            expressions: expressions.into(),
            rules: size.into(),
            items: self.part(desc, items, Part::Item, desc),
        }
    }

    fn map(&mut self, desc: &FieldDescriptor, rules: Option<&DynamicMessage>) -> Map {
        let own = self.typed_as("map", desc, rules, desc);
        let size = own.as_ref().map(|own| self.sizes(own, desc)).unwrap_or_default();
        let part = |name| own.as_ref().and_then(|own| get(own, name));
        let (keys, values) = (part("keys"), part("values"));
        let mut expressions = self.given_expressions(desc, rules, false, desc);
        if let Some(own) = &own {
            expressions.extend(self.named_expressions(own, desc, false, desc));
        }
        let (key, value) = match desc.kind() {
            Declared::Message(entry) => (entry.map_entry_key_field(), entry.map_entry_value_field()),
            // A map is always of entries.
            _ => (desc.clone(), desc.clone()),
        };
        Map {
            desc: desc.clone(),
            expressions: expressions.into(),
            rules: size.into(),
            entry: [slot_of(&key), slot_of(&value)],
            keys: self.part(&key, keys.as_ref().and_then(Given::as_message), Part::Item, desc),
            values: self.part(&value, values.as_ref().and_then(Given::as_message), Part::Item, desc),
        }
    }

    /// An item, a key or a value; nothing if its rules are to be left out.
    fn part(
        &mut self,
        desc: &FieldDescriptor,
        rules: Option<&DynamicMessage>,
        part: Part,
        element: &FieldDescriptor,
    ) -> Option<Value> {
        let ignored = rules.is_some_and(|rules| FieldRules::of(rules).ignore == Ignore::Always);
        (!ignored).then(|| self.value(desc, rules, part, element))
    }

    fn value(
        &mut self,
        desc: &FieldDescriptor,
        rules: Option<&DynamicMessage>,
        part: Part,
        element: &FieldDescriptor,
    ) -> Value {
        let item = part == Part::Item;
        let ignore = rules.map(|rules| FieldRules::of(rules).ignore).unwrap_or_default();
        let mut expressions = self.given_expressions(desc, rules, item, element);
        let mut check = Check::Nothing;
        if let Some((_, given)) = rules.and_then(typed) {
            match expected(desc) {
                Some(name) => {
                    if let Some(own) = self.typed_as(name, desc, rules, element) {
                        expressions.extend(self.named_expressions(&own, desc, item, element));
                        check = self.check(desc, &own, element);
                    }
                }
                None => self.tell_with_help(
                    element.full_name(),
                    &format!("`{}` cannot stand on a field of type `{}`", word(&given), type_name(desc)),
                    "a message is checked by the rules of its own fields",
                ),
            }
        }
        Value {
            desc: desc.clone(),
            skips_zero: item && ignore == Ignore::IfZero,
            expressions: expressions.into(),
            check,
            message: match desc.kind() {
                Declared::Message(message) => self.index.get(message.full_name()).copied(),
                _ => None,
            },
        }
    }

    fn check(&mut self, desc: &FieldDescriptor, own: &DynamicMessage, element: &FieldDescriptor) -> Check {
        let made = match desc.kind() {
            Declared::Message(message) => match wrapped_kind(&message) {
                Some(kind) => standard::scalar(kind, own, None).map(|check| match message.get_field(1) {
                    Some(field) if !check.is_nothing() => {
                        Check::Wrapped(Box::new([slot_of(&field)]), Box::new(check))
                    }
                    _ => Check::Nothing,
                }),
                None => Ok(standard::message(message.full_name(), own)),
            },
            Declared::Enum(declared) => standard::scalar(Kind::Enum, own, Some(&declared)),
            _ => standard::scalar(Kind::of(desc), own, None),
        };
        made.unwrap_or_else(|why| {
            self.tell(element.full_name(), options::FIELD, &why);
            Check::Nothing
        })
    }

    /// The rules of the type, if they are those that the field can have.
    fn typed_as(
        &mut self,
        expected: &str,
        desc: &FieldDescriptor,
        rules: Option<&DynamicMessage>,
        element: &FieldDescriptor,
    ) -> Option<DynamicMessage> {
        let (name, own) = rules.and_then(typed)?;
        if name == expected {
            return Some(own);
        }
        let what = format!("`{name}` rules cannot stand on a field of type `{}`", type_name(desc));
        let help = match expected {
            "repeated" => format!("write them under `repeated.items.{name}`"),
            "map" => format!("write them under `map.keys.{name}` or `map.values.{name}`"),
            _ => format!("expected `{expected}` rules"),
        };
        self.tell_with_help(element.full_name(), &what, &help);
        None
    }

    fn sizes(&mut self, own: &DynamicMessage, desc: &FieldDescriptor) -> Vec<Rule<SizeTest>> {
        let count = |name: &str| get(own, name).and_then(|value| value.as_u64());
        let mut rules = Vec::new();
        if let Some(least) = count("min_items") {
            let text = format!("must contain at least {least} item(s)");
            rules.push(Rule::new("repeated.min_items", text, SizeTest::Least(least)));
        }
        if let Some(most) = count("max_items") {
            let text = format!("must contain no more than {most} item(s)");
            rules.push(Rule::new("repeated.max_items", text, SizeTest::Most(most)));
        }
        if is_true(own, "unique") {
            if matches!(desc.kind(), Declared::Message(_)) {
                self.tell(
                    desc.full_name(),
                    options::FIELD,
                    "`repeated.unique` cannot stand on a list of messages",
                );
            }
            let text = "repeated value must contain unique items";
            rules.push(Rule::new("repeated.unique", text, SizeTest::Unique));
        }
        if let Some(least) = count("min_pairs") {
            let text = format!("map must be at least {least} entries");
            rules.push(Rule::new("map.min_pairs", text, SizeTest::Least(least)));
        }
        if let Some(most) = count("max_pairs") {
            let text = format!("map must be at most {most} entries");
            rules.push(Rule::new("map.max_pairs", text, SizeTest::Most(most)));
        }
        rules
    }

    /// The CEL rules that stand on the field itself.
    fn given_expressions(
        &mut self,
        desc: &FieldDescriptor,
        rules: Option<&DynamicMessage>,
        item: bool,
        element: &FieldDescriptor,
    ) -> Vec<expression::Rule> {
        let Some(rules) = rules else { return Vec::new() };
        let sources = options::expressions(rules);
        self.expressions(&sources, &Scope::field(desc, item), element.full_name(), options::FIELD).into()
    }

    /// The CEL rules that come with rules of other names: extensions of the rule message, and fields that are newer
    /// than these lines.
    fn named_expressions(
        &mut self,
        own: &DynamicMessage,
        desc: &FieldDescriptor,
        item: bool,
        element: &FieldDescriptor,
    ) -> Vec<expression::Rule> {
        let rules = Given::Message(own.clone());
        let mut sources = Vec::new();
        for (extension, value) in own.extensions() {
            sources.extend(self.options.predefined(&extension.options(), &rules, value));
        }
        let own_name = own.descriptor().name().to_owned();
        for (field, value) in own.fields().filter(|(field, _)| !standard::knows(&own_name, field.name())) {
            let found = self.options.predefined(&field.options(), &rules, value);
            if found.is_empty() {
                let what = format!("the rule `{}` of `{own_name}` is not known", field.name());
                self.tell(element.full_name(), options::FIELD, &what);
            }
            sources.extend(found);
        }
        self.expressions(&sources, &Scope::field(desc, item), element.full_name(), options::FIELD).into()
    }
}

/// Whether a value is all of a field or one of several.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Whole,
    Item,
}

/// The name of the rules that a single value can have.
fn expected(desc: &FieldDescriptor) -> Option<&'static str> {
    let Declared::Message(message) = desc.kind() else { return Kind::of(desc).rules() };
    match message.full_name() {
        "google.protobuf.Any" => Some("any"),
        "google.protobuf.Duration" => Some("duration"),
        "google.protobuf.FieldMask" => Some("field_mask"),
        "google.protobuf.Timestamp" => Some("timestamp"),
        _ => wrapped_kind(&message).and_then(Kind::rules),
    }
}

fn type_name(desc: &FieldDescriptor) -> String {
    let one = match desc.kind() {
        Declared::Message(message) => message.full_name().to_owned(),
        Declared::Enum(one) => one.full_name().to_owned(),
        _ => Kind::of(desc).rules().unwrap_or_default().to_owned(),
    };
    match (desc.is_map(), desc.is_list()) {
        (true, _) => "map".to_owned(),
        (_, true) => format!("repeated {one}"),
        _ => one,
    }
}

fn word(rules: &DynamicMessage) -> String {
    rules.descriptor().name().to_owned()
}
