//! Callers who are known elsewhere: tokens whose keys are fetched, and an authorizer of Envoy's protocol that is
//! asked.

mod authorizer;
mod tokens;

use http::{HeaderMap, Method};
use transom::demo::{Backend, Options, SeenCall};

use crate::support::{Answer, Gateway, GatewayBuilder, model_pool};

/// A method that needs the permission `read:clusters` of an account.
const CLUSTERS: &str = "/api/cluster/v1/accounts/00000000-0000-4000-8000-00000000000a/clusters";
/// A method that needs no credential.
const PUBLIC: &str = "/api/booking/v1/packages";
const ACCOUNT: &str = "00000000-0000-4000-8000-00000000000a";

/// A backend that remembers its last call.
async fn backend() -> Backend {
    let options = Options { remembered_calls: 1, ..Options::default() };
    Backend::start_with(model_pool(), ([127, 0, 0, 1], 0).into(), options).await.expect("started")
}

/// A gateway of the model API with its options read, and this `identity` section.
fn gateway(backend: &Backend, identity: &str) -> GatewayBuilder {
    let gateway = GatewayBuilder::new().model_api().upstream(backend.address());
    gateway
        .config("options: {preset: qdrant-cloud}\nreload: {debounce: 20ms}")
        .config(&format!("identity:\n{identity}"))
}

async fn get(gateway: &Gateway, target: &str, authorization: Option<&str>) -> Answer {
    let headers: Vec<_> = authorization.iter().map(|value| ("authorization", *value)).collect();
    gateway.request(Method::GET, target, &headers, "").await
}

/// The metadata of the backend's last call.
fn seen(backend: &Backend) -> HeaderMap {
    backend.calls().pop().map(|call: SeenCall| call.metadata).expect("a call")
}

fn text<'m>(metadata: &'m HeaderMap, name: &str) -> &'m str {
    metadata.get(name).map_or("", |value| value.to_str().expect("text"))
}
