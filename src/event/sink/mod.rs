//! Where events go: a file, a webhook, NATS. Each takes a batch of events in order and says how many it took.

mod file;
mod nats;
mod webhook;

use std::path::Path;
use std::time::Duration;

pub use self::file::FileSettings;
use self::file::FileSink;
use self::nats::NatsSink;
pub use self::nats::{NatsAccess, NatsSettings};
use self::webhook::Webhook;
pub use self::webhook::WebhookSettings;
use super::envelope::Envelope;
use super::record::Record;
use crate::upstream::TlsSettings;

/// A sink and how patient its delivery is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SinkSettings {
    /// Its name: its place in the queue is kept under it.
    pub name: String,
    /// Where events go.
    pub target: Target,
    /// The longest pause between two attempts.
    pub max_backoff: Duration,
    /// How often an event is offered that the sink refuses, before it is given up.
    pub attempts: u32,
}

/// Where events go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// A file of JSON lines.
    File(FileSettings),
    /// An HTTP server that takes CloudEvents.
    Webhook(WebhookSettings),
    /// A JetStream stream of NATS.
    Nats(NatsSettings),
}

impl Target {
    /// A hash of what stands in the certificate files that it names.
    pub(super) fn fingerprint(&self) -> u64 {
        let (roots, identity) = match self {
            Self::File(_) => (None, None),
            Self::Webhook(webhook) => (webhook.roots.clone(), None),
            Self::Nats(nats) => (nats.roots.clone(), nats.certificate.clone()),
        };
        let (certificate, key) = identity.unzip();
        TlsSettings { roots, certificate, key, server_name: None }.fingerprint()
    }
}

/// A sink that is ready to take events.
pub(super) enum Sink {
    File(FileSink),
    Webhook(Box<Webhook>),
    Nats(Box<NatsSink>),
}

/// How a delivery went: the first so many were taken, and why not the next one.
#[derive(Debug, Default)]
pub(super) struct Delivered {
    pub taken: usize,
    pub fault: Option<Fault>,
}

/// Why an event was not taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fault {
    /// For the log.
    pub why: String,
    /// Whether the sink does not want this event, so that trying again will hardly help.
    pub refused: bool,
    /// How long the sink asks to wait.
    pub wait: Option<Duration>,
}

impl std::fmt::Debug for Sink {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::File(_) => "File",
            Self::Webhook(_) => "Webhook",
            Self::Nats(_) => "Nats",
        })
    }
}

impl Fault {
    pub fn of(why: impl Into<String>) -> Self {
        Self { why: why.into(), refused: false, wait: None }
    }
}

impl Sink {
    /// Prepares a sink; nothing is opened yet.
    ///
    /// # Errors
    /// Why it cannot be.
    pub fn prepare(settings: &SinkSettings, envelope: &Envelope) -> Result<Self, String> {
        match &settings.target {
            Target::File(file) => Ok(Self::File(FileSink::new(file.clone()))),
            Target::Webhook(webhook) => {
                Webhook::prepare(webhook, envelope.clone()).map(Box::new).map(Self::Webhook)
            }
            Target::Nats(nats) => NatsSink::prepare(nats, envelope.clone()).map(Box::new).map(Self::Nats),
        }
    }

    /// Offers events in order.
    pub async fn deliver(&mut self, events: &[Record]) -> Delivered {
        match self {
            Self::File(file) => file.deliver(events).await,
            Self::Webhook(webhook) => webhook.deliver(events).await,
            Self::Nats(nats) => nats.deliver(events).await,
        }
    }

    /// The file that it writes.
    pub fn file(&self) -> Option<&Path> {
        match self {
            Self::File(file) => Some(file.path()),
            Self::Webhook(_) | Self::Nats(_) => None,
        }
    }

    /// Whether a delivery may be broken off: one to a file is short, and goes on behind one's back.
    pub fn may_break_off(&self) -> bool {
        !matches!(self, Self::File(_))
    }
}
