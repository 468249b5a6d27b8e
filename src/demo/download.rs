//! Bytes of any type, `google.api.HttpBody`: made for downloads, joined of uploads. Not for how they are sent:
//! [`stream`](super::stream).

use bytes::Bytes;
use prost::Message as _;
use prost_reflect::{DynamicMessage, MessageDescriptor};

/// `google.api.HttpBody`, less its extensions.
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct HttpBody {
    #[prost(string, tag = "1")]
    pub(super) content_type: String,
    #[prost(bytes = "bytes", tag = "2")]
    pub(super) data: Bytes,
}

/// Whether a message is a `google.api.HttpBody`.
pub(super) fn is_body(message: &MessageDescriptor) -> bool {
    message.full_name() == "google.api.HttpBody"
}

/// A download: the alphabet, again and again, so that a chunk that is lost or moved shows.
#[derive(Debug)]
pub(super) struct Download {
    content_type: String,
    /// How many bytes were given.
    given: usize,
}

impl Download {
    /// Of the content type that the request has.
    pub(super) fn new(input: &MessageDescriptor, request: &Bytes) -> Self {
        let asked = content_type(input, request).filter(|asked| !asked.is_empty());
        let content_type = asked.unwrap_or_else(|| "application/octet-stream".to_owned());
        Self { content_type, given: 0 }
    }

    /// The next chunk, of so many bytes of data.
    pub(super) fn chunk(&mut self, bytes: usize) -> Bytes {
        let data = (b'a'..=b'z').cycle().skip(self.given % 26).take(bytes).collect::<Vec<_>>().into();
        self.given += bytes;
        HttpBody { content_type: self.content_type.clone(), data }.encode_to_vec().into()
    }
}

fn content_type(input: &MessageDescriptor, request: &Bytes) -> Option<String> {
    if is_body(input) {
        return Some(HttpBody::decode(request.clone()).ok()?.content_type);
    }
    let field = input.fields().find(|field| {
        let kind = field.kind();
        !field.is_list() && kind.as_message().is_some_and(is_body)
    })?;
    let request = DynamicMessage::decode(input.clone(), request.clone()).ok()?;
    let body = request.get_field(&field);
    Some(body.as_message()?.get_field_by_name("content_type")?.as_str()?.to_owned())
}

/// What was uploaded, joined.
#[derive(Debug, Default)]
pub(super) struct Upload {
    content_type: Option<String>,
    data: Vec<u8>,
    /// How many bytes came.
    pub(super) len: usize,
}

impl Upload {
    /// Takes one more chunk; one that is no `HttpBody` counts as empty.
    pub(super) fn push(&mut self, message: &Bytes) {
        let chunk = HttpBody::decode(message.clone()).unwrap_or_default();
        self.len += chunk.data.len();
        let kept = chunk.data.len().min(LARGEST_UPLOAD.saturating_sub(self.data.len()));
        self.data.extend_from_slice(chunk.data.get(..kept).unwrap_or_default());
        self.content_type.get_or_insert(chunk.content_type);
    }

    /// All of it in one message.
    pub(super) fn joined(self) -> Bytes {
        let content_type = self.content_type.unwrap_or_default();
        HttpBody { content_type, data: self.data.into() }.encode_to_vec().into()
    }
}

/// How much of an upload is kept, in bytes.
const LARGEST_UPLOAD: usize = 1 << 20;
