//! Which records a request means: its fields held against the resource's, by name.

use prost_reflect::{DynamicMessage, FieldDescriptor, Kind, MessageDescriptor, Value};

use super::resource::Resource;
use super::words::{ends_in_words, snake, spoken};

/// How one request type selects records of one resource type.
#[derive(Debug)]
pub(super) struct Selection {
    terms: Vec<Term>,
    /// The field of the request that holds the record's key.
    key: Option<FieldDescriptor>,
}

#[derive(Debug)]
struct Term {
    wanted: FieldDescriptor,
    place: Place,
}

/// Where in a record a request's field is looked for.
#[derive(Debug)]
enum Place {
    Field(FieldDescriptor),
    Within(FieldDescriptor, FieldDescriptor),
    /// The record's path begins with this parent.
    Under(FieldDescriptor),
}

impl Selection {
    pub(super) fn new(request: &MessageDescriptor, resource: &Resource) -> Self {
        let terms: Vec<_> = request
            .fields()
            .filter(|field| !field.is_map() && !matches!(field.kind(), Kind::Message(_)))
            .filter_map(|wanted| Some(Term { place: place(&wanted, resource)?, wanted }))
            .collect();
        let is_key =
            |term: &&Term| matches!(&term.place, Place::Field(field) if resource.key.as_ref() == Some(field));
        let key = terms.iter().find(is_key).map(|term| term.wanted.clone());
        Self { terms, key }
    }

    /// Whether the request can name one record by its key.
    pub(super) fn names_key(&self) -> bool {
        self.key.is_some()
    }

    /// Whether this field of the request says anything about the records.
    pub(super) fn uses(&self, field: &FieldDescriptor) -> bool {
        self.terms.iter().any(|term| term.wanted == *field)
    }

    /// The record's own fields that the request's fields of the same names are held against, but for the key.
    pub(super) fn shared<'a>(&'a self, resource: &'a Resource) -> impl Iterator<Item = FieldDescriptor> + 'a {
        self.terms.iter().filter_map(|term| match &term.place {
            Place::Field(field)
                if field.name() == term.wanted.name() && resource.key.as_ref() != Some(field) =>
            {
                Some(field.clone())
            }
            _ => None,
        })
    }

    /// Whether a listed record passes: every field that the request sets must be equal.
    pub(super) fn passes(&self, request: &DynamicMessage, record: &DynamicMessage) -> bool {
        self.terms.iter().all(|term| !request.has_field(&term.wanted) || term.is_met(request, record))
    }

    /// Whether a record is the one that the request names: as [`passes`](Self::passes), but an empty key
    /// names no record.
    pub(super) fn names(&self, request: &DynamicMessage, record: &DynamicMessage) -> bool {
        let empty = |key: &FieldDescriptor| !key.supports_presence() && !request.has_field(key);
        !self.key.as_ref().is_some_and(empty) && self.passes(request, record)
    }

    /// The record that a request names, for a message: ``cluster with `id` `…` ``.
    pub(super) fn spoken(&self, request: &DynamicMessage, resource: &Resource) -> String {
        let noun = spoken(&resource.noun);
        let named = self.key.as_ref().or(self.terms.last().map(|term| &term.wanted));
        match named {
            None => noun,
            Some(field) => format!("{noun} with `{}` `{}`", field.name(), shown(&request.get_field(field))),
        }
    }
}

impl Term {
    fn is_met(&self, request: &DynamicMessage, record: &DynamicMessage) -> bool {
        let wanted = request.get_field(&self.wanted);
        match &self.place {
            Place::Field(field) => is_equal(&wanted, &record.get_field(field)),
            Place::Within(outer, field) => record
                .get_field(outer)
                .as_message()
                .is_some_and(|inner| is_equal(&wanted, &inner.get_field(field))),
            Place::Under(field) => {
                let found = record.get_field(field);
                let (parent, path) = (wanted.as_str().unwrap_or(""), found.as_str().unwrap_or(""));
                path.strip_prefix(parent).is_some_and(|rest| rest.starts_with('/'))
            }
        }
    }
}

/// Equal, or one of several.
fn is_equal(wanted: &Value, found: &Value) -> bool {
    match (wanted, found) {
        (Value::List(wanted), Value::List(found)) => wanted.iter().all(|one| found.contains(one)),
        (Value::List(any), found) => any.contains(found),
        (one, Value::List(found)) => found.contains(one),
        (wanted, found) => wanted == found,
    }
}

fn place(wanted: &FieldDescriptor, resource: &Resource) -> Option<Place> {
    let fits = |field: &FieldDescriptor| field.kind() == wanted.kind() && !field.is_map();
    let field = |name: &str| resource.desc.get_field_by_name(name).filter(fits);
    let name = wanted.name();
    if matches!(name, "page_size" | "page_token") {
        return None;
    }
    if name == "parent" && resource.is_named_by_path() {
        return resource.key.clone().filter(fits).map(Place::Under);
    }
    let singular =
        wanted.is_list().then(|| name.strip_suffix("es").into_iter().chain(name.strip_suffix('s')));
    let same = field(name)
        .or_else(|| singular?.find_map(field))
        .or_else(|| key_by_noun(name, resource).filter(fits))
        .or_else(|| field(&format!("{name}s")).filter(FieldDescriptor::is_list))
        .or_else(|| by_last_words(name, resource).filter(fits));
    same.map(Place::Field).or_else(|| part_by_noun(wanted, resource))
}

/// `cluster_id`, and `invite_id` of an `AccountInvite`, name the key.
fn key_by_noun(name: &str, resource: &Resource) -> Option<FieldDescriptor> {
    let noun = name.strip_suffix("_id")?;
    ends_in_words(&resource.noun, noun).then(|| resource.key.clone())?
}

/// `cloud_provider_id` finds a field `provider`.
fn by_last_words(name: &str, resource: &Resource) -> Option<FieldDescriptor> {
    let noun = name.strip_suffix("_id")?;
    resource.desc.fields().find(|field| !field.is_list() && ends_in_words(noun, field.name()))
}

/// `user_id` finds the `id` of a part that is a `User`.
fn part_by_noun(wanted: &FieldDescriptor, resource: &Resource) -> Option<Place> {
    let noun = wanted.name().strip_suffix("_id")?;
    resource.desc.fields().filter(|field| !field.is_list()).find_map(|field| {
        let part = field.kind().as_message().filter(|part| snake(part.name()) == noun)?.clone();
        let id = part.get_field_by_name("id").filter(|id| id.kind() == wanted.kind())?;
        Some(Place::Within(field, id))
    })
}

fn shown(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}
