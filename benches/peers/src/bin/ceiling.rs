//! The ceiling: HTTP/1.1 in, a real gRPC exchange, and answers that were JSON before. What a gateway on hyper and h2
//! costs that transcodes nothing, finds nothing, and knows no error.
//!
//!     ceiling DESCRIPTORS BACKEND

use bytes::Bytes;
use transom_bench_peers::calls::{Call, NAMES};
use transom_bench_peers::{Result, proxy};

/// Calls by method and path, each with its request and its answer ready.
struct Canned(Vec<Ready>);

struct Ready {
    method: http::Method,
    path: String,
    uri: http::Uri,
    frame: Bytes,
    json: Bytes,
}

fn main() -> Result<()> {
    let (pool, backend) = proxy::arguments()?;
    let ready = |name: &str| -> Result<Ready> {
        let call = Call::find(&pool, name)?;
        Ok(Ready {
            method: call.method.parse()?,
            uri: format!("http://{backend}{}", call.grpc_path).parse()?,
            frame: call.request_frame()?,
            json: Bytes::from(call.answer.clone()),
            path: call.path,
        })
    };
    let names = NAMES.iter().copied().chain(["create-checked"]);
    proxy::serve(Canned(names.map(ready).collect::<Result<_>>()?), &backend)
}

impl proxy::Carry for Canned {
    type Asked = usize;

    fn find(&self, method: &http::Method, path: &str) -> Option<usize> {
        self.0.iter().position(|ready| ready.path == path && ready.method == method)
    }

    fn uri<'a>(&'a self, asked: &'a usize) -> &'a http::Uri {
        &self.0[*asked].uri
    }

    fn request(&self, asked: &usize, _body: &Bytes) -> Result<Bytes> {
        Ok(self.0[*asked].frame.clone())
    }

    fn answer(&self, asked: &usize, _message: Bytes) -> Result<Bytes> {
        Ok(self.0[*asked].json.clone())
    }
}
