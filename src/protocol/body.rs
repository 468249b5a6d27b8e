//! Bodies: the one that is read, and the one that is answered.

use std::fmt;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, StatusCode};
use http_body::{Frame, SizeHint};
use http_body_util::BodyExt as _;
use tokio::task::coop::consume_budget;
use tokio::time::timeout;

use crate::observe::CallRecord;
use crate::status::{Code, Origin, Status};
use crate::units::{ByteSize, Period};

/// The body of an answer: bytes that are all there, and trailers where the client asked for them; or a stream.
#[derive(Default)]
pub struct Body {
    bytes: Option<Bytes>,
    trailers: Option<Box<HeaderMap>>,
    parts: Parts,
    stream: Option<Pin<Box<dyn Streamed>>>,
}

/// What an answer that streams is made of, piece by piece. Dropped before its end, the client has gone away.
pub trait Streamed: Send {
    /// The next piece, or trailers; `None` at the end.
    ///
    /// # Errors
    /// [`Broken`]: the answer cannot be ended well, and the client must see that.
    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Broken>>>;

    /// The gateway stops: what comes next is the error, in the stream's own form, and the end.
    fn stop(self: Pin<&mut Self>);

    /// Writes down what became of the call, at its end.
    fn record(&self, record: &mut CallRecord);
}

/// An answer that breaks off: the connection is closed, or over HTTP/2 the stream reset, so that nobody takes what
/// came for the whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the answer broke off")]
pub struct Broken;

/// The sizes of the parts that a body is given out in. What was given out counts as sent, so that a client that
/// reads no further is noticed only if something is left to give out.
#[derive(Debug, Clone, Copy)]
struct Parts {
    /// The most bytes of a part.
    most: usize,
    /// The most bytes of the last part.
    last: usize,
}

impl Default for Parts {
    /// Over HTTP/1.1 a socket takes or refuses them.
    fn default() -> Self {
        Self { most: 128 * 1024, last: 128 * 1024 }
    }
}

impl Parts {
    /// A part is a frame. h2 takes a whole part as soon as the client grants one byte: that must not be the
    /// end of the body, or a client that grants no more would keep an answer that counts as sent.
    const HTTP2: Self = Self { most: 16 * 1024, last: 1024 };
}

impl Body {
    /// A body that comes piece by piece.
    #[must_use]
    pub fn streamed(stream: impl Streamed + 'static) -> Self {
        Self { stream: Some(Box::pin(stream)), ..Self::default() }
    }

    /// Whether it comes piece by piece.
    #[must_use]
    pub fn is_stream(&self) -> bool {
        self.stream.is_some()
    }

    /// Ends a stream before its time, and has it say so.
    pub fn stop(&mut self) {
        if let Some(stream) = &mut self.stream {
            stream.as_mut().stop();
        }
    }

    /// Writes down what became of the call, at the end of the body; what is all there was written down before.
    pub fn record(&self, record: &mut CallRecord) {
        if let Some(stream) = &self.stream {
            stream.record(record);
        }
    }

    /// The same body with trailers after it.
    #[must_use]
    pub fn with_trailers(mut self, trailers: HeaderMap) -> Self {
        self.trailers = Some(Box::new(trailers)).filter(|trailers| !trailers.is_empty());
        self
    }

    /// The same body, given out as HTTP/2 needs it.
    #[must_use]
    pub fn for_http2(mut self) -> Self {
        self.parts = Parts::HTTP2;
        self
    }

    /// How many bytes it has, trailers not counted; 0 for a stream.
    #[must_use]
    pub fn len(&self) -> usize {
        self.bytes.as_ref().map_or(0, Bytes::len)
    }

    /// Its bytes, where they are all there.
    #[must_use]
    pub fn bytes(&self) -> Option<&[u8]> {
        match (&self.stream, &self.bytes) {
            (Some(_), _) => None,
            (None, bytes) => Some(bytes.as_deref().unwrap_or_default()),
        }
    }

    /// The next part.
    fn next(&mut self) -> Option<Bytes> {
        match self.len().saturating_sub(self.parts.last) {
            0 => self.bytes.take(),
            before => self.bytes.as_mut().map(|bytes| bytes.split_to(before.min(self.parts.most))),
        }
    }

    /// Whether it has no bytes.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0 && !self.is_stream()
    }
}

impl From<Bytes> for Body {
    fn from(bytes: Bytes) -> Self {
        Self { bytes: Some(bytes).filter(|bytes| !bytes.is_empty()), ..Self::default() }
    }
}

impl From<Vec<u8>> for Body {
    fn from(bytes: Vec<u8>) -> Self {
        Bytes::from(bytes).into()
    }
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Body")
            .field("len", &self.len())
            .field("streams", &self.is_stream())
            .finish_non_exhaustive()
    }
}

impl http_body::Body for Body {
    type Data = Bytes;
    type Error = Broken;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Broken>>> {
        if let Some(stream) = &mut self.stream {
            return stream.as_mut().poll_frame(cx);
        }
        let data = self.next().map(Frame::data);
        let frame = data.or_else(|| self.trailers.take().map(|trailers| Frame::trailers(*trailers)));
        Poll::Ready(frame.map(Ok))
    }

    fn is_end_stream(&self) -> bool {
        self.bytes.is_none() && self.trailers.is_none() && self.stream.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        if self.is_stream() {
            return SizeHint::default();
        }
        let len = self.len() as u64;
        // Without an exact size HTTP/1.1 sends chunks, after which trailers can stand.
        if self.trailers.is_some() {
            let mut hint = SizeHint::new();
            hint.set_lower(len);
            hint
        } else {
            SizeHint::with_exact(len)
        }
    }
}

/// Reads a whole request body of at most `limit` bytes, for at most `time`. The time is that of the whole body,
/// not of a pause in it: a byte now and then would keep a call open for ever. A body of one chunk is not copied.
///
/// # Errors
/// 413 as soon as more than `limit` bytes are announced or read; 408 when the end has not come in time; 400 when
/// the body breaks off or cannot be decompressed.
pub async fn read<B>(body: B, limit: usize, time: Duration) -> Result<Bytes, Status>
where
    B: http_body::Body<Data = Bytes>,
{
    if body.is_end_stream() {
        return Ok(Bytes::new());
    }
    timeout(time, whole(body, limit)).await.unwrap_or_else(|_| Err(too_late(time)))
}

async fn whole<B>(body: B, limit: usize) -> Result<Bytes, Status>
where
    B: http_body::Body<Data = Bytes>,
{
    let mut body = pin!(body);
    if usize::try_from(body.size_hint().lower()).is_ok_and(|announced| announced > limit) {
        return Err(too_large(limit));
    }
    let mut first = Bytes::new();
    let mut whole = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let Ok(frame) = frame else {
            return Err(Status::invalid("the request body broke off or could not be decompressed"));
        };
        let Ok(chunk) = frame.into_data() else { continue };
        let read = first.len() + whole.len();
        if read + chunk.len() > limit {
            return Err(too_large(limit));
        }
        if read == 0 {
            first = chunk;
            continue;
        }
        if whole.is_empty() {
            // What is still to come is known where the length was announced, and is within the limit.
            let rest = usize::try_from(body.size_hint().lower()).unwrap_or(0);
            whole.reserve((read + chunk.len()).saturating_add(rest).min(limit));
            whole.extend_from_slice(&std::mem::take(&mut first));
        }
        whole.extend_from_slice(&chunk);
        consume_budget().await;
    }
    Ok(if whole.is_empty() { first } else { whole.freeze() })
}

fn too_late(time: Duration) -> Status {
    let time = Period(time);
    let message = format!("the request body did not arrive within {time}");
    Status::new(Code::DeadlineExceeded, message, Origin::Client).with_http(StatusCode::REQUEST_TIMEOUT)
}

fn too_large(limit: usize) -> Status {
    let limit = ByteSize(limit as u64);
    Status::new(
        Code::ResourceExhausted,
        format!("the request body is larger than the limit of {limit}"),
        Origin::Client,
    )
    .with_http(StatusCode::PAYLOAD_TOO_LARGE)
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;
    use std::convert::Infallible;

    use super::*;

    const LONG: Duration = Duration::from_secs(20);

    /// A body of the given chunks; `None` is a break. `announced`: whether its size is known.
    struct Chunks {
        chunks: VecDeque<Option<&'static [u8]>>,
        announced: bool,
    }

    impl http_body::Body for Chunks {
        type Data = Bytes;
        type Error = &'static str;

        fn poll_frame(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
            let chunk = self.chunks.pop_front();
            Poll::Ready(
                chunk.map(|chunk| chunk.map(|chunk| Frame::data(Bytes::from_static(chunk))).ok_or("broken")),
            )
        }

        fn size_hint(&self) -> SizeHint {
            if self.announced {
                SizeHint::with_exact(self.chunks.iter().flatten().map(|chunk| chunk.len() as u64).sum())
            } else {
                SizeHint::new()
            }
        }
    }

    async fn read_chunks(chunks: &[Option<&'static [u8]>], limit: usize) -> Result<Bytes, u16> {
        let body = Chunks { chunks: chunks.iter().copied().collect(), announced: false };
        read(body, limit, LONG).await.map_err(|status| status.http_status().as_u16())
    }

    #[tokio::test]
    async fn a_body_is_read_within_its_limit() {
        assert_eq!(read_chunks(&[], 0).await, Ok(Bytes::new()));
        assert_eq!(read_chunks(&[Some(b"ab")], 2).await, Ok(Bytes::from_static(b"ab")));
        assert_eq!(read_chunks(&[Some(b"ab"), Some(b""), Some(b"cd")], 4).await, Ok("abcd".into()));
        assert_eq!(read_chunks(&[Some(b"ab"), Some(b"cd")], 3).await, Err(413));
        assert_eq!(read_chunks(&[Some(b"ab"), None], 9).await, Err(400));
    }

    #[tokio::test]
    async fn chunks_are_copied_once_into_what_was_announced() {
        let chunks = [Some(&b"ab"[..]), Some(b"c"), Some(b"defghij")].into_iter();
        let body = Chunks { chunks: chunks.collect(), announced: true };
        let whole = read(body, 10, LONG).await.expect("within the limit");
        assert_eq!(whole, "abcdefghij");
        assert_eq!(whole.try_into_mut().expect("ours alone").capacity(), 10, "never grown");
    }

    /// A body that never comes.
    struct Never;

    impl http_body::Body for Never {
        type Data = Bytes;
        type Error = Infallible;

        fn poll_frame(
            self: Pin<&mut Self>,
            _: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
            Poll::Pending
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_does_not_come_is_a_408() {
        let status = read(Never, 1024, LONG).await.expect_err("too late");
        assert_eq!(
            (status.http_status(), status.code),
            (StatusCode::REQUEST_TIMEOUT, Code::DeadlineExceeded)
        );
        assert_eq!(status.message, "the request body did not arrive within 20s");
    }

    #[tokio::test]
    async fn a_long_body_comes_in_parts_and_its_end_is_a_small_one_for_http2() {
        for (len, parts, http2) in [
            (3, &[3][..], &[3][..]),
            (1025, &[1025], &[1, 1024]),
            (13_000, &[13_000], &[11_976, 1024]),
            (40_000, &[40_000], &[16_384, 16_384, 6208, 1024]),
            (150_000, &[18_928, 131_072], &[]),
        ] {
            let bytes: Vec<u8> = (0..len).map(|at| u8::try_from(at % 251).expect("a byte")).collect();
            for (mut body, parts) in
                [(Body::from(bytes.clone()), parts), (Body::from(bytes.clone()).for_http2(), http2)]
            {
                let (mut left, mut whole) = (len, Vec::new());
                for part in parts {
                    let given = body.frame().await.expect("a part").expect("infallible");
                    let given = given.into_data().expect("data");
                    left -= part;
                    assert_eq!((given.len(), body.len()), (*part, left), "of {len}");
                    assert_eq!(http_body::Body::size_hint(&body).exact(), Some(left as u64));
                    assert_eq!(http_body::Body::is_end_stream(&body), left == 0);
                    whole.extend(given);
                }
                assert!(parts.is_empty() || whole == bytes);
            }
        }
    }

    #[tokio::test]
    async fn an_announced_size_over_the_limit_is_refused_unread() {
        let status = read(Body::from(vec![b'x'; 2048]), 1024, LONG).await.expect_err("too large");
        assert_eq!(status.message, "the request body is larger than the limit of 1KiB");
    }

    #[tokio::test]
    #[allow(clippy::disallowed_methods, reason = "a small body of our own")]
    async fn trailers_follow_the_bytes() {
        let mut trailers = HeaderMap::new();
        trailers.insert("grpc-trailer-a", http::HeaderValue::from_static("1"));
        let body = Body::from(b"{}".to_vec()).with_trailers(trailers);
        assert_eq!(http_body::Body::size_hint(&body).exact(), None);
        let collected = body.collect().await.expect("infallible");
        assert_eq!(collected.trailers().expect("trailers").len(), 1);
        assert_eq!(collected.to_bytes(), "{}");
    }
}
