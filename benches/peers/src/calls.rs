//! The calls of the model API that are measured: how a client asks for them, what a backend answers.

use bytes::{BufMut, Bytes, BytesMut};
use prost::Message;
use prost_reflect::{DescriptorPool, DynamicMessage, MessageDescriptor};

use crate::{Result, model};

/// Names of calls, in the order of the tables.
pub const NAMES: [&str; 4] = ["get", "list20", "list200", "create"];

/// The account whose list has 20 clusters, the one whose list has 200, and the one in which what is created is
/// compared with what should have arrived.
const TWENTY: &str = "7f3c1f0e-52a9-4d8b-9c61-000000000020";
const TWO_HUNDRED: &str = "7f3c1f0e-52a9-4d8b-9c61-000000000200";
pub const CHECKED: &str = "7f3c1f0e-52a9-4d8b-9c61-000000000999";
const CLUSTER: &str = "1d0e2c3b-4a59-4867-9a7b-8c9d0e1f2a3b";

/// One call.
pub struct Call {
    pub method: &'static str,
    pub path: String,
    pub grpc_path: String,
    pub request: MessageDescriptor,
    pub response: MessageDescriptor,
    /// The JSON that the client sends; empty for none.
    pub body: String,
    /// The JSON that it gets.
    pub answer: String,
}

impl Call {
    pub fn find(pool: &DescriptorPool, name: &str) -> Result<Self> {
        let (method, account, rest, rpc, body, answer) = match name {
            "get" => ("GET", TWENTY, format!("/{CLUSTER}"), "GetCluster", String::new(), model::get()),
            "list20" => ("GET", TWENTY, String::new(), "ListClusters", String::new(), model::list(20)),
            "list200" => ("GET", TWO_HUNDRED, String::new(), "ListClusters", String::new(), model::list(200)),
            "create" => ("POST", TWENTY, String::new(), "CreateCluster", create(TWENTY)?, create_answer()),
            "create-checked" => {
                ("POST", CHECKED, String::new(), "CreateCluster", create(CHECKED)?, create_answer())
            }
            _ => return Err(format!("no call `{name}`").into()),
        };
        let package = "qdrant.cloud.cluster.v1";
        let find = |kind: &str| {
            let name = format!("{package}.{rpc}{kind}");
            pool.get_message_by_name(&name).ok_or(format!("no message `{name}`"))
        };
        Ok(Self {
            method,
            path: format!("/api/cluster/v1/accounts/{account}/clusters{rest}"),
            grpc_path: format!("/{package}.ClusterService/{rpc}"),
            request: find("Request")?,
            response: find("Response")?,
            body,
            answer,
        })
    }

    /// The answer as the backend sends it.
    pub fn answer_frame(&self) -> Result<Bytes> {
        frame(&read(&self.response, &self.answer)?)
    }

    /// The request as a gateway sends it: for the proxy that transcodes nothing.
    pub fn request_frame(&self) -> Result<Bytes> {
        frame(&self.expected()?)
    }

    /// The message that a gateway has to make of the request.
    pub fn expected(&self) -> Result<DynamicMessage> {
        if !self.body.is_empty() {
            return read(&self.request, &self.body);
        }
        let mut message = DynamicMessage::new(self.request.clone());
        let mut ids = self.path.split('/').skip(5).step_by(2);
        for field in ["account_id", "cluster_id"] {
            if let Some(id) = ids.next() {
                message.set_field_by_name(field, prost_reflect::Value::String(id.to_owned()));
            }
        }
        Ok(message)
    }
}

/// The request of `create` in an account.
fn create(account: &str) -> Result<String> {
    let mut json: serde_json::Value = serde_json::from_str(&model::create())?;
    json["cluster"]["accountId"] = account.into();
    Ok(json.to_string())
}

/// What was created, 2 KiB as well: the request's cluster.
fn create_answer() -> String {
    model::create()
}

pub fn pool(file: &str) -> Result<DescriptorPool> {
    Ok(DescriptorPool::decode(std::fs::read(file)?.as_slice())?)
}

pub fn read(of: &MessageDescriptor, json: &str) -> Result<DynamicMessage> {
    let mut reader = serde_json::Deserializer::from_str(json);
    Ok(DynamicMessage::deserialize(of.clone(), &mut reader)?)
}

/// A message behind its five bytes.
pub fn frame(message: &impl Message) -> Result<Bytes> {
    let mut frame = BytesMut::with_capacity(message.encoded_len() + 5);
    frame.put_u8(0);
    frame.put_u32(u32::try_from(message.encoded_len())?);
    message.encode(&mut frame)?;
    Ok(frame.freeze())
}
