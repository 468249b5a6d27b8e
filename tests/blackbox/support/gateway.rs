//! A gateway under test: the real binary with a config file of its own, on free ports.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::{Method, Request};
use http_body_util::Full;
use serde_json::Value;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, AsyncRead, BufReader};
use tokio::process::{Child, Command};

use super::{Answer, Client, until};

/// What a gateway under test is started with: a folder with its config and whatever files it names.
#[derive(Debug)]
pub struct GatewayBuilder {
    folder: TempDir,
    config: String,
    admin: bool,
    alone: bool,
}

/// A running gateway process; dropping it kills it.
#[derive(Debug)]
pub struct Gateway {
    folder: TempDir,
    process: Child,
    output: Arc<Mutex<Vec<String>>>,
    /// Every address it said it listens on, by listener name.
    addresses: Vec<(String, String)>,
}

/// A gateway that did not start.
#[derive(Debug)]
pub struct Refused {
    /// Its exit code.
    pub code: Option<i32>,
    /// Everything it printed.
    pub output: String,
}

impl GatewayBuilder {
    pub fn new() -> Self {
        Self {
            folder: tempfile::tempdir().expect("a folder"),
            config: String::new(),
            admin: true,
            alone: false,
        }
    }

    /// A file beside the config.
    pub fn file(self, name: &str, text: impl AsRef<[u8]>) -> Self {
        write(&self.folder.path().join(name), text);
        self
    }

    /// Gives it one processor.
    pub fn on_one_processor(mut self) -> Self {
        self.alone = true;
        self
    }

    /// More config, YAML at the top level.
    pub fn config(mut self, yaml: &str) -> Self {
        self.config.push_str(yaml);
        self.config.push('\n');
        self
    }

    /// The model API of this repository as the contract.
    pub fn model_api(self) -> Self {
        let protos = Path::new(env!("CARGO_MANIFEST_DIR")).join("proto");
        self.config(&format!("schema:\n  protos: [{}]", protos.display()))
    }

    /// One plain-text upstream for everything.
    pub fn upstream(self, address: impl std::fmt::Display) -> Self {
        self.upstream_url(&format!("http://{address}"))
    }

    /// One upstream for everything.
    pub fn upstream_url(self, url: &str) -> Self {
        self.config(&format!("upstreams:\n  - name: backend\n    url: {url}"))
    }

    /// Starts the gateway and waits until it listens.
    pub async fn start(self) -> Gateway {
        match self.try_start().await {
            Ok(gateway) => gateway,
            Err(refused) => panic!("the gateway did not start:\n{}", refused.output),
        }
    }

    /// Starts a gateway that must not start.
    pub async fn refused(self) -> Refused {
        self.try_start().await.expect_err("the gateway refuses to start")
    }

    /// Starts the gateway, or says why it did not start.
    pub async fn try_start(self) -> Result<Gateway, Refused> {
        let mut config = self.config;
        if !config.lines().any(|line| line.starts_with("listen:")) {
            config.push_str("listen: 127.0.0.1:0\n");
        }
        if self.admin && !config.lines().any(|line| line.starts_with("admin:")) {
            config.push_str("admin:\n  listen: 127.0.0.1:0\n");
        }
        if !config.lines().any(|line| line.starts_with("telemetry:")) {
            config.push_str("telemetry:\n  format: json\n");
        }
        let file = self.folder.path().join("transom.yaml");
        write(&file, config);
        let mut process = command(self.alone)
            .args(["serve", "--config"])
            .arg(&file)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("the binary starts");
        let output = Arc::new(Mutex::new(Vec::new()));
        let readers = [
            record(process.stdout.take().expect("piped"), &output),
            record(process.stderr.take().expect("piped"), &output),
        ];
        let mut gateway = Gateway { folder: self.folder, process, output, addresses: Vec::new() };
        let started = until("the gateway to listen or to stop", async || {
            if gateway.events("serving").next().is_some() {
                return Some(true);
            }
            gateway.process.try_wait().expect("a process").map(|_| false)
        })
        .await;
        if !started {
            for reader in readers {
                reader.await.expect("read to the end");
            }
            return Err(Refused { code: gateway.exit().await, output: gateway.output().join("\n") });
        }
        gateway.addresses = gateway
            .events("listening")
            .map(|event| {
                let text = |key: &str| event["fields"][key].as_str().unwrap_or_default().to_owned();
                (text("listener"), text("address"))
            })
            .collect();
        Ok(gateway)
    }
}

/// The program, with the processors that there are or with the first of them alone.
fn command(alone: bool) -> Command {
    let program = env!("CARGO_BIN_EXE_transom");
    if !alone {
        return Command::new(program);
    }
    let status = std::fs::read_to_string("/proc/self/status").expect("a status");
    let allowed =
        status.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:")).expect("processors");
    let first = allowed.trim().split([',', '-']).next().expect("a processor");
    let mut command = Command::new("taskset");
    command.args(["--cpu-list", first, program]);
    command
}

fn write(file: &Path, text: impl AsRef<[u8]>) {
    std::fs::create_dir_all(file.parent().expect("a folder")).expect("made");
    std::fs::write(file, text).expect("written");
}

fn record(
    stream: impl AsyncRead + Unpin + Send + 'static,
    output: &Arc<Mutex<Vec<String>>>,
) -> tokio::task::JoinHandle<()> {
    let output = Arc::clone(output);
    tokio::spawn(async move {
        let mut lines = BufReader::new(stream).lines();
        while let Ok(Some(line)) = lines.next_line().await {
            output.lock().expect("not poisoned").push(line);
        }
    })
}

impl Gateway {
    /// The `host:port` of the first public listener.
    pub fn address(&self) -> &str {
        self.listener("public")
    }

    /// The address of the first listener of this name.
    pub fn listener(&self, name: &str) -> &str {
        let found = self.addresses.iter().find(|(listener, _)| listener == name);
        &found.unwrap_or_else(|| panic!("no listener {name} in {:?}", self.addresses)).1
    }

    /// A file beside the config.
    pub fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Replaces a file beside the config.
    pub fn write(&self, name: &str, text: impl AsRef<[u8]>) {
        write(&self.file(name), text);
    }

    pub fn client(&self) -> Client {
        Client::Tcp(self.address().to_owned())
    }

    pub fn admin(&self) -> Client {
        Client::Tcp(self.listener("admin").to_owned())
    }

    pub async fn get(&self, target: &str) -> Answer {
        self.request(Method::GET, target, &[], "").await
    }

    pub async fn post(&self, target: &str, body: impl Into<Bytes>) -> Answer {
        self.request(Method::POST, target, &[("content-type", "application/json")], body).await
    }

    /// One request on a connection of its own.
    pub async fn request(
        &self,
        method: Method,
        target: &str,
        headers: &[(&str, &str)],
        body: impl Into<Bytes>,
    ) -> Answer {
        self.client().send(request(method, target, headers, body)).await
    }

    /// Everything printed so far, both streams.
    pub fn output(&self) -> Vec<String> {
        self.output.lock().expect("not poisoned").clone()
    }

    /// The access log's record of a path, once it is there.
    pub async fn logged(&self, path: &str) -> Value {
        self.record(|record| record["path"] == path).await
    }

    /// The first record of the access log that fits, once it is there.
    pub async fn record(&self, fits: impl Fn(&Value) -> bool) -> Value {
        until("the call to be logged", async || {
            let lines = self.output();
            let mut records = lines.iter().filter_map(|line| serde_json::from_str::<Value>(line).ok());
            records.find(|record| fits(record))
        })
        .await
    }

    /// The JSON log events of this message.
    pub fn events<'e>(&self, message: &'e str) -> impl Iterator<Item = Value> + use<'e> {
        let lines = self.output();
        lines
            .into_iter()
            .filter_map(|line| serde_json::from_str::<Value>(&line).ok())
            .filter(move |event| event["fields"]["message"] == message)
    }

    /// The process's id.
    pub fn id(&self) -> u32 {
        self.process.id().expect("running")
    }

    /// Sends a signal by name (`HUP`, `TERM`).
    pub fn signal(&self, name: &str) {
        let id = self.id().to_string();
        let status = std::process::Command::new("kill").args([&format!("-{name}"), &id]).status();
        assert!(status.expect("kill runs").success(), "the signal is sent");
    }

    /// Waits until the process ends; its exit code.
    pub async fn exit(&mut self) -> Option<i32> {
        self.process.wait().await.expect("a process").code()
    }
}

/// A request with headers and a body.
pub fn request(
    method: Method,
    target: &str,
    headers: &[(&str, &str)],
    body: impl Into<Bytes>,
) -> Request<Full<Bytes>> {
    let mut request = Request::builder().method(method).uri(target);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(Full::new(body.into())).expect("a request")
}
