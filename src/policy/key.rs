//! The text of a management key and its hash: how keys are made, and what is kept of them.
//!
//! A key is `tsm_`, ten letters by which its owner can tell it from others, `_`, 52 letters of secret (260 bits)
//! and six of a checksum, in the alphabet of base32: `tsm_[a-z2-7]{10}_[a-z2-7]{58}` finds every key in a leaked
//! text. Any other text is a key too where its hash is configured.
//!
//! Kept is the SHA-256 of the whole text. A slow hash is for passwords, which can be guessed; nobody guesses 260
//! bits, and a gateway that hashes slowly is one that is easily kept busy.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::str::FromStr;

use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;
use uuid::Uuid;

/// The SHA-256 of a key, written `sha256:` and 64 hexadecimal digits. Compared in constant time; as `***` where
/// it is only debugged, since the hash of a key that is a mere word is as good as the word.
#[derive(Clone, Copy)]
pub struct KeyHash([u8; 32]);

impl KeyHash {
    /// The hash of a key.
    #[must_use]
    pub fn of(key: &str) -> Self {
        Self(Sha256::digest(key.as_bytes()).into())
    }
}

impl PartialEq for KeyHash {
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl Eq for KeyHash {}

impl Hash for KeyHash {
    /// By its first bytes: they are spread evenly already.
    fn hash<H: Hasher>(&self, state: &mut H) {
        if let Some(first) = self.0.first_chunk::<8>() {
            state.write_u64(u64::from_le_bytes(*first));
        }
    }
}

impl FromStr for KeyHash {
    type Err = String;

    /// Tells nothing of a text that is no hash: it may be the key itself, written in the wrong place.
    fn from_str(text: &str) -> Result<Self, String> {
        let digits = text.strip_prefix(PREFIX).ok_or("it does not begin with `sha256:`")?;
        let wrong = || {
            format!(
                "it has {} characters after `sha256:`, expected 64 hexadecimal digits",
                digits.chars().count()
            )
        };
        if digits.len() != 64 {
            return Err(wrong());
        }
        let mut hash = [0; 32];
        for (byte, pair) in hash.iter_mut().zip(digits.as_bytes().chunks(2)) {
            let pair =
                std::str::from_utf8(pair).ok().filter(|pair| pair.bytes().all(|c| c.is_ascii_hexdigit()));
            let digit = pair.and_then(|pair| u8::from_str_radix(pair, 16).ok());
            *byte = digit.ok_or("it has other characters than hexadecimal digits after `sha256:`")?;
        }
        Ok(Self(hash))
    }
}

impl fmt::Display for KeyHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(PREFIX)?;
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for KeyHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{PREFIX}***")
    }
}

/// A new key, from the system's source of randomness. Whoever holds it is its owner: it is kept nowhere.
#[must_use]
pub fn new_key() -> String {
    // 366 random bits, brought to 256 evenly spread ones.
    let mut hasher = Sha256::new();
    for _ in 0..3 {
        hasher.update(Uuid::new_v4().as_bytes());
    }
    let mut key = format!("{NEW_KEY}{}_", base32(Uuid::new_v4().as_bytes(), 10));
    key.push_str(&base32(&hasher.finalize(), 52));
    key.push_str(&checksum(&key));
    key
}

/// Whether a text that looks like a key made here is not one: a letter was lost or changed. Other texts may be
/// keys of another make.
#[must_use]
pub fn is_mistyped(key: &str) -> bool {
    if !key.starts_with(NEW_KEY) {
        return false;
    }
    match key.len().checked_sub(CHECKSUM).and_then(|at| key.split_at_checked(at)) {
        Some((text, sum)) => checksum(text) != sum,
        None => true,
    }
}

fn checksum(text: &str) -> String {
    base32(&Sha256::digest(text.as_bytes()), CHECKSUM)
}

/// The first `letters` of bytes in base32, five bits each; bits beyond the end are zeros.
fn base32(bytes: &[u8], letters: usize) -> String {
    let bit = |at: usize| bytes.get(at / 8).map_or(0, |byte| usize::from(byte >> (7 - at % 8) & 1));
    let letter = |place: usize| (0..5).fold(0, |value, below| value << 1 | bit(place * 5 + below));
    (0..letters).filter_map(|place| ALPHABET.get(letter(place)).copied().map(char::from)).collect()
}

/// What a hash begins with.
const PREFIX: &str = "sha256:";

/// What a key that is made here begins with.
pub const NEW_KEY: &str = "tsm_";

/// The letters of a key's checksum.
const CHECKSUM: usize = 6;

/// RFC 4648, section 6, in small letters.
const ALPHABET: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_key_is_easily_found_and_never_the_same() {
        let form = regex::Regex::new("^tsm_[a-z2-7]{10}_[a-z2-7]{58}$").expect("a pattern");
        let (one, other) = (new_key(), new_key());
        assert!(form.is_match(&one), "{one}");
        assert_ne!(one, other);
        assert!(!is_mistyped(&one) && !is_mistyped("my-own-key"));
        assert!(is_mistyped(&one.replace('_', "-").replacen('-', "_", 1)) && is_mistyped("tsm_"));
        assert!(is_mistyped(&one[..one.len() - 1]), "a letter is missing");
    }

    #[test]
    fn base32_is_that_of_the_rfc() {
        for (bytes, text) in [("foobar", "mzxw6ytboi"), ("fooba", "mzxw6ytb"), ("f", "my")] {
            assert_eq!(base32(bytes.as_bytes(), text.len()), text);
        }
    }

    #[test]
    fn a_hash_reads_as_it_is_written() {
        // FIPS 180-2, appendix B.1.
        let text = "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(KeyHash::of("abc").to_string(), text);
        assert_eq!(text.parse(), Ok(KeyHash::of("abc")));
        assert_eq!(text.to_uppercase().replace("SHA", "sha").parse(), Ok(KeyHash::of("abc")));
        assert!(KeyHash::of("abc") != KeyHash::of("abd"));
        assert_eq!(format!("{:?}", KeyHash::of("abc")), "sha256:***");
    }

    #[test]
    fn what_is_no_hash_is_told_without_showing_it() {
        for (text, what) in [
            ("hunter2", "does not begin with"),
            ("sha256:hunter2", "has 7 characters"),
            (&format!("sha256:{}", "\u{e9}".repeat(32)), "has other characters"),
            (&format!("sha256:{}", "+1".repeat(32)), "has other characters"),
        ] {
            let fault = text.parse::<KeyHash>().expect_err(text);
            assert!(fault.contains(what) && !fault.contains("hunter2"), "{fault}");
        }
    }
}
