//! The program serves the whole tree, clients call it without pause, and the contract changes under them: by the file
//! that is watched, by a hangup, by the admin listener. No request may fail.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use http::Method;
use transom::demo::{Backend, Options};
use transom::rule::{Binding, HttpMethod};
use transom::schema::Schema;

use crate::Outcome;
use crate::client::{Answer, Client};
use crate::sample;
use crate::tree::{Tree, probe_path};

/// How often the contract changes.
const ROUNDS: usize = 6;
/// How many clients call beside.
const CLIENTS: usize = 4;
/// How many routes they call.
const CALLED: usize = 400;
/// How long a reload may take.
const PATIENCE: Duration = Duration::from_mins(2);

pub fn under_load(tree: &Tree, program: &Path, schema: &Schema, bindings: &[Binding]) -> Outcome {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    let options = Options { remembered_calls: 0, ..Options::default() };
    let any_port = SocketAddr::from(([127, 0, 0, 1], 0));
    let backend = runtime.block_on(Backend::start_with(schema.pool().clone(), any_port, options))?;
    let gateway = Gateway::start(program, &tree.write_config(backend.url())?)?;
    let calls = calls(gateway.public, bindings)?;
    let load = Load::default();
    thread::scope(|scope| {
        for first in 0..CLIENTS {
            let (load, calls) = (&load, &calls);
            scope.spawn(move || load.run(gateway.public, calls, first));
        }
        let reloaded = (1..=ROUNDS).try_for_each(|round| reload(tree, &gateway, round));
        load.stop.store(true, Ordering::Relaxed);
        reloaded
    })?;
    load.told()
}

/// One change, until it serves.
fn reload(tree: &Tree, gateway: &Gateway, round: usize) -> Outcome {
    let started = Instant::now();
    tree.change(round)?;
    match round % 3 {
        0 => gateway.hang_up()?,
        1 => {
            let answer = Client::connect(gateway.admin)?.send("POST", "/reload")?;
            if answer.status != 200 {
                return Err(format!("/reload: {}", String::from_utf8_lossy(&answer.body)).into());
            }
        }
        // The file is watched.
        _ => {}
    }
    let mut client = Client::connect(gateway.public)?;
    while client.send("GET", &probe_path("x", round))?.status != 200 {
        if started.elapsed() > PATIENCE {
            return Err(format!("change {round} does not serve").into());
        }
        thread::park_timeout(Duration::from_millis(20));
    }
    println!("reload {round}: serves after {:.1} s", started.elapsed().as_secs_f64());
    Ok(())
}

/// Calls that the backend answers with a message, all over the tree, and their answers.
fn calls(address: SocketAddr, bindings: &[Binding]) -> Outcome<Vec<(String, String, Answer)>> {
    let gets: Vec<_> =
        bindings.iter().filter(|binding| binding.method == HttpMethod::Exact(Method::GET)).cloned().collect();
    let mut client = Client::connect(address)?;
    let mut calls = Vec::new();
    let of_gets = sample::requests(&gets).into_iter().filter(|(method, _)| method == Method::GET);
    for (method, path) in of_gets.step_by(3) {
        // What has no length is a stream.
        let Ok(answer) = client.send(method.as_str(), &path) else {
            client = Client::connect(address)?;
            continue;
        };
        if answer.status == 200 {
            calls.push((method.to_string(), path, answer));
        }
        if calls.len() == CALLED {
            break;
        }
    }
    if calls.len() < CALLED / 4 {
        return Err(format!("only {} routes answer with a message", calls.len()).into());
    }
    Ok(calls)
}

/// How requests went beside the reloads.
#[derive(Default)]
struct Load {
    stop: AtomicBool,
    served: AtomicUsize,
    failed: Mutex<Vec<String>>,
    slowest: Mutex<Duration>,
}

impl Load {
    fn run(&self, address: SocketAddr, calls: &[(String, String, Answer)], first: usize) {
        let mut slowest = Duration::ZERO;
        let outcome = Client::connect(address).and_then(|mut client| {
            let from = first * calls.len() / CLIENTS;
            for (method, path, expected) in calls.iter().cycle().skip(from) {
                if self.stop.load(Ordering::Relaxed) {
                    break;
                }
                let sent = Instant::now();
                let answer = client.send(method, path)?;
                slowest = slowest.max(sent.elapsed());
                if answer == *expected {
                    self.served.fetch_add(1, Ordering::Relaxed);
                } else {
                    self.fail(format!(
                        "{method} {path}: {} {}",
                        answer.status,
                        String::from_utf8_lossy(&answer.body)
                    ));
                }
            }
            Ok(())
        });
        if let Err(error) = outcome {
            self.fail(error.to_string());
        }
        if let Ok(mut all) = self.slowest.lock() {
            *all = all.max(slowest);
        }
    }

    fn fail(&self, what: String) {
        if let Ok(mut failed) = self.failed.lock() {
            failed.push(what);
        }
    }

    fn told(&self) -> Outcome {
        let (served, failed) =
            (self.served.load(Ordering::Relaxed), self.failed.lock().map_err(|_| "poisoned")?);
        let slowest = *self.slowest.lock().map_err(|_| "poisoned")?;
        println!(
            "load: {served} requests beside {ROUNDS} reloads, {} failed, the slowest took {slowest:.0?}",
            failed.len()
        );
        match failed.first() {
            Some(first) => Err(format!("{} requests failed: {first}", failed.len()).into()),
            None if served < 1000 => Err("there was hardly any load".into()),
            None => Ok(()),
        }
    }
}

/// The running program; it ends with this.
struct Gateway {
    child: Child,
    public: SocketAddr,
    admin: SocketAddr,
}

impl Gateway {
    fn start(program: &Path, config: &Path) -> Outcome<Self> {
        let mut command = Command::new(program);
        command.arg("serve").arg("--config").arg(config).env("RUST_LOG", "info");
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
        let (out, err) = (child.stdout.take(), child.stderr.take());
        let (told, lines) = std::sync::mpsc::channel();
        for pipe in
            [out.map(|out| Box::new(out) as Box<dyn std::io::Read + Send>), err.map(|err| Box::new(err) as _)]
        {
            let (pipe, told) = (pipe.ok_or("no pipe")?, told.clone());
            // Read to the end, so that the program never waits for its log to be read.
            thread::spawn(move || {
                for line in BufReader::new(pipe).lines().map_while(Result::ok) {
                    // Nobody listens once it serves.
                    told.send(line).ok();
                }
            });
        }
        let (mut public, mut admin) = (None, None);
        let mut gateway = Self { child, public: ([0; 4], 0).into(), admin: ([0; 4], 0).into() };
        while public.is_none() || admin.is_none() {
            let line = lines.recv_timeout(PATIENCE).map_err(|_| "the program does not serve")?;
            let address = line.rsplit_once("address=").and_then(|(_, address)| address.trim().parse().ok());
            if line.contains("listener=\"public\"") {
                public = address;
            } else if line.contains("listener=\"admin\"") {
                admin = address;
            }
        }
        (gateway.public, gateway.admin) = (public.ok_or("no address")?, admin.ok_or("no address")?);
        Ok(gateway)
    }

    fn hang_up(&self) -> Outcome {
        let killed = Command::new("kill").arg("-HUP").arg(self.child.id().to_string()).status()?;
        if killed.success() { Ok(()) } else { Err("the program cannot be signalled".into()) }
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        // It may have ended already.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}
