//! Strings of JSON, escaped no more than JSON asks for.

use crate::transcode::print::Printer;

/// Appends a text in quotes.
#[inline]
pub(super) fn quoted(text: &str, out: &mut Vec<u8>) {
    if has_special(text.as_bytes()) {
        return Printer::new(out, false).string(text);
    }
    out.push(b'"');
    out.extend_from_slice(text.as_bytes());
    out.push(b'"');
}

/// Whether a quote, a backslash or a control character is among the bytes: eight at a time.
#[inline]
fn has_special(bytes: &[u8]) -> bool {
    let (words, rest) = bytes.as_chunks::<8>();
    words.iter().any(|word| special_in(u64::from_le_bytes(*word)))
        || rest.iter().any(|byte| matches!(byte, b'"' | b'\\' | 0..=0x1f))
}

#[inline]
fn special_in(word: u64) -> bool {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGH: u64 = 0x80 * ONES;
    // The high bit of a byte of the difference is set where the byte was less than what was taken away, unless
    // it was set before; a byte above it may be told wrongly then, but never the lowest, so "any" is right.
    let below = |word: u64, bound: u64| word.wrapping_sub(bound * ONES) & !word & HIGH;
    let quote = word ^ (u64::from(b'"') * ONES);
    let backslash = word ^ (u64::from(b'\\') * ONES);
    (below(word, 0x20) | below(quote, 1) | below(backslash, 1)) != 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_is_classed_at_every_place() {
        for byte in 0..=u8::MAX {
            for place in 0..19 {
                let mut bytes = [b'!'; 19];
                bytes[place] = byte;
                let special = matches!(byte, b'"' | b'\\' | 0..=0x1f);
                assert_eq!(has_special(&bytes), special, "{byte} at {place}");
            }
        }
        assert!(!has_special("äöü😀 !#[]~\u{7f}\u{80}ÿ".as_bytes()));
    }
}
