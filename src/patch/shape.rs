//! The message types below a resource, made ready at load: names as masks spell them, and what a merge must know
//! of each field.
//!
//! Not for how a field's value is written: a merge copies values as they stand.

use std::collections::HashMap;

use prost_reflect::{FieldDescriptor, Kind, MessageDescriptor};

/// Message types, the resource's own first. They refer to each other by index.
#[derive(Debug)]
pub(super) struct Shapes(Vec<Shape>);

/// One message type.
#[derive(Debug, Default)]
pub(super) struct Shape {
    fields: Vec<Field>,
    /// Places in `fields` by proto name, by JSON name, and by JSON name in snake case.
    names: HashMap<Box<str>, usize>,
    /// The oneof, by index, of each field number that is in one.
    choices: HashMap<u32, usize>,
    oneofs: usize,
}

/// One field of a message type.
#[derive(Debug)]
pub(super) struct Field {
    pub(super) number: u32,
    /// Its proto name.
    pub(super) name: Box<str>,
    pub(super) form: Form,
}

/// What a mask path can do with a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    Scalar,
    List,
    Map,
    /// A singular message of the shape at this index.
    Message {
        shape: usize,
        group: bool,
    },
}

impl Shapes {
    /// Compiles a message type and all that it holds.
    pub(super) fn compile(resource: &MessageDescriptor) -> Self {
        let mut types = Found::default();
        types.index(resource);
        let mut shapes = Vec::new();
        while let Some(desc) = types.order.get(shapes.len()).cloned() {
            shapes.push(Shape::compile(&desc, &mut types));
        }
        Self(shapes)
    }

    pub(super) fn get(&self, index: usize) -> Option<&Shape> {
        self.0.get(index)
    }
}

impl Shape {
    fn compile(desc: &MessageDescriptor, types: &mut Found) -> Self {
        let mut shape = Self::default();
        for field in desc.fields() {
            shape.fields.push(Field {
                number: field.number(),
                name: field.name().into(),
                form: Form::of(&field, types),
            });
        }
        // A proto name wins over another field's JSON name.
        let spellings: [fn(&FieldDescriptor) -> String; 3] = [
            |field| field.name().to_owned(),
            |field| field.json_name().to_owned(),
            |field| snake(field.json_name()),
        ];
        for spelling in spellings {
            for (place, field) in desc.fields().enumerate() {
                shape.names.entry(spelling(&field).into()).or_insert(place);
            }
        }
        for (index, oneof) in desc.oneofs().enumerate() {
            shape.choices.extend(oneof.fields().map(|member| (member.number(), index)));
            shape.oneofs = index + 1;
        }
        shape
    }

    /// The field that a segment of a mask path names, and its place.
    pub(super) fn named(&self, segment: &str) -> Option<(usize, &Field)> {
        let place = *self.names.get(segment)?;
        self.fields.get(place).map(|field| (place, field))
    }

    pub(super) fn field(&self, place: usize) -> Option<&Field> {
        self.fields.get(place)
    }

    /// The proto names of all fields.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.fields.iter().map(|field| &*field.name)
    }

    /// The oneof that a field is in.
    pub(super) fn choice(&self, number: u32) -> Option<usize> {
        self.choices.get(&number).copied()
    }

    /// How many oneofs the type has.
    pub(super) fn oneofs(&self) -> usize {
        self.oneofs
    }
}

impl Form {
    /// Whether its values are delimited by tags rather than by a length.
    pub(super) fn is_group(self) -> bool {
        matches!(self, Self::Message { group: true, .. })
    }

    fn of(field: &FieldDescriptor, types: &mut Found) -> Self {
        match field.kind() {
            _ if field.is_map() => Self::Map,
            _ if field.is_list() => Self::List,
            Kind::Message(desc) => Self::Message { shape: types.index(&desc), group: field.is_group() },
            _ => Self::Scalar,
        }
    }
}

/// The types found so far, each with its index.
#[derive(Default)]
struct Found {
    order: Vec<MessageDescriptor>,
    indices: HashMap<String, usize>,
}

impl Found {
    fn index(&mut self, desc: &MessageDescriptor) -> usize {
        let next = self.order.len();
        let index = *self.indices.entry(desc.full_name().to_owned()).or_insert(next);
        if index == next {
            self.order.push(desc.clone());
        }
        index
    }
}

/// A JSON name as a mask's reader spells it on the wire: each capital as an underscore and its small letter.
fn snake(name: &str) -> String {
    let mut snake = String::with_capacity(name.len() + 4);
    for character in name.chars() {
        if character.is_ascii_uppercase() {
            snake.push('_');
        }
        snake.push(character.to_ascii_lowercase());
    }
    snake
}
