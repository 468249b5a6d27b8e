//! A text that is written again and again.

/// Ready text. Up to [`Snippet::SHORT`] bytes lie inside, with room to spare, so that they are copied as one block
/// of fixed size: a few moves rather than a call.
#[derive(Debug, Clone)]
pub(crate) struct Snippet {
    block: [u8; Self::SHORT],
    len: usize,
    /// All of it, when it is longer than the block.
    long: Box<[u8]>,
}

impl Snippet {
    /// The size of the block.
    pub(crate) const SHORT: usize = 32;

    pub(crate) fn new(text: &[u8]) -> Self {
        let mut block = [0; Self::SHORT];
        for (place, byte) in block.iter_mut().zip(text) {
            *place = *byte;
        }
        let long = if text.len() > Self::SHORT { text.into() } else { Box::default() };
        Self { block, len: text.len(), long }
    }

    /// Appends the text.
    #[inline]
    pub(crate) fn put(&self, out: &mut Vec<u8>) {
        if self.len <= Self::SHORT { put_block(&self.block, self.len, out) } else { out.extend_from_slice(&self.long) }
    }

    /// The text.
    #[inline]
    pub(crate) fn text(&self) -> &[u8] {
        if self.len <= Self::SHORT { self.block.get(..self.len).unwrap_or_default() } else { &self.long }
    }

    pub(crate) fn bytes(&self) -> usize {
        self.long.len()
    }
}

/// Appends the first `len` bytes of a block.
#[inline]
pub(crate) fn put_block<const N: usize>(block: &[u8; N], len: usize, out: &mut Vec<u8>) {
    let end = out.len() + len;
    // The length is known when this is compiled, so this is a few moves; then what is too much goes.
    out.extend_from_slice(block);
    out.truncate(end);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_of_any_length_are_appended_whole() {
        for len in [0, 1, 31, 32, 33, 100] {
            let text = "x".repeat(len);
            let mut out = b"a".to_vec();
            let snippet = Snippet::new(text.as_bytes());
            snippet.put(&mut out);
            assert_eq!(out, [b"a", text.as_bytes()].concat());
            assert_eq!(snippet.text(), text.as_bytes());
        }
    }
}
