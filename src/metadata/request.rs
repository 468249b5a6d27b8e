//! Request headers to metadata: what the backend gets to see of the client.

use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use http::header::{AUTHORIZATION, HOST};
use http::{HeaderMap, HeaderName, HeaderValue};

use super::lists::plain;
use super::names::{is_carried, is_correlation, is_metadata, is_ours, is_reserved, permanent};
use super::{Peer, Rules};
use crate::status::Status;

impl Rules {
    /// The metadata that a request's headers become. `authority` is the request's host where it did not come
    /// as a header (HTTP/2).
    ///
    /// A header of the permanent registry passes as `grpcgateway-<name>`, `Grpc-Metadata-<name>` as `<name>`,
    /// `Authorization` under its own name too; trace context, request id and the configured names pass as they
    /// are. What is configured to be dropped passes under no name, what is renamed under its new one alone. Names
    /// that belong to the connection or to gRPC, and values that gRPC cannot carry, are dropped.
    ///
    /// # Errors
    /// 400 when a `-bin` header is not base64.
    pub fn request(
        &self,
        headers: &HeaderMap,
        authority: Option<&str>,
        peer: &Peer,
    ) -> Result<HeaderMap, Status> {
        let mut metadata = HeaderMap::with_capacity(headers.len().min(MANY) + ADDED);
        for (name, value) in headers {
            let text = name.as_str();
            if self.drop_request.fits(text) {
                continue;
            }
            if let Some(renamed) = self.rename_request.of(name) {
                carry(&mut metadata, renamed.clone(), value)?;
                continue;
            }
            if let Some(key) = text.strip_prefix("grpc-metadata-") {
                if !self.is_taken(key)
                    && !self.drop_request.fits(key)
                    && let Ok(name) = HeaderName::try_from(key)
                {
                    carry(&mut metadata, name, value)?;
                }
                continue;
            }
            if self.permanent_headers
                && let Some(permanent) = permanent(text)
            {
                carry(&mut metadata, permanent, value)?;
            }
            if name == AUTHORIZATION || is_correlation(text) || self.forwards(name) {
                carry(&mut metadata, name.clone(), value)?;
            }
        }
        self.forwarded(headers, authority, peer, &mut metadata);
        Ok(metadata)
    }

    /// Whether a header is configured to pass under its own name. A glob brings nothing that the prefix must not.
    fn forwards(&self, name: &HeaderName) -> bool {
        self.forward_request.names(name) || (self.forward_request.fits(name) && !self.is_taken(name.as_str()))
    }

    /// Whether neither the prefix nor a glob may bring a name, nor one that a backend may take for it: it belongs to
    /// the connection or to gRPC, or the gateway sets it, or forwards a header under it.
    fn is_taken(&self, key: &str) -> bool {
        let plain = plain(key);
        is_reserved(&plain)
            || is_ours(&plain)
            || is_correlation(&plain)
            || self.forward_request.has_alias(key)
            || self.rename_request.has_alias(key)
    }

    /// Sets `x-forwarded-for`, `-host` and `-proto`.
    fn forwarded(&self, headers: &HeaderMap, authority: Option<&str>, peer: &Peer, metadata: &mut HeaderMap) {
        let said = |name: &HeaderName| {
            headers.get(name).filter(|value| self.trust_forwarded && is_carried(value.as_bytes()))
        };
        let host = said(&FORWARDED_HOST)
            .or_else(|| headers.get(HOST).filter(|value| is_carried(value.as_bytes())))
            .cloned();
        if let Some(host) = host.or_else(|| authority.and_then(|host| HeaderValue::try_from(host).ok())) {
            metadata.insert(FORWARDED_HOST, host);
        }
        let proto = HeaderValue::from_static(if peer.tls { "https" } else { "http" });
        metadata.insert(FORWARDED_PROTO, said(&FORWARDED_PROTO).cloned().unwrap_or(proto));
        if let Some(hops) = self.hops(headers, peer) {
            metadata.insert(FORWARDED_FOR, hops);
        }
    }

    /// The addresses a request came through, the nearest last.
    fn hops(&self, headers: &HeaderMap, peer: &Peer) -> Option<HeaderValue> {
        if !self.trust_forwarded || !headers.contains_key(FORWARDED_FOR) {
            return peer.hop().cloned();
        }
        let mut hops = String::new();
        let before = headers.get_all(FORWARDED_FOR).iter();
        for value in before.chain(peer.hop()).filter_map(|value| value.to_str().ok()) {
            join(&mut hops, value);
        }
        HeaderValue::try_from(hops).ok().filter(|hops| !hops.is_empty())
    }
}

fn join(list: &mut String, item: &str) {
    if !list.is_empty() {
        list.push_str(", ");
    }
    list.push_str(item);
}

/// Adds one metadata entry, or drops it where gRPC cannot carry it.
fn carry(metadata: &mut HeaderMap, name: HeaderName, value: &HeaderValue) -> Result<(), Status> {
    let key = name.as_str();
    if !is_metadata(key) {
        return Ok(());
    }
    if key.ends_with("-bin") {
        let value = binary(key, value)?;
        metadata.append(name, value);
    } else if is_carried(value.as_bytes()) {
        metadata.append(name, value.clone());
    }
    Ok(())
}

/// How many entries the gateway adds to those that a request has: so much room spares a map that grows.
const ADDED: usize = 9;

/// For how many of a request's own entries room is made at once: a map cannot be made for as many as one can grow to.
const MANY: usize = 128;

/// Checks a binary value and writes it the way gRPC does: base64 without padding.
fn binary(key: &str, value: &HeaderValue) -> Result<HeaderValue, Status> {
    let invalid = || Status::invalid(format!("invalid binary header `{key}`: expected base64"));
    let bytes = BASE64.decode(value.as_bytes()).map_err(|_| invalid())?;
    HeaderValue::try_from(BASE64.encode(bytes)).map_err(|_| invalid())
}

/// Reads with or without padding, writes without.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new()
        .with_encode_padding(false)
        .with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metadata::Settings;
    use crate::problem::Problems;

    fn metadata_of(settings: &Settings, headers: &[(&'static str, &str)]) -> Result<Vec<String>, String> {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, HeaderValue::from_bytes(value.as_bytes()).expect("a header value"));
        }
        let rules = Rules::check(settings, &mut Problems::new());
        let peer = Peer { address: Some(([10, 0, 0, 9], 1234).into()), tls: false, ..Peer::default() };
        let metadata =
            rules.request(&map, Some("api.test"), &peer).map_err(|status| status.message.clone())?;
        Ok(metadata
            .iter()
            .map(|(name, value)| format!("{name}: {}", value.to_str().expect("visible")))
            .collect())
    }

    fn with_defaults(headers: &[(&'static str, &str)]) -> Vec<String> {
        let mut found = metadata_of(&Settings::default(), headers).expect("metadata");
        found.retain(|line| !line.starts_with("x-forwarded"));
        found
    }

    #[test]
    fn headers_pass_by_the_rules() {
        let cases: &[(&str, &str, &[&str])] = &[
            ("accept", "a/b", &["grpcgateway-accept: a/b"]),
            (
                "authorization",
                "apikey k",
                &["grpcgateway-authorization: apikey k", "authorization: apikey k"],
            ),
            ("grpc-metadata-foo", "1", &["foo: 1"]),
            ("grpc-metadata-authorization", "evil", &[]),
            ("grpc-metadata-x-forwarded-for", "1.2.3.4", &[]),
            ("grpc-metadata-x_forwarded_for", "1.2.3.4", &[]),
            ("grpc-metadata-grpcgateway_authorization", "evil", &[]),
            ("grpc-metadata-x_request-id", "evil", &[]),
            ("grpc-metadata-grpc_timeout", "1S", &[]),
            ("grpc-metadata-foo_bar", "1", &["foo_bar: 1"]),
            ("grpc-metadata-x-request-id", "evil", &[]),
            ("grpc-metadata-traceparent", "evil", &[]),
            ("grpc-metadata-connection", "x", &[]),
            ("grpc-metadata-grpc-timeout", "1S", &[]),
            ("grpc-metadata-te", "x", &[]),
            ("grpc-metadata-", "x", &[]),
            ("grpc-metadata-a!b", "x", &[]),
            ("grpc-metadata-foo", "caf\u{e9}", &[]),
            ("grpc-metadata-foo-bin", "AQI=", &["foo-bin: AQI"]),
            ("grpc-metadata-foo-bin", "AQI", &["foo-bin: AQI"]),
            ("traceparent", "00-1-2-01", &["traceparent: 00-1-2-01"]),
            ("x-request-id", "r1", &["x-request-id: r1"]),
            ("x-other", "v", &[]),
            ("range", "bytes=0-", &[]),
        ];
        for (name, value, expected) in cases {
            assert_eq!(with_defaults(&[(name, value)]), *expected, "{name}: {value}");
        }
    }

    #[test]
    fn several_values_are_kept() {
        let found = with_defaults(&[("grpc-metadata-foo", "1"), ("grpc-metadata-foo", "2")]);
        assert_eq!(found, ["foo: 1", "foo: 2"]);
    }

    #[test]
    fn a_bad_binary_header_is_refused() {
        let told = metadata_of(&Settings::default(), &[("grpc-metadata-foo-bin", "???")]);
        assert_eq!(told.expect_err("refused"), "invalid binary header `foo-bin`: expected base64");
    }

    #[test]
    fn forwarded_headers_grow_or_are_replaced() {
        let headers: &[(&str, &str)] = &[
            ("x-forwarded-for", "1.1.1.1"),
            ("x-forwarded-for", "2.2.2.2"),
            ("x-forwarded-host", "front.test"),
            ("x-forwarded-proto", "https"),
        ];
        assert_eq!(
            metadata_of(&Settings::default(), headers).expect("metadata"),
            [
                "x-forwarded-host: front.test",
                "x-forwarded-proto: https",
                "x-forwarded-for: 1.1.1.1, 2.2.2.2, 10.0.0.9"
            ]
        );
        let settings = Settings { trust_forwarded: false, ..Settings::default() };
        assert_eq!(
            metadata_of(&settings, headers).expect("metadata"),
            ["x-forwarded-host: api.test", "x-forwarded-proto: http", "x-forwarded-for: 10.0.0.9"]
        );
    }

    #[test]
    fn configured_headers_pass_under_their_names() {
        let settings = Settings { forward_request: vec!["X-Tenant".into()], ..Settings::default() };
        let sent =
            [("grpc-metadata-x-tenant", "red"), ("grpc-metadata-x_tenant", "red"), ("x-tenant", "blue")];
        let found = metadata_of(&settings, &sent).expect("metadata");
        assert!(!found.iter().any(|line| line.contains("red")), "{found:?}");
        assert_eq!(found.first().map(String::as_str), Some("x-tenant: blue"));
    }

    #[test]
    fn deny_lists_renames_and_globs() {
        let settings = Settings {
            forward_request: vec!["X-Team-*".into(), "x-one".into()],
            drop_request: vec!["cookie".into(), "x-internal-*".into(), "x-team-secret".into()],
            rename_request: vec![
                ("X-Tenant".into(), "tenant-id".into()),
                ("Referer".into(), "came-from".into()),
            ],
            ..Settings::default()
        };
        for (name, value, expected) in [
            ("cookie", "a=b", &[][..]),
            ("grpc-metadata-cookie", "a=b", &[]),
            ("grpc-metadata-x_internal_a", "1", &[]),
            ("x-tenant", "t", &["tenant-id: t"]),
            ("grpc-metadata-tenant-id", "evil", &[]),
            ("grpc-metadata-tenant_id", "evil", &[]),
            ("referer", "/from", &["came-from: /from"]),
            ("x-team-name", "red", &["x-team-name: red"]),
            ("x-team-secret", "red", &[]),
            ("x-one", "1", &["x-one: 1"]),
            ("accept", "a/b", &["grpcgateway-accept: a/b"]),
        ] {
            let mut found = metadata_of(&settings, &[(name, value)]).expect("metadata");
            found.retain(|line| !line.starts_with("x-forwarded"));
            assert_eq!(found, expected, "{name}");
        }
    }

    #[test]
    fn a_glob_of_everything_brings_nothing_that_is_the_gateways() {
        let settings = Settings {
            forward_request: vec!["*".into()],
            rename_request: vec![("x-tenant".into(), "tenant-id".into())],
            permanent_headers: false,
            ..Settings::default()
        };
        for (name, expected) in [
            ("x-any", true),
            ("accept", true),
            ("authorization", true),
            ("x-request-id", true),
            ("x_request_id", false),
            ("tenant-id", false),
            ("tenant_id", false),
            ("grpcgateway-authorization", false),
            ("connection", false),
            ("te", false),
            ("grpc-timeout", false),
            ("content-type", false),
            ("x_forwarded_for", false),
        ] {
            let mut found = metadata_of(&settings, &[(name, "v")]).expect("metadata");
            found.retain(|line| !line.starts_with("x-forwarded"));
            let line = format!("{name}: v");
            assert_eq!(found, if expected { vec![line] } else { Vec::new() }, "{name}");
        }
    }
}
