//! Events, as they are written: which message they are, where they wait, where they go.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::units::{ByteSize, Period, Secret};

/// The events of successful calls: methods with `event_options` make them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Events {
    /// The full name of the message that events are. Its fields are found by name.
    #[serde(default = "message")]
    pub message: String,
    /// The `source` of events as CloudEvents.
    #[serde(default = "source")]
    pub source: String,
    /// The `type` of events as CloudEvents, with words in braces: `{event_type}`, `{resource_type}`, `{action}`,
    /// `{account_id}`, `{service}`, `{method}`.
    #[serde(rename = "type", default = "kind")]
    pub kind: String,
    /// Globs of names of a backend's metadata that is for events only: clients do not see it.
    #[serde(default = "hidden_metadata")]
    pub hidden_metadata: Vec<String>,
    /// Where events wait until every sink has them.
    pub queue: EventQueue,
    /// Where events go. Each sink has its own place in the queue, kept under its name.
    pub sinks: Vec<EventSink>,
}

fn message() -> String {
    "qdrant.cloud.event.v1.Event".to_owned()
}

fn source() -> String {
    "transom".to_owned()
}

fn kind() -> String {
    "{resource_type}.{action}".to_owned()
}

fn hidden_metadata() -> Vec<String> {
    vec!["qc-event-*".to_owned()]
}

/// A queue on the disk.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EventQueue {
    /// The file, of this process alone. It is made if it is not there; its folder must be.
    pub path: PathBuf,
    /// The most events that it may hold.
    #[serde(default = "max_events")]
    pub max_events: u64,
    /// The most bytes of events that it may hold; the file is larger by what its pages need.
    #[serde(default = "max_bytes")]
    pub max_bytes: ByteSize,
    /// What gives way when it is full.
    #[serde(default)]
    pub when_full: WhenFull,
    /// How many events may wait in memory for the disk; more are lost.
    #[serde(default = "memory")]
    pub memory: usize,
    /// How long events are gathered before they are put on the disk together. A kill loses what was not yet.
    #[serde(default = "commit_interval")]
    pub commit_interval: Period,
}

fn max_events() -> u64 {
    100_000
}

fn max_bytes() -> ByteSize {
    ByteSize::mib(256)
}

fn memory() -> usize {
    4096
}

fn commit_interval() -> Period {
    Period(Duration::from_millis(5))
}

/// What gives way when a queue is full.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum WhenFull {
    /// The oldest events: sinks that are down lose them, the others have had them.
    #[default]
    DropOldest,
    /// The newest events: no sink gets them.
    DropNewest,
}

/// A place where events go: one of `file`, `webhook` and `nats`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EventSink {
    /// Its name. A sink under a new name gets the events from then on.
    pub name: String,
    /// A file of JSON lines.
    pub file: Option<EventFile>,
    /// An HTTP server that takes CloudEvents.
    pub webhook: Option<Webhook>,
    /// A stream of NATS JetStream.
    pub nats: Option<Nats>,
    /// The longest pause between two attempts.
    #[serde(default = "max_backoff")]
    pub max_backoff: Period,
    /// How often an event is offered that the sink refuses, before it is given up.
    #[serde(default = "attempts")]
    pub attempts: u32,
}

fn max_backoff() -> Period {
    Period(Duration::from_secs(30))
}

fn attempts() -> u32 {
    5
}

/// A file of JSON lines.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EventFile {
    /// The file; it and its folder are made if they are not there.
    pub path: PathBuf,
    /// Before it grows beyond this it is renamed to `NAME.1`, that to `NAME.2` and so on.
    #[serde(default = "max_size")]
    pub max_size: ByteSize,
    /// How many renamed files are kept.
    #[serde(default = "keep")]
    pub keep: u32,
}

fn max_size() -> ByteSize {
    ByteSize::mib(64)
}

fn keep() -> u32 {
    5
}

/// An HTTP server that takes CloudEvents in structured mode.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Webhook {
    /// Where events are posted: `https://HOST/PATH`.
    pub url: String,
    /// Headers of each request. Their values are shown nowhere.
    #[serde(default)]
    pub headers: BTreeMap<String, Secret>,
    /// How long an answer may take.
    #[serde(default = "timeout")]
    pub timeout: Period,
    /// PEM file of trusted certificates; `null`: the system's.
    pub roots: Option<PathBuf>,
}

fn timeout() -> Period {
    Period(Duration::from_secs(10))
}

/// A stream of NATS JetStream.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Nats {
    /// `nats://HOST:PORT` or `tls://HOST:PORT`; several servers of a cluster with commas between.
    pub url: String,
    /// The subject, with words in braces as in `type`.
    #[serde(default = "subject")]
    pub subject: String,
    /// The stream that must take the events; `null`: whichever has the subject.
    pub stream: Option<String>,
    /// The token that lets it in; not together with `user`.
    pub token: Option<Secret>,
    /// The user that lets it in, with `password`.
    pub user: Option<String>,
    /// The password of the user.
    pub password: Option<Secret>,
    /// PEM file of certificates that are trusted beside the system's.
    pub roots: Option<PathBuf>,
    /// PEM file of the client certificate, with `key`.
    pub certificate: Option<PathBuf>,
    /// PEM file of the client certificate's key.
    pub key: Option<PathBuf>,
    /// How long connecting, and each acknowledgement, may take.
    #[serde(default = "ack_timeout")]
    pub timeout: Period,
}

fn subject() -> String {
    "events.{resource_type}.{action}".to_owned()
}

fn ack_timeout() -> Period {
    Period(Duration::from_secs(5))
}
