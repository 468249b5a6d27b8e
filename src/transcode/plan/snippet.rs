//! A text that is written again and again.
#![allow(clippy::inline_always, reason = "a comparison is a few instructions, less than a call")]

/// Ready text. Up to [`Snippet::SHORT`] bytes lie inside, with room to spare, so that they are copied as one block
/// of fixed size: a few moves rather than a call.
#[derive(Debug, Clone)]
pub(crate) struct Snippet {
    block: [u8; Self::SHORT],
    /// The bits of the block that are text, but for the first byte; all, when the text is longer.
    masks: [u128; 2],
    len: usize,
    /// All of it, when it is longer than the block.
    long: Box<[u8]>,
}

impl Snippet {
    /// The size of the block.
    pub(crate) const SHORT: usize = 32;

    pub(crate) fn new(text: &[u8]) -> Self {
        // What is in the block of a long text is no text, so that no text begins with it.
        let mut block = [if text.len() > Self::SHORT { u8::MAX } else { 0 }; Self::SHORT];
        if text.len() <= Self::SHORT {
            for (place, byte) in block.iter_mut().zip(text) {
                *place = *byte;
            }
        }
        let mut mask = [0; Self::SHORT];
        for byte in mask.iter_mut().take(text.len()).skip(1) {
            *byte = u8::MAX;
        }
        let long = if text.len() > Self::SHORT { text.into() } else { Box::default() };
        Self { block, masks: halves(&mask), len: text.len(), long }
    }

    /// Appends the text.
    #[inline]
    pub(crate) fn put(&self, out: &mut Vec<u8>) {
        if self.len <= Self::SHORT {
            put_block(&self.block, self.len, out);
        } else {
            out.extend_from_slice(&self.long);
        }
    }

    /// How long the text is.
    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// The text.
    #[inline]
    pub(crate) fn text(&self) -> &[u8] {
        if self.len <= Self::SHORT { self.block.get(..self.len).unwrap_or_default() } else { &self.long }
    }

    /// Whether a block of UTF-8 begins with this, the first byte left out of account; never for long ones.
    #[inline(always)]
    pub(crate) fn begins(&self, block: &[u8; Self::SHORT]) -> bool {
        let [here, here_too] = halves(block);
        let [own, own_too] = halves(&self.block);
        let [mask, mask_too] = self.masks;
        ((here ^ own) & mask) | ((here_too ^ own_too) & mask_too) == 0
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

/// Appends the first `len` bytes of `from`; what is behind them is only room to read in.
#[inline(always)]
pub(crate) fn put_start(from: &[u8], len: usize, out: &mut Vec<u8>) {
    const SHORT: usize = Snippet::SHORT;
    if len <= SHORT
        && let Some(block) = from.first_chunk::<SHORT>()
    {
        put_block(block, len, out);
    } else if len <= 2 * SHORT
        && let Some(block) = from.first_chunk::<{ 2 * SHORT }>()
    {
        put_block(block, len, out);
    } else {
        out.extend_from_slice(from.get(..len).unwrap_or_default());
    }
}

#[inline]
fn halves(block: &[u8; Snippet::SHORT]) -> [u128; 2] {
    let (halves, _) = block.as_chunks();
    match halves {
        [first, second] => [u128::from_le_bytes(*first), u128::from_le_bytes(*second)],
        _ => [0; 2],
    }
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

    #[test]
    fn starts_of_any_length_are_appended_whole() {
        let letters: Vec<u8> = (b'!'..=b'~').collect();
        for len in 0..=80 {
            let text = &letters[..len];
            for slack in [0, 1, 31, 64] {
                let mut out = b"a".to_vec();
                put_start(&[text, &b"z".repeat(slack)].concat(), len, &mut out);
                assert_eq!(out, [b"a", text].concat());
            }
        }
    }

    #[test]
    fn a_text_is_recognised_but_for_its_first_byte() {
        for len in [1, 2, 8, 9, 16, 17, 31, 32, 33, 60] {
            let text: String = ('a'..='z').cycle().take(len).collect();
            let snippet = Snippet::new(text.as_bytes());
            let mut found =
                *format!("{text}{}", "z".repeat(32)).as_bytes().first_chunk().expect("long enough");
            assert_eq!(snippet.begins(&found), len <= Snippet::SHORT, "{len}");
            found[0] = b'#';
            assert_eq!(snippet.begins(&found), len <= Snippet::SHORT, "{len}");
            if len > 1 {
                found[len.min(Snippet::SHORT) - 1] = b'#';
                assert!(!snippet.begins(&found), "{len}");
            }
        }
    }
}
