//! Keys that tokens are verified with: what a JWK set holds that can be used. Not for fetching sets.

use std::fmt;

use jsonwebtoken::DecodingKey;
use jsonwebtoken::jwk::{
    AlgorithmParameters, CommonParameters, EllipticCurve, Jwk, KeyAlgorithm, KeyOperations, PublicKeyUse,
};
use serde::Deserialize;
use serde_json::Value;

use super::{ASYMMETRIC, Algorithm};

/// The keys of one issuer; never empty.
pub(super) struct KeySet {
    keys: Vec<Key>,
}

/// A key and what it is for.
struct Key {
    id: Option<String>,
    algorithms: Vec<Algorithm>,
    verifying: DecodingKey,
}

/// A set as it was read, and what of it could not be used, for the log.
#[derive(Debug)]
pub(super) struct Read {
    pub(super) keys: KeySet,
    /// How many keys were left out.
    pub(super) left_out: usize,
    /// Why the first of them was.
    pub(super) why: Option<&'static str>,
}

/// Why a text is no key set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Fault {
    #[error("it is not a JWK set: an object with `keys`")]
    NotASet,
    #[error("it holds no keys")]
    Empty,
    #[error("it holds no key that can be used: {0}")]
    Unusable(&'static str),
}

#[derive(Deserialize)]
struct Set {
    keys: Vec<Value>,
}

impl KeySet {
    /// Reads a JWK set. Keys that cannot be used are left out, as RFC 7517 has it: other kinds, other uses,
    /// symmetric ones, broken ones. Keys without an id fit every token; those that share one are all tried.
    pub(super) fn read(json: &[u8]) -> Result<Read, Fault> {
        let set: Set = serde_json::from_slice(json).map_err(|_| Fault::NotASet)?;
        if set.keys.is_empty() {
            return Err(Fault::Empty);
        }
        let beyond = set.keys.len().saturating_sub(MOST);
        let (mut keys, mut left_out, mut why) = (Vec::new(), beyond, None);
        for value in set.keys.into_iter().take(MOST) {
            match Key::read(value) {
                Ok(key) => keys.push(key),
                Err(fault) => {
                    left_out += 1;
                    why.get_or_insert(fault);
                }
            }
        }
        match why {
            Some(why) if keys.is_empty() => Err(Fault::Unusable(why)),
            why => {
                let why = why.or((beyond > 0).then_some("a set may hold 64 keys"));
                Ok(Read { keys: Self { keys }, left_out, why })
            }
        }
    }

    /// The one key that a shared secret is.
    pub(super) fn secret(secret: &[u8]) -> Self {
        let algorithms = vec![Algorithm::HS256, Algorithm::HS384, Algorithm::HS512];
        Self { keys: vec![Key { id: None, algorithms, verifying: DecodingKey::from_secret(secret) }] }
    }

    /// The keys that may have signed a token of this algorithm and key id.
    pub(super) fn fitting(
        &self,
        algorithm: Algorithm,
        id: Option<&str>,
    ) -> impl Iterator<Item = &DecodingKey> {
        let named = move |key: &&Key| match (&key.id, id) {
            (Some(own), Some(id)) => own == id,
            _ => true,
        };
        self.keys
            .iter()
            .filter(named)
            .filter(move |key| key.algorithms.contains(&algorithm))
            .map(|key| &key.verifying)
    }

    /// Whether a key of this id is there, or one that fits any id.
    pub(super) fn knows(&self, id: Option<&str>) -> bool {
        id.is_none_or(|id| self.keys.iter().any(|key| key.id.as_deref().is_none_or(|own| own == id)))
    }

    /// Whether two keys share an id.
    pub(super) fn repeats_an_id(&self) -> bool {
        self.keys.iter().enumerate().any(|(at, key)| {
            key.id.is_some() && self.keys.iter().take(at).any(|earlier| earlier.id == key.id)
        })
    }
}

impl Key {
    fn read(value: Value) -> Result<Self, &'static str> {
        let jwk: Jwk = serde_json::from_value(value).map_err(|_| "one is not a JWK of a known kind")?;
        if !is_for_verifying(&jwk.common) {
            return Err("one is not for signatures");
        }
        let own = own_algorithms(&jwk)?;
        let algorithms: Vec<_> = match jwk.common.key_algorithm {
            None => own.to_vec(),
            Some(named) => own.iter().copied().filter(|one| KeyAlgorithm::from(*one) == named).collect(),
        };
        if algorithms.is_empty() {
            return Err("the `alg` of one does not fit its kind");
        }
        let verifying = DecodingKey::from_jwk(&jwk).map_err(|_| "one is not base64")?;
        Ok(Self { id: jwk.common.key_id, algorithms, verifying })
    }
}

fn is_for_verifying(common: &CommonParameters) -> bool {
    let used = common.public_key_use.as_ref();
    let operations = common.key_operations.as_ref();
    used.is_none_or(|used| *used == PublicKeyUse::Signature)
        && operations.is_none_or(|operations| operations.contains(&KeyOperations::Verify))
}

/// What a key of this kind can have signed. Its parts are of the length that its kind has.
fn own_algorithms(jwk: &Jwk) -> Result<&'static [Algorithm], &'static str> {
    match &jwk.algorithm {
        AlgorithmParameters::RSA(parts) if (LEAST_MODULUS..=MOST_MODULUS).contains(&parts.n.len()) => {
            Ok(ASYMMETRIC.split_at(6).0)
        }
        AlgorithmParameters::RSA(_) => Err("an RSA key is shorter than 2048 bits or longer than 8192"),
        AlgorithmParameters::EllipticCurve(parts) => match (&parts.curve, parts.x.len(), parts.y.len()) {
            (EllipticCurve::P256, 43, 43) => Ok(&[Algorithm::ES256]),
            (EllipticCurve::P384, 64, 64) => Ok(&[Algorithm::ES384]),
            (EllipticCurve::P256 | EllipticCurve::P384, ..) => Err("a point is not of its curve's length"),
            _ => Err("a curve is neither P-256 nor P-384"),
        },
        AlgorithmParameters::OctetKeyPair(parts) => match (&parts.curve, parts.x.len()) {
            (EllipticCurve::Ed25519, 43) => Ok(&[Algorithm::EdDSA]),
            (EllipticCurve::Ed25519, _) => Err("a point is not of its curve's length"),
            _ => Err("a curve is not Ed25519"),
        },
        AlgorithmParameters::OctetKey(_) => Err("one is symmetric: a secret that is published is none"),
        _ => Err("one is not a JWK of a known kind"),
    }
}

/// The most keys that are taken from a set: each costs an attempt for a token without a key id.
const MOST: usize = 64;

/// Length of a modulus of 2048 bits in base64.
const LEAST_MODULUS: usize = 342;

/// Length of a modulus of 8192 bits in base64, and of the zero that some write before it.
const MOST_MODULUS: usize = 1368;

impl fmt::Debug for KeySet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.keys.iter().map(|key| &key.id)).finish()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn rsa() -> Value {
        json!({"kty": "RSA", "n": "g".repeat(342), "e": "AQAB"})
    }

    fn with(mut key: Value, more: &[(&str, Value)]) -> Value {
        for (name, value) in more {
            key[name] = value.clone();
        }
        key
    }

    fn read(keys: &Value) -> Result<Read, Fault> {
        KeySet::read(json!({"keys": keys}).to_string().as_bytes())
    }

    #[test]
    fn a_key_serves_the_algorithms_of_its_kind_and_of_its_alg() {
        let p256 = json!({"kty": "EC", "crv": "P-256", "x": "g".repeat(43), "y": "g".repeat(43)});
        let p384 = json!({"kty": "EC", "crv": "P-384", "x": "g".repeat(64), "y": "g".repeat(64)});
        let ed = json!({"kty": "OKP", "crv": "Ed25519", "x": "g".repeat(43)});
        let ops = [("key_ops", json!(["verify"])), ("use", json!("sig"))];
        for (key, algorithms) in [
            (rsa(), &ASYMMETRIC[..6]),
            (with(rsa(), &[("alg", json!("PS384"))]), &[Algorithm::PS384]),
            (with(p256, &ops), &[Algorithm::ES256]),
            (p384, &[Algorithm::ES384]),
            (with(ed, &[("alg", json!("EdDSA")), ("d", json!("secret"))]), &[Algorithm::EdDSA]),
        ] {
            let found = read(&json!([key])).expect("a set").keys;
            assert_eq!(found.keys[0].algorithms, algorithms, "{key}");
        }
    }

    #[test]
    fn keys_that_cannot_be_used_are_left_out_and_told() {
        let p256 = json!({"kty": "EC", "crv": "P-256", "x": "g".repeat(43), "y": "g".repeat(43)});
        for (key, why) in [
            (json!("key"), "one is not a JWK of a known kind"),
            (json!({"kty": "AKP", "x": "a"}), "one is not a JWK of a known kind"),
            (json!({"kty": "oct", "k": "c2VjcmV0"}), "one is symmetric: a secret that is published is none"),
            (
                with(rsa(), &[("n", json!("AQAB"))]),
                "an RSA key is shorter than 2048 bits or longer than 8192",
            ),
            (with(rsa(), &[("use", json!("enc"))]), "one is not for signatures"),
            (with(rsa(), &[("key_ops", json!(["encrypt"]))]), "one is not for signatures"),
            (with(rsa(), &[("alg", json!("HS256"))]), "the `alg` of one does not fit its kind"),
            (with(rsa(), &[("alg", json!("ES256"))]), "the `alg` of one does not fit its kind"),
            (with(rsa(), &[("e", json!("!"))]), "one is not base64"),
            (with(p256.clone(), &[("x", json!("AQ"))]), "a point is not of its curve's length"),
            (with(p256, &[("crv", json!("P-521"))]), "a curve is neither P-256 nor P-384"),
            (json!({"kty": "OKP", "crv": "X25519", "x": "g".repeat(43)}), "one is not a JWK of a known kind"),
        ] {
            assert_eq!(read(&json!([key])).map(drop), Err(Fault::Unusable(why)), "{key}");
            let left = read(&json!([key, rsa()])).expect("one good key");
            assert_eq!((left.keys.keys.len(), left.left_out, left.why), (1, 1, Some(why)), "{key}");
        }
    }

    #[test]
    fn what_is_no_set_is_told() {
        for (text, fault) in [
            ("<html>", Fault::NotASet),
            ("", Fault::NotASet),
            ("[]", Fault::NotASet),
            ("{}", Fault::NotASet),
            (r#"{"keys": {}}"#, Fault::NotASet),
            (r#"{"keys": []}"#, Fault::Empty),
        ] {
            assert_eq!(KeySet::read(text.as_bytes()).map(drop), Err(fault), "{text}");
        }
    }

    #[test]
    fn keys_are_found_by_id_and_algorithm() {
        let id = |id: &str, alg: &str| with(rsa(), &[("kid", json!(id)), ("alg", json!(alg))]);
        let named = read(&json!([id("a", "RS256"), id("b", "RS256"), id("b", "PS256")])).expect("a set").keys;
        let count = |set: &KeySet, algorithm, id| set.fitting(algorithm, id).count();
        for (algorithm, kid, expected) in [
            (Algorithm::RS256, Some("a"), 1),
            (Algorithm::RS256, Some("b"), 1),
            (Algorithm::PS256, Some("a"), 0),
            (Algorithm::RS256, Some("c"), 0),
            (Algorithm::RS256, None, 2),
            (Algorithm::HS256, None, 0),
        ] {
            assert_eq!(count(&named, algorithm, kid), expected, "{algorithm:?} {kid:?}");
        }
        assert!(named.knows(None) && named.knows(Some("a")) && !named.knows(Some("c")));
        assert!(named.repeats_an_id());

        let nameless = read(&json!([rsa()])).expect("a set").keys;
        assert_eq!(count(&nameless, Algorithm::RS256, Some("any")), 1);
        assert!(nameless.knows(Some("any")) && !nameless.repeats_an_id());
    }

    #[test]
    fn a_huge_set_is_cut() {
        let keys: Vec<_> = (0..100).map(|_| rsa()).collect();
        let found = read(&json!(keys)).expect("a set");
        assert_eq!(
            (found.keys.keys.len(), found.left_out, found.why),
            (64, 36, Some("a set may hold 64 keys"))
        );
    }
}
