//! Clients that mean harm: what they get is bounded, so is the time and the memory that it takes, and nothing panics.
//! The serving room's own tests hold its timeouts; here is the whole binary, over sockets.

mod framing;
mod large;
mod slow;

use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;
use transom::demo::{Backend, Options};

use crate::contract::Contract;
use crate::raw::{exchanged, parsed};
use crate::support::{Gateway, GatewayBuilder};

/// How long anything here may take, debug build and busy machine included.
const BOUND: Duration = Duration::from_secs(10);

/// How much the gateway's memory may grow by one test, in bytes.
const GROWTH: u64 = 128 << 20;

/// A gateway under attack.
struct Target {
    gateway: Gateway,
    backend: Backend,
    memory: u64,
}

impl Target {
    async fn start(config: &str) -> Self {
        let contract = Contract::usual();
        let listen = ([127, 0, 0, 1], 0).into();
        let backend =
            Backend::start_with(contract.pool, listen, Options::default()).await.expect("a backend");
        let mut builder =
            GatewayBuilder::new().config("schema: {protos: [protos]}").upstream(backend.address());
        for (name, text) in &contract.files {
            builder = builder.file(&format!("protos/{name}"), text);
        }
        let gateway = builder.config(config).start().await;
        let target = Self { memory: memory(&gateway), gateway, backend };
        target.is_well().await;
        target
    }

    /// The answer to bytes over a socket of its own, and within the bound.
    async fn sent(&self, bytes: &[u8]) -> String {
        let begun = Instant::now();
        let answer = exchanged(self.gateway.address(), bytes).await;
        assert!(begun.elapsed() < BOUND, "{:?} for {}", begun.elapsed(), start(bytes));
        String::from_utf8_lossy(&answer).into_owned()
    }

    /// The answer to bytes behind which nothing comes.
    async fn sent_and_closed(&self, bytes: &[u8]) -> String {
        let mut socket = TcpStream::connect(self.gateway.address()).await.expect("connected");
        socket.write_all(bytes).await.ok();
        socket.shutdown().await.ok();
        let mut answer = Vec::new();
        timeout(BOUND, socket.read_to_end(&mut answer)).await.expect("closed in time").ok();
        String::from_utf8_lossy(&answer).into_owned()
    }

    /// Others are served, memory has not grown, nothing panicked.
    async fn is_well(&self) {
        assert_eq!(self.gateway.get("/nothing").await.status, 200);
        let grown = memory(&self.gateway).saturating_sub(self.memory);
        assert!(grown < GROWTH, "{grown} bytes more");
        let panic = self.gateway.output().into_iter().find(|line| line.contains("panicked"));
        assert_eq!(panic, None);
    }

    /// How many calls have reached the backend, but for those of [`Target::is_well`].
    fn calls(&self) -> usize {
        self.backend.calls().iter().filter(|call| !call.path.ends_with("/Nothing")).count()
    }
}

/// The bytes of memory that a process has.
fn memory(gateway: &Gateway) -> u64 {
    let statm = std::fs::read_to_string(format!("/proc/{}/statm", gateway.id())).expect("a process");
    let pages = statm.split(' ').nth(1).and_then(|pages| pages.parse::<u64>().ok());
    pages.expect("a number of pages") * 4096
}

fn start(bytes: &[u8]) -> String {
    String::from_utf8_lossy(&bytes[..bytes.len().min(120)]).into_owned()
}

/// The HTTP status of an answer's first line; 0: none.
fn status(answer: &str) -> u16 {
    parsed(answer.as_bytes()).status
}

async fn target_status(target: &Target, request: &str) -> u16 {
    status(&target.sent(request.as_bytes()).await)
}
