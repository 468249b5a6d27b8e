//! How the event of one method is made: compiled at load, built for each successful call.
//!
//! Request path: an event costs its id, its wire bytes and the texts that sinks name it by.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use http::HeaderMap;
use prost_reflect::{MessageDescriptor, MethodDescriptor};

use super::expression::{Expression, Facts, Template};
use super::shape::{Moment, Shape, Spelled};
use crate::duty::EventOptions;
use crate::problem::{Place, Problem, Problems};
use crate::transcode::MessagePlan;
use crate::wire::field::{put_bytes, put_varint};

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
        let (event_type, word) = match &message.shape.event_type {
            None => (None, String::new()),
            Some(words) => match words.of_number(options.event_type) {
                Some((spelled, name)) => (Some(spelled), short(&name)),
                None => {
                    let what = format!("`{}` has no event type {}", message.name, options.event_type);
                    tell("event_type", (what, "give the enum of the event message this value".to_owned()));
                    (None, String::new())
                }
            },
        };
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

    /// Builds the event of a call that went well.
    #[must_use]
    pub fn build(&self, facts: &Facts<'_>, caller: &Caller<'_>, account: Option<&str>) -> Event {
        let (id, now) = (uuid::Uuid::now_v7().to_string(), SystemTime::now());
        let mut resource = String::with_capacity(128);
        let complete = self.resource_url.write(facts, &mut resource);
        let account = account.unwrap_or_default();
        let shape = &self.message.shape;
        let mut wire = Vec::with_capacity(512);
        put_text(shape.id, &id, &mut wire);
        put_moment(shape.created_at, now, &mut wire);
        self.put_caller(caller, &mut wire);
        put_text(shape.account_id, account, &mut wire);
        put_text(shape.source_rpc, &self.kind.path, &mut wire);
        if let Some(word) = &self.event_type {
            put_word(word, &mut wire);
        }
        put_text(shape.resource_type, &self.kind.resource_type, &mut wire);
        if let (Some(number), true) = (shape.status_only, self.status_only) {
            put_varint(number, 1, &mut wire);
        }
        if let Some(id) = self.resource_id.as_ref().and_then(|expression| expression.value(facts)) {
            put_text(shape.resource_id, &id, &mut wire);
        }
        put_text(shape.resource_url, &resource, &mut wire);
        put_text(shape.action_type, self.action_type.as_deref().unwrap_or_default(), &mut wire);
        self.put_context(facts, &mut wire);
        Event {
            id,
            time: now,
            account: account.to_owned(),
            resource,
            wire,
            kind: Arc::clone(&self.kind),
            complete,
        }
    }

    fn put_caller(&self, caller: &Caller<'_>, out: &mut Vec<u8>) {
        let Some(shape) = &self.message.shape.caller else { return };
        let mut inner = Vec::with_capacity(128);
        put_text(shape.actor_id, caller.actor_id, &mut inner);
        let mut known = self.message.actor_types.iter();
        if let Some((_, word)) = known.find(|(name, _)| name == caller.actor_type) {
            put_word(word, &mut inner);
        } else if let Some(super::shape::Word::Text(number)) = shape.actor_type {
            put_text(Some(number), caller.actor_type, &mut inner);
        }
        put_text(shape.user_agent, cut(caller.user_agent), &mut inner);
        put_bytes(shape.number, &inner, out);
    }

    /// A value that is not known has no entry.
    fn put_context(&self, facts: &Facts<'_>, out: &mut Vec<u8>) {
        let Some(number) = self.message.shape.additional_context else { return };
        for (name, expression) in &self.context {
            if let Some(value) = expression.value(facts) {
                let mut entry = Vec::with_capacity(name.len() + value.len() + 8);
                put_bytes(1, name.as_bytes(), &mut entry);
                put_bytes(2, value.as_bytes(), &mut entry);
                put_bytes(number, &entry, out);
            }
        }
    }
}

/// A text that is empty is not written.
fn put_text(number: Option<u32>, text: &str, out: &mut Vec<u8>) {
    if let (Some(number), false) = (number, text.is_empty()) {
        put_bytes(number, text.as_bytes(), out);
    }
}

fn put_word(word: &Spelled, out: &mut Vec<u8>) {
    match word {
        Spelled::Text(number, text) => put_bytes(*number, text.as_bytes(), out),
        #[allow(clippy::cast_sign_loss, reason = "the wire has negative numbers as their two's complement")]
        Spelled::Number(number, value) => put_varint(*number, i64::from(*value) as u64, out),
    }
}

fn put_moment(field: Option<Moment>, time: SystemTime, out: &mut Vec<u8>) {
    match field {
        None => {}
        Some(Moment::Text(number)) => {
            put_bytes(number, humantime::format_rfc3339_micros(time).to_string().as_bytes(), out);
        }
        Some(Moment::Timestamp(number)) => {
            let since = time.duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
            let mut inner = Vec::with_capacity(16);
            put_varint(1, since.as_secs(), &mut inner);
            put_varint(2, u64::from(since.subsec_nanos()), &mut inner);
            put_bytes(number, &inner, out);
        }
    }
}

/// The user agent that an event tells of is no longer than this, in characters.
const LONGEST_USER_AGENT: usize = 512;

fn cut(text: &str) -> &str {
    let end = text.char_indices().nth(LONGEST_USER_AGENT).map_or(text.len(), |(at, _)| at);
    text.get(..end).unwrap_or_default()
}

/// The name of an event type without what the names of its enum begin with: `EVENT_TYPE_CREATED` is `created`.
fn short(name: &str) -> String {
    let short = name.rsplit_once("_TYPE_").map_or(name, |(_, word)| word);
    short.to_ascii_lowercase().replace('_', "-")
}
