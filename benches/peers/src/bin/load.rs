//! The load: HTTP/1.1 clients that keep their connections, on one thread. Closed loop: each asks again as soon as it
//! has its answer. Open loop (RATE): requests are due at random times (Poisson), and latency counts from when one was
//! due, whoever was busy then.
//!
//!     load DESCRIPTORS PORT CALL CONNECTIONS SECONDS [RATE]
//!
//! Prints one JSON object. `load DESCRIPTORS PORT CALL show` prints the body of one answer instead, and
//! `load DESCRIPTORS 0 CALL expected` what it should be; `load DESCRIPTORS PORT hold CONNECTIONS SECONDS` holds
//! connections that ask for nothing.

use std::rc::Rc;
use std::time::{Duration, Instant};

use tokio::sync::{Mutex, mpsc};
use transom_bench_peers::Result;
use transom_bench_peers::calls::{self, Call};
use transom_bench_peers::client::Client;

fn main() -> Result<()> {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    tokio::task::LocalSet::new().block_on(&runtime, async {
        match arguments.as_slice() {
            [set, port, call, "show"] => {
                let (status, body) = Client::open(port).await?.ask(&request(set, call)?).await?;
                println!("{status} {}", String::from_utf8_lossy(&body));
                Ok(())
            }
            [set, _, call, "expected"] => {
                println!("{}", Call::find(&calls::pool(set)?, call)?.answer);
                Ok(())
            }
            [_, port, "hold", connections, seconds] => {
                hold(port, connections.parse()?, seconds.parse()?).await
            }
            [set, port, call, connections, seconds, rest @ ..] => {
                let rate = rest.first().map(|rate| rate.parse()).transpose()?;
                let load = Load { port, request: request(set, call)?, seconds: seconds.parse()?, rate };
                println!("{}", load.run(connections.parse()?).await?);
                Ok(())
            }
            _ => Err("usage: load DESCRIPTORS PORT CALL CONNECTIONS SECONDS [RATE]".into()),
        }
    })
}

/// The bytes of a request.
fn request(set: &str, call: &str) -> Result<Rc<[u8]>> {
    let Call { method, path, body, .. } = Call::find(&calls::pool(set)?, call)?;
    let mut head =
        format!("{method} {path} HTTP/1.1\r\nhost: gateway.example.com\r\naccept: application/json\r\n");
    if !body.is_empty() {
        head += &format!("content-type: application/json\r\ncontent-length: {}\r\n", body.len());
    }
    Ok(format!("{head}\r\n{body}").into_bytes().into())
}

struct Load<'a> {
    port: &'a str,
    request: Rc<[u8]>,
    seconds: f64,
    rate: Option<f64>,
}

/// What one client saw.
#[derive(Default)]
struct Seen {
    latencies: Vec<u64>,
    failures: u64,
}

impl Load<'_> {
    async fn run(&self, connections: usize) -> Result<serde_json::Value> {
        let mut clients = Vec::new();
        for _ in 0..connections {
            clients.push(Client::open(self.port).await?);
        }
        let begin = Instant::now();
        let end = begin + Duration::from_secs_f64(self.seconds);
        let due = self.rate.map(|rate| Rc::new(Mutex::new(arrivals(rate, begin, end))));
        let running: Vec<_> = clients
            .into_iter()
            .map(|client| {
                let (request, due) = (Rc::clone(&self.request), due.clone());
                tokio::task::spawn_local(async move {
                    match due {
                        Some(due) => when_due(client, &request, &due).await,
                        None => until(client, &request, end).await,
                    }
                })
            })
            .collect();
        let mut all = Seen::default();
        for client in running {
            let seen = client.await?;
            all.latencies.extend(seen.latencies);
            all.failures += seen.failures;
        }
        Ok(all.told(begin.elapsed()))
    }
}

impl Seen {
    fn told(mut self, elapsed: Duration) -> serde_json::Value {
        self.latencies.sort_unstable();
        let at = |part: f64| {
            #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss)]
            let index = (self.latencies.len() as f64 * part) as usize;
            self.latencies.get(index).copied().unwrap_or_default()
        };
        serde_json::json!({
            "requests": self.latencies.len(),
            "failures": self.failures,
            "seconds": elapsed.as_secs_f64(),
            "p50": at(0.5),
            "p99": at(0.99),
        })
    }
}

/// Says when requests are due, from a thread of its own: the runtime's timer counts whole milliseconds.
fn arrivals(rate: f64, begin: Instant, end: Instant) -> mpsc::UnboundedReceiver<Instant> {
    let (sender, receiver) = mpsc::unbounded_channel();
    std::thread::spawn(move || {
        let mut state = 0x9e37_79b9_7f4a_7c15_u64;
        let mut due = begin;
        loop {
            // xorshift64*, of which 53 bits make a number between 0 and 1.
            state ^= state >> 12;
            state ^= state << 25;
            state ^= state >> 27;
            #[allow(clippy::cast_precision_loss)]
            let uniform =
                ((state.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 11) as f64 + 0.5) / (1_u64 << 53) as f64;
            due += Duration::from_secs_f64(-uniform.ln() / rate);
            if due >= end {
                return;
            }
            std::thread::sleep(due.saturating_duration_since(Instant::now()));
            if sender.send(due).is_err() {
                return;
            }
        }
    });
    receiver
}

async fn until(mut client: Client, request: &[u8], end: Instant) -> Seen {
    let mut seen = Seen::default();
    loop {
        let begin = Instant::now();
        if begin >= end || !ask_for(&mut client, request, begin, &mut seen).await {
            return seen;
        }
    }
}

async fn when_due(mut client: Client, request: &[u8], due: &Mutex<mpsc::UnboundedReceiver<Instant>>) -> Seen {
    let mut seen = Seen::default();
    loop {
        let next = due.lock().await.recv().await;
        let Some(next) = next else { return seen };
        if !ask_for(&mut client, request, next, &mut seen).await {
            return seen;
        }
    }
}

/// Asks once; false when the connection is of no more use.
async fn ask_for(client: &mut Client, request: &[u8], begin: Instant, seen: &mut Seen) -> bool {
    let answered = client.ask(request).await;
    if answered.as_ref().is_ok_and(|(status, _)| *status == 200) {
        seen.latencies.push(u64::try_from(begin.elapsed().as_micros()).unwrap_or(u64::MAX));
    } else {
        seen.failures += 1;
    }
    answered.is_ok()
}

async fn hold(port: &str, connections: usize, seconds: f64) -> Result<()> {
    let mut held = Vec::new();
    for _ in 0..connections {
        held.push(Client::open(port).await?);
    }
    println!("holding");
    tokio::time::sleep(Duration::from_secs_f64(seconds)).await;
    Ok(())
}
