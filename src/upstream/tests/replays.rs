//! Calls that the backend did not look at are sent again, unseen by the client.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;
use crate::status::Code;

#[tokio::test]
async fn a_refused_call_is_sent_again_twice_at_most() {
    for (refusals, answered) in [(1, true), (2, true), (3, false)] {
        let calls = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&calls);
        let server = Server::calls(move |request, mut respond| {
            let number = count.fetch_add(1, Ordering::SeqCst);
            async move {
                if number < refusals {
                    respond.send_reset(h2::Reason::REFUSED_STREAM);
                } else {
                    echo(request, respond).await;
                }
            }
        })
        .await;
        let reply = soon(upstream(&server.url()).unary(call(b"x"))).await;
        assert_eq!(reply.outcome.is_ok(), answered, "{refusals}");
        assert_eq!(calls.load(Ordering::SeqCst), 3.min(refusals + 1));
        if !answered {
            assert_eq!(status(&reply).message, "the backend refuses calls");
        }
    }
}

#[tokio::test]
async fn a_call_that_goaway_leaves_out_is_sent_again_elsewhere() {
    let opened = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&opened);
    let server = Server::sockets(move |socket| {
        let first = count.fetch_add(1, Ordering::SeqCst) == 0;
        async move {
            if first {
                raw_goaway(socket).await;
            } else {
                each_call(socket, echo).await;
            }
        }
    })
    .await;
    let reply = soon(upstream(&server.url()).unary(call(b"x"))).await;
    assert_eq!(message(&reply), b"x");
    assert_eq!(opened.load(Ordering::SeqCst), 2);
}

/// Greets, waits for HEADERS, then says GOAWAY with last stream 0: nothing was or will be processed.
async fn raw_goaway(mut socket: TcpStream) {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    const SETTINGS: [u8; 9] = [0, 0, 0, 4, 0, 0, 0, 0, 0];
    const GOAWAY: [u8; 17] = [0, 0, 8, 7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    let mut preface = [0; 24];
    socket.read_exact(&mut preface).await.expect("the preface");
    socket.write_all(&SETTINGS).await.expect("settings");
    loop {
        let mut head = [0; 9];
        socket.read_exact(&mut head).await.expect("a frame");
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
        let mut body = vec![0; usize::try_from(length).expect("a short frame")];
        socket.read_exact(&mut body).await.expect("a whole frame");
        match (head[3], head[4]) {
            (6, 0) => {
                let pong = [&[0, 0, 8, 6, 1, 0, 0, 0, 0], &body[..]].concat();
                socket.write_all(&pong).await.expect("a pong");
            }
            (1, _) => break,
            _ => {}
        }
    }
    socket.write_all(&GOAWAY).await.expect("goaway");
    // Stays open until the client leaves: only GOAWAY itself may have told it.
    while socket.read(&mut [0; 1024]).await.is_ok_and(|count| count > 0) {}
}

#[tokio::test]
async fn a_call_that_may_have_been_processed_is_not_sent_again() {
    let calls = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&calls);
    let server = Server::sockets(move |socket| {
        let count = Arc::clone(&count);
        async move {
            let mut connection = handshake(socket).await.expect("HTTP/2");
            // Takes the call and hangs up.
            if connection.accept().await.is_some() {
                count.fetch_add(1, Ordering::SeqCst);
            }
        }
    })
    .await;
    let reply = soon(upstream(&server.url()).unary(call(b"x"))).await;
    let status = status(&reply);
    assert_eq!(status.code, Code::Unavailable);
    assert_eq!(status.message, "the connection to the backend broke off");
    assert_eq!(calls.load(Ordering::SeqCst), 1);
}
