//! `Update<Resource>`: replaces a record, or the fields that `update_mask` names.

use std::sync::Arc;

use prost_reflect::{DynamicMessage, FieldDescriptor};
use tonic::Status;

use super::answer::{not_found, unimplemented};
use super::carrier::{self, Carrier};
use super::create::{refuse_same_name, text_name};
use super::method::{Method, Sketch};
use super::resource::Resource;
use super::store::Store;
use super::words::spoken;
use super::{made, mask};

/// How records of one type are replaced.
#[derive(Debug)]
pub(super) struct Update {
    resource: Arc<Resource>,
    subject: Carrier,
    carrier: Option<Carrier>,
    mask: Option<FieldDescriptor>,
    parents: Vec<FieldDescriptor>,
    name: Option<FieldDescriptor>,
}

impl Update {
    pub(super) fn plan(sketch: &Sketch<'_>) -> Option<Self> {
        let (subject, resource) = sketch.carried(&sketch.input)?;
        let carrier = sketch.carried(&sketch.output).filter(|(_, of)| of.desc == resource.desc);
        let mask = sketch.input.fields().find(mask::is_mask).filter(|_| matches!(subject, Carrier::Field(_)));
        Some(Self {
            parents: sketch.types.parents(&resource),
            name: text_name(&resource),
            carrier: carrier.map(|(carrier, _)| carrier),
            subject,
            resource,
            mask,
        })
    }

    pub(super) fn run(
        &self,
        store: &mut Store,
        request: DynamicMessage,
        method: &Method,
    ) -> Result<DynamicMessage, Status> {
        let paths = self.mask.as_ref().map(|mask| mask::paths(&request, mask)).unwrap_or_default();
        let wanted = self.subject.take(request).ok_or_else(unimplemented)?;
        let Some((number, old)) = store.find(&self.resource, |record| self.is_same(&wanted, record)) else {
            return self.add(store, wanted, method);
        };
        let mut record = if paths.is_empty() { wanted } else { mask::merge(old, &wanted, &paths)? };
        made::keep(&mut record, old, &self.resource);
        made::touch(&mut record);
        refuse_same_name(store, &self.resource, self.name.as_ref(), &self.parents, &record, number)?;
        store.replace(&self.resource, number, record.clone())?;
        Ok(carrier::answer(&method.output, self.carrier.as_ref(), record))
    }

    fn is_same(&self, wanted: &DynamicMessage, record: &DynamicMessage) -> bool {
        let same = |field: &FieldDescriptor| record.get_field(field) == wanted.get_field(field);
        let key = self.resource.key.as_ref();
        key.is_none_or(|key| wanted.has_field(key) && same(key))
            && self.parents.iter().filter(|parent| wanted.has_field(parent)).all(same)
    }

    /// A record without a key comes to be when it is first written; any other must exist.
    fn add(
        &self,
        store: &mut Store,
        mut record: DynamicMessage,
        method: &Method,
    ) -> Result<DynamicMessage, Status> {
        if let Some(key) = &self.resource.key {
            let value = record.get_field(key);
            let shown = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            let noun = spoken(&self.resource.noun);
            return Err(not_found(&format!("{noun} with `{}` `{shown}`", key.name())));
        }
        made::stamp(&mut record);
        store.insert(&self.resource, record.clone())?;
        Ok(carrier::answer(&method.output, self.carrier.as_ref(), record))
    }
}
