//! How the event of one method is made, compiled at load. Not for making it: that is `make`.

mod make;

use std::sync::Arc;
use std::time::SystemTime;

use http::HeaderMap;
use prost_reflect::{MessageDescriptor, MethodDescriptor};

use super::expression::{Expression, Template};
use super::shape::{Shape, Spelled};
use crate::duty::EventOptions;
use crate::problem::{Place, Problem, Problems};
use crate::transcode::MessagePlan;

/// Who made a call.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Caller<'c> {
    /// The caller's id; empty: nobody was asked.
    pub actor_id: &'c str,
    /// The kind of caller, by the name of the enum's value.
    pub actor_type: &'c str,
    /// What the caller's program says that it is; empty: nothing.
    pub user_agent: &'c str,
}

/// The message that all events of a contract are.
#[derive(Debug)]
pub struct EventMessage {
    shape: Shape,
    json: MessagePlan,
    name: String,
    /// The kinds of caller that the message knows, as they are written.
    actor_types: Vec<(String, Spelled)>,
}

/// How the event of one method is made.
#[derive(Debug)]
pub struct EventPlan {
    message: Arc<EventMessage>,
    kind: Arc<Kind>,
    event_type: Option<Spelled>,
    status_only: bool,
    action_type: Option<Box<str>>,
    resource_id: Option<Expression>,
    resource_url: Template,
    context: Vec<(Box<str>, Expression)>,
}

/// What all events of a method have in common.
#[derive(Debug)]
pub(super) struct Kind {
    pub rpc: Box<str>,
    /// The same with a `/` before, which is the method's full name.
    pub path: Box<str>,
    /// The event type in lower case, without what the names of its enum have in common.
    pub event_type: Box<str>,
    pub resource_type: Box<str>,
    /// The name of the action, if it is one; else the event type.
    pub action: Box<str>,
    pub json: MessagePlan,
}

/// One event, as a call hands it over.
#[derive(Debug)]
pub struct Event {
    pub(super) id: String,
    pub(super) time: SystemTime,
    pub(super) account: String,
    pub(super) resource: String,
    pub(super) wire: Vec<u8>,
    pub(super) kind: Arc<Kind>,
    pub(super) complete: bool,
}

impl Event {
    /// Its wire bytes.
    #[must_use]
    pub fn wire(&self) -> &[u8] {
        &self.wire
    }

    /// The method that was called, `pkg.Service/Method`.
    #[must_use]
    pub fn rpc(&self) -> &str {
        &self.kind.rpc
    }

    /// Whether the path of the resource has a value for each of its expressions.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.complete
    }
}

impl EventMessage {
    /// Finds the fields of the message that events are, telling each that cannot take what it is named for.
    /// `json` writes it.
    pub fn compile(
        desc: &MessageDescriptor,
        json: MessagePlan,
        problems: &mut Problems,
    ) -> Option<Arc<Self>> {
        let mut faults = Vec::new();
        let shape = Shape::find(desc, &mut faults);
        if faults.is_empty() && shape.id.is_none() && shape.source_rpc.is_none() {
            faults.push(format!("`{}` has none of the fields of an event", desc.full_name()));
        }
        for fault in &faults {
            let help = "name a message such as `qdrant.cloud.event.v1.Event` in `events.message`";
            problems.push(Problem::error(Place::item("events.message"), fault.as_str()).help(help));
        }
        let words = shape.caller.as_ref().and_then(|caller| caller.actor_type.as_ref());
        let actor_types = words.map_or(Vec::new(), |words| {
            words.all().into_iter().filter_map(|name| words.of_name(&name).map(|word| (name, word))).collect()
        });
        let name = desc.full_name().to_owned();
        faults.is_empty().then(|| Arc::new(Self { shape, json, name, actor_types }))
    }

    /// Its full name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }
}

impl EventPlan {
    /// Compiles what a method's options say, telling every problem at the method's place.
    pub fn compile(
        message: &Arc<EventMessage>,
        options: &EventOptions,
        method: &MethodDescriptor,
        place: &Place,
        problems: &mut Problems,
    ) -> Option<Self> {
        let (input, output) = (method.input(), method.output());
        let rpc = format!("{}/{}", method.parent_service().full_name(), method.name());
        let mut found = Problems::new();
        let mut tell = |key: &str, (what, help): (String, String)| {
            let what = format!("the event of `{rpc}`, `{key}`: {what}");
            found.push(Problem::error(place.clone(), what).help(help));
        };
        let resource_id = (!options.resource_id_field.is_empty())
            .then(|| Expression::compile(&options.resource_id_field, &input, &output))
            .and_then(|compiled| compiled.map_err(|told| tell("resource_id_field", told)).ok());
        let resource_url = Template::compile(&options.resource_url_template, &input, &output)
            .map_err(|told| tell("resource_url_template", told))
            .unwrap_or_default();
        let mut context = Vec::with_capacity(options.additional_context.len());
        for (name, text) in &options.additional_context {
            match Expression::compile(text, &input, &output) {
                Ok(expression) => context.push((name.as_str().into(), expression)),
                Err(told) => tell(&format!("additional_context_fields.{name}"), told),
            }
        }
        let words = message.shape.event_type.as_ref();
        let named = words.map(|words| words.of_number(options.event_type));
        if let Some(None) = named {
            let what = format!("`{}` has no event type {}", message.name, options.event_type);
            tell("event_type", (what, "give the enum of the event message this value".to_owned()));
        }
        let (event_type, word) = named.flatten().unzip();
        let word = word.map(|name| short(&name)).unwrap_or_default();
        if found.has_errors() {
            problems.extend(found);
            return None;
        }
        let kind = Kind {
            path: format!("/{rpc}").into(),
            rpc: rpc.into(),
            action: options.action_type.as_deref().unwrap_or(&word).into(),
            event_type: word.into(),
            resource_type: options.resource_type.as_str().into(),
            json: message.json.clone(),
        };
        Some(Self {
            message: Arc::clone(message),
            kind: Arc::new(kind),
            event_type,
            status_only: options.status_only,
            action_type: options.action_type.as_deref().map(Into::into),
            resource_id,
            resource_url,
            context,
        })
    }

    /// What must be kept of the request's metadata until the answer is there. Allocates only if there is something.
    #[must_use]
    pub fn kept(&self, metadata: &HeaderMap) -> HeaderMap {
        let context = self.context.iter().map(|(_, expression)| expression);
        let all = self.resource_id.iter().chain(self.resource_url.expressions()).chain(context);
        let mut kept = HeaderMap::new();
        for name in all.filter_map(Expression::request_metadata) {
            if let Some(value) = metadata.get(name) {
                kept.insert(name, value.clone());
            }
        }
        kept
    }
}

/// The name of an event type without what the names of its enum begin with: `EVENT_TYPE_CREATED` is `created`.
fn short(name: &str) -> String {
    let short = name.rsplit_once("_TYPE_").map_or(name, |(_, word)| word);
    short.to_ascii_lowercase().replace('_', "-")
}
