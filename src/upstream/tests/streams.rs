//! Calls whose messages are sent and received one by one.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::{Notify, mpsc};

use super::*;
use crate::status::{Code, Origin};

/// Echoes every chunk as it comes, then ends with `OK`.
async fn mirror(request: Request<RecvStream>, mut respond: SendResponse<Bytes>) {
    let mut body = request.into_body();
    let Ok(mut answer) = respond.send_response(head(), false) else { return };
    while let Some(Ok(chunk)) = body.data().await {
        let _ = body.flow_control().release_capacity(chunk.len());
        // The end of a request is an empty frame, of which h2 bears few that end nothing.
        if !chunk.is_empty() {
            let _ = answer.send_data(chunk, false);
        }
    }
    let _ = answer.send_trailers(header_map(&[("grpc-status", "0"), ("x-tail", "2")]));
}

fn head() -> Response<()> {
    let mut head = grpc();
    head.headers_mut().insert("x-head", http::HeaderValue::from_static("1"));
    head
}

fn status_of(end: &End) -> &Status {
    end.outcome.as_ref().expect_err("a status")
}

#[tokio::test]
async fn messages_pass_both_ways_in_order_while_both_halves_are_open() {
    let server = Server::calls(mirror).await;
    let upstream = upstream(&server.url());
    let (mut sending, mut receiving) = open(&upstream, None).await;
    let metadata = soon(receiving.head()).await.expect("a head");
    assert_eq!(metadata, header_map(&[("x-head", "1")]), "before any message, without reserved names");
    for number in 0..100u32 {
        let sent = number.to_be_bytes();
        soon(sending.send(framed(&sent))).await.expect("taken");
        assert_eq!(soon(receiving.message()).await.expect("a message"), sent[..]);
    }
    soon(sending.send([framed(b"a"), framed(b""), framed(b"c")].concat().into())).await.expect("taken");
    sending.finish();
    let (messages, end) = rest(&mut receiving).await;
    assert_eq!(messages, [&b"a"[..], b"", b"c"]);
    assert_eq!(end.metadata, header_map(&[("x-tail", "2")]));
    assert!(end.outcome.is_ok());
    assert!(soon(receiving.message()).await.is_none(), "the end stays the end");
}

#[tokio::test]
async fn what_a_call_is_opened_with_reaches_the_backend() {
    let (told, mut heard) = mpsc::channel(1);
    let server = Server::calls(move |request, respond| {
        let told = told.clone();
        async move {
            let _ = told.send((request.uri().path().to_owned(), request.headers().clone())).await;
            mirror(request, respond).await;
        }
    })
    .await;
    let upstream = upstream(&server.url());
    let metadata = header_map(&[("x-mine", "1"), ("grpc-timeout", "1H"), ("te", "x")]);
    let path = PathAndQuery::from_static("/pkg.Service/Stream");
    let opening = Opening { path, metadata, timeout: Some(Duration::from_secs(9)) };
    let (sending, mut receiving) = soon(upstream.open(opening)).await.expect("it opens");
    sending.finish();
    assert!(rest(&mut receiving).await.1.outcome.is_ok());
    let (path, headers) = heard.recv().await.expect("a call");
    assert_eq!((path.as_str(), &headers["x-mine"]), ("/pkg.Service/Stream", &http::HeaderValue::from(1)));
    assert_eq!(
        (&headers["te"], &headers["content-type"]),
        (&"trailers".parse().unwrap(), &"application/grpc".parse().unwrap())
    );
    let timeout = headers["grpc-timeout"].to_str().expect("text");
    assert!(timeout.starts_with('8') && timeout.ends_with('u'), "{timeout}");
}

/// What a scripted backend sends at once, without reading the request.
type Part = Result<Bytes, h2::Reason>;

/// Opens a call, finishes the request, and receives all.
async fn answered(
    head: &'static [(&'static str, &'static str)],
    parts: Vec<Part>,
    trailers: Option<&'static [(&'static str, &'static str)]>,
) -> (Result<HeaderMap, End>, Vec<Bytes>, End) {
    let server = Server::calls(move |request: Request<RecvStream>, mut respond: SendResponse<Bytes>| {
        let parts = parts.clone();
        async move {
            whole(request.into_body()).await;
            let mut response = Response::new(());
            *response.headers_mut() = header_map(head);
            let only = parts.is_empty() && trailers.is_none();
            let mut body = respond.send_response(response, only).expect("a head");
            for part in parts {
                match part {
                    Ok(chunk) => body.send_data(chunk, false).expect("a chunk"),
                    Err(reason) => {
                        // A reset throws away what was not written yet.
                        sleep(Duration::from_millis(50)).await;
                        return body.send_reset(reason);
                    }
                }
            }
            match trailers {
                Some(trailers) => body.send_trailers(header_map(trailers)).expect("trailers"),
                None if only => {}
                None => body.send_data(Bytes::new(), true).expect("an end"),
            }
        }
    })
    .await;
    let mut settings = settings(&server.url());
    settings.max_response_message = 1024;
    let upstream = prepare(settings);
    let (sending, mut receiving) = open(&upstream, None).await;
    sending.finish();
    let head = soon(receiving.head()).await;
    let (messages, end) = rest(&mut receiving).await;
    (head, messages, end)
}

const GRPC: &[(&str, &str)] = &[("content-type", "application/grpc")];
const OK: Option<&[(&str, &str)]> = Some(&[("grpc-status", "0")]);

#[tokio::test]
async fn every_end_is_told_as_for_unary_calls_after_the_messages_before_it() {
    let one = || Ok(framed(b"one"));
    let large = Ok(Bytes::from_static(&[0, 0, 0, 4, 1]));
    let failed: Option<&[_]> = Some(&[
        ("grpc-status", "5"),
        ("grpc-message", "no%20such"),
        ("grpc-status-details-bin", "CAU"),
        ("x-tail", "1"),
    ]);
    for (parts, trailers, code, http, text) in [
        (vec![one()], failed, Code::NotFound, 404, "no such"),
        (
            vec![one()],
            Some(&[("x-tail", "1")] as &[_]),
            Code::Internal,
            502,
            "the backend ended the call without a status",
        ),
        (vec![one()], None, Code::Internal, 502, "the backend ended the call without a status"),
        (
            vec![one(), large],
            OK,
            Code::ResourceExhausted,
            502,
            "the backend's answer is larger than the limit of 1KiB",
        ),
        (
            vec![one(), Ok(Bytes::from_static(&[1, 0, 0, 0, 1, 9]))],
            OK,
            Code::Internal,
            502,
            "the backend sent a compressed message, though no compression was offered",
        ),
        (
            vec![one(), Ok(Bytes::from_static(b"<html>"))],
            OK,
            Code::Internal,
            502,
            "the backend's answer is not made of gRPC messages",
        ),
        (
            vec![one(), Ok(framed(b"two").slice(..6))],
            OK,
            Code::Internal,
            502,
            "the backend's answer ended inside a message",
        ),
        (vec![one(), Err(h2::Reason::CANCEL)], None, Code::Cancelled, 502, "the backend cancelled the call"),
        (
            vec![one(), Err(h2::Reason::REFUSED_STREAM)],
            None,
            Code::Unavailable,
            503,
            "the backend refuses calls",
        ),
        (vec![one(), Err(h2::Reason::NO_ERROR)], None, Code::Internal, 502, "the backend broke off the call"),
    ] {
        let (head, messages, end) = answered(GRPC, parts, trailers).await;
        assert!(head.is_ok(), "{text}");
        assert_eq!(messages, [&b"one"[..]], "{text}");
        let status = status_of(&end);
        assert_eq!((status.code, status.http_status().as_u16(), status.message.as_str()), (code, http, text));
    }
    let (_, _, end) = answered(GRPC, vec![], failed).await;
    assert_eq!(end.metadata, header_map(&[("x-tail", "1")]), "trailers come with a failure too");
}

#[tokio::test]
async fn a_call_that_ends_without_an_answer_has_no_head() {
    let refused: &[_] = &[("content-type", "application/grpc"), ("grpc-status", "7"), ("x-why", "so")];
    let (head, messages, end) = answered(refused, vec![], None).await;
    let told = head.expect_err("no head");
    assert_eq!(
        (status_of(&told).code, status_of(&end).code),
        (Code::PermissionDenied, Code::PermissionDenied)
    );
    assert_eq!((told.metadata, messages.len()), (header_map(&[("x-why", "so")]), 0));

    let fine: &[_] = &[("content-type", "application/grpc"), ("grpc-status", "0")];
    let (head, messages, end) = answered(fine, vec![], None).await;
    assert!(head.expect_err("no head").outcome.is_ok() && end.outcome.is_ok() && messages.is_empty());

    let (head, messages, end) =
        answered(&[("content-type", "text/html")], vec![Ok("<html>".into())], None).await;
    assert!(head.is_err() && messages.is_empty());
    let text = "the backend answered HTTP 200 with content type `text/html`, not gRPC";
    assert_eq!((status_of(&end).code, status_of(&end).message.as_str()), (Code::Unknown, text));
}

/// A backend that tells of every call and of how it is reset, and answers nothing but `parts`.
async fn silent(parts: Vec<Bytes>) -> (Server, mpsc::Receiver<Option<h2::Reason>>) {
    let (events, seen) = mpsc::channel(256);
    let server = Server::calls(move |request: Request<RecvStream>, mut respond: SendResponse<Bytes>| {
        let (events, parts) = (events.clone(), parts.clone());
        async move {
            let _body = request.into_body();
            let _ = events.send(None).await;
            let reason = if parts.is_empty() {
                std::future::poll_fn(|cx| respond.poll_reset(cx)).await
            } else {
                let mut answer = respond.send_response(grpc(), false).expect("a head");
                for part in parts {
                    let _ = answer.send_data(part, false);
                }
                std::future::poll_fn(|cx| answer.poll_reset(cx)).await
            };
            let _ = events.send(reason.ok()).await;
        }
    })
    .await;
    (server, seen)
}

#[tokio::test]
async fn the_deadline_ends_a_call_on_both_sides() {
    for parts in [vec![], vec![framed(b"one")]] {
        let (server, mut seen) = silent(parts.clone()).await;
        let upstream = upstream(&server.url());
        let begun = Instant::now();
        let (mut sending, mut receiving) = open(&upstream, Some(Duration::from_millis(300))).await;
        let (messages, end) = rest(&mut receiving).await;
        assert!(begun.elapsed() >= Duration::from_millis(300));
        assert_eq!(
            (messages, status_of(&end).code),
            (if parts.is_empty() { vec![] } else { vec![Bytes::from("one")] }, Code::DeadlineExceeded)
        );
        assert_eq!(soon(sending.send(framed(b"late"))).await, Err(Gone));
        assert_eq!(
            (soon(seen.recv()).await, soon(seen.recv()).await),
            (Some(None), Some(Some(h2::Reason::CANCEL)))
        );
    }
    // Nobody listens, and still it is in time.
    let server = Server::sockets(|socket| async move {
        let _held = socket;
        std::future::pending::<()>().await;
    })
    .await;
    let opening = Opening {
        path: PathAndQuery::from_static("/pkg.Service/Stream"),
        metadata: HeaderMap::new(),
        timeout: Some(Duration::from_millis(50)),
    };
    let failed = soon(upstream(&server.url()).open(opening)).await.expect_err("not connected");
    assert_eq!(failed.code, Code::DeadlineExceeded);
}

#[tokio::test]
async fn the_deadline_ends_a_stream_that_never_pauses() {
    let server = Server::calls(|_, mut respond: SendResponse<Bytes>| async move {
        let mut answer = respond.send_response(grpc(), false).expect("a head");
        while send_when_wanted(&mut answer, framed(b"more")).await {}
    })
    .await;
    let upstream = upstream(&server.url());
    let (_sending, mut receiving) = open(&upstream, Some(Duration::from_millis(1500))).await;
    let (messages, end) = rest(&mut receiving).await;
    assert!(messages.len() > 10, "{}", messages.len());
    assert_eq!(status_of(&end).code, Code::DeadlineExceeded);
}

/// Sends as flow control allows; `false` once nobody wants it.
pub(super) async fn send_when_wanted(answer: &mut h2::SendStream<Bytes>, frame: Bytes) -> bool {
    answer.reserve_capacity(frame.len());
    while answer.capacity() < frame.len() {
        if !matches!(std::future::poll_fn(|cx| answer.poll_capacity(cx)).await, Some(Ok(_))) {
            return false;
        }
    }
    answer.send_data(frame, false).is_ok()
}

#[tokio::test]
async fn a_half_that_is_dropped_cancels_the_call_within_a_second() {
    for parts in [vec![], vec![framed(b"one")]] {
        for request in [false, true] {
            let (server, mut seen) = silent(parts.clone()).await;
            let upstream = upstream(&server.url());
            let (mut sending, mut receiving) = open(&upstream, None).await;
            assert_eq!(soon(seen.recv()).await, Some(None), "the call arrives");
            if request {
                drop(sending);
                let (_, end) = rest(&mut receiving).await;
                let status = status_of(&end);
                assert_eq!((status.code, status.origin), (Code::Cancelled, Origin::Client));
                assert_eq!(status.message, "the request was broken off");
            } else {
                drop(receiving);
                assert_eq!(soon(sending.send(framed(b"x"))).await, Err(Gone));
            }
            let heard = timeout(Duration::from_secs(1), seen.recv()).await.expect("within a second");
            assert_eq!(heard, Some(Some(h2::Reason::CANCEL)));
        }
    }
}

#[tokio::test]
async fn a_finished_request_may_be_given_up_too_and_an_ended_call_is_not_cancelled() {
    let (server, mut seen) = silent(vec![]).await;
    let giving_up = upstream(&server.url());
    let (sending, receiving) = open(&giving_up, None).await;
    sending.finish();
    assert_eq!(soon(seen.recv()).await, Some(None));
    drop(receiving);
    assert_eq!(soon(seen.recv()).await, Some(Some(h2::Reason::CANCEL)));

    let server = Server::calls(mirror).await;
    let upstream = upstream(&server.url());
    for _ in 0..200 {
        let (sending, mut receiving) = open(&upstream, None).await;
        sending.finish();
        let (_, end) = rest(&mut receiving).await;
        assert!(end.outcome.is_ok(), "{:?}", end.outcome);
    }
    let view = upstream.streams().pool.view.borrow();
    assert_eq!(view.ready.len(), 1);
    assert_eq!(view.ready[0].gauge.active.load(Ordering::SeqCst), 0, "every stream is given back");
    assert_eq!(view.ready[0].gauge.pace.turn(Instant::now()), None, "no reset was charged");
}

#[tokio::test]
async fn a_sender_waits_for_a_backend_that_does_not_read() {
    const MESSAGE: usize = 1 << 10;
    let (go, told) = (Arc::new(Notify::new()), Arc::new(AtomicUsize::new(0)));
    let (reading, count) = (Arc::clone(&go), Arc::clone(&told));
    let server = Server::calls(move |request: Request<RecvStream>, mut respond: SendResponse<Bytes>| {
        let (reading, count) = (Arc::clone(&reading), Arc::clone(&count));
        async move {
            reading.notified().await;
            count.fetch_max(whole(request.into_body()).await.len(), Ordering::SeqCst);
            answer_ok(&mut respond, b"");
        }
    })
    .await;
    let upstream = upstream(&server.url());
    let (mut sending, mut receiving) = open(&upstream, None).await;
    let mut sent = 0;
    while timeout(Duration::from_millis(300), sending.send(framed(&[7; MESSAGE])))
        .await
        .is_ok_and(|sent| sent.is_ok())
    {
        sent += 1;
    }
    // HTTP/2's first window is 64 KiB less one byte; the message that did not fit was sent in part.
    assert!((60..=64).contains(&sent), "{sent} messages were taken");
    drop(sending);
    assert!(rest(&mut receiving).await.1.outcome.is_err());

    // One large message goes out in pieces, as the backend reads.
    let (mut sending, mut receiving) = open(&upstream, None).await;
    let large = framed(&vec![7; 3 << 20]);
    let len = large.len();
    go.notify_waiters();
    let waking = tokio::spawn(async move {
        sending.send(large).await.expect("taken");
        sending.finish();
    });
    until("the backend reads", || {
        go.notify_waiters();
        told.load(Ordering::SeqCst) == len
    })
    .await;
    waking.await.expect("sent");
    assert!(rest(&mut receiving).await.1.outcome.is_ok());
}

#[tokio::test]
async fn a_backend_may_end_the_call_while_the_client_still_sends() {
    for (head_only, reset) in [(true, true), (true, false), (false, true), (false, false)] {
        let server =
            Server::calls(move |request: Request<RecvStream>, mut respond: SendResponse<Bytes>| async move {
                let mut body = request.into_body();
                let _first = body.data().await;
                if head_only {
                    let mut refused = grpc();
                    refused.headers_mut().insert("grpc-status", 9.into());
                    respond.send_response(refused, true).expect("a head");
                } else {
                    let mut answer = respond.send_response(grpc(), false).expect("a head");
                    answer.send_data(framed(b"enough"), false).expect("a message");
                    answer.send_trailers(header_map(&[("grpc-status", "9")])).expect("trailers");
                }
                if reset {
                    // As servers do that are not interested in the rest; dropped without it, h2 resets as well.
                    sleep(Duration::from_millis(20)).await;
                    respond.send_reset(h2::Reason::NO_ERROR);
                } else {
                    let _ = std::future::poll_fn(|cx| respond.poll_reset(cx)).await;
                }
            })
            .await;
        let upstream = upstream(&server.url());
        let (mut sending, mut receiving) = open(&upstream, None).await;
        let uploading =
            tokio::spawn(async move { while sending.send(framed(&[1; 1 << 14])).await.is_ok() {} });
        let (messages, end) = rest(&mut receiving).await;
        assert_eq!(messages.len(), usize::from(!head_only));
        assert_eq!(status_of(&end).code, Code::FailedPrecondition, "{head_only} {reset}");
        soon(uploading).await.expect("the sender is told");
        until("the stream is given back", || {
            let view = upstream.streams().pool.view.borrow();
            view.ready.iter().all(|connection| connection.gauge.active.load(Ordering::SeqCst) == 0)
        })
        .await;
    }
}

#[tokio::test]
async fn a_message_beyond_the_limit_ends_the_call_before_it_is_sent() {
    let (server, mut seen) = silent(vec![]).await;
    let upstream = prepare(Settings { max_request_message: 1024, ..settings(&server.url()) });
    let (mut sending, mut receiving) = open(&upstream, None).await;
    soon(sending.send(framed(&[0; 1024]))).await.expect("as large as may be");
    assert_eq!(soon(sending.send(framed(&[0; 1025]))).await, Err(Gone));
    let (_, end) = rest(&mut receiving).await;
    assert_eq!(status_of(&end).http_status(), http::StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(status_of(&end).message, "the request message is larger than the limit of 1KiB");
    assert_eq!(
        (soon(seen.recv()).await, soon(seen.recv()).await),
        (Some(None), Some(Some(h2::Reason::CANCEL)))
    );
}

/// Counts the connections, and of each how many streams it allows.
async fn counted(streams: u32) -> (Server, Arc<AtomicUsize>) {
    let opened = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&opened);
    let server = Server::sockets(move |socket| {
        count.fetch_add(1, Ordering::SeqCst);
        async move {
            let mut builder = h2::server::Builder::new();
            let mut connection =
                builder.max_concurrent_streams(streams).handshake(socket).await.expect("HTTP/2");
            accept_all(&mut connection, &mirror).await;
        }
    })
    .await;
    (server, opened)
}

#[tokio::test]
async fn streams_have_connections_of_their_own_from_the_first_one_on() {
    let (server, opened) = counted(100).await;
    let upstream = upstream(&server.url());
    assert_eq!(soon(upstream.unary(call(b"x"))).await.outcome.expect("an answer"), b"x"[..]);
    assert_eq!(opened.load(Ordering::SeqCst), 1);
    let (mut sending, mut receiving) = open(&upstream, None).await;
    soon(sending.send(framed(b"x"))).await.expect("taken");
    assert!(soon(receiving.message()).await.is_some());
    assert_eq!(opened.load(Ordering::SeqCst), 2);
    assert_eq!(upstream.calls.pool.view.borrow().ready.len(), 1);
    assert!(upstream.state().is_ok());
}

#[tokio::test]
async fn streams_do_not_wait_for_one_another_where_a_backend_allows_few() {
    let (server, _) = counted(4).await;
    let upstream = upstream(&server.url());
    let mut calls = Vec::new();
    for number in 0..10u8 {
        let (mut sending, mut receiving) = open(&upstream, None).await;
        soon(sending.send(framed(&[number]))).await.expect("taken");
        assert_eq!(soon(receiving.message()).await.expect("echoed"), [number][..]);
        calls.push((sending, receiving));
    }
    assert_eq!(upstream.streams().pool.view.borrow().ready.len(), 3, "no more than are needed");
    for (sending, mut receiving) in calls {
        sending.finish();
        assert!(rest(&mut receiving).await.1.outcome.is_ok());
    }
}

#[tokio::test]
async fn after_goaway_and_after_the_upstream_is_dropped_streams_go_on_to_their_end() {
    let server = Server::sockets(|socket| async move {
        let mut connection = handshake(socket).await.expect("HTTP/2");
        let Some(Ok((request, respond))) = connection.accept().await else { return };
        connection.graceful_shutdown();
        tokio::spawn(mirror(request, respond));
        accept_all(&mut connection, &mirror).await;
    })
    .await;
    let upstream = upstream(&server.url());
    let mut calls = Vec::new();
    for number in 0..5u8 {
        // Once a connection has said GOAWAY, heard or not yet, the next call goes to another.
        let (mut sending, mut receiving) = open(&upstream, None).await;
        soon(sending.send(framed(&[number]))).await.expect("taken");
        assert_eq!(soon(receiving.message()).await.expect("echoed"), [number][..]);
        calls.push((sending, receiving));
    }
    drop(upstream);
    for (mut sending, mut receiving) in calls {
        soon(sending.send(framed(b"last"))).await.expect("taken");
        sending.finish();
        let (messages, end) = rest(&mut receiving).await;
        assert_eq!((messages, end.outcome.is_ok()), (vec![Bytes::from("last")], true));
    }
}

#[tokio::test]
async fn a_storm_of_streams_given_up_costs_no_one_the_connection() {
    const CROWD: usize = 150;
    let [connections, arrived, cancelled] = [(); 3].map(|()| Arc::new(AtomicUsize::new(0)));
    let (opened, come, ended) = (Arc::clone(&connections), Arc::clone(&arrived), Arc::clone(&cancelled));
    let server = Server::sockets(move |socket| {
        opened.fetch_add(1, Ordering::SeqCst);
        let (come, ended) = (Arc::clone(&come), Arc::clone(&ended));
        each_call(socket, move |request, mut respond| {
            let (come, ended) = (Arc::clone(&come), Arc::clone(&ended));
            async move {
                if request.uri().path().ends_with("Hang") {
                    come.fetch_add(1, Ordering::SeqCst);
                    let _ = std::future::poll_fn(|cx| respond.poll_reset(cx)).await;
                    ended.fetch_add(1, Ordering::SeqCst);
                } else {
                    mirror(request, respond).await;
                }
            }
        })
    })
    .await;
    let upstream = upstream(&server.url());
    let (mut sending, mut receiving) = open(&upstream, None).await;
    let mut crowd = Vec::new();
    for _ in 0..CROWD {
        crowd.push(open_at(&upstream, "/pkg.Service/Hang", None).await);
    }
    until("all arrive", || arrived.load(Ordering::SeqCst) == CROWD).await;
    drop(crowd);
    let mut number = 0u32;
    while cancelled.load(Ordering::SeqCst) < CROWD {
        soon(sending.send(framed(&number.to_be_bytes()))).await.expect("taken");
        assert_eq!(soon(receiving.message()).await.expect("echoed"), number.to_be_bytes()[..]);
        number += 1;
    }
    assert!(number > 20, "{number}");
    assert_eq!(connections.load(Ordering::SeqCst), 2, "unary calls' one and the streams' one");
}
