//! How HTTP and JSON are mapped to gRPC, as it is written. Profiles set the defaults of these.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How JSON is read and written.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[allow(clippy::struct_excessive_bools, reason = "each is a switch of its own in the config file")]
pub struct Json {
    /// How fields that are not set are written.
    pub unset_fields: UnsetValues,
    /// Whether answers use the names of the proto file rather than lowerCamel JSON names.
    pub proto_names: bool,
    /// Whether enums are written as numbers rather than names.
    pub enums_as_numbers: bool,
    /// Whether 64-bit integers are written as JSON numbers rather than strings.
    pub int64_as_numbers: bool,
    /// Whether answers are indented by two spaces.
    pub indent: bool,
    /// A JSON field that the message does not have: ignored, or refused with 400.
    pub unknown_fields: Strictness,
    /// An enum name that the enum does not have: the field is left unset, or refused with 400.
    pub unknown_enums: Strictness,
    /// Whether enum names are read without regard to case.
    pub case_insensitive_enums: bool,
    /// Whether a field mask in JSON may be written as in the proto file too (`foo_bar`), and as `*`.
    pub any_mask_spelling: bool,
    /// A query parameter that the message does not have: ignored, or refused with 400.
    pub unknown_query: Strictness,
    /// A value in body or query for a field that the path sets: ignored (the path wins), or refused with 400.
    pub path_conflicts: Strictness,
    /// Query parameters that are never bound to a field, such as `key`.
    pub ignored_query: Vec<String>,
    /// What parts the values of a repeated field in a path variable.
    pub path_lists: PathLists,
}

impl Default for Json {
    fn default() -> Self {
        Self {
            unset_fields: UnsetValues::All,
            proto_names: false,
            enums_as_numbers: false,
            int64_as_numbers: false,
            indent: false,
            unknown_fields: Strictness::Ignore,
            unknown_enums: Strictness::Refuse,
            case_insensitive_enums: false,
            any_mask_spelling: true,
            unknown_query: Strictness::Ignore,
            path_conflicts: Strictness::Ignore,
            ignored_query: Vec::new(),
            path_lists: PathLists::Csv,
        }
    }
}

/// What parts the values of a repeated field in a path variable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PathLists {
    /// A comma.
    Csv,
    /// A `|`.
    Pipes,
    /// A space.
    Ssv,
    /// A tab.
    Tsv,
}

/// How fields that are not set are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum UnsetValues {
    /// Zero scalars, `[]`, `{}`, and `null` for messages.
    All,
    /// Zero scalars, `[]` and `{}`; messages are left out.
    Zero,
    /// Left out.
    Omit,
}

/// What happens to something that is not expected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Strictness {
    /// It is passed over.
    Ignore,
    /// The request is refused with 400.
    Refuse,
}

/// How paths are matched.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Routing {
    /// Whether `*` and `{x}` match an empty segment.
    pub empty_captures: bool,
    /// What happens when two bindings match the same paths and are equally specific. For all methods alike.
    pub ties: TieRule,
    /// Which of the bindings that match a path, of those of one HTTP method, is taken. For all methods alike.
    pub precedence: PrecedenceRule,
    /// How the text that a path variable captures is percent-decoded.
    pub unescape: Unescaping,
    /// Whether HEAD is answered by GET routes, without the body.
    pub head_as_get: bool,
    /// How a request is answered whose path exists under other methods only.
    pub wrong_method: WrongMethodAnswer,
}

impl Default for Routing {
    fn default() -> Self {
        Self {
            empty_captures: false,
            ties: TieRule::LastWins,
            precedence: PrecedenceRule::Specific,
            unescape: Unescaping::Spec,
            head_as_get: true,
            wrong_method: WrongMethodAnswer::MethodNotAllowed,
        }
    }
}

/// What happens when two bindings are equally specific.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum TieRule {
    /// The last registered wins; a warning tells.
    LastWins,
    /// It is an error at load.
    Refuse,
}

/// Which of the bindings that match a path is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PrecedenceRule {
    /// The most specific.
    Specific,
    /// The last registered, whatever it matches besides.
    Last,
}

/// How a request is answered whose path exists under other methods only.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum WrongMethodAnswer {
    /// 405 with `Allow`; OPTIONS: 204 with `Allow`.
    MethodNotAllowed,
    /// 501.
    NotImplemented,
    /// 404, as if there were no such path.
    NotFound,
}

/// How the text that a path variable captures is percent-decoded. Always once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Unescaping {
    /// As `google/api/http.proto` says: one segment wholly, several segments all but reserved characters.
    Spec,
    /// The whole path is decoded before it is matched.
    Legacy,
    /// Several segments keep `%2F` only.
    AllExceptSlash,
    /// Everything is decoded; `%2F` separates segments.
    AllCharacters,
}

/// Which HTTP headers become gRPC metadata, and back. What may be a glob has `*` for any run of characters.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Metadata {
    /// More request headers, names or globs, that are forwarded under their own lower-case names.
    pub forward_request: Vec<String>,
    /// Globs of request headers that are not forwarded under any name, be it by `Grpc-Metadata-`.
    pub drop_request: Vec<String>,
    /// Request headers that become metadata of another name, and of no other: `X-Tenant: tenant-id`.
    pub rename_request: BTreeMap<String, String>,
    /// Whether the usual request headers (`Accept`, `User-Agent` and so on) pass as `grpcgateway-<name>`.
    pub permanent_headers: bool,
    /// Metadata, names or globs, that is answered as headers under its own names, without the prefix
    /// `Grpc-Metadata-`.
    pub forward_response: Vec<String>,
    /// Globs of metadata that is not answered at all, neither as headers nor as trailers.
    pub drop_response: Vec<String>,
    /// Metadata that is answered as a header of another name: `http-location: Location`.
    pub rename_response: BTreeMap<String, String>,
    /// Whether `X-Forwarded-*` headers sent by the client are kept and extended rather than replaced.
    pub trust_forwarded: bool,
}

impl Default for Metadata {
    fn default() -> Self {
        Self {
            forward_request: Vec::new(),
            drop_request: Vec::new(),
            rename_request: BTreeMap::new(),
            permanent_headers: true,
            forward_response: FORWARD_RESPONSE.map(str::to_owned).to_vec(),
            drop_response: Vec::new(),
            rename_response: BTreeMap::new(),
            trust_forwarded: true,
        }
    }
}

/// What HTTP knows by these names means the same in an answer of gRPC's as in any other.
pub(crate) const FORWARD_RESPONSE: [&str; 13] = [
    "cache-control",
    "content-disposition",
    "content-language",
    "content-location",
    "etag",
    "expires",
    "last-modified",
    "link",
    "location",
    "retry-after",
    "set-cookie",
    "vary",
    "www-authenticate",
];
