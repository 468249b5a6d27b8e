//! HTTP headers to gRPC metadata and back, by grpc-gateway's rules.
//!
//! Not for the gRPC protocol's own headers (`te`, `grpc-timeout`, ...): [`upstream`](crate::upstream) adds
//! and removes those.

/// Which headers pass, and under which names.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Settings {
    /// More request headers that are forwarded as metadata under their own lower-case names.
    pub forward_request: Vec<String>,
    /// Metadata names that are answered as headers under their own names, without `Grpc-Metadata-`.
    pub forward_response: Vec<String>,
    /// Whether `x-forwarded-*` sent by the client is kept and extended rather than replaced.
    pub trust_forwarded: bool,
}
