//! Random messages as wire bytes: any type, any legal layout.
//!
//! What is made follows from a string of bytes, the choices: fewer or smaller bytes make a smaller message, so
//! that a property test shrinks, and a fuzzer steers, by the bytes alone. Fields come in any order, singular
//! ones more than once, repeated ones packed, single or split, with unknown fields between them: everything
//! that a reader of the wire format has to take. Well-known types mostly hold values that JSON can show.

#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    reason = "any bits will do as a random value, and the wire knows no signs"
)]

use prost::encoding::{WireType, encode_key, encode_varint};
use prost_reflect::{
    Cardinality, EnumDescriptor, ExtensionDescriptor, FieldDescriptor, Kind, MessageDescriptor,
};

/// The bytes that decide.
pub struct Choices<'a>(&'a [u8]);

impl<'a> Choices<'a> {
    /// Takes `bytes` one after the other; when they are spent, every choice is the first.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    fn byte(&mut self) -> u8 {
        let Some((first, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        *first
    }

    fn word(&mut self) -> u64 {
        u64::from_le_bytes(std::array::from_fn(|_| self.byte()))
    }

    /// A number less than `end`, which is not 0.
    fn below(&mut self, end: usize) -> usize {
        let choice = if end <= 0x100 { u64::from(self.byte()) } else { self.word() };
        usize::try_from(choice % end as u64).expect("it is less than a usize")
    }

    fn flip(&mut self) -> bool {
        self.byte() >= 0x80
    }

    /// True about once in `times`, never when the bytes are spent.
    fn once_in(&mut self, times: u8) -> bool {
        self.byte() > u8::MAX - u8::MAX / times
    }

    fn of<T: Copy>(&mut self, table: &[T]) -> T {
        table[self.below(table.len())]
    }
}

/// The wire bytes of a message of this type.
pub fn message(desc: &MessageDescriptor, choices: &mut Choices<'_>) -> Vec<u8> {
    // Most messages are sound, so that what goes wrong in the others does not hide everything.
    let hostile = choices.once_in(8);
    let mut out = Vec::new();
    Writer { choices, hostile, depth: 0 }.content(desc, &mut out);
    out
}

/// How deep messages lie in one another at most.
const DEEPEST: usize = 7;

struct Writer<'w, 'c> {
    choices: &'w mut Choices<'c>,
    /// Whether values may be such that the message cannot be read, or has no JSON form.
    hostile: bool,
    depth: usize,
}

impl Writer<'_, '_> {
    /// Something that a sound message does not have.
    fn evil(&mut self) -> bool {
        self.hostile && self.choices.once_in(16)
    }

    fn content(&mut self, desc: &MessageDescriptor, out: &mut Vec<u8>) {
        if self.evil() {
            return self.occurrences(desc, out);
        }
        match desc.full_name() {
            "google.protobuf.Any" => self.any(desc, out),
            "google.protobuf.Duration" => self.duration(out),
            "google.protobuf.FieldMask" => self.mask(out),
            "google.protobuf.Timestamp" => self.timestamp(out),
            "google.protobuf.Value" => self.value(desc, out),
            _ => self.occurrences(desc, out),
        }
    }

    /// Any fields, any number of times, in any order.
    fn occurrences(&mut self, desc: &MessageDescriptor, out: &mut Vec<u8>) {
        let extensions = desc.extensions().map(|extension| Slot::of_extension(&extension));
        let fields: Vec<_> = desc.fields().map(|field| Slot::of(&field)).chain(extensions).collect();
        let most = if self.depth == 0 { 2 * fields.len() + 3 } else { 7 };
        for _ in 0..self.choices.below(most) {
            if fields.is_empty() || self.choices.once_in(24) {
                self.unknown(desc, out);
            } else {
                let slot = &fields[self.choices.below(fields.len())];
                self.occurrence(slot, out);
            }
        }
    }

    fn occurrence(&mut self, slot: &Slot, out: &mut Vec<u8>) {
        match &slot.kind {
            Kind::Message(entry) if slot.map => {
                let (key, value) = (entry.map_entry_key_field(), entry.map_entry_value_field());
                self.nested(slot.number, out, |writer, out| {
                    let mut parts = [Slot::of(&key), Slot::of(&value)];
                    if writer.choices.once_in(8) {
                        parts.reverse();
                    }
                    for part in parts {
                        if !writer.choices.once_in(8) {
                            writer.single(&part, out);
                        }
                    }
                });
            }
            kind if slot.list && packable(kind) && self.choices.flip() => {
                self.nested(slot.number, out, |writer, out| {
                    for _ in 0..writer.choices.below(5) {
                        writer.scalar(&slot.kind, out);
                    }
                });
            }
            _ => self.single(slot, out),
        }
    }

    /// One value with its tag.
    fn single(&mut self, slot: &Slot, out: &mut Vec<u8>) {
        match &slot.kind {
            Kind::Message(_) if self.depth >= DEEPEST => {}
            Kind::Message(desc) if slot.group => {
                encode_key(slot.number, WireType::StartGroup, out);
                self.deeper(desc, out);
                encode_key(slot.number, WireType::EndGroup, out);
            }
            Kind::Message(desc) => self.nested(slot.number, out, |writer, out| writer.deeper(desc, out)),
            Kind::String => self.nested(slot.number, out, Self::text),
            Kind::Bytes => self.nested(slot.number, out, |writer, out| {
                let length = writer.choices.below(9);
                out.extend((0..length).map(|_| writer.choices.byte()));
            }),
            kind => {
                encode_key(slot.number, kind.wire_type(), out);
                self.scalar(kind, out);
            }
        }
    }

    fn deeper(&mut self, desc: &MessageDescriptor, out: &mut Vec<u8>) {
        self.depth += 1;
        self.content(desc, out);
        self.depth -= 1;
    }

    fn nested(&mut self, number: u32, out: &mut Vec<u8>, content: impl FnOnce(&mut Self, &mut Vec<u8>)) {
        let mut inner = Vec::new();
        content(self, &mut inner);
        bytes_field(number, &inner, out);
    }

    /// A number, bool or enum value without its tag.
    fn scalar(&mut self, kind: &Kind, out: &mut Vec<u8>) {
        match kind {
            Kind::Double => out.extend(self.double().to_le_bytes()),
            Kind::Float => out.extend(self.float().to_le_bytes()),
            Kind::Fixed32 | Kind::Sfixed32 => out.extend((self.integer() as u32).to_le_bytes()),
            Kind::Fixed64 | Kind::Sfixed64 => out.extend(self.integer().to_le_bytes()),
            Kind::Bool => encode_varint(u64::from(self.choices.flip()), out),
            Kind::Enum(desc) => encode_varint(i64::from(self.enum_number(desc)) as u64, out),
            Kind::Int32 => encode_varint(i64::from(self.integer() as i32) as u64, out),
            Kind::Uint32 | Kind::Sint32 => encode_varint(u64::from(self.integer() as u32), out),
            _ => encode_varint(self.integer(), out),
        }
    }

    fn integer(&mut self) -> u64 {
        match self.choices.below(4) {
            0 => u64::from(self.choices.byte()),
            1 => (-i64::from(self.choices.byte())) as u64,
            2 => self.choices.of(&INTEGERS),
            _ => self.choices.word(),
        }
    }

    fn double(&mut self) -> f64 {
        match self.choices.below(4) {
            0 => f64::from(self.choices.byte()),
            1 => f64::from(self.choices.byte()) / 10.0,
            2 => self.choices.of(&DOUBLES),
            _ => f64::from_bits(self.choices.word()),
        }
    }

    fn float(&mut self) -> f32 {
        match self.choices.below(3) {
            0 => f32::from(self.choices.byte()) / 10.0,
            1 => self.choices.of(&DOUBLES) as f32,
            _ => f32::from_bits(self.choices.word() as u32),
        }
    }

    /// Mostly a number that the enum names.
    fn enum_number(&mut self, desc: &EnumDescriptor) -> i32 {
        if self.choices.once_in(12) {
            return self.integer() as i32;
        }
        desc.values().nth(self.choices.below(desc.values().len())).map_or(0, |value| value.number())
    }

    fn text(&mut self, out: &mut Vec<u8>) {
        for _ in 0..self.choices.below(4) {
            out.extend(self.choices.of(&TEXTS).as_bytes());
        }
        if self.evil() {
            out.push(0xff);
        }
    }

    fn unknown(&mut self, desc: &MessageDescriptor, out: &mut Vec<u8>) {
        let number = 1_000_000 + self.choices.below(9) as u32;
        assert!(desc.get_field(number).is_none(), "no type has fields so high up");
        match self.choices.below(4) {
            0 => {
                encode_key(number, WireType::Varint, out);
                encode_varint(self.choices.word(), out);
            }
            1 => {
                encode_key(number, WireType::ThirtyTwoBit, out);
                out.extend([0xff; 4]);
            }
            2 => bytes_field(number, b"\xff unknown", out),
            _ => {
                encode_key(number, WireType::StartGroup, out);
                bytes_field(1, b"in a group", out);
                encode_key(number, WireType::EndGroup, out);
            }
        }
    }

    /// An `Any` with a type of the pool; rarely an empty one.
    fn any(&mut self, desc: &MessageDescriptor, out: &mut Vec<u8>) {
        let pool = desc.parent_pool();
        let types = pool.all_messages().len();
        let inside =
            pool.all_messages().nth(self.choices.below(types)).filter(|inside| !inside.is_map_entry());
        let Some(inside) = inside.filter(|_| self.depth < DEEPEST && !self.choices.once_in(16)) else {
            return;
        };
        bytes_field(1, format!("type.googleapis.com/{}", inside.full_name()).as_bytes(), out);
        self.nested(2, out, |writer, out| writer.deeper(&inside, out));
    }

    /// A `Value` with one kind, or rarely two, of which the last counts.
    fn value(&mut self, desc: &MessageDescriptor, out: &mut Vec<u8>) {
        for _ in 0..=usize::from(self.choices.once_in(24)) {
            match self.choices.below(6) {
                0 => int_field(1, 0, out),
                1 => {
                    let number = Some(self.double()).filter(|number| number.is_finite()).unwrap_or(0.5);
                    encode_key(2, WireType::SixtyFourBit, out);
                    out.extend(number.to_le_bytes());
                }
                2 => self.nested(3, out, Self::text),
                3 => int_field(4, u64::from(self.choices.flip()), out),
                // A struct and a list end what may nest without end.
                number if self.depth < DEEPEST => {
                    let field = desc.get_field(number as u32 + 1);
                    self.single(&Slot::of(&field.expect("a struct or a list")), out);
                }
                _ => int_field(1, 0, out),
            }
        }
    }

    fn timestamp(&mut self, out: &mut Vec<u8>) {
        const FIRST: i64 = -62_135_596_800;
        const LAST: i64 = 253_402_300_799;
        let seconds = match self.choices.below(4) {
            0 => 0,
            1 => self.choices.of(&[FIRST, LAST, -1, 1, 951_782_400, 4_107_542_399]),
            _ => FIRST + (self.choices.word() % (LAST - FIRST) as u64) as i64,
        };
        int_field(1, seconds as u64, out);
        int_field(2, self.nanos() as u64, out);
    }

    fn duration(&mut self, out: &mut Vec<u8>) {
        const LONGEST: u64 = 315_576_000_000;
        let sign = self.choices.of(&[1, -1]);
        let seconds = match self.choices.below(4) {
            0 => 0,
            1 => self.choices.of(&[LONGEST, 1, 59, 3600]),
            _ => self.choices.word() % LONGEST,
        };
        int_field(1, (seconds as i64 * sign) as u64, out);
        int_field(2, (self.nanos() * sign) as u64, out);
    }

    fn nanos(&mut self) -> i64 {
        let unit = self.choices.of(&[1_000_000_000, 1_000_000, 1_000, 1]);
        (self.choices.word() % (1_000_000_000 / unit) * unit) as i64
    }

    fn mask(&mut self, out: &mut Vec<u8>) {
        for _ in 0..self.choices.below(4) {
            bytes_field(1, self.choices.of(&["a", "foo_bar", "a.b_c.d", "x1.y_z2"]).as_bytes(), out);
        }
    }
}

/// What the writer asks of a field or an extension.
struct Slot {
    number: u32,
    kind: Kind,
    list: bool,
    map: bool,
    group: bool,
}

macro_rules! slot {
    ($desc:expr) => {
        Slot {
            number: $desc.number(),
            kind: $desc.kind(),
            list: $desc.cardinality() == Cardinality::Repeated,
            map: $desc.is_map(),
            group: $desc.is_group(),
        }
    };
}

impl Slot {
    fn of(desc: &FieldDescriptor) -> Self {
        slot!(desc)
    }

    fn of_extension(desc: &ExtensionDescriptor) -> Self {
        slot!(desc)
    }
}

fn packable(kind: &Kind) -> bool {
    !matches!(kind, Kind::String | Kind::Bytes | Kind::Message(_))
}

fn bytes_field(number: u32, content: &[u8], out: &mut Vec<u8>) {
    encode_key(number, WireType::LengthDelimited, out);
    encode_varint(content.len() as u64, out);
    out.extend(content);
}

fn int_field(number: u32, value: u64, out: &mut Vec<u8>) {
    encode_key(number, WireType::Varint, out);
    encode_varint(value, out);
}

const INTEGERS: [u64; 10] = [
    0,
    1,
    u64::MAX,
    i64::MAX as u64,
    i64::MIN as u64,
    i32::MAX as u64,
    i32::MIN as i64 as u64,
    u32::MAX as u64,
    1 << 53,
    (1 << 53) + 1,
];

const DOUBLES: [f64; 20] = [
    0.0,
    -0.0,
    1.0,
    -1.5,
    0.1,
    1e21,
    1e20,
    1e-6,
    1e-7,
    123_456_789.123_456_79,
    9_007_199_254_740_993.0,
    f64::MAX,
    f64::MIN_POSITIVE,
    5e-324,
    f32::MAX as f64,
    f32::MIN_POSITIVE as f64,
    1.401_298_464_324_817e-45,
    f64::NAN,
    f64::INFINITY,
    f64::NEG_INFINITY,
];

const TEXTS: [&str; 14] = [
    "a",
    "key",
    "with space",
    "\"quoted\\\"",
    "line\nbreak\ttab\u{8}\u{c}\r",
    "\u{0}\u{1f}\u{7f}",
    "äöü",
    "日本語",
    "😀",
    "\u{2028}\u{2029}\u{feff}",
    "</script>&",
    "/slash/",
    "12",
    "long enough to need more than one machine word, and then some",
];
