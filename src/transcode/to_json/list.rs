//! Fields that have several values.

use super::object::{Stop, Values, Writer, Written};
use super::raw::Raw;
use crate::transcode::plan::{Field, Message, Shape};

impl<'p> Writer<'p, '_, '_> {
    /// Writes a repeated field or a map with its key, or as unset when there is nothing in it.
    #[inline]
    pub(super) fn several(
        &mut self,
        plan: &'p Message,
        field: &'p Field,
        place: usize,
        values: impl Values,
    ) -> Written {
        let start = self.out.len();
        field.key.put(self.out);
        let key = self.out.len();
        match field.shape {
            Shape::Map => self.entries(field, values)?,
            Shape::List | Shape::Single => self.elements(field, values)?,
        }
        if self.out.len() == key + b"[]".len() {
            self.out.truncate(start);
            self.unset(plan, place, place + 1);
        }
        Ok(())
    }

    /// Writes a list.
    pub(super) fn elements(&mut self, field: &'p Field, mut values: impl Values) -> Written {
        self.bracketed(b'[', b']', |writer| {
            let mut count = 0;
            while let Some(value) = values.next(writer)? {
                match value {
                    Raw::Span(mut packed) if field.packable() => {
                        while !packed.is_empty() {
                            let value = packed.value(writer.wire, field.tag)?;
                            writer.element(field, value, &mut count)?;
                        }
                    }
                    value => writer.element(field, value, &mut count)?,
                }
            }
            Ok(())
        })
    }

    #[inline]
    fn element(&mut self, field: &'p Field, value: Raw, count: &mut usize) -> Result<(), Stop> {
        if self.is_foreign(field, value) {
            return Ok(());
        }
        self.check_length()?;
        self.out.push(b',');
        self.single(field.kind, value).map_err(|stop| stop.in_element(*count))?;
        *count += 1;
        Ok(())
    }
}
