//! Making the event of a call.
//!
//! Request path: an event costs its id, its wire bytes and the texts that sinks name it by.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::super::expression::{Facts, shortened};
use super::super::shape::{Moment, Spelled, Word};
use super::{Caller, Event, EventPlan};
use crate::wire::field::{put_bytes, put_varint};

impl EventPlan {
    /// Builds the event of a call that went well.
    #[must_use]
    pub fn build(&self, facts: &Facts<'_>, caller: &Caller<'_>, account: Option<&str>) -> Event {
        let (id, now) = (uuid::Uuid::now_v7().to_string(), SystemTime::now());
        let mut resource = String::with_capacity(128);
        let complete = self.resource_url.write(facts, &mut resource);
        let account = shortened(account.unwrap_or_default());
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
        put_text(shape.actor_id, shortened(caller.actor_id), &mut inner);
        let mut known = self.message.actor_types.iter();
        if let Some((_, word)) = known.find(|(name, _)| name == caller.actor_type) {
            put_word(word, &mut inner);
        } else if let Some(Word::Text(number)) = shape.actor_type {
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
