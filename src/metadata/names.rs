//! Which header names mean what. Names are lower case, as the `http` crate keeps them.

use http::HeaderName;

macro_rules! permanent {
    ($($name:literal)*) => {
        /// What a header passes as, if it is one of those that pass as `grpcgateway-<name>`: the permanent request
        /// headers of the IANA registry, as grpc-gateway lists them.
        pub(super) fn permanent(name: &str) -> Option<HeaderName> {
            match name {
                $($name => Some(const { HeaderName::from_static(concat!("grpcgateway-", $name)) }),)*
                _ => None,
            }
        }
    };
}

permanent! {
    "accept"
    "accept-charset"
    "accept-language"
    "accept-ranges"
    "authorization"
    "cache-control"
    "content-type"
    "cookie"
    "date"
    "expect"
    "from"
    "host"
    "if-match"
    "if-modified-since"
    "if-none-match"
    "if-schedule-tag-match"
    "if-unmodified-since"
    "max-forwards"
    "origin"
    "pragma"
    "referer"
    "user-agent"
    "via"
    "warning"
}

/// Whether a header is one of those that pass as `grpcgateway-<name>`.
pub(super) fn is_permanent(name: &str) -> bool {
    permanent(name).is_some()
}

/// Headers that always pass under their own names: W3C trace context and baggage, and the request id.
pub(super) fn is_correlation(name: &str) -> bool {
    matches!(name, "traceparent" | "tracestate" | "baggage" | "x-request-id")
}

/// Names that no client and no backend may set through the gateway: the gRPC protocol's own, and those that
/// belong to one connection (RFC 9110, section 7.6.1).
#[must_use]
pub fn is_reserved(name: &str) -> bool {
    name.starts_with("grpc-")
        || name.starts_with(':')
        || matches!(
            name,
            "connection"
                | "content-encoding"
                | "content-length"
                | "content-type"
                | "host"
                | "http2-settings"
                | "keep-alive"
                | "proxy-authenticate"
                | "proxy-authorization"
                | "proxy-connection"
                | "te"
                | "trailer"
                | "transfer-encoding"
                | "upgrade"
                | "user-agent"
        )
}

/// Names that the gateway itself sets, so that the `Grpc-Metadata-` prefix must not smuggle them in.
pub(super) fn is_ours(name: &str) -> bool {
    name == "authorization" || name.starts_with("x-forwarded-") || name.starts_with("grpcgateway-")
}

/// Whether two names are one to a backend that takes `_` for `-`, as CGI and what descends from it do.
#[must_use]
pub fn is_alias(one: &str, other: &str) -> bool {
    let fold = |byte: u8| if byte == b'_' { b'-' } else { byte.to_ascii_lowercase() };
    one.len() == other.len() && one.bytes().zip(other.bytes()).all(|(one, other)| fold(one) == fold(other))
}

/// Whether gRPC can carry a value as text (`PROTOCOL-HTTP2.md`, "ASCII-Value").
#[must_use]
pub fn is_carried(value: &[u8]) -> bool {
    value.iter().all(|byte| (0x20..=0x7e).contains(byte))
}

/// Names that a backend's HTTP/2 server sends of itself: they say nothing of the call.
pub(super) fn is_noise(name: &str) -> bool {
    matches!(name, "date" | "server")
}

/// Whether gRPC allows a metadata key of this name (`PROTOCOL-HTTP2.md`, "Header-Name").
pub(super) fn is_metadata(name: &str) -> bool {
    !name.is_empty()
        && name
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"_.-".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_differ_in_signs_and_case_alone_are_aliases() {
        for (one, other, expected) in [
            ("qc-actor-id", "qc-actor-id", true),
            ("qc-actor-id", "qc_actor_id", true),
            ("qc_actor-id", "Qc-Actor_Id", true),
            ("qc-actor-id", "qc.actor.id", false),
            ("qc-actor-id", "qc-actor-i", false),
            ("", "", true),
        ] {
            assert_eq!(is_alias(one, other), expected, "{one} {other}");
        }
    }
}
