//! A message put together of pieces of others: first a list of what is copied, then written in one go, every length
//! known. So a byte is copied once, however deep it lies.

use prost::encoding::{WireType, encode_key, encode_varint, encoded_len_varint, key_len};

/// A message that is not written yet.
#[derive(Debug, Default)]
pub(super) struct Draft<'w> {
    parts: Vec<Part<'w>>,
    /// The bytes of the message that is open, or of all of it.
    len: usize,
}

#[derive(Debug)]
enum Part<'w> {
    Copy(&'w [u8]),
    /// Tag and length of a message; what follows is its content.
    Head {
        number: u32,
        len: usize,
    },
    /// A tag of a group.
    Tag {
        number: u32,
        kind: WireType,
    },
}

/// A message that is open in a draft.
#[derive(Debug)]
pub(super) struct Open {
    number: u32,
    group: bool,
    /// The place of its first part.
    at: usize,
    /// The bytes before it in the message around it.
    before: usize,
}

impl<'w> Draft<'w> {
    pub(super) fn copy(&mut self, bytes: &'w [u8]) {
        if !bytes.is_empty() {
            self.len += bytes.len();
            self.parts.push(Part::Copy(bytes));
        }
    }

    /// Begins a message inside of the one that is open.
    pub(super) fn open(&mut self, number: u32, group: bool) -> Open {
        let open = Open { number, group, at: self.parts.len(), before: self.len };
        self.parts.push(if group {
            Part::Tag { number, kind: WireType::StartGroup }
        } else {
            Part::Head { number, len: 0 }
        });
        self.len = 0;
        open
    }

    /// Whether nothing was written since the innermost open message began.
    pub(super) fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Ends the innermost open message.
    pub(super) fn close(&mut self, open: &Open) {
        let (number, content) = (open.number, self.len);
        let frame = if open.group {
            self.parts.push(Part::Tag { number, kind: WireType::EndGroup });
            key_len(number)
        } else {
            if let Some(Part::Head { len, .. }) = self.parts.get_mut(open.at) {
                *len = content;
            }
            encoded_len_varint(content as u64)
        };
        self.len = open.before + key_len(number) + frame + content;
    }

    /// Takes back the innermost open message.
    pub(super) fn cancel(&mut self, open: &Open) {
        self.parts.truncate(open.at);
        self.len = open.before;
    }

    /// Appends the message to `out`.
    pub(super) fn write(&self, out: &mut Vec<u8>) {
        out.reserve(self.len);
        for part in &self.parts {
            match *part {
                Part::Copy(bytes) => out.extend_from_slice(bytes),
                Part::Head { number, len } => {
                    encode_key(number, WireType::LengthDelimited, out);
                    encode_varint(len as u64, out);
                }
                Part::Tag { number, kind } => encode_key(number, kind, out),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_those_of_what_is_written() {
        let long = [7; 200];
        let mut draft = Draft::default();
        draft.copy(&[1]);
        let outer = draft.open(2, false);
        let gone = draft.open(9, false);
        draft.copy(&[8]);
        draft.cancel(&gone);
        let group = draft.open(100, true);
        let inner = draft.open(3, false);
        draft.copy(&long);
        draft.close(&inner);
        draft.close(&group);
        draft.close(&outer);
        let empty = draft.open(4, false);
        assert!(draft.is_empty());
        draft.close(&empty);

        let mut written = Vec::new();
        draft.write(&mut written);
        let content = [&[0xa3, 0x06, 0x1a, 0xc8, 0x01][..], &long, &[0xa4, 0x06]].concat();
        assert_eq!(written, [&[1, 0x12, 0xcf, 0x01][..], &content, &[0x22, 0]].concat());
        assert_eq!(draft.len, written.len());
    }
}
