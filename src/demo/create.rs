//! `Create<Resource>`, and `Create<Resource>From<Other>`.

use std::sync::Arc;

use prost_reflect::{DynamicMessage, FieldDescriptor, Kind, Value};
use tonic::Status;

use super::answer::{not_found, unimplemented};
use super::carrier::{self, Carrier};
use super::method::{Method, Sketch};
use super::resource::Resource;
use super::select::Selection;
use super::store::Store;
use super::words::{plural, spoken};
use super::{ident, made};

/// How records of one type are made.
#[derive(Debug)]
pub(super) struct Create {
    resource: Arc<Resource>,
    /// Where the request carries the record; none: it is made of the request's fields.
    subject: Option<Carrier>,
    carrier: Option<Carrier>,
    /// Fields of the request and of the record that they fill, where that is empty.
    fills: Vec<(FieldDescriptor, FieldDescriptor)>,
    source: Option<Source>,
    parents: Vec<FieldDescriptor>,
    name: Option<FieldDescriptor>,
    /// The request's `parent`, and the `<noun>_id` that the client may choose, for paths as names.
    parent: Option<FieldDescriptor>,
    chosen: Option<FieldDescriptor>,
}

/// The record that a new one is made from.
#[derive(Debug)]
struct Source {
    resource: Arc<Resource>,
    selection: Selection,
}

impl Create {
    pub(super) fn plan(sketch: &Sketch<'_>) -> Option<Self> {
        let answered = sketch.carried(&sketch.output);
        let taken = sketch.carried(&sketch.input);
        let (resource, carrier, subject) = match (answered, taken) {
            (Some((carrier, of)), Some((subject, same))) if of.desc == same.desc => {
                (of, Some(carrier), Some(subject))
            }
            (Some((carrier, of)), _) => (of, Some(carrier), None),
            (None, Some((subject, of))) => (of, None, Some(subject)),
            (None, None) => return None,
        };
        let text =
            |name: &str| sketch.input.get_field_by_name(name).filter(|field| field.kind() == Kind::String);
        let source = sketch.noun.split_once("From").and_then(|(_, from)| Source::plan(sketch, from));
        if sketch.noun.contains("From") && subject.is_none() && source.is_none() {
            return None;
        }
        Some(Self {
            fills: fills(sketch, &resource),
            source,
            parents: sketch.types.parents(&resource),
            name: text_name(&resource),
            parent: text("parent").filter(|_| resource.is_named_by_path()),
            chosen: text(&format!("{}_id", resource.noun)).filter(|_| subject.is_some()),
            resource,
            subject,
            carrier,
        })
    }

    pub(super) fn run(
        &self,
        store: &mut Store,
        request: &DynamicMessage,
        method: &Method,
    ) -> Result<DynamicMessage, Status> {
        let mut record = self.draft(store, request)?;
        self.give_key(store, request, &mut record)?;
        refuse_same_name(store, &self.resource, self.name.as_ref(), &self.parents, &record, 0)?;
        let sibling = store.find(&self.resource, |_| true).map(|(_, sibling)| sibling);
        made::settle(&mut record, &self.resource, sibling);
        made::stamp(&mut record);
        let stored = made::mint(&mut record);
        store.insert(&self.resource, stored)?;
        Ok(carrier::answer(&method.output, self.carrier.as_ref(), record))
    }

    /// The record as the client wants it.
    fn draft(&self, store: &Store, request: &DynamicMessage) -> Result<DynamicMessage, Status> {
        let mut record = match &self.subject {
            Some(subject) => subject.take(request.clone()).ok_or_else(unimplemented)?,
            None => DynamicMessage::new(self.resource.desc.clone()),
        };
        for (from, to) in &self.fills {
            if request.has_field(from) && !record.has_field(to) {
                record.set_field(to, request.get_field(from).into_owned());
            }
        }
        if let Some(source) = &self.source {
            copy(source.find(store, request)?, &mut record, &self.resource);
        }
        Ok(record)
    }

    fn give_key(
        &self,
        store: &Store,
        request: &DynamicMessage,
        record: &mut DynamicMessage,
    ) -> Result<(), Status> {
        let Some(key) = &self.resource.key else { return Ok(()) };
        let given = self.resource.key_of(record).filter(|_| self.parent.is_none());
        let value = given.unwrap_or_else(|| match key.kind() {
            Kind::String => Value::String(self.new_key(request)),
            kind => number(&kind, store.next_number()),
        });
        let taken = store.find(&self.resource, |other| *other.get_field(key) == value).is_some();
        record.set_field(key, value);
        if taken {
            return Err(exists(&self.resource, key, record));
        }
        Ok(())
    }

    fn new_key(&self, request: &DynamicMessage) -> String {
        let text = |field: &Option<FieldDescriptor>| {
            let value = request.get_field(field.as_ref()?).into_owned();
            value.as_str().filter(|text| !text.is_empty()).map(str::to_owned)
        };
        let id = text(&self.chosen).unwrap_or_else(ident::uuid);
        if !self.resource.is_named_by_path() {
            return id;
        }
        let many = plural(&self.resource.noun);
        text(&self.parent).map_or_else(|| format!("{many}/{id}"), |parent| format!("{parent}/{many}/{id}"))
    }
}

impl Source {
    fn plan(sketch: &Sketch<'_>, noun: &str) -> Option<Self> {
        let resource = sketch.types.named(&super::words::snake(noun), sketch.method)?;
        let selection = Selection::new(&sketch.input, &resource);
        selection.names_key().then_some(Self { resource, selection })
    }

    fn find<'a>(&self, store: &'a Store, request: &DynamicMessage) -> Result<&'a DynamicMessage, Status> {
        let found = store.find(&self.resource, |record| self.selection.names(request, record));
        found
            .map(|(_, record)| record)
            .ok_or_else(|| not_found(&self.selection.spoken(request, &self.resource)))
    }
}

/// Fills a record's empty fields from another record's fields of the same names, then from its parts'.
pub(super) fn copy(from: &DynamicMessage, to: &mut DynamicMessage, resource: &Resource) {
    let is_own = |field: &FieldDescriptor| {
        resource.key.as_ref() == Some(field) || field.name().ends_with("_at") || field.name().ends_with("_by")
    };
    let parts = from.fields().filter_map(|(_, value)| value.as_message());
    for source in std::iter::once(from).chain(parts) {
        for (field, value) in source.fields() {
            let target = resource.desc.get_field_by_name(field.name());
            let fits =
                |target: &FieldDescriptor| target.kind() == field.kind() && value.is_valid_for_field(target);
            if let Some(target) = target.filter(|target| !is_own(target) && fits(target))
                && !to.has_field(&target)
            {
                to.set_field(&target, value.clone());
            }
        }
    }
}

/// Which request fields fill which fields of the record: same names, and `cluster_name` the `name`.
fn fills(sketch: &Sketch<'_>, resource: &Resource) -> Vec<(FieldDescriptor, FieldDescriptor)> {
    let own = format!("{}_", resource.noun);
    let target = |name: &str| {
        let short = name.strip_prefix(&own).filter(|short| *short != "id");
        resource.desc.get_field_by_name(name).or_else(|| resource.desc.get_field_by_name(short?))
    };
    let pair = |field: FieldDescriptor| {
        let to = target(field.name())?;
        let fits = to.kind() == field.kind() && to.cardinality() == field.cardinality();
        fits.then_some((field, to))
    };
    sketch.input.fields().filter(|field| !field.is_map()).filter_map(pair).collect()
}

/// The `name` that must be unique within its parents; a name that is the key is unique anyway.
pub(super) fn text_name(resource: &Resource) -> Option<FieldDescriptor> {
    let name = resource.desc.get_field_by_name("name")?;
    let plain = name.kind() == Kind::String && !name.is_list() && resource.key.as_ref() != Some(&name);
    plain.then_some(name)
}

/// `ALREADY_EXISTS` when another record than `own` of the same parents has the same name.
pub(super) fn refuse_same_name(
    store: &Store,
    resource: &Resource,
    name: Option<&FieldDescriptor>,
    parents: &[FieldDescriptor],
    record: &DynamicMessage,
    own: u64,
) -> Result<(), Status> {
    let Some(name) = name.filter(|name| record.has_field(name)) else { return Ok(()) };
    let same = |other: &DynamicMessage| {
        parents.iter().chain([name]).all(|field| other.get_field(field) == record.get_field(field))
    };
    let taken = store.after(resource, 0).any(|(number, other)| number != own && same(other));
    if taken { Err(exists(resource, name, record)) } else { Ok(()) }
}

fn exists(resource: &Resource, field: &FieldDescriptor, record: &DynamicMessage) -> Status {
    let value = record.get_field(field);
    let shown = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    Status::already_exists(format!(
        "a {} with `{}` `{shown}` exists already",
        spoken(&resource.noun),
        field.name()
    ))
}

fn number(kind: &Kind, number: u64) -> Value {
    let short = u32::try_from(number).unwrap_or(u32::MAX);
    match kind {
        Kind::Uint64 | Kind::Fixed64 => Value::U64(number),
        Kind::Uint32 | Kind::Fixed32 => Value::U32(short),
        Kind::Int32 | Kind::Sint32 | Kind::Sfixed32 => Value::I32(i32::try_from(short).unwrap_or(i32::MAX)),
        _ => Value::I64(i64::try_from(number).unwrap_or(i64::MAX)),
    }
}
