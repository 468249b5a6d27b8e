//! Wire to JSON in one pass over plans: no message is built, values go straight from the wire bytes into the text.
//!
//! While a message's fields come in the order of their numbers, each once, they are written as they come
//! ([`object`]). A message that is not like that is written again by way of an index of its values ([`index`]).
//! Nothing is allocated but the text itself, unless there is a map or such an index.

mod any;
mod check;
mod http_body;
mod indent;
mod index;
mod known;
mod list;
mod map;
mod object;
mod raw;
mod value;

pub(super) use self::http_body::raw;
use self::object::Writer;
pub(super) use self::object::{Stop, Written};
use self::raw::Span;
use super::fault::Fault;
use super::json_text;
use super::plan::{Plans, Shape};
use crate::status::{Code, Origin, Status};

/// Appends the JSON of a message, or of one of its fields, to `out`, which stays as it was when that fails.
///
/// # Errors
/// Bytes that are not such a message, or have no JSON form, or too much of it: the backend's fault, 502.
pub(super) fn write(
    plans: &Plans,
    root: u32,
    part: Option<usize>,
    wire: &[u8],
    out: &mut Vec<u8>,
) -> Result<(), Status> {
    let start = out.len();
    out.reserve(wire.len() * 2 + 64);
    let mut written = Writer::new(plans, wire, false, out).root(root, part);
    if matches!(written, Err(Stop::Overspent)) {
        out.truncate(start);
        written = Writer::new(plans, wire, true, out).root(root, part);
    }
    let (limit, indents) = (plans.settings().max_json, plans.settings().indent);
    if written.is_ok() && (out.len() - start > limit || (indents && !indent::from(start, limit, out))) {
        written = Err(Stop::TooLarge);
    }
    if let Err(stop) = written {
        out.truncate(start);
        return Err(refusal(stop, plans));
    }
    Ok(())
}

/// Whether bytes are a message of a type, and all that lies in it.
///
/// # Errors
/// Bytes that are not; a text in them that is not UTF-8.
pub(super) fn check(plans: &Plans, root: u32, wire: &[u8]) -> Result<(), Fault> {
    let mut out = Vec::new();
    let checked = Writer::new(plans, wire, true, &mut out).check_root(root);
    checked.map_err(|stop| match stop {
        Stop::Fault(fault) => fault,
        _ => Fault::new("the bytes are not a protobuf message of this type"),
    })
}

/// Appends a status as `google.rpc.Status` JSON; a detail that cannot be written in its own form is shown as base64.
pub(super) fn status(plans: &Plans, status: &Status, out: &mut Vec<u8>) {
    let start = out.len();
    out.extend_from_slice(b"{\"code\":");
    out.extend_from_slice(itoa::Buffer::new().format(i32::from(status.code)).as_bytes());
    out.extend_from_slice(b",\"message\":");
    json_text::string(&status.message, out);
    out.extend_from_slice(b",\"details\":[");
    for (index, detail) in status.details.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        Writer::new(plans, &detail.value, true, out).detail(&detail.type_url);
    }
    out.extend_from_slice(b"]}");
    if plans.settings().indent {
        indent::from(start, usize::MAX, out);
    }
}

impl Writer<'_, '_, '_> {
    /// Writes the whole answer or one of its fields.
    fn root(&mut self, root: u32, part: Option<usize>) -> Written {
        let whole = Span::whole(self.wire);
        match part {
            None => self.message(root, whole),
            Some(place) => self.part(root, place, whole),
        }
    }

    /// Writes the value of one field: its zero, `[]`, `{}` or `null` when it is not set.
    fn part(&mut self, root: u32, place: usize, whole: Span) -> Written {
        let plan = self.plan(root)?;
        let field = plan.fields.get(place).ok_or(Stop::Malformed)?;
        let found = self.values_of(plan, place, whole)?;
        let written = match field.shape {
            Shape::List => self.elements(field, found),
            Shape::Map => self.entries(field, found),
            Shape::Single if found.is_empty() && !field.implicit => {
                self.out.extend_from_slice(b"null");
                Ok(())
            }
            Shape::Single => {
                self.check_overridden(field, found)?;
                self.merged(field.kind, found)
            }
        };
        written.map_err(|stop| stop.in_field(&field.name))
    }
}

fn refusal(stop: Stop, plans: &Plans) -> Status {
    match stop {
        Stop::Fault(fault) => fault.into_response_status(),
        Stop::TooLarge => {
            let limit = crate::units::ByteSize(plans.settings().max_json as u64);
            Fault::new(format!("it is longer than the limit of {limit}")).into_response_status()
        }
        Stop::Malformed | Stop::Disorder | Stop::Overspent => Status::new(
            Code::Internal,
            "the backend's answer is not a message of the declared type",
            Origin::Upstream,
        )
        .with_http(http::StatusCode::BAD_GATEWAY),
    }
}
