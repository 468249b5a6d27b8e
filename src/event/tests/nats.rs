//! A real `nats-server`. Without one the test says so and succeeds; under `CI` it fails then.

use std::process::{Child, Command, Stdio};

use async_nats::jetstream;

use super::*;

/// A server of its own, killed at the end.
struct Server {
    process: Child,
    folder: tempfile::TempDir,
    url: String,
}

impl Server {
    /// Starts one on a free port; `None` where there is none to start.
    async fn start() -> Option<Self> {
        if Command::new("nats-server").arg("--version").stdout(Stdio::null()).status().is_err() {
            assert!(std::env::var_os("CI").is_none(), "there is no nats-server");
            eprintln!("SKIP: there is no nats-server");
            return None;
        }
        let folder = tempfile::tempdir().expect("a folder");
        let mut server = Self { process: Self::spawn(&folder, "-1"), folder, url: String::new() };
        server.find().await;
        Some(server)
    }

    fn spawn(folder: &tempfile::TempDir, port: &str) -> Child {
        let path = folder.path().to_str().expect("a plain path");
        Command::new("nats-server")
            .args([
                "-a",
                "127.0.0.1",
                "-p",
                port,
                "-js",
                "-sd",
                path,
                "--ports_file_dir",
                path,
                "--auth",
                "hunter2",
            ])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("started")
    }

    async fn find(&mut self) {
        let ports = self.folder.path().join(format!("nats-server_{}.ports", self.process.id()));
        let mut found = None;
        until("the server to listen", || {
            let text = std::fs::read_to_string(&ports).unwrap_or_default();
            let ports: serde_json::Value = serde_json::from_str(&text).unwrap_or_default();
            found = ports["nats"][0].as_str().map(str::to_owned);
            found.is_some()
        })
        .await;
        self.url = found.expect("found");
    }

    /// Kills it; `start_again` starts it on the same port with what it had stored.
    fn stop(&mut self) {
        self.process.kill().expect("killed");
        self.process.wait().expect("ended");
    }

    async fn start_again(&mut self) {
        let (_, port) = self.url.rsplit_once(':').expect("a port");
        self.process = Self::spawn(&self.folder, port);
        self.find().await;
    }

    async fn stream(&self) -> jetstream::Context {
        let options = async_nats::ConnectOptions::with_token("hunter2".to_owned());
        jetstream::new(options.connect(&self.url).await.expect("connected"))
    }

    fn target(&self, stream: Option<&str>) -> Target {
        Target::Nats(NatsSettings {
            url: self.url.clone(),
            subject: Naming::parse("events.{resource_type}.{action}").expect("one"),
            stream: stream.map(str::to_owned),
            access: NatsAccess::Token(units::Secret::new("hunter2")),
            roots: None,
            certificate: None,
            timeout: Duration::from_secs(1),
        })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop();
    }
}

/// The messages that a stream holds.
async fn held(context: &jetstream::Context) -> Vec<jetstream::message::StreamMessage> {
    let mut stream = context.get_stream("AUDIT").await.expect("the stream");
    let count = stream.info().await.expect("its state").state.messages;
    let mut messages = Vec::new();
    for sequence in 1..=count {
        messages.push(stream.get_raw_message(sequence).await.expect("a message"));
    }
    messages
}

fn cluster(message: &jetstream::message::StreamMessage) -> String {
    let body: serde_json::Value = serde_json::from_slice(&message.payload).expect("JSON");
    resource(&body["data"])
}

#[tokio::test]
async fn a_stream_gets_each_event_once_in_order_through_a_restart_of_the_server() {
    let Some(mut server) = Server::start().await else { return };
    let context = server.stream().await;
    let config = jetstream::stream::Config {
        name: "AUDIT".into(),
        subjects: vec!["events.>".into()],
        ..Default::default()
    };
    context.create_stream(config).await.expect("a stream");
    let folder = tempfile::tempdir().expect("a folder");
    let events = started(&settings(folder.path(), vec![sink("nats", server.target(Some("AUDIT")))]), None);
    push_all(&events, 0..20);
    until("twenty events", || events.figures().sinks[0].delivered == 20).await;

    server.stop();
    push_all(&events, 20..40);
    until("a failure", || events.figures().sinks[0].failed > 0).await;
    server.start_again().await;
    until("forty events", || events.figures().sinks[0].delivered == 40).await;

    let context = server.stream().await;
    let messages = held(&context).await;
    assert_eq!(messages.iter().map(cluster).collect::<Vec<_>>(), numbers(0..40));
    let first = &messages[0];
    assert_eq!(first.subject.as_str(), "events.cluster.deleted");
    let header = |name: &str| first.headers.get(name).map(ToString::to_string);
    let body: serde_json::Value = serde_json::from_slice(&first.payload).expect("JSON");
    assert_eq!(header("Nats-Msg-Id").as_deref(), body["id"].as_str());
    assert_eq!(header("Content-Type").as_deref(), Some("application/cloudevents+json; charset=UTF-8"));
    assert_eq!((&body["specversion"], &body["type"]), (&"1.0".into(), &"cluster.deleted".into()));
    finish(&events).await;
}

#[tokio::test]
async fn an_event_that_comes_twice_is_stored_once() {
    let Some(server) = Server::start().await else { return };
    let context = server.stream().await;
    let config = jetstream::stream::Config {
        name: "AUDIT".into(),
        subjects: vec!["events.>".into()],
        ..Default::default()
    };
    context.create_stream(config).await.expect("a stream");
    let settings = sink("nats", server.target(None));
    let envelope = Envelope { source: "test".into(), kind: Naming::parse("x").expect("one") };
    let record = record::decode(&record::encode(&event("7")).expect("encoded")).expect("decoded");
    for _ in 0..2 {
        let mut sink = Sink::prepare(&settings, &envelope).expect("prepared");
        assert_eq!(sink.deliver(std::slice::from_ref(&record)).await.taken, 1);
    }
    assert_eq!(held(&context).await.len(), 1);
}

#[tokio::test]
async fn without_a_stream_nothing_is_taken() {
    let Some(server) = Server::start().await else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let events = started(&settings(folder.path(), vec![sink("nats", server.target(None))]), None);
    push_all(&events, 0..1);
    until("failures", || events.figures().sinks[0].failed >= 2).await;
    assert_eq!(events.figures().sinks[0].delivered, 0);
}
