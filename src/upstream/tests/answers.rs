//! What the client gets for each kind of answer.

use base64::Engine;
use prost::Message;
use prost_types::Any;

use super::*;
use crate::status::{Code, Origin};

/// What a scripted backend sends after it has read the request.
#[derive(Clone)]
struct Script {
    status: u16,
    head: &'static [(&'static str, &'static str)],
    body: Vec<Bytes>,
    trailers: Option<Vec<(&'static str, &'static str)>>,
}

async fn play(script: Script, request: Request<RecvStream>, mut respond: SendResponse<Bytes>) {
    whole(request.into_body()).await;
    let mut response = Response::new(());
    *response.status_mut() = http::StatusCode::from_u16(script.status).expect("a status");
    *response.headers_mut() = header_map(script.head);
    let only = script.body.is_empty() && script.trailers.is_none();
    let mut body = respond.send_response(response, only).expect("a head");
    let last = script.body.len();
    for (at, chunk) in script.body.into_iter().enumerate() {
        body.send_data(chunk, at + 1 == last && script.trailers.is_none()).expect("a chunk");
    }
    if let Some(trailers) = script.trailers {
        body.send_trailers(header_map(&trailers)).expect("trailers");
    }
}

async fn reply_to(script: Script) -> Reply {
    let server = Server::calls(move |request, respond| play(script.clone(), request, respond)).await;
    let mut settings = settings(&server.url());
    settings.max_response_message = 1024;
    soon(prepare(settings).unary(call(b"hello"))).await
}

const HEAD: &[(&str, &str)] = &[("content-type", "application/grpc+proto"), ("x-head", "1")];

fn script(body: &[&[u8]], trailers: Option<&[(&'static str, &'static str)]>) -> Script {
    Script {
        status: 200,
        head: HEAD,
        body: body.iter().map(|chunk| Bytes::copy_from_slice(chunk)).collect(),
        trailers: trailers.map(<[_]>::to_vec),
    }
}

#[tokio::test]
async fn a_message_comes_back_with_its_metadata_and_without_reserved_names() {
    let frame = framed(b"world");
    let trailers = [("grpc-status", "0"), ("grpc-message", ""), ("x-tail", "2"), ("x-tail", "3")];
    let reply = reply_to(script(&[&frame[..3], &frame[3..7], &frame[7..]], Some(&trailers))).await;
    assert_eq!(message(&reply), b"world");
    assert_eq!(reply.metadata, header_map(&[("x-head", "1")]));
    assert_eq!(reply.trailers, header_map(&[("x-tail", "2"), ("x-tail", "3")]));
}

#[tokio::test]
async fn an_empty_message_is_a_message() {
    let reply = reply_to(script(&[&framed(b"")], Some(&[("grpc-status", "0")]))).await;
    assert_eq!(message(&reply), b"");
}

#[tokio::test]
async fn a_status_comes_back_decoded() {
    let detail = Any { type_url: "type.googleapis.com/x.Y".to_owned(), value: vec![1, 2, 3] };
    let details =
        tonic_types::pb::Status { code: 5, message: "no".to_owned(), details: vec![detail.clone()] };
    let bytes = details.encode_to_vec();
    let padded = base64::engine::general_purpose::STANDARD.encode(&bytes);
    let bare = base64::engine::general_purpose::STANDARD_NO_PAD.encode(&bytes);
    assert_ne!(padded, bare, "the case needs padding");
    for (code, text, encoded, expected, expected_text, count) in [
        ("5", "no%20such%20%E2%98%83", padded.as_str(), Code::NotFound, "no such \u{2603}", 1),
        ("5", "100%, %zz %e", bare.as_str(), Code::NotFound, "100%, %zz %e", 1),
        ("5", "x", "!!!", Code::NotFound, "x", 0),
        ("5", "x", "AAAA", Code::NotFound, "x", 0),
        ("99", "x", "", Code::Unknown, "x", 0),
        ("five", "", "", Code::Unknown, "", 0),
        ("16", "", "", Code::Unauthenticated, "", 0),
    ] {
        let trailers: Vec<(&'static str, String)> = vec![
            ("grpc-status", code.to_owned()),
            ("grpc-message", text.to_owned()),
            ("grpc-status-details-bin", encoded.to_owned()),
            ("x-tail", "2".to_owned()),
        ];
        let server = Server::calls(move |_, mut respond| {
            let trailers = trailers.clone();
            async move {
                let mut body = respond.send_response(grpc(), false).expect("a head");
                let pairs: Vec<_> = trailers.iter().map(|(name, value)| (*name, value.as_str())).collect();
                body.send_trailers(header_map(&pairs)).expect("trailers");
            }
        })
        .await;
        let reply = soon(upstream(&server.url()).unary(call(b""))).await;
        let status = status(&reply);
        assert_eq!((status.code, status.message.as_str()), (expected, expected_text));
        assert_eq!(status.details, vec![detail.clone(); count], "{encoded}");
        assert_eq!(status.origin, Origin::Upstream);
        assert_eq!(reply.trailers, header_map(&[("x-tail", "2")]));
    }
}

#[tokio::test]
async fn an_answer_of_trailers_alone_is_a_status() {
    let head = &[("content-type", "application/grpc"), ("grpc-status", "7"), ("x-why", "so")];
    let reply = reply_to(Script { head, ..script(&[], None) }).await;
    assert_eq!(status(&reply).code, Code::PermissionDenied);
    assert_eq!(reply.trailers, header_map(&[("x-why", "so")]));
    assert!(reply.metadata.is_empty());
}

#[tokio::test]
async fn what_is_not_grpc_gets_a_plain_message() {
    let html = &[("content-type", "text/html; charset=utf-8")];
    let page: &[&[u8]] = &[b"<html>it works</html>"];
    let long: &[(&str, &str)] = &[(
        "content-type",
        concat!(
            "text/",
            "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
        ),
    )];
    let near: &[(&str, &str)] = &[("content-type", "application/grpcish")];
    for (number, head, code, http, expected) in [
        (
            200,
            html as &[_],
            Code::Unknown,
            502,
            "the backend answered HTTP 200 with content type `text/html; charset=utf-8`, not gRPC",
        ),
        (200, long, Code::Unknown, 502, "the backend answered HTTP 200, but not gRPC"),
        (200, &[], Code::Unknown, 502, "the backend answered HTTP 200, but not gRPC"),
        (
            200,
            near,
            Code::Unknown,
            502,
            "the backend answered HTTP 200 with content type `application/grpcish`, not gRPC",
        ),
        (404, html, Code::Unimplemented, 501, "the backend answered HTTP 404, not gRPC"),
        (503, html, Code::Unavailable, 503, "the backend answered HTTP 503, not gRPC"),
        (401, HEAD, Code::Unauthenticated, 401, "the backend answered HTTP 401, not gRPC"),
        (302, html, Code::Unknown, 500, "the backend answered HTTP 302, not gRPC"),
    ] {
        let reply = reply_to(Script { status: number, head, ..script(page, None) }).await;
        let status = status(&reply);
        assert_eq!((status.code, status.http_status().as_u16()), (code, http), "{expected}");
        assert_eq!(status.message, expected);
    }
}

#[tokio::test]
async fn broken_promises_are_told_plainly() {
    let one = framed(b"x");
    let two = [&one[..], &one[..]].concat();
    let large = framed(&[7; 1025]);
    let mut compressed = one.to_vec();
    compressed[0] = 1;
    let done: Option<&[(&str, &str)]> = Some(&[("grpc-status", "0")]);
    for (body, trailers, code, expected) in [
        (&[&one[..]] as &[&[u8]], None, Code::Internal, "the backend ended the call without a status"),
        (
            &[],
            Some(&[("x-tail", "1")] as &[_]),
            Code::Internal,
            "the backend ended the call without a status",
        ),
        (&[], done, Code::Internal, "the backend ended the call without an answer"),
        (&[&two], done, Code::Internal, "the backend sent more than one message in a unary call"),
        (&[&one, &one], done, Code::Internal, "the backend sent more than one message in a unary call"),
        (&[&large], done, Code::ResourceExhausted, "the backend's answer is larger than the limit of 1KiB"),
        (
            &[&compressed],
            done,
            Code::Internal,
            "the backend sent a compressed message, though no compression was offered",
        ),
        (&[b"<html></html>"], done, Code::Internal, "the backend's answer is not made of gRPC messages"),
        (&[&one[..4]], done, Code::Internal, "the backend's answer ended inside a message"),
    ] {
        let reply = reply_to(script(body, trailers)).await;
        let status = status(&reply);
        assert_eq!((status.code, status.message.as_str()), (code, expected));
        assert_eq!((status.http_status().as_u16(), status.origin), (502, Origin::Upstream), "{expected}");
        assert_eq!(reply.metadata, header_map(&[("x-head", "1")]), "{expected}");
    }
}

#[tokio::test]
async fn the_largest_allowed_message_passes() {
    let reply = reply_to(script(&[&framed(&[7; 1024])], Some(&[("grpc-status", "0")]))).await;
    assert_eq!(message(&reply), [7; 1024]);
}

#[tokio::test]
async fn an_answer_before_the_request_is_read_counts() {
    let server = Server::calls(|request, mut respond| async move {
        // The body is never read, and is larger than the flow-control window: h2 answers, then resets the
        // stream with NO_ERROR.
        answer_ok(&mut respond, b"early");
        drop(request);
    })
    .await;
    let upstream = upstream(&server.url());
    for _ in 0..10 {
        let reply = soon(upstream.unary(call(&vec![1; 300_000]))).await;
        assert_eq!(message(&reply), b"early");
    }
}

#[tokio::test]
async fn resets_are_mapped() {
    for (reason, code, http) in [
        (h2::Reason::INTERNAL_ERROR, Code::Internal, 502),
        (h2::Reason::CANCEL, Code::Cancelled, 502),
        (h2::Reason::ENHANCE_YOUR_CALM, Code::ResourceExhausted, 429),
        (h2::Reason::REFUSED_STREAM, Code::Unavailable, 503),
    ] {
        let server = Server::calls(move |request, mut respond| async move {
            whole(request.into_body()).await;
            respond.send_reset(reason);
        })
        .await;
        let reply = soon(upstream(&server.url()).unary(call(b"x"))).await;
        let status = status(&reply);
        assert_eq!((status.code, status.http_status().as_u16()), (code, http), "{reason:?}");
    }
}

#[tokio::test]
async fn a_reset_in_the_middle_of_an_answer_keeps_the_metadata() {
    let server = Server::calls(|request, mut respond| async move {
        whole(request.into_body()).await;
        let mut response = grpc();
        response.headers_mut().insert("x-head", "1".parse().expect("a value"));
        let mut body = respond.send_response(response, false).expect("a head");
        body.send_data(framed(b"half").slice(..6), false).expect("a chunk");
        for _ in 0..20 {
            tokio::task::yield_now().await; // on one thread: the connection writes what is queued
        }
        body.send_reset(h2::Reason::INTERNAL_ERROR);
    })
    .await;
    let reply = soon(upstream(&server.url()).unary(call(b"x"))).await;
    assert_eq!(status(&reply).message, "the backend broke off the call");
    assert_eq!(reply.metadata, header_map(&[("x-head", "1")]));
}

#[tokio::test]
async fn a_large_message_passes_both_ways() {
    let server = Server::calls(echo).await;
    let bytes: Vec<u8> = (0..3_000_000u32).map(|n| n.to_le_bytes()[0]).collect();
    let reply = soon(upstream(&server.url()).unary(call(&bytes))).await;
    assert!(message(&reply) == bytes);
}
