//! What may be written in a config file: types that mirror the YAML exactly. Their doc comments are the
//! descriptions in the JSON Schema, their `Default`s the defaults of the `transom` profile.
//!
//! Not for meaning: [`check`](super::check) makes each room's settings of them.

mod answers;
mod backend;
mod bodies;
mod duties;
mod events;
mod external;
mod identity;
mod listen;
mod mapping;
mod part;
mod partial;
mod ratelimit;
mod running;
mod streams;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use answers::Answers;
pub use backend::{Method, Schema, Upstream, UpstreamTls};
pub use bodies::Bodies;
pub use duties::{Options, Preset, Validation};
pub use events::{EventFile, EventQueue, EventSink, Events, Nats, Webhook, WhenFull};
pub use external::{Authorizer, Jwt, JwtClaims};
pub use identity::{Certificate, CredentialUse, Identity, IdentityMetadata, Key, KeyFile};
pub use listen::{ClientCertificate, Listener, ListenerTls, Listeners};
pub(super) use mapping::FORWARD_RESPONSE;
pub use mapping::{
    Json, Metadata, PathLists, PrecedenceRule, Routing, Strictness, TieRule, Unescaping, UnsetValues,
    WrongMethodAnswer,
};
pub use part::Part;
pub use partial::PartialUpdates;
pub use ratelimit::{
    Anonymous, DescriptorEntry, LocalLimit, OnFailure, RateLimitDescriptor, RateLimitService, RateLimits,
    Sources,
};
pub use running::{Admin, Compression, Cors, Health, Limits, LogForm, Reload, Telemetry};
pub use streams::{StreamForm, Streams};

/// The configuration of transom: which gRPC contract is served as REST, where the backends are, and how.
///
/// Every key but `schema` and `upstreams` may be left out. Unknown keys are refused. `${NAME}` and
/// `${NAME:-default}` in texts are replaced by environment variables; `$$` is a plain `$`. Relative paths are
/// relative to the folder of the file they are written in.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(title = "transom configuration")]
pub struct File {
    /// The compatibility profile: it sets the defaults of `json`, `routing` and more; a key that is written
    /// wins over the profile.
    pub profile: Profile,
    /// Where clients are served: `127.0.0.1:8080`, `[::]:8080`, `unix:/run/transom.sock`, or a list of such.
    pub listen: Listeners,
    /// The gRPC contract that is served.
    pub schema: Schema,
    /// The gRPC backends. A method goes to the first whose `services` match.
    pub upstreams: Vec<Upstream>,
    /// Deadlines, duties and mappings of single methods. Each key counts from the first entry that matches and has it.
    pub methods: Vec<Method>,
    /// Which proto options say what is asked of the gateway for a method.
    pub options: Options,
    /// What of the contract's `buf.validate` rules is held.
    pub validation: Validation,
    /// How a part of a resource is updated.
    pub partial_updates: PartialUpdates,
    /// How JSON is read and written.
    pub json: Json,
    /// How paths are matched.
    pub routing: Routing,
    /// Requests and answers that are streams.
    pub streams: Streams,
    /// Bodies of requests and answers.
    pub bodies: Bodies,
    /// Answers of calls.
    pub answers: Answers,
    /// Which HTTP headers become gRPC metadata, and back.
    pub metadata: Metadata,
    /// Who may call, and what the backend is told of the caller; `null`: nobody is asked who they are.
    pub identity: Option<Identity>,
    /// Limits, each with the answer given when it is hit.
    pub limits: Limits,
    /// How often someone may call.
    pub rate_limits: RateLimits,
    /// Cross-origin requests; `null`: no CORS headers.
    pub cors: Option<Cors>,
    /// Events of successful calls; `null`: none.
    pub events: Option<Events>,
    /// Compression of bodies.
    pub compression: Compression,
    /// The admin listener.
    pub admin: Admin,
    /// Where clients are told the health of a backend, as `grpc.health.v1` knows it.
    pub health: Health,
    /// How changes of files are noticed.
    pub reload: Reload,
    /// Logs, metrics and traces.
    pub telemetry: Telemetry,
}

/// A named set of defaults.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Profile {
    /// transom's own defaults.
    #[default]
    Transom,
    /// As grpc-gateway answers.
    GrpcGateway,
    /// As Envoy's transcoding filter answers.
    Envoy,
    /// As `google/api/http.proto` and the JSON mapping have it, and strict.
    Canonical,
}
