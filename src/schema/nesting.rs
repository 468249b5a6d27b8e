//! Refuses options that are nested so deep that reading them back would fail, or exhaust the stack.

use prost_types::{DescriptorProto, EnumDescriptorProto, FieldDescriptorProto, UninterpretedOption};

use super::file::File;
use crate::problem::{Place, Problem};

/// How deep an option's value may be nested. Protobuf itself reads 100 levels, those around the option included.
const DEEPEST: usize = 64;

/// The options of `file` that are nested too deep.
pub(super) fn too_deep(file: &File) -> Vec<Problem> {
    let mut options = Vec::new();
    collect(file, &mut options);
    let deep = options.into_iter().flatten().filter(|option| depth(option) > DEEPEST);
    let tell = |option: &UninterpretedOption| {
        let name = option.name.first().map(|part| part.name_part.as_str()).unwrap_or_default();
        Problem::error(
            Place::file(file.shown()),
            format!("option `{name}` is nested {} levels deep, at most {DEEPEST} can be read", depth(option)),
        )
    };
    deep.map(tell).collect()
}

fn depth(option: &UninterpretedOption) -> usize {
    option.name.len() + option.aggregate_value.as_deref().map_or(0, nesting)
}

/// How deep the brackets of a text-format value are nested. Quoted text does not count.
fn nesting(value: &str) -> usize {
    let (mut depth, mut deepest) = (0_usize, 0);
    let mut quote = None;
    let mut characters = value.chars();
    while let Some(character) = characters.next() {
        match (character, quote) {
            ('\\', Some(_)) => drop(characters.next()),
            (end, Some(begun)) if end == begun => quote = None,
            ('"' | '\'', None) => quote = Some(character),
            ('{' | '<' | '[', None) => depth += 1,
            ('}' | '>' | ']', None) => depth = depth.saturating_sub(1),
            _ => {}
        }
        deepest = deepest.max(depth);
    }
    deepest
}

/// The uninterpreted options of everything in a file.
fn collect<'f>(file: &'f File, found: &mut Vec<&'f [UninterpretedOption]>) {
    let file = &file.descriptor;
    found.extend(file.options.as_ref().map(|options| &options.uninterpreted_option[..]));
    file.message_type.iter().for_each(|message| of_message(message, found));
    file.enum_type.iter().for_each(|declared| of_enum(declared, found));
    file.extension.iter().for_each(|extension| of_field(extension, found));
    for service in &file.service {
        found.extend(service.options.as_ref().map(|options| &options.uninterpreted_option[..]));
        let methods = service.method.iter().filter_map(|method| method.options.as_ref());
        found.extend(methods.map(|options| &options.uninterpreted_option[..]));
    }
}

fn of_message<'f>(message: &'f DescriptorProto, found: &mut Vec<&'f [UninterpretedOption]>) {
    found.extend(message.options.as_ref().map(|options| &options.uninterpreted_option[..]));
    let oneofs = message.oneof_decl.iter().filter_map(|oneof| oneof.options.as_ref());
    found.extend(oneofs.map(|options| &options.uninterpreted_option[..]));
    let ranges = message.extension_range.iter().filter_map(|range| range.options.as_ref());
    found.extend(ranges.map(|options| &options.uninterpreted_option[..]));
    message.field.iter().chain(&message.extension).for_each(|field| of_field(field, found));
    message.enum_type.iter().for_each(|declared| of_enum(declared, found));
    message.nested_type.iter().for_each(|nested| of_message(nested, found));
}

fn of_enum<'f>(declared: &'f EnumDescriptorProto, found: &mut Vec<&'f [UninterpretedOption]>) {
    found.extend(declared.options.as_ref().map(|options| &options.uninterpreted_option[..]));
    let values = declared.value.iter().filter_map(|value| value.options.as_ref());
    found.extend(values.map(|options| &options.uninterpreted_option[..]));
}

fn of_field<'f>(field: &'f FieldDescriptorProto, found: &mut Vec<&'f [UninterpretedOption]>) {
    found.extend(field.options.as_ref().map(|options| &options.uninterpreted_option[..]));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nesting_counts_brackets_outside_of_quotes() {
        for (value, expected) in
            [("a: 1", 0), ("a { b < c: [1] > }", 3), (r#"a: "{{{\"{" b {}"#, 1), ("} } {", 1)]
        {
            assert_eq!(nesting(value), expected, "{value}");
        }
    }
}
