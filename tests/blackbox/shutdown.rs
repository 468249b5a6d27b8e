//! The end of a process: what is in flight finishes, for a bounded time.

use std::time::{Duration, Instant};

use http::Method;
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::support::{Client, request, shop, until};

#[tokio::test]
async fn calls_in_flight_finish_and_new_ones_are_refused() {
    let (mut gateway, backend) = shop("").await;
    let slow = {
        let client = gateway.client();
        let headers = [("grpc-metadata-transom-fault", "delay=1s")];
        tokio::spawn(async move { client.send(request(Method::GET, "/v1/look/slow", &headers, "")).await })
    };
    until("the slow call to begin", async || (!backend.calls().is_empty()).then_some(())).await;
    gateway.signal("TERM");
    let client = gateway.client();
    until("new connections to be refused", async || {
        client.try_send(request(Method::GET, "/v1/look/new", &[], "")).await.err()
    })
    .await;
    assert_eq!(slow.await.expect("no panic").status, 200);
    assert_eq!(gateway.exit().await, Some(0));
}

/// A request that takes the backend a moment.
fn slow(name: &str) -> String {
    format!("GET /v1/look/{name} HTTP/1.1\r\nhost: a\r\ngrpc-metadata-transom-fault: delay=100ms\r\n\r\n")
}

/// Reads one answer of a known length; nothing when the connection broke before.
async fn answer(stream: &mut TcpStream) -> Option<String> {
    let mut answer = String::new();
    let mut part = [0; 4096];
    loop {
        if let Some((head, body)) = answer.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: "))?;
            if body.len() >= length.parse().ok()? {
                return Some(answer);
            }
        }
        match timeout(Duration::from_secs(10), stream.read(&mut part)).await.expect("an answer or an end") {
            Ok(some) if some > 0 => answer.push_str(&String::from_utf8_lossy(&part[..some])),
            _ => return None,
        }
    }
}

#[tokio::test]
async fn every_request_that_came_before_the_signal_is_answered() {
    // So few that most of them wait in the listener's queue.
    let (mut gateway, _backend) = shop("limits: {connections: 40}").await;
    let mut kept = Vec::new();
    for _ in 0..30 {
        let mut stream = TcpStream::connect(gateway.address()).await.expect("connected");
        stream.write_all(slow("first").as_bytes()).await.expect("sent");
        answer(&mut stream).await.expect("an answer");
        kept.push(stream);
    }
    let mut sent = Vec::new();
    for mut stream in kept {
        stream.write_all(slow("kept").as_bytes()).await.expect("sent");
        sent.push(stream);
    }
    for _ in 0..200 {
        let mut stream = TcpStream::connect(gateway.address()).await.expect("connected");
        stream.write_all(slow("fresh").as_bytes()).await.expect("sent");
        sent.push(stream);
    }
    gateway.signal("TERM");
    let mut lost = 0;
    let mut last = 0;
    for mut stream in sent {
        match answer(&mut stream).await {
            Some(answer) => {
                assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
                last += usize::from(answer.contains("connection: close"));
            }
            None => lost += 1,
        }
    }
    assert_eq!(lost, 0, "of 230");
    assert!(last > 100, "the answers say that they are the last: {last}");
    assert_eq!(gateway.exit().await, Some(0));
}

#[tokio::test]
async fn the_grace_period_is_bounded_and_what_is_cut_is_not_the_clients_fault() {
    let (mut gateway, backend) = shop("limits: {drain: 300ms}").await;
    let address = gateway.address().to_owned();
    let headers = [("grpc-metadata-transom-fault", "delay=60s")];
    let cut: Vec<_> = [Client::Tcp(address.clone()), Client::Http2(address)]
        .into_iter()
        .map(|client| {
            tokio::spawn(
                async move { client.try_send(request(Method::GET, "/v1/look/x", &headers, "")).await },
            )
        })
        .collect();
    until("the calls to begin", async || (backend.calls().len() == 2).then_some(())).await;
    let begun = Instant::now();
    gateway.signal("TERM");
    assert_eq!(gateway.exit().await, Some(0));
    assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());
    for cut in cut {
        assert!(cut.await.expect("no panic").is_err(), "the call is cut");
    }
    let records = until("both records", async || {
        let lines = gateway.output();
        let records = lines.iter().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        let records: Vec<_> = records.filter(|record| record["path"] == "/v1/look/x").collect();
        (records.len() == 2).then_some(records)
    })
    .await;
    for record in records {
        assert_eq!(
            (&record["status"], &record["grpc_code"], &record["origin"]),
            (&503.into(), &"UNAVAILABLE".into(), &"gateway".into()),
            "{record}"
        );
    }
}
