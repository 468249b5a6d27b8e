//! The two directions for one call.

use std::borrow::Cow;

use prost_reflect::{DynamicMessage, FieldDescriptor, MessageDescriptor};

use super::decode::Decoder;
use super::{encode, path, query, read, write};
use crate::rule::{Body, FieldPath};
use crate::status::Status;
use crate::transcode::Settings;
use crate::transcode::fault::Fault;

/// A call to a method whose input and output is the same message.
pub(in crate::transcode) struct Call<'c> {
    pub(in crate::transcode) desc: &'c MessageDescriptor,
    pub(in crate::transcode) body: &'c Body,
    pub(in crate::transcode) variables: &'c [FieldPath],
    pub(in crate::transcode) response_body: Option<&'c FieldDescriptor>,
    pub(in crate::transcode) settings: &'c Settings,
}

impl Call<'_> {
    /// The request message's wire bytes.
    pub(in crate::transcode) fn request(
        &self,
        captures: &[Cow<'_, str>],
        query: Option<&str>,
        body: &[u8],
    ) -> Result<Vec<u8>, Status> {
        let mut message = self.read_body(body)?;
        path::bind(&mut message, self.variables, captures, self.settings)?;
        if let Some(query) = query {
            self.bind_query(&mut message, query)?;
        }
        let mut wire = Vec::new();
        encode::message(&message, &mut wire);
        Ok(wire)
    }

    /// The answer's JSON.
    pub(in crate::transcode) fn answer(&self, wire: &[u8]) -> Result<Vec<u8>, Status> {
        let message = Decoder::new(self.desc).answer(wire)?;
        let mut json = Vec::new();
        match self.response_body {
            None => write::message(&message, self.settings, &mut json),
            Some(field) => write::field(&message, field, self.settings, &mut json),
        }
        .map_err(Fault::into_response_status)?;
        Ok(json)
    }

    fn read_body(&self, body: &[u8]) -> Result<DynamicMessage, Status> {
        let white = body.iter().all(|byte| matches!(byte, b' ' | b'\t' | b'\n' | b'\r'));
        match self.body {
            Body::Whole if !white => read::message(body, self.desc, self.settings),
            Body::Field(field) => self.read_field(field, body, white),
            Body::Whole | Body::None => Ok(DynamicMessage::new(self.desc.clone())),
        }
    }

    /// A message with the body as one of its fields. An empty body leaves a message field present and empty,
    /// any other field unset.
    fn read_field(&self, path: &FieldPath, body: &[u8], white: bool) -> Result<DynamicMessage, Status> {
        let mut message = DynamicMessage::new(self.desc.clone());
        let Some((field, parents)) = path.0.split_last() else { return Ok(message) };
        let value = if white {
            let single = field.kind().as_message().is_some() && !field.is_list() && !field.is_map();
            single.then(|| field.default_value())
        } else {
            read::field(body, field, self.settings)?
        };
        if let Some(value) = value {
            let parent = path::enter(&mut message, parents).map_err(Status::invalid)?;
            let set = parent.try_set_field(field, value);
            set.map_err(|_| Status::invalid("request body: the field cannot be set"))?;
        }
        Ok(message)
    }

    fn bind_query(&self, message: &mut DynamicMessage, query: &str) -> Result<(), Status> {
        let body = match self.body {
            Body::Whole if self.settings.refuse_unknown_query => {
                return query::refuse_all(query, self.settings);
            }
            Body::Whole => return Ok(()),
            Body::Field(field) => Some(field),
            Body::None => None,
        };
        let taken = query::Taken { variables: self.variables, body };
        query::bind(message, query, taken, self.settings)
    }
}
