//! What may be written in a config file: types that mirror the YAML exactly. Their doc comments are the
//! descriptions in the JSON Schema, their `Default`s the defaults of the `transom` profile.
//!
//! Not for meaning: [`check`](super::check) makes each room's settings of them.

mod backend;
mod events;
mod listen;
mod mapping;
mod running;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use backend::{Method, Schema, Upstream, UpstreamTls};
pub use events::{EventFile, EventQueue, EventSink, Events, Nats, Webhook, WhenFull};
pub use listen::{Listener, ListenerTls, Listeners};
pub use mapping::{Json, Metadata, Routing, Strictness, TieRule, Unescaping, UnsetValues};
pub use running::{Admin, Compression, Cors, Limits, LogForm, Reload, Telemetry};

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
    /// Deadlines of single methods. The first entry that matches counts.
    pub methods: Vec<Method>,
    /// How JSON is read and written.
    pub json: Json,
    /// How paths are matched.
    pub routing: Routing,
    /// Which HTTP headers become gRPC metadata, and back.
    pub metadata: Metadata,
    /// Limits, each with the answer given when it is hit.
    pub limits: Limits,
    /// Cross-origin requests; `null`: no CORS headers.
    pub cors: Option<Cors>,
    /// Events of successful calls; `null`: none.
    pub events: Option<Events>,
    /// Compression of bodies.
    pub compression: Compression,
    /// The admin listener.
    pub admin: Admin,
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
