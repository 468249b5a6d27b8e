//! Where a request or an answer carries a resource: in a field, or by being the resource itself.

use prost_reflect::{DynamicMessage, FieldDescriptor, Kind, MessageDescriptor, Value};

use super::words::{ends_in_words, snake};

/// How a message carries one resource.
#[derive(Debug, Clone)]
pub(super) enum Carrier {
    /// `rpc GetBook(GetBookRequest) returns (Book)`.
    Whole,
    /// `GetClusterResponse { Cluster cluster = 1; }`.
    Field(FieldDescriptor),
}

impl Carrier {
    /// Finds the resource in a message, for a method on `noun` (`Cluster` of `GetCluster`).
    pub(super) fn find(message: &MessageDescriptor, noun: &str) -> Option<(Self, MessageDescriptor)> {
        if is_google(message) {
            return None;
        }
        if !is_envelope(message) {
            return Some((Self::Whole, message.clone()));
        }
        let noun = snake(noun);
        let carried: Vec<_> = message
            .fields()
            .filter(|field| !field.is_list())
            .filter_map(|field| Some((field.clone(), resource_type(&field)?)))
            .collect();
        let named = carried.iter().find(|(field, of)| {
            ends_in_words(&noun, field.name()) || ends_in_words(&noun, &snake(of.name()))
        });
        let (field, of) = match (named, carried.as_slice()) {
            (Some(found), _) | (None, [found]) => found.clone(),
            _ => return None,
        };
        Some((Self::Field(field), of))
    }

    /// Finds the list of resources in an answer to `List<Nouns>`.
    pub(super) fn find_list(message: &MessageDescriptor) -> Option<(FieldDescriptor, MessageDescriptor)> {
        let mut lists = message
            .fields()
            .filter(FieldDescriptor::is_list)
            .filter_map(|field| Some((field.clone(), resource_type(&field)?)));
        let first = lists.next()?;
        if first.0.name() == "items" {
            return Some(first);
        }
        Some(lists.find(|(field, _)| field.name() == "items").unwrap_or(first))
    }

    /// Takes the resource out of a request; an unset field gives an empty resource.
    pub(super) fn take(&self, mut message: DynamicMessage) -> Option<DynamicMessage> {
        match self {
            Self::Whole => Some(message),
            Self::Field(field) => match message.take_field(field) {
                Some(Value::Message(resource)) => Some(resource),
                Some(_) => None,
                None => field.kind().as_message().cloned().map(DynamicMessage::new),
            },
        }
    }

    /// Puts a resource into an answer.
    pub(super) fn put(&self, answer: &MessageDescriptor, resource: DynamicMessage) -> DynamicMessage {
        match self {
            Self::Whole => resource,
            Self::Field(field) => {
                let mut answer = DynamicMessage::new(answer.clone());
                answer.set_field(field, Value::Message(resource));
                answer
            }
        }
    }
}

/// An answer that carries the resource where it has a place for it, else an empty one.
pub(super) fn answer(
    output: &MessageDescriptor,
    carrier: Option<&Carrier>,
    resource: DynamicMessage,
) -> DynamicMessage {
    match carrier {
        Some(carrier) => carrier.put(output, resource),
        None => DynamicMessage::new(output.clone()),
    }
}

fn resource_type(field: &FieldDescriptor) -> Option<MessageDescriptor> {
    match field.kind() {
        Kind::Message(of) if !is_google(&of) && !field.is_map() => Some(of),
        _ => None,
    }
}

/// Whether a message only wraps what a method takes or answers.
fn is_envelope(message: &MessageDescriptor) -> bool {
    ["Request", "Response", "Reply", "Result"].iter().any(|end| message.name().ends_with(end))
}

pub(super) fn is_google(message: &MessageDescriptor) -> bool {
    message.package_name() == "google.protobuf"
}
