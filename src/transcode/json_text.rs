//! JSON strings, written: quotes around, escapes where JSON asks for them (RFC 8259, section 7), no more.
//!
//! Most strings need no escape. They are looked at and copied in blocks of 32 bytes, which the compiler turns into a
//! few vector instructions.
#![allow(clippy::inline_always, reason = "most strings are short, and a call costs as much as they do")]

use super::plan::{Snippet, put_block, put_start};

/// The text is not UTF-8.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct NotUtf8;

/// Appends a text as a JSON string.
pub(super) fn string(text: &str, out: &mut Vec<u8>) {
    out.push(b'"');
    escaped(text.as_bytes(), out);
    out.push(b'"');
}

/// Appends bytes that should be UTF-8, which lie at the beginning of `bytes` and are `len` long, as a JSON string.
/// What lies behind them is only room to read in.
#[inline(always)]
pub(super) fn string_of(bytes: &[u8], len: usize, out: &mut Vec<u8>) -> Result<(), NotUtf8> {
    out.push(b'"');
    match bytes.first_chunk::<BLOCK>() {
        Some(block) if len <= BLOCK && is_plain(block, len) => put_block(block, len, out),
        _ => long_string(bytes.get(..len).unwrap_or_default(), out)?,
    }
    out.push(b'"');
    Ok(())
}

#[inline(never)]
fn long_string(text: &[u8], out: &mut Vec<u8>) -> Result<(), NotUtf8> {
    let (mut foreign, mut escapes) = (false, false);
    for byte in text {
        foreign |= !byte.is_ascii();
        escapes |= needs_escape(*byte);
    }
    if foreign {
        simdutf8::basic::from_utf8(text).map_err(|_| NotUtf8)?;
    }
    if escapes {
        escaped(text, out);
    } else {
        out.extend_from_slice(text);
    }
    Ok(())
}

const BLOCK: usize = Snippet::SHORT;

/// Whether the first `len` bytes of a block are ASCII that needs no escape.
#[inline(always)]
pub(super) fn is_plain(block: &[u8; BLOCK], len: usize) -> bool {
    // Counted in bytes as wide as the text's, or the comparisons take eight times as many vectors.
    let len = u8::try_from(len).unwrap_or(u8::MAX);
    let mut special = false;
    for (index, byte) in (0_u8..).zip(block) {
        special |= is_special(*byte) && index < len;
    }
    !special
}

/// Not plain ASCII, or to be escaped.
#[allow(clippy::needless_bitwise_bool, reason = "without branches it becomes vector instructions")]
#[inline]
fn is_special(byte: u8) -> bool {
    ((byte ^ 0x02).cast_signed() < 0x21) | (byte == b'\\')
}

fn escaped(text: &[u8], out: &mut Vec<u8>) {
    let mut rest = text;
    loop {
        let plain = put_plain(rest, out);
        let Some((byte, after)) = rest.get(plain..).and_then(<[u8]>::split_first) else { return };
        escape(*byte, out);
        rest = after;
    }
}

/// Appends the bytes at the start that need no escape, and says how many they are. Where there is one escape there
/// are more, so there are few bytes, mostly.
#[inline(always)]
pub(super) fn put_plain(text: &[u8], out: &mut Vec<u8>) -> usize {
    if let Some(word) = text.first_chunk::<8>()
        && let Some(len) = before_escape(*word)
    {
        put_block(word, len, out);
        return len;
    }
    let len = plain_run(text);
    put_start(text, len, out);
    len
}

/// How many bytes at the start need no escape.
#[inline(always)]
pub(super) fn plain_run(text: &[u8]) -> usize {
    let (words, _) = text.as_chunks::<8>();
    let mut at = 0;
    for word in words.iter().take(SHORT_RUN / 8) {
        if let Some(len) = before_escape(*word) {
            return at + len;
        }
        at += 8;
    }
    let rest = text.get(at..).unwrap_or_default();
    if at == SHORT_RUN {
        return at + long_run(rest);
    }
    at + rest.iter().position(|byte| needs_escape(*byte)).unwrap_or(rest.len())
}

/// So many bytes are looked at in words before it is done in blocks.
const SHORT_RUN: usize = 2 * BLOCK;

/// How many bytes at the start of a text that is long need no escape.
#[inline(never)]
fn long_run(text: &[u8]) -> usize {
    let at = clean_blocks(text);
    let rest = text.get(at..).unwrap_or_default();
    let (words, _) = rest.as_chunks::<8>();
    let dirty = words.iter().zip((at..).step_by(8)).find_map(|(word, at)| Some(at + before_escape(*word)?));
    dirty.unwrap_or_else(|| {
        let at = at + 8 * words.len();
        let rest = text.get(at..).unwrap_or_default();
        at + rest.iter().position(|byte| needs_escape(*byte)).unwrap_or(rest.len())
    })
}

/// How many blocks at the start need no escape, in bytes.
fn clean_blocks(text: &[u8]) -> usize {
    const LONG: usize = 4 * BLOCK;
    let (blocks, _) = text.as_chunks::<LONG>();
    let clean = blocks.iter().take_while(|block| {
        let mut found = false;
        for byte in *block {
            found |= needs_escape(*byte);
        }
        !found
    });
    clean.count() * LONG
}

/// How many bytes of a word stand before the first that needs an escape, if one does.
#[inline(always)]
fn before_escape(word: [u8; 8]) -> Option<usize> {
    let escapes = to_escape(u64::from_le_bytes(word));
    (escapes != 0).then_some((escapes.trailing_zeros() / 8) as usize)
}

/// The high bits of those bytes of a word that need an escape. Only the lowest of them is exact: behind it a borrow
/// may have set more.
#[inline(always)]
fn to_escape(word: u64) -> u64 {
    const ONES: u64 = u64::MAX / 0xff;
    // As for single bytes.
    let quote_or_control = (word ^ (ONES * 0x02)).wrapping_sub(ONES * 0x21);
    let backslash = (word ^ (ONES * 0x5c)).wrapping_sub(ONES);
    (quote_or_control | backslash) & !word & (ONES * 0x80)
}

/// With its second bit turned, the quote is 0x20, and control characters stay below that.
#[inline]
fn quote_or_control(byte: u8) -> bool {
    (byte ^ 0x02) < 0x21
}

#[allow(clippy::needless_bitwise_bool, reason = "without branches it becomes vector instructions")]
#[inline]
fn needs_escape(byte: u8) -> bool {
    quote_or_control(byte) | (byte == b'\\')
}

fn escape(byte: u8, out: &mut Vec<u8>) {
    let short = match byte {
        b'"' => b'"',
        b'\\' => b'\\',
        0x8 => b'b',
        0xc => b'f',
        b'\n' => b'n',
        b'\r' => b'r',
        b'\t' => b't',
        _ => {
            out.extend_from_slice(b"\\u00");
            for digit in [byte >> 4, byte & 0xf] {
                out.push(if digit < 10 { b'0' + digit } else { b'a' + digit - 10 });
            }
            return;
        }
    };
    out.extend_from_slice(&[b'\\', short]);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn quoted(text: &[u8], slack: &[u8]) -> Result<String, NotUtf8> {
        let mut out = b"before".to_vec();
        string_of(&[text, slack].concat(), text.len(), &mut out)?;
        Ok(String::from_utf8(out).expect("UTF-8").strip_prefix("before").expect("appended").to_owned())
    }

    #[test]
    fn what_json_asks_for_is_escaped() {
        let mut out = Vec::new();
        string("\"\\\u{8}\u{c}\n\r\t\u{1f}<ä>\u{2028}\u{7f}", &mut out);
        let expected = r#""\"\\\b\f\n\r\t\u001f<ä>"#.to_owned() + "\u{2028}\u{7f}\"";
        assert_eq!(String::from_utf8_lossy(&out), expected);
    }

    proptest! {
        #[test]
        fn the_first_byte_to_escape_is_found(plain in "[ -!#-Z^-~\u{80}-\u{ff}]{0,400}", special in "[\u{0}-\u{1f}\"\\\\]", behind: Vec<u8>) {
            let text = [plain.as_bytes(), special.as_bytes(), &behind].concat();
            prop_assert_eq!(plain_run(&text), plain.len());
            prop_assert_eq!(plain_run(plain.as_bytes()), plain.len());
        }

        /// Whatever stands behind the text, and wherever in it something special is.
        #[test]
        fn texts_read_back(plain in "[a-z ]{0,80}", special in "[\u{0}-\u{ff}\"\\\\]{0,3}", at: prop::sample::Index, slack: Vec<u8>) {
            let mut text = plain;
            let at = at.index(text.len() + 1);
            text.insert_str(at, &special);
            let json = quoted(text.as_bytes(), &slack).expect("UTF-8");
            prop_assert_eq!(serde_json::from_str::<String>(&json).expect("JSON"), text);
        }

        #[test]
        fn bytes_that_are_not_utf8_are_refused(bytes: Vec<u8>, slack: Vec<u8>) {
            prop_assert_eq!(quoted(&bytes, &slack).is_ok(), std::str::from_utf8(&bytes).is_ok());
        }
    }
}
