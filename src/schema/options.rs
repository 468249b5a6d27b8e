//! Finds an option among those that a file sets on an element, before it is linked: until then they have the order in
//! which they were written instead of numbers.

use prost_types::uninterpreted_option::NamePart;
use prost_types::{DescriptorProto, FileDescriptorProto, UninterpretedOption};

/// The field number of `uninterpreted_option` in the options of every kind of element.
pub(super) const UNINTERPRETED: i32 = 999;

/// Which of the options that are written on the element with this path is the one with this full name.
pub(super) fn written(file: &FileDescriptorProto, path: &[i32], option: &str) -> Option<i32> {
    let is_named = |part: &NamePart| {
        let name = part.name_part.trim_start_matches('.');
        part.is_extension
            && option.strip_suffix(name).is_some_and(|scope| scope.is_empty() || scope.ends_with('.'))
    };
    let options = of_file(file, path)?;
    let index = options.iter().position(|option| option.name.first().is_some_and(is_named))?;
    i32::try_from(index).ok()
}

/// Takes the options of an element, if it has any.
macro_rules! options {
    ($element:expr) => {
        Some(&$element?.options.as_ref()?.uninterpreted_option[..])
    };
}

fn of_file<'f>(file: &'f FileDescriptorProto, path: &[i32]) -> Option<&'f [UninterpretedOption]> {
    match *path {
        [4, message, ref rest @ ..] => of_message(at(&file.message_type, message)?, rest),
        [5, found] => options!(at(&file.enum_type, found)),
        [5, found, 2, value] => options!(at(&at(&file.enum_type, found)?.value, value)),
        [6, service] => options!(at(&file.service, service)),
        [6, service, 2, method] => options!(at(&at(&file.service, service)?.method, method)),
        [7, extension] => options!(at(&file.extension, extension)),
        _ => None,
    }
}

fn of_message<'f>(message: &'f DescriptorProto, path: &[i32]) -> Option<&'f [UninterpretedOption]> {
    match *path {
        [] => options!(Some(message)),
        [2, field] => options!(at(&message.field, field)),
        [3, nested, ref rest @ ..] => of_message(at(&message.nested_type, nested)?, rest),
        [4, found] => options!(at(&message.enum_type, found)),
        [4, found, 2, value] => options!(at(&at(&message.enum_type, found)?.value, value)),
        [6, extension] => options!(at(&message.extension, extension)),
        [8, oneof] => options!(at(&message.oneof_decl, oneof)),
        _ => None,
    }
}

fn at<T>(list: &[T], index: i32) -> Option<&T> {
    list.get(usize::try_from(index).ok()?)
}
