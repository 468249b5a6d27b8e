//! Pages of a list: `page_size` and `page_token` in, `next_page_token` and `total_size` out.
//!
//! A token names the last record shown, by its number: records that are created or deleted between two pages
//! make no record appear twice and hide none.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use prost::Message as _;
use prost_reflect::{DynamicMessage, FieldDescriptor, Kind, MessageDescriptor, ReflectMessage as _, Value};
use tonic::Status;

use super::resource::number_of;
use super::store::Number;

/// The fields for pages that a list has; a list without them shows everything at once.
#[derive(Debug)]
pub(super) struct Paging {
    size: Option<FieldDescriptor>,
    token: Option<FieldDescriptor>,
    next: Option<FieldDescriptor>,
    total: Option<FieldDescriptor>,
}

/// One page that is asked for.
#[derive(Debug)]
pub(super) struct Page {
    pub(super) after: Number,
    pub(super) size: usize,
    query: u64,
}

/// The size of a page whose request does not say, and the largest one.
const DEFAULT_SIZE: usize = 100;
const LARGEST_SIZE: usize = 1000;

impl Paging {
    pub(super) fn new(request: &MessageDescriptor, answer: &MessageDescriptor) -> Self {
        let text = |message: &MessageDescriptor, name: &str| {
            message.get_field_by_name(name).filter(|field| field.kind() == Kind::String && !field.is_list())
        };
        let number = |message: &MessageDescriptor, name: &str| {
            let is_number =
                |field: &FieldDescriptor| matches!(field.kind(), Kind::Int32 | Kind::Int64 | Kind::Uint32);
            message.get_field_by_name(name).filter(is_number)
        };
        let next = text(answer, "next_page_token");
        let token = text(request, "page_token").filter(|_| next.is_some());
        Self { size: number(request, "page_size"), token, next, total: number(answer, "total_size") }
    }

    pub(super) fn read(&self, request: &DynamicMessage) -> Result<Page, Status> {
        let query = self.fingerprint(request);
        let size = match (&self.token, &self.size) {
            (None, None) => usize::MAX,
            (_, None) => DEFAULT_SIZE,
            (_, Some(field)) => size(number_of(&request.get_field(field)).unwrap_or(0))?,
        };
        let after = match &self.token {
            Some(field) if request.has_field(field) => read_token(&request.get_field(field), query)?,
            _ => 0,
        };
        Ok(Page { after, size, query })
    }

    /// Writes the token of the page after `last` (none: this page is the last one) and the total.
    pub(super) fn write(
        &self,
        answer: &mut DynamicMessage,
        page: &Page,
        last: Option<Number>,
        total: impl FnOnce() -> usize,
    ) {
        if let (Some(field), Some(last)) = (&self.next, last) {
            answer.set_field(field, Value::String(token(page.query, last)));
        }
        if let Some(field) = &self.total {
            let total = i32::try_from(total()).unwrap_or(i32::MAX);
            answer.set_field(
                field,
                match field.kind() {
                    Kind::Int64 => Value::I64(i64::from(total)),
                    Kind::Uint32 => Value::U32(total.unsigned_abs()),
                    _ => Value::I32(total),
                },
            );
        }
    }

    /// What the list is asked for besides the page: a token is good for the same question only.
    fn fingerprint(&self, request: &DynamicMessage) -> u64 {
        let mut query = request.clone();
        for field in self.size.iter().chain(&self.token) {
            query.clear_field(field);
        }
        let name = query.descriptor();
        let bytes = query.encode_to_vec();
        name.full_name()
            .bytes()
            .chain(bytes)
            .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
    }
}

fn size(asked: i64) -> Result<usize, Status> {
    match usize::try_from(asked) {
        Ok(0) => Ok(DEFAULT_SIZE),
        Ok(size) => Ok(size.min(LARGEST_SIZE)),
        Err(_) => Err(Status::invalid_argument(format!("`page_size` is {asked}, expected 0 or more"))),
    }
}

fn token(query: u64, last: Number) -> String {
    URL_SAFE_NO_PAD.encode([query.to_be_bytes(), last.to_be_bytes()].concat())
}

fn read_token(value: &Value, query: u64) -> Result<Number, Status> {
    let bytes = value.as_str().and_then(|text| URL_SAFE_NO_PAD.decode(text).ok());
    match bytes.as_deref().and_then(|bytes| bytes.split_first_chunk::<8>()) {
        Some((asked, last)) if u64::from_be_bytes(*asked) == query => {
            last.try_into().map(u64::from_be_bytes).map_err(|_| bad_token())
        }
        _ => Err(bad_token()),
    }
}

fn bad_token() -> Status {
    Status::invalid_argument("`page_token` is none that this list gave for the same question")
}
