//! An HTTP client for what is fetched or told beside calls: key sets, webhooks.
//!
//! Not for gRPC backends: those are [`upstream`](crate::upstream).
