//! A gRPC service that is asked about calls before they are made: a connection that a reload keeps, one question and
//! its answer, and whether it is failing at the moment.
//!
//! Not for calls themselves (`unary`), and not for what a failure means: that is up to who asks.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use http::HeaderMap;
use http::uri::PathAndQuery;
use prost::Message;

use super::{Call, Settings, Upstream};
use crate::problem::Problems;
use crate::wire::frame;

/// A service that is asked about calls.
#[derive(Debug)]
pub struct Service {
    upstream: Upstream,
    /// A hash of its certificate files: a new certificate makes a new connection.
    files: u64,
    failing: AtomicBool,
}

impl Service {
    /// Prepares a service, telling every problem: that of an earlier generation where settings and certificates are
    /// the same. Must be called within a tokio runtime.
    pub fn prepare(
        settings: &Settings,
        previous: Option<&Arc<Self>>,
        problems: &mut Problems,
    ) -> Option<Arc<Self>> {
        let files = settings.tls.fingerprint();
        let same = |kept: &&Arc<Self>| kept.files == files && kept.upstream.settings().keeps(settings);
        if let Some(kept) = previous.filter(same) {
            return Some(Arc::clone(kept));
        }
        let upstream = Upstream::prepare(settings.clone(), problems)?;
        Some(Arc::new(Self { upstream, files, failing: AtomicBool::default() }))
    }

    /// The name used in logs.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.upstream.settings().name
    }

    /// Whether it can be reached, for `/readyz`.
    ///
    /// # Errors
    /// Why it cannot, for the operator to read.
    pub fn state(&self) -> Result<(), String> {
        self.upstream.state()
    }

    /// Asks a question of a method, `/pkg.Service/Method`. Costs the frame, the metadata and the answer.
    ///
    /// # Errors
    /// Why there is no answer that can be read, for the log.
    pub async fn ask<A: Message + Default>(
        &self,
        path: &'static str,
        question: &impl Message,
        metadata: HeaderMap,
        timeout: Duration,
    ) -> Result<A, String> {
        let (path, frame) = (PathAndQuery::from_static(path), frame::encoded(question));
        let reply = self.upstream.unary(Call { path, metadata, frame, timeout: Some(timeout) }).await;
        let answer = reply.outcome.map_err(|status| status.message)?;
        A::decode(answer).map_err(|_| "its answer cannot be read".to_owned())
    }

    /// Takes note of a failure; whether it is the first after an answer, and so worth a line in the log.
    pub fn fails(&self) -> bool {
        !self.failing.swap(true, Ordering::Relaxed)
    }

    /// Takes note of an answer; whether it is the first after a failure.
    pub fn answers(&self) -> bool {
        // Nothing is written where nothing changes.
        self.failing.load(Ordering::Relaxed) && self.failing.swap(false, Ordering::Relaxed)
    }
}
