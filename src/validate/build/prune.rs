//! Dropping what has nothing to check: message types without a rule anywhere below them, and the fields that lead only
//! there.

use crate::validate::plan::{Content, Field, Message, Value};

/// Drops them; indices of other messages stay what they are.
pub(super) fn all(messages: &mut [Option<Message>]) {
    let needed = needed(messages);
    for (index, slot) in messages.iter_mut().enumerate() {
        match slot {
            Some(message) if needed.get(index) == Some(&true) => one(message, &needed),
            _ => *slot = None,
        }
    }
}

/// Which messages have a rule in them or below.
fn needed(messages: &[Option<Message>]) -> Vec<bool> {
    let mut needed = vec![false; messages.len()];
    loop {
        let mut changed = false;
        for (index, message) in messages.iter().enumerate() {
            let has_rules = message.as_ref().is_some_and(|message| {
                !message.rules.is_empty()
                    || !message.choices.is_empty()
                    || !message.oneofs.is_empty()
                    || message.fields.iter().any(|field| checks_field(field, &needed))
            });
            if let Some(known) = needed.get_mut(index).filter(|known| has_rules && !**known) {
                *known = true;
                changed = true;
            }
        }
        if !changed {
            return needed;
        }
    }
}

fn checks_field(field: &Field, needed: &[bool]) -> bool {
    field.required
        || match &field.content {
            Content::Single(value) => checks(value, needed),
            Content::List(list) => {
                !list.rules.is_empty()
                    || !list.expressions.is_empty()
                    || checks_part(list.items.as_ref(), needed)
            }
            Content::Map(map) => {
                !map.rules.is_empty()
                    || !map.expressions.is_empty()
                    || checks_part(map.keys.as_ref(), needed)
                    || checks_part(map.values.as_ref(), needed)
            }
        }
}

fn checks_part(value: Option<&Value>, needed: &[bool]) -> bool {
    value.is_some_and(|value| checks(value, needed))
}

fn checks(value: &Value, needed: &[bool]) -> bool {
    let below = value.message.and_then(|index| needed.get(index as usize)).copied();
    !value.check.is_nothing() || !value.expressions.is_empty() || below == Some(true)
}

fn one(message: &mut Message, needed: &[bool]) {
    let fields = std::mem::take(&mut message.fields);
    message.fields = fields.into_iter().filter(|field| checks_field(field, needed)).collect();
    for field in &mut message.fields {
        match &mut field.content {
            Content::Single(value) => forget(value, needed),
            Content::List(list) => forget_part(&mut list.items, needed),
            Content::Map(map) => {
                forget_part(&mut map.keys, needed);
                forget_part(&mut map.values, needed);
            }
        }
    }
    slots(message);
}

fn forget_part(part: &mut Option<Value>, needed: &[bool]) {
    if checks_part(part.as_ref(), needed) {
        if let Some(value) = part {
            forget(value, needed);
        }
    } else {
        *part = None;
    }
}

fn forget(value: &mut Value, needed: &[bool]) {
    value.message = value.message.filter(|index| needed.get(*index as usize) == Some(&true));
}

/// Keeps the slots that something asks for, and those that share a oneof with one.
fn slots(message: &mut Message) {
    let mut asked = vec![false; message.slots.len()];
    let fields = message.fields.iter().map(|field| field.slot);
    let oneofs = message.oneofs.iter().flat_map(|oneof| oneof.slots.iter().copied());
    let choices = message.choices.iter().flat_map(|choice| choice.members.iter().map(|member| member.0));
    for slot in fields.chain(oneofs).chain(choices) {
        if let Some(asked) = asked.get_mut(slot) {
            *asked = true;
        }
    }
    let of_asked: Vec<u32> = message
        .slots
        .iter()
        .zip(&asked)
        .filter(|(_, asked)| **asked)
        .filter_map(|(slot, _)| slot.oneof)
        .collect();
    for (slot, asked) in message.slots.iter().zip(&mut asked) {
        *asked |= slot.oneof.is_some_and(|oneof| of_asked.contains(&oneof));
    }
    let mut place = 0;
    let places: Vec<usize> = asked
        .iter()
        .map(|asked| {
            let here = place;
            place += usize::from(*asked);
            here
        })
        .collect();
    let moved = |slot: &mut usize| *slot = places.get(*slot).copied().unwrap_or(*slot);
    message.fields.iter_mut().for_each(|field| moved(&mut field.slot));
    message.oneofs.iter_mut().flat_map(|oneof| &mut oneof.slots).for_each(moved);
    message.choices.iter_mut().flat_map(|choice| &mut choice.members).for_each(|member| moved(&mut member.0));
    let all = std::mem::take(&mut message.slots);
    message.slots = all.into_iter().zip(asked).filter(|(_, asked)| *asked).map(|(slot, _)| slot).collect();
}
