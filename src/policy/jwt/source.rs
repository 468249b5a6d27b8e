//! Where key sets are read: an HTTP endpoint or a file. Not for when they are read: that is `cache`.

use std::path::Path;
use std::time::Duration;

use http::header::ACCEPT;
use http::{HeaderValue, Request, StatusCode, Uri};
use http_body_util::Full;

use super::keys::{Fault, KeySet, Read};
use crate::client::{ClientError, HttpClient};

/// An endpoint that answers with a JWK set. Its url may hold a secret: it is not shown.
pub(super) struct Endpoint {
    client: HttpClient,
    url: Uri,
}

/// Why a set could not be had, for the log. Names neither address nor content.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Failure {
    /// No answer.
    #[error(transparent)]
    Unanswered(#[from] ClientError),
    /// Not 200.
    #[error("the endpoint answers {0}")]
    Refused(StatusCode),
    /// Not a key set.
    #[error("what the endpoint answers cannot be used: {0}")]
    Useless(#[from] Fault),
}

impl Endpoint {
    pub(super) fn new(client: HttpClient, url: Uri) -> Self {
        Self { client, url }
    }

    /// Fetches the set, within `timeout`.
    pub(super) async fn fetch(&self, timeout: Duration) -> Result<Read, Failure> {
        let mut request = Request::new(Full::default());
        *request.uri_mut() = self.url.clone();
        request.headers_mut().insert(ACCEPT, JSON);
        let response = self.client.send(request, LARGEST, timeout).await?;
        if response.status() != StatusCode::OK {
            return Err(Failure::Refused(response.status()));
        }
        Ok(KeySet::read(response.body())?)
    }
}

/// Reads a set from a file, telling what is wrong with it.
pub(super) fn read_file(path: &Path) -> Result<Read, String> {
    let text = std::fs::read(path).map_err(|error| format!("it cannot be read: {error}"))?;
    KeySet::read(&text).map_err(|fault| fault.to_string())
}

const JSON: HeaderValue = HeaderValue::from_static("application/jwk-set+json, application/json");

/// The largest set that is read: a key is 1 KiB at most.
const LARGEST: usize = 1 << 20;
