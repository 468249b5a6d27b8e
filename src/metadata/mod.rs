//! HTTP headers to gRPC metadata and back, by grpc-gateway's rules.
//!
//! Not for the gRPC protocol's own headers (`te`, `grpc-timeout`, ...): [`upstream`](crate::upstream) adds
//! and removes those.

mod answer;
mod lists;
mod names;
mod request;
mod timeout;

use std::net::SocketAddr;
use std::sync::OnceLock;
use std::time::SystemTime;

use http::{HeaderMap, HeaderName, HeaderValue};

use self::lists::{Allowed, Dropped, Renamed};
use crate::problem::Problems;
pub use names::{is_alias, is_carried, is_reserved};
pub use timeout::timeout;

/// Which headers pass, and under which names. Names are written in any case; globs are said to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// More request headers, names or globs, that are forwarded as metadata under their own lower-case names.
    pub forward_request: Vec<String>,
    /// Globs of request headers, and of the metadata they would become, that are not forwarded.
    pub drop_request: Vec<String>,
    /// Request headers that become metadata of another name, and of no other.
    pub rename_request: Vec<(String, String)>,
    /// Whether the permanent request headers of the IANA registry pass as `grpcgateway-<name>`.
    pub permanent_headers: bool,
    /// Metadata, names or globs, that is answered as headers under its own names, without `Grpc-Metadata-`.
    pub forward_response: Vec<String>,
    /// Globs of metadata names that are not answered at all: a backend tells the gateway, not the client.
    pub hidden_response: Vec<String>,
    /// Metadata that is answered as a header of another name.
    pub rename_response: Vec<(String, String)>,
    /// Whether `x-forwarded-*` sent by the client is kept and extended rather than replaced.
    pub trust_forwarded: bool,
}

impl Default for Settings {
    /// Nothing but the fixed rules; what a proxy in front says of the client is believed.
    fn default() -> Self {
        Self {
            forward_request: Vec::new(),
            drop_request: Vec::new(),
            rename_request: Vec::new(),
            permanent_headers: true,
            forward_response: Vec::new(),
            hidden_response: Vec::new(),
            rename_response: Vec::new(),
            trust_forwarded: true,
        }
    }
}

/// Who is calling: what the listener knows of a connection.
#[derive(Debug, Clone, Default)]
pub struct Peer {
    /// The client's address; `None` on a unix socket.
    pub address: Option<SocketAddr>,
    /// Whether the connection is encrypted (`x-forwarded-proto`).
    pub tls: bool,
    /// The certificate that the client showed, where it was asked for one and it was found to be good.
    pub certificate: Option<ClientCertificate>,
    /// The address in words, once somebody has asked for it.
    pub hop: OnceLock<Option<HeaderValue>>,
}

impl Peer {
    /// The address as `x-forwarded-for` tells it. Written once for each connection.
    fn hop(&self) -> Option<&HeaderValue> {
        let write = |address: SocketAddr| HeaderValue::try_from(address.ip().to_canonical().to_string()).ok();
        self.hop.get_or_init(|| self.address.and_then(write)).as_ref()
    }
}

/// What a client's certificate says of it. Read once for each connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientCertificate {
    /// Its subject as RFC 4514 writes it: `CN=robot,O=Acme,C=US`.
    pub subject: String,
    /// Its alternative names: `URI:spiffe://acme/robot`, `DNS:robot.acme`, `email:robot@acme`, `IP:10.0.0.1`.
    pub names: Vec<String>,
    /// When it expires, which may be while the connection is open.
    pub expires: SystemTime,
}

/// The header rules, ready to be used: built once, read by every call.
#[derive(Debug, Clone)]
pub struct Rules {
    forward_request: Allowed,
    drop_request: Dropped,
    rename_request: Renamed,
    permanent_headers: bool,
    forward_response: Allowed,
    hidden_response: Dropped,
    rename_response: Renamed,
    trust_forwarded: bool,
}

impl Rules {
    /// Checks the settings, telling every name that cannot be forwarded.
    pub fn check(settings: &Settings, problems: &mut Problems) -> Self {
        let (forward_request, forward_response) = ("metadata.forward_request", "metadata.forward_response");
        let (rename_request, rename_response) = ("metadata.rename_request", "metadata.rename_response");
        Self {
            forward_request: Allowed::read(&settings.forward_request, forward_request, problems),
            drop_request: Dropped::read(&settings.drop_request),
            rename_request: Renamed::to_metadata(&settings.rename_request, rename_request, problems),
            permanent_headers: settings.permanent_headers,
            forward_response: Allowed::read(&settings.forward_response, forward_response, problems),
            hidden_response: Dropped::read(&settings.hidden_response),
            rename_response: Renamed::to_headers(&settings.rename_response, rename_response, problems),
            trust_forwarded: settings.trust_forwarded,
        }
    }
}

/// Removes names, and those that a backend may take for them.
pub fn remove_aliases(names: &[HeaderName], metadata: &mut HeaderMap) {
    if names.is_empty() {
        return;
    }
    let is_one = |found: &&HeaderName| names.iter().any(|name| is_alias(name.as_str(), found.as_str()));
    let found: Vec<_> = metadata.keys().filter(is_one).cloned().collect();
    for name in found {
        metadata.remove(name);
    }
}

/// What ties a question to the call that it is asked for, in logs and traces.
#[must_use]
pub fn correlation(headers: &HeaderMap) -> HeaderMap {
    let names = ["traceparent", "tracestate", "x-request-id"];
    let found = names.into_iter().filter_map(|name| {
        let value = headers.get(name).filter(|value| is_carried(value.as_bytes()))?;
        Some((HeaderName::from_static(name), value.clone()))
    });
    found.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_cannot_pass_are_told_all_at_once() {
        let settings = Settings {
            forward_request: vec!["X-Tenant".into(), "no good".into(), "Connection".into(), "n g*".into()],
            forward_response: vec!["grpc-status".into()],
            ..Settings::default()
        };
        let mut problems = Problems::new();
        let rules = Rules::check(&settings, &mut problems);
        assert!(rules.forward_request.names(&HeaderName::from_static("x-tenant")));
        let told: Vec<_> = problems.iter().map(|problem| problem.what.as_str()).collect();
        assert_eq!(
            told,
            [
                "`no good` is not a header name",
                "the header `connection` cannot be forwarded",
                "`n g*` is not a header name",
                "the header `grpc-status` cannot be forwarded"
            ]
        );
    }
}
