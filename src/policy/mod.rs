//! Who is calling, and whether they may.
//!
//! Not for how often ([`ratelimit`](crate::ratelimit)) and not for what a message may hold
//! ([`validate`](crate::validate)).
