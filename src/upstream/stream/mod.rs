//! Streaming calls: opened here, then sent and received message by message, at the pace of whoever is slower. Not
//! for unary calls (`unary`), whose connections these do not share.
//!
//! A call has two halves that may live in different tasks: [`Sending`] and [`Receiving`]. What they share is their
//! [`Line`](line::Line): one of them may have to end the other.

mod line;
mod receiving;
mod sending;

use std::future::poll_fn;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use h2::SendStream;
use h2::client::ResponseFuture;
use http::uri::PathAndQuery;
use http::{HeaderMap, Request};
use tokio::time::{Instant, timeout_at};

use self::line::Line;
use super::fault;
use super::pool::{Lease, Pool};
use super::request::{self, Addressee, REPLAYS};
use crate::status::Status;
pub use receiving::{End, Receiving};
pub use sending::{Gone, Sending};

/// A streaming call ready to be opened.
#[derive(Debug)]
pub struct Opening {
    /// `/pkg.Service/Method`.
    pub path: PathAndQuery,
    /// Metadata only; the gRPC headers (`te`, `content-type`, `grpc-timeout`) are added here.
    pub metadata: HeaderMap,
    /// How long the whole call may take; `None`: as long as it takes.
    pub timeout: Option<Duration>,
}

/// What every streaming call to one upstream has in common.
#[derive(Debug)]
pub(super) struct Streams {
    /// Whom they go to.
    pub(super) addressee: Addressee,
    /// The connections.
    pub(super) pool: Arc<Pool>,
    /// The largest request message in bytes.
    pub(super) largest_request: usize,
    /// The largest answer message in bytes.
    pub(super) largest_answer: usize,
}

impl Streams {
    /// Opens a call, within its timeout if there is one.
    pub(super) async fn open(&self, opening: Opening) -> Result<(Sending, Receiving), Status> {
        let timeout = opening.timeout;
        let Some(deadline) = timeout.and_then(|timeout| Instant::now().checked_add(timeout)) else {
            return self.attempts(opening, None).await;
        };
        if timeout.is_some_and(|timeout| timeout.is_zero()) {
            return Err(Status::deadline_exceeded());
        }
        let opened = timeout_at(deadline, self.attempts(opening, Some(deadline))).await;
        opened.unwrap_or_else(|_| Err(Status::deadline_exceeded()))
    }

    /// Tries connections until one takes the call. Once a connection has, nothing is sent again: the backend may
    /// have looked at the first messages.
    async fn attempts(
        &self,
        mut opening: Opening,
        deadline: Option<Instant>,
    ) -> Result<(Sending, Receiving), Status> {
        request::prepare(&mut opening.metadata);
        let mut replays = 0;
        loop {
            let lease = self.pool.lease().await?;
            let request = self.addressee.request(&opening.path, &mut opening.metadata, deadline)?;
            match begin(&lease, request).await {
                Ok((response, outgoing)) => {
                    let line = Arc::new(Line::new(outgoing, lease));
                    let sending = Sending::new(Arc::clone(&line), self.largest_request);
                    return Ok((sending, Receiving::new(line, response, self.largest_answer, deadline)));
                }
                Err(error) if replays >= REPLAYS => return Err(fault::status(&error)),
                Err(_) => replays += 1,
            }
        }
    }
}

/// Opens a stream on a leased connection. Fails when it takes no new streams: nothing was sent.
async fn begin(
    lease: &Lease,
    request: Request<()>,
) -> Result<(ResponseFuture, SendStream<Bytes>), h2::Error> {
    let mut sender = lease.connection.sender.clone();
    if let Err(error) = poll_fn(|cx| sender.poll_ready(cx)).await {
        lease.connection.gauge.retire();
        return Err(error);
    }
    sender.send_request(request, false)
}
