//! The rules of transcoding as tables, and its properties on random messages, over the protos in
//! `tests/fixtures/transcode`.

mod against_oracle;
mod answers;
mod bodies;
mod contents;
mod hostile;
mod http_body;
mod parameters;
mod properties;

use std::borrow::Cow;
use std::sync::LazyLock;

use prost_reflect::{DescriptorPool, DynamicMessage, FieldDescriptor, MessageDescriptor};

use super::oracle::{self, encode};
use super::{CallPlan, Plans, RequestPlan, Settings};
use crate::problem::Problems;
use crate::rule::{Body, FieldPath};
use crate::schema;
use crate::status::Status;

static POOL: LazyLock<DescriptorPool> = LazyLock::new(|| {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/transcode");
    let settings = schema::Settings { protos: vec![folder.into()], ..schema::Settings::default() };
    let mut problems = Problems::new();
    let schema = schema::load(&settings, &mut problems);
    schema.unwrap_or_else(|| panic!("{problems}")).pool().clone()
});

fn desc(name: &str) -> MessageDescriptor {
    POOL.get_message_by_name(name).expect("the message is declared")
}

fn kinds() -> MessageDescriptor {
    desc("transcode.test.Kinds")
}

fn shapes() -> MessageDescriptor {
    desc("transcode.test.Shapes")
}

fn legacy() -> MessageDescriptor {
    desc("transcode.legacy.Legacy")
}

fn field_path(desc: &MessageDescriptor, dotted: &str) -> FieldPath {
    let mut desc = desc.clone();
    let mut path = Vec::new();
    for name in dotted.split('.') {
        let field = desc.get_field_by_name(name).expect("the field is declared");
        if let Some(inner) = field.kind().as_message() {
            desc = inner.clone();
        }
        path.push(field);
    }
    FieldPath(path)
}

/// A call that echoes: the request's bytes are the answer's.
struct Echo {
    desc: MessageDescriptor,
    plans: Plans,
    body: Body,
    variables: Vec<FieldPath>,
    captures: Vec<Cow<'static, str>>,
    response_body: Option<FieldDescriptor>,
}

impl Echo {
    #[allow(clippy::needless_pass_by_value, reason = "most are made for one call")]
    fn new(desc: &MessageDescriptor, settings: Settings) -> Self {
        Self::of(desc, &Plans::compile(desc.parent_pool(), &settings))
    }

    fn of(desc: &MessageDescriptor, plans: &Plans) -> Self {
        Self {
            desc: desc.clone(),
            plans: plans.clone(),
            body: Body::None,
            variables: Vec::new(),
            captures: Vec::new(),
            response_body: None,
        }
    }

    fn body(mut self, field: &str) -> Self {
        self.body = match field {
            "*" => Body::Whole,
            field => Body::Field(field_path(&self.desc, field)),
        };
        self
    }

    fn variable(mut self, field: &str, text: &'static str) -> Self {
        self.variables.push(field_path(&self.desc, field));
        self.captures.push(Cow::Borrowed(text));
        self
    }

    fn plan(&self) -> CallPlan {
        let index = self.plans.index_of(self.desc.full_name()).expect("a type of the pool");
        let place = |field: &FieldDescriptor| self.plans.get(index)?.place(field.number());
        CallPlan {
            plans: self.plans.clone(),
            later: None,
            request: RequestPlan::compile(&self.plans, index, &self.body, &self.variables),
            output: index,
            part: self.response_body.as_ref().and_then(place),
        }
    }

    fn wire(&self, query: Option<&str>, body: &str) -> Result<Vec<u8>, Status> {
        let mut wire = Vec::new();
        self.plan().write_request(&self.captures, query, body.as_bytes(), &mut wire)?;
        Ok(wire)
    }

    /// The request message as JSON with nothing unset shown, or the message of the 400.
    fn call(&self, query: Option<&str>, body: &str) -> Result<String, String> {
        let wire = self.wire(query, body).map_err(|status| {
            assert_eq!(status.http_status(), 400, "{status:?}");
            status.message
        })?;
        let message = DynamicMessage::decode(self.desc.clone(), wire.as_slice()).expect("sound bytes");
        Ok(show(&message, &sparse()))
    }
}

/// Settings that show what is set and nothing else.
fn sparse() -> Settings {
    Settings { unset_fields: super::UnsetFields::Omit, ..Settings::default() }
}

fn show(message: &DynamicMessage, settings: &Settings) -> String {
    let mut out = Vec::new();
    oracle::write::message(message, settings, &mut out).expect("a message with a JSON form");
    String::from_utf8(out).expect("UTF-8")
}

fn wire_of(message: &DynamicMessage) -> Vec<u8> {
    let mut wire = Vec::new();
    encode::message(message, &mut wire);
    wire
}

/// Checks a table of calls: what is asked, and the JSON or a part of the complaint.
#[track_caller]
fn check(echo: &Echo, query: Option<&str>, body: &str, expected: &Result<&str, &str>) {
    let shown = body.get(..200.min(body.len())).unwrap_or("long");
    let asked = format!("query {query:?}, body {shown:?}");
    match (echo.call(query, body), expected) {
        (Ok(json), Ok(expected)) => assert_eq!(&json, expected, "{asked}"),
        (Err(message), Err(part)) => {
            assert!(message.contains(part), "{asked}: {message:?} does not say {part:?}");
        }
        (found, expected) => panic!("{asked}: expected {expected:?}, found {found:?}"),
    }
}
