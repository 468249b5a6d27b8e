//! gRPC's length-prefixed messages: one flag byte, four bytes of length (big endian), then the message
//! (`PROTOCOL-HTTP2.md` of the gRPC project). Reading copies only when a message spans several chunks.

use std::convert::Infallible;

use bytes::{Buf, Bytes, BytesMut};
use prost::Message;

/// How many bytes stand before each message.
pub const PREFIX: usize = 5;

/// The five bytes that stand before an uncompressed message of `len` bytes.
///
/// A message longer than `u32::MAX` cannot be framed; callers keep a limit far below that, and the length
/// saturates here.
#[must_use]
pub fn prefix(len: usize) -> [u8; PREFIX] {
    let [a, b, c, d] = u32::try_from(len).unwrap_or(u32::MAX).to_be_bytes();
    [0, a, b, c, d]
}

/// The frame of the message that `write` appends, for which `room` bytes are set aside.
///
/// # Errors
/// What `write` fails with.
pub fn framed<E>(room: usize, write: impl FnOnce(&mut Vec<u8>) -> Result<(), E>) -> Result<Bytes, E> {
    let mut framed = Vec::with_capacity(PREFIX + room);
    framed.extend_from_slice(&prefix(0));
    write(&mut framed)?;
    let len = framed.len().saturating_sub(PREFIX);
    if let Some(place) = framed.first_chunk_mut() {
        *place = prefix(len);
    }
    Ok(framed.into())
}

/// The frame of a message of our own.
#[must_use]
pub fn encoded(message: &impl Message) -> Bytes {
    let framed = framed(message.encoded_len(), |out| {
        message.encode_raw(out);
        Ok(())
    });
    framed.unwrap_or_else(|never: Infallible| match never {})
}

/// What can be wrong with a stream of frames.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// The message is longer than the reader's limit. Known from the prefix, before the message is read.
    #[error("a message of {len} bytes is larger than the limit of {limit} bytes")]
    TooLarge {
        /// The announced length in bytes.
        len: usize,
        /// The limit in bytes.
        limit: usize,
    },
    /// The message is compressed, though no compression was offered.
    #[error("a compressed message, though no compression was offered")]
    Compressed,
    /// The flag byte is neither 0 nor 1: these bytes are not gRPC.
    #[error("the bytes are not gRPC frames")]
    NotGrpc,
    /// The stream ended inside a frame.
    #[error("the stream ended inside a message")]
    Truncated,
}

/// Cuts messages out of chunks as they arrive. Holds at most one message and one chunk, and sets aside
/// little more than has come of it.
#[derive(Debug)]
pub struct FrameReader {
    buffered: BytesMut,
    chunk: Bytes,
    limit: usize,
}

impl FrameReader {
    /// A reader that refuses messages longer than `limit` bytes.
    #[must_use]
    pub fn new(limit: usize) -> Self {
        Self { buffered: BytesMut::new(), chunk: Bytes::new(), limit }
    }

    /// Takes the next chunk. Call [`next`](Self::next) until it gives `None` before the next `push`.
    pub fn push(&mut self, chunk: Bytes) {
        if self.chunk.is_empty() && self.buffered.is_empty() {
            self.chunk = chunk;
        } else {
            let rest = std::mem::take(&mut self.chunk);
            let held = if self.buffered.is_empty() { &rest } else { &*self.buffered };
            let whole = announced(held).min(self.limit.saturating_add(PREFIX));
            let missing = whole.saturating_sub(self.buffered.len());
            // What was announced, but not much ahead of what has come.
            let ahead = missing.min(self.buffered.len().max(AHEAD));
            self.buffered.reserve(ahead.max(rest.len() + chunk.len()));
            self.buffered.extend_from_slice(&rest);
            self.buffered.extend_from_slice(&chunk);
        }
    }

    /// The next whole message, or `None` when more bytes are needed.
    ///
    /// # Errors
    /// A frame that is too large, compressed, or not a frame at all. The reader is of no use afterwards.
    #[allow(
        clippy::should_implement_trait,
        reason = "an iterator would stop at None, this one goes on after push"
    )]
    pub fn next(&mut self) -> Result<Option<Bytes>, FrameError> {
        let held: &[u8] = if self.buffered.is_empty() { &self.chunk } else { &self.buffered };
        let Some((&[flag, a, b, c, d], rest)) = held.split_first_chunk::<PREFIX>() else {
            return Ok(None);
        };
        match flag {
            0 => {}
            1 => return Err(FrameError::Compressed),
            _ => return Err(FrameError::NotGrpc),
        }
        let len = usize::try_from(u32::from_be_bytes([a, b, c, d])).unwrap_or(usize::MAX);
        if len > self.limit {
            return Err(FrameError::TooLarge { len, limit: self.limit });
        }
        if rest.len() < len {
            return Ok(None);
        }
        Ok(Some(if self.buffered.is_empty() {
            self.chunk.advance(PREFIX);
            self.chunk.split_to(len)
        } else {
            self.buffered.advance(PREFIX);
            self.buffered.split_to(len).freeze()
        }))
    }

    /// Says whether the stream may end here.
    ///
    /// # Errors
    /// [`FrameError::Truncated`] when bytes of an unfinished frame are held.
    pub fn finish(&self) -> Result<(), FrameError> {
        if self.buffered.is_empty() && self.chunk.is_empty() { Ok(()) } else { Err(FrameError::Truncated) }
    }
}

/// How long the frame is that begins with these bytes, as far as they say; 0 when they do not.
fn announced(held: &[u8]) -> usize {
    let Some(&[_, a, b, c, d]) = held.first_chunk::<PREFIX>() else { return 0 };
    usize::try_from(u32::from_be_bytes([a, b, c, d])).map_or(0, |len| len.saturating_add(PREFIX))
}

/// How many bytes are set aside at first for a message of which more was announced than has come.
const AHEAD: usize = 64 << 10;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn room_is_made_for_what_was_announced_and_not_far_ahead() {
        for (announced, expected) in [(60_000, 60_005..60_100), (900 << 20, AHEAD..AHEAD + 100)] {
            let mut reader = FrameReader::new(1 << 30);
            reader.push([&prefix(announced)[..], &[0; 10_000]].concat().into());
            assert_eq!(reader.next(), Ok(None));
            reader.push(Bytes::from_static(&[0]));
            assert!(expected.contains(&reader.buffered.capacity()), "for {announced}");
        }
    }

    fn framed(messages: &[Vec<u8>]) -> Vec<u8> {
        messages.iter().flat_map(|message| [&prefix(message.len())[..], message].concat()).collect()
    }

    proptest! {
        #[test]
        fn every_partition_into_chunks_gives_the_same_messages(
            messages in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..40), 0..6),
            cuts in proptest::collection::vec(1usize..9, 0..300),
        ) {
            let bytes = Bytes::from(framed(&messages));
            let mut reader = FrameReader::new(64);
            let mut found = Vec::new();
            let (mut at, mut cuts) = (0, cuts.into_iter());
            while at < bytes.len() {
                let end = (at + cuts.next().unwrap_or(1000)).min(bytes.len());
                reader.push(bytes.slice(at..end));
                at = end;
                while let Some(message) = reader.next().expect("these are frames") {
                    found.push(message.to_vec());
                }
            }
            prop_assert_eq!(found, messages);
            prop_assert_eq!(reader.finish(), Ok(()));
        }
    }

    #[test]
    fn faults_are_told_apart() {
        let next = |bytes: &'static [u8]| {
            let mut reader = FrameReader::new(4);
            reader.push(Bytes::from_static(bytes));
            reader.next()
        };
        assert_eq!(next(&[0, 0, 0, 0, 5]), Err(FrameError::TooLarge { len: 5, limit: 4 }));
        assert_eq!(next(&[1, 0, 0, 0, 1, 7]), Err(FrameError::Compressed));
        assert_eq!(next(b"<html>"), Err(FrameError::NotGrpc));
        assert_eq!(next(&[0, 0, 0]), Ok(None));
    }

    #[test]
    fn an_end_inside_a_frame_is_told() {
        let mut reader = FrameReader::new(10);
        reader.push(Bytes::from_static(&[0, 0, 0, 0, 2, 1]));
        assert_eq!(reader.next(), Ok(None));
        assert_eq!(reader.finish(), Err(FrameError::Truncated));
    }
}
