//! A gRPC client over one HTTP/2 connection, as bare as it can be: no deadline, no metadata, no error mapping.

use bytes::{Bytes, BytesMut};
use h2::client::SendRequest;
use http::{Request, Version};
use tokio::net::TcpStream;

use crate::Result;

/// Windows and frames so large that an answer is seldom waited for in pieces.
const WINDOW: u32 = 4 << 20;
const CONNECTION_WINDOW: u32 = 64 << 20;
const MAX_FRAME: u32 = 1 << 20;

/// Opens the connection to a backend.
pub async fn connect(address: &str) -> Result<SendRequest<Bytes>> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let (client, connection) = h2::client::Builder::new()
        .initial_window_size(WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_frame_size(MAX_FRAME)
        .handshake(stream)
        .await?;
    tokio::spawn(connection);
    Ok(client)
}

/// One unary call: the frame of the request for the message of the answer.
pub async fn unary(client: &SendRequest<Bytes>, uri: &http::Uri, frame: Bytes) -> Result<Bytes> {
    let mut client = client.clone().ready().await?;
    let request = Request::post(uri.clone())
        .version(Version::HTTP_2)
        .header("content-type", "application/grpc")
        .header("te", "trailers")
        .body(())?;
    let (response, mut body) = client.send_request(request, false)?;
    body.send_data(frame, true)?;
    let mut body = response.await?.into_body();
    let mut message = Message::default();
    while let Some(data) = body.data().await {
        let data = data?;
        body.flow_control().release_capacity(data.len())?;
        message.add(data);
    }
    match body.trailers().await? {
        Some(trailers) if trailers.get("grpc-status").is_some_and(|status| status == "0") => message.finish(),
        _ => Err("the call failed".into()),
    }
}

/// The bytes of an answer, which are not copied when they come at once.
#[derive(Default)]
struct Message {
    first: Bytes,
    all: BytesMut,
}

impl Message {
    fn add(&mut self, data: Bytes) {
        if self.first.is_empty() && self.all.is_empty() {
            self.first = data;
            return;
        }
        let first = std::mem::take(&mut self.first);
        self.all.extend_from_slice(&first);
        self.all.extend_from_slice(&data);
    }

    fn finish(self) -> Result<Bytes> {
        let mut message = if self.all.is_empty() { self.first } else { self.all.freeze() };
        if message.len() < 5 {
            return Err("an answer without a message".into());
        }
        Ok(message.split_off(5))
    }
}
