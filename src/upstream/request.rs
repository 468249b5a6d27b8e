//! How every call begins: the pseudo-headers of its upstream, gRPC's own headers, the time that is left. Not for
//! what a client sends as metadata ([`metadata`](crate::metadata)).

use http::header::{CONTENT_TYPE, TE, USER_AGENT};
use http::uri::{Authority, Parts, PathAndQuery, Scheme};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Uri, Version};
use tokio::time::Instant;

use super::{answer, deadline};
use crate::status::{Code, Origin, Status};

/// Whom the calls of one upstream are addressed to.
#[derive(Debug, Clone)]
pub(super) struct Addressee {
    /// `:scheme`.
    pub(super) scheme: Scheme,
    /// `:authority`.
    pub(super) authority: Authority,
}

impl Addressee {
    /// The request of one attempt; `metadata` is [`prepared`](prepare).
    pub(super) fn request(
        &self,
        path: &PathAndQuery,
        metadata: &mut HeaderMap,
        deadline: Option<Instant>,
    ) -> Result<Request<()>, Status> {
        let mut parts = Parts::default();
        parts.scheme = Some(self.scheme.clone());
        parts.authority = Some(self.authority.clone());
        parts.path_and_query = Some(path.clone());
        let uri = Uri::from_parts(parts)
            .map_err(|_| Status::new(Code::Internal, "the method's path cannot be sent", Origin::Gateway))?;
        let mut request = Request::new(());
        *request.method_mut() = Method::POST;
        *request.version_mut() = Version::HTTP_2;
        *request.uri_mut() = uri;
        let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
        if let Some(mut timeout) = left.and_then(deadline::header) {
            timeout.set_sensitive(true);
            metadata.insert(GRPC_TIMEOUT, timeout);
        }
        // Any call may have to be sent again, and HTTP/2 keeps what it is given: so it gets a copy, made when all
        // headers are in, so that it is made at its full size.
        *request.headers_mut() = metadata.clone();
        Ok(request)
    }
}

/// Makes a call's metadata that of a gRPC request, less the timeout, which is another at each attempt.
pub(super) fn prepare(metadata: &mut HeaderMap) {
    answer::strip(metadata);
    for (name, value) in metadata.iter_mut() {
        if PASSING.contains(&name.as_str()) {
            value.set_sensitive(true);
        }
    }
    metadata.insert(TE, HeaderValue::from_static("trailers"));
    metadata.insert(CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
    metadata.insert(GRPC_ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    metadata.insert(USER_AGENT, HeaderValue::from_static(AGENT));
}

/// What is another at each call, which HPACK must not remember (RFC 7541, 7.1.3): it would push what every call says
/// out of its table, and h2 compares a value with all that it remembers of its name.
const PASSING: [&str; 4] = ["x-request-id", "traceparent", "tracestate", "baggage"];

/// How often a call is sent again that the backend did not look at.
pub(super) const REPLAYS: usize = 2;

const AGENT: &str = concat!("transom/", env!("CARGO_PKG_VERSION"));
const GRPC_ACCEPT_ENCODING: HeaderName = HeaderName::from_static("grpc-accept-encoding");
const GRPC_TIMEOUT: HeaderName = HeaderName::from_static("grpc-timeout");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_another_at_each_call_is_never_indexed() {
        let names = ["x-request-id", "x-other", "traceparent", "baggage", "tracestate"];
        let mut metadata: HeaderMap = names
            .map(|name| (HeaderName::from_static(name), HeaderValue::from_static("1")))
            .into_iter()
            .collect();
        prepare(&mut metadata);
        let addressee = Addressee { scheme: Scheme::HTTP, authority: Authority::from_static("a") };
        let path = PathAndQuery::from_static("/p.S/M");
        let deadline = Instant::now() + std::time::Duration::from_mins(1);
        let request = addressee.request(&path, &mut metadata, Some(deadline)).expect("a request");
        let passing = request.headers().iter().filter(|(_, value)| value.is_sensitive());
        let mut passing: Vec<_> = passing.map(|(name, _)| name.as_str()).collect();
        passing.sort_unstable();
        assert_eq!(passing, ["baggage", "grpc-timeout", "traceparent", "tracestate", "x-request-id"]);
    }
}
