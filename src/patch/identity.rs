//! Whether what was read is the resource that the request means: a backend that reads by less than it was asked for
//! must not have one resource laid under the id of another.
//!
//! Not for whether the caller may act on it: that is [`policy`](crate::policy), which looks at the request.

use prost_reflect::{FieldDescriptor, Kind, MessageDescriptor};

use super::step::{Step, is_stated, pieces_of};
use crate::rule::FieldPath;
use crate::status::{Code, Origin, Status};
use crate::wire::field::{Malformed, Value};

/// A field that says which resource is meant: where it is in the write request, and where in the resource.
#[derive(Debug)]
pub(super) struct Identifying {
    request: Box<[Step]>,
    resource: Box<[Step]>,
    pub(super) name: Box<str>,
}

impl Identifying {
    /// The fields among `sources`, paths of the write request, that lie inside of the resource at `around`; and the
    /// `account`, also where it lies outside and the resource has a field of its name.
    pub(super) fn all<'p>(
        sources: impl Iterator<Item = &'p FieldPath>,
        account: Option<&'p FieldPath>,
        around: &FieldPath,
        resource: &MessageDescriptor,
    ) -> Vec<Self> {
        let inside =
            |path: &FieldPath| path.0.strip_prefix(&*around.0).map(|inside| FieldPath(inside.to_vec()));
        let mut found: Vec<Self> = Vec::new();
        for path in sources.chain(account) {
            let own = inside(path).or_else(|| {
                account.filter(|account| *account == path).and_then(|path| namesake(path, resource))
            });
            let Some(own) = own.filter(is_comparable) else { continue };
            let name = own.to_string().into();
            if found.iter().all(|one| one.name != name) {
                found.push(Self { request: Step::all(path), resource: Step::all(&own), name });
            }
        }
        found
    }

    /// What the request says.
    pub(super) fn asked<'w>(&self, request: &'w [u8]) -> Result<Option<Value<'w>>, Malformed> {
        value(&self.request, vec![request])
    }

    /// What the resource says.
    pub(super) fn found<'w>(&self, resource: &[&'w [u8]]) -> Result<Option<Value<'w>>, Malformed> {
        value(&self.resource, resource.to_vec())
    }
}

/// Whether two values, where both are stated, name the same. A UUID may be written in capitals.
pub(super) fn is_same(asked: Option<Value<'_>>, found: Option<Value<'_>>) -> bool {
    match (asked, found) {
        (Some(Value::Bytes(asked)), Some(Value::Bytes(found))) => {
            asked == found || is_uuid(asked) && asked.eq_ignore_ascii_case(found)
        }
        (Some(asked), Some(found)) => asked == found,
        _ => true,
    }
}

/// The answer where another resource was read than the one that is meant: that one is not there to be updated.
pub(super) fn another(resource: &str, field: &str) -> Status {
    let message = format!(
        "there is no such `{resource}` to update: the one that was read is another, its `{field}` is not that of \
         the request"
    );
    Status::new(Code::NotFound, message, Origin::Upstream)
}

/// The last value at the end of a path, unless it is zero or empty.
fn value<'w>(path: &[Step], message: Vec<&'w [u8]>) -> Result<Option<Value<'w>>, Malformed> {
    let Some((last, parents)) = path.split_last() else { return Ok(None) };
    let values = last.values(&pieces_of(parents, message)?)?;
    Ok(values.last().copied().filter(|value| is_stated(Some(value))))
}

/// The resource's own field of the name and type that another path ends in.
fn namesake(path: &FieldPath, resource: &MessageDescriptor) -> Option<FieldPath> {
    let last = path.last()?;
    let own = resource.get_field_by_name(last.name())?;
    (own.kind() == last.kind()).then(|| FieldPath(vec![own]))
}

/// Whether equal values are equal bytes: not so for messages, and lists come packed or not.
fn is_comparable(path: &FieldPath) -> bool {
    let plain = |field: &FieldDescriptor| !field.is_list() && !matches!(field.kind(), Kind::Message(_));
    path.last().is_some_and(plain)
}

/// `123e4567-e89b-12d3-a456-426614174000`
fn is_uuid(text: &[u8]) -> bool {
    text.len() == 36 && text.iter().all(|byte| byte.is_ascii_hexdigit() || *byte == b'-')
}
