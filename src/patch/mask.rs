//! What a request's mask names, as a tree over the resource's fields.
//!
//! Not for merging by it (`merge`) and not for telling a client what is wrong with its paths (`wrong`).

use super::shape::{Field, Form, Shape, Shapes};
use super::wrong::Why;

/// What becomes of a field.
#[derive(Debug, Clone)]
pub(super) enum Fate {
    /// It is as in the request, set or not.
    Asked,
    /// It is as in the request where that states it, else as fetched: what identifies a resource, and its version.
    Stated,
    /// It is merged: parts of it have fates of their own.
    Parts(Mask),
}

/// The fields of a message that are not simply as fetched.
#[derive(Debug, Clone)]
pub(super) struct Mask {
    /// The message's type.
    pub(super) shape: usize,
    /// Sorted by number.
    pub(super) fields: Vec<Masked>,
    /// Whether the client's mask names something in here.
    pub(super) asked: bool,
}

#[derive(Debug, Clone)]
pub(super) struct Masked {
    pub(super) number: u32,
    /// The field's place in its type.
    place: usize,
    pub(super) fate: Fate,
}

impl Masked {
    pub(super) fn form(&self, shape: &Shape) -> Form {
        shape.field(self.place).map_or(Form::Scalar, |field| field.form)
    }
}

/// How deep a path may go: as deep as the deepest message that can be read.
const DEEPEST: usize = 100;

impl Mask {
    pub(super) fn new(shape: usize) -> Self {
        Self { shape, fields: Vec::new(), asked: false }
    }

    /// Adds a path of the client's mask. A wider path wins over a narrower one, whichever came first.
    pub(super) fn ask<'p>(&mut self, shapes: &Shapes, path: &'p str) -> Result<(), Why<'p>> {
        self.add(shapes, path, true)
    }

    /// Adds a path whose field is as in the request where that states it.
    pub(super) fn keep(&mut self, shapes: &Shapes, path: &str) {
        // What is kept was resolved at load.
        let _ = self.add(shapes, path, false);
    }

    fn add<'p>(&mut self, shapes: &Shapes, path: &'p str, asked: bool) -> Result<(), Why<'p>> {
        // The path is understood as a whole before anything of it is noted.
        let steps = resolve(shapes, path)?;
        if asked && self.keeps(&steps) {
            return Ok(());
        }
        let mut mask = self;
        let mut left = steps.len();
        for Step { place, number, form } in steps {
            left -= 1;
            mask.asked |= asked;
            let at = mask.fields.binary_search_by_key(&number, |field| field.number);
            let at = at.unwrap_or_else(|at| {
                let fate = match form {
                    Form::Message { shape, .. } if left > 0 => Fate::Parts(Self::new(shape)),
                    _ if asked => Fate::Asked,
                    _ => Fate::Stated,
                };
                mask.fields.insert(at, Masked { number, place, fate });
                at
            });
            let Some(Masked { fate, .. }) = mask.fields.get_mut(at) else { return Ok(()) };
            if left == 0 && asked && matches!(fate, Fate::Parts(_)) {
                *fate = Fate::Asked;
            }
            match fate {
                Fate::Parts(parts) => mask = parts,
                Fate::Asked | Fate::Stated => return Ok(()),
            }
        }
        Ok(())
    }

    /// Whether a path leads to something that is kept: asking for it changes nothing.
    fn keeps(&self, steps: &[Step]) -> bool {
        let mut mask = self;
        for step in steps {
            match mask.place(step.number).and_then(|at| mask.fields.get(at)).map(|field| &field.fate) {
                Some(Fate::Stated) => return true,
                Some(Fate::Parts(parts)) => mask = parts,
                Some(Fate::Asked) | None => return false,
            }
        }
        false
    }

    pub(super) fn place(&self, number: u32) -> Option<usize> {
        self.fields.binary_search_by_key(&number, |field| field.number).ok()
    }

    /// The paths that were asked for, each once and the widest only, by proto names and in order of field numbers.
    pub(super) fn paths(&self, shapes: &Shapes) -> Vec<String> {
        let mut paths = Vec::new();
        self.list(shapes, "", &mut paths);
        paths
    }

    fn list(&self, shapes: &Shapes, before: &str, paths: &mut Vec<String>) {
        let Some(shape) = shapes.get(self.shape) else { return };
        for masked in &self.fields {
            let Some(field) = shape.field(masked.place) else { continue };
            let path = format!("{before}{}", field.name);
            match &masked.fate {
                Fate::Asked => paths.push(path),
                Fate::Parts(parts) => parts.list(shapes, &format!("{path}."), paths),
                Fate::Stated => {}
            }
        }
    }
}

/// One field of a path.
struct Step {
    place: usize,
    number: u32,
    form: Form,
}

fn resolve<'p>(shapes: &Shapes, path: &'p str) -> Result<Vec<Step>, Why<'p>> {
    if path.is_empty() {
        return Err(Why::Empty);
    }
    let mut steps = Vec::new();
    let mut shape = shapes.get(0);
    let mut parent: Option<&Field> = None;
    for segment in path.split('.') {
        let within = match parent.map(|parent| (parent, parent.form)) {
            None => shape,
            Some((_, Form::Message { shape: index, .. })) if segment != "*" => shapes.get(index),
            Some((parent, form)) => return Err(Why::through(&parent.name, form)),
        };
        if steps.len() >= DEEPEST {
            return Err(Why::TooDeep(DEEPEST));
        }
        shape = within;
        let Some((place, field)) = within.and_then(|within| within.named(segment)) else {
            return Err(Why::unknown(segment, parent.map(|parent| &*parent.name), within));
        };
        steps.push(Step { place, number: field.number, form: field.form });
        parent = Some(field);
    }
    Ok(steps)
}
