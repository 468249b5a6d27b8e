//! Finds where elements of the contract were declared.

use std::collections::BTreeMap;

use prost_reflect::{DescriptorPool, FileDescriptor};
use prost_types::FileDescriptorProto;
use prost_types::source_code_info::Location;

use super::file::{self, Origin};
use super::{Schema, Source, options};
use crate::problem::Place;

/// Finds places. The file that was asked about last stays open, so that the many elements of one file cost no more
/// than reading it.
#[derive(Debug)]
pub struct Places<'s> {
    schema: &'s Schema,
    opened: Option<Opened<'s>>,
}

impl<'s> Places<'s> {
    pub(super) fn of_schema(schema: &'s Schema) -> Self {
        Self { schema, opened: None }
    }

    /// Where the element with this full name was declared, as [`Schema::place`] says.
    pub fn of(&mut self, full_name: &str) -> Place {
        let Some((element, opened)) = self.open(full_name) else { return Place::item(full_name) };
        let name = [&element.path[..], &[NAME]].concat();
        let place = opened.locate(&name).or_else(|| opened.locate(&element.path));
        place.unwrap_or_else(|| opened.whole()).of(full_name)
    }

    /// Where an option is set on the element with this full name, as [`Schema::place_of_option`] says.
    pub fn of_option(&mut self, full_name: &str, option: &str) -> Place {
        self.set(full_name, option).unwrap_or_else(|| self.of(full_name))
    }

    fn set(&mut self, full_name: &str, option: &str) -> Option<Place> {
        let number = self.schema.pool.get_extension_by_name(option)?.number();
        let (element, opened) = self.open(full_name)?;
        let linked = [&element.path[..], &[element.options, i32::try_from(number).ok()?]].concat();
        let written = || {
            let index = options::written(opened.descriptor, &element.path, option)?;
            opened.locate(&[&element.path[..], &[element.options, options::UNINTERPRETED, index]].concat())
        };
        opened.locate(&linked).or_else(written).map(|place| place.of(full_name))
    }

    /// The element, and its file opened.
    fn open(&mut self, full_name: &str) -> Option<(Element, &Opened<'s>)> {
        let element = Element::find(&self.schema.pool, full_name)?;
        let (name, source) = self.schema.sources.get_key_value(element.file.name())?;
        let list = element.path.first().copied()?;
        if self.opened.as_ref().is_none_or(|opened| (opened.name, opened.list) != (name.as_str(), list)) {
            self.opened = Some(Opened::of(name, source, list));
        }
        self.opened.as_ref().map(|opened| (element, opened))
    }
}

/// A file whose elements are asked about: those of one of its lists (messages, enums, services, extensions).
#[derive(Debug)]
struct Opened<'s> {
    name: &'s str,
    origin: &'s Origin,
    descriptor: &'s FileDescriptorProto,
    list: i32,
    /// By path, each with its place among those of the file.
    spans: BTreeMap<&'s [i32], (usize, &'s Location)>,
    text: Option<String>,
    /// Where the lines of the text begin.
    lines: Vec<usize>,
}

impl<'s> Opened<'s> {
    fn of(name: &'s str, source: &'s Source, list: i32) -> Self {
        let mut spans = BTreeMap::new();
        for (index, location) in source.spans.iter().enumerate() {
            if location.path.first() == Some(&list) {
                // Of two with one path the first counts.
                spans.entry(&location.path[..]).or_insert((index, location));
            }
        }
        let text = if spans.is_empty() { None } else { source.origin.source(name) };
        let breaks = text.iter().flat_map(|text| text.match_indices('\n')).map(|(at, _)| at + 1);
        let lines = std::iter::once(0).chain(breaks).collect();
        Self { name, origin: &source.origin, descriptor: &source.descriptor, list, spans, text, lines }
    }

    fn locate(&self, path: &[i32]) -> Option<Place> {
        // A simple option's path may go on to the field that it sets.
        let below = || self.spans.range(path..).take_while(|(other, _)| other.starts_with(path));
        let first = || below().map(|(_, found)| *found).min_by_key(|(index, _)| *index);
        let (_, location) = self.spans.get(path).copied().or_else(first)?;
        let place = Place::file(self.origin.shown(self.name));
        Some(file::at(place, location, |line| {
            self.text.as_ref()?.get(*self.lines.get(line)?..)?.lines().next()
        }))
    }

    /// The place of an element whose line is not known.
    fn whole(&self) -> Place {
        match self.origin {
            Origin::Set(path) => Place::file(path.display().to_string()),
            _ => Place::file(self.origin.shown(self.name)),
        }
    }
}

/// An element of the pool: its file, its path in the file's descriptor, and the field number under which its
/// options stand there.
struct Element {
    file: FileDescriptor,
    path: Vec<i32>,
    options: i32,
}

/// The field number of `name` in the descriptor of every kind of element.
const NAME: i32 = 1;

impl Element {
    /// The element with this full name. An enum value may be named within its enum or, as protobuf does, beside
    /// it.
    fn find(pool: &DescriptorPool, full_name: &str) -> Option<Self> {
        top_level(pool, full_name).or_else(|| {
            let (parent, name) = full_name.rsplit_once('.')?;
            member(pool, parent, name)
        })
    }

    fn new(file: FileDescriptor, path: &[i32], options: i32) -> Self {
        Self { file, path: path.to_vec(), options }
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
