//! An HTTP client for what is fetched or told beside calls: key sets, webhooks.
//!
//! Not for gRPC backends: those are [`upstream`](crate::upstream). Connections are kept and reused; redirects are not
//! followed.

#![cfg_attr(
    not(test),
    deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)
)]

use std::path::Path;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use tokio::time::timeout;

use crate::problem::{Place, Problems};
use crate::upstream;

/// An HTTP/1.1 client, over TLS where the URL says `https`. Cheap to clone.
#[derive(Debug, Clone)]
pub struct HttpClient(Client<HttpsConnector<HttpConnector>, Full<Bytes>>);

/// Why a request has no answer. Says nothing of the URL, which may hold secrets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ClientError {
    /// No connection.
    #[error("cannot connect")]
    Connect,
    /// Nothing, or not all, came in time.
    #[error("no answer in time")]
    Timeout,
    /// The answer's body is longer than it may be.
    #[error("the answer is too long")]
    TooLong,
    /// The connection broke, or what came was not HTTP.
    #[error("the connection broke off")]
    Broken,
}

impl HttpClient {
    /// A client that trusts the certificates of a PEM file, or of the system where none is given. `None`, told, when
    /// the file cannot be used.
    pub fn prepare(roots: Option<&Path>, place: &Place, problems: &mut Problems) -> Option<Self> {
        let tls = upstream::client_tls(roots, place, problems)?;
        let mut connector = HttpConnector::new();
        connector.enforce_http(false);
        connector.set_nodelay(true);
        connector.set_connect_timeout(Some(CONNECT));
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(tls)
            .https_or_http()
            .enable_http1()
            .wrap_connector(connector);
        Some(Self(Client::builder(TokioExecutor::new()).pool_idle_timeout(IDLE).build(connector)))
    }

    /// Sends a request and reads the whole answer: at most `limit` bytes of body, within `time`. Any status is an
    /// answer.
    ///
    /// # Errors
    /// Why there is none.
    pub async fn send(
        &self,
        request: Request<Full<Bytes>>,
        limit: usize,
        time: Duration,
    ) -> Result<Response<Bytes>, ClientError> {
        timeout(time, self.exchange(request, limit)).await.unwrap_or(Err(ClientError::Timeout))
    }

    async fn exchange(
        &self,
        request: Request<Full<Bytes>>,
        limit: usize,
    ) -> Result<Response<Bytes>, ClientError> {
        let answer =
            self.0.request(request).await.map_err(|error| {
                if error.is_connect() { ClientError::Connect } else { ClientError::Broken }
            })?;
        let (head, body) = answer.into_parts();
        #[allow(clippy::disallowed_methods, reason = "the body is limited")]
        let body = Limited::new(body, limit).collect().await.map_err(|error| {
            if error.is::<LengthLimitError>() { ClientError::TooLong } else { ClientError::Broken }
        })?;
        Ok(Response::from_parts(head, body.to_bytes()))
    }
}

/// How long one attempt to connect may take.
const CONNECT: Duration = Duration::from_secs(5);

/// How long an idle connection is kept.
const IDLE: Duration = Duration::from_mins(1);

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;

    use super::*;

    /// A server that answers one connection with these bytes, or never.
    async fn serving(answer: Option<&'static str>) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}/keys", listener.local_addr().expect("an address"));
        tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.expect("a client");
            let mut request = [0; 1024];
            let read = stream.read(&mut request).await.expect("a request");
            assert!(request[..read].starts_with(b"GET /keys HTTP/1.1\r\n"));
            if let Some(answer) = answer {
                stream.write_all(answer.as_bytes()).await.expect("taken");
            } else {
                std::future::pending::<()>().await;
            }
        });
        url
    }

    async fn get(url: &str, limit: usize, time: Duration) -> Result<(u16, Bytes), ClientError> {
        let roots = rcgen::generate_simple_self_signed(["x".to_owned()]).expect("a certificate").cert.pem();
        let file = tempfile::NamedTempFile::new().expect("a file");
        std::fs::write(&file, roots).expect("written");
        let mut problems = Problems::new();
        let client =
            HttpClient::prepare(Some(file.path()), &Place::default(), &mut problems).expect("a client");
        let request = Request::get(url).body(Full::default()).expect("a request");
        let answer = client.send(request, limit, time).await?;
        Ok((answer.status().as_u16(), answer.into_body()))
    }

    const LONG: Duration = Duration::from_secs(30);

    #[tokio::test]
    async fn answers_and_failures_are_told_apart() {
        let url = serving(Some("HTTP/1.1 503 No\r\ncontent-length: 2\r\n\r\nhi")).await;
        assert_eq!(get(&url, 2, LONG).await, Ok((503, Bytes::from_static(b"hi"))));
        let url = serving(Some("HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nabc")).await;
        assert_eq!(get(&url, 2, LONG).await, Err(ClientError::TooLong));
        let url = serving(Some("not http at all\r\n\r\n")).await;
        assert_eq!(get(&url, 2, LONG).await, Err(ClientError::Broken));
        let url = serving(Some("HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\na")).await;
        assert_eq!(get(&url, 9, LONG).await, Err(ClientError::Broken));
        let url = serving(None).await;
        assert_eq!(get(&url, 2, Duration::from_millis(50)).await, Err(ClientError::Timeout));
        let free = TcpListener::bind("127.0.0.1:0").await.expect("a port").local_addr().expect("an address");
        assert_eq!(get(&format!("http://{free}/"), 2, LONG).await, Err(ClientError::Connect));
    }

    #[test]
    fn a_file_that_holds_no_certificate_is_told() {
        let file = tempfile::NamedTempFile::new().expect("a file");
        let mut problems = Problems::new();
        assert!(HttpClient::prepare(Some(file.path()), &Place::default(), &mut problems).is_none());
        assert_eq!(problems.errors(), 1);
    }
}
