//! Finds where an element of the contract was declared.

use prost_reflect::{DescriptorPool, FileDescriptor};

use super::file::{self, Origin};
use crate::problem::Place;

/// An element of the pool: its file, its path in the file's descriptor, and the field number under which its
/// options stand there.
pub(super) struct Element {
    pub(super) file: FileDescriptor,
    path: Vec<i32>,
    options: i32,
}

/// The field number of `name` in the descriptor of every kind of element.
const NAME: i32 = 1;

impl Element {
    /// The element with this full name. An enum value may be named within its enum or, as protobuf does, beside
    /// it.
    pub(super) fn find(pool: &DescriptorPool, full_name: &str) -> Option<Self> {
        top_level(pool, full_name).or_else(|| {
            let (parent, name) = full_name.rsplit_once('.')?;
            member(pool, parent, name)
        })
    }

    fn new(file: FileDescriptor, path: &[i32], options: i32) -> Self {
        Self { file, path: path.to_vec(), options }
    }

    /// Where the element's name stands.
    pub(super) fn place(&self, origin: &Origin, item: &str) -> Place {
        let name = [&self.path[..], &[NAME]].concat();
        let place = self.locate(origin, &name).or_else(|| self.locate(origin, &self.path));
        place.unwrap_or_else(|| file_of(origin, &self.file)).of(item)
    }

    /// Where the option with this number is set on the element.
    pub(super) fn place_of_option(&self, origin: &Origin, number: u32, item: &str) -> Option<Place> {
        let number = i32::try_from(number).ok()?;
        let path = [&self.path[..], &[self.options, number]].concat();
        self.locate(origin, &path).map(|place| place.of(item))
    }

    fn locate(&self, origin: &Origin, path: &[i32]) -> Option<Place> {
        let descriptor = self.file.file_descriptor_proto();
        let spans = &descriptor.source_code_info.as_ref()?.location;
        // A simple option's path may go on to the field that it sets.
        let exact = spans.iter().find(|location| location.path == path);
        let location = exact.or_else(|| spans.iter().find(|location| location.path.starts_with(path)))?;
        let source = origin.source(self.file.name());
        Some(file::at(Place::file(origin.shown(self.file.name())), location, source.as_deref()))
    }
}

/// The place of an element whose line is not known.
fn file_of(origin: &Origin, file: &FileDescriptor) -> Place {
    match origin {
        Origin::Set(path) => Place::file(path.display().to_string()),
        _ => Place::file(origin.shown(file.name())),
    }
}

fn top_level(pool: &DescriptorPool, full_name: &str) -> Option<Element> {
    if let Some(message) = pool.get_message_by_name(full_name) {
        return Some(Element::new(message.parent_file(), message.path(), 7));
    }
    if let Some(service) = pool.get_service_by_name(full_name) {
        return Some(Element::new(service.parent_file(), service.path(), 3));
    }
    if let Some(found) = pool.get_enum_by_name(full_name) {
        return Some(Element::new(found.parent_file(), found.path(), 3));
    }
    let extension = pool.get_extension_by_name(full_name)?;
    Some(Element::new(extension.parent_file(), extension.path(), 8))
}

fn member(pool: &DescriptorPool, parent: &str, name: &str) -> Option<Element> {
    if let Some(service) = pool.get_service_by_name(parent) {
        let method = service.methods().find(|method| method.name() == name)?;
        return Some(Element::new(service.parent_file(), method.path(), 4));
    }
    if let Some(message) = pool.get_message_by_name(parent) {
        if let Some(field) = message.get_field_by_name(name) {
            return Some(Element::new(message.parent_file(), field.path(), 8));
        }
        if let Some(oneof) = message.oneofs().find(|oneof| oneof.name() == name) {
            return Some(Element::new(message.parent_file(), oneof.path(), 2));
        }
    }
    let enums = pool
        .get_enum_by_name(parent)
        .into_iter()
        .chain(pool.all_enums().filter(|found| scope(found) == parent));
    enums.into_iter().find_map(|found| {
        let value = found.get_value_by_name(name)?;
        Some(Element::new(found.parent_file(), value.path(), 3))
    })
}

/// The scope that an enum, and so each of its values, is declared in.
fn scope(found: &prost_reflect::EnumDescriptor) -> String {
    match found.parent_message() {
        Some(message) => message.full_name().to_owned(),
        None => found.package_name().to_owned(),
    }
}
