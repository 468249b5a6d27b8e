//! An HTTP/1.1 server on one current-thread runtime, before a gRPC backend. What is done to a call is the caller's.

use std::rc::Rc;

use bytes::Bytes;
use h2::client::SendRequest;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpListener;

use crate::{Result, calls, grpc};

/// How calls are carried: request in JSON to a frame, answer's message to JSON.
pub trait Carry: 'static {
    /// What a client asks for, of its method and path.
    type Asked;
    fn find(&self, method: &http::Method, path: &str) -> Option<Self::Asked>;
    fn uri<'a>(&'a self, asked: &'a Self::Asked) -> &'a http::Uri;
    fn request(&self, asked: &Self::Asked, body: &Bytes) -> Result<Bytes>;
    fn answer(&self, asked: &Self::Asked, message: Bytes) -> Result<Bytes>;
}

/// The command line of a proxy: DESCRIPTORS BACKEND.
pub fn arguments() -> Result<(prost_reflect::DescriptorPool, String)> {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let [descriptors, backend] = arguments.as_slice() else {
        return Err("usage: PROGRAM DESCRIPTORS BACKEND".into());
    };
    Ok((calls::pool(descriptors)?, backend.clone()))
}

/// Serves for ever.
pub fn serve<C: Carry>(carry: C, backend: &str) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    tokio::task::LocalSet::new().block_on(&runtime, async {
        let client = grpc::connect(backend).await?;
        let carry = Rc::new(carry);
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        println!("listening on {}", listener.local_addr()?);
        loop {
            let (stream, _) = listener.accept().await?;
            stream.set_nodelay(true)?;
            let (carry, client) = (Rc::clone(&carry), client.clone());
            tokio::task::spawn_local(async move {
                let service = service_fn(move |request| call(Rc::clone(&carry), client.clone(), request));
                let mut server = hyper::server::conn::http1::Builder::new();
                // A client that goes away is no error here.
                let _ = server.timer(TokioTimer::new()).serve_connection(TokioIo::new(stream), service).await;
            });
        }
    })
}

async fn call<C: Carry>(
    carry: Rc<C>,
    client: SendRequest<Bytes>,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>> {
    let Some(asked) = carry.find(request.method(), request.uri().path()) else {
        return Ok(Response::builder().status(StatusCode::NOT_FOUND).body(Full::default())?);
    };
    let body = request.into_body().collect().await?.to_bytes();
    let frame = carry.request(&asked, &body)?;
    let message = grpc::unary(&client, carry.uri(&asked), frame).await?;
    let json = carry.answer(&asked, message)?;
    Ok(Response::builder().header("content-type", "application/json").body(Full::new(json))?)
}
