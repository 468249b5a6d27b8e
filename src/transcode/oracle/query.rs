//! The query string, bound to the fields of the request message in order of appearance.
//!
//! One pass, one map of the fields set so far: a megabyte of pairs costs a megabyte of work. Keys that the
//! path or the body field has already decided are left out.

use std::borrow::Cow;
use std::collections::HashMap;

use prost_reflect::{DynamicMessage, FieldDescriptor, Kind, MessageDescriptor, ReflectMessage};

use super::parameter;
use super::path::{check_oneof, dotted, enter, value_at};
use crate::rule::FieldPath;
use crate::status::Status;
use crate::transcode::Settings;
use crate::transcode::fault::quoted;
use crate::transcode::to_wire;
use crate::transcode::to_wire::TextSource as Source;

/// What the query may not touch.
#[derive(Debug, Clone, Copy)]
pub(in crate::transcode) struct Taken<'a> {
    /// The fields of the path's variables.
    pub(in crate::transcode) variables: &'a [FieldPath],
    /// The field that the body becomes.
    pub(in crate::transcode) body: Option<&'a FieldPath>,
}

/// Sets every parameter of the query into its field.
pub(in crate::transcode) fn bind(
    message: &mut DynamicMessage,
    query: &str,
    taken: Taken<'_>,
    settings: &Settings,
) -> Result<(), Status> {
    let desc = message.descriptor();
    let mut binder = Binder { message, taken, settings, seen: HashMap::new() };
    for pair in pairs(query) {
        let (key, text) = pair?;
        if settings.ignored_query.iter().any(|ignored| *ignored == key) {
            continue;
        }
        let fault = |what: String| Status::invalid(format!("query parameter {}: {what}", quoted(&key)));
        match target(&desc, &key, settings).map_err(fault)? {
            Some(target) => binder.bind(&target, text).map_err(fault)?,
            None if settings.refuse_unknown_query => {
                return Err(fault("the request has no such field".to_owned()));
            }
            None => {}
        }
    }
    Ok(())
}

/// Refuses every parameter but the ignored ones: with a whole-message body none is bound.
pub(in crate::transcode) fn refuse_all(query: &str, settings: &Settings) -> Result<(), Status> {
    for pair in pairs(query) {
        let (key, _) = pair?;
        if !settings.ignored_query.iter().any(|ignored| *ignored == key) {
            let key = quoted(&key);
            return Err(Status::invalid(format!("query parameter {key}: the body is the whole request")));
        }
    }
    Ok(())
}

fn pairs(query: &str) -> impl Iterator<Item = Result<(Cow<'_, str>, Cow<'_, str>), Status>> {
    to_wire::pairs(query, to_wire::Origin::Query)
        .map(|pair| pair.map(|parameter| (parameter.key, parameter.text)))
}

/// The field that a key means, and what stood in brackets after it.
struct Target<'k> {
    path: Vec<FieldDescriptor>,
    bracket: Option<&'k str>,
}

/// Finds the field of a key such as `a.b` or `labels[zone]`; `None` when the message has no such field.
fn target<'k>(
    desc: &MessageDescriptor,
    key: &'k str,
    settings: &Settings,
) -> Result<Option<Target<'k>>, String> {
    let (names, bracket) = match key.strip_suffix(']').and_then(|key| key.rsplit_once('[')) {
        Some((names, bracket)) => (names, Some(bracket)),
        None => (key, None),
    };
    let mut desc = desc.clone();
    let mut path: Vec<FieldDescriptor> = Vec::new();
    for name in names.split('.') {
        if let Some(parent) = path.last() {
            desc = match parent.kind() {
                Kind::Message(inner) if !parent.is_list() && !parent.is_map() => inner,
                _ => return Err(format!("{} is not a message", quoted(parent.name()))),
            };
        }
        let field = desc.get_field_by_name(name).or_else(|| desc.get_field_by_json_name(name));
        let Some(field) = field else { return Ok(None) };
        if path.len() >= settings.max_depth {
            return Err(format!("nested deeper than {} levels", settings.max_depth));
        }
        path.push(field);
    }
    Ok(Some(Target { path, bracket }))
}

/// Sets parameters one after the other.
struct Binder<'m, 'q, 'a> {
    message: &'m mut DynamicMessage,
    taken: Taken<'a>,
    settings: &'a Settings,
    /// The first text of every singular field that was set, by the numbers of its path.
    seen: HashMap<Vec<u32>, Cow<'q, str>>,
}

impl<'q> Binder<'_, 'q, '_> {
    fn bind(&mut self, target: &Target<'_>, text: Cow<'q, str>) -> Result<(), String> {
        let Some((field, parents)) = target.path.split_last() else { return Ok(()) };
        if self.is_taken(&target.path, &text)? {
            return Ok(());
        }
        if field.is_map() {
            return self.entry(parents, field, target.bracket, &text);
        }
        if let Kind::Message(desc) = field.kind()
            && !parameter::has_text_form(&desc)
        {
            return Err("a message cannot be given as text; name one of its fields".to_owned());
        }
        if field.is_list() {
            return self.element(parents, field, target.bracket, &text);
        }
        if target.bracket.is_some() {
            return Err(format!("{} is neither a list nor a map", quoted(field.name())));
        }
        self.once(&target.path, &text)?;
        let value = parameter::value(&field.kind(), &text, Source::Query, self.settings)?;
        let parent = enter(self.message, parents)?;
        check_oneof(parent, field)?;
        parent.try_set_field(field, value).map_err(|_| UNSETTABLE.to_owned())?;
        self.seen.insert(numbers(&target.path), text);
        Ok(())
    }

    /// Whether the path or the body decides this field, or a part of it, or what it is a part of.
    fn is_taken(&self, path: &[FieldDescriptor], text: &str) -> Result<bool, String> {
        let Some(variable) = self.taken.variables.iter().find(|variable| overlap(&variable.0, path)) else {
            return Ok(self.taken.body.is_some_and(|body| overlap(&body.0, path)));
        };
        if self.settings.refuse_path_conflicts && !self.agrees(&variable.0, path, text) {
            return Err(format!("the path has another value for {}", quoted(&dotted(&variable.0))));
        }
        Ok(true)
    }

    /// Whether the text is for the variable's own field and says what the path says.
    fn agrees(&self, variable: &[FieldDescriptor], path: &[FieldDescriptor], text: &str) -> bool {
        let Some(field) = path.last().filter(|field| variable == path && !field.is_list()) else {
            return false;
        };
        let value = parameter::value(&field.kind(), text, Source::Query, self.settings);
        let default = field.default_value();
        value.is_ok_and(|value| value == value_at(self.message, variable).unwrap_or(default))
    }

    /// A singular field takes one value, in whichever spelling of its name.
    fn once(&self, path: &[FieldDescriptor], text: &str) -> Result<(), String> {
        match self.seen.get(&numbers(path)) {
            None => Ok(()),
            Some(first) => Err(format!("too many values: {}, {}", quoted(first), quoted(text))),
        }
    }

    /// `field=v`, `field[]=v` and `field[7]=v` all append to a list.
    fn element(
        &mut self,
        parents: &[FieldDescriptor],
        field: &FieldDescriptor,
        bracket: Option<&str>,
        text: &str,
    ) -> Result<(), String> {
        if let Some(index) = bracket.filter(|index| !index.bytes().all(|byte| byte.is_ascii_digit())) {
            return Err(format!("expected a list index in the brackets, found {}", quoted(index)));
        }
        let value = parameter::value(&field.kind(), text, Source::Query, self.settings)?;
        let parent = enter(self.message, parents)?;
        let items = parent.get_field_mut(field).as_list_mut().ok_or_else(|| UNSETTABLE.to_owned())?;
        items.push(value);
        Ok(())
    }

    /// `field[key]=v` adds an entry to a map.
    fn entry(
        &mut self,
        parents: &[FieldDescriptor],
        field: &FieldDescriptor,
        bracket: Option<&str>,
        text: &str,
    ) -> Result<(), String> {
        let Kind::Message(entry) = field.kind() else { return Err(UNSETTABLE.to_owned()) };
        let Some(bracket) = bracket else {
            let name = field.name();
            return Err(format!("{} is a map: write {name}[key]=value", quoted(name)));
        };
        let key = parameter::map_key(&entry.map_entry_key_field().kind(), bracket, self.settings)?;
        let kind = entry.map_entry_value_field().kind();
        let value = parameter::value(&kind, text, Source::Query, self.settings)?;
        let parent = enter(self.message, parents)?;
        let entries = parent.get_field_mut(field).as_map_mut().ok_or_else(|| UNSETTABLE.to_owned())?;
        if entries.insert(key, value).is_some() {
            return Err("the map has this key twice".to_owned());
        }
        Ok(())
    }
}

const UNSETTABLE: &str = "the field cannot be set";

fn numbers(path: &[FieldDescriptor]) -> Vec<u32> {
    path.iter().map(FieldDescriptor::number).collect()
}

/// Whether one path begins with the other.
fn overlap(one: &[FieldDescriptor], other: &[FieldDescriptor]) -> bool {
    one.iter().zip(other).all(|(one, other)| one == other)
}
