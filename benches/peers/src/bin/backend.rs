//! The backend: its answers are bytes that were made before. Which list is meant is in the account's id; for one
//! account, `create` compares the message with what should have arrived. All methods whose names begin with
//! `GetCluster` answer as it does, for contracts of many methods, and those of `scale.v1.Scale` have their own file.
//!
//!     backend DESCRIPTORS

use std::rc::Rc;

use bytes::{Bytes, BytesMut};
use h2::server::SendResponse;
use h2::{RecvStream, SendStream};
use http::{HeaderMap, HeaderValue, Request, Response};
use prost_reflect::DynamicMessage;
use tokio::net::{TcpListener, TcpStream};
use transom_bench_peers::Result;
use transom_bench_peers::calls::{self, Call};
use transom_bench_peers::scale;

struct Answers {
    get: Bytes,
    list20: Bytes,
    list200: Bytes,
    create: Bytes,
    expected: DynamicMessage,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let pool = calls::pool(&std::env::args().nth(1).ok_or("usage: backend DESCRIPTORS")?)?;
    let frame = |name: &str| Call::find(&pool, name)?.answer_frame();
    let answers = Rc::new(Answers {
        get: frame("get")?,
        list20: frame("list20")?,
        list200: frame("list200")?,
        create: frame("create")?,
        expected: Call::find(&pool, "create-checked")?.expected()?,
    });
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    println!("listening on {}", listener.local_addr()?);
    let local = tokio::task::LocalSet::new();
    local
        .run_until(async move {
            loop {
                let (stream, _) = listener.accept().await?;
                stream.set_nodelay(true)?;
                tokio::task::spawn_local(connection(Rc::clone(&answers), stream));
            }
        })
        .await
}

async fn connection(answers: Rc<Answers>, stream: TcpStream) -> Result<()> {
    let mut builder = h2::server::Builder::new();
    builder.initial_window_size(4 << 20).initial_connection_window_size(64 << 20).max_frame_size(1 << 20);
    let mut connection = builder.max_concurrent_streams(1024).handshake(stream).await?;
    while let Some(call) = connection.accept().await {
        let (request, respond) = call?;
        tokio::task::spawn_local(answer(Rc::clone(&answers), request, respond));
    }
    Ok(())
}

async fn answer(
    answers: Rc<Answers>,
    request: Request<RecvStream>,
    mut respond: SendResponse<Bytes>,
) -> Result<()> {
    let (head, mut body) = request.into_parts();
    if let Some(method) = head.uri.path().strip_prefix("/scale.v1.Scale/") {
        let mut out = respond.send_response(accepted()?, false)?;
        let status = if scale::answer(method, body, &mut out).await.is_ok() { "0" } else { "3" };
        return end(out, status);
    }
    let mut message = BytesMut::new();
    while let Some(data) = body.data().await {
        let data = data?;
        body.flow_control().release_capacity(data.len())?;
        message.extend_from_slice(&data);
    }
    let holds = |id: &[u8]| message.windows(id.len()).any(|window| window == id);
    let chosen = match head.uri.path().rsplit_once('/').map(|(_, method)| method) {
        Some(method) if method.starts_with("GetCluster") => &answers.get,
        Some("ListClusters") if holds(b"000000000200") => &answers.list200,
        Some("ListClusters") => &answers.list20,
        Some("CreateCluster") if holds(calls::CHECKED.as_bytes()) && !answers.arrived(&message) => {
            return fail(respond);
        }
        Some("CreateCluster") => &answers.create,
        _ => return fail(respond),
    };
    let mut out = respond.send_response(accepted()?, false)?;
    out.send_data(chosen.clone(), false)?;
    end(out, "0")
}

fn accepted() -> Result<Response<()>> {
    Ok(Response::builder().header("content-type", "application/grpc").body(())?)
}

fn end(mut out: SendStream<Bytes>, status: &'static str) -> Result<()> {
    let mut trailers = HeaderMap::with_capacity(1);
    trailers.insert("grpc-status", HeaderValue::from_static(status));
    Ok(out.send_trailers(trailers)?)
}

impl Answers {
    fn arrived(&self, frame: &[u8]) -> bool {
        DynamicMessage::decode(prost_reflect::ReflectMessage::descriptor(&self.expected), &frame[5..])
            .is_ok_and(|message| message == self.expected)
    }
}

fn fail(mut respond: SendResponse<Bytes>) -> Result<()> {
    let response = Response::builder()
        .header("content-type", "application/grpc")
        .header("grpc-status", "3")
        .header("grpc-message", "not what should have arrived")
        .body(())?;
    respond.send_response(response, true)?;
    Ok(())
}
