//! IP addresses and networks as text.

use std::net::{Ipv4Addr, Ipv6Addr};

/// Which versions of IP will do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) enum Version {
    Any,
    V4,
    V6,
}

impl Version {
    /// The number that CEL functions take: 0, 4 or 6.
    pub(in super::super) fn of(number: i64) -> Option<Self> {
        match number {
            0 => Some(Self::Any),
            4 => Some(Self::V4),
            6 => Some(Self::V6),
            _ => None,
        }
    }
}

/// An address; one of version 6 may name its zone, as in `fe80::1%eth0`.
pub(in super::super) fn is_ip(text: &str, version: Version) -> bool {
    let v4 = || text.parse::<Ipv4Addr>().is_ok();
    let v6 = || match text.split_once('%') {
        Some((address, zone)) => !zone.is_empty() && address.parse::<Ipv6Addr>().is_ok(),
        None => text.parse::<Ipv6Addr>().is_ok(),
    };
    match version {
        Version::Any => v4() || v6(),
        Version::V4 => v4(),
        Version::V6 => v6(),
    }
}

/// An address and the length of a prefix, as in `10.0.0.0/8`. Of a strict one, the bits after the prefix are zero.
pub(in super::super) fn is_ip_prefix(text: &str, version: Version, strict: bool) -> bool {
    let Some((address, length)) = text.split_once('/') else { return false };
    let v4 = || {
        let length = length_up_to(length, u32::BITS)?;
        let bits = u32::from(address.parse::<Ipv4Addr>().ok()?);
        Some(!strict || bits.checked_shl(length).unwrap_or(0) == 0)
    };
    let v6 = || {
        let length = length_up_to(length, u128::BITS)?;
        let bits = u128::from(address.parse::<Ipv6Addr>().ok()?);
        Some(!strict || bits.checked_shl(length).unwrap_or(0) == 0)
    };
    let holds = match version {
        Version::Any => v4().or_else(v6),
        Version::V4 => v4(),
        Version::V6 => v6(),
    };
    holds == Some(true)
}

/// A number without leading zeros or signs.
fn length_up_to(text: &str, most: u32) -> Option<u32> {
    let plain = text.bytes().all(|byte| byte.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
    text.parse().ok().filter(|length| plain && *length <= most)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses() {
        for text in ["127.0.0.1", "0.0.0.0", "255.255.255.255"] {
            assert!(
                is_ip(text, Version::V4) && is_ip(text, Version::Any) && !is_ip(text, Version::V6),
                "{text}"
            );
        }
        for text in [
            "::",
            "::1",
            "1:2:3:4:5:6:7:8",
            "1:2:3:4:5:6:7::",
            "::ffff:1.2.3.4",
            "fe80::1%eth0",
            "::1.2.3.4%a",
            "::%a b",
        ] {
            assert!(
                is_ip(text, Version::V6) && is_ip(text, Version::Any) && !is_ip(text, Version::V4),
                "{text}"
            );
        }
        for text in ["", "1.2.3", "01.2.3.4", "256.1.1.1", ":::", "1::2::3", "::1%", "12345::", " ::1"] {
            assert!(!is_ip(text, Version::Any), "{text}");
        }
    }

    #[test]
    fn networks() {
        for text in ["10.0.0.0/8", "0.0.0.0/0", "1.2.3.4/32", "::/0", "fe80::/10", "::1/128"] {
            assert!(is_ip_prefix(text, Version::Any, true), "{text}");
        }
        for text in ["10.0.0.1/8", "fe80::1/10"] {
            assert!(
                is_ip_prefix(text, Version::Any, false) && !is_ip_prefix(text, Version::Any, true),
                "{text}"
            );
        }
        for text in
            ["10.0.0.0", "10.0.0.0/33", "10.0.0.0/08", "10.0.0.0/+8", "::/129", "::%a/10", "::/", "/8"]
        {
            assert!(!is_ip_prefix(text, Version::Any, false), "{text}");
        }
        assert!(!is_ip_prefix("::/0", Version::V4, false) && !is_ip_prefix("10.0.0.0/8", Version::V6, false));
    }
}
