//! The body of an answer as a connection sends it: as it is, or compressed.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use tower_http::BoxError;
use tower_http::body::UnsyncBoxBody;
use tower_http::compression::CompressionBody;

use crate::serve::call::Recorded;

/// The body of an answer under the layers.
pub(super) type Boxed = UnsyncBoxBody<Bytes, BoxError>;

/// The body of an answer.
pub enum Answer {
    /// As the gateway wrote it.
    Plain(Recorded),
    /// The same, from under a layer.
    Boxed(Boxed),
    /// Through the compression layer, which may have decided to leave it as it is.
    Compressed(Pin<Box<CompressionBody<Boxed>>>),
}

impl Answer {
    pub(super) fn compressed(body: CompressionBody<Boxed>) -> Self {
        Self::Compressed(Box::pin(body))
    }
}

impl Default for Answer {
    /// No body: a preflight's.
    fn default() -> Self {
        Self::Boxed(Boxed::default())
    }
}

impl Body for Answer {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        match &mut *self {
            Self::Plain(body) => {
                Pin::new(body).poll_frame(cx).map(|frame| frame.map(|frame| frame.map_err(Into::into)))
            }
            Self::Boxed(body) => Pin::new(body).poll_frame(cx),
            Self::Compressed(body) => body.as_mut().poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Plain(body) => body.is_end_stream(),
            Self::Boxed(body) => body.is_end_stream(),
            Self::Compressed(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Plain(body) => body.size_hint(),
            Self::Boxed(body) => body.size_hint(),
            Self::Compressed(body) => body.size_hint(),
        }
    }
}
