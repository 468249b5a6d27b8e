//! The gRPC backend behind every gateway of the comparison (`tests/peers/run`): it answers what it was asked, of
//! whatever types the descriptor set has. Not the embedded backend, so that nothing of transom is on both sides.
//!
//! The `id` of the first request steers it: `fail-N` fails with that status and a detail, `fail-N-after-M` after M
//! messages, `headers` adds metadata to the answer, and `unknown-detail` fails with a detail of an unknown type.

use std::error::Error;

use bytes::{Buf, BufMut, Bytes, BytesMut};
use h2::server::SendResponse;
use h2::{RecvStream, SendStream};
use http::{HeaderMap, HeaderValue, Request, Response};
use prost::Message;
use prost_reflect::{DescriptorPool, DynamicMessage, MapKey, MethodDescriptor, Value};
use tokio::net::TcpListener;

type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let set = std::env::args().nth(1).ok_or("usage: backend DESCRIPTOR_SET")?;
    let pool = DescriptorPool::decode(std::fs::read(set)?.as_slice())?;
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    println!("listening on {}", listener.local_addr()?);
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let pool = pool.clone();
        tokio::spawn(async move {
            let mut connection = h2::server::handshake(stream).await?;
            while let Some(call) = connection.accept().await {
                let (request, respond) = call?;
                tokio::spawn(answer(pool.clone(), request, respond));
            }
            Ok::<(), h2::Error>(())
        });
    }
}

/// One call from its head to its trailers.
async fn answer(
    pool: DescriptorPool,
    request: Request<RecvStream>,
    mut respond: SendResponse<Bytes>,
) -> Result<()> {
    let is_grpc = |value: &HeaderValue| value.as_bytes().starts_with(b"application/grpc");
    if !request.headers().get("content-type").is_some_and(is_grpc) {
        respond.send_response(Response::builder().status(415).body(())?, true)?;
        return Ok(());
    }
    let Some(method) = find(&pool, request.uri().path()) else {
        let status = Failure { code: 12, detail: None };
        respond.send_response(head(&status.trailers()), true)?;
        return Ok(());
    };
    let (parts, body) = request.into_parts();
    let mut requests = Requests { body, rest: BytesMut::new() };
    if method.is_client_streaming() && method.is_server_streaming() {
        return chat(&method, requests, &parts.headers, respond).await;
    }
    let mut all = Vec::new();
    while let Some(bytes) = requests.next().await? {
        let Ok(request) = DynamicMessage::decode(method.input(), bytes) else {
            let status = Failure { code: 13, detail: None };
            respond.send_response(head(&status.trailers()), true)?;
            return Ok(());
        };
        all.push(request);
    }
    let answers = answers(&method, all.as_slice(), &parts.headers)?;
    finish(answers, respond)
}

/// What is sent back: messages, then a status.
struct Answers {
    initial: HeaderMap,
    messages: Vec<DynamicMessage>,
    failure: Option<Failure>,
}

/// A status other than OK, with at most one detail.
struct Failure {
    code: u32,
    detail: Option<prost_types::Any>,
}

impl Failure {
    fn trailers(&self) -> HeaderMap {
        let message = "boom x: 100% \u{e9}";
        let mut trailers = HeaderMap::new();
        trailers.insert("grpc-status", HeaderValue::from(self.code));
        trailers.insert("grpc-message", HeaderValue::from_static("boom x: 100%25 %C3%A9"));
        if let Some(detail) = &self.detail {
            let status = tonic_types::Status {
                code: i32::try_from(self.code).unwrap_or(2),
                message: message.to_owned(),
                details: vec![detail.clone()],
            };
            let encoded = base64::Engine::encode(
                &base64::engine::general_purpose::STANDARD_NO_PAD,
                status.encode_to_vec(),
            );
            trailers
                .insert("grpc-status-details-bin", HeaderValue::try_from(encoded).expect("base64 is ASCII"));
        }
        trailers
    }
}

/// The answer to all requests of a call that is not bidirectional.
fn answers(method: &MethodDescriptor, requests: &[DynamicMessage], metadata: &HeaderMap) -> Result<Answers> {
    let empty = DynamicMessage::new(method.input());
    let first = requests.first().unwrap_or(&empty);
    let id = text(first, "id");
    let mut initial = HeaderMap::new();
    if id == "headers" {
        initial.insert("x-answer", HeaderValue::from_static("yes"));
        initial.insert("x-answer-bin", HeaderValue::from_static("AQI"));
    }
    let (failure, after) = failure(&id);
    let count = match (method.is_server_streaming(), number(first, "count")) {
        (false, _) => 1,
        (true, 0) => 3,
        (true, count) => usize::try_from(count).unwrap_or(0),
    };
    let wanted = if failure.is_some() { after } else { count };
    let mut messages = Vec::new();
    for index in 0..wanted {
        messages.push(seen(method, first, requests.len(), index, metadata)?);
    }
    Ok(Answers { initial, messages, failure })
}

/// `fail-N`, `fail-N-after-M` or `unknown-detail`, and after how many messages.
fn failure(id: &str) -> (Option<Failure>, usize) {
    if id == "unknown-detail" {
        let detail = prost_types::Any { type_url: "type.example.com/not.Known".into(), value: vec![8, 1] };
        return (Some(Failure { code: 3, detail: Some(detail) }), 0);
    }
    let mut words = id.split('-');
    let (Some("fail"), Some(code)) = (words.next(), words.next().and_then(|word| word.parse().ok())) else {
        return (None, 0);
    };
    let after = words.nth(1).and_then(|word| word.parse().ok()).unwrap_or(0);
    let violation = tonic_types::FieldViolation::new("id", "it boomed");
    let detail = tonic_types::BadRequest::new(vec![violation]);
    (Some(Failure { code, detail: Some(packed(detail)) }), after)
}

fn packed(detail: tonic_types::BadRequest) -> prost_types::Any {
    use tonic_types::{ErrorDetail, StatusExt};
    let status =
        tonic::Status::with_error_details_vec(tonic::Code::InvalidArgument, "", [ErrorDetail::from(detail)]);
    let status = tonic_types::Status::decode(status.details()).expect("what was just written");
    status.details.into_iter().next().expect("one detail")
}

/// What one answer says, for each type of answer.
fn seen(
    method: &MethodDescriptor,
    request: &DynamicMessage,
    count: usize,
    index: usize,
    metadata: &HeaderMap,
) -> Result<DynamicMessage> {
    let mut answer = DynamicMessage::new(method.output());
    match method.output().name() {
        "Seen" => {
            answer.set_field_by_name("method", Value::String(method.name().to_owned()));
            let mut echoed = request.clone();
            echoed.clear_field_by_name("watched");
            answer.set_field_by_name("request", Value::Message(echoed));
            let total = if method.is_server_streaming() { index + 1 } else { count };
            answer.set_field_by_name("total", Value::I64(i64::try_from(total)?));
            answer.set_field_by_name("metadata", Value::Map(watched(request, metadata)));
        }
        "UpdateSeen" => {
            copy(request, "sub", &mut answer, "sub");
            if let Some(Value::Message(mask)) = request.get_field_by_name("update_mask").as_deref() {
                copy(mask, "paths", &mut answer, "paths");
            }
        }
        "UploadSeen" => {
            copy(request, "id", &mut answer, "id");
            if let Some(Value::Message(file)) = request.get_field_by_name("file").as_deref() {
                copy(file, "content_type", &mut answer, "content_type");
                copy(file, "data", &mut answer, "data");
            }
        }
        "HttpBody" => {
            answer.set_field_by_name("content_type", Value::String("text/x-seen".to_owned()));
            answer.set_field_by_name("data", Value::Bytes(format!("chunk {index}\u{1f980};").into()));
        }
        _ => {}
    }
    Ok(answer)
}

/// The metadata that the request asks to see; several values are joined.
fn watched(request: &DynamicMessage, metadata: &HeaderMap) -> std::collections::HashMap<MapKey, Value> {
    let field = request.get_field_by_name("watched");
    let names = field.as_deref().and_then(Value::as_list).unwrap_or_default();
    names
        .iter()
        .filter_map(Value::as_str)
        .filter(|name| metadata.contains_key(*name))
        .map(|name| {
            let values: Vec<_> = metadata
                .get_all(name)
                .iter()
                .map(|value| String::from_utf8_lossy(value.as_bytes()))
                .collect();
            (MapKey::String(name.to_owned()), Value::String(values.join(" | ")))
        })
        .collect()
}

fn copy(from: &DynamicMessage, field: &str, to: &mut DynamicMessage, as_field: &str) {
    if from.has_field_by_name(field)
        && let Some(value) = from.get_field_by_name(field)
    {
        to.set_field_by_name(as_field, value.into_owned());
    }
}

/// Answers each message as it comes.
async fn chat(
    method: &MethodDescriptor,
    mut requests: Requests,
    metadata: &HeaderMap,
    mut respond: SendResponse<Bytes>,
) -> Result<()> {
    let mut body = respond.send_response(head(&HeaderMap::new()), false)?;
    let mut index = 0;
    while let Some(bytes) = requests.next().await? {
        let request = DynamicMessage::decode(method.input(), bytes)?;
        if let (Some(failure), _) = failure(&text(&request, "id")) {
            body.send_trailers(failure.trailers())?;
            return Ok(());
        }
        send(&mut body, &seen(method, &request, 1, index, metadata)?)?;
        index += 1;
    }
    body.send_trailers(fine())?;
    Ok(())
}

fn finish(answers: Answers, mut respond: SendResponse<Bytes>) -> Result<()> {
    let mut trailers = answers.failure.as_ref().map_or_else(fine, Failure::trailers);
    if answers.messages.is_empty() && answers.failure.is_some() {
        trailers.extend(answers.initial);
        respond.send_response(head(&trailers), true)?;
        return Ok(());
    }
    if !answers.initial.is_empty() {
        trailers.insert("x-end", HeaderValue::from_static("done"));
    }
    let mut body = respond.send_response(head(&answers.initial), false)?;
    for message in &answers.messages {
        send(&mut body, message)?;
    }
    body.send_trailers(trailers)?;
    Ok(())
}

fn send(body: &mut SendStream<Bytes>, message: &DynamicMessage) -> Result<()> {
    let mut frame = BytesMut::new();
    frame.put_u8(0);
    frame.put_u32(u32::try_from(message.encoded_len())?);
    message.encode(&mut frame)?;
    body.send_data(frame.freeze(), false)?;
    Ok(())
}

fn head(metadata: &HeaderMap) -> Response<()> {
    let mut response = Response::new(());
    response.headers_mut().insert("content-type", HeaderValue::from_static("application/grpc"));
    response.headers_mut().extend(metadata.clone());
    response
}

fn fine() -> HeaderMap {
    HeaderMap::from_iter([("grpc-status".parse().expect("a name"), HeaderValue::from_static("0"))])
}

fn find(pool: &DescriptorPool, path: &str) -> Option<MethodDescriptor> {
    let (service, method) = path.strip_prefix('/')?.split_once('/')?;
    pool.get_service_by_name(service)?.methods().find(|found| found.name() == method)
}

fn text(message: &DynamicMessage, field: &str) -> String {
    message.get_field_by_name(field).and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default()
}

fn number(message: &DynamicMessage, field: &str) -> i32 {
    message.get_field_by_name(field).and_then(|value| value.as_i32()).unwrap_or_default()
}

/// The messages of a request, as they come.
struct Requests {
    body: RecvStream,
    rest: BytesMut,
}

impl Requests {
    async fn next(&mut self) -> Result<Option<Bytes>> {
        loop {
            if self.rest.len() >= 5 {
                let length = usize::try_from((&self.rest[1..5]).get_u32())?;
                if self.rest.len() >= 5 + length {
                    self.rest.advance(5);
                    return Ok(Some(self.rest.split_to(length).freeze()));
                }
            }
            let Some(data) = self.body.data().await else { return Ok(None) };
            let data = data?;
            self.body.flow_control().release_capacity(data.len())?;
            self.rest.extend_from_slice(&data);
        }
    }
}
