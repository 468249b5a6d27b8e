//! Other verbs on a stored record: `SuspendCluster`, `AcceptAccountInvite`, `EnableClusterJwtRbac`.
//!
//! A verb that changes nothing here is not implemented, rather than a success that means nothing.

use std::sync::Arc;

use prost_reflect::{DynamicMessage, FieldDescriptor, Kind, Value};
use tonic::Status;

use super::answer::not_found;
use super::carrier::{self, Carrier};
use super::create;
use super::method::{Method, Sketch};
use super::resource::Resource;
use super::select::Selection;
use super::store::Store;
use super::words::{ends_in_words, is_participle, snake};
use super::{ident, made};

/// One verb on records of one type.
#[derive(Debug)]
pub(super) struct Action {
    resource: Arc<Resource>,
    selection: Selection,
    carrier: Option<Carrier>,
    state: Option<i32>,
    /// Flags that the verb switches, and times that it notes; each in the record or in its state.
    flag: Option<(Spot, bool)>,
    time: Option<Spot>,
    /// The type that keeps a record of each such action: `BackupRestore` of `RestoreBackup`.
    trace: Option<Arc<Resource>>,
}

/// A field of a record or of a part of it.
#[derive(Debug)]
struct Spot {
    within: Option<FieldDescriptor>,
    field: FieldDescriptor,
}

impl Action {
    pub(super) fn plan(sketch: &Sketch<'_>) -> Option<Self> {
        let answered = sketch.carried(&sketch.output);
        if answered.is_none() && sketch.output.fields().len() > 0 {
            return None;
        }
        let resource = match &answered {
            Some((_, resource)) => Arc::clone(resource),
            None => target(sketch)?,
        };
        let selection = Selection::new(&sketch.input, &resource);
        let plain = |field: FieldDescriptor| selection.uses(&field) || field.name().ends_with("_id");
        if !selection.names_key() || !sketch.input.fields().all(plain) {
            return None;
        }
        let action = Self::with_effects(sketch, resource, selection, answered.map(|(carrier, _)| carrier));
        action.does_something().then_some(action)
    }

    fn with_effects(
        sketch: &Sketch<'_>,
        resource: Arc<Resource>,
        selection: Selection,
        carrier: Option<Carrier>,
    ) -> Self {
        let verb = sketch.verb;
        let noun = snake(sketch.noun);
        let feature = noun.strip_prefix(&resource.noun).and_then(|rest| rest.strip_prefix('_'));
        let whole = feature.is_none();
        let state = resource.state.as_ref().filter(|_| whole);
        let state =
            state.and_then(|state| state.after(verb).or_else(|| revives(verb).then(|| state.settled())?));
        let named = |name: &str| is_flag(&resource, name);
        let flag = feature.and_then(named).and_then(|spot| Some((spot, switches(verb)?)));
        let is_time = |field: &FieldDescriptor| {
            field.name().strip_suffix("_at").is_some_and(|word| is_participle(word, verb))
                && made::now(field).is_some()
        };
        let time = whole.then(|| Spot::find(&resource, is_time)).flatten();
        let trace = sketch.types.named(&format!("{}_{}", resource.noun, snake(verb)), sketch.method);
        let trace = trace.filter(|trace| trace.noun != snake(verb) && trace.desc != resource.desc);
        Self { resource, selection, carrier, state, flag, time, trace }
    }

    fn does_something(&self) -> bool {
        self.state.is_some() || self.flag.is_some() || self.time.is_some() || self.trace.is_some()
    }

    pub(super) fn run(
        &self,
        store: &mut Store,
        request: &DynamicMessage,
        method: &Method,
    ) -> Result<DynamicMessage, Status> {
        let found = store.find(&self.resource, |record| self.selection.names(request, record));
        let Some((number, record)) = found else {
            return Err(not_found(&self.selection.spoken(request, &self.resource)));
        };
        let mut record = record.clone();
        if let (Some(state), Some(number)) = (&self.resource.state, self.state) {
            state.set(&mut record, number);
        }
        if let Some((spot, on)) = &self.flag {
            spot.set(&mut record, Value::Bool(*on));
        }
        if let Some((spot, now)) = self.time.as_ref().and_then(|spot| Some((spot, made::now(&spot.field)?))) {
            spot.set(&mut record, now);
        }
        if let Some(trace) = &self.trace {
            store.insert(trace, self.note(trace, &record))?;
        }
        made::touch(&mut record);
        store.replace(&self.resource, number, record.clone())?;
        Ok(carrier::answer(&method.output, self.carrier.as_ref(), record))
    }

    /// The record that this action leaves.
    fn note(&self, trace: &Resource, record: &DynamicMessage) -> DynamicMessage {
        let mut note = DynamicMessage::new(trace.desc.clone());
        let own = trace.desc.get_field_by_name(&format!("{}_id", self.resource.noun));
        if let (Some(own), Some(key)) = (own, self.resource.key_of(record)) {
            let _ = note.try_set_field(&own, key);
        }
        create::copy(record, &mut note, trace);
        if let Some(key) = &trace.key {
            let _ = note.try_set_field(key, Value::String(ident::uuid()));
        }
        if let Some((state, settled)) = trace.state.as_ref().and_then(|state| Some((state, state.settled()?)))
        {
            state.set(&mut note, settled);
        }
        made::stamp(&mut note);
        note
    }
}

impl Spot {
    /// The first such field of a record, or of the message that tells its state.
    fn find(resource: &Resource, fits: impl Fn(&FieldDescriptor) -> bool) -> Option<Self> {
        let fits = |field: &FieldDescriptor| !field.is_list() && fits(field);
        if let Some(field) = resource.desc.fields().find(&fits) {
            return Some(Self { within: None, field });
        }
        let within = resource.state.as_ref()?.within.clone()?;
        let field = within.kind().as_message()?.fields().find(fits)?;
        Some(Self { within: Some(within), field })
    }

    fn set(&self, record: &mut DynamicMessage, value: Value) {
        let holder = match &self.within {
            None => Some(record),
            Some(within) => record.get_field_mut(within).as_message_mut(),
        };
        if let Some(holder) = holder {
            holder.set_field(&self.field, value);
        }
    }
}

/// The resource that the last id of the request names.
fn target(sketch: &Sketch<'_>) -> Option<Arc<Resource>> {
    let fields: Vec<_> = sketch.input.fields().collect();
    let by_id = fields.iter().rev().find_map(|field| {
        let noun = field.name().strip_suffix("_id")?;
        sketch.types.named(noun, sketch.method).filter(|found| ends_in_words(&found.noun, noun))
    });
    by_id.or_else(|| sketch.named())
}

fn is_flag(resource: &Resource, name: &str) -> Option<Spot> {
    Spot::find(resource, |field| field.kind() == Kind::Bool && field.name() == name)
}

/// Whether a verb makes a record well again.
fn revives(verb: &str) -> bool {
    let undoes =
        verb.strip_prefix("Un").is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_lowercase()));
    undoes || ["Resume", "Restart", "Start", "Enable", "Activate", "Reactivate", "Recover"].contains(&verb)
}

fn switches(verb: &str) -> Option<bool> {
    match verb {
        "Enable" => Some(true),
        "Disable" => Some(false),
        _ => None,
    }
}
