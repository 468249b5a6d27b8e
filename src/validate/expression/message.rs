//! A protobuf message as a CEL value: its fields are found on the first look at any of them, and each value is made
//! on the first look at it.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use cel::ExecutionError;
use cel::common::traits::Indexer;
use cel::common::types::{CelString, DYN_TYPE, Type};
use cel::common::value::{CowVal, StaticVal, Val};
use prost_reflect::{DescriptorPool, DynamicMessage, FieldDescriptor, MessageDescriptor, Value};

use super::super::build::slot_of;
use super::super::plan::is_set;
use super::super::read::{Found, Raw, Shape as Count, Slot, fields};
use super::value;

/// What there is to know of each message type of a pool.
pub(super) struct Shapes(HashMap<Box<str>, Arc<Shape>>);

/// What there is to know of one message type.
pub(super) struct Shape {
    desc: MessageDescriptor,
    cel_type: Type,
    slots: Box<[Slot]>,
    /// In the order of the slots.
    fields: Box<[FieldDescriptor]>,
    places: HashMap<Box<str>, usize>,
}

impl Shapes {
    pub(super) fn of(pool: &DescriptorPool) -> Self {
        Self(pool.all_messages().map(|desc| (desc.full_name().into(), Arc::new(Shape::of(desc)))).collect())
    }

    pub(super) fn find(&self, full_name: &str) -> Option<&Arc<Shape>> {
        self.0.get(full_name)
    }
}

impl Shape {
    fn of(desc: MessageDescriptor) -> Self {
        let mut fields: Vec<_> = desc.fields().collect();
        fields.sort_by_key(FieldDescriptor::number);
        Self {
            cel_type: Type::new_struct(desc.full_name().to_owned()),
            slots: fields.iter().map(slot_of).collect(),
            places: fields.iter().zip(0..).map(|(field, place)| (field.name().into(), place)).collect(),
            fields: fields.into(),
            desc,
        }
    }
}

/// A message; cheap to clone.
#[derive(Clone)]
pub(super) struct Message(Arc<Inner>);

struct Inner {
    shape: Arc<Shape>,
    shapes: Arc<Shapes>,
    wire: Bytes,
    /// One for each field, in the order of the slots; none where the bytes are no message.
    fields: OnceLock<Option<Box<[Kept]>>>,
}

struct Kept {
    set: bool,
    values: Values,
    value: OnceLock<Box<dyn Val>>,
}

/// What was found of a field, without a borrow.
enum Values {
    Nothing,
    Number(u64),
    Bytes(Bytes),
    Many(Box<[Values]>),
}

impl Message {
    pub(super) fn new(shape: &Arc<Shape>, shapes: &Arc<Shapes>, wire: Bytes) -> Self {
        let (shape, shapes) = (Arc::clone(shape), Arc::clone(shapes));
        Self(Arc::new(Inner { shape, shapes, wire, fields: OnceLock::new() }))
    }

    /// Whether a field is set, as `has()` asks.
    pub(super) fn has(&self, name: &str) -> Result<bool, ExecutionError> {
        self.kept(name).map(|(_, kept)| kept.set)
    }

    fn kept(&self, name: &str) -> Result<(usize, &Kept), ExecutionError> {
        let inner = &*self.0;
        let place = inner.shape.places.get(name).ok_or_else(|| ExecutionError::no_such_key(name))?;
        let fields = inner.fields.get_or_init(|| inner.read()).as_ref();
        let fields =
            fields.ok_or_else(|| ExecutionError::function_error("read", "the message is malformed"))?;
        let kept = fields.get(*place).ok_or_else(|| ExecutionError::no_such_key(name))?;
        Ok((*place, kept))
    }

    fn field(&self, name: &str) -> Result<&(dyn Val + 'static), ExecutionError> {
        let (place, kept) = self.kept(name)?;
        if let Some(value) = kept.value.get() {
            return Ok(&**value);
        }
        let (Some(desc), Some(slot)) = (self.0.shape.fields.get(place), self.0.shape.slots.get(place)) else {
            return Err(ExecutionError::no_such_key(name));
        };
        let made = self.0.make(desc, slot, &kept.values)?;
        Ok(&**kept.value.get_or_init(|| made))
    }

    fn decoded(&self) -> Option<DynamicMessage> {
        DynamicMessage::decode(self.0.shape.desc.clone(), &*self.0.wire).ok()
    }
}

impl Inner {
    fn read(&self) -> Option<Box<[Kept]>> {
        let found = fields(&self.shape.slots, &self.wire).ok()?;
        let kept =
            self.shape.slots.iter().zip(&*self.shape.fields).zip(found).map(|((slot, desc), found)| Kept {
                set: is_set(slot, desc.supports_presence(), &found),
                values: self.keep(slot, &found),
                value: OnceLock::new(),
            });
        Some(kept.collect())
    }

    fn keep(&self, slot: &Slot, found: &Found<'_>) -> Values {
        let keep = |raw: &Raw<'_>| match raw {
            Raw::Number(number) => Values::Number(*number),
            Raw::Bytes(bytes) => Values::Bytes(self.wire.slice_ref(bytes)),
        };
        match found {
            Found::Nothing => Values::Nothing,
            Found::Many(_) if slot.shape == Count::Single => {
                Values::Bytes(found.message().into_owned().into())
            }
            Found::One(raw) if slot.shape == Count::Single => keep(raw),
            found => Values::Many(found.all().iter().map(keep).collect()),
        }
    }

    fn make(
        &self,
        desc: &FieldDescriptor,
        slot: &Slot,
        values: &Values,
    ) -> Result<Box<dyn Val>, ExecutionError> {
        let all: &[Values] = match values {
            Values::Many(values) => values,
            _ => &[],
        };
        match (slot.shape, values.raw()) {
            (Count::List, _) => value::list(&self.shapes, &desc.kind(), all.iter().filter_map(Values::raw)),
            (Count::Map, _) => value::map(&self.shapes, &desc.kind(), all.iter().filter_map(Values::raw)),
            (Count::Single, Some(raw)) => value::single(&self.shapes, &desc.kind(), raw),
            (Count::Single, None) => value::unset(&self.shapes, desc),
        }
    }
}

impl Values {
    fn raw(&self) -> Option<Raw<'_>> {
        match self {
            Self::Number(number) => Some(Raw::Number(*number)),
            Self::Bytes(bytes) => Some(Raw::Bytes(bytes)),
            Self::Nothing | Self::Many(_) => None,
        }
    }
}

impl fmt::Debug for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Message").field(&self.0.shape.desc.full_name()).finish()
    }
}

impl Val for Message {
    fn get_type(&self) -> &Type {
        &self.0.shape.cel_type
    }

    fn cel_type() -> &'static Type {
        &DYN_TYPE
    }

    fn as_indexer<'b, 'v>(&'b self) -> Option<&'b (dyn Indexer + 'v)>
    where
        Self: 'v,
    {
        Some(self)
    }

    /// Field by field, as messages are compared.
    fn equals(&self, other: &dyn Val) -> bool {
        let Some(other) = other.downcast_ref::<Self>() else { return false };
        let same_type = self.0.shape.desc == other.0.shape.desc;
        same_type
            && (self.0.wire == other.0.wire
                || self.decoded().zip(other.decoded()).is_some_and(|(one, other)| same(&one, &other)))
    }

    fn clone_as_boxed<'v>(&self) -> Box<dyn Val + 'v>
    where
        Self: 'v,
    {
        Box::new(self.clone())
    }

    fn as_any(&self) -> Option<&dyn std::any::Any> {
        Some(self)
    }
}

impl StaticVal for Message {}

/// Whether two messages have the same fields set to the same; fields that are not known do not count.
fn same(one: &DynamicMessage, other: &DynamicMessage) -> bool {
    let (mut fields, mut others) = (one.fields(), other.fields());
    loop {
        match (fields.next(), others.next()) {
            (None, None) => return true,
            (Some((field, one)), Some((like, other))) if field == like && same_value(one, other) => {}
            _ => return false,
        }
    }
}

fn same_value(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Message(one), Value::Message(other)) => same(one, other),
        (Value::List(one), Value::List(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(one, other)| same_value(one, other))
        }
        (Value::Map(one), Value::Map(other)) => {
            let holds = |(key, one): (_, &Value)| other.get(key).is_some_and(|other| same_value(one, other));
            one.len() == other.len() && one.iter().all(holds)
        }
        (one, other) => one == other,
    }
}

impl Indexer for Message {
    fn get<'b, 'v>(&'b self, field: &dyn Val) -> Result<CowVal<'b, 'v>, ExecutionError>
    where
        Self: 'v,
    {
        match field.downcast_ref::<CelString>() {
            Some(name) => self.field(name.inner()).map(CowVal::Borrowed),
            None => Err(ExecutionError::no_such_key("a message has fields only")),
        }
    }

    fn steal<'v>(self: Box<Self>, field: &dyn Val) -> Result<Box<dyn Val + 'v>, ExecutionError>
    where
        Self: 'v,
    {
        self.get(field).map(CowVal::into_owned)
    }
}
