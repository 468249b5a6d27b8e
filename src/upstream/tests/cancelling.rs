//! Clients that go away: the backend hears of it, and nobody else suffers.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use http_body_util::{BodyExt, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::sync::mpsc;

use super::*;

#[tokio::test]
async fn a_dropped_call_is_cancelled_at_the_backend_within_a_second() {
    let (events, mut seen) = mpsc::channel(4);
    let server = Server::calls(move |request, mut respond| {
        let events = events.clone();
        async move {
            whole(request.into_body()).await;
            events.send(None).await.expect("the test listens");
            let reason = std::future::poll_fn(|cx| respond.poll_reset(cx)).await;
            events.send(reason.ok()).await.expect("the test listens");
        }
    })
    .await;
    let upstream = Arc::new(upstream(&server.url()));
    let waiting = tokio::spawn({
        let upstream = Arc::clone(&upstream);
        async move { upstream.unary(call(b"x")).await }
    });
    assert_eq!(soon(seen.recv()).await, Some(None), "the call arrives");
    waiting.abort();
    let heard = timeout(Duration::from_secs(1), seen.recv()).await.expect("within a second");
    assert_eq!(heard, Some(Some(h2::Reason::CANCEL)));
}

/// Counts what a server with the default limits of hyper (and so of tonic) sees.
#[derive(Default)]
struct Seen {
    connections: AtomicUsize,
    slow: AtomicUsize,
    cancelled: AtomicUsize,
}

/// Counts itself as cancelled unless it was told otherwise.
struct Running(Arc<Seen>);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.cancelled.fetch_add(1, Ordering::SeqCst);
    }
}

type Answer =
    Response<StreamBody<futures_util::stream::Iter<std::vec::IntoIter<Result<Frame<Bytes>, Infallible>>>>>;

/// Answers `fast` at once and never answers `slow`.
async fn fast_or_never(request: Request<Incoming>, seen: Arc<Seen>) -> Result<Answer, Infallible> {
    let body =
        request.into_body().collect().await.map(http_body_util::Collected::to_bytes).unwrap_or_default();
    if body.ends_with(b"slow") {
        seen.slow.fetch_add(1, Ordering::SeqCst);
        let _running = Running(seen);
        std::future::pending::<()>().await;
    }
    let frames =
        vec![Ok(Frame::data(framed(b"fast"))), Ok(Frame::trailers(header_map(&[("grpc-status", "0")])))];
    let mut response = Response::new(StreamBody::new(futures_util::stream::iter(frames)));
    *response.headers_mut() = header_map(&[("content-type", "application/grpc")]);
    Ok(response)
}

async fn hyper_server(seen: &Arc<Seen>) -> Server {
    let seen = Arc::clone(seen);
    Server::sockets(move |socket| {
        let seen = Arc::clone(&seen);
        async move {
            seen.connections.fetch_add(1, Ordering::SeqCst);
            let service = service_fn(move |request| fast_or_never(request, Arc::clone(&seen)));
            let builder = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
            let _ = builder.serve_connection(TokioIo::new(socket), service).await;
        }
    })
    .await
}

/// Calls without pause until told to stop; every call must be answered.
async fn innocent(upstream: Arc<Upstream>, stop: Arc<AtomicBool>) -> usize {
    let mut answered = 0;
    while !stop.load(Ordering::SeqCst) {
        let reply = soon(upstream.unary(call(b"fast"))).await;
        assert_eq!(message(&reply), b"fast", "after {answered} calls");
        answered += 1;
    }
    answered
}

/// 256 clients call, and all leave at once: `wait` says whether the backend has seen their calls by then.
async fn storm(upstream: &Arc<Upstream>, seen: &Arc<Seen>, wait: bool) {
    let before = seen.slow.load(Ordering::SeqCst);
    let clients: Vec<_> = (0..256)
        .map(|_| {
            let upstream = Arc::clone(upstream);
            tokio::spawn(async move { upstream.unary(call(b"slow")).await })
        })
        .collect();
    if wait {
        // More than half are under way; the rest may be waiting for a stream.
        until("calls under way", || seen.slow.load(Ordering::SeqCst) >= before + 128).await;
    } else {
        tokio::task::yield_now().await;
    }
    clients.iter().for_each(JoinHandle::abort);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_storm_of_disconnects_harms_no_one_else() {
    let seen = Arc::new(Seen::default());
    let server = hyper_server(&seen).await;
    let upstream = Arc::new(prepare(Settings { connections: 2, ..settings(&server.url()) }));
    let stop = Arc::new(AtomicBool::new(false));
    let bystander = tokio::spawn(innocent(Arc::clone(&upstream), Arc::clone(&stop)));
    until("connected", || upstream.calls.pool.view.borrow().ready.len() == 2).await;
    storm(&upstream, &seen, true).await;
    for _ in 0..3 {
        storm(&upstream, &seen, false).await;
    }
    until("some are cancelled soon", || seen.cancelled.load(Ordering::SeqCst) >= 40).await;
    stop.store(true, Ordering::SeqCst);
    let answered = bystander.await.expect("the innocent client sees no failure");
    assert!(answered > 100, "the innocent client was served all along: {answered}");
    assert_eq!(seen.connections.load(Ordering::SeqCst), 2, "no connection was closed over it");
}
