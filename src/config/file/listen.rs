//! Listeners as they are written: one or a list, each a text or an object with TLS.

use std::borrow::Cow;
use std::fmt;
use std::path::PathBuf;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::value::MapAccessDeserializer;
use serde::de::{self, Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize as DeriveDeserialize, Serialize};

/// One listener or a list of them.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Listeners(pub Vec<Listener>);

impl Default for Listeners {
    fn default() -> Self {
        Self(vec![Listener { address: "127.0.0.1:8080".into(), tls: None }])
    }
}

/// A listener: an address, or an object with `address` and `tls`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Listener {
    /// `HOST:PORT` (an IP address; port 0: any free port) or `unix:PATH`.
    pub address: String,
    /// TLS; left out: plain text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls: Option<ListenerTls>,
}

/// The object form of a listener.
#[derive(DeriveDeserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct ListenerObject {
    /// `HOST:PORT` (an IP address; port 0: any free port) or `unix:PATH`.
    address: String,
    /// TLS; left out: plain text.
    tls: Option<ListenerTls>,
}

/// The certificate of a listener, and whether clients are asked for theirs. All files are read again when they
/// change.
#[derive(Debug, Clone, PartialEq, Serialize, DeriveDeserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ListenerTls {
    /// PEM file of the certificate chain.
    pub certificate: PathBuf,
    /// PEM file of its private key.
    pub key: PathBuf,
    /// PEM file of the certificates that issue those of clients; left out: clients are not asked for one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_roots: Option<PathBuf>,
    /// Whether a client without a certificate is refused at the handshake. `required` where `client_roots` is
    /// written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_certificate: Option<ClientCertificate>,
}

/// Whether clients must show a certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, DeriveDeserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ClientCertificate {
    /// One that is shown must be good.
    Optional,
    /// One must be shown.
    Required,
}

impl<'de> Deserialize<'de> for Listener {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ListenerVisitor)
    }
}

struct ListenerVisitor;

impl<'de> Visitor<'de> for ListenerVisitor {
    type Value = Listener;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "an address such as `127.0.0.1:8080` or `unix:/run/transom.sock`, or an object with `address`",
        )
    }

    fn visit_str<E: de::Error>(self, address: &str) -> Result<Listener, E> {
        Ok(Listener { address: address.to_owned(), tls: None })
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Listener, A::Error> {
        let object = ListenerObject::deserialize(MapAccessDeserializer::new(map))?;
        Ok(Listener { address: object.address, tls: object.tls })
    }
}

impl<'de> Deserialize<'de> for Listeners {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ListenersVisitor)
    }
}

struct ListenersVisitor;

impl<'de> Visitor<'de> for ListenersVisitor {
    type Value = Listeners;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        ListenerVisitor.expecting(f)?;
        f.write_str(", or a list of those")
    }

    fn visit_str<E: de::Error>(self, address: &str) -> Result<Listeners, E> {
        ListenerVisitor.visit_str(address).map(|listener| Listeners(vec![listener]))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Listeners, A::Error> {
        ListenerVisitor.visit_map(map).map(|listener| Listeners(vec![listener]))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Listeners, A::Error> {
        let mut listeners = Vec::new();
        while let Some(listener) = seq.next_element()? {
            listeners.push(listener);
        }
        Ok(Listeners(listeners))
    }
}

impl JsonSchema for Listener {
    fn schema_name() -> Cow<'static, str> {
        "Listener".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let object = generator.subschema_for::<ListenerObject>();
        json_schema!({
            "description": "A listener: `HOST:PORT` or `unix:PATH`, or an object with `address` and `tls`.",
            "anyOf": [{ "type": "string" }, object],
        })
    }
}

impl JsonSchema for Listeners {
    fn schema_name() -> Cow<'static, str> {
        "Listeners".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let listener = generator.subschema_for::<Listener>();
        json_schema!({
            "description": "One listener or a list of them.",
            "anyOf": [listener, { "type": "array", "items": listener, "minItems": 1 }],
        })
    }
}
