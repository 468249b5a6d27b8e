//! What `grpc.health.v1` says of a backend, answered over HTTP as grpc-gateway answers it: public, beside the routes,
//! for load balancers that ask the way clients go.
//!
//! Not for whether the gateway itself can serve: the admin listener tells that.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Instant;

use http::request::Parts;
use http::uri::PathAndQuery;
use http::{HeaderMap, Method, StatusCode};
use percent_encoding::percent_decode_str;
use prost::Message as _;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::{HealthCheckRequest, HealthCheckResponse};

use super::{Backend, HealthSettings, Snapshot};
use crate::metadata;
use crate::observe::CallRecord;
use crate::problem::{Place, Problem, Problems};
use crate::protocol::Answer;
use crate::route::{Miss, RouteTable};
use crate::status::{Code, Origin, Status};
use crate::upstream::{Call, Upstream};
use crate::wire::frame;

/// Where it is answered, and which backend is asked.
#[derive(Debug)]
pub(super) struct Health {
    path: Box<str>,
    upstream: Arc<Upstream>,
    upstream_name: Arc<str>,
}

const CHECK: &str = "/grpc.health.v1.Health/Check";

impl Health {
    /// Finds the backend that is asked, telling where there is none, and where a route is hidden.
    pub fn prepare(
        settings: &HealthSettings,
        upstreams: &[Option<Backend>],
        table: &RouteTable,
        problems: &mut Problems,
    ) -> Option<Self> {
        if table.find(&Method::GET, &settings.path).is_ok() {
            let what = format!("`{}` hides a route of the contract", settings.path);
            let help = "take a path that no binding matches";
            problems.push(Problem::warning(Place::item("health.path"), what).help(help));
        }
        let named = |backend: &&Backend| {
            settings.upstream.as_ref().is_none_or(|name| *name == backend.upstream.settings().name)
        };
        let Some(backend) = upstreams.iter().flatten().find(named) else {
            // One that could not be prepared was told already.
            if let Some(name) = settings.upstream.as_ref().filter(|_| upstreams.iter().all(Option::is_some)) {
                let what = format!("no upstream is named `{name}`");
                let help = "name one of `upstreams`, or leave it out: the first is asked";
                problems.push(Problem::error(Place::item("health.upstream"), what).help(help));
            }
            return None;
        };
        Some(Self {
            path: settings.path.as_str().into(),
            upstream: Arc::clone(&backend.upstream),
            upstream_name: backend.upstream.settings().name.as_str().into(),
        })
    }

    /// Whether a request asks for it.
    pub fn is_asked(&self, parts: &Parts) -> bool {
        self.stands_at(parts) && METHODS.contains(&parts.method)
    }

    fn stands_at(&self, parts: &Parts) -> bool {
        parts.uri.path() == &*self.path
    }

    /// A miss of the route table at this path, which knows two methods.
    pub fn widen(&self, miss: Miss, parts: &Parts) -> Miss {
        match miss {
            Miss::NotFound if self.stands_at(parts) => Miss::MethodNotAllowed(METHODS.to_vec().into()),
            Miss::MethodNotAllowed(mut methods) if self.stands_at(parts) => {
                methods.methods.retain(|method| !METHODS.contains(method));
                methods.methods.extend(METHODS);
                Miss::MethodNotAllowed(methods)
            }
            miss => miss,
        }
    }

    /// Asks the backend.
    async fn ask(&self, parts: &Parts, record: &mut CallRecord) -> Result<(), Status> {
        let question = HealthCheckRequest { service: service(parts.uri.query())?.into_owned() };
        let wish = metadata::timeout(&parts.headers)?;
        let call = Call {
            path: PathAndQuery::from_static(CHECK),
            metadata: metadata::correlation(&parts.headers),
            frame: frame::encoded(&question),
            timeout: self.upstream.settings().deadlines.of(wish),
        };
        record.upstream = Some(Arc::clone(&self.upstream_name));
        let sent = Instant::now();
        let reply = self.upstream.unary(call).await;
        record.upstream_time = Some(sent.elapsed());
        let said = HealthCheckResponse::decode(reply.outcome?).map_err(|_| unreadable())?;
        match said.status() {
            ServingStatus::Serving => Ok(()),
            ServingStatus::ServiceUnknown => {
                Err(Status::new(Code::NotFound, "the service is unknown", Origin::Upstream))
            }
            _ => Err(Status::new(Code::Unavailable, "the service is not serving", Origin::Upstream)),
        }
    }
}

impl Snapshot {
    /// The answer to who asks for the health of a backend.
    pub(super) async fn tell(&self, health: &Health, parts: &Parts, record: &mut CallRecord) -> Answer {
        match health.ask(parts, record).await {
            Ok(()) => Answer {
                status: StatusCode::OK,
                headers: HeaderMap::new(),
                body: br#"{"status":"SERVING"}"#.to_vec().into(),
                trailers: HeaderMap::new(),
            },
            Err(status) => Self::error(&status, HeaderMap::new(), &self.common(), &parts.headers, record),
        }
    }
}

/// The service that is asked about, `?service=`; none: the server as a whole.
fn service(query: Option<&str>) -> Result<Cow<'_, str>, Status> {
    let mut pairs = query.unwrap_or_default().split('&');
    let value = pairs.find_map(|pair| pair.strip_prefix("service=")).unwrap_or_default();
    percent_decode_str(value).decode_utf8().map_err(|_| Status::invalid("`service` is not UTF-8"))
}

fn unreadable() -> Status {
    Status::new(Code::Internal, "the backend's answer cannot be read", Origin::Upstream)
        .with_http(StatusCode::BAD_GATEWAY)
}

const METHODS: [Method; 2] = [Method::GET, Method::HEAD];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_service_is_the_first_of_the_query() {
        for (query, expected) in [
            (None, Some("")),
            (Some(""), Some("")),
            (Some("service=a.B"), Some("a.B")),
            (Some("x=1&service=a%2eB&service=c"), Some("a.B")),
            (Some("services=a"), Some("")),
            (Some("service=%ff"), None),
        ] {
            assert_eq!(service(query).ok().as_deref(), expected, "{query:?}");
        }
    }
}
