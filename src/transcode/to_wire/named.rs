//! What a body names, as the paths of a field mask: a PATCH that comes without a mask is for what its body has.
//!
//! Paths are written in the names of the proto file, sorted, each once. They end at lists, maps, well-known types and
//! empty objects. Not for whether the body can be read: that was found before.

use std::collections::BTreeSet;

use super::lexer::{Lexer, Next};
use super::object::Read;
use super::parts::{Part, Source};
use super::put;
use crate::transcode::fault::Fault;
use crate::transcode::plan::{Field, Message, Plans, Shape, WellKnown};
use crate::transcode::{DEEPEST, PatchMask};
use crate::wire::field::Fields;

/// The mask of a request that its body can fill in.
#[derive(Debug, Clone, Copy)]
pub(super) struct BodyMask {
    /// The place of the mask's field in the request.
    pub(super) place: u32,
    /// The message type of the body.
    pub(super) body: u32,
    pub(super) rules: PatchMask,
}

/// How long the paths may be together: a short text can name very much.
const MOST: usize = 256 * 1024;

impl BodyMask {
    /// The mask that bodies of the message type `body`, which is the field at `way`, fill in: the only one that the
    /// request has at its top.
    pub(super) fn of(plans: &Plans, input: u32, body: u32, way: &[u32], rules: PatchMask) -> Option<Self> {
        let known = |index: u32| plans.get(index).and_then(|plan| plan.known);
        let is_mask = |field: &Field| {
            field.shape == Shape::Single && field.kind.message().and_then(known) == Some(WellKnown::FieldMask)
        };
        let mut masks = plans
            .get(input)?
            .fields
            .iter()
            .zip(0..)
            .filter(|(field, _)| is_mask(field))
            .map(|(_, place)| place);
        let place = masks.next().filter(|_| masks.next().is_none())?;
        let descends = match known(body) {
            None => true,
            Some(known) => rules.into_structs && matches!(known, WellKnown::Struct | WellKnown::Value),
        };
        (descends && way.first() != Some(&place)).then_some(Self { place, body, rules })
    }

    /// Appends the mask's field.
    pub(super) fn write(&self, plans: &Plans, input: u32, paths: &BTreeSet<String>, out: &mut Vec<u8>) {
        let field = plans.get(input).and_then(|plan| plan.fields.get(self.place as usize));
        let Some(field) = field else { return };
        let mut lengths = put::Lengths::default();
        put::varint(u64::from(field.tag), out);
        let length = lengths.open(0, out);
        for path in paths {
            out.push(PATHS);
            put::delimited(path.as_bytes(), path.len(), out);
        }
        lengths.close(length, out);
    }

    /// What a JSON text names.
    pub(super) fn of_json(&self, plans: &Plans, text: &str) -> Read<BTreeSet<String>> {
        let json = Lexer::new(text, plans.settings().max_depth.min(DEEPEST));
        let mut walk = Walk { json, names: Names::new(plans, self.rules) };
        let plan = walk.names.plan(self.body)?;
        match plan.known {
            None => walk.object(plan)?,
            Some(_) => walk.dynamic()?,
        };
        Ok(walk.names.paths)
    }

    /// What wire bytes name: the fields that they have.
    pub(super) fn of_wire(&self, plans: &Plans, wire: &[u8]) -> Read<BTreeSet<String>> {
        let mut names = Names::new(plans, self.rules);
        names.fields(names.plan(self.body)?, wire)?;
        Ok(names.paths)
    }

    /// What the pairs of a form name; `way` leads to the body's message.
    pub(super) fn of_form(
        &self,
        plans: &Plans,
        way: &[u32],
        parts: &[Part],
        paths: &[u32],
    ) -> Read<BTreeSet<String>> {
        let mut names = Names::new(plans, self.rules);
        for part in parts.iter().filter(|part| matches!(part.source(), Source::Parameter(_))) {
            if let Some(inside) = part.path(paths).strip_prefix(way) {
                names.places(self.body, inside)?;
            }
        }
        Ok(names.paths)
    }
}

/// The tag of `google.protobuf.FieldMask.paths`.
const PATHS: u8 = 0x0a;

/// The paths so far, and the one that is being followed.
struct Names<'p> {
    plans: &'p Plans,
    rules: PatchMask,
    paths: BTreeSet<String>,
    way: String,
    len: usize,
}

impl<'p> Names<'p> {
    fn new(plans: &'p Plans, rules: PatchMask) -> Self {
        Self { plans, rules, paths: BTreeSet::new(), way: String::new(), len: 0 }
    }

    fn plan(&self, index: u32) -> Read<&'p Message> {
        self.plans.get(index).ok_or_else(|| Fault::new("a type that is not in the pool"))
    }

    /// The message that a path goes on into.
    fn inner(&self, field: &Field) -> Option<&'p Message> {
        let index = field.kind.message().filter(|_| field.shape == Shape::Single)?;
        self.plans.get(index).filter(|plan| match plan.known {
            None => true,
            Some(WellKnown::Struct | WellKnown::Value) => self.rules.into_structs,
            Some(_) => false,
        })
    }

    /// Goes on by a name; gives the length to go back to.
    fn enter(&mut self, name: &str) -> usize {
        let before = self.way.len();
        if before > 0 {
            self.way.push('.');
        }
        self.way.push_str(name);
        before
    }

    /// Notes the path that was followed.
    fn note(&mut self) -> Read {
        if !self.paths.contains(&self.way) {
            self.len += self.way.len();
            if self.len > MOST {
                return Err(Fault::outside("the body names too much for a field mask; send the mask itself"));
            }
            self.paths.insert(self.way.clone());
        }
        Ok(())
    }

    fn fields(&mut self, plan: &Message, wire: &[u8]) -> Read {
        for found in Fields::of(wire).flatten() {
            let Some(field) = plan.place(found.number).and_then(|place| plan.fields.get(place)) else {
                continue;
            };
            let before = self.enter(&field.proto_name);
            let inner = self.inner(field).filter(|plan| plan.known.is_none());
            match inner.zip(found.value.message().filter(|message| !message.is_empty())) {
                Some((plan, message)) => self.fields(plan, message)?,
                None => self.note()?,
            }
            self.way.truncate(before);
        }
        Ok(())
    }

    fn places(&mut self, mut index: u32, places: &[u32]) -> Read {
        for place in places {
            let Some(field) = self.plan(index)?.fields.get(*place as usize) else { break };
            self.enter(&field.proto_name);
            index = match (self.inner(field), field.kind.message()) {
                (Some(plan), Some(index)) if plan.known.is_none() => index,
                _ => break,
            };
        }
        self.note()?;
        self.way.clear();
        Ok(())
    }
}

/// The walk over a JSON text.
struct Walk<'p, 'j> {
    json: Lexer<'j>,
    names: Names<'p>,
}

impl<'p> Walk<'p, '_> {
    /// Follows the members of an object of a message's fields; says whether it has any.
    fn object(&mut self, plan: &'p Message) -> Read<bool> {
        self.json.open()?;
        let mut first = true;
        while let Some(key) = self.json.next_key(&mut first)? {
            let token = self.json.token();
            let field = plan.place_of_key(key.as_bytes()).and_then(|place| plan.fields.get(place));
            match field {
                Some(field) => {
                    let before = self.names.enter(&field.proto_name);
                    self.value(self.names.inner(field)).map_err(|fault| fault.in_field(&key))?;
                    self.names.way.truncate(before);
                }
                None if self.names.rules.refuse_unknown => {
                    return Err(Fault::at(token, "the message has no such field").in_field(&key));
                }
                None => self.json.skip()?,
            }
        }
        Ok(!first)
    }

    /// Follows the members of an object that has no type; says whether it has any.
    fn dynamic(&mut self) -> Read<bool> {
        if self.json.peek()? != Next::Object {
            self.json.skip()?;
            return Ok(false);
        }
        self.json.open()?;
        let mut first = true;
        while let Some(key) = self.json.next_key(&mut first)? {
            let before = self.names.enter(&key);
            if !self.dynamic()? {
                self.names.note()?;
            }
            self.names.way.truncate(before);
        }
        Ok(!first)
    }

    fn value(&mut self, inner: Option<&'p Message>) -> Read {
        let goes_on = match inner {
            Some(plan) if plan.known.is_some() => self.dynamic()?,
            Some(plan) if self.json.peek()? == Next::Object => self.object(plan)?,
            _ => {
                self.json.skip()?;
                false
            }
        };
        if goes_on { Ok(()) } else { self.names.note() }
    }
}
