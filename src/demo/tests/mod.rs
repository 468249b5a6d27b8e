//! The embedded backend over real sockets. Here: what the tests share; the cases are in the files below.

mod records;
mod streams;
mod wire;

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::uri::PathAndQuery;
use prost::Message as _;
use prost_reflect::{DescriptorPool, DynamicMessage};
use tonic::client::Grpc;
use tonic::metadata::MetadataMap;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Request, Response, Status};

use super::codec::Raw;
use super::{ACCOUNT_ID, Backend, Options, Outcome, ident};
use crate::problem::Problems;
use crate::schema;

const CLUSTERS: &str = "qdrant.cloud.cluster.v1.ClusterService";
const BACKUPS: &str = "qdrant.cloud.cluster.backup.v1.BackupService";

/// The model API, compiled once for all tests.
pub(super) fn model_api() -> DescriptorPool {
    static POOL: OnceLock<DescriptorPool> = OnceLock::new();
    let settings = || schema::Settings { embedded_api: true, ..schema::Settings::default() };
    POOL.get_or_init(|| load(&settings())).clone()
}

/// Resources in the style of the AIP rules, flat ones, and an echo.
fn library() -> DescriptorPool {
    const LIBRARY: &str = r#"
        syntax = "proto3";
        package library.v1;
        import "google/protobuf/empty.proto";
        import "google/protobuf/field_mask.proto";
        import "google/protobuf/timestamp.proto";
        service Library {
            rpc CreateBook(CreateBookRequest) returns (Book);
            rpc GetBook(GetBookRequest) returns (Book);
            rpc ListBooks(ListBooksRequest) returns (ListBooksResponse);
            rpc UpdateBook(UpdateBookRequest) returns (Book);
            rpc DeleteBook(DeleteBookRequest) returns (google.protobuf.Empty);
            rpc Echo(Book) returns (Book);
            rpc Watch(GetBookRequest) returns (stream Book);
            rpc Burn(GetBookRequest) returns (ListBooksRequest);
        }
        service Counters {
            rpc CreateCounter(CreateCounterRequest) returns (Counter);
            rpc GetCounter(GetCounterRequest) returns (Counter);
            rpc StopCounter(GetCounterRequest) returns (Counter);
        }
        message Book {
            string name = 1; string title = 2; Cover cover = 3; google.protobuf.Timestamp create_time = 4;
        }
        message Cover { string colour = 1; bool hard = 2; }
        message CreateBookRequest { string parent = 1; string book_id = 2; Book book = 3; }
        message GetBookRequest { string name = 1; }
        message ListBooksRequest { string parent = 1; int32 page_size = 2; string page_token = 3; }
        message ListBooksResponse { repeated Book books = 1; string next_page_token = 2; }
        message UpdateBookRequest { Book book = 1; google.protobuf.FieldMask update_mask = 2; }
        message DeleteBookRequest { string name = 1; }
        enum CounterState { COUNTER_STATE_UNSPECIFIED = 0; COUNTER_STATE_RUNNING = 1; COUNTER_STATE_STOPPED = 2; }
        message Counter { int64 id = 1; string label = 2; CounterState state = 3; }
        message CreateCounterRequest { Counter counter = 1; }
        message GetCounterRequest { int64 counter_id = 1; }
    "#;
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("library.proto"), LIBRARY).expect("written");
    load(&schema::Settings { protos: vec![folder.path().to_owned()], ..schema::Settings::default() })
}

fn load(settings: &schema::Settings) -> DescriptorPool {
    let mut problems = Problems::new();
    let schema = schema::load(settings, &mut problems);
    schema.unwrap_or_else(|| panic!("{problems}")).pool().clone()
}

/// A backend and a connection to it.
struct Fixture {
    backend: Backend,
    pool: DescriptorPool,
    channel: Channel,
}

impl Fixture {
    async fn new(pool: DescriptorPool) -> Self {
        let backend = Backend::start(pool.clone(), loopback()).await.expect("a free port");
        let channel = connect(&backend).await;
        Self { backend, pool, channel }
    }

    async fn model() -> Self {
        Self::new(model_api()).await
    }

    /// Calls a method with a request in text format; answers the answer in text format.
    async fn call(&self, service: &str, method: &str, request: &str) -> Result<String, Status> {
        self.send(service, method, request, &[]).await.map(|answer| answer.into_inner().to_string())
    }

    async fn send(
        &self,
        service: &str,
        method: &str,
        request: &str,
        metadata: &[(&str, &str)],
    ) -> Result<Response<DynamicMessage>, Status> {
        let service = self.pool.get_service_by_name(service).expect("a service");
        let method = service.methods().find(|found| found.name() == method).expect("a method");
        let message = DynamicMessage::parse_text_format(method.input(), request).expect("a request");
        let path = format!("/{}/{}", service.full_name(), method.name());
        let answer = send(&self.channel, &path, message.encode_to_vec(), metadata).await?;
        Ok(answer.map(|bytes| DynamicMessage::decode(method.output(), bytes).expect("the answer's type")))
    }

    async fn list_names(&self, request: &str) -> Vec<String> {
        let answer = self.send(CLUSTERS, "ListClusters", request, &[]).await.expect("a list").into_inner();
        let items = answer.get_field_by_name("items").expect("items").into_owned();
        items
            .as_list()
            .expect("a list")
            .iter()
            .map(|item| text(item.as_message().expect("one"), "name"))
            .collect()
    }
}

async fn send(
    channel: &Channel,
    path: &str,
    message: Vec<u8>,
    metadata: &[(&str, &str)],
) -> Result<Response<Bytes>, Status> {
    let mut grpc = Grpc::new(channel.clone()).max_decoding_message_size(1 << 30);
    grpc.ready().await.map_err(|lost| Status::unavailable(lost.to_string()))?;
    let mut request = Request::new(Bytes::from(message));
    let mut headers = MetadataMap::new().into_headers();
    for (name, value) in metadata {
        let name = http::HeaderName::try_from(*name).expect("a name");
        headers.append(name, value.parse().expect("a value"));
    }
    *request.metadata_mut() = MetadataMap::from_headers(headers);
    grpc.unary(request, PathAndQuery::try_from(path).expect("a path"), Raw).await
}

fn loopback() -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, 0))
}

async fn connect(backend: &Backend) -> Channel {
    Endpoint::from_shared(backend.url().to_owned()).expect("a url").connect().await.expect("a connection")
}

fn text(message: &DynamicMessage, field: &str) -> String {
    message.get_field_by_name(field).expect("a field").as_str().expect("a text").to_owned()
}

fn part(message: &DynamicMessage, field: &str) -> DynamicMessage {
    message.get_field_by_name(field).expect("a field").as_message().expect("a message").clone()
}

async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(5);
    while !holds() {
        assert!(Instant::now() < deadline, "waited in vain until {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
