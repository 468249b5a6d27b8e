//! What protoc takes care of and the linker takes for granted: names that are names, map entries that are map
//! entries, defaults that can be read. A descriptor set comes from a file, and files can be damaged.

use prost_reflect::{DescriptorPool, DynamicMessage};
use prost_types::field_descriptor_proto::{Label, Type};
use prost_types::{DescriptorProto, EnumDescriptorProto, FieldDescriptorProto, FileDescriptorProto};

use super::file::Files;
use crate::problem::{Place, Problem, Problems};

/// Checks one file of a descriptor set; false when it must not be linked.
pub(super) fn file(file: &FileDescriptorProto, set: &str, problems: &mut Problems) -> bool {
    let mut check = Check { faults: Vec::new() };
    check.file(file);
    let sound = check.faults.is_empty();
    for (item, what) in check.faults {
        let item = if item.is_empty() { file.name().to_owned() } else { item };
        let problem = Problem::error(Place::file(set).of(item), what);
        problems.push(problem.help("the set is damaged, or was not made by a proto compiler: make it anew"));
    }
    sound
}

struct Check {
    /// The element and what is wrong with it.
    faults: Vec<(String, String)>,
}

impl Check {
    fn file(&mut self, file: &FileDescriptorProto) {
        if file.name().is_empty() {
            self.faults.push((String::new(), "a file in the set has no name".to_owned()));
        }
        let package = file.package();
        if !package.is_empty() {
            package.split('.').for_each(|part| self.name(part, package));
        }
        for message in &file.message_type {
            self.message(message, package);
            if package == "google.protobuf" {
                self.options_message(message);
            }
        }
        file.enum_type.iter().for_each(|found| self.enumeration(found, package));
        file.extension.iter().for_each(|extension| self.field(extension, package));
        for service in &file.service {
            self.name(service.name(), package);
            service.method.iter().for_each(|method| self.name(method.name(), service.name()));
        }
    }

    fn message(&mut self, message: &DescriptorProto, scope: &str) {
        self.name(message.name(), scope);
        let scope = format!("{scope}.{}", message.name());
        message.field.iter().chain(&message.extension).for_each(|field| self.field(field, &scope));
        message.oneof_decl.iter().for_each(|oneof| self.name(oneof.name(), &scope));
        message.enum_type.iter().for_each(|found| self.enumeration(found, &scope));
        message.nested_type.iter().for_each(|nested| self.message(nested, &scope));
        let entry = message.options.as_ref().is_some_and(prost_types::MessageOptions::map_entry);
        if entry && !is_map_entry(message) {
            self.fault(&scope, "this map entry has not the two fields of a map entry");
        }
    }

    fn enumeration(&mut self, found: &EnumDescriptorProto, scope: &str) {
        self.name(found.name(), scope);
        found.value.iter().for_each(|value| self.name(value.name(), scope));
    }

    fn field(&mut self, field: &FieldDescriptorProto, scope: &str) {
        self.name(field.name(), scope);
        if field.r#type() == Type::Bytes && !is_escaped(field.default_value()) {
            self.fault(
                &format!("{scope}.{}", field.name()),
                "the default value is not a well-formed byte string",
            );
        }
        if field.oneof_index.is_some() && field.label() == Label::Repeated {
            self.fault(&format!("{scope}.{}", field.name()), "a field of a oneof is repeated");
        }
    }

    fn name(&mut self, name: &str, scope: &str) {
        let mut characters = name.chars();
        let begins = characters.next().is_some_and(|first| first.is_ascii_alphabetic() || first == '_');
        if !begins || !characters.all(|other| other.is_ascii_alphanumeric() || other == '_') {
            self.fault(scope, &format!("`{}` is not a name", name.escape_debug()));
        }
    }

    /// A set may bring its own `descriptor.proto`, of another version; but an option must not change its type.
    fn options_message(&mut self, message: &DescriptorProto) {
        let name = format!("google.protobuf.{}", message.name());
        if !message.name().ends_with("Options") {
            return;
        }
        let Some(known) = DescriptorPool::global().get_message_by_name(&name) else { return };
        for field in &message.field {
            let number = u32::try_from(field.number()).unwrap_or_default();
            let Some(known) = known.get_field(number) else { continue };
            let known = known.field_descriptor_proto();
            if (known.r#type(), known.label()) != (field.r#type(), field.label()) {
                self.fault(
                    &name,
                    &format!("option `{}` has not the type that protobuf gives it", field.name()),
                );
            }
        }
    }

    fn fault(&mut self, item: &str, what: &str) {
        self.faults.push((item.trim_start_matches('.').to_owned(), what.to_owned()));
    }
}

fn is_map_entry(message: &DescriptorProto) -> bool {
    let keys = |field: &FieldDescriptorProto| {
        !matches!(
            field.r#type(),
            Type::Double | Type::Float | Type::Bytes | Type::Message | Type::Group | Type::Enum
        ) && field.type_name().is_empty()
    };
    match &message.field[..] {
        [key, value] => {
            let numbered = key.number() == 1 && value.number() == 2;
            numbered && keys(key) && key.label() == Label::Optional && value.label() == Label::Optional
        }
        _ => false,
    }
}

/// Whether `text` is a byte string as descriptors hold it: ASCII with C escapes, none above `\377`.
fn is_escaped(text: &str) -> bool {
    let octal = |escape: &[u8]| escape.iter().take(3).take_while(|byte| matches!(byte, b'0'..=b'7')).count();
    let mut rest = text.as_bytes();
    while let Some((byte, after)) = rest.split_first() {
        rest = after;
        if !byte.is_ascii() {
            return false;
        }
        if *byte == b'\\' && octal(rest) == 3 && rest.first().is_some_and(|first| *first > b'3') {
            return false;
        }
        if *byte == b'\\' {
            // Whatever is escaped is not the beginning of another escape.
            rest = rest.get(1..).unwrap_or_default();
            if !after.first().is_some_and(u8::is_ascii) {
                return false;
            }
        }
    }
    true
}

/// Checks the linked pool: options are decoded with all extensions that the pool knows, which may be more than
/// the file that wrote them knew.
pub(super) fn options(pool: &DescriptorPool, files: &Files, problems: &mut Problems) {
    let Some(descriptor) = pool.get_message_by_name("google.protobuf.FileDescriptorProto") else { return };
    for file in pool.files() {
        let Some((_, known)) = files.find(file.name()) else { continue };
        if known.encoded.is_none() {
            continue;
        }
        if let Err(error) = DynamicMessage::decode(descriptor.clone(), file.encode_to_vec().as_slice()) {
            problems.error(Place::file(known.shown()), format!("{}: {error}", super::tell::UNFIT_OPTIONS));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn byte_strings_are_told_from_what_would_upset_the_linker() {
        for text in ["", "abc", r"\000\377", r"\\400", r"\x41", r"a\n\'"] {
            assert!(is_escaped(text), "{text}");
        }
        for text in [r"\400", r"\777", r"\", r"\xé", "é"] {
            assert!(!is_escaped(text), "{text}");
        }
    }
}
