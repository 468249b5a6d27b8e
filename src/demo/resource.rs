//! What a resource type looks like: its key, and where its state stands. Read once, at the start.

use prost_reflect::{DynamicMessage, EnumDescriptor, FieldDescriptor, Kind, MessageDescriptor, Value};

use super::words::{is_participle, snake};

/// A message type whose records are stored.
#[derive(Debug)]
pub(super) struct Resource {
    pub(super) desc: MessageDescriptor,
    /// The type's name in snake form: `backup_schedule`.
    pub(super) noun: String,
    /// The field that tells one record from another; none: there is one record (for each parent).
    pub(super) key: Option<FieldDescriptor>,
    pub(super) state: Option<State>,
}

impl Resource {
    pub(super) fn new(desc: &MessageDescriptor) -> Self {
        let noun = snake(desc.name());
        let own = format!("{noun}_id");
        let key = ["id", &own, "uuid", "uid", "external_id", "name"]
            .into_iter()
            .filter_map(|name| desc.get_field_by_name(name))
            .find(|field| !field.is_list() && is_key_kind(&field.kind()));
        Self { desc: desc.clone(), noun, key, state: State::find(desc) }
    }

    /// The table that holds the records of this type.
    pub(super) fn table(&self) -> &str {
        self.desc.full_name()
    }

    /// Whether the key is a full path such as `shelves/1/books/2`, as the AIP rules have it.
    pub(super) fn is_named_by_path(&self) -> bool {
        self.key.as_ref().is_some_and(|key| key.name() == "name")
    }

    pub(super) fn key_of(&self, record: &DynamicMessage) -> Option<Value> {
        let value = record.get_field(self.key.as_ref()?).into_owned();
        let empty = match &value {
            Value::String(text) => text.is_empty(),
            number => number_of(number) == Some(0),
        };
        (!empty).then_some(value)
    }
}

fn is_key_kind(kind: &Kind) -> bool {
    matches!(
        kind,
        Kind::String
            | Kind::Int32
            | Kind::Int64
            | Kind::Uint32
            | Kind::Uint64
            | Kind::Sint32
            | Kind::Sint64
            | Kind::Fixed32
            | Kind::Fixed64
            | Kind::Sfixed32
            | Kind::Sfixed64
    )
}

/// A whole number of any kind.
pub(super) fn number_of(value: &Value) -> Option<i64> {
    match value {
        Value::I32(number) => Some(i64::from(*number)),
        Value::I64(number) => Some(*number),
        Value::U32(number) => Some(i64::from(*number)),
        Value::U64(number) => i64::try_from(*number).ok(),
        _ => None,
    }
}

/// Where a resource says how it is: an enum named `state`, `status` or `phase`, or one inside of such a message.
#[derive(Debug)]
pub(super) struct State {
    /// The message that holds the enum, when it is not the resource itself; the server owns it.
    pub(super) within: Option<FieldDescriptor>,
    field: FieldDescriptor,
    values: EnumDescriptor,
}

impl State {
    fn find(desc: &MessageDescriptor) -> Option<Self> {
        let top = |name| desc.get_field_by_name(name).filter(|field| !field.is_list() && !field.is_map());
        ["state", "status", "phase"].into_iter().filter_map(top).find_map(|field| match field.kind() {
            Kind::Enum(values) => Some(Self { within: None, field, values }),
            Kind::Message(inner) => {
                let (inner, values) = ["phase", "state", "status"].into_iter().find_map(|name| {
                    let inner = inner.get_field_by_name(name).filter(|field| !field.is_list())?;
                    let values = inner.kind().as_enum()?.clone();
                    Some((inner, values))
                })?;
                Some(Self { within: Some(field), field: inner, values })
            }
            _ => None,
        })
    }

    /// The value of a resource that is well, or the first that says anything.
    pub(super) fn settled(&self) -> Option<i32> {
        const WELL: [&str; 7] =
            ["HEALTHY", "READY", "ACTIVE", "SUCCEEDED", "AVAILABLE", "ENABLED", "RUNNING"];
        let words = self.words();
        let well = WELL.iter().find_map(|well| words.iter().find(|(word, _)| word == well));
        let first = || words.iter().find(|(_, number)| *number != 0);
        well.or_else(first).map(|(_, number)| *number)
    }

    /// The value that a verb leads to: `SUSPENDED` of `Suspend`.
    pub(super) fn after(&self, verb: &str) -> Option<i32> {
        self.words().iter().find(|(word, _)| is_participle(word, verb)).map(|(_, number)| *number)
    }

    pub(super) fn get(&self, record: &DynamicMessage) -> i32 {
        let of = |message: &DynamicMessage| message.get_field(&self.field).as_enum_number().unwrap_or(0);
        match &self.within {
            None => of(record),
            Some(within) => record.get_field(within).as_message().map_or(0, of),
        }
    }

    pub(super) fn set(&self, record: &mut DynamicMessage, number: i32) {
        let holder = match &self.within {
            None => Some(record),
            Some(within) => record.get_field_mut(within).as_message_mut(),
        };
        if let Some(holder) = holder {
            holder.set_field(&self.field, Value::EnumNumber(number));
        }
    }

    /// The values without the prefix that they share: `HEALTHY` of `CLUSTER_PHASE_HEALTHY`.
    fn words(&self) -> Vec<(String, i32)> {
        let names: Vec<_> =
            self.values.values().map(|value| (value.name().to_owned(), value.number())).collect();
        let prefix = shared_prefix(names.iter().map(|(name, _)| name.as_str())).len();
        names.into_iter().map(|(name, number)| (name.split_at(prefix).1.to_owned(), number)).collect()
    }
}

/// The words that all names begin with, the last `_` included.
fn shared_prefix<'a>(mut names: impl Iterator<Item = &'a str>) -> &'a str {
    let Some(first) = names.next() else { return "" };
    let mut shared = first.len();
    let mut single = true;
    for name in names {
        single = false;
        shared = first.bytes().zip(name.bytes()).take(shared).take_while(|(a, b)| a == b).count();
    }
    if single {
        return "";
    }
    first.get(..shared).and_then(|shared| shared.rfind('_')).map_or("", |end| first.split_at(end + 1).0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shared_prefix_ends_at_a_word() {
        let prefix = |names: &[&'static str]| shared_prefix(names.iter().copied());
        assert_eq!(prefix(&["CLUSTER_PHASE_UNSPECIFIED", "CLUSTER_PHASE_HEALTHY"]), "CLUSTER_PHASE_");
        assert_eq!(prefix(&["STATE_RUNNING", "STATE_READY"]), "STATE_");
        assert_eq!(prefix(&["ON", "OFF"]), "");
        assert_eq!(prefix(&["ONLY_ONE"]), "");
        assert_eq!(prefix(&[]), "");
    }
}
