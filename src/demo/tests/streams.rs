//! Streaming methods, over real sockets: what they answer, and what they are steered to.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures_util::{Stream, StreamExt as _, stream};
use tonic::Streaming;

use super::*;
use crate::demo::download::HttpBody;

/// The shop of the black-box tests.
fn shop() -> DescriptorPool {
    const SHOP: &str = include_str!("../../../tests/fixtures/shop.proto");
    static POOL: OnceLock<DescriptorPool> = OnceLock::new();
    let compile = || {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("shop.proto"), SHOP).expect("written");
        load(&schema::Settings { protos: vec![folder.path().to_owned()], ..schema::Settings::default() })
    };
    POOL.get_or_init(compile).clone()
}

/// Calls a method of the shop with requests that come as they like.
async fn call(
    demo: &Fixture,
    method: &str,
    requests: impl Stream<Item = Bytes> + Send + 'static,
    metadata: &[(&'static str, &str)],
) -> Result<Response<Streaming<Bytes>>, Status> {
    let mut grpc = Grpc::new(demo.channel.clone()).max_decoding_message_size(1 << 30);
    grpc.ready().await.expect("ready");
    let mut request = Request::new(requests);
    for (name, value) in metadata {
        request.metadata_mut().append(*name, value.parse().expect("a value"));
    }
    let path = PathAndQuery::try_from(format!("/shop.v1.Shop/{method}")).expect("a path");
    grpc.streaming(request, path, Raw).await
}

/// What came of a call: its head, its messages, and how it ended.
#[derive(Debug)]
struct Seen {
    head: MetadataMap,
    messages: Vec<Bytes>,
    end: Result<MetadataMap, Status>,
}

impl Seen {
    fn code(&self) -> Code {
        self.end.as_ref().err().map_or(Code::Ok, Status::code)
    }
}

async fn seen(demo: &Fixture, method: &str, requests: &[Bytes], metadata: &[(&'static str, &str)]) -> Seen {
    let requests = stream::iter(requests.to_vec());
    let (head, mut answers) = match call(demo, method, requests, metadata).await {
        Ok(response) => {
            let (head, answers, _) = response.into_parts();
            (head, answers)
        }
        Err(status) => return Seen { head: MetadataMap::new(), messages: Vec::new(), end: Err(status) },
    };
    let mut messages = Vec::new();
    let end = loop {
        match answers.message().await {
            Ok(Some(message)) => messages.push(message),
            Ok(None) => break answers.trailers().await.map(Option::unwrap_or_default),
            Err(status) => break Err(status),
        }
    };
    Seen { head, messages, end }
}

fn item(id: &str) -> Bytes {
    [&[10, u8::try_from(id.len()).expect("short")], id.as_bytes()].concat().into()
}

fn wish(text: &str) -> [(&'static str, &str); 1] {
    [("transom-stream", text)]
}

#[tokio::test]
async fn a_request_is_repeated_and_a_stream_of_them_is_answered_as_it_comes_or_at_its_end() {
    let demo = Fixture::new(shop()).await;
    let watched = seen(&demo, "Watch", &[item("a")], &[]).await;
    assert_eq!((watched.messages.clone(), watched.code()), (vec![item("a"); 3], Code::Ok));
    let watched = seen(&demo, "Watch", &[item("a")], &wish("messages=1000")).await;
    assert_eq!((watched.messages.len(), watched.code()), (1000, Code::Ok));

    let uploaded = seen(&demo, "Upload", &[item("a"), item("b")], &[]).await;
    assert_eq!(uploaded.messages, [item("b")]);
    assert_eq!(uploaded.head.get("transom-received").expect("a count"), "2");
    let chatted = seen(&demo, "Chat", &[item("a"), item("b")], &[]).await;
    assert_eq!(chatted.messages, [item("a"), item("b")]);
    let empty = seen(&demo, "Chat", &[], &[]).await;
    assert_eq!((empty.messages.len(), empty.code()), (0, Code::Ok));
    let counts: Vec<_> = demo.backend.calls().iter().map(|call| (call.received, call.answered)).collect();
    assert_eq!(counts, [(1, 3), (1, 1000), (2, 1), (2, 2), (0, 0)]);
    assert!(demo.backend.calls().iter().all(|call| call.outcome == Outcome::Completed));
}

#[tokio::test]
async fn both_halves_are_open_at_once() {
    let demo = Fixture::new(shop()).await;
    let (requests, coming) = tokio::sync::mpsc::channel(1);
    let coming = stream::unfold(coming, async |mut coming| Some((coming.recv().await?, coming)));
    let answers = tokio::spawn({
        let metadata = wish("head=immediately");
        let call = call(&demo, "Chat", coming, &metadata).await;
        async move { call.expect("a head before any message").into_inner() }
    });
    let mut answers = answers.await.expect("opened");
    for id in ["a", "b", "c"] {
        requests.send(item(id)).await.expect("taken");
        assert_eq!(answers.message().await.expect("sound"), Some(item(id)));
    }
    drop(requests);
    assert_eq!(answers.message().await.expect("sound"), None);
}

#[tokio::test]
async fn bytes_of_any_type_are_downloaded_and_uploaded() {
    let demo = Fixture::new(shop()).await;
    let body = |content_type: &str, data: &[u8]| HttpBody {
        content_type: content_type.to_owned(),
        data: Bytes::copy_from_slice(data),
    };
    // A parcel with a content type: field 3.
    let asking = [&[26, 10][..], &body("text/csv", b"").encode_to_vec()].concat();
    for (request, expected) in [(Bytes::new(), "application/octet-stream"), (asking.into(), "text/csv")] {
        let loaded = seen(&demo, "Download", &[request], &wish("messages=3;bytes=20")).await;
        let bodies: Vec<_> =
            loaded.messages.into_iter().map(|body| HttpBody::decode(body).expect("a body")).collect();
        assert!(bodies.iter().all(|body| body.content_type == expected));
        let data: Vec<u8> = bodies.iter().flat_map(|body| body.data.to_vec()).collect();
        assert_eq!(data, b"abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyzabcdefgh");
    }
    let path = "/shop.v1.Shop/Fetch";
    let fetched = send(&demo.channel, path, Vec::new(), &wish("bytes=3")).await.expect("a body").into_inner();
    assert_eq!(HttpBody::decode(fetched).expect("a body"), body("application/octet-stream", b"abc"));

    let chunks = [body("text/plain", b"one "), body("", b""), body("x/y", b"two")];
    let chunks = chunks.map(|chunk| Bytes::from(chunk.encode_to_vec()));
    let uploaded = seen(&demo, "UploadRaw", &chunks, &[]).await;
    assert_eq!(
        HttpBody::decode(uploaded.messages[0].clone()).expect("a body"),
        body("text/plain", b"one two")
    );
    let count = |name: &str| uploaded.head.get(name).expect("a count").to_str().expect("text").to_owned();
    assert_eq!(
        (count("transom-received"), count("transom-received-bytes")),
        ("3".to_owned(), "7".to_owned())
    );

    let empty = send(&demo.channel, "/shop.v1.Shop/Empty", item("a").to_vec(), &[]).await;
    assert_eq!(empty.expect("nothing").into_inner(), Bytes::new());
}

#[tokio::test]
async fn streams_fail_where_they_are_told_to() {
    let demo = Fixture::new(shop()).await;
    let requests = [item("a"), item("b"), item("c")];
    for (method, wishes, faults, messages, code) in [
        ("Watch", "fail-after=2", "status=9", 2, Code::FailedPrecondition),
        ("Watch", "", "status=9", 0, Code::FailedPrecondition),
        ("Watch", "head=immediately", "status=9", 0, Code::FailedPrecondition),
        ("Watch", "", "status=9;late", 0, Code::FailedPrecondition),
        ("Watch", "messages=5", "status=9;after-message", 5, Code::FailedPrecondition),
        ("Watch", "fail-after=2", "break=CANCEL", 2, Code::Unknown),
        ("Watch", "", "break", 1, Code::Internal),
        ("Watch", "", "garbage", 1, Code::Internal),
        ("Watch", "", "truncate", 1, Code::Internal),
        ("Watch", "", "no-message", 0, Code::Ok),
        ("Watch", "", "two-messages", 6, Code::Ok),
        ("Watch", "", "reset=REFUSED_STREAM", 0, Code::Unavailable),
        ("Watch", "", "html=503", 0, Code::Unavailable),
        ("Watch", "wrong=1", "", 0, Code::InvalidArgument),
        ("Chat", "fail-after=1", "status=9", 1, Code::FailedPrecondition),
        ("Chat", "messages=2", "", 2, Code::Ok),
        ("Upload", "fail-after=2", "status=9", 0, Code::FailedPrecondition),
        ("Upload", "", "status=9;after-message", 1, Code::FailedPrecondition),
        ("Upload", "messages=1", "", 1, Code::Ok),
        ("Upload", "", "break", 0, Code::Internal),
    ] {
        let metadata = [("transom-stream", wishes), ("transom-fault", faults)];
        let requests = if method == "Watch" { &requests[..1] } else { &requests };
        let seen = seen(&demo, method, requests, &metadata).await;
        assert_eq!((seen.messages.len(), seen.code()), (messages, code), "{method} {metadata:?} {seen:?}");
    }
    let metadata = [
        ("transom-fault", "oversize=1MiB"),
        ("transom-answer-header", "x-a=1"),
        ("transom-answer-trailer", "x-b=2"),
    ];
    let seen = seen(&demo, "Watch", &requests[..1], &metadata).await;
    assert!(seen.messages.iter().all(|message| message.len() > 1 << 20));
    assert_eq!(seen.head.get("x-a").expect("a header"), "1");
    assert_eq!(seen.end.expect("trailers").get("x-b").expect("a trailer"), "2");
}

#[tokio::test]
async fn the_head_comes_when_it_is_told_to() {
    let demo = Fixture::new(shop()).await;
    let metadata = [("transom-stream", "head=immediately"), ("transom-fault", "hang")];
    let opened = call(&demo, "Watch", stream::iter([item("a")]), &metadata).await;
    assert!(opened.is_ok(), "the head comes although no message ever does");
    let begun = Instant::now();
    let metadata = wish("head=immediately;head-wait=120ms");
    assert!(call(&demo, "Watch", stream::iter([item("a")]), &metadata).await.is_ok());
    assert!(begun.elapsed() >= Duration::from_millis(120));
    let begun = Instant::now();
    assert_eq!(seen(&demo, "Watch", &[item("a")], &wish("every=60ms")).await.messages.len(), 3);
    assert!(begun.elapsed() >= Duration::from_millis(120));
}

#[tokio::test]
async fn deadlines_cancels_and_slow_readers_are_felt() {
    let demo = Fixture::new(shop()).await;
    let metadata = [("transom-stream", "messages=9;every=400ms"), ("grpc-timeout", "1S")];
    let late = seen(&demo, "Watch", &[item("a")], &metadata).await;
    assert!((1..9).contains(&late.messages.len()), "{late:?}");
    // tonic's own clock may be first.
    assert!(matches!(late.code(), Code::DeadlineExceeded | Code::Cancelled), "{late:?}");

    let left =
        call(&demo, "Watch", stream::iter([item("a")]), &wish("messages=9;every=1h")).await.expect("begun");
    let mut answers = left.into_inner();
    assert_eq!(answers.message().await.expect("sound"), Some(item("a")));
    assert_eq!(demo.backend.calls().last().expect("a call").outcome, Outcome::Running);
    drop(answers);
    let last = || demo.backend.calls().last().expect("a call").clone();
    until("the backend hears of it", || last().outcome == Outcome::Cancelled).await;
    assert_eq!(last().answered, 1);

    // Nobody reads, so that little is made.
    let metadata = wish("messages=100000;bytes=64KiB");
    let unread = call(&demo, "Download", stream::iter([Bytes::new()]), &metadata).await.expect("begun");
    let mut count = 0;
    until("no more is made", || {
        let before = std::mem::replace(&mut count, last().answered);
        before == count && count > 0
    })
    .await;
    assert!(count < 1000, "{count} chunks were made");
    drop(unread);
    // The backend does not read, so that little is sent.
    let sent = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&sent);
    let endless = stream::repeat(Bytes::from(vec![0; 64 << 10])).inspect(move |_| {
        count.fetch_add(1, Ordering::SeqCst);
    });
    let metadata = wish("head=immediately;read-wait=1h");
    let _unheard = call(&demo, "Chat", endless, &metadata).await.expect("a head");
    let mut before = 0;
    until("no more is sent", || {
        let now = sent.load(Ordering::SeqCst);
        std::mem::replace(&mut before, now) == now && now > 0
    })
    .await;
    assert_eq!(last().received, 0);
    assert!(before < 1000, "{before} messages were sent");
}
