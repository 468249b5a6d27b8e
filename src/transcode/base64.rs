//! Base64, read leniently and written in one form.

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

/// The bytes of base64 text in the standard or the URL-safe alphabet, padded or not.
pub(super) fn read(text: &str) -> Option<Vec<u8>> {
    let engine = if text.contains(['-', '_']) { &URL_SAFE } else { &STANDARD };
    // A lone trailing character encodes nothing; padding where none belongs is garbage.
    let padded = text.ends_with('=');
    if padded && !text.len().is_multiple_of(4) {
        return None;
    }
    engine.decode(text).ok()
}

/// Appends bytes as padded text in the standard alphabet.
pub(super) fn write(bytes: &[u8], out: &mut Vec<u8>) {
    let start = out.len();
    out.resize(start + bytes.len().div_ceil(3) * 4, 0);
    // There is room for exactly what it writes.
    let room = out.get_mut(start..).unwrap_or_default();
    let written = STANDARD.encode_slice(bytes, room).unwrap_or_default();
    out.truncate(start + written);
}

/// Padding is optional, and so are zeros in the bits that the last character has to spare (as in other
/// protobuf implementations).
const LENIENT: GeneralPurposeConfig = GeneralPurposeConfig::new()
    .with_decode_padding_mode(DecodePaddingMode::Indifferent)
    .with_decode_allow_trailing_bits(true);
const STANDARD: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, LENIENT);
const URL_SAFE: GeneralPurpose = GeneralPurpose::new(&alphabet::URL_SAFE, LENIENT);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_is_read_in_both_alphabets_padded_or_not() {
        let good: [(&str, &[u8]); 9] = [
            ("", b""),
            ("AQI=", b"\x01\x02"),
            ("AQI", b"\x01\x02"),
            ("AQ==", b"\x01"),
            ("AQ", b"\x01"),
            ("-_8=", b"\xfb\xff"),
            ("+/8", b"\xfb\xff"),
            ("-_", b"\xfb"),
            ("AQID", b"\x01\x02\x03"),
        ];
        for (text, expected) in good {
            assert_eq!(read(text).as_deref(), Some(expected), "{text}");
        }
        for bad in ["A", "AQ=", "AQI==", "AQID=", "+_8=", "AQ I", "AQI=\n", "AQ==AQ==", "=", "====", "ä"] {
            assert_eq!(read(bad), None, "{bad:?}");
        }
    }
}
