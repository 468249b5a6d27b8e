//! What each method of a descriptor pool does here, found by its name and the shapes of its messages. Set-up
//! only: no API is known by name.

use std::collections::HashMap;
use std::sync::Arc;

use prost_reflect::{DescriptorPool, MessageDescriptor, MethodDescriptor};

use super::action::Action;
use super::answer::{Delete, Fixed, Get, List};
use super::carrier::Carrier;
use super::create::Create;
use super::download::is_body;
use super::name::SuggestName;
use super::resource::Resource;
use super::select::Selection;
use super::stream::Streaming;
use super::update::Update;
use super::words::{ends_in_words, snake, verb};

/// A method, ready to be called.
#[derive(Debug)]
pub(super) struct Method {
    pub(super) input: MessageDescriptor,
    pub(super) output: MessageDescriptor,
    pub(super) plan: Plan,
}

/// What a method does.
#[derive(Debug)]
pub(super) enum Plan {
    List(List),
    Get(Get),
    Create(Create),
    Update(Update),
    Delete(Delete),
    Action(Action),
    SuggestName(SuggestName),
    Echo,
    /// Answers a seeded record of the answer's own type, where there is one.
    Fixed(Fixed),
    /// Answers bytes of some type.
    Download,
    /// Answers `google.protobuf.Empty`.
    Nothing,
    /// Streams, one way or both.
    Streaming(Streaming),
}

/// All methods of a pool by their path, `/pkg.Service/Method`.
pub(super) fn compile(pool: &DescriptorPool) -> HashMap<String, Method> {
    let types = Types::of(pool);
    let path =
        |method: &MethodDescriptor| format!("/{}/{}", method.parent_service().full_name(), method.name());
    pool.services()
        .flat_map(|service| service.methods().collect::<Vec<_>>())
        .map(|method| (path(&method), Method::new(&method, &types)))
        .collect()
}

impl Method {
    fn new(method: &MethodDescriptor, types: &Types) -> Self {
        Self { input: method.input(), output: method.output(), plan: Plan::of(method, types) }
    }
}

impl Plan {
    fn of(method: &MethodDescriptor, types: &Types) -> Self {
        if method.is_client_streaming() || method.is_server_streaming() {
            return Self::Streaming(Streaming::of(method));
        }
        let sketch = Sketch::new(method, types);
        let planned = match sketch.verb {
            _ if sketch.is_echo() => Some(Self::Echo),
            _ if is_body(&sketch.output) => Some(Self::Download),
            "List" => List::plan(&sketch).map(Self::List),
            "Get" => Get::plan(&sketch).map(Self::Get),
            "Create" => Create::plan(&sketch).map(Self::Create),
            "Update" => Update::plan(&sketch).map(Self::Update),
            "Delete" => Delete::plan(&sketch).map(Self::Delete),
            "Suggest" => SuggestName::plan(&sketch).map(Self::SuggestName),
            _ => Action::plan(&sketch).map(Self::Action),
        };
        planned.unwrap_or_else(|| match sketch.output.full_name() {
            "google.protobuf.Empty" => Self::Nothing,
            _ => Self::Fixed(Fixed::plan(&sketch)),
        })
    }
}

/// A method, looked at.
pub(super) struct Sketch<'a> {
    pub(super) method: &'a MethodDescriptor,
    pub(super) types: &'a Types,
    pub(super) verb: &'a str,
    /// What the verb is done to, singular or plural: `Cluster` of `GetCluster`; may be empty.
    pub(super) noun: &'a str,
    pub(super) input: MessageDescriptor,
    pub(super) output: MessageDescriptor,
}

impl<'a> Sketch<'a> {
    fn new(method: &'a MethodDescriptor, types: &'a Types) -> Self {
        let (verb, noun) = verb(method.name());
        Self { method, types, verb, noun, input: method.input(), output: method.output() }
    }

    /// The resource that a message carries, for this method's noun.
    pub(super) fn carried(&self, message: &MessageDescriptor) -> Option<(Carrier, Arc<Resource>)> {
        let (carrier, desc) = Carrier::find(message, self.noun)?;
        Some((carrier, self.types.get(&desc)))
    }

    /// The resource type that the noun names, nearest first.
    pub(super) fn named(&self) -> Option<Arc<Resource>> {
        if self.noun.is_empty() {
            return self.types.of_service(self.method);
        }
        self.types.named(&snake(self.noun), self.method)
    }

    /// A message that comes back as it went is echoed, but for resources that other methods read.
    fn is_echo(&self) -> bool {
        let stored = matches!(self.verb, "Create" | "Update")
            && self.noun == self.output.name()
            && self.types.is_read(&self.output);
        self.input == self.output && !stored
    }
}

/// The resource types of a pool: every message that `Get`, `List`, `Create` or `Update` methods carry.
#[derive(Debug, Default)]
pub(super) struct Types {
    found: Vec<Found>,
}

#[derive(Debug)]
struct Found {
    resource: Arc<Resource>,
    service: String,
    /// Whether some method answers records of it.
    read: bool,
    /// The request fields that records of it are looked up by, as seen in `Get`, `Delete` or `List`.
    selections: Vec<Selection>,
}

impl Types {
    fn of(pool: &DescriptorPool) -> Self {
        let mut types = Self::default();
        for method in pool.services().flat_map(|service| service.methods().collect::<Vec<_>>()) {
            types.note(&method);
        }
        for method in pool.services().flat_map(|service| service.methods().collect::<Vec<_>>()) {
            types.note_selection(&method);
        }
        types
    }

    fn note(&mut self, method: &MethodDescriptor) {
        let (input, output) = (method.input(), method.output());
        if input == output {
            return;
        }
        let (verb, noun) = verb(method.name());
        let single = || Carrier::find(&output, noun).map(|(_, desc)| desc);
        let desc = match verb {
            "List" => Carrier::find_list(&output).map(|(_, desc)| desc),
            "Get" => single(),
            "Create" | "Update" => single().or_else(|| Carrier::find(&input, noun).map(|(_, desc)| desc)),
            _ => None,
        };
        let Some(desc) = desc else { return };
        let read = matches!(verb, "List" | "Get");
        match self.found.iter_mut().find(|found| found.resource.desc == desc) {
            Some(found) => found.read |= read,
            None => self.found.push(Found {
                resource: Arc::new(Resource::new(&desc)),
                service: method.parent_service().full_name().to_owned(),
                read,
                selections: Vec::new(),
            }),
        }
    }

    fn note_selection(&mut self, method: &MethodDescriptor) {
        let (verb, noun) = verb(method.name());
        if !matches!(verb, "Get" | "Delete") {
            return;
        }
        let Some(resource) = self.named(&snake(noun), method) else { return };
        let selection = Selection::new(&method.input(), &resource);
        if let Some(found) = self.found.iter_mut().find(|found| found.resource.desc == resource.desc) {
            found.selections.push(selection);
        }
    }

    /// This type as a resource, whether it was seen before or not.
    pub(super) fn get(&self, desc: &MessageDescriptor) -> Arc<Resource> {
        let found = self.found.iter().find(|found| found.resource.desc == *desc);
        found.map_or_else(|| Arc::new(Resource::new(desc)), |found| Arc::clone(&found.resource))
    }

    /// The type with this name in snake form, the one of the method's own service or package first.
    pub(super) fn named(&self, noun: &str, method: &MethodDescriptor) -> Option<Arc<Resource>> {
        let service = method.parent_service();
        let package = service.package_name();
        let distance = |found: &&Found| {
            let of = &found.resource.desc;
            (found.resource.noun != noun, found.service != service.full_name(), of.package_name() != package)
        };
        let fits = |found: &&Found| ends_in_words(noun, &found.resource.noun);
        self.found.iter().filter(fits).min_by_key(distance).map(|found| Arc::clone(&found.resource))
    }

    /// The parents of a resource: fields that `Get` and `Delete` requests share with it, besides the key.
    pub(super) fn parents(&self, resource: &Resource) -> Vec<prost_reflect::FieldDescriptor> {
        let found = self.found.iter().find(|found| found.resource.desc == resource.desc);
        let first = found.and_then(|found| found.selections.first());
        first.map(|selection| selection.shared(resource).collect()).unwrap_or_default()
    }

    fn of_service(&self, method: &MethodDescriptor) -> Option<Arc<Resource>> {
        let service = method.parent_service();
        let found = self.found.iter().find(|found| found.service == service.full_name())?;
        Some(Arc::clone(&found.resource))
    }

    fn is_read(&self, desc: &MessageDescriptor) -> bool {
        self.found.iter().any(|found| found.read && found.resource.desc == *desc)
    }
}
