//! One request on the embedded backend: the path says whether it goes to the health service, to reflection,
//! or to a method of the pool.

use std::collections::HashMap;
use std::convert::Infallible;
use std::fmt;
use std::future::pending;
use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use hyper::body::Incoming;
use prost_reflect::DescriptorPool;
use tokio::sync::Notify;
use tonic::Status;
use tonic::server::Grpc;
use tower::util::{BoxCloneSyncService, ServiceExt as _, service_fn};

use super::answer;
use super::calls::{CallLog, SeenCall, Ticket};
use super::codec::Raw;
use super::distort::{Body, distort, grown, plain};
use super::fault::{Faults, Wait};
use super::method::{self, Method, Plan};
use super::steering::Steering;
use super::store::Store;
use super::{Options, seed, stream};
use crate::metadata;

/// The largest request message in bytes: above every limit that a gateway in front may be tested with.
pub(super) const LARGEST_REQUEST: usize = 64 << 20;

/// Everything that connections share.
pub(super) struct Service {
    methods: HashMap<String, Method>,
    store: Mutex<Store>,
    calls: Arc<CallLog>,
    mounted: Vec<(&'static str, Mounted)>,
}

/// What a call's metadata asks for.
#[derive(Debug)]
pub(super) struct Wishes {
    pub(super) faults: Faults,
    pub(super) steering: Steering,
}

/// A ready-made gRPC service.
type Mounted = BoxCloneSyncService<Request<Incoming>, Response<tonic::body::Body>, Infallible>;

impl Service {
    pub(super) fn new(pool: &DescriptorPool, options: &Options) -> io::Result<Self> {
        let mut store = Store::default();
        if options.seeded {
            for complaint in seed::plant(pool, &mut store) {
                tracing::warn!("{complaint}");
            }
        }
        Ok(Self {
            methods: method::compile(pool),
            store: Mutex::new(store),
            calls: CallLog::new(options.remembered_calls),
            mounted: mounted(pool).map_err(io::Error::other)?,
        })
    }

    pub(super) fn calls(&self) -> Vec<SeenCall> {
        self.calls.snapshot()
    }

    /// Answers a request; an error resets its stream. `leaving` closes the connection afterwards.
    pub(super) async fn call(
        &self,
        request: Request<Incoming>,
        leaving: &Notify,
    ) -> Result<Response<Body>, h2::Error> {
        let path = request.uri().path();
        let timeout = metadata::timeout(request.headers());
        let ticket = self.calls.begin(path, request.headers(), timeout.as_ref().ok().copied().flatten());
        if let Some((_, mounted)) = self.mounted.iter().find(|(prefix, _)| path.starts_with(prefix)) {
            let Ok(response) = mounted.clone().oneshot(request).await;
            ticket.complete();
            return Ok(plain(response));
        }
        let (timeout, wishes, method) = match self.understand(&request, timeout) {
            Ok(understood) => understood,
            Err(status) => {
                ticket.complete();
                return Ok(plain(status.into_http()));
            }
        };
        if let Plan::Streaming(streaming) = method.plan {
            return stream::answer(streaming, method, request, wishes, ticket, timeout, leaving).await;
        }
        let unary = self.unary(method, request, &wishes, &ticket, leaving);
        let answered = match timeout {
            None => unary.await,
            Some(timeout) => tokio::time::timeout(timeout, unary)
                .await
                .unwrap_or_else(|_| Ok(plain(deadline_exceeded().into_http()))),
        };
        ticket.complete();
        answered
    }

    /// What a request asks for; a status when it makes no sense.
    fn understand(
        &self,
        request: &Request<Incoming>,
        timeout: Result<Option<Duration>, crate::status::Status>,
    ) -> Result<(Option<Duration>, Wishes, &Method), Status> {
        let timeout = timeout.map_err(|bad| Status::new(bad.code, bad.message))?;
        let headers = request.headers();
        let wishes = Wishes { faults: Faults::read(headers)?, steering: Steering::read(headers)? };
        let method = self.methods.get(request.uri().path());
        let method = method.ok_or_else(|| Status::unimplemented("the demo backend has no such method"))?;
        Ok((timeout, wishes, method))
    }

    async fn unary(
        &self,
        method: &Method,
        request: Request<Incoming>,
        wishes: &Wishes,
        ticket: &Ticket,
        leaving: &Notify,
    ) -> Result<Response<Body>, h2::Error> {
        let faults = &wishes.faults;
        let run = async |request: tonic::Request<Bytes>| {
            let message = request.into_inner();
            ticket.message(&message);
            wait(faults.wait).await;
            if let Some(failure) = &faults.failure {
                return Err(failure.status());
            }
            let answer = answer::answer(method, &self.store, message, wishes.steering.bytes)?;
            Ok(tonic::Response::new(grown(answer, faults.oversize)))
        };
        let mut grpc = Grpc::new(Raw).max_decoding_message_size(LARGEST_REQUEST);
        let response = grpc.unary(service_fn(run), request).await;
        if faults.goaway {
            leaving.notify_one();
        }
        match faults.reset {
            Some(reason) => Err(reason.into()),
            None => Ok(distort(response, faults).await),
        }
    }
}

impl fmt::Debug for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Service").field("methods", &self.methods.len()).finish_non_exhaustive()
    }
}

/// Waits as a fault asks for.
pub(super) async fn wait(wait: Option<Wait>) {
    match wait {
        None => {}
        Some(Wait::For(period)) => tokio::time::sleep(period).await,
        Some(Wait::Forever) => pending().await,
    }
}

pub(super) fn deadline_exceeded() -> Status {
    Status::deadline_exceeded("the deadline passed before the demo backend answered")
}

/// Health and server reflection, by path prefix.
fn mounted(pool: &DescriptorPool) -> Result<Vec<(&'static str, Mounted)>, tonic_reflection::server::Error> {
    let files = pool.encode_to_vec();
    let reflection = || {
        tonic_reflection::server::Builder::configure()
            .register_encoded_file_descriptor_set(&files)
            .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
    };
    // The whole server ("") is `SERVING` from the start.
    let (_, health) = tonic_health::server::health_reporter();
    Ok(vec![
        ("/grpc.health.v1.Health/", BoxCloneSyncService::new(health)),
        ("/grpc.reflection.v1.ServerReflection/", BoxCloneSyncService::new(reflection().build_v1()?)),
        (
            "/grpc.reflection.v1alpha.ServerReflection/",
            BoxCloneSyncService::new(reflection().build_v1alpha()?),
        ),
    ])
}
