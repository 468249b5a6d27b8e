//! Clients that stop reading their streams: each holds its own window, and nobody else notices.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::streams::send_when_wanted;
use super::*;

const STALLED: usize = 64;
const WINDOW: u32 = 64 << 10;

/// Sends small messages, of 1 to 20 bytes, for as long as somebody wants them; echoes unary calls.
async fn chatter(request: Request<RecvStream>, mut respond: SendResponse<Bytes>, sent: Arc<AtomicUsize>) {
    if !request.uri().path().ends_with("Stream") {
        return echo(request, respond).await;
    }
    let _request = request.into_body();
    let mut answer = respond.send_response(grpc(), false).expect("a head");
    for len in (1..=20usize).cycle() {
        let frame = framed(&[b'.'; 20][..len]);
        let size = frame.len();
        if !send_when_wanted(&mut answer, frame).await {
            return;
        }
        sent.fetch_add(size, Ordering::SeqCst);
    }
}

/// Calls and reads without pause; every call must be answered, every message come in order.
async fn healthy(upstream: Arc<Upstream>, rounds: Arc<AtomicUsize>) {
    let (_sending, mut receiving) = open(&upstream, None).await;
    let mut messages = 0;
    loop {
        assert_eq!(message(&soon(upstream.unary(call(b"fast"))).await), b"fast");
        for _ in 0..50 {
            let message = soon(receiving.message()).await.expect("the stream goes on");
            assert_eq!(message.len(), messages % 20 + 1);
            messages += 1;
        }
        rounds.fetch_add(1, Ordering::SeqCst);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_stalled_streams_of_small_messages_harm_nobody() {
    let counts: Arc<[Arc<AtomicUsize>]> = (0..STALLED + 2).map(|_| Arc::default()).collect();
    let (next, connections) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let (each, opened) = (Arc::clone(&counts), Arc::clone(&connections));
    let server = Server::sockets(move |socket| {
        opened.fetch_add(1, Ordering::SeqCst);
        let (each, next) = (Arc::clone(&each), Arc::clone(&next));
        each_call(socket, move |request: Request<RecvStream>, respond| {
            let streams = usize::from(request.uri().path().ends_with("Stream"));
            let number = next.fetch_add(streams, Ordering::SeqCst);
            chatter(request, respond, Arc::clone(&each[number]))
        })
    })
    .await;
    let upstream = Arc::new(prepare(Settings { stream_window: WINDOW, ..settings(&server.url()) }));

    let mut stalled = Vec::new();
    for _ in 0..STALLED {
        let mut call = open(&upstream, None).await;
        assert!(soon(call.1.message()).await.is_some(), "it begins");
        stalled.push(call);
    }
    let rounds = Arc::new(AtomicUsize::new(0));
    let others = tokio::spawn(healthy(Arc::clone(&upstream), Arc::clone(&rounds)));
    let window = usize::try_from(WINDOW).expect("it fits");
    let full = || counts[..STALLED].iter().all(|sent| sent.load(Ordering::SeqCst) + 25 > window);
    let end = Instant::now() + Duration::from_mins(1);
    // And on for a while once all of them stand still.
    let mut enough = usize::MAX;
    while rounds.load(Ordering::SeqCst) < enough {
        assert!(!others.is_finished(), "the others are not served");
        assert!(Instant::now() < end, "the windows do not fill");
        if enough == usize::MAX && full() {
            enough = rounds.load(Ordering::SeqCst) + 300;
        }
        sleep(Duration::from_millis(5)).await;
    }
    others.abort();
    for sent in &counts[..STALLED] {
        // The first message was read, and its room given back at most.
        assert!(sent.load(Ordering::SeqCst) <= window + 50, "{sent:?} bytes");
    }
    assert_eq!(connections.load(Ordering::SeqCst), 2, "a connection was closed over it");

    // Who reads on gets all that was held, in order, and more.
    let (_sending, receiving) = &mut stalled[0];
    for number in 1..10_000usize {
        let message = soon(receiving.message()).await.expect("it goes on");
        assert_eq!(message.len(), number % 20 + 1);
    }
}
