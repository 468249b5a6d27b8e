//! From what a method's options say to its plan; every fault is told at the method's place.

use http::uri::PathAndQuery;
use prost_reflect::{Cardinality, FieldDescriptor, Kind, MessageDescriptor, MethodDescriptor};

use super::identity::Identifying;
use super::mask::Mask;
use super::shape::Shapes;
use super::step::{Carried, Step};
use super::version::Version;
use super::{PatchPlan, Settings, is_mask};
use crate::duty::PatchSource;
use crate::problem::{Place, Problem, Problems, nearest};
use crate::rule::FieldPath;

pub(super) fn plan(
    source: &PatchSource,
    account: Option<&FieldPath>,
    method: &MethodDescriptor,
    settings: &Settings,
    place: &Place,
    problems: &mut Problems,
) -> Option<PatchPlan> {
    let told = problems.errors();
    let mut check = Check { method, place, problems };
    if method.is_client_streaming() || method.is_server_streaming() {
        check.tell("it streams", "only unary methods can update a part of a resource");
    }
    let mask = check.mask();
    let request = check.resource("request_resource_field", &method.input(), &source.request_field);
    // Without the read method, nothing that is said of its messages can be judged.
    let get = check.get(&source.get_method)?;
    let carried = check.carried(source, &get);
    let answer = check.resource("response_resource_field", &get.output(), &source.response_field);
    let ((request, resource), (answer, fetched)) = (request?, answer?);
    if resource != fetched {
        let what =
            format!("the resource is a `{}`, but read as a `{}`", resource.full_name(), fetched.full_name());
        check.tell(what, "both fields must have the same message type");
        return None;
    }
    let (mask, carried) = (mask?, carried?);
    if check.problems.errors() > told {
        return None;
    }
    let path =
        PathAndQuery::try_from(format!("/{}/{}", get.parent_service().full_name(), get.name())).ok()?;
    let shapes = Shapes::compile(&resource);
    let versions = Version::all(&resource, &settings.version_fields);
    let mut kept = Mask::new(0);
    let sources = carried.iter().map(|(from, _)| from);
    let identifying = Identifying::all(sources.clone(), account, &request, &resource);
    for inside in sources.chain(account).filter_map(|from| from.0.strip_prefix(&*request.0)) {
        kept.keep(&shapes, &FieldPath(inside.to_vec()).to_string());
    }
    for version in &versions {
        kept.keep(&shapes, &version.name);
    }
    Some(PatchPlan {
        path,
        mask: (mask.number(), mask.name().into()),
        resource: request.last().map(FieldDescriptor::name).unwrap_or_default().into(),
        request: Step::all(&request),
        answer: Step::all(&answer),
        carried: carried.iter().map(|(from, to)| Carried::new(from, to)).collect(),
        shapes,
        kept,
        identifying,
        versions,
        get,
    })
}

struct Check<'c> {
    method: &'c MethodDescriptor,
    place: &'c Place,
    problems: &'c mut Problems,
}

impl Check<'_> {
    fn tell(&mut self, what: impl AsRef<str>, help: &str) {
        let what = format!("`{}` cannot be updated in part: {}", self.method.full_name(), what.as_ref());
        let problem = Problem::error(self.place.clone(), what);
        self.problems.push(if help.is_empty() { problem } else { problem.help(help) });
    }

    /// The request's mask: `update_mask`, or else the only one that there is.
    fn mask(&mut self) -> Option<FieldDescriptor> {
        let input = self.method.input();
        let is_mask = |field: &FieldDescriptor| {
            field.cardinality() != Cardinality::Repeated && field.kind().as_message().is_some_and(is_mask)
        };
        let masks: Vec<_> = input.fields().filter(is_mask).collect();
        let named = masks.iter().find(|field| field.name() == "update_mask");
        let found = named.or(if masks.len() == 1 { masks.first() } else { None }).cloned();
        if found.is_none() {
            let what = format!("`{}` has no field that says which parts", input.full_name());
            self.tell(what, "it needs a field `google.protobuf.FieldMask update_mask`");
        }
        found
    }

    /// The method that reads the resource.
    fn get(&mut self, name: &str) -> Option<MethodDescriptor> {
        let pool = self.method.parent_file().parent_pool().clone();
        let wanted = name.strip_prefix('/').unwrap_or(name);
        let names: Vec<_> = pool
            .services()
            .flat_map(|service| service.methods().map(|one| rpc(&one)).collect::<Vec<_>>())
            .collect();
        let found = pool
            .services()
            .flat_map(|service| service.methods().collect::<Vec<_>>())
            .find(|one| rpc(one) == wanted);
        match found {
            None => {
                let near = nearest(wanted, names.iter().map(String::as_str));
                let help = near.map_or("a method is written `/pkg.Service/Method`".to_owned(), |near| {
                    format!("did you mean `/{near}`?")
                });
                self.tell(format!("there is no method `{name}` that reads the resource"), &help);
                None
            }
            Some(get) if get.is_client_streaming() || get.is_server_streaming() => {
                self.tell(format!("`{name}`, which reads the resource, streams"), "name a unary method");
                None
            }
            found => found,
        }
    }

    /// A path to a singular message, and its type.
    fn resource(
        &mut self,
        key: &str,
        message: &MessageDescriptor,
        path: &str,
    ) -> Option<(FieldPath, MessageDescriptor)> {
        let found = self.path(key, message, path)?;
        if let Some((false, Kind::Message(desc))) =
            found.last().map(|field| (field.is_list() || field.is_map(), field.kind()))
        {
            Some((found, desc))
        } else {
            self.tell(
                format!("`{path}` in `{key}` is not one message"),
                "name the field that holds the resource",
            );
            None
        }
    }

    /// Each pair of a path in the write request and one in the read request; `None` when any is faulty.
    fn carried(
        &mut self,
        source: &PatchSource,
        get: &MethodDescriptor,
    ) -> Option<Vec<(FieldPath, FieldPath)>> {
        let mut pairs = Vec::new();
        let told = self.problems.errors();
        for (to, from) in &source.field_mapping {
            let found = self.path("field_mapping", &get.input(), to);
            let (Some(from), Some(to)) = (self.path("field_mapping", &self.method.input(), from), found)
            else {
                continue;
            };
            match from.last().zip(to.last()) {
                Some((one, other)) if fits(one, other) => pairs.push((from, to)),
                _ => {
                    let what = format!("`{from}` in `field_mapping` does not fit into `{to}`");
                    self.tell(what, "both must have the same type, and both or neither be repeated");
                }
            }
        }
        (self.problems.errors() == told).then_some(pairs)
    }

    fn path(&mut self, key: &str, message: &MessageDescriptor, path: &str) -> Option<FieldPath> {
        FieldPath::resolve(message, path).map_err(|fault| self.tell(format!("`{key}`: {fault}"), "")).ok()
    }
}

/// Whether the values of one field can be those of another as they are on the wire.
fn fits(one: &FieldDescriptor, other: &FieldDescriptor) -> bool {
    one.kind() == other.kind()
        && one.is_list() == other.is_list()
        && one.is_group() == other.is_group()
        && !one.is_map()
        && !other.is_map()
}

/// `pkg.Service/Method`
fn rpc(method: &MethodDescriptor) -> String {
    format!("{}/{}", method.parent_service().full_name(), method.name())
}
