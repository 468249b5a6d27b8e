//! Connections: how they are made, lost and made again.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use tokio::net::UnixListener;
use tokio::sync::{Notify, Semaphore};

use super::*;
use crate::status::Code;

#[tokio::test]
async fn a_unix_socket_serves() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("backend.sock");
    let listener = UnixListener::bind(&path).expect("a socket");
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            tokio::spawn(each_call(socket, |request: Request<RecvStream>, mut respond| async move {
                answer_ok(&mut respond, request.uri().to_string().as_bytes());
            }));
        }
    });
    let reply = soon(upstream(&format!("unix://{}", path.display())).unary(call(b"x"))).await;
    assert_eq!(message(&reply), b"http://localhost/pkg.Service/Method");
}

#[tokio::test]
async fn a_host_name_is_looked_up() {
    let server = Server::calls(echo).await;
    let url = format!("http://localhost:{}", server.address.port());
    assert_eq!(message(&soon(upstream(&url).unary(call(b"x"))).await), b"x");
}

#[tokio::test]
async fn the_state_follows_the_connection_without_being_asked() {
    let server = Server::calls(echo).await;
    let upstream = upstream(&server.url());
    assert_eq!(upstream.state(), Err("not connected yet".to_owned()));
    until("connected", || upstream.state().is_ok()).await;
    drop(server);
    until("refused", || upstream.state() == Err("the connection failed: connection refused".to_owned()))
        .await;
}

#[tokio::test]
async fn a_backend_that_is_down_is_told_without_its_address() {
    let server = Server::calls(echo).await;
    let url = server.url();
    drop(server);
    let upstream = upstream(&url);
    for _ in 0..3 {
        let reply = soon(upstream.unary(call(b"x"))).await;
        let status = status(&reply);
        assert_eq!((status.code, status.http_status().as_u16()), (Code::Unavailable, 503));
        assert_eq!(status.message, "the backend cannot be reached");
    }
}

#[tokio::test]
async fn a_socket_that_never_answers_does_not_look_ready() {
    let server = Server::sockets(|socket| async move {
        let _held = socket;
        std::future::pending::<()>().await;
    })
    .await;
    let upstream =
        prepare(Settings { connect_timeout: Duration::from_millis(100), ..settings(&server.url()) });
    let reply = soon(upstream.unary(call(b"x"))).await;
    assert_eq!(status(&reply).code, Code::Unavailable);
    let late = Err("connecting takes longer than `connect_timeout`".to_owned());
    until("late", || upstream.state() == late).await;
}

#[tokio::test]
async fn a_server_of_another_protocol_is_told() {
    let server = Server::sockets(|mut socket| async move {
        use tokio::io::{AsyncReadExt, AsyncWriteExt};
        let _ = socket.read(&mut [0; 1024]).await;
        let _ = socket.write_all(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n").await;
    })
    .await;
    let upstream = upstream(&server.url());
    assert_eq!(status(&soon(upstream.unary(call(b"x"))).await).code, Code::Unavailable);
    let other = Err("the server does not speak HTTP/2".to_owned());
    until("not HTTP/2", || upstream.state() == other).await;
}

#[tokio::test]
async fn a_backend_that_comes_back_is_found_again() {
    let mut server = Server::calls(echo).await;
    let (address, upstream) = (server.address, upstream(&server.url()));
    for _ in 0..3 {
        let end = Instant::now() + Duration::from_secs(10);
        while soon(upstream.unary(call(b"x"))).await.outcome.is_err() {
            assert!(Instant::now() < end, "the backend is not found again");
            tokio::task::yield_now().await;
        }
        drop(server);
        until("lost", || upstream.state().is_err()).await;
        let reply = soon(upstream.unary(call(b"x"))).await;
        assert_eq!(status(&reply).code, Code::Unavailable);
        let listener = TcpListener::bind(address).await.expect("the port is free again");
        server = Server::on(listener, |socket| each_call(socket, echo));
    }
}

#[tokio::test]
async fn the_kept_number_of_connections_is_opened_and_shared_evenly() {
    let (opened, counts) = (Arc::new(AtomicUsize::new(0)), Arc::new([const { AtomicUsize::new(0) }; 3]));
    let (seen, by_connection) = (Arc::clone(&opened), Arc::clone(&counts));
    let server = Server::sockets(move |socket| {
        let number = seen.fetch_add(1, Ordering::SeqCst);
        let counts = Arc::clone(&by_connection);
        each_call(socket, move |request, respond| {
            counts[number].fetch_add(1, Ordering::SeqCst);
            echo(request, respond)
        })
    })
    .await;
    let upstream = prepare(Settings { connections: 3, ..settings(&server.url()) });
    until("three connections", || {
        opened.load(Ordering::SeqCst) == 3 && upstream.calls.pool.view.borrow().ready.len() == 3
    })
    .await;
    for _ in 0..30 {
        assert_eq!(message(&soon(upstream.unary(call(b"x"))).await), b"x");
    }
    assert_eq!(counts.each_ref().map(|count| count.load(Ordering::SeqCst)), [10, 10, 10]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_calls_share_a_connection() {
    let server = Server::calls(echo).await;
    let upstream = Arc::new(upstream(&server.url()));
    let calls = (0..64u32).map(|number| {
        let upstream = Arc::clone(&upstream);
        tokio::spawn(async move {
            for round in 0..50u32 {
                let bytes = [number.to_le_bytes(), round.to_le_bytes()].concat();
                assert_eq!(message(&soon(upstream.unary(call(&bytes))).await), bytes);
            }
        })
    });
    for outcome in futures_util::future::join_all(calls).await {
        outcome.expect("every call is answered with its own bytes");
    }
}

#[tokio::test]
async fn calls_beyond_what_the_peer_allows_wait_for_a_stream() {
    let most = Arc::new(AtomicUsize::new(0));
    let (busiest, now) = (Arc::clone(&most), Arc::new(AtomicUsize::new(0)));
    let server = Server::sockets(move |socket| {
        let (busiest, now) = (Arc::clone(&busiest), Arc::clone(&now));
        async move {
            let mut builder = h2::server::Builder::new();
            let mut connection = builder.max_concurrent_streams(4).handshake(socket).await.expect("HTTP/2");
            accept_all(&mut connection, &move |request, respond| {
                let (busiest, now) = (Arc::clone(&busiest), Arc::clone(&now));
                async move {
                    busiest.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                    tokio::task::yield_now().await;
                    now.fetch_sub(1, Ordering::SeqCst);
                    echo(request, respond).await;
                }
            })
            .await;
        }
    })
    .await;
    let upstream = upstream(&server.url());
    let replies = futures_util::future::join_all((0..40u8).map(|n| upstream.unary(call(&[n]))));
    for (number, reply) in soon(replies).await.iter().enumerate() {
        assert_eq!(message(reply), [u8::try_from(number).expect("a small number")]);
    }
    assert!(most.load(Ordering::SeqCst) <= 4);
}

#[tokio::test]
async fn a_full_connection_is_passed_over_while_another_has_room() {
    const LIMITS: [u32; 2] = [1, 100];
    let (opened, arrived) = (Arc::new(AtomicUsize::new(0)), Arc::new([const { AtomicUsize::new(0) }; 2]));
    let (count, calls) = (Arc::clone(&opened), Arc::clone(&arrived));
    let server = Server::sockets(move |socket| {
        let number = count.fetch_add(1, Ordering::SeqCst);
        let calls = Arc::clone(&calls);
        async move {
            let mut builder = h2::server::Builder::new();
            builder.max_concurrent_streams(LIMITS[number]);
            let mut connection = builder.handshake(socket).await.expect("HTTP/2");
            accept_all(
                &mut connection,
                &move |request: Request<RecvStream>, respond: SendResponse<Bytes>| {
                    calls[number].fetch_add(1, Ordering::SeqCst);
                    async move {
                        // Held, and never answered.
                        let _held = (request, respond);
                        std::future::pending::<()>().await;
                    }
                },
            )
            .await;
        }
    })
    .await;
    let upstream = Arc::new(prepare(Settings { connections: 2, ..settings(&server.url()) }));
    until("two connections", || upstream.calls.pool.view.borrow().ready.len() == 2).await;
    let waiting = (0..40).map(|_| {
        let upstream = Arc::clone(&upstream);
        tokio::spawn(async move { upstream.unary(call(b"x")).await })
    });
    let waiting: Vec<_> = waiting.collect();
    let counts = || arrived.each_ref().map(|count| count.load(Ordering::SeqCst));
    until("all calls to be at the backend", || counts() == [1, 39]).await;
    waiting.iter().for_each(JoinHandle::abort);
}

/// Allows no stream at first, then ten; tells of the first call.
async fn grudging(mut socket: TcpStream, allow: Arc<Notify>, came: Arc<Notify>) -> std::io::Result<()> {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    const SETTINGS: u8 = 4;
    const PING: u8 = 6;
    const HEADERS: u8 = 1;
    let streams = |most: u8| [0, 0, 6, SETTINGS, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0, most];
    socket.read_exact(&mut [0; 24]).await?;
    socket.write_all(&streams(0)).await?;
    loop {
        let mut head = [0; 9];
        socket.read_exact(&mut head).await?;
        let mut payload = vec![0; usize::from(head[1]) << 8 | usize::from(head[2])];
        socket.read_exact(&mut payload).await?;
        match (head[3], head[4]) {
            (SETTINGS, 0) => socket.write_all(&[0, 0, 0, SETTINGS, 1, 0, 0, 0, 0]).await?,
            (PING, 0) => {
                socket.write_all(&[0, 0, 8, PING, 1, 0, 0, 0, 0]).await?;
                socket.write_all(&payload).await?;
                allow.notified().await;
                socket.write_all(&streams(10)).await?;
            }
            (HEADERS, _) => came.notify_one(),
            _ => {}
        }
    }
}

#[tokio::test]
async fn a_call_that_waits_goes_on_when_the_peer_allows_more() {
    let (allow, came) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (later, told) = (Arc::clone(&allow), Arc::clone(&came));
    let server = Server::sockets(move |socket| {
        let (later, told) = (Arc::clone(&later), Arc::clone(&told));
        async move { drop(grudging(socket, later, told).await) }
    })
    .await;
    let upstream = Arc::new(upstream(&server.url()));
    until("connected", || upstream.state().is_ok()).await;
    let waiting = tokio::spawn({
        let upstream = Arc::clone(&upstream);
        async move { upstream.unary(call(b"x")).await }
    });
    assert!(timeout(Duration::from_millis(100), came.notified()).await.is_err(), "no stream is allowed yet");
    allow.notify_one();
    soon(came.notified()).await;
    waiting.abort();
}

#[tokio::test]
async fn after_goaway_calls_in_flight_finish_and_new_ones_go_elsewhere() {
    let (release, arrived) = (Arc::new(Semaphore::new(0)), Arc::new(Notify::new()));
    let opened = Arc::new(AtomicUsize::new(0));
    let (held, came, count) = (Arc::clone(&release), Arc::clone(&arrived), Arc::clone(&opened));
    let server = Server::sockets(move |socket| {
        let first = count.fetch_add(1, Ordering::SeqCst) == 0;
        let (held, came) = (Arc::clone(&held), Arc::clone(&came));
        async move {
            if !first {
                return each_call(socket, echo).await;
            }
            let mut connection = handshake(socket).await.expect("HTTP/2");
            let Some(Ok((request, respond))) = connection.accept().await else { panic!("no call") };
            connection.graceful_shutdown();
            came.notify_one();
            tokio::spawn(async move {
                let _turn = held.acquire().await;
                echo(request, respond).await;
            });
            accept_all(&mut connection, &echo).await;
        }
    })
    .await;
    let upstream = Arc::new(upstream(&server.url()));
    let slow = tokio::spawn({
        let upstream = Arc::clone(&upstream);
        async move { upstream.unary(call(b"slow")).await }
    });
    soon(arrived.notified()).await;
    for _ in 0..20 {
        assert_eq!(message(&soon(upstream.unary(call(b"x"))).await), b"x");
    }
    until("a second connection", || opened.load(Ordering::SeqCst) == 2).await;
    assert!(!slow.is_finished());
    release.add_permits(1);
    assert_eq!(message(&soon(slow).await.expect("an answer")), b"slow");
}

#[tokio::test]
async fn a_peer_that_falls_silent_is_dropped() {
    let (silent, opened) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let (hush, count) = (Arc::clone(&silent), Arc::clone(&opened));
    let server = Server::sockets(move |socket| {
        let first = count.fetch_add(1, Ordering::SeqCst) == 0;
        let hush = Arc::clone(&hush);
        async move {
            if !first {
                return each_call(socket, echo).await;
            }
            let mut connection = handshake(socket).await.expect("HTTP/2");
            std::future::poll_fn(|cx| {
                // Once hushed, the socket stays open and nobody reads it.
                while !hush.load(Ordering::SeqCst) {
                    match connection.poll_accept(cx) {
                        std::task::Poll::Ready(Some(Ok((request, respond)))) => {
                            tokio::spawn(echo(request, respond));
                        }
                        std::task::Poll::Ready(_) => return std::task::Poll::Ready(()),
                        std::task::Poll::Pending => break,
                    }
                }
                std::task::Poll::Pending
            })
            .await;
        }
    })
    .await;
    let upstream = prepare(Settings {
        keepalive: Some(Duration::from_millis(30)),
        connect_timeout: Duration::from_millis(300),
        ..settings(&server.url())
    });
    assert_eq!(message(&soon(upstream.unary(call(b"x"))).await), b"x");
    silent.store(true, Ordering::SeqCst);
    let lost = soon(upstream.unary(call(b"lost"))).await;
    assert_eq!(status(&lost).message, "the connection to the backend broke off");
    assert_eq!(message(&soon(upstream.unary(call(b"again"))).await), b"again");
}

#[tokio::test]
async fn a_dropped_upstream_closes_its_connections() {
    let open = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&open);
    let server = Server::sockets(move |socket| {
        let count = Arc::clone(&count);
        async move {
            count.fetch_add(1, Ordering::SeqCst);
            each_call(socket, echo).await;
            count.fetch_sub(1, Ordering::SeqCst);
        }
    })
    .await;
    let upstream = prepare(Settings { connections: 2, ..settings(&server.url()) });
    until("two connections", || open.load(Ordering::SeqCst) == 2).await;
    assert_eq!(message(&soon(upstream.unary(call(b"x"))).await), b"x");
    drop(upstream);
    until("none", || open.load(Ordering::SeqCst) == 0).await;
}
