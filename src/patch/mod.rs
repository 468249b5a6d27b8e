//! Partial updates: what a mask names is laid over the resource as it is, on the wire.
//!
//! A method whose options name a [`PatchSource`] takes whole resources; its clients want to write a few fields and
//! say which in `update_mask`. So the resource is read first, the masked fields are taken from the request and
//! all others from what was read, and the whole is forwarded without the mask. Everything is compiled at load
//! ([`PatchPlan`]); a call makes a tree of the fields that its mask names and copies bytes by it, so that what the
//! contract does not know is kept too.
//!
//! Not for sending anything: the steps of a call do that.

#![cfg_attr(
    not(test),
    deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)
)]

mod build;
mod draft;
mod identity;
mod lay;
mod mask;
mod shape;
mod step;
#[cfg(test)]
mod tests;
mod version;
mod wrong;

use http::StatusCode;
use http::uri::PathAndQuery;
use prost_reflect::{MessageDescriptor, MethodDescriptor};

use self::draft::Draft;
use self::identity::Identifying;
use self::lay::lay;
use self::mask::Mask;
use self::shape::Shapes;
use self::step::{Carried, Step, is_message, pieces};
use self::version::Version;
use self::wrong::Wrong;
use crate::duty::PatchSource;
use crate::problem::{Place, Problems};
use crate::rule::FieldPath;
use crate::status::{Code, Origin, Status};
use crate::wire::field::{Fields, Malformed};

/// How partial updates are made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Whether they are made at all; if not, masks are forwarded as they are.
    pub enabled: bool,
    /// Names of fields that hold a resource's version.
    pub version_fields: Vec<String>,
}

impl Default for Settings {
    fn default() -> Self {
        Self { enabled: true, version_fields: vec!["etag".to_owned(), "resource_version".to_owned()] }
    }
}

/// How partial updates by one method are made, compiled at load.
#[derive(Debug)]
pub struct PatchPlan {
    get: MethodDescriptor,
    /// `/pkg.Service/GetThing`
    path: PathAndQuery,
    /// What the read request is made of.
    carried: Vec<Carried>,
    /// The number of the write request's mask, and its name.
    mask: (u32, Box<str>),
    /// To the resource, in the write request and in the read answer.
    request: Box<[Step]>,
    answer: Box<[Step]>,
    /// The name of the resource's field in the write request.
    resource: Box<str>,
    shapes: Shapes,
    /// What is taken from the request whatever its mask says.
    kept: Mask,
    /// What says which resource it is.
    identifying: Vec<Identifying>,
    versions: Vec<Version>,
}

/// What a request asks for.
#[derive(Debug)]
pub enum Wanted<'p> {
    /// It has no mask: it is sent as it is.
    AsItIs,
    /// Its mask names nothing or `*`: the resource is sent as it is, the mask is not.
    Whole,
    /// Some fields.
    Part(Patch<'p>),
}

/// One partial update.
#[derive(Debug)]
pub struct Patch<'p> {
    plan: &'p PatchPlan,
    mask: Mask,
}

/// Which of the two messages is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    Request,
    Fetched,
}

impl PatchPlan {
    /// Compiles the partial updates of a method, telling every problem at `place`. The request's `account`, which
    /// was checked, is kept as the identifying fields of `source` are.
    pub fn compile(
        source: &PatchSource,
        account: Option<&FieldPath>,
        method: &MethodDescriptor,
        settings: &Settings,
        place: &Place,
        problems: &mut Problems,
    ) -> Option<Self> {
        build::plan(source, account, method, settings, place, problems)
    }

    /// The method that reads the resource.
    #[must_use]
    pub fn get(&self) -> &MethodDescriptor {
        &self.get
    }

    /// Its path, `/pkg.Service/GetThing`.
    #[must_use]
    pub fn path(&self) -> &PathAndQuery {
        &self.path
    }

    /// What a request, its wire bytes, asks for.
    ///
    /// # Errors
    /// 400 naming every path of the mask that names no field of the resource.
    pub fn wanted(&self, request: &[u8]) -> Result<Wanted<'_>, Status> {
        self.read(request, true)
    }

    /// The same of a request whose mask was made of what its body has: a body that has nothing changes nothing.
    ///
    /// # Errors
    /// As [`wanted`](Self::wanted).
    pub fn wanted_of_body(&self, request: &[u8]) -> Result<Wanted<'_>, Status> {
        self.read(request, false)
    }

    /// What a request's mask asks for; `empty_is_whole`: one that names nothing stands for everything.
    fn read(&self, request: &[u8], empty_is_whole: bool) -> Result<Wanted<'_>, Status> {
        let (number, name) = &self.mask;
        let mut mask = self.kept.clone();
        let (mut present, mut whole, mut wrong) = (false, false, Wrong::default());
        let mut index = 0;
        for field in Fields::of(request) {
            let field = field.map_err(|Malformed| Fault::Request)?;
            let Some(paths) = field.value.message().filter(|_| field.number == *number) else { continue };
            present = true;
            for path in Fields::of(paths) {
                let path = path.map_err(|Malformed| Fault::Request)?;
                let Some(path) = path.value.message().filter(|_| path.number == PATHS) else { continue };
                let path = str::from_utf8(path).map_err(|_| Fault::Request)?;
                if path == "*" {
                    whole = true;
                } else if let Err(why) = mask.ask(&self.shapes, path) {
                    wrong.note(name, index, path, &why, &self.resource);
                }
                index += 1;
            }
        }
        wrong.into_status(name)?;
        Ok(match (present, whole || (index == 0 && empty_is_whole)) {
            (false, _) => Wanted::AsItIs,
            (true, true) => Wanted::Whole,
            (true, false) => Wanted::Part(Patch { plan: self, mask }),
        })
    }

    /// Appends the request without its mask to `out`.
    ///
    /// # Errors
    /// 500 when the bytes are no message.
    pub fn without_mask(&self, request: &[u8], out: &mut Vec<u8>) -> Result<(), Status> {
        out.reserve(request.len());
        for field in Fields::of(request) {
            let field = field.map_err(|Malformed| Fault::Request)?;
            if field.number != self.mask.0 {
                out.extend_from_slice(field.whole);
            }
        }
        Ok(())
    }
}

impl Patch<'_> {
    /// The paths that are taken from the request, each once and the widest only, by their proto names.
    #[must_use]
    pub fn paths(&self) -> Vec<String> {
        self.mask.paths(&self.plan.shapes)
    }

    /// Appends the request that reads the resource of `request` to `out`.
    ///
    /// # Errors
    /// 500 when the bytes are no message.
    pub fn write_get(&self, request: &[u8], out: &mut Vec<u8>) -> Result<(), Status> {
        for carried in &self.plan.carried {
            carried.carry(request, out).map_err(|Malformed| Fault::Request)?;
        }
        Ok(())
    }

    /// Appends `request`, without its mask and with the whole resource, to `out`: the masked fields as in the request,
    /// all others as in the read `answer`.
    ///
    /// # Errors
    /// 404 when the answer has no resource, or another one than the request means; 409 when it has another version of it than the request states, 502 when
    /// it is no message.
    pub fn merge(&self, request: &[u8], answer: &[u8], out: &mut Vec<u8>) -> Result<(), Status> {
        let plan = self.plan;
        let fetched = pieces(&plan.answer, answer).map_err(|Malformed| Fault::Fetched)?;
        if fetched.is_empty() {
            return Err(self.missing());
        }
        self.refuse_another(request, &fetched)?;
        self.refuse_conflict(request, &fetched)?;
        let mut draft = Draft::default();
        self.forward(&plan.request, &[request], &fetched, Some(plan.mask.0), &mut draft)?;
        draft.write(out);
        Ok(())
    }

    /// Copies what is around the resource, and writes the resource.
    fn forward<'w>(
        &self,
        steps: &[Step],
        request: &[&'w [u8]],
        fetched: &[&'w [u8]],
        dropped: Option<u32>,
        draft: &mut Draft<'w>,
    ) -> Result<(), Fault> {
        let Some((step, rest)) = steps.split_first() else {
            return lay(&self.plan.shapes, &self.mask, request, fetched, draft);
        };
        let mut inner = Vec::new();
        for field in request.iter().flat_map(|piece| Fields::of(piece)) {
            let field = field.map_err(|Malformed| Fault::Request)?;
            match field
                .value
                .message()
                .filter(|_| field.number == step.number && is_message(field.value, step.group))
            {
                Some(piece) => inner.push(piece),
                None if Some(field.number) == dropped => {}
                None => draft.copy(field.whole),
            }
        }
        let open = draft.open(step.number, step.group);
        self.forward(rest, &inner, fetched, None, draft)?;
        draft.close(&open);
        Ok(())
    }

    /// A resource is not laid under the id of another, nor into the account of another.
    fn refuse_another(&self, request: &[u8], fetched: &[&[u8]]) -> Result<(), Status> {
        for one in &self.plan.identifying {
            let asked = one.asked(request).map_err(|Malformed| Fault::Request)?;
            let found = one.found(fetched).map_err(|Malformed| Fault::Fetched)?;
            if !identity::is_same(asked, found) {
                return Err(identity::another(&self.plan.resource, &one.name));
            }
        }
        Ok(())
    }

    /// An update that states the version it was made from is made of no other.
    fn refuse_conflict(&self, request: &[u8], fetched: &[&[u8]]) -> Result<(), Status> {
        let plan = self.plan;
        if plan.versions.is_empty() {
            return Ok(());
        }
        let stated = pieces(&plan.request, request).map_err(|Malformed| Fault::Request)?;
        for version in &plan.versions {
            let stated = version.of(&stated).map_err(|Malformed| Fault::Request)?;
            let present = version.of(fetched).map_err(|Malformed| Fault::Fetched)?;
            if stated.zip(present).is_some_and(|(stated, present)| stated != present) {
                return Err(version.conflict(&plan.resource));
            }
        }
        Ok(())
    }

    fn missing(&self) -> Status {
        let message = format!("there is no `{}` to update", self.plan.resource);
        Status::new(Code::NotFound, message, Origin::Upstream)
    }
}

impl From<Fault> for Status {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Request => {
                Self::new(Code::Internal, "the request message cannot be read again", Origin::Gateway)
            }
            Fault::Fetched => {
                let message = "the backend's answer to the read before the update is not a message";
                Self::new(Code::Internal, message, Origin::Upstream).with_http(StatusCode::BAD_GATEWAY)
            }
        }
    }
}

/// The number of `google.protobuf.FieldMask.paths`.
const PATHS: u32 = 1;

/// The full name of the type of masks.
const FIELD_MASK: &str = "google.protobuf.FieldMask";

/// Whether a message type is that of masks.
fn is_mask(desc: &MessageDescriptor) -> bool {
    desc.full_name() == FIELD_MASK
}
