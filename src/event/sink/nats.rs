//! NATS JetStream: an event is a CloudEvent under a subject, with its id as `Nats-Msg-Id`, so that the stream drops
//! what comes twice. Taken is what the stream has acknowledged.

use std::path::PathBuf;
use std::time::Duration;

use async_nats::jetstream::context::{ContextBuilder, PublishErrorKind};
use async_nats::jetstream::{self, message::PublishMessage};
use async_nats::{ConnectOptions, ServerAddr};

use super::super::envelope::{Envelope, MEDIA_TYPE};
use super::super::naming::Naming;
use super::super::record::Record;
use super::{Delivered, Fault};
use crate::units::Secret;

/// A stream of NATS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NatsSettings {
    /// `nats://HOST:PORT` or `tls://HOST:PORT`, with commas between several.
    pub url: String,
    /// The subject.
    pub subject: Naming,
    /// The stream that must take it; `None`: whichever has the subject.
    pub stream: Option<String>,
    /// How the server lets it in.
    pub access: NatsAccess,
    /// PEM file of trusted roots, beside the system's.
    pub roots: Option<PathBuf>,
    /// PEM files of a client certificate and its key.
    pub certificate: Option<(PathBuf, PathBuf)>,
    /// How long connecting, and each acknowledgement, may take.
    pub timeout: Duration,
}

/// How a server lets a client in.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum NatsAccess {
    /// As it is.
    #[default]
    Open,
    /// With a token.
    Token(Secret),
    /// With a user and a password.
    User(String, Secret),
}

/// The stream, connected to when the first event comes.
pub(in super::super) struct NatsSink {
    settings: NatsSettings,
    addresses: Vec<ServerAddr>,
    envelope: Envelope,
    stream: Option<jetstream::Context>,
}

impl NatsSink {
    pub fn prepare(settings: &NatsSettings, envelope: Envelope) -> Result<Self, String> {
        let addresses = settings.url.split(',').map(|url| url.trim().parse::<ServerAddr>());
        let addresses = addresses.collect::<Result<_, _>>().map_err(|fault| fault.to_string())?;
        Ok(Self { settings: settings.clone(), addresses, envelope, stream: None })
    }

    /// Publishes one event after the other, each when the one before was acknowledged: so they stay in order.
    pub async fn deliver(&mut self, events: &[Record]) -> Delivered {
        let stream = match &self.stream {
            Some(stream) => stream.clone(),
            None => match self.connect().await {
                Ok(stream) => self.stream.insert(stream).clone(),
                Err(why) => return Delivered { taken: 0, fault: Some(Fault::of(why)) },
            },
        };
        let mut taken = 0;
        for event in events {
            if let Err(fault) = self.publish(&stream, event).await {
                return Delivered { taken, fault: Some(fault) };
            }
            taken += 1;
        }
        Delivered { taken, fault: None }
    }

    async fn publish(&self, stream: &jetstream::Context, event: &Record) -> Result<(), Fault> {
        let published = stream.send_publish(self.settings.subject.subject(event), self.message(event)).await;
        let acknowledged = match published {
            Ok(published) => published.await,
            Err(fault) => Err(fault),
        };
        acknowledged.map(drop).map_err(|fault| Fault {
            // Larger than the server takes: it will not become smaller.
            refused: fault.kind() == PublishErrorKind::MaxPayloadExceeded,
            ..Fault::of(fault.to_string())
        })
    }

    fn message(&self, event: &Record) -> PublishMessage {
        let message = PublishMessage::build()
            .payload(self.envelope.wrap(event).into())
            .message_id(&event.id)
            .header("Content-Type", MEDIA_TYPE);
        match &self.settings.stream {
            Some(stream) => message.expected_stream(stream),
            None => message,
        }
    }

    /// Connects; from then on the client connects again by itself.
    async fn connect(&self) -> Result<jetstream::Context, String> {
        let mut options = ConnectOptions::new()
            .name("transom")
            .connection_timeout(self.settings.timeout)
            .request_timeout(Some(self.settings.timeout));
        options = match &self.settings.access {
            NatsAccess::Open => options,
            NatsAccess::Token(token) => options.token(token.reveal().to_owned()),
            NatsAccess::User(user, password) => {
                options.user_and_password(user.clone(), password.reveal().to_owned())
            }
        };
        if let Some(roots) = &self.settings.roots {
            options = options.add_root_certificates(roots.clone());
        }
        if let Some((certificate, key)) = &self.settings.certificate {
            options = options.add_client_certificate(certificate.clone(), key.clone());
        }
        let connecting = options.connect(&self.addresses[..]);
        let client = match tokio::time::timeout(self.settings.timeout, connecting).await {
            Ok(connected) => connected.map_err(|fault| fault.to_string())?,
            Err(_) => return Err("no connection in time".to_owned()),
        };
        Ok(ContextBuilder::new().timeout(self.settings.timeout).build(client))
    }
}
