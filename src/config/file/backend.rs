//! The contract and the backends, as they are written.

use std::collections::BTreeMap;
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::units::{ByteSize, Period};

use super::{Answers, Bodies, Json, Metadata, Part, Profile, Routing, Streams};

/// The gRPC contract that is served.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Schema {
    /// Folders of `.proto` files: every file below is compiled, and each folder is an import root. A path may
    /// also name a single file. The imports of google/api, google/rpc, google/protobuf and buf/validate are
    /// built in.
    pub protos: Vec<PathBuf>,
    /// More import roots; their files are compiled only when they are imported.
    pub includes: Vec<PathBuf>,
    /// `FileDescriptorSet` files (`protoc --descriptor_set_out --include_imports`, `buf build -o`).
    pub descriptor_sets: Vec<PathBuf>,
    /// Whether the model API that is built into transom is served too; `transom demo` does.
    pub embedded_api: bool,
    /// Globs of full service names to expose (`acme.*`); a leading `!` excludes. Empty: all.
    pub services: Vec<String>,
    /// `google.api.Service` YAML files with more HTTP rules.
    pub rules: Vec<PathBuf>,
    /// Whether methods without an HTTP rule are exposed as `POST /package.Service/Method`.
    pub unbound_methods: bool,
    /// Whether a DELETE rule may have a body.
    pub delete_body: bool,
    /// Whether rules of one service may have the same HTTP method and path: `routing.ties` says what becomes of them.
    pub repeated_rules: bool,
}

/// A gRPC backend.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Upstream {
    /// The name in logs and metrics; left out: `upstream-1`, `upstream-2` and so on.
    pub name: Option<String>,
    /// `http://HOST:PORT` (HTTP/2 without TLS), `https://HOST:PORT` or `unix:PATH`.
    pub url: String,
    /// Globs of full service names that this backend serves. Empty: all.
    #[serde(default)]
    pub services: Vec<String>,
    /// The deadline of a call that brings none; `null`: none.
    #[serde(default = "timeout")]
    pub timeout: Option<Period>,
    /// The longest deadline a client may ask for with `Grpc-Timeout`; longer ones are cut. `null`: any.
    pub max_timeout: Option<Period>,
    /// How long one attempt to connect may take.
    #[serde(default = "connect_timeout")]
    pub connect_timeout: Period,
    /// How many HTTP/2 connections are kept.
    #[serde(default = "connections")]
    pub connections: usize,
    /// The idle time after which a ping checks the connection; `null`: never.
    #[serde(default = "keepalive")]
    pub keepalive: Option<Period>,
    /// The largest request message, as it is sent (not the JSON): 413 beyond it.
    #[serde(default = "max_request_message")]
    pub max_request_message: ByteSize,
    /// The largest answer message: 502 beyond it.
    #[serde(default = "max_response_message")]
    pub max_response_message: ByteSize,
    /// TLS, for `https`.
    #[serde(default)]
    pub tls: UpstreamTls,
}

#[allow(clippy::unnecessary_wraps, reason = "the default of an optional key")]
fn timeout() -> Option<Period> {
    Some(Period(std::time::Duration::from_secs(30)))
}

fn connect_timeout() -> Period {
    Period(std::time::Duration::from_secs(5))
}

fn connections() -> usize {
    1
}

#[allow(clippy::unnecessary_wraps, reason = "the default of an optional key")]
fn keepalive() -> Option<Period> {
    Some(Period(std::time::Duration::from_secs(30)))
}

fn max_request_message() -> ByteSize {
    ByteSize::mib(16)
}

fn max_response_message() -> ByteSize {
    ByteSize::mib(16)
}

/// TLS towards a backend.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct UpstreamTls {
    /// PEM file of the certificates that are trusted; `null`: those of the system.
    pub roots: Option<PathBuf>,
    /// PEM file of the client certificate chain.
    pub certificate: Option<PathBuf>,
    /// PEM file of the client certificate's private key.
    pub key: Option<PathBuf>,
    /// The name that the backend's certificate must have; `null`: the host of `url`.
    pub server_name: Option<String>,
}

/// Deadlines, duties and mappings of the methods that a glob names; they win over the upstream's, over proto options
/// and over the sections of the same names.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Method {
    /// A glob over `package.Service/Method`.
    pub methods: String,
    /// The deadline of a call that brings none; `null`: the upstream's.
    pub timeout: Option<Period>,
    /// The longest deadline a client may ask for, be it longer than the upstream's; `null`: the upstream's.
    pub max_timeout: Option<Period>,
    /// Whether the caller has to be known; `null`: as the method's options say.
    pub authentication: Option<bool>,
    /// The permissions that let a caller in; `[]`: whoever is known; `null`: as the method's options say.
    pub permissions: Option<Vec<String>>,
    /// Whether all of them are needed, rather than one; `null`: as the method's options say.
    pub all_permissions: Option<bool>,
    /// The path of the request field that holds the account; empty: about no account; `null`: as the options say.
    pub account: Option<String>,
    /// The kinds of caller that may call; `[]`: all; `null`: as the method's options say.
    pub actor_types: Option<Vec<String>>,
    /// The largest request, body and message: 413 beyond it; `null`: as the options and `limits` say.
    pub max_request_message: Option<ByteSize>,
    /// What the record of a failed call shows: names, and the paths of request fields; `null`: as the options say.
    pub log_fields: Option<BTreeMap<String, String>>,
    /// The version of the API that answers carry; `null`: as the service's options say.
    pub api_version: Option<String>,
    /// The profile that has the defaults of these methods; `null`: that of all.
    pub profile: Option<Profile>,
    /// How their JSON is read and written, where it is another way than in `json`.
    #[schemars(with = "Option<Json>")]
    pub json: Option<Part<Json>>,
    /// How their paths are matched, where it is another way than in `routing`; without `ties` and `precedence`.
    #[schemars(with = "Option<Routing>")]
    pub routing: Option<Part<Routing>>,
    /// Their requests and answers that are streams, where it is another way than in `streams`.
    #[schemars(with = "Option<Streams>")]
    pub streams: Option<Part<Streams>>,
    /// Bodies of their requests and answers, where it is another way than in `bodies`.
    #[schemars(with = "Option<Bodies>")]
    pub bodies: Option<Part<Bodies>>,
    /// Their answers, where it is another way than in `answers`.
    #[schemars(with = "Option<Answers>")]
    pub answers: Option<Part<Answers>>,
    /// Their headers and metadata, where it is another way than in `metadata`.
    #[schemars(with = "Option<Metadata>")]
    pub metadata: Option<Part<Metadata>>,
}

impl Method {
    /// Notes which keys of each section are written.
    pub(in super::super) fn note(&mut self, keys: impl Fn(&str) -> Vec<String>) {
        macro_rules! note {
            ($($section:ident)*) => {
                $(if let Some(part) = &mut self.$section {
                    part.note(keys(stringify!($section)));
                })*
            };
        }
        note!(json routing streams bodies answers metadata);
    }
}
