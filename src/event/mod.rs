//! Events of successful calls: built from request and response, kept until a sink has taken them.
//!
//! Not for what is logged of a call ([`telemetry`](crate::telemetry)).
