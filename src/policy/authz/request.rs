//! What an authorizer is asked: a request before its body is read, as Envoy describes it. Not for sending.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::time::SystemTime;

use http::header::{CONTENT_LENGTH, HOST};
use http::{HeaderMap, HeaderName, HeaderValue};

use super::message::{Address, Attributes, CheckRequest, HttpRequest, Peer, Request, SocketAddress};
use crate::metadata::{self, is_alias};
use crate::policy::{Head, Identity, MetadataNames};
use crate::units::Glob;

/// What every question has in common.
#[derive(Debug)]
pub(super) struct Asking {
    headers: Sent,
    context: BTreeMap<String, String>,
    /// Whether the authorizer is told who was identified.
    identity: bool,
    names: MetadataNames,
}

/// Which request headers are sent.
#[derive(Debug)]
struct Sent {
    only: Vec<Glob>,
    never: Vec<Glob>,
}

impl Asking {
    /// `headers` are globs over names, a leading `!` excludes; no glob without one: all headers.
    pub(super) fn new(
        headers: &[String],
        context: &BTreeMap<String, String>,
        identity: bool,
        names: &MetadataNames,
    ) -> Self {
        let (mut only, mut never) = (Vec::new(), Vec::new());
        for text in headers {
            match text.strip_prefix('!') {
                Some(text) => never.push(Glob::new(text.to_ascii_lowercase())),
                None => only.push(Glob::new(text.to_ascii_lowercase())),
            }
        }
        Self { headers: Sent { only, never }, context: context.clone(), identity, names: names.clone() }
    }

    /// The question about a request.
    pub(super) fn of(&self, head: &Head<'_>, identity: Option<&Identity>) -> CheckRequest {
        let identity = identity.filter(|_| self.identity);
        let mut context = self.context.clone();
        context.insert("rpc".to_owned(), head.rpc.to_owned());
        if let Some(account) = head.account {
            context.insert("account".to_owned(), account.to_owned());
        }
        if let Some(known) = identity {
            context.insert("actor_id".to_owned(), known.actor_id.to_string());
            context.insert("actor_type".to_owned(), known.actor_type.to_string());
        }
        let request = Request { time: Some(SystemTime::now().into()), http: Some(self.http(head, identity)) };
        CheckRequest {
            attributes: Some(Attributes {
                source: Some(source(head.peer)),
                // The address that a request came in by is not known behind the listener.
                destination: Some(Peer::default()),
                request: Some(request),
                context_extensions: context,
            }),
        }
    }

    fn http(&self, head: &Head<'_>, identity: Option<&Identity>) -> HttpRequest {
        let authority = head.uri.authority().map(|authority| authority.as_str().into());
        let host = authority.or_else(|| head.headers.get(HOST).map(text)).unwrap_or_default();
        let path = head.uri.path_and_query().map_or("/", http::uri::PathAndQuery::as_str);
        let scheme = if head.peer.tls { "https" } else { "http" };
        let mut headers = self.plain(head.headers);
        for (name, value) in
            [(":authority", &*host), (":method", head.method.as_str()), (":path", path), (":scheme", scheme)]
        {
            if self.headers.holds(name) {
                headers.insert(name.to_owned(), value.to_owned());
            }
        }
        if let Some(known) = identity {
            headers.insert(self.names.actor_id.to_string(), known.actor_id.to_string());
            headers.insert(self.names.actor_type.to_string(), known.actor_type.to_string());
        }
        let id = head.headers.get(REQUEST_ID).map(text).unwrap_or_default();
        let size = head.headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
        HttpRequest {
            id: id.into_owned(),
            method: head.method.to_string(),
            headers,
            path: path.to_owned(),
            host: host.into_owned(),
            scheme: scheme.to_owned(),
            size: size.unwrap_or(-1),
            // HTTP/2 has the authority in its target, HTTP/1.1 in a header.
            protocol: if head.uri.authority().is_some() { "HTTP/2" } else { "HTTP/1.1" }.to_owned(),
        }
    }

    /// The headers by name, those of one name joined. Names by which the gateway tells of an identity are its own.
    fn plain(&self, headers: &HeaderMap) -> BTreeMap<String, String> {
        let own = [&self.names.actor_id, &self.names.actor_type];
        let mut found = BTreeMap::<String, String>::new();
        for (name, value) in headers {
            let bare = name.as_str().strip_prefix("grpc-metadata-").unwrap_or(name.as_str());
            if *name == HOST
                || own.iter().any(|own| is_alias(own.as_str(), bare))
                || !self.headers.holds(name.as_str())
            {
                continue;
            }
            match found.get_mut(name.as_str()) {
                Some(values) => {
                    values.push_str(if name.as_str() == "cookie" { "; " } else { "," });
                    values.push_str(&text(value));
                }
                None => drop(found.insert(name.to_string(), text(value).into_owned())),
            }
        }
        found
    }
}

impl Sent {
    fn holds(&self, name: &str) -> bool {
        let any = |globs: &[Glob]| globs.iter().any(|glob| glob.matches(name));
        (self.only.is_empty() || any(&self.only)) && !any(&self.never)
    }
}

fn source(peer: &metadata::Peer) -> Peer {
    let address = peer.address.map(|address| Address {
        socket_address: Some(SocketAddress {
            address: address.ip().to_canonical().to_string(),
            port_value: Some(u32::from(address.port())),
        }),
    });
    let certificate = peer.certificate.as_ref();
    let principal = certificate.map(principal).unwrap_or_default();
    Peer { address, principal }
}

/// As Envoy has it: a URI of the certificate, else a DNS name, else its subject.
fn principal(certificate: &metadata::ClientCertificate) -> String {
    let named = |kind: &str| certificate.names.iter().find_map(|name| name.strip_prefix(kind));
    named("URI:").or_else(|| named("DNS:")).unwrap_or(&certificate.subject).to_owned()
}

/// A value as text; what is not UTF-8 is `!`, as Envoy has it.
fn text(value: &HeaderValue) -> Cow<'_, str> {
    match String::from_utf8_lossy(value.as_bytes()) {
        Cow::Owned(lossy) => lossy.replace(char::REPLACEMENT_CHARACTER, "!").into(),
        text @ Cow::Borrowed(_) => text,
    }
}

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
