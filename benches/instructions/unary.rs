//! Whole unary calls: a gateway on the main thread, a client and a backend with ready answers on threads of their own,
//! so that only what the gateway does is counted. Called by `calls`, in the same manner as its other cases.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::{Arc, mpsc};
use std::thread;

use allocation_counter::measure;
use bytes::Bytes;
use http::{HeaderMap, Response};
use tokio::net::TcpListener;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::{oneshot, watch};
use transom::config::{self, Sources};
use transom::gateway::Snapshot;
use transom::problem::Problems;
use transom::serve::{self, Front, Layers, ListenAddress, Stop};
use transom::telemetry;
use transom::wire::frame;

/// How often a case is counted.
const ROUNDS: usize = 5;

/// A gateway before a backend that has one answer for each method.
pub struct Unary {
    runtime: Runtime,
    address: SocketAddr,
    _stop: watch::Sender<Stop>,
}

impl Unary {
    /// Starts both. `answers`: `Method` and the message that it answers.
    pub fn start(answers: Vec<(&'static str, Vec<u8>)>) -> Self {
        let backend = start_backend(answers);
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("transom.yaml");
        std::fs::write(&file, config(backend)).expect("written");
        let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
        let (stop, stopped) = watch::channel(Stop::No);
        let address = runtime.block_on(async {
            let mut problems = Problems::new();
            let sources = Sources { file: Some(file), ..Sources::default() };
            let settings = config::load(&sources, &mut problems).unwrap_or_else(|| panic!("{problems}"));
            let telemetry = telemetry::start(&settings.telemetry, &mut problems).expect("telemetry");
            let layers = Layers::prepare(&settings.serve.layers, &mut problems).expect("layers");
            let snapshot = Snapshot::build(&settings.gateway, None, &mut problems);
            let snapshot = Arc::new(snapshot.unwrap_or_else(|| panic!("{problems}")));
            let listeners = serve::bind(&settings.serve, &mut problems).expect("a listener");
            let ListenAddress::Tcp(address) = listeners.addresses()[0] else { panic!("a TCP listener") };
            let front = Arc::new(Front::new(snapshot, &layers, telemetry.recorder().clone()));
            tokio::spawn(listeners.run(front, stopped));
            // It would write to the log what was not asked for here.
            std::mem::forget(telemetry);
            address
        });
        Self { runtime, address, _stop: stop }
    }

    /// Counts the allocations of one call, then gives `repeats` of them to `counted`, several times over: a call now and
    /// then takes a turn more of its runtime, by how client and backend are scheduled, and the least is what it needs.
    /// `expected` is a part of the answer, and `request` a whole one.
    pub fn case(
        &self,
        name: &str,
        request: String,
        expected: &'static str,
        repeats: usize,
        counted: fn(&mut dyn FnMut()),
    ) {
        let (orders, taken) = mpsc::channel::<(usize, oneshot::Sender<()>)>();
        let address = self.address;
        let client = thread::spawn(move || {
            let mut client = TcpStream::connect(address).expect("connected");
            client.set_nodelay(true).expect("an option");
            while let Ok((count, done)) = taken.recv() {
                for _ in 0..count {
                    client.write_all(request.as_bytes()).expect("sent");
                    let answer = read_answer(&mut client);
                    assert!(answer.contains(expected), "{answer}");
                }
                done.send(()).expect("waited for");
            }
        });
        let calls = |count| {
            let (done, end) = oneshot::channel();
            orders.send((count, done)).expect("a client");
            self.runtime.block_on(end).expect("answered");
        };
        // The first ones open connections and fill what is kept for the next ones.
        calls(10);
        for _ in 0..ROUNDS {
            let allocations = measure(|| calls(repeats)).count_total / repeats as u64;
            println!("{name} {repeats} {allocations}");
            counted(&mut || calls(repeats));
        }
        drop(orders);
        client.join().expect("a client");
    }
}

fn config(backend: SocketAddr) -> String {
    format!(
        "listen: 127.0.0.1:0\nschema: {{embedded_api: true}}\nupstreams: [{{url: 'http://{backend}'}}]\n\
         json: {{unset_fields: omit}}\nadmin: {{listen: null}}\nreload: {{watch: false}}\ntelemetry: {{access_log: false}}\n"
    )
}

/// Reads one answer that tells its length.
fn read_answer(client: &mut TcpStream) -> String {
    let (mut answer, mut piece) = (Vec::new(), vec![0; 64 * 1024]);
    loop {
        let read = client.read(&mut piece).expect("read");
        assert!(read > 0, "the connection goes on");
        answer.extend_from_slice(&piece[..read]);
        let Some(head) = answer.windows(4).position(|bytes| bytes == b"\r\n\r\n") else { continue };
        let text = String::from_utf8_lossy(&answer[..head]).to_lowercase();
        let (_, length) = text.split_once("content-length: ").expect("a length");
        let length: usize = length.lines().next().expect("a line").parse().expect("a number");
        if answer.len() == head + 4 + length {
            return String::from_utf8(answer).expect("text");
        }
    }
}

fn start_backend(answers: Vec<(&'static str, Vec<u8>)>) -> SocketAddr {
    let (told, address) = mpsc::channel();
    let answers: Arc<[(&'static str, Bytes)]> = answers
        .into_iter()
        .map(|(method, message)| {
            (method, Bytes::from([&frame::prefix(message.len())[..], &message].concat()))
        })
        .collect();
    thread::spawn(move || {
        Builder::new_current_thread().enable_all().build().expect("a runtime").block_on(async move {
            let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
            told.send(listener.local_addr().expect("an address")).expect("waited for");
            loop {
                let (stream, _) = listener.accept().await.expect("a connection");
                stream.set_nodelay(true).expect("an option");
                let answers = Arc::clone(&answers);
                tokio::spawn(async move {
                    let mut connection = h2::server::handshake(stream).await.expect("HTTP/2");
                    while let Some(Ok((request, mut respond))) = connection.accept().await {
                        let method = request.uri().path().rsplit('/').next().unwrap_or_default();
                        let (_, answer) = answers.iter().find(|(of, _)| *of == method).expect("an answer");
                        let head = Response::builder().header("content-type", "application/grpc");
                        let head = head.body(()).expect("a head");
                        let mut stream = respond.send_response(head, false).expect("sent");
                        stream.send_data(answer.clone(), false).expect("sent");
                        let mut trailers = HeaderMap::new();
                        trailers.insert("grpc-status", "0".parse().expect("a value"));
                        stream.send_trailers(trailers).expect("sent");
                    }
                });
            }
        });
    });
    address.recv().expect("a backend")
}
