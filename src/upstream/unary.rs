//! A unary call: sent with its deadline, sent again where the backend did not look at it, read into a
//! [`Reply`]. Not for connections (`pool`) and not for reading answers (`answer`).

use std::sync::Arc;

use http::HeaderMap;
use tokio::time::{Instant, timeout_at};

use super::exchange::Exchange;
use super::pool::Pool;
use super::request::{self, Addressee, REPLAYS};
use super::{Call, Reply, answer, fault};
use crate::status::{Code, Status};

/// What every call to one upstream has in common.
#[derive(Debug)]
pub(super) struct Calls {
    /// Whom they go to.
    pub(super) addressee: Addressee,
    /// The connections.
    pub(super) pool: Arc<Pool>,
    /// The largest answer message in bytes.
    pub(super) limit: usize,
}

impl Calls {
    /// Sends a call and reads its answer, within its timeout if there is one.
    pub(super) async fn unary(&self, call: &mut Call) -> Reply {
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
    async fn attempts(&self, call: &mut Call, deadline: Option<Instant>) -> Reply {
        request::prepare(&mut call.metadata);
        let mut replays = 0;
        loop {
            let lease = match self.pool.lease().await {
                Ok(lease) => lease,
                Err(status) => return Reply::failed(status),
            };
            let request = match self.addressee.request(&call.path, &mut call.metadata, deadline) {
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
}

impl Reply {
    /// A call that never got an answer.
    #[must_use]
    pub fn failed(status: Status) -> Self {
        Self { metadata: HeaderMap::new(), trailers: HeaderMap::new(), outcome: Err(status) }
    }
}
