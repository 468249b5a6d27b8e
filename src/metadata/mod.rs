//! HTTP headers to gRPC metadata and back, by grpc-gateway's rules.
//!
//! Not for the gRPC protocol's own headers (`te`, `grpc-timeout`, ...): [`upstream`](crate::upstream) adds
//! and removes those.

mod answer;
mod names;
mod request;
mod timeout;

use std::net::SocketAddr;
use std::time::SystemTime;

use http::{HeaderMap, HeaderName};

use crate::problem::{Place, Problem, Problems};
use crate::units::Glob;
pub use names::{is_alias, is_carried, is_reserved};
pub use timeout::timeout;

/// Which headers pass, and under which names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// More request headers that are forwarded as metadata under their own lower-case names.
    pub forward_request: Vec<String>,
    /// Metadata names that are answered as headers under their own names, without `Grpc-Metadata-`.
    pub forward_response: Vec<String>,
    /// Globs of metadata names that are not answered at all: a backend tells the gateway, not the client.
    pub hidden_response: Vec<String>,
    /// Whether `x-forwarded-*` sent by the client is kept and extended rather than replaced.
    pub trust_forwarded: bool,
}

impl Default for Settings {
    /// Nothing but the fixed rules; what a proxy in front says of the client is believed.
    fn default() -> Self {
        Self {
            forward_request: Vec::new(),
            forward_response: Vec::new(),
            hidden_response: Vec::new(),
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
    forward_request: Vec<HeaderName>,
    forward_response: Vec<HeaderName>,
    hidden_response: Vec<Glob>,
    trust_forwarded: bool,
}

impl Rules {
    /// Checks the settings, telling every name that cannot be forwarded.
    pub fn check(settings: &Settings, problems: &mut Problems) -> Self {
        Self {
            forward_request: checked(&settings.forward_request, "metadata.forward_request", problems),
            forward_response: checked(&settings.forward_response, "metadata.forward_response", problems),
            hidden_response: settings
                .hidden_response
                .iter()
                .map(|glob| Glob::new(glob.to_lowercase()))
                .collect(),
            trust_forwarded: settings.trust_forwarded,
        }
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

fn checked(list: &[String], key: &str, problems: &mut Problems) -> Vec<HeaderName> {
    let mut names = Vec::with_capacity(list.len());
    for text in list {
        match HeaderName::try_from(text.as_str()) {
            Ok(name) if is_reserved(name.as_str()) => problems.push(
                Problem::error(Place::item(key), format!("the header `{name}` cannot be forwarded"))
                    .help("it belongs to the connection or to the gRPC protocol; take it out of the list"),
            ),
            Ok(name) => names.push(name),
            Err(_) => problems.push(
                Problem::error(Place::item(key), format!("`{text}` is not a header name"))
                    .help("write a name such as `x-tenant`"),
            ),
        }
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_cannot_pass_are_told_all_at_once() {
        let settings = Settings {
            forward_request: vec!["X-Tenant".into(), "no good".into(), "Connection".into()],
            forward_response: vec!["grpc-status".into()],
            ..Settings::default()
        };
        let mut problems = Problems::new();
        let rules = Rules::check(&settings, &mut problems);
        assert_eq!(rules.forward_request, ["x-tenant"]);
        let told: Vec<_> = problems.iter().map(|problem| problem.what.as_str()).collect();
        assert_eq!(
            told,
            [
                "`no good` is not a header name",
                "the header `connection` cannot be forwarded",
                "the header `grpc-status` cannot be forwarded"
            ]
        );
    }
}
