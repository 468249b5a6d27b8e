//! `Suggest...Name`: an adjective and an animal.

use prost_reflect::{DynamicMessage, FieldDescriptor, Kind, Value};

use super::ident::random;
use super::method::{Method, Sketch};

const ADJECTIVES: [&str; 20] = [
    "amber", "brave", "calm", "clever", "coral", "eager", "fleet", "gentle", "golden", "happy", "keen",
    "lively", "lucky", "mellow", "nimble", "quiet", "silver", "sunny", "swift", "wise",
];
const ANIMALS: [&str; 20] = [
    "badger", "beaver", "crane", "dolphin", "falcon", "ferret", "gecko", "heron", "ibex", "jackdaw", "koala",
    "lynx", "marten", "otter", "panda", "puffin", "raven", "seal", "tapir", "wombat",
];

/// A method that suggests a name.
#[derive(Debug)]
pub(super) struct SuggestName {
    name: FieldDescriptor,
}

impl SuggestName {
    pub(super) fn plan(sketch: &Sketch<'_>) -> Option<Self> {
        let name = sketch.output.get_field_by_name("name")?;
        let plain = sketch.noun.ends_with("Name") && name.kind() == Kind::String && !name.is_list();
        plain.then_some(Self { name })
    }

    pub(super) fn run(&self, method: &Method) -> DynamicMessage {
        let mut answer = DynamicMessage::new(method.output.clone());
        let name = format!("{}-{}", pick(&ADJECTIVES), pick(&ANIMALS));
        answer.set_field(&self.name, Value::String(name));
        answer
    }
}

fn pick(words: &[&'static str]) -> &'static str {
    let at = random() % words.len() as u64;
    usize::try_from(at).ok().and_then(|at| words.get(at)).copied().unwrap_or("quiet")
}
