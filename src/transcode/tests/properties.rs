//! Properties over random messages, texts and bytes.

use std::collections::HashMap;

use proptest::prelude::*;
use prost::bytes::Bytes;
use prost_reflect::{FieldDescriptor, Kind, MapKey, MessageDescriptor, Value};

use super::*;
use crate::transcode::UnsetFields;
use crate::transcode::oracle::field::Field;
use crate::transcode::oracle::known::{WellKnown, build};
use crate::transcode::oracle::{read, scalar};
use crate::transcode::to_wire::Lexer;

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever is written is read back as the same wire bytes, whatever the form.
    #[test]
    fn write_then_read_is_identity(entropy in entropy(), settings in settings(), proto2: bool) {
        let desc = if proto2 { legacy() } else { kinds() };
        // An unset `Value` shown as `null` is read back as a `Value` that is null.
        let unset_fields = match settings.unset_fields {
            UnsetFields::Null if !proto2 => UnsetFields::Zero,
            other => other,
        };
        let settings = Settings { unset_fields, ..settings };
        let wire = wire_of(&random(&desc, &mut Entropy(&entropy), 3));
        let plan = Echo::new(&desc, settings.clone()).body("*").plan();
        let mut json = Vec::new();
        plan.write_response(&wire, &mut json).expect("a message with a JSON form");
        let mut back = Vec::new();
        let read = plan.write_request(&[], None, &json, &mut back);
        prop_assert!(read.is_ok(), "{read:?}: {}", String::from_utf8_lossy(&json));
        prop_assert_eq!(back, wire, "{}", String::from_utf8_lossy(&json));
        prop_assert!(serde_json::from_slice::<serde::de::IgnoredAny>(&json).is_ok());
    }

    /// Our encoder and the library's decoder agree.
    #[test]
    fn wire_bytes_are_decoded_to_the_same(entropy in entropy(), proto2: bool) {
        let desc = if proto2 { legacy() } else { kinds() };
        let message = random(&desc, &mut Entropy(&entropy), 3);
        let wire = wire_of(&message);
        let decoded = DynamicMessage::decode(desc, wire.as_slice()).expect("sound bytes");
        prop_assert_eq!(show(&decoded, &Settings::default()), show(&message, &Settings::default()));
        prop_assert_eq!(wire_of(&decoded), wire);
    }

    /// A text that was tampered with is refused, or read to something that has a form of its own.
    #[test]
    fn tampered_json_is_read_or_refused(
        entropy in entropy(),
        edits in tampering(),
    ) {
        let message = random(&kinds(), &mut Entropy(&entropy), 3);
        let mut json = show(&message, &sparse()).into_bytes();
        edits.apply(&mut json);
        let plan = Echo::new(&kinds(), sparse()).body("*").plan();
        let mut wire = Vec::new();
        if let Err(status) = plan.write_request(&[], None, &json, &mut wire) {
            prop_assert_eq!(status.http_status(), 400);
            return Ok(());
        }
        let (mut shown, mut again) = (Vec::new(), Vec::new());
        plan.write_response(&wire, &mut shown).expect("what was read can be written");
        plan.write_request(&[], None, &shown, &mut again).expect("what was written can be read");
        // Maps were in the order of the text, and are sorted now.
        prop_assert_eq!(wire_of(&decoded(&again)), wire_of(&decoded(&wire)));
    }

    /// The grammar is the one that `serde_json` has too.
    #[test]
    fn the_grammar_agrees(text in json_like()) {
        let mut lexer = Lexer::new(&text, 100);
        let ours = lexer.skip().and_then(|()| lexer.end());
        let theirs = serde_json::from_str::<serde::de::IgnoredAny>(&text);
        prop_assert_eq!(ours.is_ok(), theirs.is_ok(), "{:?} {:?} {:?}", text, ours, theirs);
    }

    /// Integers are what `i128` makes of the digits, floats what the standard library makes of the text.
    #[test]
    fn numbers_agree(digits in "-?(0|[1-9][0-9]{0,24})", zeros in 0_usize..5, double: f64, float: f32) {
        use crate::transcode::number;
        let exact = digits.parse::<i128>().expect("few digits");
        let small = exact.unsigned_abs() < 10_u128.pow(20);
        let text = format!("{digits}{}e-{zeros}", "0".repeat(zeros));
        prop_assert_eq!(number::integer(&text), small.then_some(exact), "{}", text);
        if double.is_finite() {
            prop_assert_eq!(number::double(&format!("{double:e}")), Some(double));
        }
        if float.is_finite() {
            prop_assert_eq!(number::float(&format!("{float:e}")), Some(float));
        }
    }

    /// Bytes that nobody meant are a 400 or a 502, never a panic.
    #[test]
    fn arbitrary_bytes_are_answered(bytes in prop::collection::vec(any::<u8>(), 0..200), query in query_like()) {
        for desc in [kinds(), legacy()] {
            let plan = Echo::new(&desc, Settings::default()).body("*").plan();
            if let Err(status) = plan.write_request(&[], None, &bytes, &mut Vec::new()) {
                prop_assert_eq!(status.http_status(), 400);
            }
            if let Err(status) = plan.write_response(&bytes, &mut Vec::new()) {
                prop_assert_eq!(status.http_status(), 502);
            }
        }
        let plan = Echo::new(&kinds(), Settings::default()).plan();
        if let Err(status) = plan.write_request(&[], Some(&query), &[], &mut Vec::new()) {
            prop_assert_eq!(status.http_status(), 400, "{}", query);
        }
        let text = String::from_utf8_lossy(&bytes).into_owned();
        for field in ["string_value", "int32_list", "time", "duration", "bytes_value", "color", "double_value"] {
            let plan = Echo::new(&kinds(), Settings::default()).variable(field, "7").plan();
            let _ = plan.write_request(&[Cow::Borrowed(&text)], None, &[], &mut Vec::new());
        }
    }
}

/// A text is clipped before it is shown, so a fault in a long one costs no more than reading it.
#[test]
fn a_parameter_of_json_keeps_its_depth() {
    let deep = "[".repeat(100_000);
    let fault = read::parameter(&deep, &desc("google.protobuf.Value"), &Settings::default());
    assert!(fault.expect_err("too deep").what().contains("nested deeper"));
}

pub(super) fn entropy() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(any::<u8>(), 0..2500)
}

pub(super) fn settings() -> impl Strategy<Value = Settings> {
    let unset = prop_oneof![Just(UnsetFields::Null), Just(UnsetFields::Zero), Just(UnsetFields::Omit)];
    (unset, any::<[bool; 7]>()).prop_map(|(unset_fields, [a, b, c, d, e, f, g])| Settings {
        unset_fields,
        proto_names: a,
        enums_as_numbers: b,
        int64_as_numbers: c,
        indent: d,
        refuse_unknown_fields: e,
        case_insensitive_enums: f,
        refuse_unknown_enums: g,
        ..Settings::default()
    })
}

fn decoded(wire: &[u8]) -> DynamicMessage {
    DynamicMessage::decode(kinds(), wire).expect("sound bytes")
}

/// Small changes of a text.
#[derive(Debug, Clone)]
pub(super) struct Tampering(Vec<(prop::sample::Index, Edit)>);

impl Tampering {
    pub(super) fn apply(&self, text: &mut Vec<u8>) {
        for (at, edit) in &self.0 {
            let at = at.index(text.len());
            match edit {
                Edit::Remove => drop(text.remove(at)),
                Edit::Insert(piece) => drop(text.splice(at..at, piece.bytes())),
                Edit::Replace(byte) => text[at] = *byte,
            }
            if text.is_empty() {
                text.push(b'0');
            }
        }
    }
}

pub(super) fn tampering() -> impl Strategy<Value = Tampering> {
    prop::collection::vec((any::<prop::sample::Index>(), edit()), 1..4).prop_map(Tampering)
}

#[derive(Debug, Clone)]
enum Edit {
    Remove,
    Insert(&'static str),
    Replace(u8),
}

fn edit() -> impl Strategy<Value = Edit> {
    let pieces =
        ["{", "}", "[", "]", ",", ":", "\"", "\\", "null", "1e5", "-", "0", " ", "\"a\"", "true", ".5", "é"];
    prop_oneof![
        Just(Edit::Remove),
        prop::sample::select(pieces.to_vec()).prop_map(Edit::Insert),
        any::<u8>().prop_map(Edit::Replace),
    ]
}

fn json_like() -> impl Strategy<Value = String> {
    let pieces = [
        "{",
        "}",
        "[",
        "]",
        ",",
        ":",
        "\"",
        "\"a\"",
        "\"\\n\"",
        "null",
        "true",
        "false",
        "1",
        "-0.5e+7",
        "01",
        "-",
        ".",
        "e",
        " ",
        "\n",
        "\t",
        "{}",
        "[]",
        "[1]",
        "{\"a\":1}",
        "\"a\":",
        "nul",
        "\\",
        "\u{1}",
        "é",
        "\u{feff}",
    ];
    prop::collection::vec(prop::sample::select(pieces.to_vec()), 0..12).prop_map(|pieces| pieces.concat())
}

fn query_like() -> impl Strategy<Value = String> {
    let pieces = [
        "&",
        "=",
        ".",
        "[",
        "]",
        "%",
        "%41",
        "%ff",
        "+",
        ";",
        "child",
        "int32_value",
        "labels",
        "kinds",
        "string_list",
        "mark_text",
        "mark_child",
        "time",
        "mask",
        "struct",
        "1",
        "a",
        "{}",
        "\"",
        "é",
        "by_int32",
        "duration",
        "1h",
    ];
    prop::collection::vec(prop::sample::select(pieces.to_vec()), 0..16).prop_map(|pieces| pieces.concat())
}

/// Bytes that decide what a random message is; all zeros once they are used up.
pub(super) struct Entropy<'a>(pub(super) &'a [u8]);

impl Entropy<'_> {
    pub(super) fn byte(&mut self) -> u8 {
        let Some((first, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        *first
    }

    pub(super) fn below(&mut self, bound: u8) -> u8 {
        self.byte() % bound
    }

    /// A number that is often small, often an extreme.
    fn number(&mut self) -> u64 {
        match self.below(4) {
            0 => u64::from(self.byte()),
            1 => u64::MAX - u64::from(self.byte()),
            2 => (1 << 63) - u64::from(self.below(3)),
            _ => u64::from_le_bytes(std::array::from_fn(|_| self.byte())),
        }
    }

    fn double(&mut self) -> f64 {
        match self.below(8) {
            0 => f64::NAN,
            1 => f64::INFINITY,
            2 => -0.0,
            3 => f64::from(self.byte()),
            4 => f64::MIN_POSITIVE / 2.0,
            _ => Some(f64::from_bits(self.number())).filter(|number| !number.is_nan()).unwrap_or(1.5),
        }
    }

    fn text(&mut self) -> String {
        let alphabet = ["a", "\"", "\\", "\n", "\u{0}", "é", "😀", "\u{2028}", "<", "/", "\u{7f}", "Z"];
        (0..self.below(5)).map(|_| alphabet[usize::from(self.below(12))]).collect()
    }
}

/// A random message that has a JSON form.
pub(super) fn random(desc: &MessageDescriptor, entropy: &mut Entropy<'_>, depth: u8) -> DynamicMessage {
    if let Some(known) = WellKnown::of(desc) {
        return well_known(known, desc, entropy, depth);
    }
    let mut message = DynamicMessage::new(desc.clone());
    let fields = desc.fields().map(Field::Plain).chain(desc.extensions().map(Field::Extension));
    for field in fields {
        let nests = matches!(field.kind(), Kind::Message(_));
        if entropy.below(4) == 1 && (depth > 0 || !nests) {
            let value = field_value(&field, entropy, depth.saturating_sub(1));
            assert!(field.set(&mut message, value), "a value of the field's type");
        }
    }
    message
}

fn field_value(field: &Field, entropy: &mut Entropy<'_>, depth: u8) -> Value {
    let kind = field.kind();
    match &kind {
        Kind::Message(entry) if field.is_map() => {
            let (key, value) = (entry.map_entry_key_field(), entry.map_entry_value_field());
            let entries = (0..entropy.below(4))
                .map(|_| (map_key(&key, entropy), single(&value.kind(), entropy, depth)));
            Value::Map(entries.collect::<HashMap<_, _>>())
        }
        _ if field.is_list() => {
            Value::List((0..entropy.below(4)).map(|_| single(&kind, entropy, depth)).collect())
        }
        _ => single(&kind, entropy, depth),
    }
}

fn map_key(field: &FieldDescriptor, entropy: &mut Entropy<'_>) -> MapKey {
    match single(&field.kind(), entropy, 0) {
        Value::Bool(key) => MapKey::Bool(key),
        Value::I32(key) => MapKey::I32(key),
        Value::I64(key) => MapKey::I64(key),
        Value::U32(key) => MapKey::U32(key),
        Value::U64(key) => MapKey::U64(key),
        Value::String(key) => MapKey::String(key),
        other => panic!("no map key: {other:?}"),
    }
}

#[allow(clippy::cast_possible_truncation, reason = "any bits will do")]
fn single(kind: &Kind, entropy: &mut Entropy<'_>, depth: u8) -> Value {
    match kind {
        Kind::Message(desc) => Value::Message(random(desc, entropy, depth)),
        Kind::Enum(desc) if desc.full_name() == "google.protobuf.NullValue" => Value::EnumNumber(0),
        Kind::Enum(desc) if scalar::is_open(desc) && entropy.below(3) == 1 => {
            Value::EnumNumber((entropy.number() as u32).cast_signed())
        }
        Kind::Enum(desc) => {
            let values: Vec<_> = desc.values().map(|value| value.number()).collect();
            Value::EnumNumber(values[usize::from(entropy.byte()) % values.len()])
        }
        Kind::Bool => Value::Bool(entropy.below(2) == 1),
        Kind::String => Value::String(entropy.text()),
        Kind::Bytes => {
            Value::Bytes(Bytes::from((0..entropy.below(6)).map(|_| entropy.byte()).collect::<Vec<_>>()))
        }
        Kind::Double => Value::F64(entropy.double()),
        Kind::Float => {
            let float = entropy.double() as f32;
            Value::F32(if float.is_nan() { f32::NAN } else { float })
        }
        Kind::Int32 | Kind::Sint32 | Kind::Sfixed32 => Value::I32((entropy.number() as u32).cast_signed()),
        Kind::Int64 | Kind::Sint64 | Kind::Sfixed64 => Value::I64(entropy.number().cast_signed()),
        Kind::Uint32 | Kind::Fixed32 => Value::U32(entropy.number() as u32),
        Kind::Uint64 | Kind::Fixed64 => Value::U64(entropy.number()),
    }
}

fn well_known(
    known: WellKnown,
    desc: &MessageDescriptor,
    entropy: &mut Entropy<'_>,
    depth: u8,
) -> DynamicMessage {
    let first = || Field::Plain(desc.get_field(1).expect("every one has a first field"));
    let fraction = |entropy: &mut Entropy<'_>| {
        let digits = i32::from(entropy.byte()) * 3_906_249;
        [0, digits / 1_000_000 * 1_000_000, digits / 1000 * 1000, digits][usize::from(entropy.below(4))]
    };
    let built = match known {
        WellKnown::Any => return any_value(desc, entropy, depth),
        WellKnown::Timestamp => {
            let seconds = entropy.number() % (253_402_300_800 + 62_135_596_800);
            let seconds = seconds.cast_signed() - 62_135_596_800;
            build(desc, [(1, Value::I64(seconds)), (2, Value::I32(fraction(entropy)))])
        }
        WellKnown::Duration => {
            let (seconds, nanos) = ((entropy.number() % 315_576_000_001).cast_signed(), fraction(entropy));
            let sign = if entropy.below(2) == 1 { -1 } else { 1 };
            build(desc, [(1, Value::I64(i64::from(sign) * seconds)), (2, Value::I32(sign * nanos))])
        }
        WellKnown::FieldMask => {
            let paths = ["a", "foo_bar", "a.b_c.d", "x1.y"];
            let paths = (0..entropy.below(4)).map(|_| paths[usize::from(entropy.below(4))].to_owned());
            build(desc, [(1, Value::List(paths.map(Value::String).collect()))])
        }
        WellKnown::Struct | WellKnown::List if depth == 0 => build(desc, []),
        WellKnown::Struct | WellKnown::List => build(desc, [(1, field_value(&first(), entropy, depth - 1))]),
        WellKnown::Wrapper => build(desc, [(1, single(&first().kind(), entropy, depth))]),
        WellKnown::Value => {
            let number = u32::from(entropy.below(6)) + 1;
            let kind = desc.get_field(number).expect("six kinds").kind();
            let value = match single(&kind, entropy, depth.saturating_sub(1)) {
                Value::F64(number) if !number.is_finite() => Value::F64(0.5),
                value => value,
            };
            build(desc, [(number, value)])
        }
    };
    built.expect("the usual fields")
}

fn any_value(desc: &MessageDescriptor, entropy: &mut Entropy<'_>, depth: u8) -> DynamicMessage {
    let names = [
        "transcode.test.Shapes",
        "transcode.legacy.Legacy",
        "google.protobuf.Duration",
        "google.protobuf.Struct",
        "google.protobuf.Empty",
        "google.protobuf.FloatValue",
        "google.protobuf.Any",
    ];
    let name = names[usize::from(entropy.below(7))];
    if depth == 0 {
        return DynamicMessage::new(desc.clone());
    }
    let content = random(&super::desc(name), entropy, depth - 1);
    let fields = [
        (1, Value::String(format!("type.googleapis.com/{name}"))),
        (2, Value::Bytes(Bytes::from(wire_of(&content)))),
    ];
    build(desc, fields).expect("the usual fields")
}
