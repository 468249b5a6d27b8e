//! A unary call: sent with its deadline, sent again where the backend did not look at it, read into a
//! [`Reply`]. Not for connections (`pool`) and not for reading answers (`answer`).

use http::header::{CONTENT_TYPE, TE, USER_AGENT};
use http::uri::{Authority, Parts, Scheme};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Uri, Version};
use std::sync::Arc;
use tokio::time::{Instant, timeout_at};

use super::exchange::Exchange;
use super::pool::Pool;
use super::{Call, Reply, answer, deadline, fault};
use crate::status::{Code, Origin, Status};

/// What every call to one upstream has in common.
#[derive(Debug)]
pub(super) struct Calls {
    /// `:scheme`.
    pub(super) scheme: Scheme,
    /// `:authority`.
    pub(super) authority: Authority,
    /// The connections.
    pub(super) pool: Arc<Pool>,
    /// The largest answer message in bytes.
    pub(super) limit: usize,
}

impl Calls {
    /// Sends a call and reads its answer, within its timeout if there is one.
    pub(super) async fn unary(&self, call: Call) -> Reply {
        let timeout = call.timeout;
        let Some(deadline) = timeout.and_then(|timeout| Instant::now().checked_add(timeout)) else {
            return self.attempts(call, None).await;
        };
        if timeout.is_some_and(|timeout| timeout.is_zero()) {
            return Reply::failed(Status::deadline_exceeded());
        }
        let reply = timeout_at(deadline, self.attempts(call, Some(deadline))).await;
        let mut reply = reply.unwrap_or_else(|_| Reply::failed(Status::deadline_exceeded()));
        if let Err(status) = &mut reply.outcome
            && status.code == Code::Cancelled
            && Instant::now() >= deadline
        {
            // The backend keeps the same deadline, and may be the first to notice.
            *status = Status::deadline_exceeded();
        }
        reply
    }

    /// Sends the call until the backend looks at it, or has refused to too often.
    async fn attempts(&self, mut call: Call, deadline: Option<Instant>) -> Reply {
        answer::strip(&mut call.metadata);
        add_constant(&mut call.metadata);
        let mut replays = 0;
        loop {
            let lease = match self.pool.lease().await {
                Ok(lease) => lease,
                Err(status) => return Reply::failed(status),
            };
            let request = match self.request(&mut call, deadline) {
                Ok(request) => request,
                Err(status) => return Reply::failed(status),
            };
            let mut exchange = match Exchange::open(lease, request, call.frame.clone()).await {
                Ok(exchange) => exchange,
                Err(error) if replays >= REPLAYS => return Reply::failed(fault::status(&error)),
                Err(_) => {
                    replays += 1;
                    continue;
                }
            };
            match exchange.head().await {
                Ok(head) => return answer::read(head, exchange, self.limit).await,
                Err(error) if replays < REPLAYS && fault::unprocessed(&error) => replays += 1,
                Err(error) => return Reply::failed(fault::status(&error)),
            }
        }
    }

    fn request(&self, call: &mut Call, deadline: Option<Instant>) -> Result<Request<()>, Status> {
        let mut parts = Parts::default();
        parts.scheme = Some(self.scheme.clone());
        parts.authority = Some(self.authority.clone());
        parts.path_and_query = Some(call.path.clone());
        let uri = Uri::from_parts(parts)
            .map_err(|_| Status::new(Code::Internal, "the method's path cannot be sent", Origin::Gateway))?;
        let mut request = Request::new(());
        *request.method_mut() = Method::POST;
        *request.version_mut() = Version::HTTP_2;
        *request.uri_mut() = uri;
        let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
        if let Some(timeout) = left.and_then(deadline::header) {
            call.metadata.insert(GRPC_TIMEOUT, timeout);
        }
        // Any call may have to be sent again, and HTTP/2 keeps what it is given: so it gets a copy, made when all
        // headers are in, so that it is made at its full size.
        *request.headers_mut() = call.metadata.clone();
        Ok(request)
    }
}

impl Reply {
    /// A call that never got an answer.
    #[must_use]
    pub fn failed(status: Status) -> Self {
        Self { metadata: HeaderMap::new(), trailers: HeaderMap::new(), outcome: Err(status) }
    }
}

/// Adds gRPC's own headers, less the timeout, which is another at each attempt.
fn add_constant(headers: &mut HeaderMap) {
    headers.insert(TE, HeaderValue::from_static("trailers"));
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
    headers.insert(GRPC_ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    headers.insert(USER_AGENT, HeaderValue::from_static(AGENT));
}

/// How often a call is sent again that the backend did not look at.
const REPLAYS: usize = 2;

const AGENT: &str = concat!("transom/", env!("CARGO_PKG_VERSION"));
const GRPC_ACCEPT_ENCODING: HeaderName = HeaderName::from_static("grpc-accept-encoding");
const GRPC_TIMEOUT: HeaderName = HeaderName::from_static("grpc-timeout");
