//! `google.protobuf.FieldMask` in updates. Not for masks in JSON: that is [`transcode`](crate::transcode).

use prost_reflect::{DynamicMessage, FieldDescriptor, MessageDescriptor, ReflectMessage as _, Value};
use tonic::Status;

/// Whether a request field is the mask of an update.
pub(super) fn is_mask(field: &FieldDescriptor) -> bool {
    !field.is_list()
        && field.kind().as_message().is_some_and(|of| of.full_name() == "google.protobuf.FieldMask")
}

/// The paths of a mask; none for an unset one, and for `*`, which means everything too.
pub(super) fn paths(request: &DynamicMessage, mask: &FieldDescriptor) -> Vec<String> {
    let mask = request.get_field(mask);
    let list = mask.as_message().and_then(|mask| mask.get_field_by_name("paths"));
    let paths = list.as_ref().and_then(|list| list.as_list()).unwrap_or_default();
    let paths: Vec<_> = paths.iter().filter_map(Value::as_str).map(str::to_owned).collect();
    if paths.iter().any(|path| path == "*") { Vec::new() } else { paths }
}

/// The old record with the named fields as in the new one.
pub(super) fn merge(
    old: &DynamicMessage,
    new: &DynamicMessage,
    paths: &[String],
) -> Result<DynamicMessage, Status> {
    let mut merged = old.clone();
    for path in paths {
        merge_path(&mut merged, Some(new), path).ok_or_else(|| {
            let noun = super::words::spoken(&super::words::snake(old.descriptor().name()));
            Status::invalid_argument(format!("`update_mask` names `{path}`, which is no field of a {noun}"))
        })?;
    }
    Ok(merged)
}

fn merge_path(old: &mut DynamicMessage, new: Option<&DynamicMessage>, path: &str) -> Option<()> {
    let (name, rest) = path.split_once('.').map_or((path, None), |(name, rest)| (name, Some(rest)));
    let field = field(&old.descriptor(), name)?;
    let Some(rest) = rest else {
        match new.filter(|new| new.has_field(&field)) {
            Some(new) => old.set_field(&field, new.get_field(&field).into_owned()),
            None => old.clear_field(&field),
        }
        return Some(());
    };
    let new = new.map(|new| new.get_field(&field));
    let new = new.as_ref().and_then(|new| new.as_message());
    merge_path(old.get_field_mut(&field).as_message_mut()?, new, rest)
}

fn field(of: &MessageDescriptor, name: &str) -> Option<FieldDescriptor> {
    of.get_field_by_name(name).or_else(|| of.get_field_by_json_name(name))
}
