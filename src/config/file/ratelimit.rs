//! Rate limits, as they are written.

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{self, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

use super::UpstreamTls;
use crate::units::{Period, Rate};

/// How often someone may call.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RateLimits {
    /// Limits that this process keeps. A call is charged to all that are for it, in this order.
    pub local: Vec<LocalLimit>,
    /// A rate limit service of Envoy's protocol that is asked too; `null`: none.
    pub external: Option<RateLimitService>,
    /// How many proxies stand in front, each of which adds an address to `X-Forwarded-For`: the client's is so
    /// many from the end. `0`: that of the connection. Needs `metadata.trust_forwarded`.
    pub forwarded_hops: usize,
    /// How many bits of an IPv6 address count; more than these are one customer's.
    pub ipv6_prefix: u8,
    /// How many callers a limit keeps apart; beyond that, new ones share one bucket.
    pub keys: usize,
}

impl Default for RateLimits {
    fn default() -> Self {
        Self { local: Vec::new(), external: None, forwarded_hops: 0, ipv6_prefix: 64, keys: 100_000 }
    }
}

/// A limit that this process keeps.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LocalLimit {
    /// Its name in answers, logs and metrics.
    pub name: String,
    /// What tells callers apart: `identity`, `account`, `method`, `address`, `header:NAME`, or several of them
    /// together. Empty: all callers share one bucket.
    #[serde(default)]
    pub per: Sources,
    /// Globs over `package.Service/Method`. Empty: all methods.
    #[serde(default)]
    pub methods: Vec<String>,
    /// How many calls in which time: `100/s`, `1000/m`, `5000/h`, `20000/d`.
    pub rate: Rate,
    /// How many calls may be made at once; `null`: as many as the rate has.
    pub burst: Option<u32>,
    /// Calls that lack what tells callers apart: they share one bucket, or the limit skips them.
    #[serde(default)]
    pub anonymous: Anonymous,
}

/// How calls are treated that lack what tells callers apart.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Anonymous {
    /// They share one bucket.
    #[default]
    Share,
    /// The limit is not for them.
    Skip,
}

/// A rate limit service of Envoy's protocol (`envoy.service.ratelimit.v3`).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RateLimitService {
    /// `http://HOST:PORT` (HTTP/2 without TLS), `https://HOST:PORT` or `unix:PATH`.
    pub url: String,
    /// The domain of the limits in the service's own configuration.
    pub domain: String,
    /// How long to wait for an answer.
    #[serde(default = "timeout")]
    pub timeout: Period,
    /// What happens to a call when there is none: it goes on (`allow`), or is refused with 503 (`deny`).
    #[serde(default)]
    pub on_failure: OnFailure,
    /// TLS, for `https`.
    #[serde(default)]
    pub tls: UpstreamTls,
    /// What the service is told of a call.
    pub descriptors: Vec<RateLimitDescriptor>,
}

fn timeout() -> Period {
    Period(Duration::from_millis(100))
}

/// What happens to a call when the rate limit service does not answer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OnFailure {
    /// It goes on.
    #[default]
    Allow,
    /// It is refused with 503.
    Deny,
}

/// One descriptor. It is left out for calls that lack the value of one of its entries.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RateLimitDescriptor {
    /// Globs over `package.Service/Method`. Empty: all methods.
    #[serde(default)]
    pub methods: Vec<String>,
    /// Its entries, in the order in which the service's configuration nests them.
    pub entries: Vec<DescriptorEntry>,
}

/// An entry of a descriptor: a key, and `from` or `text`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DescriptorEntry {
    /// The key.
    pub key: String,
    /// Where the value comes from: `identity`, `account`, `method`, `address` or `header:NAME`.
    pub from: Option<String>,
    /// A value that is always the same.
    pub text: Option<String>,
}

/// One source or a list of them.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Sources(pub Vec<String>);

impl<'de> Deserialize<'de> for Sources {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(SourcesVisitor)
    }
}

struct SourcesVisitor;

impl<'de> Visitor<'de> for SourcesVisitor {
    type Value = Sources;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(EXPECTED)
    }

    fn visit_str<E: de::Error>(self, source: &str) -> Result<Sources, E> {
        Ok(Sources(vec![source.to_owned()]))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Sources, A::Error> {
        let mut sources = Vec::new();
        while let Some(source) = seq.next_element()? {
            sources.push(source);
        }
        Ok(Sources(sources))
    }
}

impl JsonSchema for Sources {
    fn schema_name() -> Cow<'static, str> {
        "Sources".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let source = r"^(identity|account|method|address|header:.+)$";
        json_schema!({
            "description": EXPECTED,
            "anyOf": [
                { "type": "string", "pattern": source },
                { "type": "array", "items": { "type": "string", "pattern": source } },
            ],
        })
    }
}

const EXPECTED: &str =
    "one of `identity`, `account`, `method`, `address` and `header:NAME`, or a list of such";
