//! The message that events are: its fields, found by name, so that any message with fields of these names will do.
//! A field that it does not have is not written.

use prost_reflect::{EnumDescriptor, FieldDescriptor, Kind, MessageDescriptor};

/// The numbers of the fields; `None`: the message does not have it.
#[derive(Debug, Clone, Default)]
pub(super) struct Shape {
    pub id: Option<u32>,
    pub created_at: Option<Moment>,
    pub caller: Option<Caller>,
    pub account_id: Option<u32>,
    pub source_rpc: Option<u32>,
    pub event_type: Option<Word>,
    pub resource_type: Option<u32>,
    pub status_only: Option<u32>,
    pub resource_id: Option<u32>,
    pub resource_url: Option<u32>,
    pub action_type: Option<u32>,
    pub additional_context: Option<u32>,
}

/// The message in the field `caller`.
#[derive(Debug, Clone, Default)]
pub(super) struct Caller {
    pub number: u32,
    pub actor_id: Option<u32>,
    pub actor_type: Option<Word>,
    pub user_agent: Option<u32>,
}

/// A field for a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Moment {
    /// A `google.protobuf.Timestamp`.
    Timestamp(u32),
    /// A text as RFC 3339 has it.
    Text(u32),
}

/// A field for one of a few words.
#[derive(Debug, Clone)]
pub(super) enum Word {
    Enum(u32, EnumDescriptor),
    Text(u32),
}

impl Shape {
    /// Finds the fields. Each one that has another type than is needed is told.
    pub fn find(message: &MessageDescriptor, faults: &mut Vec<String>) -> Self {
        let mut fields = Fields { message, faults };
        let shape = Self {
            id: fields.text("id"),
            created_at: fields.moment("created_at"),
            account_id: fields.text("account_id"),
            source_rpc: fields.text("source_rpc"),
            event_type: fields.word("event_type"),
            resource_type: fields.text("resource_type"),
            status_only: fields.switch("status_only"),
            resource_id: fields.text("resource_id"),
            resource_url: fields.text("resource_url"),
            action_type: fields.text("action_type"),
            additional_context: fields.texts("additional_context"),
            caller: None,
        };
        let caller = fields.field("caller", "a message", |field| match field.kind() {
            Kind::Message(message) if !field.is_list() && !field.is_map() => Some((field.number(), message)),
            _ => None,
        });
        Self { caller: caller.map(|(number, message)| Caller::find(number, &message, faults)), ..shape }
    }
}

impl Caller {
    fn find(number: u32, message: &MessageDescriptor, faults: &mut Vec<String>) -> Self {
        let mut fields = Fields { message, faults };
        Self {
            number,
            actor_id: fields.text("actor_id"),
            actor_type: fields.word("actor_type"),
            user_agent: fields.text("user_agent"),
        }
    }
}

/// Looks for fields by name.
struct Fields<'m> {
    message: &'m MessageDescriptor,
    faults: &'m mut Vec<String>,
}

impl Fields<'_> {
    /// What `read` sees in the field of this name; it sees nothing in a field that is not `expected`.
    fn field<T>(
        &mut self,
        name: &str,
        expected: &str,
        read: impl FnOnce(&FieldDescriptor) -> Option<T>,
    ) -> Option<T> {
        let field = self.message.get_field_by_name(name)?;
        let found = read(&field);
        if found.is_none() {
            self.faults.push(format!("`{}` is not {expected}", field.full_name()));
        }
        found
    }

    fn text(&mut self, name: &str) -> Option<u32> {
        self.field(name, "a string", |field| is_text(field).then(|| field.number()))
    }

    fn switch(&mut self, name: &str) -> Option<u32> {
        let is_switch = |field: &FieldDescriptor| field.kind() == Kind::Bool && !field.is_list();
        self.field(name, "a bool", |field| is_switch(field).then(|| field.number()))
    }

    fn word(&mut self, name: &str) -> Option<Word> {
        self.field(name, "an enum or a string", |field| match field.kind() {
            Kind::Enum(words) if !field.is_list() => Some(Word::Enum(field.number(), words)),
            Kind::String if is_text(field) => Some(Word::Text(field.number())),
            _ => None,
        })
    }

    fn moment(&mut self, name: &str) -> Option<Moment> {
        self.field(name, "a `google.protobuf.Timestamp` or a string", |field| match field.kind() {
            Kind::Message(message)
                if message.full_name() == "google.protobuf.Timestamp" && !field.is_list() =>
            {
                Some(Moment::Timestamp(field.number()))
            }
            _ => is_text(field).then(|| Moment::Text(field.number())),
        })
    }

    fn texts(&mut self, name: &str) -> Option<u32> {
        self.field(name, "a `map<string, string>`", |field| {
            let kind = field.kind();
            let entry = kind.as_message().filter(|entry| entry.is_map_entry())?;
            let texts = is_text(&entry.map_entry_key_field()) && is_text(&entry.map_entry_value_field());
            texts.then(|| field.number())
        })
    }
}

fn is_text(field: &FieldDescriptor) -> bool {
    field.kind() == Kind::String && !field.is_list()
}

impl Word {
    /// The field's value for a word, as it is written; `None` when the enum does not have it.
    pub fn of_name(&self, word: &str) -> Option<Spelled> {
        match self {
            Self::Text(number) => Some(Spelled::Text(*number, word.into())),
            Self::Enum(number, words) => {
                words.get_value_by_name(word).map(|value| Spelled::Number(*number, value.number()))
            }
        }
    }

    /// The field's value for a number of the API's enum, and its name there; `None` when the enum does not have it.
    pub fn of_number(&self, word: i32) -> Option<(Spelled, String)> {
        match self {
            Self::Text(number) => Some((Spelled::Text(*number, word.to_string().into()), word.to_string())),
            Self::Enum(number, words) => {
                words.get_value(word).map(|value| (Spelled::Number(*number, word), value.name().to_owned()))
            }
        }
    }

    /// The words that there are.
    pub fn all(&self) -> Vec<String> {
        match self {
            Self::Text(_) => Vec::new(),
            Self::Enum(_, words) => words.values().map(|value| value.name().to_owned()).collect(),
        }
    }
}

/// A word as it is written: the number of its field, and the enum's number or a text.
#[derive(Debug, Clone)]
pub(super) enum Spelled {
    Number(u32, i32),
    Text(u32, Box<str>),
}
