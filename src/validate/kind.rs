//! What the bits of a value mean: the scalar types of protobuf, in the three forms that rules look at.

use prost_reflect::{FieldDescriptor, Kind as Declared};

/// The type of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Bool,
    Int32,
    Int64,
    Uint32,
    Uint64,
    Sint32,
    Sint64,
    Fixed32,
    Fixed64,
    Sfixed32,
    Sfixed64,
    Float,
    Double,
    Enum,
    String,
    Bytes,
    Message,
    Group,
}

/// How a value stands on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    Varint,
    Fixed32,
    Fixed64,
    Bytes,
    Group,
}

impl Kind {
    pub(super) fn of(field: &FieldDescriptor) -> Self {
        Self::declared(&field.kind(), field.is_group())
    }

    pub(super) fn declared(kind: &Declared, group: bool) -> Self {
        match kind {
            Declared::Bool => Self::Bool,
            Declared::Int32 => Self::Int32,
            Declared::Int64 => Self::Int64,
            Declared::Uint32 => Self::Uint32,
            Declared::Uint64 => Self::Uint64,
            Declared::Sint32 => Self::Sint32,
            Declared::Sint64 => Self::Sint64,
            Declared::Fixed32 => Self::Fixed32,
            Declared::Fixed64 => Self::Fixed64,
            Declared::Sfixed32 => Self::Sfixed32,
            Declared::Sfixed64 => Self::Sfixed64,
            Declared::Float => Self::Float,
            Declared::Double => Self::Double,
            Declared::Enum(_) => Self::Enum,
            Declared::String => Self::String,
            Declared::Bytes => Self::Bytes,
            Declared::Message(_) if group => Self::Group,
            Declared::Message(_) => Self::Message,
        }
    }

    pub(super) fn form(self) -> Form {
        match self {
            Self::Fixed32 | Self::Sfixed32 | Self::Float => Form::Fixed32,
            Self::Fixed64 | Self::Sfixed64 | Self::Double => Form::Fixed64,
            Self::String | Self::Bytes | Self::Message => Form::Bytes,
            Self::Group => Form::Group,
            _ => Form::Varint,
        }
    }

    pub(super) fn is_message(self) -> bool {
        matches!(self, Self::Message | Self::Group)
    }

    pub(super) fn is_number(self) -> bool {
        !matches!(self, Self::String | Self::Bytes | Self::Message | Self::Group)
    }

    /// The number that bits of the wire stand for: a signed one as the bits of an `i64`, a floating one as those of
    /// an `f64`, any other as itself.
    #[allow(
        clippy::cast_possible_truncation,
        reason = "protobuf cuts a number that is too long for its type to the type's width"
    )]
    pub(super) fn number(self, bits: u64) -> u64 {
        let low = bits as u32;
        match self {
            Self::Bool => u64::from(bits != 0),
            Self::Int32 | Self::Sfixed32 | Self::Enum => i64::from(low.cast_signed()).cast_unsigned(),
            Self::Sint32 => i64::from((low >> 1).cast_signed() ^ -(low & 1).cast_signed()).cast_unsigned(),
            Self::Sint64 => (bits >> 1) ^ (bits & 1).wrapping_neg(),
            Self::Uint32 | Self::Fixed32 => low.into(),
            Self::Float => f64::from(f32::from_bits(low)).to_bits(),
            _ => bits,
        }
    }

    /// A number of a signed kind.
    pub(super) fn int(number: u64) -> i64 {
        number.cast_signed()
    }

    /// A number of a floating kind.
    pub(super) fn float(number: u64) -> f64 {
        f64::from_bits(number)
    }

    /// The word of its rules in `FieldRules`, which is what their ids begin with.
    pub(super) fn rules(self) -> Option<&'static str> {
        Some(match self {
            Self::Bool => "bool",
            Self::Int32 => "int32",
            Self::Int64 => "int64",
            Self::Uint32 => "uint32",
            Self::Uint64 => "uint64",
            Self::Sint32 => "sint32",
            Self::Sint64 => "sint64",
            Self::Fixed32 => "fixed32",
            Self::Fixed64 => "fixed64",
            Self::Sfixed32 => "sfixed32",
            Self::Sfixed64 => "sfixed64",
            Self::Float => "float",
            Self::Double => "double",
            Self::Enum => "enum",
            Self::String => "string",
            Self::Bytes => "bytes",
            Self::Message | Self::Group => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_cut_and_turned_as_their_types_have_it() {
        let minus_one = u64::MAX;
        let table = [
            (Kind::Bool, 7, 1),
            (Kind::Int32, minus_one, minus_one),
            (Kind::Int32, 1 << 32, 0),
            (Kind::Uint32, minus_one, 0xffff_ffff),
            (Kind::Sint32, 1, minus_one),
            (Kind::Sint32, 2, 1),
            (Kind::Sint64, 1, minus_one),
            (Kind::Sfixed32, 0xffff_ffff, minus_one),
            (Kind::Float, f32::to_bits(1.5).into(), f64::to_bits(1.5)),
            (Kind::Uint64, minus_one, minus_one),
        ];
        for (kind, bits, number) in table {
            assert_eq!(kind.number(bits), number, "{kind:?} {bits}");
        }
    }
}
