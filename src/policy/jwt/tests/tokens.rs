//! Which tokens are taken and which are refused, each attack by its name.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::DecodingKey;
use jsonwebtoken::jwk::AlgorithmParameters;

use super::super::refusal::{
    ACTOR, ALGORITHM, AUDIENCE as OTHER_AUDIENCE, CLAIM, CRITICAL, EARLY, EXPIRED, ISSUER as OTHER_ISSUER,
    KEY, SHAPE, SIGNATURE, TOO_LONG, UNREADABLE,
};
use super::*;

#[tokio::test]
async fn tokens_of_every_asymmetric_algorithm_are_verified() {
    let rsa = Signer::new(Algorithm::RS256, "rsa");
    let others = [
        Signer::new(Algorithm::ES256, "p256"),
        Signer::new(Algorithm::ES384, "p384"),
        Signer::new(Algorithm::EdDSA, "ed"),
    ];
    let mut keys = set(&others.iter().collect::<Vec<_>>());
    let mut any_rsa = rsa.jwk();
    any_rsa.as_object_mut().expect("an object").remove("alg");
    keys["keys"].as_array_mut().expect("keys").push(any_rsa);
    let verifier = with_file(&keys, |_| {});
    for algorithm in ASYMMETRIC {
        let signer = others.iter().find(|signer| signer.algorithm == algorithm).unwrap_or(&rsa);
        let mut header = Header::new(algorithm);
        header.kid = signer.id.map(str::to_owned);
        let token = signer.with_header(&header, json!({}));
        assert_eq!(verify(&verifier, &token).await, Ok("user-1".to_owned()), "{algorithm:?}");
    }
}

#[tokio::test]
async fn a_token_becomes_an_identity() {
    let signer = Signer::new(Algorithm::ES256, "a");
    let verifier = with_file(&set(&[&signer]), |_| {});
    let token = signer.token(json!({"accounts": ["acc-1", "acc-2"], "scope": "read:x write:x"}));
    let identity = verifier.verify(&token).await.expect("an identity");
    assert_eq!(&*identity.actor_type, "ACTOR_TYPE_USER");
    assert!(identity.accounts.holds("acc-2") && !identity.accounts.holds("acc-3"));
    assert!(identity.permissions.holds("write:x") && !identity.permissions.holds("delete:x"));
    assert_eq!(identity.method, crate::policy::Method::Jwt);
}

#[tokio::test]
async fn claims_that_do_not_hold_are_refused() {
    let signer = Signer::new(Algorithm::EdDSA, "a");
    let verifier = with_file(&set(&[&signer]), |_| {});
    let ok = || Ok("user-1".to_owned());
    for (what, said, expected) in [
        ("good", json!({}), ok()),
        ("one of several audiences", json!({"aud": ["x", AUDIENCE]}), ok()),
        ("expired within the skew", json!({"exp": now() - 30}), ok()),
        ("early within the skew", json!({"nbf": now() + 30}), ok()),
        ("a fraction of a second", json!({"exp": 1e10 + 0.5}), ok()),
        ("expired", json!({"exp": now() - 90}), Err(EXPIRED)),
        ("expired long ago", json!({"exp": 0}), Err(EXPIRED)),
        ("not valid yet", json!({"nbf": now() + 90}), Err(EARLY)),
        ("without expiry", json!({"exp": null}), Err(CLAIM)),
        ("expiry as text", json!({"exp": "9999999999"}), Err(CLAIM)),
        ("negative expiry", json!({"exp": -1}), Err(CLAIM)),
        ("not before as text", json!({"nbf": "soon"}), Err(CLAIM)),
        ("another audience", json!({"aud": "https://other.example.com"}), Err(OTHER_AUDIENCE)),
        ("no audience", json!({"aud": null}), Err(OTHER_AUDIENCE)),
        ("an empty list of audiences", json!({"aud": []}), Err(OTHER_AUDIENCE)),
        ("an audience that is a number", json!({"aud": 7}), Err(OTHER_AUDIENCE)),
        ("another issuer", json!({"iss": "https://evil.example.com/"}), Err(OTHER_ISSUER)),
        ("almost the issuer", json!({"iss": "https://id.example.com"}), Err(OTHER_ISSUER)),
        ("a list of issuers", json!({"iss": [ISSUER]}), Err(UNREADABLE)),
        ("no issuer", json!({"iss": null}), Err(UNREADABLE)),
        ("no bearer", json!({"sub": null}), Err(ACTOR)),
    ] {
        assert_eq!(verify(&verifier, &signer.token(said)).await, expected, "{what}");
    }
}

#[tokio::test]
async fn any_audience_is_taken_where_that_is_configured() {
    let signer = Signer::new(Algorithm::EdDSA, "a");
    let verifier = with_file(&set(&[&signer]), |settings| settings.audiences = None);
    for aud in [json!(null), json!("x"), json!(["x"])] {
        let token = signer.token(json!({"aud": aud}));
        assert_eq!(verify(&verifier, &token).await, Ok("user-1".to_owned()), "{aud}");
    }
}

#[tokio::test]
async fn signatures_of_others_are_refused() {
    let (signer, other) = (Signer::new(Algorithm::ES256, "a"), Signer::new(Algorithm::ES256, "a"));
    let verifier = with_file(&set(&[&signer]), |_| {});
    assert_eq!(
        verify(&verifier, &other.token(json!({}))).await,
        Err(SIGNATURE),
        "another key of the same id"
    );

    let good = signer.token(json!({}));
    let parts: Vec<_> = good.split('.').collect();
    let payload = json!({"iss": ISSUER, "aud": AUDIENCE, "sub": "admin", "exp": now() + 300}).to_string();
    let payload = URL_SAFE_NO_PAD.encode(payload);
    for (what, token, expected) in [
        ("another payload", format!("{}.{payload}.{}", parts[0], parts[2]), SIGNATURE),
        ("no signature", format!("{}.{}.", parts[0], parts[1]), SIGNATURE),
        ("half a signature", format!("{}.{}.{}", parts[0], parts[1], &parts[2][..40]), SIGNATURE),
        ("bad base64", format!("{}.{}.{}!", parts[0], parts[1], parts[2]), UNREADABLE),
        ("two parts", format!("{}.{}", parts[0], parts[1]), SHAPE),
        ("five parts", format!("{good}.a.b"), SHAPE),
        ("a huge token", format!("{}{}", good, "a".repeat(40_000)), TOO_LONG),
        ("nothing", String::new(), SHAPE),
    ] {
        assert_eq!(verify(&verifier, &token).await, Err(expected), "{what}");
    }
}

/// A token whose header says what it likes.
fn forged(header: &Value, signature: &str) -> String {
    let payload = json!({"iss": ISSUER, "aud": AUDIENCE, "sub": "admin", "exp": now() + 300});
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    format!("{}.{}.{signature}", part(header), part(&payload))
}

#[tokio::test]
async fn tokens_without_a_signature_are_refused() {
    let signer = Signer::new(Algorithm::RS256, "a");
    let verifier = with_file(&set(&[&signer]), |_| {});
    for name in ["none", "None", "NONE", "nOnE", ""] {
        for signature in ["", "c2ln"] {
            let token = forged(&json!({"alg": name, "kid": "a"}), signature);
            assert_eq!(verify(&verifier, &token).await, Err(ALGORITHM), "{name:?} {signature:?}");
        }
    }
    let token = forged(&json!({"alg": "RS256", "kid": "a", "crit": ["exp"]}), "c2ln");
    assert_eq!(verify(&verifier, &token).await, Err(CRITICAL));
}

#[tokio::test]
async fn a_public_key_is_no_secret() {
    let signer = Signer::new(Algorithm::RS256, "a");
    let jwk: Jwk = serde_json::from_value(signer.jwk()).expect("a JWK");
    let AlgorithmParameters::RSA(parts) = &jwk.algorithm else { panic!("an RSA key") };
    let modulus = URL_SAFE_NO_PAD.decode(&parts.n).expect("base64");
    let verifier = with_file(&set(&[&signer]), |_| {});
    for secret in [modulus, parts.n.clone().into_bytes(), signer.jwk().to_string().into_bytes()] {
        for algorithm in [Algorithm::HS256, Algorithm::HS384, Algorithm::HS512] {
            let key = EncodingKey::from_secret(&secret);
            let confused = Signer { id: Some("a"), algorithm, key };
            assert_eq!(verify(&verifier, &confused.token(json!({}))).await, Err(ALGORITHM), "{algorithm:?}");
        }
    }
}

#[tokio::test]
async fn a_key_in_the_token_itself_counts_for_nothing() {
    let (signer, thief) = (Signer::new(Algorithm::ES256, "a"), Signer::new(Algorithm::ES256, "a"));
    let verifier = with_file(&set(&[&signer]), |_| {});
    let mut header = Header::new(Algorithm::ES256);
    header.kid = Some("a".to_owned());
    header.jwk = Some(serde_json::from_value(thief.jwk()).expect("a JWK"));
    header.jku = Some("https://evil.example.com/keys".to_owned());
    assert_eq!(verify(&verifier, &thief.with_header(&header, json!({}))).await, Err(SIGNATURE));
}

#[tokio::test]
async fn keys_are_found_without_an_id_and_never_by_another() {
    let mut signers = [Signer::new(Algorithm::ES256, "a"), Signer::new(Algorithm::ES256, "b")];
    let verifier = with_file(&set(&signers.iter().collect::<Vec<_>>()), |_| {});
    signers[1].id = None;
    assert_eq!(verify(&verifier, &signers[1].token(json!({}))).await, Ok("user-1".to_owned()), "no kid");
    signers[1].id = Some("a");
    assert_eq!(verify(&verifier, &signers[1].token(json!({}))).await, Err(SIGNATURE), "the kid of another");
    signers[1].id = Some("c");
    assert_eq!(verify(&verifier, &signers[1].token(json!({}))).await, Err(KEY), "a kid that is not there");
}

#[tokio::test]
async fn an_algorithm_must_be_configured_and_fit_the_key() {
    let signer = Signer::new(Algorithm::RS256, "a");
    let only = |algorithm| move |settings: &mut Settings| settings.algorithms = vec![algorithm];
    let verifier = with_file(&set(&[&signer]), only(Algorithm::PS256));
    assert_eq!(verify(&verifier, &signer.token(json!({}))).await, Err(ALGORITHM));
    // The set says that the key is for RS256 alone.
    let mut header = Header::new(Algorithm::PS256);
    header.kid = Some("a".to_owned());
    assert_eq!(verify(&verifier, &signer.with_header(&header, json!({}))).await, Err(KEY));
}

#[tokio::test]
async fn a_secret_verifies_hmac_and_nothing_else() {
    let secret = b"0123456789abcdef0123456789abcdef".to_vec();
    let verifier = prepare(settings(Keys::Secret(secret.clone())), None).expect("a verifier");
    let of = |algorithm| Signer { id: None, algorithm, key: EncodingKey::from_secret(&secret) };
    assert_eq!(verify(&verifier, &of(Algorithm::HS256).token(json!({}))).await, Ok("user-1".to_owned()));
    assert_eq!(verify(&verifier, &of(Algorithm::HS512).token(json!({}))).await, Err(ALGORITHM));
    let other = Signer { id: None, algorithm: Algorithm::HS256, key: EncodingKey::from_secret(b"guessed") };
    assert_eq!(verify(&verifier, &other.token(json!({}))).await, Err(SIGNATURE));
    let rsa = Signer::new(Algorithm::RS256, "a");
    assert_eq!(verify(&verifier, &rsa.token(json!({}))).await, Err(ALGORITHM));
    // Neither the settings nor a key show what they hold.
    assert!(!format!("{verifier:?}").contains("0123456789"), "{verifier:?}");
    assert!(!format!("{:?}", DecodingKey::from_secret(&secret)).contains("0123456789"));
}

#[tokio::test]
async fn nothing_of_a_token_is_repeated() {
    let signer = Signer::new(Algorithm::ES256, "secret-kid");
    let verifier = with_file(&set(&[&Signer::new(Algorithm::ES256, "a")]), |_| {});
    let token = signer.token(json!({"sub": "secret-sub", "iss": "https://secret-iss"}));
    let refusal = verifier.verify(&token).await.expect_err("refused");
    let told = format!("{refusal:?}");
    for word in ["secret", &token, "ey"] {
        assert!(!told.contains(word), "{told}");
    }
}

#[test]
fn settings_that_would_be_unsafe_are_problems() {
    let secret = || Keys::Secret(vec![7; 32]);
    let file = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(&file, set(&[&Signer::new(Algorithm::ES256, "a")]).to_string()).expect("written");
    let keys = || Keys::File(file.path().to_owned());
    for (keys, algorithm, expected) in [
        (keys(), Some(Algorithm::HS256), "`algorithms` has `HS256`, which needs a secret"),
        (secret(), Some(Algorithm::RS256), "`algorithms` has `RS256`, which needs a key set"),
        (Keys::Secret(vec![7; 31]), None, "`secret` is 31 bytes long"),
        (
            Keys::File("/nowhere/keys.json".into()),
            None,
            "`/nowhere/keys.json` is not a key set: it cannot be read",
        ),
    ] {
        let mut settings = settings(keys);
        settings.algorithms.extend(algorithm);
        let told = prepare(settings, None).expect_err("problems");
        assert!(told.contains(expected) && told.contains("identity.jwt[0]"), "{told}");
    }
    for text in ["", "<html>", r#"{"keys": []}"#, r#"{"keys": [{"kty": "oct", "k": "AA"}]}"#] {
        std::fs::write(&file, text).expect("written");
        let told = prepare(settings(keys()), None).expect_err("problems");
        assert!(told.contains("is not a key set: "), "{told}");
    }
}
