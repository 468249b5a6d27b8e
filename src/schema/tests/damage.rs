//! Damaged descriptor sets: whatever the bytes, loading ends in problems or in a schema that can be used.

use std::path::{Path, PathBuf};

use proptest::prelude::*;
use prost::Message;
use prost_reflect::{DynamicMessage, MessageDescriptor, ReflectMessage, Value};

use super::{Problems, Schema, Settings, load, raw};

/// Sets to damage, whole and without the vocabularies, so that most damage hits the API itself.
fn seeds() -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/schema");
    let names = [
        "shop.protoc.binpb",
        "shop.buf.binpb",
        "editions/open.binpb",
        "editions/closed.binpb",
        "editions/next.binpb",
    ];
    let whole = names.map(|name| std::fs::read(folder.join(name)).expect("it is a fixture"));
    let own = |bytes: &Vec<u8>| {
        let mut set = raw::Set::decode(bytes.as_slice()).expect("it is a set");
        let name = |file: &[u8]| raw::Header::decode(file).expect("it is a file").name.unwrap_or_default();
        set.file.retain(|file| !name(file).starts_with("google/"));
        set.encode_to_vec()
    };
    whole.iter().cloned().chain(whole.iter().map(own)).collect()
}

/// One blow to the bytes.
#[derive(Debug, Clone)]
enum Blow {
    Write(prop::sample::Index, u8),
    Flip(prop::sample::Index, u8),
    Remove(prop::sample::Index, usize),
    Repeat(prop::sample::Index, usize),
    Cut(prop::sample::Index),
}

fn blow() -> impl Strategy<Value = Blow> {
    let at = any::<prop::sample::Index>;
    prop_oneof![
        4 => (at(), any::<u8>()).prop_map(|(at, byte)| Blow::Write(at, byte)),
        8 => (at(), 0u8..8).prop_map(|(at, bit)| Blow::Flip(at, bit)),
        1 => (at(), 1usize..9).prop_map(|(at, len)| Blow::Remove(at, len)),
        1 => (at(), 1usize..40).prop_map(|(at, len)| Blow::Repeat(at, len)),
        1 => at().prop_map(Blow::Cut),
    ]
}

fn strike(bytes: &mut Vec<u8>, blow: &Blow) {
    if bytes.is_empty() {
        return;
    }
    let range = |at: &prop::sample::Index, len: usize| {
        let start = at.index(bytes.len());
        start..(start + len).min(bytes.len())
    };
    match blow {
        Blow::Write(at, byte) => {
            let at = at.index(bytes.len());
            bytes[at] = *byte;
        }
        Blow::Flip(at, bit) => {
            let at = at.index(bytes.len());
            bytes[at] ^= 1 << bit;
        }
        Blow::Remove(at, len) => drop(bytes.drain(range(at, *len))),
        Blow::Repeat(at, len) => {
            let range = range(at, *len);
            let part = bytes[range.clone()].to_vec();
            bytes.splice(range.start..range.start, part);
        }
        Blow::Cut(at) => bytes.truncate(at.index(bytes.len())),
    }
}

/// Asks the schema everything that the rooms above will ask.
fn use_up(schema: &Schema) {
    let pool = schema.pool();
    for file in pool.files() {
        let _ = (file.options(), file.dependencies().count(), file.public_dependencies().count());
        let _ = (file.messages().count(), file.enums().count(), file.extensions().count());
    }
    for service in pool.services() {
        let _ = (service.options(), schema.place(service.full_name()));
        for method in service.methods() {
            let _ = (method.options(), method.input(), method.output());
            let _ = schema.place_of_option(method.full_name(), "google.api.http");
        }
    }
    pool.all_messages().for_each(|message| use_message(schema, &message));
    for found in pool.all_enums() {
        let _ = (found.options(), found.default_value());
        for value in found.values() {
            let _ = (value.options(), schema.place(value.full_name()));
        }
    }
    for extension in pool.all_extensions() {
        let _ = (
            extension.options(),
            extension.kind(),
            extension.default_value(),
            extension.containing_message(),
        );
    }
}

fn use_message(schema: &Schema, message: &MessageDescriptor) {
    let _ = (message.options(), schema.place(message.full_name()), message.oneofs().count());
    let mut value = DynamicMessage::new(message.clone());
    for field in message.fields() {
        let _ = (field.options(), field.kind(), field.containing_oneof(), schema.place(field.full_name()));
        if field.is_map() {
            let entry = field.kind();
            let entry = entry.as_message().expect("a map has an entry");
            let _ = (entry.map_entry_key_field().kind(), entry.map_entry_value_field().kind());
        }
        value.set_field(&field, field.default_value());
    }
    if message.is_map_entry() {
        let _ = (message.map_entry_key_field(), message.map_entry_value_field());
    }
    let bytes = value.encode_to_vec();
    DynamicMessage::decode(message.clone(), bytes.as_slice()).expect("defaults come back");
}

fn load_bytes(path: &PathBuf, bytes: &[u8]) -> (Option<Schema>, Problems) {
    std::fs::write(path, bytes).expect("the temporary file can be written");
    let settings = Settings { descriptor_sets: vec![path.clone()], ..Settings::default() };
    let mut problems = Problems::new();
    let schema = load(&settings, &mut problems);
    (schema, problems)
}

/// One change to a decoded set: values wander from one element to another, elements are lost or doubled.
#[derive(Debug, Clone)]
enum Change {
    Copy(prop::sample::Index, prop::sample::Index),
    Number(prop::sample::Index, i32),
    Drop(prop::sample::Index),
    Double(prop::sample::Index),
}

fn change() -> impl Strategy<Value = Change> {
    let at = any::<prop::sample::Index>;
    prop_oneof![
        4 => (at(), at()).prop_map(|(from, to)| Change::Copy(from, to)),
        2 => (at(), -1i32..20).prop_map(|(at, number)| Change::Number(at, number)),
        1 => at().prop_map(Change::Drop),
        1 => at().prop_map(Change::Double),
    ]
}

/// Calls `visit` with every value in the message that is no message and no list, and with every list.
fn walk(message: &mut DynamicMessage, visit: &mut dyn FnMut(&mut Value)) {
    for (_, value) in message.fields_mut() {
        match value {
            Value::Message(message) => walk(message, visit),
            Value::List(items) => {
                for item in items {
                    match item {
                        Value::Message(message) => walk(message, visit),
                        item => visit(item),
                    }
                }
                visit(value);
            }
            value => visit(value),
        }
    }
}

fn alter(set: &mut DynamicMessage, change: &Change) {
    let of = |set: &mut DynamicMessage, fits: &dyn Fn(&Value) -> bool| {
        let mut found = Vec::new();
        walk(set, &mut |value| found.extend(fits(value).then(|| value.clone())));
        found
    };
    let replace =
        |set: &mut DynamicMessage, fits: &dyn Fn(&Value) -> bool, at: usize, with: &dyn Fn(&mut Value)| {
            let mut seen = 0;
            walk(set, &mut |value| {
                if fits(value) {
                    if seen == at {
                        with(value);
                    }
                    seen += 1;
                }
            });
        };
    let is_list: &dyn Fn(&Value) -> bool = &|value| matches!(value, Value::List(items) if !items.is_empty());
    let is_number: &dyn Fn(&Value) -> bool = &|value| matches!(value, Value::I32(_) | Value::EnumNumber(_));
    match change {
        Change::Copy(from, to) => {
            let values = of(set, &|value| !matches!(value, Value::List(_)));
            let Some(value) = values.get(from.index(values.len().max(1))) else { return };
            let same: &dyn Fn(&Value) -> bool =
                &|other| std::mem::discriminant(other) == std::mem::discriminant(value);
            let count = of(set, same).len();
            replace(set, same, to.index(count), &|other| value.clone_into(other));
        }
        Change::Number(at, number) => {
            let count = of(set, is_number).len().max(1);
            replace(set, is_number, at.index(count), &|value| match value {
                Value::EnumNumber(old) | Value::I32(old) => *old = *number,
                _ => {}
            });
        }
        Change::Drop(at) | Change::Double(at) => {
            let count = of(set, is_list).len().max(1);
            let double = matches!(change, Change::Double(_));
            replace(set, is_list, at.index(count), &|value| {
                if let Value::List(items) = value {
                    let item = items.remove(at.index(items.len()));
                    if double {
                        items.extend([item.clone(), item]);
                    }
                }
            });
        }
    }
}

proptest! {
    #[test]
    fn nonsense_is_told_or_harmless(
        seed in prop::sample::select(seeds()),
        changes in prop::collection::vec(change(), 1..4),
    ) {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let descriptor = prost_types::FileDescriptorSet::default().descriptor();
        let mut set = DynamicMessage::decode(descriptor, seed.as_slice()).expect("the seeds are sets");
        for change in &changes {
            alter(&mut set, change);
        }
        let (schema, problems) = load_bytes(&folder.path().join("api.binpb"), &set.encode_to_vec());
        prop_assert_eq!(schema.is_none(), problems.has_errors());
        if let Some(schema) = schema {
            use_up(&schema);
        }
    }

    #[test]
    fn damage_is_told_or_harmless(
        seed in prop::sample::select(seeds()),
        blows in prop::collection::vec(blow(), 1..4),
    ) {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let mut bytes = seed;
        for blow in &blows {
            strike(&mut bytes, blow);
        }
        let (schema, problems) = load_bytes(&folder.path().join("api.binpb"), &bytes);
        prop_assert_eq!(schema.is_none(), problems.has_errors());
        if let Some(schema) = schema {
            use_up(&schema);
        }
    }
}
