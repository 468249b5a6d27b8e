//! Laying one message over another by a mask, on the wire: what is not masked is copied as it stands, unknown fields
//! included; what is masked comes from the request.
//!
//! A message may come in pieces, which protobuf merges: so both are lists of pieces here, and nothing is joined.
//! Every byte is looked at once and copied once; the depth is that of the mask.

use super::Fault;
use super::draft::Draft;
use super::mask::{Fate, Mask, Masked};
use super::shape::{Form, Shape, Shapes};
use super::step::{is_message, is_stated};
use crate::wire::field::{Field, Fields, Malformed, Value};

/// Writes `fetched` with what `mask` names as it is in `request`.
pub(super) fn lay<'w>(
    shapes: &Shapes,
    mask: &Mask,
    request: &[&'w [u8]],
    fetched: &[&'w [u8]],
    draft: &mut Draft<'w>,
) -> Result<(), Fault> {
    let Some(shape) = shapes.get(mask.shape) else { return Ok(()) };
    let level =
        Level { shape, mask, chooses: mask.fields.iter().any(|field| shape.choice(field.number).is_some()) };
    let new = level.sent(request).map_err(|Malformed| Fault::Request)?;
    let displaced = level.displaced(&new);
    let old = level.fetched(&new, &displaced, fetched, draft).map_err(|Malformed| Fault::Fetched)?;
    for ((masked, new), old) in mask.fields.iter().zip(&new).zip(&old) {
        match &masked.fate {
            Fate::Parts(parts) => {
                let new: Vec<_> = new.iter().filter_map(|field| field.value.message()).collect();
                if new.is_empty() && old.is_empty() {
                    continue;
                }
                let open = draft.open(masked.number, level.form(masked).is_group());
                lay(shapes, parts, &new, old, draft)?;
                if old.is_empty() && !parts.asked && draft.is_empty() {
                    draft.cancel(&open);
                } else {
                    draft.close(&open);
                }
            }
            Fate::Asked => new.iter().for_each(|field| draft.copy(field.whole)),
            Fate::Stated if is_stated(last(new)) => new.iter().for_each(|field| draft.copy(field.whole)),
            Fate::Stated => {}
        }
    }
    Ok(())
}

/// One message type and what is masked in it.
struct Level<'l> {
    shape: &'l Shape,
    mask: &'l Mask,
    /// Whether a masked field is a member of a oneof.
    chooses: bool,
}

/// The values of each masked field, in the order of the mask.
type Found<T> = Vec<Vec<T>>;

impl Level<'_> {
    /// What the request has of the masked fields.
    fn sent<'w>(&self, request: &[&'w [u8]]) -> Result<Found<Field<'w>>, Malformed> {
        let chosen = self.chosen(request)?;
        let mut found: Found<_> = self.mask.fields.iter().map(|_| Vec::new()).collect();
        for (index, field) in request.iter().flat_map(|piece| Fields::of(piece)).enumerate() {
            let field = field?;
            let Some((masked, values)) = self.masked(field.number, &mut found) else { continue };
            let whole = !matches!(masked.fate, Fate::Parts(_));
            let fits = whole || is_message(field.value, self.form(masked).is_group());
            if fits && chosen.has(self.shape, field.number, index) {
                values.push(field);
            }
        }
        Ok(found)
    }

    /// Copies of the fetched message what is not masked, and gives the pieces of what is merged.
    fn fetched<'w>(
        &self,
        new: &Found<Field<'w>>,
        displaced: &[Option<u32>],
        fetched: &[&'w [u8]],
        draft: &mut Draft<'w>,
    ) -> Result<Found<&'w [u8]>, Malformed> {
        let chosen = self.chosen(fetched)?;
        let mut found: Found<_> = self.mask.fields.iter().map(|_| Vec::new()).collect();
        let mut index = 0;
        for piece in fetched {
            // Neighbours are copied together.
            let (mut start, mut end) = (0, 0);
            for field in Fields::of(piece) {
                let field = field?;
                let counts =
                    chosen.has(self.shape, field.number, index) && !self.is_lost(field.number, displaced);
                index += 1;
                let kept = counts && self.is_kept(&field, new, &mut found);
                let next = end + field.whole.len();
                if !kept {
                    draft.copy(piece.get(start..end).unwrap_or_default());
                    start = next;
                }
                end = next;
            }
            draft.copy(piece.get(start..end).unwrap_or_default());
        }
        Ok(found)
    }

    /// Whether a fetched field is copied as it stands.
    fn is_kept<'w>(&self, field: &Field<'w>, new: &Found<Field<'w>>, old: &mut Found<&'w [u8]>) -> bool {
        let Some(place) = self.mask.place(field.number) else { return true };
        let (Some(masked), Some(new)) = (self.mask.fields.get(place), new.get(place)) else { return true };
        match masked.fate {
            Fate::Asked => false,
            Fate::Stated => !is_stated(last(new)),
            Fate::Parts(_) => {
                // What is not a message is nothing that the type knows.
                let piece =
                    field.value.message().filter(|_| is_message(field.value, self.form(masked).is_group()));
                let pieces = old.get_mut(place);
                pieces.zip(piece).map(|(pieces, piece)| pieces.push(piece)).is_none()
            }
        }
    }

    /// The member of each oneof that the request sets and the mask names: it takes the place of any other.
    fn displaced(&self, new: &Found<Field<'_>>) -> Vec<Option<u32>> {
        let mut displaced = vec![None; if self.chooses { self.shape.oneofs() } else { 0 }];
        for (masked, new) in self.mask.fields.iter().zip(new) {
            let sets = match &masked.fate {
                Fate::Asked => !new.is_empty(),
                Fate::Stated => is_stated(last(new)),
                Fate::Parts(parts) => !new.is_empty() && parts.asked,
            };
            let choice = self.shape.choice(masked.number).and_then(|choice| displaced.get_mut(choice));
            if let Some(choice) = choice.filter(|_| sets) {
                *choice = Some(masked.number);
            }
        }
        displaced
    }

    /// Whether another member of the field's oneof takes its place.
    fn is_lost(&self, number: u32, displaced: &[Option<u32>]) -> bool {
        let choice = self.shape.choice(number).and_then(|choice| displaced.get(choice)).copied().flatten();
        choice.is_some_and(|member| member != number)
    }

    /// Which members of oneofs are set in a message.
    fn chosen(&self, message: &[&[u8]]) -> Result<Chosen, Malformed> {
        let mut chosen = Chosen(vec![None; if self.chooses { self.shape.oneofs() } else { 0 }]);
        if self.chooses {
            for (index, field) in message.iter().flat_map(|piece| Fields::of(piece)).enumerate() {
                let number = field?.number;
                let choice = self.shape.choice(number).and_then(|choice| chosen.0.get_mut(choice));
                if let Some(choice) = choice
                    && choice.is_none_or(|(member, _)| member != number)
                {
                    *choice = Some((number, index));
                }
            }
        }
        Ok(chosen)
    }

    fn masked<'f, T>(&self, number: u32, found: &'f mut Found<T>) -> Option<(&Masked, &'f mut Vec<T>)> {
        let place = self.mask.place(number)?;
        self.mask.fields.get(place).zip(found.get_mut(place))
    }

    fn form(&self, masked: &Masked) -> Form {
        masked.form(self.shape)
    }
}

/// The member of each oneof that is set, and the index of the field that set it: what another member, or the same
/// before another, brought is gone.
struct Chosen(Vec<Option<(u32, usize)>>);

impl Chosen {
    fn has(&self, shape: &Shape, number: u32, index: usize) -> bool {
        let choice = shape.choice(number).and_then(|choice| self.0.get(choice)).copied().flatten();
        choice.is_none_or(|(member, since)| member == number && index >= since)
    }
}

/// The last of a field's values.
fn last<'f, 'w>(values: &'f [Field<'w>]) -> Option<&'f Value<'w>> {
    values.last().map(|field| &field.value)
}
