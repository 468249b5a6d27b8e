//! The layers around a call, checked and put together once per generation.
//!
//! Every request gets its id and has its secrets marked; those are a few lines of our own. Cross-origin, compression
//! and decompression are tower-http's, from the outside in, and stand only around requests that call for them (all of
//! them, where cross-origin requests are configured, since every answer says so then): tower's services are moved
//! through by value, which costs a plain request more than all that the layers do for it.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use http::header::{ACCEPT_ENCODING, CONTENT_ENCODING};
use http::{HeaderMap, HeaderName, Request, Response};
use hyper::body::Incoming;
use tower::ServiceExt as _;
use tower::util::{Either, MapResponse};
use tower_http::compression::{Compression, CompressionBody};

use self::body::Boxed;
use super::asked::Asked;
use super::call::Innermost;
use super::{Gateway, LayerSettings};
use crate::gateway::Peer;
use crate::problem::{Place, Problem, Problems};
use crate::telemetry::Recorder;

mod body;
mod compress;
mod cors;
mod decompress;
pub(super) mod panic;
mod request_id;

pub(super) use body::Answer;

/// Layers that were checked and are ready to be put around a snapshot.
#[derive(Debug, Clone)]
pub struct Layers {
    cors: Option<cors::Checked>,
    compression: Option<compress::Worth>,
    decompression: bool,
    sensitive: Arc<[HeaderName]>,
}

type Read<G> = decompress::Decompress<Innermost<G>>;
type Plain<G> = MapResponse<Read<G>, fn(Response<Boxed>) -> Response<Answer>>;
type Compressed<G> = MapResponse<
    Compression<Read<G>, compress::Worth>,
    fn(Response<CompressionBody<Boxed>>) -> Response<Answer>,
>;
type Coded<G> = Either<Plain<G>, Compressed<G>>;
type Crossed<G> = Either<Coded<G>, cors::Cross<Coded<G>>>;

/// What serves the requests of one generation; cheap to clone.
pub(super) struct Stack<G>(Arc<Whole<G>>);

/// The calls, and what stands around them.
struct Whole<G> {
    calls: Innermost<G>,
    layered: Crossed<G>,
    crosses: bool,
    compression: Option<compress::Worth>,
    sensitive: Arc<[HeaderName]>,
}

/// An answer to come.
pub(super) type Answering = Pin<Box<dyn Future<Output = Result<Response<Answer>, Infallible>> + Send>>;

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

    /// What serves calls on `gateway` within these layers.
    pub(super) fn around<G: Gateway>(&self, gateway: Arc<G>, recorder: Recorder) -> Stack<G> {
        let methods = gateway.methods();
        let codings = if self.decompression { decompress::CODINGS } else { "identity" };
        let calls = Innermost::new(gateway, recorder, codings);
        let read = decompress::Decompress::new(calls.clone(), self.decompression);
        let coded = match &self.compression {
            None => Either::Left(MapResponse::new(read, boxed as fn(_) -> _)),
            Some(worth) => {
                let compression = Compression::new(read).compress_when(worth.clone());
                Either::Right(MapResponse::new(compression, compressed as fn(_) -> _))
            }
        };
        let layered = match &self.cors {
            None => Either::Left(coded),
            Some(cors) => Either::Right(cors::Cross::new(coded, cors, methods)),
        };
        Stack(Arc::new(Whole {
            calls,
            layered,
            crosses: self.cors.is_some(),
            compression: self.compression.clone(),
            sensitive: Arc::clone(&self.sensitive),
        }))
    }
}

impl<G: Gateway> Stack<G> {
    /// Serves a request. Where no layer has anything to do, one box holds all that its answer needs until then.
    pub fn call(&self, mut request: Request<Asked<Incoming>>, peer: &Arc<Peer>) -> Answering {
        let (stack, peer) = (self.clone(), Arc::clone(peer));
        let id = request_id::settle(request.headers_mut());
        stack.0.mark_sensitive(request.headers_mut());
        if stack.0.is_plain(request.headers()) {
            return Box::pin(async move {
                let mut response = stack.0.calls.answer(request, &peer).await.map(Answer::Plain);
                if let Some(worth) = &stack.0.compression {
                    worth.tell(&mut response);
                }
                request_id::answer(&mut response, id);
                Ok(response)
            });
        }
        request.extensions_mut().insert(peer);
        compress::take_identity(request.headers_mut());
        let layered: Answering = Box::pin(stack.0.layered.clone().oneshot(request));
        Box::pin(async move {
            let mut response = layered.await?;
            request_id::answer(&mut response, id);
            Ok(response)
        })
    }
}

impl<G> Whole<G> {
    /// Marks the values that are never logged.
    fn mark_sensitive(&self, headers: &mut HeaderMap) {
        for (name, value) in headers {
            if self.sensitive.contains(name) {
                value.set_sensitive(true);
            }
        }
    }

    /// Whether no layer has anything to do for a request.
    fn is_plain(&self, headers: &HeaderMap) -> bool {
        let calls_for_one = |name: &HeaderName| {
            *name == CONTENT_ENCODING || self.compression.is_some() && *name == ACCEPT_ENCODING
        };
        !self.crosses && !headers.keys().any(calls_for_one)
    }
}

// Not derived: a derived one would ask the gateway to be `Clone`.
impl<G> Clone for Stack<G> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

fn boxed(response: Response<Boxed>) -> Response<Answer> {
    response.map(Answer::Boxed)
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
