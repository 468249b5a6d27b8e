//! URIs and references to them, as RFC 3986 has them.

use super::ip::{Version, is_ip};

/// A URI with its scheme.
pub(in super::super) fn is_uri(text: &str) -> bool {
    let Some((scheme, rest)) = text.split_once(':') else { return false };
    is_scheme(scheme) && split(rest).is_some_and(is_hierarchy)
}

/// A URI, or a reference that is read relative to one.
pub(in super::super) fn is_uri_ref(text: &str) -> bool {
    let relative = |rest: &str| {
        let first = rest.split('/').next().unwrap_or_default();
        is_hierarchy(rest) && !first.contains(':')
    };
    is_uri(text) || split(text).is_some_and(relative)
}

fn is_scheme(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_alphabetic())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte))
}

/// What stands before the query and the fragment, if these are sound.
fn split(text: &str) -> Option<&str> {
    let (rest, fragment) = text.split_once('#').unwrap_or((text, ""));
    let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
    (is_made_of(fragment, b":@/?") && is_made_of(query, b":@/?")).then_some(rest)
}

/// An authority and a path, or a path alone.
fn is_hierarchy(text: &str) -> bool {
    let Some(rest) = text.strip_prefix("//") else { return is_made_of(text, b":@/") };
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    is_authority(authority) && is_made_of(path, b":@/")
}

fn is_authority(text: &str) -> bool {
    let (user, rest) = text.split_once('@').unwrap_or(("", text));
    let (host, port) = match rest.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => (host, port),
        _ => (rest, ""),
    };
    is_made_of(user, b":") && port.bytes().all(|byte| byte.is_ascii_digit()) && is_host(host)
}

fn is_host(text: &str) -> bool {
    match text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        Some(literal) => is_ip_literal(literal),
        None => is_made_of(text, b"") && decodes(text),
    }
}

fn is_ip_literal(text: &str) -> bool {
    if let Some(future) = text.strip_prefix('v') {
        let Some((version, address)) = future.split_once('.') else { return false };
        let hex = !version.is_empty() && version.bytes().all(|byte| byte.is_ascii_hexdigit());
        return hex && !address.is_empty() && !address.contains('%') && is_made_of(address, b":");
    }
    match text.split_once("%25") {
        Some((address, zone)) => {
            let unreserved = !zone.bytes().any(|byte| SUB_DELIMITERS.contains(&byte));
            is_ip(address, Version::V6)
                && !zone.is_empty()
                && unreserved
                && is_made_of(zone, b"")
                && decodes(zone)
        }
        None => !text.contains('%') && is_ip(text, Version::V6),
    }
}

/// Whether text is made of unreserved characters, delimiters within parts, percent-encoded bytes, and `more`.
fn is_made_of(text: &str, more: &[u8]) -> bool {
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        let holds = match byte {
            b'%' => (0..2).all(|_| bytes.next().is_some_and(|digit| digit.is_ascii_hexdigit())),
            b'-' | b'.' | b'_' | b'~' => true,
            _ => byte.is_ascii_alphanumeric() || SUB_DELIMITERS.contains(&byte) || more.contains(&byte),
        };
        if !holds {
            return false;
        }
    }
    true
}

/// Whether the percent-encoded bytes are UTF-8.
fn decodes(text: &str) -> bool {
    percent_encoding::percent_decode_str(text).decode_utf8().is_ok()
}

const SUB_DELIMITERS: &[u8] = b"!$&'()*+,;=";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uris() {
        for text in [
            "https://example.com",
            "https://example.com/a/b?c=d&e#f",
            "a:",
            "a:b",
            "a:/b//c",
            "mailto:someone@example.com",
            "http://user:password@[::1]:8080/",
            "http://[fe80::1%25eth0]/",
            "http://[v1.a:b]/",
            "http://a:/",
            "file:///etc/hosts",
            "a://%C3%A4/",
            "urn:isbn:0451450523",
        ] {
            assert!(is_uri(text) && is_uri_ref(text), "{text}");
        }
        for text in [
            "",
            "example.com",
            "/a",
            "://a",
            "1a:b",
            "a b:c",
            "http://a b/",
            "http://[::1/",
            "http://a:b/",
            "a:%1",
            "http://[1.2.3.4]/",
            "http://a@b@c/",
            "a:#b#c",
            "http://%FF/",
            "a:\u{e4}",
            "http://[::1]a/",
        ] {
            assert!(!is_uri(text), "{text}");
        }
    }

    #[test]
    fn references() {
        for text in ["", "a", "/a/b", "./a:b", "//example.com/a", "?a", "#a", "a?b#c"] {
            assert!(is_uri_ref(text), "{text}");
        }
        for text in ["1:b", "a b", "%", "#a#b", "http://a b/", "//a b/"] {
            assert!(!is_uri_ref(text), "{text}");
        }
    }
}
