//! Captures: the texts of a path's variables, set into the request message. They win over everything else.

use std::borrow::Cow;

use prost_reflect::{DynamicMessage, FieldDescriptor, Value};

use super::field::oneof_conflict;
use super::parameter;
use crate::rule::FieldPath;
use crate::status::Status;
use crate::transcode::Settings;
use crate::transcode::fault::quoted;
use crate::transcode::to_wire::TextSource as Source;

/// Sets every captured text into its field, over whatever the body had there.
pub(in crate::transcode) fn bind(
    message: &mut DynamicMessage,
    variables: &[FieldPath],
    captures: &[Cow<'_, str>],
    settings: &Settings,
) -> Result<(), Status> {
    for (variable, text) in variables.iter().zip(captures) {
        let fault =
            |what: String| Status::invalid(format!("path variable {}: {what}", quoted(&dotted(&variable.0))));
        let Some((field, parents)) = variable.0.split_last() else { continue };
        let value = capture(field, text, settings).map_err(fault)?;
        if settings.refuse_path_conflicts && value_at(message, &variable.0).is_some_and(|body| body != value)
        {
            return Err(fault("the body has another value for it".to_owned()));
        }
        let parent = enter(message, parents).map_err(fault)?;
        check_oneof(parent, field).map_err(fault)?;
        if parent.try_set_field(field, value).is_err() {
            return Err(fault("the field cannot be set".to_owned()));
        }
    }
    Ok(())
}

/// The message that holds the last field of a path, its parents made where they are missing. A parent that
/// would push out another member of its oneof is refused.
pub(in crate::transcode) fn enter<'m>(
    message: &'m mut DynamicMessage,
    parents: &[FieldDescriptor],
) -> Result<&'m mut DynamicMessage, String> {
    parents.iter().try_fold(message, |message, parent| {
        check_oneof(message, parent)?;
        let inner = message.get_field_mut(parent).as_message_mut();
        inner.ok_or_else(|| format!("{} is not a message", quoted(parent.name())))
    })
}

/// No other member of the field's oneof may be set.
pub(in crate::transcode) fn check_oneof(
    message: &DynamicMessage,
    field: &FieldDescriptor,
) -> Result<(), String> {
    match oneof_conflict(message, field) {
        None => Ok(()),
        Some(oneof) => Err(format!("another field of oneof {} is set already", quoted(oneof.name()))),
    }
}

/// The value at a path, when it is set.
pub(in crate::transcode) fn value_at(message: &DynamicMessage, path: &[FieldDescriptor]) -> Option<Value> {
    let (field, rest) = path.split_first()?;
    let value = message.has_field(field).then(|| message.get_field(field))?;
    match value.as_message() {
        Some(inner) if !rest.is_empty() => value_at(inner, rest),
        _ if rest.is_empty() => Some(value.into_owned()),
        _ => None,
    }
}

/// The path as the proto file spells it.
pub(in crate::transcode) fn dotted(path: &[FieldDescriptor]) -> String {
    let names: Vec<_> = path.iter().map(FieldDescriptor::name).collect();
    names.join(".")
}

/// The value that a captured text is; a repeated field takes texts separated by commas.
fn capture(field: &FieldDescriptor, text: &str, settings: &Settings) -> Result<Value, String> {
    let kind = field.kind();
    if field.is_map() {
        return Err("a map cannot be captured from a path".to_owned());
    }
    if !field.is_list() {
        return parameter::value(&kind, text, Source::Path, settings);
    }
    let items = text.split(',').map(|item| parameter::value(&kind, item, Source::Path, settings));
    Ok(Value::List(items.collect::<Result<_, _>>()?))
}
