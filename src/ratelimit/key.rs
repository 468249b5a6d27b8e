//! Whose bucket a call is charged to: the sources of a limit, read out of a call and made into a key.
//!
//! A key is 128 bits of a hash with a secret of its own (`SipHash`, as the standard library's maps use), so it
//! takes the same 16 bytes whatever a client sends, needs no allocation, and cannot be made to collide.

use std::borrow::Cow;
use std::collections::hash_map::RandomState;
use std::fmt;
use std::hash::{BuildHasher as _, Hash, Hasher};
use std::net::IpAddr;
use std::str::FromStr;

use http::{HeaderMap, HeaderName};

use super::address::Addressing;

/// What a limit looks at to tell callers apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// The caller's actor id.
    Identity,
    /// The account that the call is about.
    Account,
    /// The gRPC method.
    Method,
    /// The client's address.
    Address,
    /// The first value of a request header.
    Header(HeaderName),
}

/// What a limit may look at of one call.
#[derive(Debug, Clone, Copy)]
pub struct Call<'c> {
    /// `pkg.Service/Method`.
    pub rpc: &'c str,
    /// The caller's actor id, once it is known.
    pub identity: Option<&'c str>,
    /// The account that the call is about, once it is known.
    pub account: Option<&'c str>,
    /// The address at the other end of the connection; `None` on a unix socket.
    pub peer: Option<IpAddr>,
    /// The request's headers.
    pub headers: &'c HeaderMap,
}

impl Source {
    /// Whether it is known only after someone looked at the caller's credential.
    #[must_use]
    pub fn needs_identity(&self) -> bool {
        matches!(self, Self::Identity | Self::Account)
    }

    /// The source's value in a call as text; `None` where the call has none.
    pub(super) fn text<'c>(&self, call: &Call<'c>, addressing: Addressing) -> Option<Cow<'c, str>> {
        match self {
            Self::Identity => call.identity.map(Cow::Borrowed),
            Self::Account => call.account.map(Cow::Borrowed),
            Self::Method => Some(Cow::Borrowed(call.rpc)),
            Self::Address => addressing.of(call).map(|address| Cow::Owned(addressing.shown(address))),
            Self::Header(name) => {
                let value = call.headers.get(name)?;
                (!value.is_empty()).then(|| String::from_utf8_lossy(value.as_bytes()))
            }
        }
    }

    /// Adds the value to a hash; `false` where the call has none.
    fn hash(&self, call: &Call<'_>, addressing: Addressing, hasher: &mut impl Hasher) -> bool {
        let text = |text: Option<&str>, hasher: &mut _| bytes(text.map(str::as_bytes), hasher);
        match self {
            Self::Identity => text(call.identity, hasher),
            Self::Account => text(call.account, hasher),
            Self::Method => text(Some(call.rpc), hasher),
            Self::Address => match addressing.of(call) {
                Some(IpAddr::V4(address)) => bytes(Some(&address.octets()), hasher),
                Some(IpAddr::V6(address)) => bytes(Some(&address.octets()), hasher),
                None => bytes(None, hasher),
            },
            Self::Header(name) => {
                let value = call.headers.get(name).map(http::HeaderValue::as_bytes);
                bytes(value.filter(|value| !value.is_empty()), hasher)
            }
        }
    }
}

/// Adds a value behind its length, so that two values never read as one; a missing one is told from any other.
fn bytes(value: Option<&[u8]>, hasher: &mut impl Hasher) -> bool {
    match value {
        Some(value) => {
            hasher.write_usize(value.len());
            hasher.write(value);
        }
        None => hasher.write_usize(usize::MAX),
    }
    value.is_some()
}

/// What a limit may be kept per, as it is written; `header:NAME` beside these.
const WORDS: [(&str, Source); 4] = [
    ("identity", Source::Identity),
    ("account", Source::Account),
    ("method", Source::Method),
    ("address", Source::Address),
];

impl FromStr for Source {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Some((_, source)) = WORDS.into_iter().find(|(word, _)| *word == text) {
            return Ok(source);
        }
        match text.strip_prefix("header:") {
            Some(name) => HeaderName::try_from(name.trim())
                .map(Self::Header)
                .map_err(|_| format!("`{name}` is not the name of a header")),
            None => Err(format!("`{text}` is nothing that calls can be told apart by")),
        }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Header(name) => write!(f, "header:{name}"),
            word => f.write_str(WORDS.iter().find(|(_, source)| source == word).map_or("", |(word, _)| word)),
        }
    }
}

/// The bucket of one caller under one limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Key(u64, u64);

impl Key {
    /// The key of a call, and whether every source had a value. Calls without one share a key with those that
    /// lack the same one and have the same others.
    pub(super) fn of(
        secret: &RandomState,
        sources: &[Source],
        call: &Call<'_>,
        addressing: Addressing,
    ) -> (Self, bool) {
        let mut hasher = secret.build_hasher();
        let mut whole = true;
        for source in sources {
            whole &= source.hash(call, addressing, &mut hasher);
        }
        let first = hasher.finish();
        // The hash's inner state is 256 bits wide: a second draw from it is as good as another hash.
        hasher.write_u8(0xff);
        (Self(first, hasher.finish()), whole)
    }
}

impl Hash for Key {
    /// One half is hash enough for a map.
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.0);
    }
}

/// The hasher of a map whose keys are hashes: it takes what it is given.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Taken(u64);

impl Hasher for Taken {
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_read_and_show() {
        for text in ["identity", "account", "method", "address", "header:x-tenant"] {
            let source: Source = text.parse().expect(text);
            assert_eq!(source.to_string(), text);
        }
        assert_eq!("header:X-Tenant".parse::<Source>().expect("a source").to_string(), "header:x-tenant");
        for (text, told) in [
            ("idenity", "`idenity` is nothing that calls can be told apart by"),
            ("header:", "`` is not the name of a header"),
            ("header:no good", "`no good` is not the name of a header"),
        ] {
            assert_eq!(text.parse::<Source>().expect_err(text), told);
        }
    }

    /// The key of a call with this identity, account and tenant.
    fn key(per: &[&str], identity: Option<&str>, account: Option<&str>, tenant: Option<&str>) -> (Key, bool) {
        use std::sync::OnceLock;
        static SECRET: OnceLock<RandomState> = OnceLock::new();
        let sources: Vec<Source> = per.iter().map(|text| text.parse().expect("a source")).collect();
        let mut headers = HeaderMap::new();
        if let Some(tenant) = tenant {
            headers.insert("x-tenant", tenant.parse().expect("a value"));
        }
        let call = Call { rpc: "a.B/C", identity, account, peer: None, headers: &headers };
        Key::of(SECRET.get_or_init(RandomState::new), &sources, &call, Addressing::default())
    }

    #[test]
    fn a_key_is_what_the_sources_say_and_nothing_else() {
        let both = ["identity", "account"];
        assert_eq!(
            key(&["identity"], Some("a"), Some("x"), None),
            key(&["identity"], Some("a"), None, Some("t"))
        );
        assert_ne!(key(&both, Some("a"), Some("x"), None), key(&both, Some("a"), Some("y"), None));
        // Values do not run into one another.
        assert_ne!(key(&both, Some("ab"), Some("c"), None), key(&both, Some("a"), Some("bc"), None));
        assert_ne!(key(&both, Some("a"), None, None), key(&both, None, Some("a"), None));
    }

    #[test]
    fn a_missing_value_is_told_and_is_no_empty_one() {
        assert!(key(&["identity", "method"], Some("a"), None, None).1);
        assert!(!key(&["identity", "method"], None, None, None).1);
        assert!(!key(&["address"], None, None, None).1);
        assert!(!key(&["header:x-tenant"], None, None, Some("")).1, "an empty header says nothing");
        assert_ne!(key(&["identity"], None, None, None), key(&["identity"], Some(""), None, None));
    }
}
