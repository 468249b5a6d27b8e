//! The layers around a call: tower-http's, checked and put together once per generation.
//!
//! From the outside in: request id, sensitive headers, cross-origin, compression, decompression, catching
//! panics, the call itself. What is not configured is not there. A request clones the stack, which is a
//! dozen reference counts, because tower's services are called by `&mut self`.

use std::sync::Arc;

use http::{HeaderName, Response};
use tower::util::{Either, MapResponse};
use tower_http::BoxError;
use tower_http::body::UnsyncBoxBody;
use tower_http::catch_panic::CatchPanic;
use tower_http::compression::{Compression, CompressionBody};
use tower_http::request_id::{PropagateRequestId, SetRequestId};
use tower_http::sensitive_headers::SetSensitiveRequestHeaders;

use super::call::Innermost;
use super::{Gateway, LayerSettings};
use crate::problem::{Place, Problem, Problems};
use crate::telemetry::Recorder;

mod body;
pub(super) mod compress;
mod cors;
mod decompress;
mod panic;
pub(super) mod request_id;

pub(super) use body::Answer;

/// Layers that were checked and are ready to be put around a snapshot.
#[derive(Debug, Clone)]
pub struct Layers {
    cors: Option<cors::Checked>,
    compression: Option<compress::Worth>,
    decompression: bool,
    sensitive: Arc<[HeaderName]>,
}

type Caught<G> = CatchPanic<Innermost<G>, panic::Told>;
type Read<G> = decompress::Decompress<Caught<G>>;
type Boxed = UnsyncBoxBody<bytes::Bytes, BoxError>;
type Plain<G> = MapResponse<Read<G>, fn(Response<Boxed>) -> Response<Answer>>;
type Compressed<G> = MapResponse<
    Compression<Read<G>, compress::Worth>,
    fn(Response<CompressionBody<Boxed>>) -> Response<Answer>,
>;
type Coded<G> = Either<Plain<G>, Compressed<G>>;
type Crossed<G> = Either<Coded<G>, cors::Cross<Coded<G>>>;

/// The layered service of one generation.
pub(super) type Stack<G> =
    SetRequestId<PropagateRequestId<SetSensitiveRequestHeaders<Crossed<G>>>, request_id::Fresh>;

impl Layers {
    /// Checks the settings, telling every problem.
    pub fn prepare(settings: &LayerSettings, problems: &mut Problems) -> Option<Self> {
        let errors = problems.errors();
        let cors = settings.cors.as_ref().and_then(|cors| cors::Checked::read(cors, problems));
        let sensitive = sensitive(&settings.sensitive_headers, problems);
        let compression = settings.compression.then(|| compress::Worth::of(settings.compression_min));
        let decompression = settings.decompression;
        (problems.errors() == errors).then_some(Self { cors, compression, decompression, sensitive })
    }

    /// The service that serves calls on `gateway` within these layers.
    pub(super) fn around<G: Gateway>(&self, gateway: Arc<G>, recorder: Recorder) -> Stack<G> {
        let methods = gateway.methods();
        let codings = if self.decompression { decompress::CODINGS } else { "identity" };
        let caught = CatchPanic::custom(Innermost::new(gateway, recorder, codings), panic::Told);
        let read = decompress::Decompress::new(caught, self.decompression);
        let coded = match &self.compression {
            None => Either::Left(MapResponse::new(read, plain as fn(_) -> _)),
            Some(worth) => {
                let compression = Compression::new(read).compress_when(worth.clone());
                Either::Right(MapResponse::new(compression, compressed as fn(_) -> _))
            }
        };
        let crossed = match &self.cors {
            None => Either::Left(coded),
            Some(cors) => Either::Right(cors::Cross::new(coded, cors, methods)),
        };
        let marked = SetSensitiveRequestHeaders::from_shared(crossed, Arc::clone(&self.sensitive));
        SetRequestId::x_request_id(PropagateRequestId::x_request_id(marked), request_id::Fresh)
    }
}

fn plain(response: Response<Boxed>) -> Response<Answer> {
    response.map(Answer::Plain)
}

fn compressed(response: Response<CompressionBody<Boxed>>) -> Response<Answer> {
    response.map(Answer::compressed)
}

/// The headers whose values are never logged, those that always carry secrets included.
fn sensitive(names: &[String], problems: &mut Problems) -> Arc<[HeaderName]> {
    let always = [http::header::AUTHORIZATION, http::header::COOKIE, http::header::PROXY_AUTHORIZATION];
    let place = "telemetry.sensitive_headers";
    let more = names.iter().filter_map(|name| header_name(name, place, problems));
    always.into_iter().chain(more).collect()
}

fn header_name(name: &str, item: &str, problems: &mut Problems) -> Option<HeaderName> {
    let header = HeaderName::from_bytes(name.as_bytes());
    if header.is_err() {
        let help = "header names are letters, digits and `-`";
        problems.push(Problem::error(Place::item(item), format!("`{name}` is not a header name")).help(help));
    }
    header.ok()
}
