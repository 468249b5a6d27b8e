//! Bodies: the one that is read, and the one that is answered.

use std::convert::Infallible;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, StatusCode};
use http_body::{Frame, SizeHint};
use http_body_util::BodyExt as _;
use tokio::time::timeout;

use crate::status::{Code, Origin, Status};
use crate::units::{ByteSize, Period};

/// The body of an answer: bytes that are all there, and trailers where the client asked for them.
#[derive(Debug, Default)]
pub struct Body {
    bytes: Option<Bytes>,
    trailers: Option<Box<HeaderMap>>,
}

impl Body {
    /// The same body with trailers after it.
    #[must_use]
    pub fn with_trailers(mut self, trailers: HeaderMap) -> Self {
        self.trailers = Some(Box::new(trailers)).filter(|trailers| !trailers.is_empty());
        self
    }

    /// How many bytes it has, trailers not counted.
    #[must_use]
    pub fn len(&self) -> usize {
        self.bytes.as_ref().map_or(0, Bytes::len)
    }

    /// The next part.
    fn next(&mut self) -> Option<Bytes> {
        match &mut self.bytes {
            Some(bytes) if bytes.len() > PART => Some(bytes.split_to(PART)),
            bytes => bytes.take(),
        }
    }

    /// Whether it has no bytes.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// The most bytes that are given out at once, an HTTP/2 frame: what was given out counts as sent, and a client
/// that reads no further must be noticed.
const PART: usize = 16 * 1024;

impl From<Vec<u8>> for Body {
    fn from(bytes: Vec<u8>) -> Self {
        Self { bytes: Some(bytes.into()).filter(|bytes: &Bytes| !bytes.is_empty()), trailers: None }
    }
}

impl http_body::Body for Body {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let data = self.next().map(Frame::data);
        let frame = data.or_else(|| self.trailers.take().map(|trailers| Frame::trailers(*trailers)));
        Poll::Ready(frame.map(Ok))
    }

    fn is_end_stream(&self) -> bool {
        self.bytes.is_none() && self.trailers.is_none()
    }

    fn size_hint(&self) -> SizeHint {
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
    let mut rest = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let Ok(frame) = frame else {
            return Err(Status::invalid("the request body broke off or could not be decompressed"));
        };
        let Ok(chunk) = frame.into_data() else { continue };
        if first.len() + rest.len() + chunk.len() > limit {
            return Err(too_large(limit));
        }
        if first.is_empty() {
            first = chunk;
        } else {
            rest.extend_from_slice(&chunk);
        }
    }
    if rest.is_empty() {
        return Ok(first);
    }
    let mut whole = BytesMut::with_capacity(first.len() + rest.len());
    whole.extend_from_slice(&first);
    whole.extend_from_slice(&rest);
    Ok(whole.freeze())
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

    use super::*;

    const LONG: Duration = Duration::from_secs(20);

    /// A body of the given chunks, without a known size; `None` is a break.
    struct Chunks(VecDeque<Option<&'static [u8]>>);

    impl http_body::Body for Chunks {
        type Data = Bytes;
        type Error = &'static str;

        fn poll_frame(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
            let chunk = self.0.pop_front();
            Poll::Ready(
                chunk.map(|chunk| chunk.map(|chunk| Frame::data(Bytes::from_static(chunk))).ok_or("broken")),
            )
        }
    }

    async fn read_chunks(chunks: &[Option<&'static [u8]>], limit: usize) -> Result<Bytes, u16> {
        let body = Chunks(chunks.iter().copied().collect());
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
    #[allow(clippy::disallowed_methods, reason = "a small body of our own")]
    async fn a_long_body_comes_in_parts() {
        let bytes: Vec<u8> = (0..=PART * 2).map(|at| u8::try_from(at % 251).expect("a byte")).collect();
        let mut body = Body::from(bytes.clone());
        let first = body.frame().await.expect("a part").expect("infallible").into_data().expect("data");
        assert_eq!((first.len(), body.len()), (PART, PART + 1));
        assert_eq!(http_body::Body::size_hint(&body).exact(), Some(PART as u64 + 1));
        let rest = body.collect().await.expect("infallible").to_bytes();
        assert_eq!([first, rest].concat(), bytes);
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
