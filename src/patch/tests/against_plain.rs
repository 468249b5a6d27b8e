//! The merge on the wire against the plain one, on random messages of every type that the model API updates in
//! part, and of types with oneofs, maps, groups and recursion; in every disorder that the wire allows.

use bytes::Bytes;
use proptest::prelude::*;
use prost::Message as _;
use prost_reflect::{DynamicMessage, MessageDescriptor, ReflectMessage as _, Value};

use super::plain::{fields, find, is_passable, merge, put, same};
use super::*;
use crate::duty::{self, Options};
use crate::random::{self, Choices};
use crate::rule;
use crate::wire::field::{put_bytes, put_varint};

/// A method, what its options say, and its plan.
struct Case {
    source: PatchSource,
    method: MethodDescriptor,
    plan: PatchPlan,
}

static CASES: LazyLock<Vec<Case>> = LazyLock::new(|| {
    let own =
        [(order_source(), "UpdateOrder"), (kinds_source(), "UpdateKinds"), (legacy_source(), "UpdateLegacy")];
    let own = own.into_iter().map(|(source, name)| (source, method(name)));
    let cases = model_api().into_iter().chain(own);
    cases.map(|(source, method)| Case { plan: compiled(&source, &method), source, method }).collect()
});

/// The ten methods of the model API that update in part.
fn model_api() -> Vec<(PatchSource, MethodDescriptor)> {
    let mut problems = Problems::new();
    let settings = schema::Settings { embedded_api: true, ..schema::Settings::default() };
    let schema = schema::load(&settings, &mut problems).expect("the model API");
    let every = rule::Settings::default();
    let bindings = rule::read(&schema, &every, &mut problems);
    let settings = duty::Settings { options: Options::qdrant_cloud(), methods: Vec::new() };
    let duties = duty::read(&schema, &bindings, &settings, &mut problems);
    assert!(problems.is_empty(), "{problems}");
    let found = bindings.iter().zip(&duties);
    found.filter_map(|(binding, duties)| Some((duties.patch.clone()?, binding.rpc.clone()))).collect()
}

#[test]
fn every_patch_source_of_the_model_api_compiles() {
    let methods: Vec<_> = model_api().into_iter().map(|(_, method)| method.name().to_owned()).collect();
    assert_eq!(methods.len(), 10, "{methods:?}");
    assert_eq!(CASES.len(), 13);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(), failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn merges_agree(
        case: prop::sample::Index,
        request in prop::collection::vec(any::<u8>(), 0..600),
        answer in prop::collection::vec(any::<u8>(), 0..600),
        steering in prop::collection::vec(any::<u8>(), 0..60),
    ) {
        let case = case.get(&CASES);
        case.hold(&request, &answer, &steering)?;
    }
}

/// `PROPTEST_CASES`, or enough for every run.
fn cases() -> u32 {
    std::env::var("PROPTEST_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(3000)
}

impl Case {
    fn hold(&self, request: &[u8], answer: &[u8], steering: &[u8]) -> Result<(), TestCaseError> {
        let (input, output) = (self.method.input(), self.plan.get().output());
        let (request, mut answer) = (self.request(&input, request), self.answer(&output, answer));
        // Mostly what was read is what is meant.
        if steering.first().is_none_or(|first| first % 8 > 0) {
            self.rename(&request, &mut answer);
        }
        let soundness = (
            DynamicMessage::decode(input.clone(), &*request),
            DynamicMessage::decode(output.clone(), &*answer),
        );
        // What is no message is hostile, which is another test.
        let (Ok(new), Ok(old)) = soundness else { return Ok(()) };
        let (new_resource, old_resource) =
            (find(&new, &self.source.request_field), find(&old, &self.source.response_field));
        let desc = self.resource();
        let candidates = [new_resource.clone(), old_resource.clone()];
        let paths = random_paths(&desc, &candidates, steering);
        let mut masked = request.clone();
        put_mask(self.plan.mask.0, &paths, &mut masked);

        let wanted = self.plan.wanted(&masked).map_err(|status| TestCaseError::fail(status.message))?;
        let Wanted::Part(patch) = wanted else { panic!("the mask names {paths:?}") };
        self.hold_get(&patch, &masked, &new);
        let mut forwarded = Vec::new();
        let merged = patch.merge(&masked, &answer, &mut forwarded);
        let Some(old_resource) = old_resource else {
            prop_assert_eq!(merged.expect_err("there is no resource").code, Code::NotFound);
            return Ok(());
        };
        let new_resource = new_resource.unwrap_or_else(|| DynamicMessage::new(desc.clone()));
        if self.is_another(&new_resource, &old_resource) {
            prop_assert_eq!(merged.expect_err("another resource").code, Code::NotFound);
            return Ok(());
        }
        if self.conflicts(&new_resource, &old_resource) {
            prop_assert_eq!(merged.expect_err("another version").code, Code::Aborted);
            return Ok(());
        }
        prop_assert!(merged.is_ok(), "{:?}", merged);
        let resource = merge(&old_resource, &new_resource, &paths, &self.kept());
        let mut expected = new;
        put(&mut expected, &fields(&input, &self.source.request_field), Value::Message(resource));
        let found = DynamicMessage::decode(input, &*forwarded).expect("what is forwarded is a message");
        // Messages of recursive types cannot be shown by `Debug`: that has no end.
        prop_assert!(
            same(&found, &expected),
            "{}: {:?}\nrequest {:x?}\nanswer {:x?}\nfound {:x?}",
            self.method.name(),
            paths,
            masked,
            answer,
            forwarded
        );
        Ok(())
    }

    fn resource(&self) -> MessageDescriptor {
        let path = fields(&self.method.input(), &self.source.request_field);
        path.last().expect("a field").kind().as_message().expect("a message").clone()
    }

    /// A request without a mask.
    fn request(&self, desc: &MessageDescriptor, choices: &[u8]) -> Vec<u8> {
        let mask = self.plan.mask.0;
        let wire = self.weighted(desc, &self.source.request_field, choices);
        let kept = Fields::of(&wire).flatten().filter(|field| field.number != mask);
        kept.flat_map(|field| field.whole.to_vec()).collect()
    }

    fn answer(&self, desc: &MessageDescriptor, choices: &[u8]) -> Vec<u8> {
        self.weighted(desc, &self.source.response_field, choices)
    }

    /// A message, and mostly a resource of many fields in it.
    fn weighted(&self, desc: &MessageDescriptor, path: &str, choices: &[u8]) -> Vec<u8> {
        let (some, rest) = choices.split_at(choices.len() / 8);
        let mut wire = random::message(desc, &mut Choices::new(some));
        if !rest.is_empty() {
            let mut inner = random::message(&self.resource(), &mut Choices::new(rest));
            for field in fields(desc, path).iter().rev() {
                let mut outer = Vec::new();
                put_bytes(field.number(), &inner, &mut outer);
                inner = outer;
            }
            wire.extend(inner);
        }
        wire
    }

    /// Paths inside of the resource that are taken from the request where that states them.
    fn kept(&self) -> Vec<String> {
        let prefix = format!("{}.", self.source.request_field);
        let from = self.source.field_mapping.values().filter_map(|from| from.strip_prefix(&prefix));
        let versions = self.plan.versions.iter().map(|version| &*version.name);
        from.chain(versions).map(str::to_owned).collect()
    }

    /// Makes what was read the resource that is meant.
    fn rename(&self, request: &[u8], answer: &mut Vec<u8>) {
        let (input, output) = (self.method.input(), self.plan.get().output());
        for one in &self.plan.identifying {
            let path = |desc, resource: &str| {
                FieldPath::resolve(desc, &format!("{resource}.{}", one.name)).expect("a field")
            };
            let carried = Carried::new(
                &path(&input, &self.source.request_field),
                &path(&output, &self.source.response_field),
            );
            carried.carry(request, answer).unwrap_or_default();
        }
    }

    /// Whether both say which resource they are, and not the same.
    fn is_another(&self, new: &DynamicMessage, old: &DynamicMessage) -> bool {
        self.plan.identifying.iter().any(|one| {
            let path = fields(&new.descriptor(), &one.name);
            let said = |message: &DynamicMessage| {
                let (last, parents) = path.split_last().expect("a path");
                let parent = parents.iter().try_fold(message.clone(), |message, field| {
                    message
                        .has_field(field)
                        .then(|| message.get_field(field).as_message().expect("one").clone())
                })?;
                let value = parent.get_field(last).into_owned();
                (parent.has_field(last) && !value.is_default(&last.kind())).then_some(value)
            };
            said(new).zip(said(old)).is_some_and(|(new, old)| new != old)
        })
    }

    /// Whether both state a version, and not the same.
    fn conflicts(&self, new: &DynamicMessage, old: &DynamicMessage) -> bool {
        self.plan.versions.iter().any(|version| {
            let stated = |message: &DynamicMessage| {
                let value = message.get_field_by_name(&version.name).expect("a field").into_owned();
                (value != Value::String(String::new()) && value != Value::Bytes(Bytes::new()))
                    .then_some(value)
            };
            stated(new).zip(stated(old)).is_some_and(|(new, old)| new != old)
        })
    }

    /// The read request has the mapped values and nothing else.
    fn hold_get(&self, patch: &Patch<'_>, request: &[u8], new: &DynamicMessage) {
        let input = self.plan.get().input();
        let mut expected = DynamicMessage::new(input.clone());
        for (to, from) in &self.source.field_mapping {
            let mut path = fields(&new.descriptor(), from);
            let last = path.pop().expect("a field");
            let parent = match from.rsplit_once('.') {
                Some((parent, _)) => find(new, parent),
                None => Some(new.clone()),
            };
            if let Some(parent) = parent.filter(|parent| parent.has_field(&last)) {
                put(&mut expected, &fields(&input, to), parent.get_field(&last).into_owned());
            }
        }
        let mut wire = Vec::new();
        patch.write_get(request, &mut wire).expect("sound bytes");
        let found = DynamicMessage::decode(input, &*wire).expect("a message");
        // A value that is zero and has no presence may be written all the same; parents of nothing may be missing.
        assert_eq!(found.encode_to_vec(), expected.encode_to_vec());
    }
}

/// Some paths, mostly of fields that are set somewhere.
fn random_paths(
    desc: &MessageDescriptor,
    candidates: &[Option<DynamicMessage>],
    steering: &[u8],
) -> Vec<String> {
    let mut steering = steering.iter().copied().map(usize::from).chain(std::iter::repeat(0));
    let mut next = move || steering.next().unwrap_or_default();
    let mut paths = Vec::new();
    for _ in 0..=next() % 6 {
        let mut path = String::new();
        let (mut desc, mut messages) = (desc.clone(), candidates.to_vec());
        loop {
            let side = next();
            let set: Vec<_> = messages
                .get(side % 4)
                .and_then(Option::as_ref)
                .map(|message| message.fields().map(|(field, _)| field).collect())
                .unwrap_or_default();
            let all: Vec<_> = desc.fields().collect();
            let from = if set.is_empty() { &all } else { &set };
            let Some(field) = from.get(next() % from.len().max(1)).cloned() else { break };
            if !path.is_empty() {
                path.push('.');
            }
            path.push_str(if next() % 2 == 0 { field.name() } else { field.json_name() });
            if !is_passable(&field) || next() % 3 == 0 || path.len() > 200 {
                break;
            }
            let Some(inner) = field.kind().as_message().cloned().filter(|inner| inner.fields().len() > 0)
            else {
                break;
            };
            for message in &mut messages {
                let value = message.take().filter(|message| message.has_field(&field));
                *message = value.and_then(|message| message.get_field(&field).as_message().cloned());
            }
            desc = inner;
        }
        paths.push(path);
    }
    paths
}

fn put_mask(number: u32, paths: &[String], out: &mut Vec<u8>) {
    // A mask may come in pieces too, and with fields that are unknown.
    for path in paths {
        let mut mask = Vec::new();
        put_varint(77, 1, &mut mask);
        put_bytes(PATHS, path.as_bytes(), &mut mask);
        put_bytes(number, &mask, out);
    }
}
