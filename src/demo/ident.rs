//! Ids and other random texts of the embedded backend. Good enough to be unique, not for secrets.

use std::hash::{BuildHasher, RandomState};

/// A random number: each [`RandomState`] is keyed anew from the system's randomness.
pub(super) fn random() -> u64 {
    RandomState::new().hash_one(0)
}

/// A random UUID, version 4 (RFC 9562).
pub(super) fn uuid() -> String {
    format_uuid((u128::from(random()) << 64) | u128::from(random()))
}

/// Always the same UUID for the same label, in the form of version 4.
pub(super) fn uuid_of(label: &str) -> String {
    const PRIME: u128 = 0x0000_0000_0100_0000_0000_0000_0000_013B;
    const OFFSET: u128 = 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d;
    // FNV-1a: unlike the standard library's hasher, the same for ever.
    format_uuid(label.bytes().fold(OFFSET, |hash, byte| (hash ^ u128::from(byte)).wrapping_mul(PRIME)))
}

/// A text of 32 hex digits.
pub(super) fn token() -> String {
    format!("{:016x}{:016x}", random(), random())
}

fn format_uuid(bits: u128) -> String {
    let bits = (bits & !(0xf << 76) & !(0x3 << 62)) | (0x4 << 76) | (0x2 << 62);
    let hex = format!("{bits:032x}");
    let mut text = String::with_capacity(36);
    for (at, digit) in hex.chars().enumerate() {
        if matches!(at, 8 | 12 | 16 | 20) {
            text.push('-');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_uuids_of_version_4() {
        for id in [uuid(), uuid(), uuid_of("a"), uuid_of("b")] {
            let parts: Vec<_> = id.split('-').collect();
            assert_eq!(parts.iter().map(|part| part.len()).collect::<Vec<_>>(), [8, 4, 4, 4, 12], "{id}");
            assert!(parts[2].starts_with('4') && parts[3].starts_with(['8', '9', 'a', 'b']), "{id}");
            assert!(id.chars().all(|c| c == '-' || c.is_ascii_hexdigit()));
        }
        assert_ne!(uuid(), uuid());
        assert_ne!(uuid_of("a"), uuid_of("b"));
        assert_eq!(uuid_of("a"), uuid_of("a"));
    }
}
