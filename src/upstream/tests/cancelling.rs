//! Clients that go away: the backend hears of it, and nobody else suffers.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use tokio::sync::{mpsc, oneshot};

use super::*;
use crate::upstream::cancel::LONGEST;

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

/// What a server with h2's own limits (which hyper and tonic keep) sees.
#[derive(Default)]
struct Seen {
    connections: AtomicUsize,
    slow: AtomicUsize,
    cancelled: AtomicUsize,
    frozen: AtomicBool,
}

/// A server on a thread of its own, which can be frozen.
struct Backend {
    url: String,
    seen: Arc<Seen>,
    _stop: oneshot::Sender<()>,
}

impl Backend {
    fn start() -> Self {
        let seen = Arc::new(Seen::default());
        let (told, listening) = std::sync::mpsc::channel();
        let (stop, stopped) = oneshot::channel::<()>();
        let shared = Arc::clone(&seen);
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.expect("a runtime").block_on(async move {
                let server = Server::sockets(move |socket| {
                    let seen = Arc::clone(&shared);
                    seen.connections.fetch_add(1, Ordering::SeqCst);
                    each_call(socket, move |request, respond| serve(request, respond, Arc::clone(&seen)))
                })
                .await;
                told.send(server.url()).expect("the test listens");
                let _ = stopped.await;
            });
        });
        Self { url: listening.recv().expect("a url"), seen, _stop: stop }
    }
}

/// Answers `fast` at once, never answers `slow`, and does nothing at all while `freeze` is answered.
async fn serve(request: Request<RecvStream>, mut respond: SendResponse<Bytes>, seen: Arc<Seen>) {
    let body = whole(request.into_body()).await;
    if body.ends_with(b"slow") {
        seen.slow.fetch_add(1, Ordering::SeqCst);
        let _ = std::future::poll_fn(|cx| respond.poll_reset(cx)).await;
        seen.cancelled.fetch_add(1, Ordering::SeqCst);
    } else if body.ends_with(b"freeze") {
        seen.frozen.store(true, Ordering::SeqCst);
        while seen.frozen.load(Ordering::SeqCst) {
            std::thread::yield_now();
        }
    }
    answer_ok(&mut respond, b"fast");
}

/// Calls without pause; every call must be answered.
async fn innocent(upstream: Arc<Upstream>, answered: Arc<AtomicUsize>) {
    loop {
        let reply = soon(upstream.unary(call(b"fast"))).await;
        assert_eq!(message(&reply), b"fast");
        answered.fetch_add(1, Ordering::SeqCst);
    }
}

/// Clients make calls that are never answered.
fn crowd(upstream: &Arc<Upstream>, size: usize) -> Vec<JoinHandle<Reply>> {
    let clients = (0..size).map(|_| {
        let upstream = Arc::clone(upstream);
        tokio::spawn(async move { upstream.unary(call(b"slow")).await })
    });
    clients.collect()
}

/// How many streams are open.
fn active(upstream: &Upstream) -> usize {
    let view = upstream.calls.pool.view.borrow();
    view.ready.iter().map(|connection| connection.gauge.active.load(Ordering::SeqCst)).sum()
}

/// A steady innocent client beside a storm, which `storm` makes.
async fn stands(storm: impl AsyncFnOnce(&Arc<Upstream>, &Seen)) {
    let backend = Backend::start();
    let seen = &backend.seen;
    let upstream = Arc::new(prepare(Settings { connections: 2, ..settings(&backend.url) }));
    until("connected", || upstream.calls.pool.view.borrow().ready.len() == 2).await;
    let answered = Arc::new(AtomicUsize::new(0));
    let bystander = tokio::spawn(innocent(Arc::clone(&upstream), Arc::clone(&answered)));
    until("the innocent client is served", || answered.load(Ordering::SeqCst) > 0).await;
    storm(&upstream, seen).await;
    until("many are cancelled soon", || seen.cancelled.load(Ordering::SeqCst) >= 60).await;
    let before = answered.load(Ordering::SeqCst);
    until("the innocent client is served on", || {
        answered.load(Ordering::SeqCst) > before + 500 || bystander.is_finished()
    })
    .await;
    assert!(!bystander.is_finished(), "the innocent client saw a failure");
    assert_eq!(seen.connections.load(Ordering::SeqCst), 2, "a connection was closed over it");
    bystander.abort();
}

#[tokio::test]
async fn a_storm_of_disconnects_harms_no_one_else() {
    stands(async |upstream, seen| {
        let clients = crowd(upstream, 256);
        until("all at work", || seen.slow.load(Ordering::SeqCst) == 256).await;
        clients.iter().for_each(JoinHandle::abort);
    })
    .await;
}

#[tokio::test]
async fn a_storm_while_the_backend_is_frozen_harms_no_one_either() {
    stands(async |upstream, seen| {
        let freezing = Arc::clone(upstream);
        let freezing = tokio::spawn(async move { freezing.unary(call(b"freeze")).await });
        until("frozen", || seen.frozen.load(Ordering::SeqCst)).await;
        // Calls and resets pile up unseen, and are then found together.
        let clients = crowd(upstream, 256);
        until("all sent", || active(upstream) > 256).await;
        clients.iter().for_each(JoinHandle::abort);
        until("all gone", || clients.iter().all(JoinHandle::is_finished)).await;
        // The time that the resets get to be written.
        sleep(Duration::from_millis(50)).await;
        seen.frozen.store(false, Ordering::SeqCst);
        assert_eq!(message(&soon(freezing).await.expect("an answer")), b"fast");
    })
    .await;
}

#[tokio::test]
async fn a_call_that_was_given_up_keeps_its_stream_for_a_bounded_time() {
    const CROWD: usize = 600;
    let backend = Backend::start();
    let upstream = Arc::new(upstream(&backend.url));
    let clients = crowd(&upstream, CROWD);
    until("all at work", || backend.seen.slow.load(Ordering::SeqCst) == CROWD).await;
    let gone = Instant::now();
    clients.iter().for_each(JoinHandle::abort);
    until("all streams given back", || active(&upstream) == 0).await;
    let took = gone.elapsed();
    // At the pace alone it would be half a minute.
    assert!(took > LONGEST / 2 && took < LONGEST + Duration::from_secs(3), "{took:?}");
    until("all are cancelled", || backend.seen.cancelled.load(Ordering::SeqCst) == CROWD).await;
    assert_eq!(message(&soon(upstream.unary(call(b"fast"))).await), b"fast");
    assert_eq!(backend.seen.connections.load(Ordering::SeqCst), 1, "the connection was closed over it");
}
