//! What of a request's body is read, and the pairs and the mask that come of it.
//!
//! Not for writing any of it: [`parts`](super::parts) does that.

use std::borrow::Cow;
use std::collections::BTreeSet;

use super::pairs::Origin as PairOrigin;
use super::parts::{self, Part};
use super::query::{self, Bound};
use super::{Content, RequestPlan, text_of};
use crate::status::{Code, Origin, Status};
use crate::transcode::fault::Fault;
use crate::transcode::plan::Plans;
use crate::transcode::{MaskFrom, RequestBody, to_json};

/// What of a request's body is read: as one of these.
#[derive(Default)]
pub(super) struct Sent<'b> {
    pub(super) json: &'b [u8],
    pub(super) form: Option<&'b str>,
    pub(super) wire: Option<&'b [u8]>,
}

impl RequestPlan {
    /// What of a body is read, and how.
    pub(super) fn sent<'b>(&self, plans: &Plans, body: RequestBody<'b>) -> Result<Sent<'b>, Status> {
        let mut sent = Sent::default();
        match body {
            RequestBody::Form(form) => {
                if self.reads_body() {
                    self.message.ok_or_else(|| self.no_message("a form"))?;
                }
                sent.form =
                    Some(str::from_utf8(form).map_err(|_| Status::invalid("form: it is not valid UTF-8"))?);
            }
            _ if !self.reads_body() => {}
            RequestBody::Json(json) => sent.json = json,
            RequestBody::Wire(wire) => {
                let message = self.message.ok_or_else(|| self.no_message("a protobuf message"))?;
                to_json::check(plans, message, wire).map_err(|fault| fault.into_request_status(&[]))?;
                sent.wire = Some(wire);
            }
        }
        Ok(sent)
    }

    fn no_message(&self, what: &str) -> Status {
        let message = format!("{what} cannot be the body of this method, which is no message: send JSON");
        Status::new(Code::InvalidArgument, message, Origin::Client)
            .with_http(http::StatusCode::UNSUPPORTED_MEDIA_TYPE)
    }

    /// The pairs of form and query, the form first; `None` when there are none to be bound.
    pub(super) fn bind<'q>(
        &self,
        plans: &Plans,
        captures: &[Cow<'_, str>],
        query: Option<&'q str>,
        form: Option<&'q str>,
        own: &[Part],
    ) -> Result<Option<Bound<'q>>, Status> {
        let mut query = query.filter(|query| !query.is_empty());
        if self.body == Content::Whole
            && let Some(unread) = query.take()
            && plans.settings().refuse_unknown_query
        {
            query::refuse_all(unread, plans.settings())?;
        }
        let form = form.filter(|form| !form.is_empty());
        if query.is_none() && form.is_none() {
            return Ok(None);
        }
        let (input, parts, paths, variables) = (self.input, &self.parts, &self.paths, &self.variables);
        let of_form = self.message.map(|message| (message, &*self.way));
        let taken = query::Taken { plans, input, parts, paths, captures, variables, form: of_form };
        let mut bound = Bound::new(&self.paths);
        if let Some(form) = form {
            bound.add(form, PairOrigin::Form, &taken)?;
        }
        if let Some(query) = query {
            bound.add(query, PairOrigin::Query, &taken)?;
        }
        bound.parts.extend_from_slice(own);
        parts::sort(&mut bound.parts, &bound.paths);
        Ok(Some(bound))
    }

    /// Appends the mask that the body fills in, where nothing else said one.
    pub(super) fn write_mask(
        &self,
        plans: &Plans,
        sent: &Sent<'_>,
        (parts, paths): (&[Part], &[u32]),
        out: &mut Vec<u8>,
    ) -> Result<MaskFrom, Fault> {
        let Some(mask) = &self.mask else { return Ok(MaskFrom::Client) };
        if parts.iter().any(|part| part.path(paths).first() == Some(&mask.place)) {
            return Ok(MaskFrom::Client);
        }
        let named = match sent {
            Sent { wire: Some(wire), .. } => mask.of_wire(plans, wire)?,
            Sent { form: Some(_), .. } => mask.of_form(plans, &self.way, parts, paths)?,
            Sent { json, .. } if json.trim_ascii().is_empty() => BTreeSet::new(),
            Sent { json, .. } => mask.of_json(plans, text_of(json)?)?,
        };
        mask.write(plans, self.input, &named, out);
        Ok(MaskFrom::Body)
    }
}
