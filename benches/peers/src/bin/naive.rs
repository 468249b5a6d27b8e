//! The usual way in Rust: the same proxy as the ceiling, which makes a `DynamicMessage` of every request and answer,
//! and serde writes it. Its routes are three comparisons.
//!
//!     naive DESCRIPTORS BACKEND

use bytes::Bytes;
use prost_reflect::{DynamicMessage, MessageDescriptor, Value};
use transom_bench_peers::calls::{self, Call};
use transom_bench_peers::{Result, proxy};

const PREFIX: &str = "/api/cluster/v1/accounts/";

struct Naive {
    methods: [Method; 3],
}

struct Method {
    uri: http::Uri,
    request: MessageDescriptor,
    response: MessageDescriptor,
}

struct Asked {
    method: usize,
    account: String,
    cluster: Option<String>,
}

fn main() -> Result<()> {
    let (pool, backend) = proxy::arguments()?;
    let method = |name: &str| -> Result<Method> {
        let Call { grpc_path, request, response, .. } = Call::find(&pool, name)?;
        Ok(Method { uri: format!("http://{backend}{grpc_path}").parse()?, request, response })
    };
    proxy::serve(Naive { methods: [method("get")?, method("list20")?, method("create")?] }, &backend)
}

impl proxy::Carry for Naive {
    type Asked = Asked;

    fn find(&self, method: &http::Method, path: &str) -> Option<Asked> {
        let (account, rest) = path.strip_prefix(PREFIX)?.split_once("/clusters")?;
        let cluster = rest.strip_prefix('/').map(str::to_owned);
        let method = match (method.as_str(), &cluster) {
            ("GET", Some(_)) => 0,
            ("GET", None) => 1,
            ("POST", None) => 2,
            _ => return None,
        };
        Some(Asked { method, account: account.to_owned(), cluster })
    }

    fn uri<'a>(&'a self, asked: &'a Asked) -> &'a http::Uri {
        &self.methods[asked.method].uri
    }

    fn request(&self, asked: &Asked, body: &Bytes) -> Result<Bytes> {
        let account = Value::String(asked.account.clone());
        let of = &self.methods[asked.method].request;
        if asked.method == 2 {
            let mut message = calls::read(of, std::str::from_utf8(body)?)?;
            if let Some(cluster) = message.get_field_by_name_mut("cluster").and_then(Value::as_message_mut) {
                cluster.set_field_by_name("account_id", account);
            }
            return calls::frame(&message);
        }
        let mut message = DynamicMessage::new(of.clone());
        message.set_field_by_name("account_id", account);
        if let Some(cluster) = &asked.cluster {
            message.set_field_by_name("cluster_id", Value::String(cluster.clone()));
        }
        calls::frame(&message)
    }

    fn answer(&self, asked: &Asked, message: Bytes) -> Result<Bytes> {
        let message = DynamicMessage::decode(self.methods[asked.method].response.clone(), message)?;
        Ok(serde_json::to_vec(&message)?.into())
    }
}
