//! Why a token is refused: fixed texts, so that nothing of the token is repeated. Not for answers: those are
//! the challenges of [`policy`](crate::policy).

/// Why a token is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refusal {
    /// What is wrong: the `error_description` of a challenge.
    pub why: &'static str,
    /// Whether the token is to blame (401), or that keys cannot be had (503).
    pub fault: Fault,
}

/// Who is to blame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The token.
    Token,
    /// The issuer's keys cannot be had, so that nobody can tell.
    Keys,
}

impl Refusal {
    const fn token(why: &'static str) -> Self {
        Self { why, fault: Fault::Token }
    }
}

pub(super) const TOO_LONG: Refusal = Refusal::token("the token is too long");
pub(super) const SHAPE: Refusal = Refusal::token("the token is not a signed JWT of three parts");
pub(super) const UNREADABLE: Refusal = Refusal::token("the token cannot be read");
pub(super) const CRITICAL: Refusal = Refusal::token("the token asks for an extension that is not known");
pub(super) const ISSUER: Refusal = Refusal::token("the token's issuer is not trusted");
pub(super) const ALGORITHM: Refusal = Refusal::token("the token's algorithm is not accepted");
pub(super) const KEY: Refusal = Refusal::token("the token's key is not known");
pub(super) const SIGNATURE: Refusal = Refusal::token("the token's signature is wrong");
pub(super) const EXPIRED: Refusal = Refusal::token("the token has expired");
pub(super) const EARLY: Refusal = Refusal::token("the token is not valid yet");
pub(super) const AUDIENCE: Refusal = Refusal::token("the token is for another audience");
pub(super) const CLAIM: Refusal =
    Refusal::token("the token lacks a claim that is needed, or it is malformed");
pub(super) const ACTOR: Refusal = Refusal::token("the token does not say who its bearer is");
pub(super) const NO_KEYS: Refusal =
    Refusal { why: "the keys of the token's issuer cannot be had at the moment", fault: Fault::Keys };
