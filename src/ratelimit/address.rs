//! The address that a client is known by. Not for what the backend is told of it
//! ([`metadata`](crate::metadata)).

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use http::HeaderMap;

use super::key::Call;

/// How the client's address is found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Addressing {
    /// How many proxies stand in front, each of which adds the address that it sees to `X-Forwarded-For`. The
    /// client's is so many from the end; 0: that of the connection.
    pub hops: usize,
    /// How many bits of an IPv6 address count: whoever has one address has the whole network around it.
    pub ipv6_prefix: u8,
}

impl Default for Addressing {
    /// The connection's address, IPv6 by the network of one customer or machine.
    fn default() -> Self {
        Self { hops: 0, ipv6_prefix: 64 }
    }
}

impl Addressing {
    /// The address that a call counts under. Where fewer proxies than expected were passed, it is the
    /// connection's: nothing that a client writes itself is believed.
    pub(super) fn of(self, call: &Call<'_>) -> Option<IpAddr> {
        let forwarded = (self.hops > 0).then(|| forwarded(call.headers, self.hops)).flatten();
        forwarded.or(call.peer).map(|address| self.masked(address.to_canonical()))
    }

    fn masked(self, address: IpAddr) -> IpAddr {
        match address {
            IpAddr::V4(_) => address,
            IpAddr::V6(address) => {
                let host = 128_u32.saturating_sub(self.ipv6_prefix.into());
                let mask = u128::MAX.checked_shl(host).unwrap_or(0);
                Ipv6Addr::from_bits(address.to_bits() & mask).into()
            }
        }
    }

    /// An address of [`of`](Self::of) as text: that of a network with its length.
    pub(super) fn shown(self, address: IpAddr) -> String {
        match address {
            IpAddr::V6(network) if self.ipv6_prefix < 128 => format!("{network}/{}", self.ipv6_prefix),
            whole => whole.to_string(),
        }
    }
}

/// The address so many from the end of all `X-Forwarded-For` headers together.
fn forwarded(headers: &HeaderMap, hops: usize) -> Option<IpAddr> {
    let values = headers.get_all("x-forwarded-for").iter().rev();
    let mut entries = values.flat_map(|value| value.as_bytes().rsplit(|byte| *byte == b','));
    let entry = std::str::from_utf8(entries.nth(hops.checked_sub(1)?)?).ok()?.trim();
    // Some proxies write the port too.
    let bare = entry.trim_start_matches('[').trim_end_matches(']');
    bare.parse().ok().or_else(|| entry.parse::<SocketAddr>().ok().map(|address| address.ip()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(addressing: Addressing, peer: Option<&str>, forwarded: &[&str]) -> Option<String> {
        let mut headers = HeaderMap::new();
        for value in forwarded {
            headers.append("x-forwarded-for", value.parse().expect("a value"));
        }
        let peer = peer.map(|text| text.parse().expect("an address"));
        let call = Call { rpc: "", identity: None, account: None, peer, headers: &headers };
        addressing.of(&call).map(|address| addressing.shown(address))
    }

    #[test]
    fn a_client_is_known_by_its_network() {
        let of = |bits, peer| found(Addressing { hops: 0, ipv6_prefix: bits }, Some(peer), &["9.9.9.9"]);
        for (bits, peer, expected) in [
            (64, "10.0.0.1", "10.0.0.1"),
            (64, "::ffff:10.0.0.1", "10.0.0.1"),
            (64, "2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
            (48, "2001:db8:1:2:3:4:5:6", "2001:db8:1::/48"),
            (128, "2001:db8::1", "2001:db8::1"),
            (0, "2001:db8::1", "::/0"),
        ] {
            assert_eq!(of(bits, peer).as_deref(), Some(expected), "{peer}/{bits}");
        }
        assert_eq!(found(Addressing::default(), None, &[]), None);
    }

    #[test]
    fn as_many_proxies_are_believed_as_there_are() {
        for (hops, forwarded, expected) in [
            (0, &["1.1.1.1"][..], "10.0.0.9"),
            (1, &["1.1.1.1"], "1.1.1.1"),
            (1, &["6.6.6.6, 1.1.1.1"], "1.1.1.1"),
            (2, &["6.6.6.6, 1.1.1.1", "2.2.2.2"], "1.1.1.1"),
            (2, &["6.6.6.6", "1.1.1.1", "2.2.2.2:443"], "1.1.1.1"),
            (1, &["[2001:db8::1]:443"], "2001:db8::/64"),
            (1, &["2001:db8::1"], "2001:db8::/64"),
            (1, &["[2001:db8::1]"], "2001:db8::/64"),
            (1, &["1.1.1.1:80"], "1.1.1.1"),
            (1, &[], "10.0.0.9"),
            (2, &["1.1.1.1"], "10.0.0.9"),
            (1, &["unknown"], "10.0.0.9"),
            (1, &[""], "10.0.0.9"),
        ] {
            let addressing = Addressing { hops, ..Addressing::default() };
            assert_eq!(
                found(addressing, Some("10.0.0.9"), forwarded).as_deref(),
                Some(expected),
                "{hops} of {forwarded:?}"
            );
        }
    }
}
