//! Host names, what has one in it, and email addresses.

use super::ip::{Version, is_ip};

/// RFC 1034, section 3.5, but a label may begin with a digit; a name whose last label is a number is an address that
/// went wrong. A dot may stand at the end.
pub(in super::super) fn is_hostname(text: &str) -> bool {
    let name = text.strip_suffix('.').unwrap_or(text);
    let number = name.rsplit('.').next().is_some_and(|last| last.bytes().all(|byte| byte.is_ascii_digit()));
    name.len() <= LONGEST_NAME && name.split('.').all(is_label) && !number
}

/// Letters, digits, and dashes that stand neither first nor last.
fn is_label(label: &str) -> bool {
    (1..=LONGEST_LABEL).contains(&label.len())
        && !label.starts_with('-')
        && !label.ends_with('-')
        && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

/// A host name or an IP address.
pub(in super::super) fn is_address(text: &str) -> bool {
    is_hostname(text) || is_ip(text, Version::Any)
}

/// What HTML takes for a valid email address.
pub(in super::super) fn is_email(text: &str) -> bool {
    let Some((local, domain)) = text.split_once('@') else { return false };
    let atom = |byte: u8| byte.is_ascii_alphanumeric() || b".!#$%&'*+/=?^_`{|}~-".contains(&byte);
    !local.is_empty() && local.bytes().all(atom) && domain.split('.').all(is_label)
}

/// A host name or IP address, one of version 6 in brackets, and a port.
pub(in super::super) fn is_host_and_port(text: &str, port_required: bool) -> bool {
    if let Some(rest) = text.strip_prefix('[') {
        let Some((address, port)) = rest.rsplit_once(']') else { return false };
        return is_ip(address, Version::V6)
            && match port.strip_prefix(':') {
                Some(port) => is_port(port),
                None => port.is_empty() && !port_required,
            };
    }
    let is_host = |host| is_hostname(host) || is_ip(host, Version::V4);
    match text.rsplit_once(':') {
        Some((host, port)) => is_host(host) && is_port(port),
        None => !port_required && is_host(text),
    }
}

fn is_port(text: &str) -> bool {
    let plain = text.bytes().all(|byte| byte.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
    plain && text.parse::<u16>().is_ok()
}

const LONGEST_NAME: usize = 253;
const LONGEST_LABEL: usize = 63;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn host_names() {
        for name in ["a", "a.b", "example.com.", "1a.2b", "a-b.c", "xn--80ak6aa92e.com"] {
            assert!(is_hostname(name), "{name}");
        }
        for name in ["", ".", "a..b", "-a", "a-", "a_b", "ä.de", "1.2", "a.1", "a b"] {
            assert!(!is_hostname(name), "{name}");
        }
        let label = "a".repeat(63);
        assert!(is_hostname(&label) && !is_hostname(&"a".repeat(64)));
        assert!(is_hostname(&format!("{label}.{label}.{label}.{}", "a".repeat(61))));
        assert!(!is_hostname(&format!("{label}.{label}.{label}.{}", "a".repeat(62))));
    }

    #[test]
    fn email_addresses() {
        for email in ["a@b", "a.b+c@d.example", "..@1", "a@b-c.d"] {
            assert!(is_email(email), "{email}");
        }
        for email in ["", "@", "a@", "@b", "a b@c", "a@b@c", "a@-b", "a@b.", "ä@b", "a@b..c"] {
            assert!(!is_email(email), "{email}");
        }
    }

    #[test]
    fn hosts_with_ports() {
        for text in ["a:1", "1.2.3.4:0", "[::1]:65535", "a.:80"] {
            assert!(is_host_and_port(text, true), "{text}");
        }
        for text in ["a", "1.2.3.4", "[::1]"] {
            assert!(is_host_and_port(text, false) && !is_host_and_port(text, true), "{text}");
        }
        for text in
            ["", ":1", "a:", "a:01", "a:65536", "a:+1", "::1:80", "[1.2.3.4]:1", "[::1", "[::1]1", "[::1]:"]
        {
            assert!(!is_host_and_port(text, true) && !is_host_and_port(text, false), "{text}");
        }
    }
}
