//! Lowers a file that uses editions to the proto2 or proto3 file with the same meaning, because the descriptor
//! crates know only those two.
//!
//! Presence, packing and message encoding can be written into either syntax. Whether an enum is closed follows
//! from the syntax of its file: a file whose enums are all closed becomes proto2, any other proto3.

use prost::DecodeError;

use super::features::{
    EnumOptions, Features, FieldOptions, FileOptions, MessageOptions, OneofOptions, Presence,
};
use super::raw;
use crate::problem::{Place, Problem, Problems};

const EDITION_2023: i32 = 1000;
const EDITION_2024: i32 = 1001;

/// Numbers of `FieldDescriptorProto.Label` and `FieldDescriptorProto.Type`.
const REQUIRED: i32 = 2;
const REPEATED: i32 = 3;
const STRING: i32 = 9;
const GROUP: i32 = 10;
const MESSAGE: i32 = 11;
const BYTES: i32 = 12;

/// Rewrites `file` in place. `set` names the descriptor set in problems. False when the file cannot be used.
pub(super) fn lower(file: &mut raw::File, set: &str, problems: &mut Problems) -> bool {
    let edition = file.edition.take().unwrap_or_default();
    let name = file.name.clone().unwrap_or_default();
    if !(EDITION_2023..=EDITION_2024).contains(&edition) {
        let what =
            format!("`{name}` uses an edition that is not known (number {edition}); known are 2023 and 2024");
        problems.error(Place::file(set).of(name), what);
        return false;
    }
    match lower_known(file, set, problems) {
        Ok(usable) => usable,
        Err(error) => {
            problems
                .error(Place::file(set).of(name), format!("the edition features cannot be read: {error}"));
            false
        }
    }
}

fn lower_known(file: &mut raw::File, set: &str, problems: &mut Problems) -> Result<bool, DecodeError> {
    let features = Features::BASE.of::<FileOptions>(file.options.as_deref())?;
    let mut survey = Survey::default();
    survey.file(file, features)?;
    let proto3 = survey.any_open || survey.any_implicit || survey.closed.is_empty();
    file.syntax = Some(if proto3 { "proto3" } else { "proto2" }.to_owned());
    let lowering = Lowering { proto3 };
    for message in &mut file.message_type {
        lowering.message(message, features, false)?;
    }
    for extension in &mut file.extension {
        lowering.extension(extension, features)?;
    }
    Ok(!proto3 || tell_closed(&survey.closed, file.name.as_deref().unwrap_or_default(), set, problems))
}

/// Tells the closed enums of a file that became proto3. False when one of them cannot be an open enum.
fn tell_closed(closed: &[ClosedEnum], file: &str, set: &str, problems: &mut Problems) -> bool {
    for found in closed {
        let place = Place::file(set).of(&found.name);
        let name = &found.name;
        problems.push(if found.begins_with_zero {
            Problem::warning(
                place,
                format!("`{name}` is closed in a file (`{file}`) with open enums or implicit presence: it is served as an open enum"),
            )
            .help("move it to a file of its own if numbers that it does not name must be refused")
        } else {
            Problem::error(
                place,
                format!("`{name}` is closed and does not begin with 0, in a file (`{file}`) with open enums or implicit presence"),
            )
            .help("move it to a file of its own, or give it a first value with the number 0")
        });
    }
    closed.iter().all(|found| found.begins_with_zero)
}

/// What decides between proto2 and proto3.
#[derive(Default)]
struct Survey {
    any_open: bool,
    any_implicit: bool,
    closed: Vec<ClosedEnum>,
}

struct ClosedEnum {
    name: String,
    begins_with_zero: bool,
}

impl Survey {
    fn file(&mut self, file: &raw::File, features: Features) -> Result<(), DecodeError> {
        let package = file.package.as_deref().unwrap_or_default();
        for found in &file.enum_type {
            self.enumeration(found, package, features)?;
        }
        file.message_type.iter().try_for_each(|message| self.message(message, package, features))
    }

    fn message(
        &mut self,
        message: &raw::Message,
        scope: &str,
        inherited: Features,
    ) -> Result<(), DecodeError> {
        let features = inherited.of::<MessageOptions>(message.options.as_deref())?;
        let scope = join(scope, message.name.as_deref());
        for field in &message.field {
            let features = features.of::<FieldOptions>(field.options.as_deref())?;
            let single = field.label != Some(REPEATED) && field.oneof_index.is_none() && !is_message(field);
            self.any_implicit |= single && !is_map_entry(message) && features.presence == Presence::Implicit;
        }
        for found in &message.enum_type {
            self.enumeration(found, &scope, features)?;
        }
        message.nested_type.iter().try_for_each(|nested| self.message(nested, &scope, features))
    }

    fn enumeration(
        &mut self,
        found: &raw::Enum,
        scope: &str,
        inherited: Features,
    ) -> Result<(), DecodeError> {
        if !inherited.of::<EnumOptions>(found.options.as_deref())?.closed {
            self.any_open = true;
            return Ok(());
        }
        let begins_with_zero = found.value.first().is_some_and(|value| value.number.unwrap_or_default() == 0);
        self.closed.push(ClosedEnum { name: join(scope, found.name.as_deref()), begins_with_zero });
        Ok(())
    }
}

struct Lowering {
    proto3: bool,
}

impl Lowering {
    fn message(
        &self,
        message: &mut raw::Message,
        inherited: Features,
        map_entry: bool,
    ) -> Result<(), DecodeError> {
        let features = inherited.of::<MessageOptions>(message.options.as_deref())?;
        let entries: Vec<String> = message
            .nested_type
            .iter()
            .filter(|nested| is_map_entry(nested))
            .filter_map(|nested| nested.name.clone())
            .collect();
        let oneofs = message
            .oneof_decl
            .iter()
            .map(|oneof| features.of::<OneofOptions>(oneof.options.as_deref()))
            .collect::<Result<Vec<_>, _>>()?;
        let mut tracked = Vec::new();
        for (index, field) in message.field.iter_mut().enumerate() {
            let oneof = field.oneof_index.and_then(|index| oneofs.get(usize::try_from(index).ok()?));
            let features = oneof.unwrap_or(&features).of::<FieldOptions>(field.options.as_deref())?;
            let of_map = field.label == Some(REPEATED)
                && field
                    .type_name
                    .as_deref()
                    .is_some_and(|name| entries.iter().any(|entry| ends_with(name, entry)));
            self.encoding(field, features, map_entry || of_map);
            if !map_entry && self.presence(field, features.presence) {
                tracked.push(index);
            }
        }
        for index in tracked {
            track_presence(message, index);
        }
        for nested in &mut message.nested_type {
            let map_entry = is_map_entry(nested);
            self.message(nested, features, map_entry)?;
        }
        message.extension.iter_mut().try_for_each(|extension| self.extension(extension, features))
    }

    fn extension(&self, extension: &mut raw::Field, inherited: Features) -> Result<(), DecodeError> {
        let features = inherited.of::<FieldOptions>(extension.options.as_deref())?;
        self.encoding(extension, features, false);
        Ok(())
    }

    /// Writes how the field's value looks on the wire. Maps are never delimited.
    fn encoding(&self, field: &mut raw::Field, features: Features, of_map: bool) {
        if field.kind == Some(MESSAGE) && features.delimited && !of_map {
            field.kind = Some(GROUP);
        }
        let packable = field.label == Some(REPEATED)
            && !is_message(field)
            && !matches!(field.kind, Some(STRING | BYTES));
        if packable && features.packed != self.proto3 {
            // `FieldOptions.packed`: the last one written counts.
            field.options.get_or_insert_default().extend([0x10, u8::from(features.packed)]);
        }
    }

    /// Writes the field's label. True when its presence has to be tracked by a oneof of its own, as `optional`
    /// is in proto3.
    fn presence(&self, field: &mut raw::Field, presence: Presence) -> bool {
        if field.label == Some(REPEATED) || field.oneof_index.is_some() {
            return false;
        }
        if presence == Presence::Required {
            field.label = Some(REQUIRED);
        }
        self.proto3 && presence != Presence::Implicit && !is_message(field)
    }
}

/// Gives the field a oneof of its own, named as protoc names it.
fn track_presence(message: &mut raw::Message, index: usize) {
    let taken = |name: &String| {
        message.field.iter().any(|field| field.name.as_ref() == Some(name))
            || message.oneof_decl.iter().any(|oneof| oneof.name.as_ref() == Some(name))
            || message.nested_type.iter().any(|nested| nested.name.as_ref() == Some(name))
            || message.enum_type.iter().any(|found| found.name.as_ref() == Some(name))
            || message
                .enum_type
                .iter()
                .flat_map(|found| &found.value)
                .any(|value| value.name.as_ref() == Some(name))
            || message.extension.iter().any(|extension| extension.name.as_ref() == Some(name))
    };
    let field = message.field.get(index).and_then(|field| field.name.as_deref()).unwrap_or_default();
    let mut name = format!("_{field}");
    while taken(&name) {
        name.insert(0, 'X');
    }
    let oneof = i32::try_from(message.oneof_decl.len()).unwrap_or(i32::MAX);
    message.oneof_decl.push(raw::Oneof { name: Some(name), options: None });
    if let Some(field) = message.field.get_mut(index) {
        field.proto3_optional = Some(true);
        field.oneof_index = Some(oneof);
    }
}

fn is_message(field: &raw::Field) -> bool {
    matches!(field.kind, Some(MESSAGE | GROUP))
}

/// `MessageOptions.map_entry`.
#[derive(Clone, PartialEq, prost::Message)]
struct MapEntry {
    #[prost(bool, tag = "7")]
    map_entry: bool,
}

fn is_map_entry(message: &raw::Message) -> bool {
    let options = message.options.as_deref().unwrap_or_default();
    <MapEntry as prost::Message>::decode(options).is_ok_and(|options| options.map_entry)
}

/// Whether the last segment of a type's name is `last`.
fn ends_with(type_name: &str, last: &str) -> bool {
    type_name.rsplit('.').next() == Some(last)
}

fn join(scope: &str, name: Option<&str>) -> String {
    let name = name.unwrap_or_default();
    if scope.is_empty() { name.to_owned() } else { format!("{scope}.{name}") }
}
