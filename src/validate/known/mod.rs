//! The well-known formats of strings: what an email address, a host name, a UUID look like.
//!
//! By hand, byte for byte: each is a few comparisons, where an expression would cost its machine. The definitions are
//! those that Protovalidate documents for each of its rules.

mod host;
mod ip;
mod uri;

pub(super) use host::{is_address, is_email, is_host_and_port, is_hostname};
pub(super) use ip::{Version, is_ip, is_ip_prefix};
pub(super) use uri::{is_uri, is_uri_ref};

/// Hexadecimal digits in groups of 8, 4, 4, 4 and 12, with dashes between.
pub(super) fn is_uuid(text: &str) -> bool {
    let digit = |(place, byte): (usize, &u8)| match place {
        8 | 13 | 18 | 23 => *byte == b'-',
        _ => byte.is_ascii_hexdigit(),
    };
    text.len() == 36 && text.as_bytes().iter().enumerate().all(digit)
}

/// A UUID without its dashes.
pub(super) fn is_tuuid(text: &str) -> bool {
    text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// 26 digits of Crockford's base32, the first at most 7.
pub(super) fn is_ulid(text: &str) -> bool {
    let digit = |byte: u8| byte.is_ascii_alphanumeric() && !b"ilouILOU".contains(&byte);
    text.len() == 26 && text.bytes().all(digit) && matches!(text.as_bytes().first(), Some(b'0'..=b'7'))
}

/// Names with dots between, as in `a.b.C`.
pub(super) fn is_protobuf_fqn(text: &str) -> bool {
    let name = |part: &str| {
        !part.starts_with(|first: char| first.is_ascii_digit())
            && !part.is_empty()
            && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
    };
    text.split('.').all(name)
}

/// The same with a dot in front.
pub(super) fn is_protobuf_dot_fqn(text: &str) -> bool {
    text.strip_prefix('.').is_some_and(is_protobuf_fqn)
}

/// The name of an HTTP header, or with a colon in front that of an HTTP/2 pseudo-header.
pub(super) fn is_header_name(text: &str) -> bool {
    let name = text.strip_prefix(':').unwrap_or(text);
    // The range from `+` to `.` is the documented expression's own.
    let sign = |byte| b"!#$%&'*+,-.^_|~`".contains(&byte);
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || sign(byte))
}

/// The value of an HTTP header: no control characters but the tab.
pub(super) fn is_header_value(text: &str) -> bool {
    text.bytes().all(|byte| byte == b'\t' || !byte.is_ascii_control())
}

/// What no server takes for the end of a header.
pub(super) fn is_loose_header(text: &str) -> bool {
    !text.bytes().any(|byte| matches!(byte, 0 | b'\n' | b'\r'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifiers() {
        assert!(
            is_uuid("7f3c1f0e-52a9-4d8b-9c61-0b7e4a5d2f10")
                && is_uuid("7F3C1F0E-52A9-4D8B-9C61-0B7E4A5D2F10")
        );
        assert!(
            !is_uuid("7f3c1f0e52a94d8b9c610b7e4a5d2f10") && !is_uuid("7f3c1f0e-52a9-4d8b-9c61-0b7e4a5d2f1g")
        );
        assert!(
            !is_uuid("7f3c1f0e-52a9-4d8b-9c61-0b7e4a5d2f100")
                && !is_uuid("7f3c1f0e-52a9-4d8b-9c610b7e4a5d2f1-0")
        );
        assert!(is_tuuid("7f3c1f0e52a94d8b9c610b7e4a5d2f10") && !is_tuuid("7f3c1f0e52a94d8b9c610b7e4a5d2f1"));
        assert!(is_ulid("01ARZ3NDEKTSV4RRFFQ69G5FAV") && !is_ulid("81ARZ3NDEKTSV4RRFFQ69G5FAV"));
        assert!(!is_ulid("01ARZ3NDEKTSV4RRFFQ69G5FAU") && !is_ulid("01ARZ3NDEKTSV4RRFFQ69G5FA"));
        assert!(is_protobuf_fqn("a.b_1.C") && !is_protobuf_fqn("a..b") && !is_protobuf_fqn("1a"));
        assert!(is_protobuf_dot_fqn(".a.b") && !is_protobuf_dot_fqn("a.b"));
    }

    #[test]
    fn headers() {
        assert!(is_header_name("x-request-id") && is_header_name(":path") && !is_header_name(":"));
        assert!(!is_header_name("x y") && !is_header_name("é"));
        assert!(is_header_value("a\tb") && is_header_value("") && !is_header_value("a\u{7f}"));
        assert!(is_loose_header("a\u{1}") && !is_loose_header("a\r"));
    }
}
