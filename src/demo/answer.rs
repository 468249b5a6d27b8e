//! Running a method: decode, find the records, answer. `List`, `Get`, `Delete` and the fixed answers stand
//! here; what makes or changes records has files of its own.

use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use prost::Message;
use prost_reflect::{DynamicMessage, FieldDescriptor};
use tonic::Status;

use super::carrier::{self, Carrier};
use super::download::Download;
use super::method::{Method, Plan, Sketch};
use super::page::Paging;
use super::resource::Resource;
use super::select::Selection;
use super::store::Store;

/// Answers one unary call; a download has `bytes` bytes.
pub(super) fn answer(
    method: &Method,
    store: &Mutex<Store>,
    message: Bytes,
    bytes: usize,
) -> Result<Bytes, Status> {
    match method.plan {
        Plan::Echo => return Ok(message),
        Plan::Nothing => return Ok(Bytes::new()),
        Plan::Download => return Ok(Download::new(&method.input, &message).chunk(bytes)),
        _ => {}
    }
    let request = DynamicMessage::decode(method.input.clone(), message).map_err(|_| {
        Status::invalid_argument(format!("the message is not a {}", method.input.full_name()))
    })?;
    let mut store = store.lock().unwrap_or_else(PoisonError::into_inner);
    let answer = match &method.plan {
        Plan::List(list) => list.run(&store, &request, method)?,
        Plan::Get(get) => get.run(&store, &request, method)?,
        Plan::Create(create) => create.run(&mut store, &request, method)?,
        Plan::Update(update) => update.run(&mut store, request, method)?,
        Plan::Delete(delete) => delete.run(&mut store, request, method)?,
        Plan::Action(action) => action.run(&mut store, &request, method)?,
        Plan::SuggestName(suggest) => suggest.run(method),
        Plan::Fixed(fixed) => fixed.run(&store, &request)?,
        Plan::Echo | Plan::Nothing | Plan::Download | Plan::Streaming(_) => return Err(unimplemented()),
    };
    drop(store);
    Ok(answer.encode_to_vec().into())
}

pub(super) fn unimplemented() -> Status {
    Status::unimplemented("the demo backend does not implement this method")
}

pub(super) fn not_found(spoken: &str) -> Status {
    Status::not_found(format!("no {spoken}"))
}

/// `List<Resources>`.
#[derive(Debug)]
pub(super) struct List {
    resource: Arc<Resource>,
    items: FieldDescriptor,
    selection: Selection,
    paging: Paging,
}

impl List {
    pub(super) fn plan(sketch: &Sketch<'_>) -> Option<Self> {
        let (items, desc) = Carrier::find_list(&sketch.output)?;
        let resource = sketch.types.get(&desc);
        let selection = Selection::new(&sketch.input, &resource);
        let paging = Paging::new(&sketch.input, &sketch.output);
        Some(Self { resource, items, selection, paging })
    }

    fn run(
        &self,
        store: &Store,
        request: &DynamicMessage,
        method: &Method,
    ) -> Result<DynamicMessage, Status> {
        let page = self.paging.read(request)?;
        let passes = |record: &DynamicMessage| self.selection.passes(request, record);
        let mut rest = store.after(&self.resource, page.after).filter(|(_, record)| passes(record));
        let shown: Vec<_> = rest.by_ref().take(page.size).collect();
        let last = shown.last().map(|(number, _)| *number).filter(|_| rest.next().is_some());
        let total = || store.after(&self.resource, 0).filter(|(_, record)| passes(record)).count();

        let mut answer = DynamicMessage::new(method.output.clone());
        let records = shown.into_iter().map(|(_, record)| prost_reflect::Value::Message(record.clone()));
        answer.set_field(&self.items, prost_reflect::Value::List(records.collect()));
        self.paging.write(&mut answer, &page, last, total);
        Ok(answer)
    }
}

/// `Get<Resource>`.
#[derive(Debug)]
pub(super) struct Get {
    resource: Arc<Resource>,
    carrier: Carrier,
    selection: Selection,
}

impl Get {
    pub(super) fn plan(sketch: &Sketch<'_>) -> Option<Self> {
        let (carrier, resource) = sketch.carried(&sketch.output)?;
        let selection = Selection::new(&sketch.input, &resource);
        Some(Self { resource, carrier, selection })
    }

    fn run(
        &self,
        store: &Store,
        request: &DynamicMessage,
        method: &Method,
    ) -> Result<DynamicMessage, Status> {
        let found = store.find(&self.resource, |record| self.selection.names(request, record));
        let (_, record) = found.ok_or_else(|| not_found(&self.selection.spoken(request, &self.resource)))?;
        Ok(self.carrier.put(&method.output, record.clone()))
    }
}

/// `Delete<Resource>`.
#[derive(Debug)]
pub(super) struct Delete {
    resource: Arc<Resource>,
    /// Where the request carries the record itself rather than its key.
    subject: Option<Carrier>,
    selection: Selection,
    carrier: Option<Carrier>,
}

impl Delete {
    pub(super) fn plan(sketch: &Sketch<'_>) -> Option<Self> {
        let (subject, resource) = match sketch.carried(&sketch.input) {
            Some((carrier @ Carrier::Field(_), resource)) => (Some(carrier), resource),
            _ => (None, sketch.named()?),
        };
        let selection = match &subject {
            Some(_) => Selection::new(&resource.desc, &resource),
            None => Selection::new(&sketch.input, &resource),
        };
        let known = selection.names_key() || resource.key.is_none();
        let carrier = sketch.carried(&sketch.output).filter(|(_, of)| of.desc == resource.desc);
        known.then_some(Self { resource, subject, selection, carrier: carrier.map(|(carrier, _)| carrier) })
    }

    fn run(
        &self,
        store: &mut Store,
        request: DynamicMessage,
        method: &Method,
    ) -> Result<DynamicMessage, Status> {
        let wanted = match &self.subject {
            Some(carrier) => carrier.take(request).ok_or_else(unimplemented)?,
            None => request,
        };
        let names = |record: &DynamicMessage| match &self.subject {
            Some(_) => self.resource.key_of(record) == self.resource.key_of(&wanted),
            None => self.selection.names(&wanted, record),
        };
        let number = store.find(&self.resource, names).map(|(number, _)| number);
        let removed = number.and_then(|number| store.remove(&self.resource, number));
        let record = removed.ok_or_else(|| not_found(&self.selection.spoken(&wanted, &self.resource)))?;
        Ok(carrier::answer(&method.output, self.carrier.as_ref(), record))
    }
}

/// A method that only answers what was seeded for it: records of its answer's own type.
#[derive(Debug)]
pub(super) struct Fixed {
    answer: Arc<Resource>,
    selection: Selection,
}

impl Fixed {
    pub(super) fn plan(sketch: &Sketch<'_>) -> Self {
        let answer = Arc::new(Resource::new(&sketch.output));
        let selection = Selection::new(&sketch.input, &answer);
        Self { answer, selection }
    }

    fn run(&self, store: &Store, request: &DynamicMessage) -> Result<DynamicMessage, Status> {
        if !store.has_table(self.answer.table()) {
            return Err(unimplemented());
        }
        let found = store.find(&self.answer, |record| self.selection.passes(request, record));
        found
            .map(|(_, record)| record.clone())
            .ok_or_else(|| not_found(&self.selection.spoken(request, &self.answer)))
    }
}
