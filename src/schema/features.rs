//! Edition features: what a file, message, field or enum says, laid over what it inherits
//! (<https://protobuf.dev/editions/features>). Only the features that change a descriptor's meaning for JSON or
//! the wire are read.

use prost::{DecodeError, Message};

/// Whether a singular scalar field knows that it was set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Presence {
    /// It does.
    Explicit,
    /// It does not: zero is the same as not set.
    Implicit,
    /// It does, and it must be set.
    Required,
}

/// All features of one element.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Features {
    pub(super) presence: Presence,
    /// Whether an enum refuses numbers that it does not name.
    pub(super) closed: bool,
    /// Whether repeated numbers share one tag.
    pub(super) packed: bool,
    /// Whether messages are written between two tags (as groups were) rather than with a length.
    pub(super) delimited: bool,
}

impl Features {
    /// What editions 2023 and 2024 begin with.
    pub(super) const BASE: Self =
        Self { presence: Presence::Explicit, closed: false, packed: true, delimited: false };

    /// These features with what `options` says of its own. `Holder` knows at which number those stand.
    pub(super) fn of<H: Holder>(self, options: Option<&[u8]>) -> Result<Self, DecodeError> {
        let Some(options) = options else { return Ok(self) };
        Ok(H::decode(options)?.written().map_or(self, |written| self.overlaid(&written)))
    }

    fn overlaid(mut self, written: &Written) -> Self {
        match written.field_presence {
            Some(1) => self.presence = Presence::Explicit,
            Some(2) => self.presence = Presence::Implicit,
            Some(3) => self.presence = Presence::Required,
            _ => {}
        }
        for (feature, number) in
            [(&mut self.closed, written.enum_type), (&mut self.delimited, written.message_encoding)]
        {
            *feature = choice(number).unwrap_or(*feature);
        }
        self.packed = choice(written.repeated_field_encoding).map_or(self.packed, |expanded| !expanded);
        self
    }
}

/// Whether a two-valued feature has its second value; `None` when it is not written.
fn choice(number: Option<i32>) -> Option<bool> {
    match number {
        Some(1) => Some(false),
        Some(2) => Some(true),
        _ => None,
    }
}

/// `google.protobuf.FeatureSet`.
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Written {
    #[prost(int32, optional, tag = "1")]
    field_presence: Option<i32>,
    #[prost(int32, optional, tag = "2")]
    enum_type: Option<i32>,
    #[prost(int32, optional, tag = "3")]
    repeated_field_encoding: Option<i32>,
    #[prost(int32, optional, tag = "5")]
    message_encoding: Option<i32>,
}

/// An options message, of which only the features are read.
pub(super) trait Holder: Message + Default {
    /// The features that are written there.
    fn written(self) -> Option<Written>;
}

macro_rules! holder {
    ($($name:ident = $tag:literal),*) => {$(
        #[derive(Clone, PartialEq, prost::Message)]
        pub(super) struct $name {
            #[prost(message, optional, tag = $tag)]
            features: Option<Written>,
        }

        impl Holder for $name {
            fn written(self) -> Option<Written> {
                self.features
            }
        }
    )*};
}

holder!(
    FileOptions = "50",
    MessageOptions = "12",
    FieldOptions = "21",
    OneofOptions = "1",
    EnumOptions = "7"
);
