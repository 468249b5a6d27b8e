//! What the targets share: the contract that is fuzzed, and how an input begins.
//!
//! An input's first byte sets the options, the second the message type or the binding; `@a` is the default options
//! and the first. Letters, so that a seed can be read and written in an editor.

#[path = "../../support/random.rs"]
pub mod random;

use std::collections::HashMap;
use std::sync::{LazyLock, Mutex, PoisonError};

use prost_reflect::{DescriptorPool, MessageDescriptor};
use transom::problem::{Place, Problems};
use transom::rule::{self, Binding};
use transom::schema::{self, Schema};
use transom::transcode::{CallPlan, MessagePlan, Plans, Settings, UnsetFields};

/// The types that the second byte names, from `a` on.
const TYPES: [&str; 16] = [
    "transcode.test.Kinds",
    "transcode.test.Shapes",
    "transcode.legacy.Legacy",
    "qdrant.cloud.cluster.v1.ListClustersResponse",
    "qdrant.cloud.cluster.v1.CreateClusterRequest",
    "qdrant.cloud.cluster.v1.UpdateClusterRequest",
    "qdrant.cloud.cluster.backup.v1.Backup",
    "qdrant.cloud.booking.v1.Package",
    "qdrant.cloud.iam.v1.Role",
    "qdrant.cloud.monitoring.v1.GetClusterSummaryMetricsResponse",
    "google.protobuf.Any",
    "google.protobuf.Struct",
    "google.protobuf.Value",
    "google.protobuf.Timestamp",
    "google.protobuf.Duration",
    "google.protobuf.FieldMask",
];

static SCHEMA: LazyLock<Schema> = LazyLock::new(|| {
    let folder = |name: &str| format!("{}/{name}", env!("CARGO_MANIFEST_DIR")).into();
    let settings = schema::Settings {
        protos: vec![folder("echo.proto"), folder("../fixtures/transcode")],
        embedded_api: true,
        ..schema::Settings::default()
    };
    let mut problems = Problems::new();
    let schema = schema::load(&settings, &mut problems);
    schema.unwrap_or_else(|| panic!("{problems}"))
});

/// The model API, the test protos, and `echo.proto`.
pub fn pool() -> &'static DescriptorPool {
    SCHEMA.pool()
}

/// The bindings that the second byte names, from `a` on: those of `echo.proto`, then the model API's.
static BINDINGS: LazyLock<Vec<Binding>> = LazyLock::new(|| {
    let settings = |services: &str| rule::Settings {
        services: vec![rule::ServiceGlob { text: services.to_owned(), place: Place::default() }],
        ..rule::Settings::default()
    };
    let mut problems = Problems::new();
    let mut bindings = rule::read(&SCHEMA, &settings("fuzz.*"), &mut problems);
    bindings.extend(rule::read(&SCHEMA, &settings("qdrant.*"), &mut problems));
    assert!(!problems.has_errors(), "{problems}");
    bindings
});

/// An input taken apart.
pub struct Input<'i> {
    settings: [bool; 5],
    which: u8,
    /// What follows the first two bytes.
    pub rest: &'i [u8],
}

impl<'i> Input<'i> {
    /// `None` when it is too short.
    pub fn new(input: &'i [u8]) -> Option<Self> {
        let (&[options, which], rest) = input.split_first_chunk()?;
        let settings = [1, 2, 4, 8, 16].map(|bit| options & bit != 0);
        Some(Self { settings, which: which.wrapping_sub(b'a'), rest })
    }

    /// Options for both directions; what is written under them can be read under them.
    pub fn settings(&self) -> Settings {
        let [proto_names, numbers, strict, indent, _] = self.settings;
        Settings {
            unset_fields: UnsetFields::Omit,
            proto_names,
            enums_as_numbers: numbers,
            int64_as_numbers: numbers,
            indent,
            refuse_unknown_fields: strict,
            refuse_unknown_query: strict,
            refuse_path_conflicts: strict,
            case_insensitive_enums: !strict,
            any_mask_spelling: !strict,
            ..Settings::default()
        }
    }

    /// The option that each target uses as it likes.
    pub fn other(&self) -> bool {
        self.settings[4]
    }

    /// The message type that is named.
    pub fn desc(&self) -> MessageDescriptor {
        let name = TYPES[usize::from(self.which) % TYPES.len()];
        pool().get_message_by_name(name).unwrap_or_else(|| panic!("`{name}` is declared nowhere"))
    }

    /// A plan for the message type that is named.
    pub fn plan(&self) -> MessagePlan {
        self.plans().message(&self.desc()).expect("a message of the pool")
    }

    /// A plan for the binding that is named, and the binding.
    pub fn call(&self) -> (CallPlan, &'static Binding) {
        let binding = &BINDINGS[usize::from(self.which) % BINDINGS.len()];
        (CallPlan::compile(&self.plans(), binding).expect("a binding of the pool"), binding)
    }

    /// The plans of the pool for these settings; compiled once.
    fn plans(&self) -> Plans {
        static PLANS: LazyLock<Mutex<HashMap<[bool; 5], Plans>>> = LazyLock::new(Mutex::default);
        let mut plans = PLANS.lock().unwrap_or_else(PoisonError::into_inner);
        plans.entry(self.settings).or_insert_with(|| Plans::compile(pool(), &self.settings())).clone()
    }
}

/// The JSON value of a text that has to be JSON.
#[track_caller]
pub fn value(json: &[u8]) -> serde_json::Value {
    serde_json::from_slice(json)
        .unwrap_or_else(|error| panic!("no JSON: {error}: {}", String::from_utf8_lossy(json)))
}
