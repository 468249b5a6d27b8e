//! Random messages that are nearly right: values that rules take, and their neighbours that they do not.
//!
//! Where `support/random.rs` makes any layout of any values, here the layout is plain and the values come from what the
//! field's own rules say: lengths at their borders, numbers beside their bounds, formats whole and broken.

use std::collections::HashMap;

use prost_reflect::{DynamicMessage, FieldDescriptor, Kind, MapKey, MessageDescriptor, Value};

/// Numbers that follow from a seed.
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// `SplitMix64`.
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut word = self.0;
        word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        word ^ (word >> 31)
    }

    fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() % end as u64).expect("it is less than a usize")
    }

    fn once_in(&mut self, times: usize) -> bool {
        self.below(times) == 0
    }

    fn of<'t, T: ?Sized>(&mut self, table: &[&'t T]) -> &'t T {
        table[self.below(table.len())]
    }
}

/// A message of this type.
pub fn message(desc: &MessageDescriptor, random: &mut Random) -> DynamicMessage {
    // Some have hardly anything, most have nearly all.
    let gaps = [2, 8, 8, 30][random.below(4)];
    inner(desc, random, gaps, 0)
}

fn inner(desc: &MessageDescriptor, random: &mut Random, gaps: usize, depth: usize) -> DynamicMessage {
    let mut message = DynamicMessage::new(desc.clone());
    for field in desc.fields() {
        let of_many = field
            .containing_oneof()
            .is_some_and(|oneof| oneof.fields().len() > 1 && !random.once_in(oneof.fields().len()));
        let deep = matches!(field.kind(), Kind::Message(_)) && depth > 3;
        if deep || of_many || random.once_in(gaps) {
            continue;
        }
        let rules = rules(&field);
        let value = if field.is_map() {
            map(&field, rules.as_ref(), random, gaps, depth)
        } else if field.is_list() {
            let items = rules.as_ref().and_then(|rules| sub(rules, "items"));
            Value::List(
                (0..count(rules.as_ref(), random))
                    .map(|_| single(&field.kind(), items.as_ref(), random, gaps, depth))
                    .collect(),
            )
        } else {
            single(&field.kind(), rules.as_ref(), random, gaps, depth)
        };
        message.set_field(&field, value);
    }
    message
}

fn map(
    field: &FieldDescriptor,
    rules: Option<&DynamicMessage>,
    random: &mut Random,
    gaps: usize,
    depth: usize,
) -> Value {
    let Kind::Message(entry) = field.kind() else { unreachable!("a map is of entries") };
    let part = |name| rules.and_then(|rules| sub(rules, name));
    let (keys, values) = (part("keys"), part("values"));
    let mut made: HashMap<MapKey, Value> = HashMap::new();
    for _ in 0..count(rules, random) {
        let key = single(&entry.map_entry_key_field().kind(), keys.as_ref(), random, gaps, depth);
        let value = single(&entry.map_entry_value_field().kind(), values.as_ref(), random, gaps, depth);
        made.insert(key.into_map_key().expect("keys are scalars"), value);
    }
    Value::Map(made)
}

fn count(rules: Option<&DynamicMessage>, random: &mut Random) -> usize {
    let bound = |name| rules.and_then(|rules| number(rules, name));
    let bounds: Vec<f64> =
        ["min_items", "max_items", "min_pairs", "max_pairs"].into_iter().filter_map(bound).collect();
    if !bounds.is_empty() && random.once_in(3) {
        let near = bounds[random.below(bounds.len())] as usize + random.below(3);
        return near.saturating_sub(1).min(40);
    }
    random.below(4)
}

fn single(
    kind: &Kind,
    rules: Option<&DynamicMessage>,
    random: &mut Random,
    gaps: usize,
    depth: usize,
) -> Value {
    match kind {
        Kind::Bool => Value::Bool(random.once_in(2)),
        Kind::Int32 | Kind::Sint32 | Kind::Sfixed32 => Value::I32(near(rules, random) as i32),
        Kind::Int64 | Kind::Sint64 | Kind::Sfixed64 => Value::I64(near(rules, random) as i64),
        Kind::Uint32 | Kind::Fixed32 => Value::U32(near(rules, random) as u32),
        Kind::Uint64 | Kind::Fixed64 => Value::U64(near(rules, random) as u64),
        Kind::Float => Value::F32(float(rules, random) as f32),
        Kind::Double => Value::F64(float(rules, random)),
        Kind::String => Value::String(text(rules, random)),
        Kind::Bytes => Value::Bytes(bytes(random).into()),
        Kind::Enum(desc) => {
            let values: Vec<i32> = desc.values().map(|value| value.number()).collect();
            Value::EnumNumber(if random.once_in(8) { 77 } else { values[random.below(values.len())] })
        }
        Kind::Message(desc) => Value::Message(match desc.full_name() {
            "google.protobuf.Timestamp" | "google.protobuf.Duration" => time(desc, rules, random),
            "google.protobuf.FieldMask" => mask(desc, random),
            "google.protobuf.Any" => any(desc, random),
            _ => wrapped(desc, rules, random, gaps, depth),
        }),
    }
}

/// A wrapper's rules are those of its value.
fn wrapped(
    desc: &MessageDescriptor,
    rules: Option<&DynamicMessage>,
    random: &mut Random,
    gaps: usize,
    depth: usize,
) -> DynamicMessage {
    let mut message = inner(desc, random, gaps, depth + 1);
    let name = desc.full_name();
    let wraps = name.starts_with("google.protobuf.") && name.ends_with("Value") && !random.once_in(6);
    if let Some(field) = desc.get_field_by_name("value").filter(|_| wraps) {
        message.set_field(&field, single(&field.kind(), rules, random, gaps, depth));
    }
    message
}

/// A number beside one that the rules name.
fn near(rules: Option<&DynamicMessage>, random: &mut Random) -> f64 {
    let named = numbers(rules);
    if named.is_empty() || random.once_in(6) {
        return [0.0, 1.0, 2.0, 3.0, 7.0, 100.0, 101.0, 65536.0, -1.0][random.below(9)];
    }
    named[random.below(named.len())] + [-1.0, 0.0, 1.0][random.below(3)]
}

fn float(rules: Option<&DynamicMessage>, random: &mut Random) -> f64 {
    match random.below(8) {
        0 => [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -0.0][random.below(4)],
        1 => 0.1,
        2 => near(rules, random) + 0.5,
        _ => near(rules, random),
    }
}

fn text(rules: Option<&DynamicMessage>, random: &mut Random) -> String {
    let given = rules.and_then(typed);
    let is = |name: &str| given.as_ref().is_some_and(|given| given.has_field_by_name(name));
    if is("uuid") && !random.once_in(6) {
        return random.of(&UUIDS).to_owned();
    }
    let lengths: Vec<f64> = ["min_len", "max_len", "len", "min_bytes", "max_bytes", "len_bytes"]
        .into_iter()
        .filter_map(|name| given.as_ref().and_then(|given| number_in(given, name)))
        .collect();
    if !lengths.is_empty() && random.once_in(2) {
        let length = (lengths[random.below(lengths.len())] as usize + random.below(3)).saturating_sub(1);
        return random.of(&["a", "ä", "B", "-"]).repeat(length.min(3000));
    }
    if is("pattern") && random.once_in(2) {
        return random.of(&MATCHING).to_owned();
    }
    match random.below(10) {
        0 => random.of(&UUIDS).to_owned(),
        1 => String::new(),
        2..=3 => random.of(&MATCHING).to_owned(),
        _ => random.of(&FORMATS).to_owned(),
    }
}

fn bytes(random: &mut Random) -> Vec<u8> {
    let known: [&[u8]; 9] =
        [b"", b"a", b"ab", b"abyz", b"xmnyz", b"\xff", b"1234", b"0123456789abcdef", b"abc"];
    random.of(&known).to_vec()
}

fn time(desc: &MessageDescriptor, rules: Option<&DynamicMessage>, random: &mut Random) -> DynamicMessage {
    let mut message = DynamicMessage::new(desc.clone());
    let mut named: Vec<i64> = vec![0, 1, 60, 951_782_400, 4_102_444_800, 1_700_000_000];
    if let Some(given) = rules.and_then(typed) {
        named.extend(
            given
                .fields()
                .filter_map(|(_, value)| value.as_message()?.get_field_by_name("seconds")?.as_i64()),
        );
    }
    let seconds = named[random.below(named.len())] + [-1, 0, 0, 1][random.below(4)];
    message.set_field_by_name("seconds", Value::I64(seconds));
    let nanos = [0, 0, 1, 500_000_000][random.below(4)];
    message.set_field_by_name(
        "nanos",
        Value::I32(if seconds < 0 && desc.name() == "Duration" { -nanos } else { nanos }),
    );
    message
}

fn mask(desc: &MessageDescriptor, random: &mut Random) -> DynamicMessage {
    let mut message = DynamicMessage::new(desc.clone());
    let paths = (0..random.below(3))
        .map(|_| Value::String(random.of(&["a", "foo_bar", "a.b", "x1.y", "b"]).to_owned()));
    message.set_field_by_name("paths", Value::List(paths.collect()));
    message
}

fn any(desc: &MessageDescriptor, random: &mut Random) -> DynamicMessage {
    let mut message = DynamicMessage::new(desc.clone());
    let url = random.of(&["", "type.googleapis.com/rules.v1.Inner", "type.googleapis.com/rules.v1.Maps"]);
    message.set_field_by_name("type_url", Value::String(url.to_owned()));
    message
}

/// The `FieldRules` of a field, as its option has them.
fn rules(field: &FieldDescriptor) -> Option<DynamicMessage> {
    let extension = field.parent_pool().get_extension_by_name("buf.validate.field")?;
    let options = field.options();
    options.has_extension(&extension).then(|| options.get_extension(&extension).as_message().cloned())?
}

/// The rules of the type.
fn typed(rules: &DynamicMessage) -> Option<DynamicMessage> {
    rules.fields().find(|(desc, _)| desc.containing_oneof().is_some())?.1.as_message().cloned()
}

fn sub(rules: &DynamicMessage, name: &str) -> Option<DynamicMessage> {
    let given = typed(rules)?;
    given.has_field_by_name(name).then(|| given.get_field_by_name(name)?.as_message().cloned())?
}

fn number(rules: &DynamicMessage, name: &str) -> Option<f64> {
    number_in(&typed(rules)?, name)
}

fn number_in(given: &DynamicMessage, name: &str) -> Option<f64> {
    if !given.has_field_by_name(name) {
        return None;
    }
    given.get_field_by_name(name).and_then(|value| as_number(&value))
}

fn numbers(rules: Option<&DynamicMessage>) -> Vec<f64> {
    let Some(given) = rules.and_then(typed) else { return Vec::new() };
    let mut found = Vec::new();
    for (_, value) in given.fields() {
        match value {
            Value::List(items) => found.extend(items.iter().filter_map(as_number)),
            value => found.extend(as_number(value)),
        }
    }
    found
}

fn as_number(value: &Value) -> Option<f64> {
    match value {
        Value::I32(number) => Some(f64::from(*number)),
        Value::I64(number) => Some(*number as f64),
        Value::U32(number) => Some(f64::from(*number)),
        Value::U64(number) => Some(*number as f64),
        Value::F32(number) => Some(f64::from(*number)),
        Value::F64(number) => Some(*number),
        _ => None,
    }
}

const UUIDS: [&str; 8] = [
    "7f3c1f0e-52a9-4d8b-9c61-0b7e4a5d2f10",
    "00000000-0000-4000-8000-000000000001",
    "7F3C1F0E-52A9-4D8B-9C61-0B7E4A5D2F10",
    "7f3c1f0e-52a9-4d8b-9c61-0b7e4a5d2f11",
    "7f3c1f0e-52a9-4d8b-9c61-0b7e4a5d2f12",
    "7f3c1f0e-52a9-4d8b-9c61-0b7e4a5d2f1",
    "7f3c1f0e52a94d8b9c610b7e4a5d2f10",
    "7f3c1f0e-52a9-4d8b-9c61-0b7e4a5d2f1g",
];

const MATCHING: [&str; 22] = [
    "my-cluster_1",
    "aws",
    "hybrid",
    "eu-central-1",
    "EUR",
    "DE",
    "US",
    "2024",
    "latest",
    "v1.2.3",
    "@daily",
    "0 0 * * *",
    "a/b.c",
    "local:v1:abc",
    "vault:v2:x",
    "a_b.c",
    "app.kubernetes.io/name",
    "/a.B/C",
    "https://example.com/a",
    "read",
    "(a",
    "a b",
];

const FORMATS: [&str; 66] = [
    "a",
    "b",
    "ab",
    "abyz",
    "xmnyz",
    "abc",
    "äöü",
    "😀",
    "somebody@example.com",
    "a@b",
    "a@b@c",
    "a b@c",
    "a@-b.c",
    "example.com",
    "a.b.",
    "-a.b",
    "1.2",
    "xn--a",
    "a_b.c",
    "127.0.0.1",
    "255.255.255.256",
    "01.2.3.4",
    "::1",
    "::",
    "1:2:3:4:5:6:7:8",
    "1:2:3:4:5:6:7::",
    "fe80::1%eth0",
    "::ffff:1.2.3.4",
    "::1.2.3.4%a",
    "1::2::3",
    "10.0.0.0/8",
    "10.0.0.1/8",
    "10.0.0.0/33",
    "10.0.0.0/08",
    "::/0",
    "fe80::1/10",
    "fe80::%a/10",
    "https://example.com/a?b=c#d",
    "http://[::1]:80/",
    "http://[fe80::1%25eth0]/",
    "http://[v1.a:b]/",
    "http://a b/",
    "a:b",
    "mailto:a@b.c",
    "/a/b",
    "//example.com",
    "1:b",
    "a:%zz",
    "http://a:b/",
    "http://%FF/",
    "http://%C3%A4/",
    "http://[::1.2.3.4]/",
    "?a",
    "example.com:80",
    "example.com:080",
    "example.com:65536",
    "[::1]:80",
    "[::1]",
    "1.2.3.4:0",
    "01ARZ3NDEKTSV4RRFFQ69G5FAV",
    "81ARZ3NDEKTSV4RRFFQ69G5FAV",
    "a.b.C",
    ".a.b",
    "x-request-id",
    ":path",
    "a\tb\r",
];
